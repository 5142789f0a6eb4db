// The bricks of the mathematical functions: bit patterns, branch-free selection, polynomials, exact sums and products.
#pragma once

#include <cstdint>

#include "../config.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace math::detail {

/// What the functions need to know of a floating-point type.
template <class T>
struct format;

template <>
struct format<float> {
  using signed_bits = std::int32_t;
  using unsigned_bits = std::uint32_t;
  static constexpr int mantissa = 23;
  static constexpr unsigned_bits bias = 127;
  static constexpr float round_magic = 0x1.8p23f;  // adding it rounds to an integer, held in the low bits
  static constexpr float integer_magic = 0x1p23f;  // or-ing an integer below 2^23 to its bits adds it
  static constexpr float min_normal = 0x1p-126f;
  static constexpr float infinity = __builtin_huge_valf();
  static constexpr float nan = __builtin_nanf("");
};

template <>
struct format<double> {
  using signed_bits = std::int64_t;
  using unsigned_bits = std::uint64_t;
  static constexpr int mantissa = 52;
  static constexpr unsigned_bits bias = 1023;
  static constexpr double round_magic = 0x1.8p52;
  static constexpr double integer_magic = 0x1p52;
  static constexpr double min_normal = 0x1p-1022;
  static constexpr double infinity = __builtin_huge_val();
  static constexpr double nan = __builtin_nan("");
};

template <class T>
using signed_bits = typename format<T>::signed_bits;
template <class T>
using unsigned_bits = typename format<T>::unsigned_bits;

/// A type of its own, so that arguments beside a `T` deduce nothing.
template <class T>
struct same {
  using type = T;
};
template <class T>
using same_t = typename same<T>::type;

template <class T>
LOCKSTEP_INLINE constexpr unsigned_bits<T> to_bits(T x) {
  return __builtin_bit_cast(unsigned_bits<T>, x);
}

template <class T>
LOCKSTEP_INLINE constexpr T from_bits(unsigned_bits<T> bits) {
  return __builtin_bit_cast(T, bits);
}

template <class T>
inline constexpr unsigned_bits<T> sign_bit = unsigned_bits<T>(1) << (8 * sizeof(T) - 1);

/// All bits where `condition` holds, none elsewhere.
template <class T>
LOCKSTEP_INLINE unsigned_bits<T> mask_if(bool condition) {
  return unsigned_bits<T>(-signed_bits<T>(condition));
}

/// `a` under the mask, `b` elsewhere. A `?:` on values just computed becomes a branch at default flags, because g++
/// must not compute the arm that is not taken (it could trap); bits have no such scruples, and become a blend
/// instruction.
template <class T>
LOCKSTEP_INLINE T select_bits(unsigned_bits<T> mask, T a, same_t<T> b) {
  return from_bits<T>((to_bits(a) & mask) | (to_bits(T(b)) & ~mask));
}

template <class T>
LOCKSTEP_INLINE T select(bool condition, T a, same_t<T> b) {
  return select_bits<T>(mask_if<T>(condition), a, b);
}

/// The lesser of `x` and `limit`; a NaN stays. (With `?:` instead, g++ makes the known value a path of its own.)
template <class T>
LOCKSTEP_INLINE T at_most(T x, same_t<T> limit) {
  return select<T>(x > limit, limit, x);
}

/// The lesser of `x` and a positive limit by their bits, which takes one instruction: as values, except that a NaN
/// becomes the limit unless its sign bit is set.
template <class T>
LOCKSTEP_INLINE T at_most_bits(T x, same_t<T> limit) {
  auto const a = static_cast<signed_bits<T>>(to_bits(x)), b = static_cast<signed_bits<T>>(to_bits(T(limit)));
  auto const lesser = b < a ? b : a;
  return from_bits<T>(static_cast<unsigned_bits<T>>(lesser));
}

template <class T>
LOCKSTEP_INLINE T clamp(T x, same_t<T> low, same_t<T> high) {
  return select<T>(x < low, low, at_most(x, high));
}

template <class T>
LOCKSTEP_INLINE T magnitude(T x) {
  return from_bits<T>(to_bits(x) & ~sign_bit<T>);
}

/// The magnitude of `x` with the sign of `sign`.
template <class T>
LOCKSTEP_INLINE T with_sign(T x, same_t<T> sign) {
  return from_bits<T>((to_bits(x) & ~sign_bit<T>) | (to_bits(T(sign)) & sign_bit<T>));
}

/// `x`, negated where the sign bit of `bits` is set.
template <class T>
LOCKSTEP_INLINE T flip_sign(T x, unsigned_bits<T> bits) {
  return from_bits<T>(to_bits(x) ^ (bits & sign_bit<T>));
}

/// a * b + c, with one rounding where the processor has it. Written out so that g++, clang, vector bodies and scalar
/// remainders all round alike instead of contracting as they please.
LOCKSTEP_INLINE float mad(float a, float b, float c) {
#if defined(__FMA__)
  return __builtin_fmaf(a, b, c);
#else
  return a * b + c;
#endif
}
LOCKSTEP_INLINE double mad(double a, double b, double c) {
#if defined(__FMA__)
  return __builtin_fma(a, b, c);
#else
  return a * b + c;
#endif
}

/// c0 + x (c1 + x (c2 + …)), by Horner's rule.
template <class T>
LOCKSTEP_INLINE T polynomial(T, same_t<T> c0) {
  return c0;
}
template <class T, class... C>
LOCKSTEP_INLINE T polynomial(T x, same_t<T> c0, C... rest) {
  return mad(x, polynomial<T>(x, rest...), c0);
}

/// An unevaluated sum of two numbers, the second below half a unit in the last place of the first.
template <class T>
struct pair {
  T hi;
  T lo;
};

/// a + b exactly (Knuth 1969).
template <class T>
LOCKSTEP_INLINE pair<T> exact_sum(T a, T b) {
  T const s = a + b;
  T const v = s - a;
  return {s, (a - (s - v)) + (b - v)};
}

/// a + b exactly where |a| >= |b| (Dekker 1971).
template <class T>
LOCKSTEP_INLINE pair<T> exact_ordered_sum(T a, T b) {
  T const s = a + b;
  return {s, b - (s - a)};
}

/// The upper half of the mantissa of `x`.
template <class T>
LOCKSTEP_INLINE T upper_half(T x) {
  constexpr int cleared = format<T>::mantissa / 2 + 1;
  return from_bits<T>(to_bits(x) >> cleared << cleared);
}

/// a * b exactly, barring overflow and underflow (Dekker 1971 without fused multiply-add).
template <class T>
LOCKSTEP_INLINE pair<T> exact_product(T a, T b) {
  T const p = a * b;
#if defined(__FMA__)
  return {p, mad(a, b, -p)};
#else
  T const a1 = upper_half(a), a0 = a - a1;
  T const b1 = upper_half(b), b0 = b - b1;
  return {p, ((a1 * b1 - p) + a1 * b0 + a0 * b1) + a0 * b0};
#endif
}

/// The integer nearest to `x` (|x| < 2^22 for float, 2^51 for double) as a number, and in the low bits of `bits`.
template <class T>
struct nearest_integer {
  T value;
  unsigned_bits<T> bits;
};

template <class T>
LOCKSTEP_INLINE nearest_integer<T> round_to_integer(T x) {
  T const shifted = x + format<T>::round_magic;
  return {shifted - format<T>::round_magic, to_bits(shifted)};
}

/// 2^(biased - bias): the number whose exponent field is `biased`.
template <class T>
LOCKSTEP_INLINE T power_of_two(unsigned_bits<T> biased) {
  return from_bits<T>(biased << format<T>::mantissa);
}

}  // namespace math::detail
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
