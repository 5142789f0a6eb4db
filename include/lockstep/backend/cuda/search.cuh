// What is done with sorted values on a GPU: places by binary search, one thread per value; merging; set operations as
// selections by how often a value was there before.
#pragma once

#include <cub/device/device_merge.cuh>

#include "select.cuh"
#include "sort.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

/// How many of `size` sorted values come before another one, or (Upper) do not come after it.
template <class T, class Compare>
struct sorted_run {
  T const* values;
  index size;
  Compare before;

  template <bool Upper>
  LOCKSTEP_INLINE index place_of(T const& value) const {
    index low = 0, high = size;
    while (low < high) {
      index const middle = (low + high) / 2;
      bool const right = Upper ? !before(value, values[middle]) : before(values[middle], value);
      if (right)
        low = middle + 1;
      else
        high = middle;
    }
    return low;
  }
};

template <bool Upper, class T, class Compare>
struct place_in_run {
  sorted_run<T, Compare> run;
  template <class V>
  LOCKSTEP_INLINE index operator()(V const& value) const {
    return run.template place_of<Upper>(static_cast<T>(value));
  }
};

/// Writes, for each value of an evaluator, its place among sorted values.
template <bool Upper, class T, class Order, class Evaluator, std::size_t R>
void search(device const& where, T const* sorted, index size, Evaluator const& values, shape<R> const& extents,
            Order const& order, index* found) {
  operation const here("searchsorted", extents);
  if constexpr (holds_host_function<Order>) {
    throw_host_only(where);
  } else {
    auto const before = comparison_of<T>(order);
    using run = sorted_run<T, std::remove_const_t<decltype(before)>>;
    using place = place_in_run<Upper, T, std::remove_const_t<decltype(before)>>;
    using evaluator = elementwise_evaluator<R, place, Evaluator>;
    store(where, output<index, R, evaluator>{{found, extents}, evaluator{place{run{sorted, size, before}}, {values}}});
  }
}

/// Whether value i + 1 comes before value i.
template <class T, class Compare>
struct in_disorder {
  T const* values;
  Compare before;
  LOCKSTEP_INLINE bool operator()(index i) const { return before(values[i + 1], values[i]); }
};
/// True when no value comes before the one in front of it.
template <class T, class Order>
bool is_sorted(device const& where, T const* values, index count, Order const& order) {
  operation const here("is_sorted", shape<1>(count));
  if constexpr (holds_host_function<Order>) {
    throw_host_only(where);
    return false;
  } else {
    auto const before = comparison_of<T>(order);
    return !holds_anywhere(where, "looking for disorder", count - 1,
                           in_disorder<T, std::remove_const_t<decltype(before)>>{values, before});
  }
}

/// Merges two runs stably.
template <class T, class Order>
void merge(device const& where, T const* a, index a_size, T const* b, index b_size, T* target, Order const& order) {
  operation const here("merge", shape<1>(a_size + b_size));
  if constexpr (holds_host_function<Order>) {
    throw_host_only(where);
  } else {
    run_cub(where, "merging", [&](void* memory, std::size_t& bytes) {
      return cub::DeviceMerge::MergeKeys(memory, bytes, a, a_size, b, b_size, target, comparison_of<T>(order),
                                         stream_of(where));
    });
  }
}

/// The values of a run that are in another: as many of equal ones as both have, or (not Common) all but those.
template <bool Common, class T, class Compare>
struct compared_runs {
  using value_type = T;
  static constexpr bool compares = false;
  sorted_run<T, Compare> own, other;

  LOCKSTEP_INLINE T value(index i) const { return own.values[i]; }
  LOCKSTEP_INLINE bool read(index i, T& value) const {
    value = own.values[i];
    index const before = i - own.template place_of<false>(value);
    index const in_other = other.template place_of<true>(value) - other.template place_of<false>(value);
    return (before < in_other) == Common;
  }
};

/// Writes what a run has in common with another (as std::set_intersection), or the rest (as std::set_difference);
/// returns how many values.
template <bool Common, class T, class Order>
index compare_runs(device const& where, T const* a, index a_size, T const* b, index b_size, T* target,
                   Order const& order) {
  if constexpr (holds_host_function<Order>) {
    throw_host_only(where);
    return 0;
  } else {
    if (a_size == 0) return 0;
    operation const here(Common ? "set_intersection" : "set_difference", shape<1>(a_size));
    auto const before = comparison_of<T>(order);
    using compare = std::remove_const_t<decltype(before)>;
    compared_runs<Common, T, compare> const source{{a, a_size, before}, {b, b_size, before}};
    return select_values(where, source, a_size, target);
  }
}

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
