// exp, exp2, expm1: Cody-Waite reduction to |r| <= ln(2)/2, then a minimax polynomial.
#pragma once

#include "bits.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace math::detail {

/// ln(2) as a head short enough for exact products with exponents, and the rest.
template <class T>
inline constexpr T ln2_head = T(0x1.62e42feep-1);
template <>
inline constexpr float ln2_head<float> = 0x1.62e4p-1f;
template <class T>
inline constexpr T ln2_tail = T(0x1.a39ef35793c76p-33);
template <>
inline constexpr float ln2_tail<float> = 0x1.7f7d1cp-20f;

/// e^r - 1 for |r| <= 0.3467.
LOCKSTEP_INLINE float small_expm1(float r) {
  float const p = polynomial(r, 0x1p-1f, 0x1.5554dcp-3f, 0x1.5554e8p-5f, 0x1.120c18p-7f, 0x1.6d4e66p-10f);
  return mad(r * r, p, r);
}
LOCKSTEP_INLINE double small_expm1(double r) {
  double const p = polynomial(r, 0x1.0000000000001p-1, 0x1.5555555555558p-3, 0x1.5555555553ccdp-5, 0x1.111111110f8d5p-7,
                              0x1.6c16c178b0fdbp-10, 0x1.a01a01afbb418p-13, 0x1.a019b8a06dbffp-16,
                              0x1.71ddf779b2abdp-19, 0x1.2891ef2d385cdp-22, 0x1.af61dccd80562p-26);
  return mad(r * r, p, r);
}

/// e^x = (1 + rest) 2^k, with k + `bias` in `biased`.
template <class T>
struct scaled_exp {
  T rest;
  unsigned_bits<T> biased;
};

/// Splits e^x; |x| below 2^20, so that k is exact.
template <class T>
LOCKSTEP_INLINE scaled_exp<T> split_exp(T x) {
  T const shifted = mad(x, T(0x1.71547652b82fep0), format<T>::round_magic);
  T const k = shifted - format<T>::round_magic;
  T const r = mad(k, -ln2_tail<T>, mad(k, -ln2_head<T>, x));
  return {small_expm1(r), to_bits(shifted) - to_bits(format<T>::round_magic) + format<T>::bias};
}

/// Splits e^(x.hi + x.lo).
template <class T>
LOCKSTEP_INLINE scaled_exp<T> split_exp(pair<T> x) {
  T const shifted = mad(x.hi, T(0x1.71547652b82fep0), format<T>::round_magic);
  T const k = shifted - format<T>::round_magic;
  T const r = mad(k, -ln2_head<T>, x.hi) + mad(k, -ln2_tail<T>, x.lo);
  return {small_expm1(r), to_bits(shifted) - to_bits(format<T>::round_magic) + format<T>::bias};
}

/// (1 + rest) 2^k for any k that matters: in two steps, so that the result may overflow or become subnormal.
template <class T>
LOCKSTEP_INLINE T assemble(T value, unsigned_bits<T> biased) {
  unsigned_bits<T> const doubled = biased + format<T>::bias;
  unsigned_bits<T> const half = doubled >> 1;
  return value * power_of_two<T>(half) * power_of_two<T>(doubled - half);
}

/// Below the first, e^x rounds to zero; above the second it overflows.
template <class T>
inline constexpr T exp_low = T(-746);
template <>
inline constexpr float exp_low<float> = -104;
template <class T>
inline constexpr T exp_high = T(710);
template <>
inline constexpr float exp_high<float> = 89;

template <class T>
LOCKSTEP_INLINE T exp(T x) {
  auto const [rest, biased] = split_exp(clamp(x, exp_low<T>, exp_high<T>));
  return assemble(T(1) + rest, biased);
}

template <class T>
LOCKSTEP_INLINE T exp2(T x) {
  constexpr T limit = sizeof(T) == 4 ? 151 : 1076;
  T const bounded = clamp(x, -limit, limit - 22);
  auto const k = round_to_integer(bounded);
  T const r = bounded - k.value;
  unsigned_bits<T> const biased = k.bits - to_bits(format<T>::round_magic) + format<T>::bias;
  return assemble(T(1) + small_expm1(r * T(0x1.62e42fefa39efp-1)), biased);
}

/// e^x - 1 where e^x is well inside the range of T.
template <class T>
LOCKSTEP_INLINE T narrow_expm1(T x) {
  auto const [rest, biased] = split_exp(x);
  T const scale = power_of_two<T>(biased);
  return mad(rest, scale, scale - T(1));
}

template <class T>
LOCKSTEP_INLINE T expm1(T x) {
  auto const [rest, biased] = split_exp(clamp(x, sizeof(T) == 4 ? -20 : -40, exp_high<T>));
  unsigned_bits<T> const halved = mask_if<T>(x > T(50)) & 1;  // 2^k itself may overflow
  T const scale = power_of_two<T>(biased - halved);
  T const result = mad(rest, scale, scale - T(1)) * power_of_two<T>(format<T>::bias + halved);
  return with_sign(result, x);
}

}  // namespace math::detail
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
