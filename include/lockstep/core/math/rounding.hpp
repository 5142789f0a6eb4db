// floor, ceil, trunc, round, rint, classification, fmin, fmax, fma; and what calls the C library: fmod, remainder,
// gamma.
#pragma once

#include "bits.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace math::detail {

LOCKSTEP_INLINE float rint(float x) {
#if defined(__SSE4_1__) || !defined(__SSE2__)
  return __builtin_rintf(x);
#else
  float const a = magnitude(x);
  return with_sign(select(a < 0x1p23f, (a + 0x1p23f) - 0x1p23f, a), x);
#endif
}
LOCKSTEP_INLINE double rint(double x) {
#if defined(__SSE4_1__) || !defined(__SSE2__)
  return __builtin_rint(x);
#else
  double const a = magnitude(x);
  return with_sign(select(a < 0x1p52, (a + 0x1p52) - 0x1p52, a), x);
#endif
}

// The library's floor, ceil and trunc must not raise the inexact flag, which keeps g++ from vectorizing them. These
// may.
template <class T>
LOCKSTEP_INLINE T floor(T x) {
  T const t = rint(x);
  return t - from_bits<T>(mask_if<T>(t > x) & to_bits(T(1)));
}

template <class T>
LOCKSTEP_INLINE T ceil(T x) {
  return -floor(-x);
}

template <class T>
LOCKSTEP_INLINE T trunc(T x) {
  return with_sign(floor(magnitude(x)), x);
}

/// Halfway cases away from zero.
template <class T>
LOCKSTEP_INLINE T round(T x) {
  T const a = magnitude(x);
  T const t = floor(a);
  return with_sign(t + from_bits<T>(mask_if<T>(a - t >= T(0.5)) & to_bits(T(1))), x);
}

template <class T>
LOCKSTEP_INLINE T copysign(T x, T y) {
  return with_sign(x, y);
}

template <class T>
LOCKSTEP_INLINE bool sign_of(T x) {
  return to_bits(x) >> (8 * sizeof(T) - 1);
}

template <class T>
LOCKSTEP_INLINE T fmin(T x, T y) {
  return select_bits<T>(mask_if<T>(x < y) | mask_if<T>(y != y), x, y);
}

template <class T>
LOCKSTEP_INLINE T fmax(T x, T y) {
  return select_bits<T>(mask_if<T>(x > y) | mask_if<T>(y != y), x, y);
}

LOCKSTEP_INLINE float fma(float x, float y, float z) { return __builtin_fmaf(x, y, z); }
LOCKSTEP_INLINE double fma(double x, double y, double z) { return __builtin_fma(x, y, z); }

LOCKSTEP_INLINE float fmod(float x, float y) { return __builtin_fmodf(x, y); }
LOCKSTEP_INLINE double fmod(double x, double y) { return __builtin_fmod(x, y); }
LOCKSTEP_INLINE float remainder(float x, float y) { return __builtin_remainderf(x, y); }
LOCKSTEP_INLINE double remainder(double x, double y) { return __builtin_remainder(x, y); }
LOCKSTEP_INLINE float tgamma(float x) { return __builtin_tgammaf(x); }
LOCKSTEP_INLINE double tgamma(double x) { return __builtin_tgamma(x); }

// The plain lgamma writes the sign of the gamma function to a global variable: a data race between threads.
#if defined(__GLIBC__)
namespace library {
extern "C" {
float lgammaf_r(float, int*) noexcept;
double lgamma_r(double, int*) noexcept;
}
}  // namespace library
LOCKSTEP_INLINE float lgamma(float x) {
  int sign = 0;
  return library::lgammaf_r(x, &sign);
}
LOCKSTEP_INLINE double lgamma(double x) {
  int sign = 0;
  return library::lgamma_r(x, &sign);
}
#else
LOCKSTEP_INLINE float lgamma(float x) { return __builtin_lgammaf(x); }
LOCKSTEP_INLINE double lgamma(double x) { return __builtin_lgamma(x); }
#endif

}  // namespace math::detail
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
