// erf, erfc.
#pragma once

#include "exponential.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace math::detail {

/// erf(a) for 0 <= a < 0.92 (float) or 1 (double).
LOCKSTEP_INLINE float small_erf(float a) {
  float const p = polynomial(a * a, 0x1.06eba6p-3f, -0x1.8126ecp-2f, 0x1.ce1b6cp-4f, -0x1.b6989cp-6f, 0x1.47831cp-8f,
                             -0x1.3b2486p-11f);
  return mad(a, p, a);
}
LOCKSTEP_INLINE double small_erf(double a) {
  double const p =
      polynomial(a * a, 0x1.06eba8214db68p-3, -0x1.812746b0379b5p-2, 0x1.ce2f21a040b02p-4, -0x1.b82ce311f7069p-6,
                 0x1.565bccf908894p-8, -0x1.c02db03ff6859p-11, 0x1.f9a2bb4bba0e4p-14, -0x1.f4ca5bb2856d7p-17,
                 0x1.b9807f233887cp-20, -0x1.5c0bc3130e21dp-23, 0x1.d73d744d56748p-27, -0x1.ac1a4196e188cp-31);
  return mad(a, p, a);
}

/// erfc(a) e^(a^2) (1 + 2 a) for a >= 0, in t = (a - 2) / (a + 2) (float) or (a - 4) / (a + 4) (double).
LOCKSTEP_INLINE float scaled_erfc(float a) {
  float const t = (a - 2) / (a + 2);
  return polynomial(t, 0x1.46e80ep0f, -0x1.7bf616p-4f, -0x1.540848p-3f, 0x1.4ffc3ep-3f, -0x1.bc0a6ap-5f,
                    -0x1.081a86p-7f, 0x1.1ad1dcp-7f, 0x1.583698p-10f, -0x1.42248cp-10f, -0x1.a3248p-12f);
}
LOCKSTEP_INLINE double scaled_erfc(double a) {
  double const t = (a - 4) / (a + 4);
  return polynomial(t, 0x1.3ba5916e9fd7fp0, -0x1.1df1ad154a29bp-3, 0x1.f7f5df66fd83p-7, 0x1.16ecefcfa5f1dp-4,
                    -0x1.9ddb23c3e91d5p-4, 0x1.7fee004df8cf3p-4, -0x1.0fb06dfe4e3bep-4, 0x1.3079edf9c2938p-5,
                    -0x1.09623882623bep-6, 0x1.49c6719cbf0e6p-8, -0x1.8d4a9e50bd774p-11, -0x1.a1de8829e6c2ap-13,
                    0x1.3be0b8327f9e5p-13, -0x1.9969baac44653p-16, -0x1.78a43bc75ef38p-17, 0x1.7fb0bbd5dbbb2p-18,
                    0x1.4370fb3408f83p-22, -0x1.c01ef9720a9c8p-21, 0x1.0e4e375e2758p-24, 0x1.ee643a1f5af3bp-24,
                    -0x1.0e84b323ee323p-27, -0x1.d4797cb797bc8p-27, -0x1.ec11d76fdb55p-30);
}

/// erfc(a) for a >= 0.
template <class T>
LOCKSTEP_INLINE T positive_erfc(T a) {
  T const bounded = at_most(a, sizeof(T) == 4 ? T(10.5) : T(27.5));  // erfc rounds to zero beyond
  auto const [square, error] = exact_product(bounded, bounded);
  auto const [rest, exponent] = split_exp<2>(pair<T>{-square, -error});
  T const factor = scaled_erfc(bounded) / mad(T(2), bounded, T(1));
  two_powers<T> const scale(exponent);
  return mad(rest, factor, factor) * scale.first * scale.second;
}

template <class T>
LOCKSTEP_INLINE T erfc(T x) {
  T const a = magnitude(x);
  T const right = select<T>(a < T(0.7), T(1) - small_erf(a), positive_erfc(a));
  return select<T>(x < T(0), T(2) - right, right);
}

LOCKSTEP_INLINE float erf(float x) {
  float const a = at_most(magnitude(x), 4);
  // -log(erfc(a)), weighted for 0.9 <= a <= 4
  float const g = polynomial(a, 0x1.743c9ep-13f, 0x1.20b432p0f, 0x1.462cb2p-1f, 0x1.aa231p-4f, -0x1.6cfcdap-6f,
                             0x1.90812p-9f, -0x1.9d850ap-13f);
  auto const [rest, exponent] = split_exp(-g);
  float const scale = power_of_two<float>(exponent);
  float const large = 1 - mad(rest, scale, scale);
  return with_sign(select(a < 0.91f, small_erf(a), large), x);
}

LOCKSTEP_INLINE double erf(double x) {
  double const a = at_most(magnitude(x), 6);
  return with_sign(select(a < 1.0, small_erf(a), 1 - positive_erfc(a)), x);
}

}  // namespace math::detail
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
