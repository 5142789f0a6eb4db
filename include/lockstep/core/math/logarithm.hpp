// log, log2, log10, log1p: the argument is split into 2^e m with m in [sqrt(1/2), sqrt(2)), then a polynomial in m - 1.
#pragma once

#include "bits.hpp"
#include "exponential.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace math::detail {

/// A positive number as 2^exponent (1 + fraction).
template <class T>
struct split_log {
  T fraction;
  T exponent;
};

/// The bits of 2^e, for x = 2^e m, shifted so that zero stands for e = 0.
template <class T>
LOCKSTEP_INLINE unsigned_bits<T> exponent_bits(T x) {
  constexpr unsigned_bits<T> below_one = (unsigned_bits<T>(1) << format<T>::mantissa) - 1;
  return (to_bits(x) - to_bits(T(0x1.6a09e667f3bcdp-1))) & ~below_one;
}

/// e as a number, from `exponent_bits`.
template <class T>
LOCKSTEP_INLINE T exponent_value(unsigned_bits<T> bits) {
  unsigned_bits<T> const biased = (bits + (format<T>::bias << format<T>::mantissa)) >> format<T>::mantissa;
  return from_bits<T>(biased | to_bits(format<T>::integer_magic)) - (format<T>::integer_magic + T(format<T>::bias));
}

/// Splits a normal or subnormal `x` > 0.
template <class T>
LOCKSTEP_INLINE split_log<T> split(T x) {
  constexpr T lift = sizeof(T) == 4 ? T(0x1p25) : T(0x1p54);
  unsigned_bits<T> const tiny = mask_if<T>(x < format<T>::min_normal);
  T const normal = select_bits<T>(tiny, x * lift, x);
  unsigned_bits<T> const e = exponent_bits(normal);
  T const lifted = select_bits<T>(tiny, sizeof(T) == 4 ? 25 : 54, 0);
  return {from_bits<T>(to_bits(normal) - e) - T(1), exponent_value<T>(e) - lifted};
}

/// log(1 + f) - f + f^2 / 2 for 1 + f in [sqrt(1/2), sqrt(2)).
LOCKSTEP_INLINE float log_rest(float f) {
  float const p = polynomial(f, 0x1.55555p-2f, -0x1.0000bcp-2f, 0x1.99a3fap-3f, -0x1.54dc64p-3f, 0x1.22925ap-3f,
                             -0x1.09034cp-3f, 0x1.066716p-3f, -0x1.554254p-4f);
  return f * f * f * p;
}
LOCKSTEP_INLINE double log_rest(double f) {
  double const s = f / (2 + f);
  double const z = s * s;
  double const p = polynomial(z, 0x1.5555555555555p-1, 0x1.9999999999d58p-2, 0x1.249249242f0ap-2, 0x1.c71c725c1a96ap-3,
                              0x1.745cdb8fdb0adp-3, 0x1.3b2153e79b5f1p-3, 0x1.0f4a99b0ab004p-3, 0x1.101ea913b3cfep-3);
  return s * mad(z, p, 0.5 * f * f);
}

/// log(2^e (1 + f)).
template <class T>
LOCKSTEP_INLINE T natural_log(split_log<T> x) {
  T const f = x.fraction;
  T const rest = mad(T(-0.5) * f, f, mad(x.exponent, ln2_tail<T>, log_rest(f)));
  return mad(x.exponent, ln2_head<T>, f + rest);
}

/// What every logarithm to a base above one gives at the edges of its domain, `value` elsewhere.
template <class T>
LOCKSTEP_INLINE T with_log_edges(T x, same_t<T> value) {
  T const outside = select<T>(x == T(0), -format<T>::infinity, format<T>::nan);
  T const inside = select<T>(x < format<T>::infinity, value, x);
  return select<T>(x > T(0), inside, outside);
}

template <class T>
LOCKSTEP_INLINE T log(T x) {
  return with_log_edges(x, natural_log(split(x)));
}

/// log(1 + f) as a sum whose head has few enough bits for an exact product with a head of the same length.
template <class T>
LOCKSTEP_INLINE pair<T> log_head_and_tail(T f) {
  constexpr unsigned_bits<T> mask = sizeof(T) == 4 ? ~unsigned_bits<T>(0xfff) : ~unsigned_bits<T>(0xffffffff);
  T const half_square = T(0.5) * f * f;
  T const head = from_bits<T>(to_bits(f - half_square) & mask);
  return {head, ((f - head) - half_square) + log_rest(f)};
}

/// 1 / ln(2) and 1 / ln(10), each as a short head and the rest.
template <class T>
inline constexpr pair<T> log2_e = {T(0x1.71547652p0), T(0x1.705fc2eefa2p-33)};
template <>
inline constexpr pair<float> log2_e<float> = {0x1.714p0f, 0x1.47652cp-12f};
template <class T>
inline constexpr pair<T> log10_e = {T(0x1.bcb7b152p-2), T(0x1.b9438ca9aadd5p-36)};
template <>
inline constexpr pair<float> log10_e<float> = {0x1.bcap-2f, 0x1.7b1526p-14f};

/// log(1 + f) * scale + integer_part + correction, the integer part being zero or the largest of them.
template <class T>
LOCKSTEP_INLINE T scaled_log(T f, pair<T> scale, T integer_part, T correction) {
  auto const [head, tail] = log_head_and_tail(f);
  auto const sum = exact_ordered_sum(integer_part, head * scale.hi);
  return sum.hi + (sum.lo + mad(tail, scale.hi, mad(tail + head, scale.lo, correction)));
}

template <class T>
LOCKSTEP_INLINE T log2(T x) {
  auto const [f, e] = split(x);
  return with_log_edges(x, scaled_log(f, log2_e<T>, e, T(0)));
}

template <class T>
LOCKSTEP_INLINE T log10(T x) {
  constexpr T head = sizeof(T) == 4 ? T(0x1.344p-2) : T(0x1.34413508p-2);
  constexpr T tail = sizeof(T) == 4 ? T(0x1.3509f8p-18) : T(0x1.f79fef311f12bp-34);
  auto const [f, e] = split(x);
  return with_log_edges(x, scaled_log(f, log10_e<T>, e * head, e * tail));
}

/// log(1 + x) + add ln(2), for x > -1; the rounding error of 1 + x is carried along.
template <class T>
LOCKSTEP_INLINE T finite_log1p(T x, same_t<T> add) {
  auto const [u, error] = exact_sum(T(1), x);
  unsigned_bits<T> const e = exponent_bits(u);
  T const scale = from_bits<T>(to_bits(T(1)) - e);
  T const carried = select<T>(u < T(0x1p60), error * scale, 0);
  T const f = (from_bits<T>(to_bits(u) - e) - T(1)) + carried;
  return natural_log(split_log<T>{f, exponent_value<T>(e) + T(add)});
}

template <class T>
LOCKSTEP_INLINE T log1p(T x) {
  T const outside = select<T>(x == T(-1), -format<T>::infinity, format<T>::nan);
  T const inside = select<T>(x < format<T>::infinity, with_sign(finite_log1p(x, 0), x), x);
  return select<T>(x > T(-1), inside, outside);
}

}  // namespace math::detail
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
