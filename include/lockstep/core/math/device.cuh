// The mathematical functions in device code: CUDA's own, since a GPU's threads are vectors already.
#pragma once

#include <cmath>

#include "../config.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace math::detail {

LOCKSTEP_INLINE float sqrt(float x) { return ::sqrtf(x); }
LOCKSTEP_INLINE double sqrt(double x) { return ::sqrt(x); }
LOCKSTEP_INLINE float rsqrt(float x) { return ::rsqrtf(x); }
LOCKSTEP_INLINE double rsqrt(double x) { return ::rsqrt(x); }
LOCKSTEP_INLINE float cbrt(float x) { return ::cbrtf(x); }
LOCKSTEP_INLINE double cbrt(double x) { return ::cbrt(x); }
LOCKSTEP_INLINE float exp(float x) { return ::expf(x); }
LOCKSTEP_INLINE double exp(double x) { return ::exp(x); }
LOCKSTEP_INLINE float exp2(float x) { return ::exp2f(x); }
LOCKSTEP_INLINE double exp2(double x) { return ::exp2(x); }
LOCKSTEP_INLINE float expm1(float x) { return ::expm1f(x); }
LOCKSTEP_INLINE double expm1(double x) { return ::expm1(x); }
LOCKSTEP_INLINE float log(float x) { return ::logf(x); }
LOCKSTEP_INLINE double log(double x) { return ::log(x); }
LOCKSTEP_INLINE float log2(float x) { return ::log2f(x); }
LOCKSTEP_INLINE double log2(double x) { return ::log2(x); }
LOCKSTEP_INLINE float log10(float x) { return ::log10f(x); }
LOCKSTEP_INLINE double log10(double x) { return ::log10(x); }
LOCKSTEP_INLINE float log1p(float x) { return ::log1pf(x); }
LOCKSTEP_INLINE double log1p(double x) { return ::log1p(x); }
LOCKSTEP_INLINE float sin(float x) { return ::sinf(x); }
LOCKSTEP_INLINE double sin(double x) { return ::sin(x); }
LOCKSTEP_INLINE float cos(float x) { return ::cosf(x); }
LOCKSTEP_INLINE double cos(double x) { return ::cos(x); }
LOCKSTEP_INLINE float tan(float x) { return ::tanf(x); }
LOCKSTEP_INLINE double tan(double x) { return ::tan(x); }
LOCKSTEP_INLINE float asin(float x) { return ::asinf(x); }
LOCKSTEP_INLINE double asin(double x) { return ::asin(x); }
LOCKSTEP_INLINE float acos(float x) { return ::acosf(x); }
LOCKSTEP_INLINE double acos(double x) { return ::acos(x); }
LOCKSTEP_INLINE float atan(float x) { return ::atanf(x); }
LOCKSTEP_INLINE double atan(double x) { return ::atan(x); }
LOCKSTEP_INLINE float sinh(float x) { return ::sinhf(x); }
LOCKSTEP_INLINE double sinh(double x) { return ::sinh(x); }
LOCKSTEP_INLINE float cosh(float x) { return ::coshf(x); }
LOCKSTEP_INLINE double cosh(double x) { return ::cosh(x); }
LOCKSTEP_INLINE float tanh(float x) { return ::tanhf(x); }
LOCKSTEP_INLINE double tanh(double x) { return ::tanh(x); }
LOCKSTEP_INLINE float asinh(float x) { return ::asinhf(x); }
LOCKSTEP_INLINE double asinh(double x) { return ::asinh(x); }
LOCKSTEP_INLINE float acosh(float x) { return ::acoshf(x); }
LOCKSTEP_INLINE double acosh(double x) { return ::acosh(x); }
LOCKSTEP_INLINE float atanh(float x) { return ::atanhf(x); }
LOCKSTEP_INLINE double atanh(double x) { return ::atanh(x); }
LOCKSTEP_INLINE float erf(float x) { return ::erff(x); }
LOCKSTEP_INLINE double erf(double x) { return ::erf(x); }
LOCKSTEP_INLINE float erfc(float x) { return ::erfcf(x); }
LOCKSTEP_INLINE double erfc(double x) { return ::erfc(x); }
LOCKSTEP_INLINE float tgamma(float x) { return ::tgammaf(x); }
LOCKSTEP_INLINE double tgamma(double x) { return ::tgamma(x); }
LOCKSTEP_INLINE float lgamma(float x) { return ::lgammaf(x); }
LOCKSTEP_INLINE double lgamma(double x) { return ::lgamma(x); }
LOCKSTEP_INLINE float floor(float x) { return ::floorf(x); }
LOCKSTEP_INLINE double floor(double x) { return ::floor(x); }
LOCKSTEP_INLINE float ceil(float x) { return ::ceilf(x); }
LOCKSTEP_INLINE double ceil(double x) { return ::ceil(x); }
LOCKSTEP_INLINE float trunc(float x) { return ::truncf(x); }
LOCKSTEP_INLINE double trunc(double x) { return ::trunc(x); }
LOCKSTEP_INLINE float round(float x) { return ::roundf(x); }
LOCKSTEP_INLINE double round(double x) { return ::round(x); }
LOCKSTEP_INLINE float rint(float x) { return ::rintf(x); }
LOCKSTEP_INLINE double rint(double x) { return ::rint(x); }

LOCKSTEP_INLINE float pow(float x, float y) { return ::powf(x, y); }
LOCKSTEP_INLINE double pow(double x, double y) { return ::pow(x, y); }
LOCKSTEP_INLINE float atan2(float x, float y) { return ::atan2f(x, y); }
LOCKSTEP_INLINE double atan2(double x, double y) { return ::atan2(x, y); }
LOCKSTEP_INLINE float hypot(float x, float y) { return ::hypotf(x, y); }
LOCKSTEP_INLINE double hypot(double x, double y) { return ::hypot(x, y); }
LOCKSTEP_INLINE float fmod(float x, float y) { return ::fmodf(x, y); }
LOCKSTEP_INLINE double fmod(double x, double y) { return ::fmod(x, y); }
LOCKSTEP_INLINE float remainder(float x, float y) { return ::remainderf(x, y); }
LOCKSTEP_INLINE double remainder(double x, double y) { return ::remainder(x, y); }
LOCKSTEP_INLINE float copysign(float x, float y) { return ::copysignf(x, y); }
LOCKSTEP_INLINE double copysign(double x, double y) { return ::copysign(x, y); }
LOCKSTEP_INLINE float fmin(float x, float y) { return ::fminf(x, y); }
LOCKSTEP_INLINE double fmin(double x, double y) { return ::fmin(x, y); }
LOCKSTEP_INLINE float fmax(float x, float y) { return ::fmaxf(x, y); }
LOCKSTEP_INLINE double fmax(double x, double y) { return ::fmax(x, y); }

LOCKSTEP_INLINE float fma(float x, float y, float z) { return ::fmaf(x, y, z); }
LOCKSTEP_INLINE double fma(double x, double y, double z) { return ::fma(x, y, z); }
LOCKSTEP_INLINE float magnitude(float x) { return ::fabsf(x); }
LOCKSTEP_INLINE double magnitude(double x) { return ::fabs(x); }
LOCKSTEP_INLINE bool sign_of(float x) { return __float_as_int(x) < 0; }
LOCKSTEP_INLINE bool sign_of(double x) { return __double_as_longlong(x) < 0; }

template <class T>
LOCKSTEP_INLINE T sigmoid(T x) {
  T const e = exp(-magnitude(x));
  return (x < T(0) ? e : T(1)) / (T(1) + e);
}

}  // namespace math::detail
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
