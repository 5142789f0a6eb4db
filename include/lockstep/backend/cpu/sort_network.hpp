// Sorting networks over whole vectors: up to 16 vectors of keys are sorted in registers.
#pragma once

#include "sort_lanes.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

#if defined(__AVX2__) && !defined(__CUDACC__)

/// Batcher's odd-even merge sort of Rows elements as a list of pairs to exchange.
template <int Rows>
struct column_network {
  struct pair {
    int low, high;
  };
  pair pairs[64] = {};
  int count = 0;

  constexpr column_network() {
    for (int p = 1; p < Rows; p *= 2)
      for (int k = p; k >= 1; k /= 2)
        for (int j = k % p; j + k < Rows; j += 2 * k)
          for (int i = 0; i < k && i + j + k < Rows; ++i)
            if ((i + j) / (2 * p) == (i + j + k) / (2 * p)) pairs[count++] = {i + j, i + j + k};
  }
};

/// Sorts Rows vectors: first each column by itself, then groups of 2, 4, ... columns are merged, row by row with the
/// mirrored row, which holds a bitonic sequence together in every step.
template <class K, int Rows>
class row_sorter {
  using lanes = sort_lanes<K>;
  using vector = typename lanes::vector;
  static constexpr column_network<Rows> columns{};

 public:
  /// Sorts the Rows * width keys at `keys`.
  [[gnu::noinline]] static void sort(K* keys) {
    vector rows[Rows];
    in_rows([&](auto row) { rows[row] = lanes::load(keys + row * lanes::width); });
    sort_columns(rows, std::make_integer_sequence<int, columns.count>());
    merge_groups<2>(rows);
    in_rows([&](auto row) { lanes::store(keys + row * lanes::width, rows[row]); });
  }

 private:
  template <class F, int... Row>
  [[gnu::always_inline]] static void in_rows(F&& f, std::integer_sequence<int, Row...>) {
    (f(std::integral_constant<int, Row>()), ...);
  }
  template <class F>
  [[gnu::always_inline]] static void in_rows(F&& f) {
    in_rows(f, std::make_integer_sequence<int, Rows>());
  }
  template <int... Pair>
  [[gnu::always_inline]] static void sort_columns(vector (&rows)[Rows], std::integer_sequence<int, Pair...>) {
    (lanes::exchange_rows(rows[columns.pairs[Pair].low], rows[columns.pairs[Pair].high]), ...);
  }

  template <int Group>
  [[gnu::always_inline]] static void merge_groups(vector (&rows)[Rows]) {
    if constexpr (Group <= lanes::width) {
      merge_rows<Group, Rows>(rows);
      finish_rows<Group - 1>(rows);
      merge_groups<2 * Group>(rows);
    }
  }
  // Exchanges each row of a block with the mirrored one, its lanes reversed within their group.
  template <int Group, int Block>
  [[gnu::always_inline]] static void merge_rows(vector (&rows)[Rows]) {
    if constexpr (Block >= 2) {
      in_rows([&](auto row) {
        constexpr int low = decltype(row)::value, high = low ^ (Block - 1);
        if constexpr (low < high) {
          vector mirrored = lanes::template cross<Group - 1>(rows[high]);
          lanes::exchange(rows[low], mirrored);
          rows[high] = mirrored;
        }
      });
      merge_rows<Group, Block / 2>(rows);
    }
  }
  // Within each row: first mirrored in the group, then at half the distance each time.
  template <int Distance>
  [[gnu::always_inline]] static void finish_rows(vector (&rows)[Rows]) {
    if constexpr (Distance >= 1) {
      in_rows([&](auto row) { rows[row] = lanes::template exchange_within<Distance>(rows[row]); });
      constexpr bool mirrored = (Distance & (Distance + 1)) == 0 && Distance > 1;
      finish_rows<mirrored ? (Distance + 1) / 4 : Distance / 2>(rows);
    }
  }
};

/// The most keys that a network sorts.
template <class K>
inline constexpr index network_size = 16 * sort_lanes<K>::width;

/// Sorts `count` <= network_size<K> keys, where there is room for network_size<K>; those after them become the largest.
template <class K>
void sort_by_network(K* keys, index count) {
  constexpr index width = sort_lanes<K>::width;
  index const rows = count <= width ? 1 : count <= 2 * width ? 2 : count <= 4 * width ? 4 : count <= 8 * width ? 8 : 16;
  for (index i = count; i < rows * width; ++i) keys[i] = std::numeric_limits<K>::max();
  if (rows == 16) return row_sorter<K, 16>::sort(keys);
  if (rows == 8) return row_sorter<K, 8>::sort(keys);
  if (rows == 4) return row_sorter<K, 4>::sort(keys);
  if (rows == 2) return row_sorter<K, 2>::sort(keys);
  row_sorter<K, 1>::sort(keys);
}

#endif

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
