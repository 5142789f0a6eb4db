// The mathematical functions of one argument.
#pragma once

#include "number.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace math {

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

}  // namespace math
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
