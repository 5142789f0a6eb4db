// The mathematical functions of two and three arguments, magnitude and classification.
#pragma once

#include "number.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace math {

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
