// sin, cos, tan: reduction by multiples of pi that stays exact for large arguments, then minimax polynomials.
#pragma once

#include "bits.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace math::detail {

/// Which of five ranges a float's magnitude is in, as masks that hold from the second, third, … on.
struct magnitude_range {
  std::uint64_t second, third, fourth, fifth;
};

LOCKSTEP_INLINE double choose(magnitude_range m, double c1, double c2, double c3, double c4, double c5) {
  double const low = select_bits(m.third, c3, select_bits(m.second, c2, c1));
  return select_bits(m.fifth, c5, select_bits(m.fourth, c4, low));
}

/// x / pi = n + (first + second), the first exact and at most 1/2, the second at most 1/4, with n's low bits in `bits`.
struct turns {
  double first, second;
  std::uint64_t bits;
};

/// Payne and Hanek's reduction of a float's magnitude `a`, in doubles: the bits of 1/pi that would give multiples of
/// two half turns are left out, those that matter are a sum of two doubles, and the first product is exact. Five ranges
/// of exponents need five windows of 1/pi; they are chosen by blends, so that any argument takes the same way.
LOCKSTEP_INLINE turns reduce(double a) {
  magnitude_range const range = {mask_if<double>(a >= 0x1p28), mask_if<double>(a >= 0x1p54),
                                 mask_if<double>(a >= 0x1p80), mask_if<double>(a >= 0x1p106)};
  double const hi = choose(range, 0x1.45f306dc9c883p-2, 0x1.7cc1b727220a9p-8, 0x1.9391054a7f09dp-31,
                           0x1.29fc2757d1f53p-57, 0x1.5f47d4d377037p-83);
  double const lo = choose(range, -0x1.6b01ec5417056p-56, 0x1.3f84eafa3ea6ap-62, 0x1.7d1f534ddc0dbp-85,
                           0x1.377036d8a5665p-111, -0x1.3ad4cd8778df8p-138);
  auto const [y, rounding] = exact_product(a, hi);
  auto const k = round_to_integer(y);
  return {y - k.value, mad(a, lo, rounding), k.bits};
}

/// sin(r) for |r| <= pi / 2.
LOCKSTEP_INLINE float half_turn_sin(float r) {
  float const z = r * r;
  float const p = polynomial(z, -0x1.555556p-3f, 0x1.11114ap-7f, -0x1.a02e42p-13f, 0x1.747576p-19f, -0x1.dfe84ep-26f);
  return mad(r * z, p, r);
}

/// The sine of |x| + offset half turns.
LOCKSTEP_INLINE float sin_of_magnitude(float x, double offset) {
  turns const t = reduce(magnitude(double(x)));
  double const shifted = t.first + offset;
  auto const k = round_to_integer(shifted + t.second);
  double const turn = (shifted - k.value) + t.second;
  return flip_sign(half_turn_sin(float(turn * 0x1.921fb54442d18p1)), std::uint32_t(t.bits + k.bits) << 31);
}

#if defined(__FMA__)
/// Up to here three fused steps of Cody and Waite's reduction keep what matters of pi: the first is exact, each of the
/// others rounds its own result only.
inline constexpr float near_limit = 0x1p18f;

/// |x| - k pi.
LOCKSTEP_INLINE float near_rest(float magnitude, float k) {
  return mad(k, 0x1.ee59dap-49f, mad(k, 0x1.777a5cp-24f, mad(k, -0x1.921fb6p1f, magnitude)));
}
/// The sine and cosine of |x| up to near_limit.
LOCKSTEP_INLINE float near_sin(float x) {
  float const shifted = mad(magnitude(x), 0x1.45f306p-2f, format<float>::round_magic);
  float const r = near_rest(magnitude(x), shifted - format<float>::round_magic);
  return flip_sign(half_turn_sin(r), (to_bits(shifted) << 31) ^ to_bits(x));
}
LOCKSTEP_INLINE float near_cos(float x) {
  auto const k = round_to_integer(mad(magnitude(x), 0x1.45f306p-2f, 0.5f));
  return flip_sign(half_turn_sin(near_rest(magnitude(x), k.value - 0.5f)), k.bits << 31);
}
/// All bits where x is too large for them, or NaN.
LOCKSTEP_INLINE std::uint32_t is_far(float x) { return ~mask_if<float>(magnitude(x) <= near_limit); }

LOCKSTEP_INLINE float sin(float x) {
  return select_bits<float>(is_far(x), flip_sign(sin_of_magnitude(x, 0), to_bits(x)), near_sin(x));
}
LOCKSTEP_INLINE float cos(float x) { return select_bits<float>(is_far(x), sin_of_magnitude(x, 0.5), near_cos(x)); }
#else
LOCKSTEP_INLINE float sin(float x) { return flip_sign(sin_of_magnitude(x, 0), to_bits(x)); }
LOCKSTEP_INLINE float cos(float x) { return sin_of_magnitude(x, 0.5); }
#endif

LOCKSTEP_INLINE float tan(float x) {
  turns const t = reduce(magnitude(double(x)));
  double const magic = format<double>::round_magic / 2;  // rounds to halves of half turns
  double const k = (t.first + t.second) + magic;
  auto const odd = -std::uint32_t(to_bits(k) & 1);
  double const angle = ((t.first - (k - magic)) + t.second) * 0x1.921fb54442d18p1;
  float const r = float(angle), low = float(angle - double(r)), z = r * r;
  float const p = polynomial(z, -0x1.555552p-3f, 0x1.110be6p-7f, -0x1.9ab408p-13f);
  float const q = polynomial(z, 0x1.555554p-5f, -0x1.6c129ep-10f, 0x1.9bc76cp-16f);
  float const sine = r + mad(r * z, p, low);
  float const cosine = 1 - mad(0.5f, z, mad(r, low, -(z * z * q)));
  return flip_sign(select_bits(odd, cosine, sine) / select_bits(odd, sine, cosine), odd ^ to_bits(x));
}

/// x - k c, exact where the result is representable.
LOCKSTEP_INLINE double subtract_product(double x, double k, double c) {
#if defined(__FMA__)
  return mad(-k, c, x);
#else
  auto const [p, error] = exact_product(k, c);
  return (x - p) - error;
#endif
}

/// x = n step + (rest.hi + rest.lo), with n in the low bits of `bits`.
struct reduced {
  pair<double> rest;
  std::uint64_t bits;
};

/// Cody and Waite's reduction of x by multiples of `part` pi, 1/2 or 1, to |rest| <= part pi / 2 (plus `offset` steps),
/// with pi in three parts of 53 bits. The first product is exact by its size, the second is carried as a sum.
LOCKSTEP_INLINE reduced reduce(double x, double part, double offset) {
  auto const n = round_to_integer(mad(x, 0x1.45f306dc9c883p-2 / part, offset));
  double const k = (n.value - offset) * part;
  double const first = subtract_product(x, k, 0x1.921fb54442d18p1);
  auto const [p, p_error] = exact_product(k, 0x1.1a62633145c07p-53);
  auto const [hi, lo] = exact_sum(first, -p);
  double const inside = mad(-k, -0x1.f1976b7ed8fbcp-109, lo - p_error);
  return {{select(magnitude(x) <= 0x1p45, hi, format<double>::nan), inside}, n.bits};
}

/// sin(r.hi + r.lo) for |r| <= pi / 2.
LOCKSTEP_INLINE double half_turn_sin(pair<double> r) {
  double const z = r.hi * r.hi;
  double const p =
      polynomial(z, -0x1.5555555555555p-3, 0x1.11111111110b9p-7, -0x1.a01a01a013537p-13, 0x1.71de3a51c2442p-19,
                 -0x1.ae64545ab01f6p-26, 0x1.6123aa8c1f3eep-33, -0x1.ae39c31fcf922p-41, 0x1.871b5f5a2855dp-49);
  return r.hi + mad(r.hi * z, p, mad(-0.5 * z, r.lo, r.lo));
}

LOCKSTEP_INLINE double sin(double x) {
  reduced const t = reduce(magnitude(x), 1, 0);
  return flip_sign(half_turn_sin(t.rest), (t.bits << 63) ^ to_bits(x));
}

LOCKSTEP_INLINE double cos(double x) {
  reduced const t = reduce(magnitude(x), 1, 0.5);
  return flip_sign(half_turn_sin(t.rest), t.bits << 63);
}

/// The sine of x half turns, |x| at most 2^20: much cheaper than of radians, as whole half turns come off exactly.
LOCKSTEP_INLINE float sin_half_turns(float x) {
  auto const k = round_to_integer(x);
  return flip_sign(half_turn_sin((x - k.value) * 0x1.921fb6p1f), std::uint32_t(k.bits) << 31);
}
LOCKSTEP_INLINE double sin_half_turns(double x) {
  auto const k = round_to_integer(x);
  return flip_sign(half_turn_sin(pair<double>{(x - k.value) * 0x1.921fb54442d18p1, 0}), std::uint64_t(k.bits) << 63);
}

LOCKSTEP_INLINE double tan(double x) {
  auto const [rest, bits] = reduce(magnitude(x), 0.5, 0);
  double const r = rest.hi, z = r * r;
  double const p = polynomial(z, -0x1.5555555555555p-3, 0x1.1111111110c83p-7, -0x1.a01a019ea130ap-13,
                              0x1.71de37b1ca273p-19, -0x1.ae60210233a95p-26, 0x1.5e118e8484eeep-33);
  double const q = polynomial(z, 0x1.5555555555555p-5, -0x1.6c16c16c168ccp-10, 0x1.a01a019f38afap-16,
                              -0x1.27e4fa036d38fp-22, 0x1.1eeb58509df39p-29, -0x1.9073d444493acp-37);
  double const sine = r + mad(r * z, p, rest.lo);
  double const cosine = 1 - mad(0.5, z, mad(r, rest.lo, -(z * z * q)));
  std::uint64_t const odd = -(bits & 1);
  double const t = select_bits(odd, cosine, sine) / select_bits(odd, sine, cosine);
  return flip_sign(t, (bits << 63) ^ to_bits(x));
}

}  // namespace math::detail
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
