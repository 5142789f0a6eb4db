// pow: 2^(y log2 x), the logarithm in double for float, and in a sum of two doubles for double.
#pragma once

#include "exponential.hpp"
#include "logarithm.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace math::detail {

/// log2 of |x|, the infinities included, where `finite` is right for all but zero and infinity.
template <class T>
LOCKSTEP_INLINE T with_log2_edges(T x, T finite) {
  T const high = select<T>(x < format<T>::infinity, finite, format<T>::infinity);
  return select<T>(x > T(0), high, -format<T>::infinity);
}

/// x^y for x >= 0.
LOCKSTEP_INLINE float positive_pow(float x, float y) {
  double const wide = x;
  std::uint64_t const bits = exponent_bits(wide);
  double const f = from_bits<double>(to_bits(wide) - bits) - 1;
  double const s = f / (2 + f);
  double const z = s * s;
  double const p = polynomial(z, 0x1.55555555651f7p-1, 0x1.999998c92c673p-2, 0x1.2493251b51c59p-2, 0x1.c67a54f6cc1bap-3,
                              0x1.8c94f9bde21ep-3);
  double const logarithm = mad(s * mad(z, p, 2.0), 0x1.71547652b82fep0, exponent_value<double>(bits));
  double const t = clamp(double(y), -0x1p40, 0x1p40) * with_log2_edges(wide, logarithm);
  double const bounded = clamp(t, -200, 200);
  auto const k = round_to_integer(bounded);
  double const r = bounded - k.value;
  double const q = polynomial(r, 0x1.62e4302fcc246p-1, 0x1.ebfbe07d97a5p-3, 0x1.c6af6ccfc1804p-5, 0x1.3b29e3cea8a54p-7,
                              0x1.5f0896147d50fp-10, 0x1.446c81dad116cp-13);
  std::uint64_t const biased = k.bits - to_bits(format<double>::round_magic) + format<double>::bias;
  return float(mad(r, q, 1.0) * power_of_two<double>(biased));
}

/// s = f / (2 + f) as a sum.
LOCKSTEP_INLINE pair<double> precise_ratio(double f) {
  auto const [d, d_error] = exact_ordered_sum(2.0, f);
  double const s = f / d;
  auto const [p, p_error] = exact_product(s, d);
  return {s, (((f - p) - p_error) - s * d_error) / d};
}

/// log(1 + f) to about 64 bits: s (2 + 2/3 s^2 + s^4 (2/5 + …)).
LOCKSTEP_INLINE pair<double> precise_log(double f) {
  auto const [s, s_error] = precise_ratio(f);
  auto const [z, z_rounding] = exact_product(s, s);
  double const z_error = mad(2 * s, s_error, z_rounding);
  double const p = polynomial(z, 0x1.999999999999ap-2, 0x1.24924924922fdp-2, 0x1.c71c71c74cc42p-3, 0x1.745d173ca3a19p-3,
                              0x1.3b13a9e564d1bp-3, 0x1.11154bd7c1a04p-3, 0x1.e01a813ddfdecp-4, 0x1.da9a9061da71p-4);
  auto const [t, t_rounding] = exact_product(z, 0x1.5555555555555p-1);
  double const t_error = mad(z, 0x1.5555555555555p-55, mad(z_error, 0x1.5555555555555p-1, t_rounding));
  auto const [v, v_rounding] = exact_ordered_sum(2.0, t);
  double const v_error = mad(z * z, p, v_rounding + t_error);
  auto const [w, w_rounding] = exact_product(s, v);
  return exact_ordered_sum(w, mad(s, v_error, mad(s_error, v, w_rounding)));
}

/// log2 x to about 64 bits.
LOCKSTEP_INLINE pair<double> precise_log2(double x) {
  auto const [f, e] = split(x);
  auto const [l, l_error] = precise_log(f);
  auto const [p, p_rounding] = exact_product(l, 0x1.71547652b82fep0);
  double const p_error = mad(l, 0x1.777d0ffda0d24p-56, mad(l_error, 0x1.71547652b82fep0, p_rounding));
  auto const [sum, rounding] = exact_ordered_sum(e, p);
  return {with_log2_edges(x, sum), rounding + p_error};
}

LOCKSTEP_INLINE double positive_pow(double x, double y) {
  auto const [l, l_error] = precise_log2(x);
  double const bounded_y = clamp(y, -0x1p65, 0x1p65);  // any more over- or underflows just the same
  auto const [t, t_rounding] = exact_product(bounded_y, l);
  double const t_error = select(magnitude(t) < 1100.0, mad(bounded_y, l_error, t_rounding), 0.0);
  double const bounded = clamp(t, -1100, 1100);
  auto const k = round_to_integer(bounded);
  double const r = (bounded - k.value) + t_error;
  double const rest = small_expm1(r * 0x1.62e42fefa39efp-1);
  two_powers<double> const scale(k.bits - to_bits(format<double>::round_magic) + 2 * format<double>::bias);
  return mad(rest, scale.first, scale.first) * scale.second;
}

/// Masks: is `y` an integer, is it an odd one?
template <class T>
struct parity {
  unsigned_bits<T> integer;
  unsigned_bits<T> odd;
};

template <class T>
LOCKSTEP_INLINE parity<T> parity_of(T y) {
  constexpr T magic = format<T>::integer_magic;
  T const a = magnitude(y), half = T(0.5) * a;
  unsigned_bits<T> const integer = mask_if<T>(a >= magic) | mask_if<T>((a + magic) - magic == a);
  unsigned_bits<T> const odd = mask_if<T>(a < 2 * magic) & ~mask_if<T>((half + magic) - magic == half);
  return {integer, integer & odd};
}

template <class T>
LOCKSTEP_INLINE T pow(T x, T y) {
  T const a = magnitude(x);
  auto const [integer, odd] = parity_of(y);
  T result = flip_sign<T>(positive_pow(a, y), to_bits(x) & odd);
  unsigned_bits<T> const undefined = mask_if<T>(x < T(0)) & mask_if<T>(a < format<T>::infinity) & ~integer;
  unsigned_bits<T> const missing = mask_if<T>(x != x) | mask_if<T>(y != y);
  result = select_bits<T>(undefined | missing, format<T>::nan, result);
  return select_bits<T>(mask_if<T>(x == T(1)) | mask_if<T>(y == T(0)), T(1), result);
}

}  // namespace math::detail
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
