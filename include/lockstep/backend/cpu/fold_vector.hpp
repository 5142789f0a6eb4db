// The lanes of a vector register combined to one value, in a tree.
#pragma once

#include <cstddef>
#include <utility>

#include "../../core/function_objects.hpp"

#if !defined(__CUDACC__)  // whose front end does not shuffle vectors
namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// An operator on vectors, and the value that changes nothing. The picks lose NaN: poison is NaN when there was one.
template <class Op, class T>
struct vector_operation;
template <class T>
struct vector_operation<plus, T> {
  static constexpr bool picks = false;
  static constexpr T identity = -T(0);
  template <class V>
  [[gnu::always_inline]] static V combine(V a, V b) {
    return a + b;
  }
};
template <class T>
struct vector_operation<minimum, T> {
  static constexpr bool picks = true;
  static constexpr T identity = static_cast<T>(__builtin_huge_val());
  template <class V>
  [[gnu::always_inline]] static V combine(V a, V b) {
    return b < a ? b : a;
  }
};
template <class T>
struct vector_operation<maximum, T> {
  static constexpr bool picks = true;
  static constexpr T identity = -static_cast<T>(__builtin_huge_val());
  template <class V>
  [[gnu::always_inline]] static V combine(V a, V b) {
    return a < b ? b : a;
  }
};

/// Combines the lanes of a vector in a binary tree, l with l + half, down to lane 0.
template <class Op, class T, int Half, class V, int... L>
[[gnu::always_inline]] inline V fold_lanes(V v, std::integer_sequence<int, L...> all) {
  if constexpr (Half == 0) {
    return v;
  } else {
    V const other = __builtin_shufflevector(v, v, ((L + Half) % static_cast<int>(sizeof...(L)))...);
    return fold_lanes<Op, T, Half / 2>(vector_operation<Op, T>::combine(v, other), all);
  }
}
template <class Op, class T, class V>
[[gnu::always_inline]] inline T fold_vector(V v) {
  constexpr int size = static_cast<int>(sizeof(V) / sizeof(T));
  return fold_lanes<Op, T, size / 2>(v, std::make_integer_sequence<int, size>{})[0];
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
#endif
