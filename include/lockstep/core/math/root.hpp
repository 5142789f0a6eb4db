// sqrt, rsqrt, cbrt, hypot.
#pragma once

#include "bits.hpp"

#if !defined(__clang__) && !defined(__CUDACC__)
// Declared as in <cmath>, whose special functions take a tenth of a second to compile; g++ knows them only out here.
extern "C" {
float sqrtf(float) noexcept;
double sqrt(double) noexcept;
}
#endif

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace math::detail {

// std::sqrt sets errno for negative arguments, so at default flags compilers keep the library call and do not
// vectorize. The instruction alone is what is wanted: the call is made through a declaration that promises to have no
// side effect. clang takes a redeclaration of its own in another namespace, g++ a pointer of an attributed type.
#if defined(__clang__)
namespace without_errno {
extern "C" {
__attribute__((const)) float sqrtf(float) noexcept;
__attribute__((const)) double sqrt(double) noexcept;
}
}  // namespace without_errno
LOCKSTEP_INLINE float sqrt(float x) { return without_errno::sqrtf(x); }
LOCKSTEP_INLINE double sqrt(double x) { return without_errno::sqrt(x); }
#else
#if defined(__CUDACC__)  // nvcc's front end says that the attribute does not apply, and hands it on to g++
#pragma nv_diagnostic push
#pragma nv_diag_suppress 1835
#endif
typedef float (*float_function_without_errno)(float) __attribute__((const));
typedef double (*double_function_without_errno)(double) __attribute__((const));
#if defined(__CUDACC__)
#pragma nv_diagnostic pop
#endif
LOCKSTEP_INLINE float sqrt(float x) { return float_function_without_errno(&::sqrtf)(x); }
LOCKSTEP_INLINE double sqrt(double x) {
  return double_function_without_errno(static_cast<double (*)(double)>(&::sqrt))(x);
}
#endif

template <class T>
LOCKSTEP_INLINE T rsqrt(T x) {
  return T(1) / sqrt(x);
}

/// A first guess of the cube root of a normal `x` > 0 within 4 %: a third of the exponent, by linear interpolation.
LOCKSTEP_INLINE float cube_root_guess(float x) {
  float const bits = from_bits<float>((to_bits(x) >> 8) | to_bits(0x1p23f)) - 0x1p23f;
  float const third = mad(bits, 1.0f / 3, 2773274.f);
  return from_bits<float>(to_bits(third + 0x1p23f) << 8);
}
LOCKSTEP_INLINE double cube_root_guess(double x) {
  double const bits = from_bits<double>((to_bits(x) >> 32) | to_bits(0x1p52)) - 0x1p52;
  double const third = mad(bits, 1.0 / 3, 715094163.);
  return from_bits<double>(to_bits(third + 0x1p52) << 32);
}

/// One step of Halley's iteration: three times as many right digits.
template <class T>
LOCKSTEP_INLINE T cube_root_step(T t, T x) {
  T const cube = t * t * t;
  return t * ((cube + x + x) / (cube + cube + x));
}

/// A last step on a guess with spare low bits, so that its square is exact (as in fdlibm's cbrt).
template <class T>
LOCKSTEP_INLINE T cube_root_finish(T t, T x) {
  T const ratio = x / (t * t);
  return mad(t, (ratio - t) / (t + t + ratio), t);
}

template <class T>
LOCKSTEP_INLINE T cbrt(T x) {
  constexpr T far = sizeof(T) == 4 ? T(0x1p60) : T(0x1p600), factor = sizeof(T) == 4 ? T(0x1p30) : T(0x1p60);
  constexpr T root = sizeof(T) == 4 ? T(0x1p10) : T(0x1p20);
  T const a = magnitude(x);
  unsigned_bits<T> const small = mask_if<T>(a < 1 / far), large = mask_if<T>(a > far);
  T const normal = a * select_bits<T>(small, factor, select_bits<T>(large, 1 / factor, 1));
  T t = cube_root_step(cube_root_guess(normal), normal);
  if constexpr (sizeof(T) == 8) t = cube_root_step(t, normal);
  t = cube_root_finish(upper_half(t), normal) * select_bits<T>(small, 1 / root, select_bits<T>(large, root, 1));
  return with_sign(select_bits<T>(mask_if<T>(a > T(0)) & mask_if<T>(a < format<T>::infinity), t, x), x);
}

/// Infinite where either is, also beside a NaN.
template <class T>
LOCKSTEP_INLINE T with_hypot_edges(T x, T y, T value) {
  unsigned_bits<T> const x_infinite = mask_if<T>(magnitude(x) == format<T>::infinity);
  unsigned_bits<T> const y_infinite = mask_if<T>(magnitude(y) == format<T>::infinity);
  return select_bits<T>(x_infinite | y_infinite, format<T>::infinity, value);
}

LOCKSTEP_INLINE float hypot(float x, float y) {
  double const square = double(x) * x + double(y) * y;
  return with_hypot_edges(x, y, float(sqrt(square)));
}
LOCKSTEP_INLINE double hypot(double x, double y) {
  double const a = magnitude(x), b = magnitude(y);
  double const larger = select(a < b, b, a);
  double const scale = select(larger > 0x1p500, 0x1p-600, select(larger < 0x1p-500, 0x1p600, 1.0));
  double const u = a * scale, v = b * scale;
  double const back = select(larger > 0x1p500, 0x1p600, select(larger < 0x1p-500, 0x1p-600, 1.0));
  return with_hypot_edges(x, y, sqrt(mad(u, u, v * v)) * back);
}

}  // namespace math::detail
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
