// sinh, cosh, tanh, asinh, acosh, atanh, sigmoid: from e^x and log(1 + x) without cancellation.
#pragma once

#include "exponential.hpp"
#include "logarithm.hpp"
#include "root.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace math::detail {

/// e^a = (1 + rest) scale * 2 half, with `scale` and `half` in the range of T up to where sinh and cosh overflow.
template <class T>
struct halved_exp {
  T rest;
  T scale;
  T half;
};

template <class T>
LOCKSTEP_INLINE halved_exp<T> split_halved_exp(T a) {
  unsigned_bits<T> const high = mask_if<T>(a > (sizeof(T) == 4 ? T(80) : T(700)));
  auto const [rest, exponent] = split_exp(at_most(a, sizeof(T) == 4 ? 91 : 712));
  return {rest, power_of_two<T>(exponent - (high & 8)), select_bits<T>(high, T(128), T(0.5))};
}

template <class T>
LOCKSTEP_INLINE T sinh(T x) {
  auto const [rest, scale, half] = split_halved_exp(magnitude(x));
  T const e = mad(rest, scale, scale - T(1));  // e^|x| - 1
  return with_sign((e + e / (e + T(1))) * half, x);
}

template <class T>
LOCKSTEP_INLINE T cosh(T x) {
  auto const [rest, scale, half] = split_halved_exp(magnitude(x));
  T const e = mad(rest, scale, scale);
  return (e + T(1) / e) * half;
}

template <class T>
LOCKSTEP_INLINE T tanh(T x) {
  T const e = narrow_expm1(2 * at_most(magnitude(x), sizeof(T) == 4 ? 10 : 20));
  return with_sign(e / (e + T(2)), x);
}

/// 1 / (1 + e^-x).
template <class T>
LOCKSTEP_INLINE T sigmoid(T x) {
  T const e = exp(-magnitude(x));
  return select<T>(x < T(0), e, 1) / (T(1) + e);
}

/// Above this, x^2 + 1 is x^2, which must not overflow either.
template <class T>
inline constexpr T large_for_square = T(0x1p500);
template <>
inline constexpr float large_for_square<float> = 0x1p60f;

template <class T>
LOCKSTEP_INLINE T asinh(T x) {
  T const a = magnitude(x);
  unsigned_bits<T> const large = mask_if<T>(a > large_for_square<T>);
  T const square = a * a;
  T const z = select_bits<T>(large, a, a + square / (T(1) + sqrt(square + T(1))));
  T const result = finite_log1p(z, select_bits<T>(large, T(1), 0));
  return with_sign(select<T>(a < format<T>::infinity, result, a), x);
}

template <class T>
LOCKSTEP_INLINE T acosh(T x) {
  unsigned_bits<T> const large = mask_if<T>(x > large_for_square<T>);
  T const t = x - T(1);
  T const z = select_bits<T>(large, x, t + sqrt(mad(t, t, t + t)));
  T const result = finite_log1p(z, select_bits<T>(large, T(1), 0));
  return select<T>(x >= T(1), select<T>(x < format<T>::infinity, result, x), format<T>::nan);
}

template <class T>
LOCKSTEP_INLINE T atanh(T x) {
  T const a = magnitude(x);
  T const result = T(0.5) * finite_log1p((a + a) / (T(1) - a), 0);
  T const edge = select<T>(a == T(1), format<T>::infinity, format<T>::nan);
  return with_sign(select<T>(a < T(1), result, edge), x);
}

}  // namespace math::detail
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
