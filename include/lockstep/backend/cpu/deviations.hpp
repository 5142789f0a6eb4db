// Sums of deviations from a center and of their squares over one tile, and the plain sum beside them in the same look.
#pragma once

#include "../../core/algorithm.hpp"
#include "../../expression/evaluator.hpp"
#include "fold_vector.hpp"
#include "stream.hpp"
#include "tuning.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// The sums of value - center and of its square; `plain`, the sum of the values, has the bits that a tile's sum has.
template <class T>
struct deviation_sums {
  T sum, squares, plain;
};

#if defined(__CUDACC__)
template <class T>
T sum_of_all_lanes(T* lane) {
  for (index half = lanes / 2; half > 0; half /= 2)
    for (index l = 0; l < half; ++l) lane[l] += lane[l + half];
  return lane[0];
}
#else
/// The sum of `lanes` values in the tree of reduction_order.hpp: within registers, because a tree in memory would wait
/// for each of its stores.
template <class T>
[[gnu::always_inline]] inline T sum_of_all_lanes(T const* lane) {
  typedef T vector __attribute__((vector_size(wide_vector_bytes)));
  constexpr int per_vector = static_cast<int>(wide_vector_bytes / sizeof(T));
  constexpr int vectors = static_cast<int>(lanes) / per_vector;
  vector v[vectors];
  __builtin_memcpy(v, lane, sizeof v);
  LOCKSTEP_UNROLL
  for (int half = vectors / 2; half > 0; half /= 2)
    for (int k = 0; k < half; ++k) v[k] += v[k + half];
  return fold_vector<plus, T>(v[0]);
}
#endif

/// The three sums while they grow, on lanes as other sums.
template <bool Plain, class T>
class deviation_lanes {
 public:
  explicit deviation_lanes(T center) : center_(center) {
    for (index l = 0; l < lanes; ++l) sums_[l] = squares_[l] = T(0), plain_[l] = -T(0);  // -0 + x is x, whatever x is
  }

  template <class Row>
  void add(Row row, index first, index count) {
    index const whole = count / lanes;
    for (index g = 0; g < whole; g += groups_at_a_time)
      for (index l = 0; l < lanes; l += width)
        add_groups(row, first + g * lanes + l, std::min(groups_at_a_time, whole - g), l);
    for (index i = whole * lanes; i < count; ++i) {
      T const value = static_cast<T>(row[first + i]), apart = value - center_;
      index const l = i - whole * lanes;
      sums_[l] += apart;
      squares_[l] += apart * apart;
      if constexpr (Plain) plain_[l] += value;
    }
  }
  deviation_sums<T> total() {
    return {sum_of_all_lanes(sums_), sum_of_all_lanes(squares_), Plain ? sum_of_all_lanes(plain_) : T(0)};
  }

 private:
  typedef T vector __attribute__((vector_size(wide_vector_bytes)));
  static constexpr index per_vector = static_cast<index>(wide_vector_bytes / sizeof(T));
  static constexpr int vectors = static_cast<int>(std::min<index>(4, lanes / per_vector));
  /// So many lanes that their three sums stay in registers, and so many values that those of all lanes stay in the L1
  /// cache from the first such lanes to the last.
  static constexpr index width = vectors * per_vector;
  static constexpr index groups_at_a_time = width == lanes ? tile : 32;
  static_assert(lanes % width == 0);

  static vector load(T const* from) {
    vector v;
    __builtin_memcpy(&v, from, sizeof v);
    return v;
  }
  static vector load_row(pointer_row<T> row, index at) { return load(row.data + at); }
  template <class Row>
  static vector load_row(Row row, index at) {
    T values[per_vector];
    for (index l = 0; l < per_vector; ++l) values[l] = static_cast<T>(row[at + l]);
    return load(values);
  }

  template <class Row>
  [[gnu::always_inline]] void add_groups(Row row, index first, index groups, index lane) {
    vector sums[vectors], squares[vectors], plain[vectors];
    LOCKSTEP_UNROLL
    for (int k = 0; k < vectors; ++k) {
      index const l = lane + k * per_vector;
      sums[k] = load(sums_ + l), squares[k] = load(squares_ + l), plain[k] = load(plain_ + l);
    }
    vector const center = center_ - vector{};
    for (index g = 0; g < groups; ++g)
      for (int k = 0; k < vectors; ++k) {
        vector const value = load_row(row, first + g * lanes + k * per_vector), apart = value - center;
        sums[k] += apart;
        squares[k] += apart * apart;
        if constexpr (Plain) plain[k] += value;
      }
    LOCKSTEP_UNROLL
    for (int k = 0; k < vectors; ++k) {
      index const l = lane + k * per_vector;
      __builtin_memcpy(sums_ + l, &sums[k], sizeof(vector));
      __builtin_memcpy(squares_ + l, &squares[k], sizeof(vector));
      __builtin_memcpy(plain_ + l, &plain[k], sizeof(vector));
    }
  }

  T center_;
  alignas(64) T sums_[lanes], squares_[lanes], plain_[lanes];
};

template <bool Plain, class T, class Row>
[[gnu::always_inline]] inline deviation_sums<T> sum_deviations_of(Row row, index first, index count, T center) {
  deviation_lanes<Plain, T> found(center);
  found.add(row, first, count);
  return found.total();
}
template <bool Plain, class T, class Row>
LOCKSTEP_WIDE [[gnu::noinline]] deviation_sums<T> sum_deviations(Row row, index first, index count, T center) {
  if (count == tile) return sum_deviations_of<Plain>(row, first, tile, center);  // its lanes never leave registers
  return sum_deviations_of<Plain>(row, first, count, center);
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
