// Sorting on CPU threads: numbers in a natural order by their keys, everything else by merging.
#pragma once

#include "../../core/owned_array.hpp"
#include "merge_sort.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// Sorts keys of one or two bytes by counting them.
template <class Codec>
void sort_by_counting(device const& where, typename Codec::key* keys, index n) {
  using K = typename Codec::key;
  constexpr index values = index{1} << (8 * sizeof(K));
  if (n < values / 16) return std::sort(keys, keys + n, [](K a, K b) { return Codec::encode(a) < Codec::encode(b); });
  index const pieces = n < serial_below ? 1 : std::min<index>(static_cast<index>(where.threads()), n / values + 1);
  owned_array<index> counts(new index[static_cast<std::size_t>(pieces * values)]());
  run_tasks(where, pieces, [&](index p) {
    index* const own = &counts[p * values];
    for (index i = n * p / pieces; i < n * (p + 1) / pieces; ++i)
      ++own[static_cast<index>(Codec::encode(keys[i])) + values / 2];
  });
  owned_array<index> ends(new index[static_cast<std::size_t>(values + 1)]());
  for (index v = 0; v < values; ++v) {
    ends[v + 1] = ends[v];
    for (index p = 0; p < pieces; ++p) ends[v + 1] += counts[p * values + v];
  }
  run_tasks(where, pieces, [&](index p) {
    index const begin = n * p / pieces, end = n * (p + 1) / pieces;
    index v = std::upper_bound(&ends[0], &ends[values + 1], begin) - &ends[0] - 1;
    for (index at = begin; at < end; ++v) {
      index const stop = std::min(end, ends[v + 1]);
      std::fill(keys + at, keys + stop, Codec::decode(static_cast<K>(v - values / 2)));
      at = stop;
    }
  });
}

/// Keys order all bit patterns, so NaNs of one sign are sorted first: brings them to the end.
template <class T>
void move_nans_last(T* values, index n) {
  index nans = 0;
  while (nans < n && values[nans] != values[nans]) ++nans;
  if (nans > 0 && nans < n) std::rotate(values, values + nans, values + n);
}

/// Sorts n values in a row. Not stable where equal values differ in bits: -0 and 0, NaNs.
template <class T, class Order>
void sort_values(device const& where, T* values, index n, Order const& order) {
  if constexpr (natural_order<T, Order>) {
    using codec = key_codec<T, is_descending<Order>>;
    auto* const keys = seen_as<typename codec::key>(values);
    if constexpr (sizeof(T) <= 2)
      sort_by_counting<codec>(where, keys, n);
    else
      parallel_sorter<codec>::sort(where, keys, n);
    values = seen_as<T>(keys);
    if constexpr (std::is_floating_point_v<T>) move_nans_last(values, n);
  } else {
    stable_sort(where, values, n, comparison<T, Order>{order});
  }
}

/// True when equal values of n have equal bits: no -0, no NaN.
template <class T>
bool equal_is_same(device const& where, T const* values, index n) {
  if constexpr (std::is_integral_v<T>) return true;
  std::atomic<bool> same{true};
  parallel_ranges(where, n, 4096, serial_below, [&](index begin, index end) {
    bool special = false;
    for (index i = begin; i < end; ++i) {
      signed_of<sizeof(T)> bits;
      std::memcpy(&bits, values + i, sizeof(T));
      special |= (bits == std::numeric_limits<signed_of<sizeof(T)>>::min()) | (values[i] != values[i]);
    }
    if (special) same = false;
  });
  return same;
}

/// Sorts n values in a row, stably.
template <class T, class Order>
void stable_sort_values(device const& where, T* values, index n, Order const& order) {
  if constexpr (natural_order<T, Order>)
    if (equal_is_same(where, values, n)) return sort_values(where, values, n, order);
  stable_sort(where, values, n, comparison<T, Order>{order});
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
