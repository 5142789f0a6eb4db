// The operators that scans apply to whole vector registers: sums, and those for which the order of combination is free.
#pragma once

#include <concepts>
#include <cstdint>
#include <type_traits>

#include "../../core/function_objects.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// An operator with its operands exchanged: what comes later in the order of the scan is the left one.
template <class Op>
struct exchanged {
  Op op;
  template <class X, class Y>
  auto operator()(X const& x, Y const& y) const {
    return op(y, x);
  }
};

/// The type whose sums wrap around: unsigned for integers.
template <class T>
struct wrapping {
  using type = T;
};
template <std::integral T>
struct wrapping<T> {
  using type = std::make_unsigned_t<T>;
};

/// A least or largest value whose order of combination was another one: zeros differ by their sign and NaN by their
/// bits. The picks take the first zero and the last NaN in memory, in both directions.
template <class T>
T settled_pick(T const* in, index count, T all, bool nan) {
  if (!nan && all != T(0)) return all;
  for (index i = 0; i < count; ++i) {
    T const value = in[nan ? count - 1 - i : i];
    if (nan ? value != value : value == all) return value;
  }
  return all;
}

/// An operator on numbers and on vectors of them: the type that values of T are combined as, and the value that changes
/// nothing on the left of another. What comes first in the scan is on the left. An operator that picks one of its
/// operands tells zeros and NaN apart by their order.
template <class Op, class T>
struct scan_operation {
  static constexpr bool known = false;
  using number = T;
};
template <class T>
struct scan_operation<plus, T> {
  static constexpr bool known = true, picks = false;
  using number = typename wrapping<T>::type;
  static constexpr number identity = number(0);
  template <class V>
  [[gnu::always_inline]] static V combine(V a, V b) {
    return a + b;
  }
};
#if !defined(__CUDACC__)  // whose front end does not choose between vectors
template <class T>
constexpr T least_value() {
  if constexpr (std::is_floating_point_v<T>)
    return -static_cast<T>(__builtin_huge_val());
  else
    return std::is_signed_v<T> ? static_cast<T>(T(1) << (sizeof(T) * 8 - 1)) : T(0);
}
template <class T>
constexpr T greatest_value() {
  if constexpr (std::is_floating_point_v<T>)
    return -least_value<T>();
  else
    return static_cast<T>(~least_value<T>());
}
/// b where it is smaller (larger), otherwise a: one instruction, which g++ does not find where NaN is looked for as
/// well.
template <class V>
[[gnu::always_inline]] inline V smaller_of(V b, V a) {
#if defined(__AVX2__) && !defined(__clang__)
  typedef float floats __attribute__((vector_size(32)));
  typedef double doubles __attribute__((vector_size(32)));
  if constexpr (std::is_same_v<V, floats>) return __builtin_ia32_minps256(b, a);
  if constexpr (std::is_same_v<V, doubles>) return __builtin_ia32_minpd256(b, a);
#endif
#if defined(__AVX512F__) && !defined(__clang__)
  typedef float wide_floats __attribute__((vector_size(64)));
  typedef double wide_doubles __attribute__((vector_size(64)));
  if constexpr (std::is_same_v<V, wide_floats>) return __builtin_ia32_minps512_mask(b, a, a, -1, 4);
  if constexpr (std::is_same_v<V, wide_doubles>) return __builtin_ia32_minpd512_mask(b, a, a, -1, 4);
#endif
  return b < a ? b : a;
}
template <class V>
[[gnu::always_inline]] inline V larger_of(V b, V a) {
#if defined(__AVX2__) && !defined(__clang__)
  typedef float floats __attribute__((vector_size(32)));
  typedef double doubles __attribute__((vector_size(32)));
  if constexpr (std::is_same_v<V, floats>) return __builtin_ia32_maxps256(b, a);
  if constexpr (std::is_same_v<V, doubles>) return __builtin_ia32_maxpd256(b, a);
#endif
#if defined(__AVX512F__) && !defined(__clang__)
  typedef float wide_floats __attribute__((vector_size(64)));
  typedef double wide_doubles __attribute__((vector_size(64)));
  if constexpr (std::is_same_v<V, wide_floats>) return __builtin_ia32_maxps512_mask(b, a, a, -1, 4);
  if constexpr (std::is_same_v<V, wide_doubles>) return __builtin_ia32_maxpd512_mask(b, a, a, -1, 4);
#endif
  return a < b ? b : a;
}
template <class Op, class T>
requires(std::is_same_v<Op, minimum> || std::is_same_v<Op, maximum>) struct scan_operation<Op, T> {
  static constexpr bool known = true, picks = true, smallest = std::is_same_v<Op, minimum>;
  using number = T;
  static constexpr T identity = smallest ? greatest_value<T>() : least_value<T>();
  template <class V>
  [[gnu::always_inline]] static V combine(V a, V b) {
    if constexpr (std::is_floating_point_v<T>)
      return b != b ? b : pick(a, b);
    else
      return pick(a, b);
  }
  /// The same where b is not NaN.
  template <class V>
  [[gnu::always_inline]] static V pick(V a, V b) {
    if constexpr (smallest)
      return smaller_of(b, a);
    else
      return larger_of(b, a);
  }
};
template <std::integral T>
struct scan_operation<multiplies, T> {
  static constexpr bool known = true, picks = false;
  using number = typename wrapping<T>::type;
  static constexpr number identity = 1;
  template <class V>
  [[gnu::always_inline]] static V combine(V a, V b) {
    return a * b;
  }
};
template <class Op, class T>
struct scan_operation<exchanged<Op>, T> : scan_operation<Op, T> {
  template <class V>
  [[gnu::always_inline]] static V combine(V a, V b) {
    return scan_operation<Op, T>::combine(b, a);
  }
  template <class V>
  [[gnu::always_inline]] static V pick(V a, V b) {
    return scan_operation<Op, T>::pick(b, a);
  }
};
#endif

/// Values of these types are scanned in vector registers.
template <class T, class Op>
inline constexpr bool scans_in_registers = [] {
  if constexpr (std::is_arithmetic_v<T> && (sizeof(T) == 4 || sizeof(T) == 8))
    return scan_operation<Op, T>::known;
  else
    return false;
}();
/// What they are scanned as.
template <class T, class Op>
using scan_number = typename scan_operation<Op, T>::number;

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
