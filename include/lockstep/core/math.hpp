// The mathematical functions of expressions, as scalar functions that compilers turn into vectors at -O3.
#pragma once

#include <type_traits>

#include "config.hpp"
#if defined(__CUDA_ARCH__)
#include "math/device.hpp"
#else
#include "math/error_function.hpp"
#include "math/exponential.hpp"
#include "math/hyperbolic.hpp"
#include "math/inverse_trigonometric.hpp"
#include "math/logarithm.hpp"
#include "math/power.hpp"
#include "math/root.hpp"
#include "math/rounding.hpp"
#include "math/trigonometric.hpp"
#endif

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
/// Mathematical functions.
namespace math {
namespace detail {

template <class T>
concept number = std::is_same_v<T, float> || std::is_same_v<T, double> || std::is_integral_v<T>;

/// float if all are, double otherwise, as in <cmath>.
template <class... T>
using real = std::conditional_t<(std::is_same_v<T, float> && ...), float, double>;

}  // namespace detail

/// Square root, correctly rounded; NaN below zero, without touching errno.
template <detail::number T>
LOCKSTEP_INLINE detail::real<T> sqrt(T x) {
  return detail::sqrt(detail::real<T>(x));
}

/// 1 / sqrt(x).
template <detail::number T>
LOCKSTEP_INLINE detail::real<T> rsqrt(T x) {
  return detail::rsqrt(detail::real<T>(x));
}

/// Cube root, of negative numbers too.
template <detail::number T>
LOCKSTEP_INLINE detail::real<T> cbrt(T x) {
  return detail::cbrt(detail::real<T>(x));
}

/// e^x.
template <detail::number T>
LOCKSTEP_INLINE detail::real<T> exp(T x) {
  return detail::exp(detail::real<T>(x));
}

/// 2^x, exact for integers.
template <detail::number T>
LOCKSTEP_INLINE detail::real<T> exp2(T x) {
  return detail::exp2(detail::real<T>(x));
}

/// e^x - 1, precise near zero.
template <detail::number T>
LOCKSTEP_INLINE detail::real<T> expm1(T x) {
  return detail::expm1(detail::real<T>(x));
}

/// Natural logarithm.
template <detail::number T>
LOCKSTEP_INLINE detail::real<T> log(T x) {
  return detail::log(detail::real<T>(x));
}

/// Logarithm to base 2, exact for powers of two.
template <detail::number T>
LOCKSTEP_INLINE detail::real<T> log2(T x) {
  return detail::log2(detail::real<T>(x));
}

/// Logarithm to base 10.
template <detail::number T>
LOCKSTEP_INLINE detail::real<T> log10(T x) {
  return detail::log10(detail::real<T>(x));
}

/// log(1 + x), precise near zero.
template <detail::number T>
LOCKSTEP_INLINE detail::real<T> log1p(T x) {
  return detail::log1p(detail::real<T>(x));
}

/// Sine of x radians; see above for the range.
template <detail::number T>
LOCKSTEP_INLINE detail::real<T> sin(T x) {
  return detail::sin(detail::real<T>(x));
}

/// Cosine of x radians; see above for the range.
template <detail::number T>
LOCKSTEP_INLINE detail::real<T> cos(T x) {
  return detail::cos(detail::real<T>(x));
}

/// Tangent of x radians; see above for the range.
template <detail::number T>
LOCKSTEP_INLINE detail::real<T> tan(T x) {
  return detail::tan(detail::real<T>(x));
}

/// Arc sine, in [-pi/2, pi/2].
template <detail::number T>
LOCKSTEP_INLINE detail::real<T> asin(T x) {
  return detail::asin(detail::real<T>(x));
}

/// Arc cosine, in [0, pi].
template <detail::number T>
LOCKSTEP_INLINE detail::real<T> acos(T x) {
  return detail::acos(detail::real<T>(x));
}

/// Arc tangent, in [-pi/2, pi/2].
template <detail::number T>
LOCKSTEP_INLINE detail::real<T> atan(T x) {
  return detail::atan(detail::real<T>(x));
}

/// Hyperbolic sine.
template <detail::number T>
LOCKSTEP_INLINE detail::real<T> sinh(T x) {
  return detail::sinh(detail::real<T>(x));
}

/// Hyperbolic cosine.
template <detail::number T>
LOCKSTEP_INLINE detail::real<T> cosh(T x) {
  return detail::cosh(detail::real<T>(x));
}

/// Hyperbolic tangent.
template <detail::number T>
LOCKSTEP_INLINE detail::real<T> tanh(T x) {
  return detail::tanh(detail::real<T>(x));
}

/// Inverse of sinh.
template <detail::number T>
LOCKSTEP_INLINE detail::real<T> asinh(T x) {
  return detail::asinh(detail::real<T>(x));
}

/// Inverse of cosh, for x >= 1.
template <detail::number T>
LOCKSTEP_INLINE detail::real<T> acosh(T x) {
  return detail::acosh(detail::real<T>(x));
}

/// Inverse of tanh, for |x| <= 1.
template <detail::number T>
LOCKSTEP_INLINE detail::real<T> atanh(T x) {
  return detail::atanh(detail::real<T>(x));
}

/// Logistic function 1 / (1 + e^-x).
template <detail::number T>
LOCKSTEP_INLINE detail::real<T> sigmoid(T x) {
  return detail::sigmoid(detail::real<T>(x));
}

/// Error function.
template <detail::number T>
LOCKSTEP_INLINE detail::real<T> erf(T x) {
  return detail::erf(detail::real<T>(x));
}

/// 1 - erf(x), precise where that is small.
template <detail::number T>
LOCKSTEP_INLINE detail::real<T> erfc(T x) {
  return detail::erfc(detail::real<T>(x));
}

/// Gamma function; calls the C library.
template <detail::number T>
LOCKSTEP_INLINE detail::real<T> tgamma(T x) {
  return detail::tgamma(detail::real<T>(x));
}

/// Logarithm of the magnitude of the gamma function; calls the C library, without its global `signgam`.
template <detail::number T>
LOCKSTEP_INLINE detail::real<T> lgamma(T x) {
  return detail::lgamma(detail::real<T>(x));
}

/// Largest integer not above x.
template <detail::number T>
LOCKSTEP_INLINE detail::real<T> floor(T x) {
  return detail::floor(detail::real<T>(x));
}

/// Smallest integer not below x.
template <detail::number T>
LOCKSTEP_INLINE detail::real<T> ceil(T x) {
  return detail::ceil(detail::real<T>(x));
}

/// x without its fraction.
template <detail::number T>
LOCKSTEP_INLINE detail::real<T> trunc(T x) {
  return detail::trunc(detail::real<T>(x));
}

/// Nearest integer, halfway cases away from zero.
template <detail::number T>
LOCKSTEP_INLINE detail::real<T> round(T x) {
  return detail::round(detail::real<T>(x));
}

/// Nearest integer, halfway cases to even.
template <detail::number T>
LOCKSTEP_INLINE detail::real<T> rint(T x) {
  return detail::rint(detail::real<T>(x));
}

/// x^y, with the special cases of C.
template <detail::number T, detail::number U>
LOCKSTEP_INLINE detail::real<T, U> pow(T x, U y) {
  return detail::pow(detail::real<T, U>(x), detail::real<T, U>(y));
}

/// Angle of the point (y, x) given as atan2(y, x), in [-pi, pi].
template <detail::number T, detail::number U>
LOCKSTEP_INLINE detail::real<T, U> atan2(T y, U x) {
  return detail::atan2(detail::real<T, U>(y), detail::real<T, U>(x));
}

/// sqrt(x^2 + y^2) without overflow on the way.
template <detail::number T, detail::number U>
LOCKSTEP_INLINE detail::real<T, U> hypot(T x, U y) {
  return detail::hypot(detail::real<T, U>(x), detail::real<T, U>(y));
}

/// Remainder of x / y truncated, exact; calls the C library.
template <detail::number T, detail::number U>
LOCKSTEP_INLINE detail::real<T, U> fmod(T x, U y) {
  return detail::fmod(detail::real<T, U>(x), detail::real<T, U>(y));
}

/// Remainder of x / y rounded, exact; calls the C library.
template <detail::number T, detail::number U>
LOCKSTEP_INLINE detail::real<T, U> remainder(T x, U y) {
  return detail::remainder(detail::real<T, U>(x), detail::real<T, U>(y));
}

/// |x| with the sign of y.
template <detail::number T, detail::number U>
LOCKSTEP_INLINE detail::real<T, U> copysign(T x, U y) {
  return detail::copysign(detail::real<T, U>(x), detail::real<T, U>(y));
}

/// The lesser; if one is a NaN, the other.
template <detail::number T, detail::number U>
LOCKSTEP_INLINE detail::real<T, U> fmin(T x, U y) {
  return detail::fmin(detail::real<T, U>(x), detail::real<T, U>(y));
}

/// The greater; if one is a NaN, the other.
template <detail::number T, detail::number U>
LOCKSTEP_INLINE detail::real<T, U> fmax(T x, U y) {
  return detail::fmax(detail::real<T, U>(x), detail::real<T, U>(y));
}

/// x y + z, rounded once; a library call where the processor lacks the instruction.
template <detail::number T, detail::number U, detail::number V>
LOCKSTEP_INLINE detail::real<T, U, V> fma(T x, U y, V z) {
  using real = detail::real<T, U, V>;
  return detail::fma(real(x), real(y), real(z));
}

/// Magnitude; integers keep their type.
template <detail::number T>
LOCKSTEP_INLINE T abs(T x) {
  if constexpr (std::is_unsigned_v<T>) {
    return x;
  } else if constexpr (std::is_integral_v<T>) {
    return x < 0 ? T(-x) : x;
  } else {
    return detail::magnitude(x);
  }
}

/// Is it a NaN?
template <detail::number T>
LOCKSTEP_INLINE bool isnan(T x) {
  return x != x;
}

/// Is it infinite?
template <detail::number T>
LOCKSTEP_INLINE bool isinf(T x) {
  return abs(detail::real<T>(x)) == detail::real<T>(__builtin_huge_val());
}

/// Is it neither infinite nor a NaN?
template <detail::number T>
LOCKSTEP_INLINE bool isfinite(T x) {
  return abs(detail::real<T>(x)) < detail::real<T>(__builtin_huge_val());
}

/// Is the sign bit set (also of -0 and NaN)?
template <detail::number T>
LOCKSTEP_INLINE bool signbit(T x) {
  return detail::sign_of(detail::real<T>(x));
}

}  // namespace math
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
