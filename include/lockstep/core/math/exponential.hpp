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

/// e^x = (1 + rest) 2^k. `exponent` holds k + `Factors` * bias in its low bits, as many as shifts by the mantissa
/// leave; what lies above may be anything.
template <class T>
struct scaled_exp {
  T rest;
  unsigned_bits<T> exponent;
};

/// Rounds to an integer as round_magic does, and adds to its bits the bias of as many powers of two.
template <class T, unsigned Factors>
inline constexpr T exponent_magic = format<T>::round_magic + T(Factors* format<T>::bias);

/// Splits e^x, with k from `bounded`; |x| below 2^20, so that k is exact.
template <unsigned Factors = 1, class T>
LOCKSTEP_INLINE scaled_exp<T> split_exp(T x, same_t<T> bounded) {
  T const shifted = mad(bounded, T(0x1.71547652b82fep0), exponent_magic<T, Factors>);
  T const k = shifted - exponent_magic<T, Factors>;
  T const r = mad(k, -ln2_tail<T>, mad(k, -ln2_head<T>, x));
  return {small_expm1(r), to_bits(shifted)};
}
template <unsigned Factors = 1, class T>
LOCKSTEP_INLINE scaled_exp<T> split_exp(T x) {
  return split_exp<Factors>(x, x);
}

/// Splits e^(x.hi + x.lo).
template <unsigned Factors = 1, class T>
LOCKSTEP_INLINE scaled_exp<T> split_exp(pair<T> x) {
  T const shifted = mad(x.hi, T(0x1.71547652b82fep0), exponent_magic<T, Factors>);
  T const k = shifted - exponent_magic<T, Factors>;
  T const r = mad(k, -ln2_head<T>, x.hi) + mad(k, -ln2_tail<T>, x.lo);
  return {small_expm1(r), to_bits(shifted)};
}

/// 2^k as a product of two numbers, for any k that matters: so that what they scale may overflow or become subnormal.
template <class T>
struct two_powers {
  T first, second;

  /// From an exponent of two factors.
  LOCKSTEP_INLINE explicit two_powers(unsigned_bits<T> exponent) {
    unsigned_bits<T> const half = exponent >> 1;
    first = power_of_two<T>(half);
    second = power_of_two<T>(exponent - half);
  }
};

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
  T const high = select<T>(x < exp_low<T>, exp_low<T>, x);
  // Above exp_high, k stays where it is and rest grows, to infinity or NaN with x: a cheap minimum of bits is enough.
  auto const [rest, exponent] = split_exp<2>(high, at_most_bits(high, exp_high<T>));
  two_powers<T> const scale(exponent);
  return mad(rest, scale.first, scale.first) * scale.second;
}

template <class T>
LOCKSTEP_INLINE T exp2(T x) {
  constexpr T limit = sizeof(T) == 4 ? 151 : 1076;
  T const bounded = clamp(x, -limit, limit - 22);
  auto const k = round_to_integer(bounded);
  T const r = bounded - k.value;
  T const rest = small_expm1(r * T(0x1.62e42fefa39efp-1));
  two_powers<T> const scale(k.bits - to_bits(format<T>::round_magic) + 2 * format<T>::bias);
  return mad(rest, scale.first, scale.first) * scale.second;
}

/// e^x - 1 where e^x is well inside the range of T.
template <class T>
LOCKSTEP_INLINE T narrow_expm1(T x) {
  auto const [rest, exponent] = split_exp(x);
  T const scale = power_of_two<T>(exponent);
  return mad(rest, scale, scale - T(1));
}

template <class T>
LOCKSTEP_INLINE T expm1(T x) {
  auto const [rest, exponent] = split_exp(clamp(x, sizeof(T) == 4 ? -20 : -40, exp_high<T>));
  unsigned_bits<T> const halved = mask_if<T>(x > T(50)) & 1;  // 2^k itself may overflow
  T const scale = power_of_two<T>(exponent - halved);
  T const result = mad(rest, scale, scale - T(1)) * power_of_two<T>(format<T>::bias + halved);
  return with_sign(result, x);
}

}  // namespace math::detail
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
