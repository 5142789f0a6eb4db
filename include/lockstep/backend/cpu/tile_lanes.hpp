// Sums, minima and maxima of two tiles at a time: lanes of one tile alone would wait for each addition to finish.
#pragma once

#include "../../expression/elementwise.hpp"
#include "vector_lanes.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

#if !defined(__CUDACC__)
/// Functions whose result for vectors is that for each of their values.
template <class F>
inline constexpr bool takes_vectors = one_of<F, plus, minus, multiplies, negate>;

/// Rows whose values of type T can be had a vector at a time.
template <class Row, class T>
inline constexpr bool has_vector_rows = false;
template <class T>
inline constexpr bool has_vector_rows<pointer_row<T>, T> = true;
template <class T>
inline constexpr bool has_vector_rows<constant_row<T>, T> = true;
template <class F, class... Rows, class T>
inline constexpr bool has_vector_rows<elementwise_row<F, Rows...>, T> = takes_vectors<F> &&
                                                                        (has_vector_rows<Rows, T> && ...);

/// A vector of the values from row[at] on.
template <class V, class T>
[[gnu::always_inline]] inline V vector_at(pointer_row<T> row, index at) {
  V v;
  __builtin_memcpy(&v, row.data + at, sizeof v);
  return v;
}
template <class V, class T>
[[gnu::always_inline]] inline V vector_at(constant_row<T> row, index) {
  return row.value - V{};
}
template <class V, class F, class... Rows>
[[gnu::always_inline]] inline V vector_at(elementwise_row<F, Rows...> const& row, index at) {
  return unpack([&](auto const&... rows) { return row.function(vector_at<V>(rows, at)...); }, row.rows);
}

/// The lanes of two whole tiles, each of which gets the bits that vector_lanes gives it.
template <class Op, class T>
class tile_lanes {
 public:
  /// Combines the values of the tiles that begin at row[first]. False when a NaN may be lost.
  template <class Row>
  LOCKSTEP_WIDE [[gnu::noinline]] static bool reduce(Row row, index first, T* out) {
    vector lane[2][number], poison[2][poisons + 1];
    LOCKSTEP_UNROLL
    for (int k = 0; k < number; ++k) lane[0][k] = lane[1][k] = operation::identity - vector{};
    LOCKSTEP_UNROLL
    for (int k = 0; k < poisons; ++k) poison[0][k] = poison[1][k] = vector{};
    for (index i = first; i < first + tile; i += lanes) {
      LOCKSTEP_UNROLL
      for (int which = 0; which < 2; ++which) {
        LOCKSTEP_UNROLL
        for (int k = 0; k < number; ++k) {
          vector const v = load(row, i + which * tile + k * per_vector);
          lane[which][k] = operation::combine(lane[which][k], v);
          if constexpr (operation::picks) poison[which][k % poisons] += v;
        }
      }
    }
    out[0] = total(lane[0]), out[1] = total(lane[1]);
    if constexpr (!operation::picks) return true;
    vector all = poison[0][0] + poison[1][0];
    LOCKSTEP_UNROLL
    for (int k = 1; k < poisons; ++k) all += poison[0][k] + poison[1][k];
    T const sum = fold_vector<plus, T>(all);
    return sum == sum;
  }

 private:
  using operation = vector_operation<Op, T>;
  typedef T vector __attribute__((vector_size(wide_vector_bytes)));
  static constexpr int per_vector = static_cast<int>(wide_vector_bytes / sizeof(T));
  static constexpr int number = static_cast<int>(lanes) / per_vector;
  static constexpr int poisons = operation::picks ? (number < 2 ? number : 2) : 0;

  template <class Row>
  [[gnu::always_inline]] static vector load(Row const& row, index at) {
    vector v = vector_at<vector>(row, at);
    asm("" : "+x"(v));  // a product is rounded before it is added, as where values come from a buffer
    return v;
  }
  static vector load(pointer_row<T> row, index at) { return vector_at<vector>(row, at); }
  [[gnu::always_inline]] static T total(vector const* lane) {
    vector v[number];
    LOCKSTEP_UNROLL
    for (int k = 0; k < number; ++k) v[k] = lane[k];
    LOCKSTEP_UNROLL
    for (int half = number / 2; half > 0; half /= 2)
      for (int k = 0; k < half; ++k) v[k] = operation::combine(v[k], v[k + half]);
    return fold_vector<Op, T>(v[0]);
  }
};
#endif

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
