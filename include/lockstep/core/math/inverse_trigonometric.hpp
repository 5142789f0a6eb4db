// asin, acos, atan, atan2.
#pragma once

#include "root.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace math::detail {

/// pi / 2 as a sum of two numbers.
template <class T>
inline constexpr pair<T> half_pi = {T(0x1.921fb54442d18p0), T(0x1.1a62633145c07p-54)};
template <>
inline constexpr pair<float> half_pi<float> = {0x1.921fb6p0f, -0x1.777a5cp-25f};

/// (atan(t) / t - 1) / t^2, where z = t^2 and |t| <= tan(pi / 8).
LOCKSTEP_INLINE float atan_rest(float z) {
  return polynomial(z, -0x1.555554p-2f, 0x1.999714p-3f, -0x1.241eap-3f, 0x1.b80038p-4f, -0x1.082ca8p-4f);
}
LOCKSTEP_INLINE double atan_rest(double z) {
  return polynomial(z, -0x1.5555555555555p-2, 0x1.9999999999815p-3, -0x1.2492492481cbep-3, 0x1.c71c71bca8eaep-4,
                    -0x1.745d15680755cp-4, 0x1.3b137c240395fp-4, -0x1.110d2f18fa6c7p-4, 0x1.e17f3cbf8f645p-5,
                    -0x1.abcc3d95a51a9p-5, 0x1.72169dbe34a0fp-5, -0x1.14bd80cae63e1p-5, 0x1.fb81f769758aep-7);
}

/// atan(y / x) for x > 0, y >= 0. One division: y/x, (lesser - greater) / (lesser + greater) about pi/4, or x/y.
template <class T>
LOCKSTEP_INLINE T first_quadrant_atan(T y, T x) {
  unsigned_bits<T> const steep = mask_if<T>(y > x);
  T const lesser = select_bits<T>(steep, x, y), greater = select_bits<T>(steep, y, x);
  unsigned_bits<T> const diagonal = mask_if<T>(lesser > T(0x1.a827999fcef32p-2) * greater);
  T const numerator = lesser - select_bits<T>(diagonal, greater, 0);
  T const denominator = greater + select_bits<T>(diagonal, lesser, 0);
  T const t = numerator / denominator;
  T const z = t * t;
  T const rest = t * z * atan_rest(z);
  T const quarter = from_bits<T>(diagonal & to_bits(half_pi<T>.hi / 2));
  T const quarter_low = from_bits<T>(diagonal & to_bits(half_pi<T>.lo / 2));
  // t + rest, then quarter + that, then pi/2 minus that: the constants' low parts join where they are still seen.
  unsigned_bits<T> const sign = steep & sign_bit<T>;
  T const base = flip_sign(quarter, sign) + from_bits<T>(steep & to_bits(half_pi<T>.hi));
  T const base_low = flip_sign(quarter_low, sign) + from_bits<T>(steep & to_bits(half_pi<T>.lo));
  return base + (flip_sign(t, sign) + (flip_sign(rest, sign) + base_low));
}

template <class T>
LOCKSTEP_INLINE T atan(T x) {
  T const a = magnitude(x);
  return with_sign(first_quadrant_atan(at_most(a, T(0x1p100)), T(1)), x);
}

template <class T>
LOCKSTEP_INLINE T atan2(T y, T x) {
  constexpr T large = sizeof(T) == 4 ? T(0x1p100) : T(0x1p1000);
  T const a = magnitude(y), b = magnitude(x);
  // Two infinities count as equal, and so do two zeros, of which the first counts as less; sums must not overflow.
  unsigned_bits<T> const both_infinite = mask_if<T>(a == format<T>::infinity) & mask_if<T>(b == format<T>::infinity);
  T const scale = select_bits<T>(mask_if<T>(a > large) | mask_if<T>(b > large), T(0.25), 1);
  T const p = select_bits<T>(both_infinite, T(1), a * scale);
  T const q = select_bits<T>(both_infinite, T(1), b * scale);
  T const divisor = select_bits<T>(mask_if<T>(p == T(0)) & mask_if<T>(q == T(0)), T(1), q);
  T const angle = first_quadrant_atan(p, divisor);
  T const left = (half_pi<T>.hi - angle + half_pi<T>.lo) + half_pi<T>.hi + half_pi<T>.lo;
  unsigned_bits<T> const negative = unsigned_bits<T>(-(to_bits(x) >> (8 * sizeof(T) - 1)));
  T const result = with_sign(select_bits<T>(negative, left, angle), y);
  return select_bits<T>(mask_if<T>(x != x) | mask_if<T>(y != y), format<T>::nan, result);
}

/// (asin(s) / s - 1) / s^2, where z = s^2 and |s| <= 1/2.
LOCKSTEP_INLINE float asin_rest(float z) {
  return polynomial(z, 0x1.555554p-3f, 0x1.3334cep-4f, 0x1.6d3e6ap-5f, 0x1.ffbf34p-6f, 0x1.0fe1b2p-6f, 0x1.1acb92p-5f);
}
LOCKSTEP_INLINE double asin_rest(double z) {
  return polynomial(z, 0x1.5555555555556p-3, 0x1.3333333332d9ep-4, 0x1.6db6db6e48dffp-5, 0x1.f1c71c1187eddp-6,
                    0x1.6e8bb383c0ebbp-6, 0x1.1c4d0fc1b6fbbp-6, 0x1.c9d336dfa2933p-7, 0x1.77ff42ac1dfb4p-7,
                    0x1.53365248bd332p-7, 0x1.5dc12cf8ad297p-8, 0x1.224dcb11ab156p-6, -0x1.f6744b4ca8339p-7,
                    0x1.dc690516bc887p-6);
}

/// Beyond 1/2, asin(a) = pi/2 - 2 asin(sqrt((1 - a) / 2)): which case it is, the small arc and its correction.
template <class T>
struct small_arc {
  unsigned_bits<T> large;
  T s;
  T rest;
};

template <class T>
LOCKSTEP_INLINE small_arc<T> split_asin(T a) {
  unsigned_bits<T> const large = mask_if<T>(a > T(0.5));
  T const half = mad(T(-0.5), a, T(0.5));
  T const z = select_bits<T>(large, half, a * a);
  T const s = select_bits<T>(large, sqrt(half), a);
  return {large, s, s * z * asin_rest(z)};
}

template <class T>
LOCKSTEP_INLINE T asin(T x) {
  auto const [large, s, rest] = split_asin(magnitude(x));
  T const from_right = half_pi<T>.hi - 2 * (s + (rest - half_pi<T>.lo / 2));
  return with_sign(select_bits<T>(large, from_right, s + rest), x);
}

template <class T>
LOCKSTEP_INLINE T acos(T x) {
  auto const [large, s, rest] = split_asin(magnitude(x));
  unsigned_bits<T> const negative = mask_if<T>(x < T(0));
  T const near_one = 2 * (s + rest);
  T const near_minus_one = 2 * (half_pi<T>.hi - (s + (rest - half_pi<T>.lo)));
  T const near_zero = half_pi<T>.hi - (with_sign(s, x) + (with_sign(rest, x) - half_pi<T>.lo));
  return select_bits<T>(large, select_bits<T>(negative, near_minus_one, near_one), near_zero);
}

}  // namespace math::detail
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
