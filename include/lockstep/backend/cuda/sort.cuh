// Sorts of values in a row on a GPU: numbers by CUB's radix sort, anything else, and any other order, by its merge
// sort.
#pragma once

#include <cub/device/device_merge_sort.cuh>
#include <cub/device/device_radix_sort.cuh>

#include "../../algorithm/sort_order.hpp"
#include "../../expression/device_function.hpp"
#include "cub.cuh"
#include "nan_last.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

/// Places below this are sorted as 32-bit numbers.
using short_place = std::uint32_t;

/// The same value as a key: of NaNs the one that comes last in the order in which CUB sorts bits.
template <class T, class Order>
LOCKSTEP_INLINE T sortable_key(T value) {
  if constexpr (std::is_floating_point_v<T>) {
    using bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
    constexpr bits nan = is_descending<Order> ? ~bits{0} : ~bits{0} >> 1;
    if (value != value) __builtin_memcpy(&value, &nan, sizeof(T));
  }
  return value;
}

/// What CUB compares by, other than natural orders.
template <class T, class Order>
auto comparison_of(Order const& order) {
  return comparison<T, callable_t<Order>>{callable(order)};
}

/// Keys in memory as CUB gets them.
template <class Order, class T>
auto* as_sort_keys(T* keys) {
  if constexpr (std::is_floating_point_v<T>)
    return reinterpret_cast<nan_last<T, is_descending<Order>>*>(keys);
  else
    return keys;
}

/// Values, and as much room again, between which CUB's passes go back and forth.
template <class T>
class two_buffers {
 public:
  two_buffers(device const& where, T* values, index count)
      : where_(where), values_(values), count_(count), other_(where, count), cub_(values, other_.data()) {}
  cub::DoubleBuffer<T>& cub() { return cub_; }
  /// Brings the result to where the values were.
  void finish() {
    if (cub_.Current() != values_)
      where_.state().copy(values_, cub_.Current(), static_cast<std::size_t>(count_) * sizeof(T));
  }

 private:
  device const& where_;
  T* values_;
  index count_;
  temporary<T> other_;
  cub::DoubleBuffer<T> cub_;
};

/// Sorts n values in a row; equal ones keep their order.
template <class T, class Order>
void sort_values(device const& where, T* values, index n, Order const& order) {
  if constexpr (holds_host_function<Order>) {
    throw_host_only(where);
  } else if constexpr (natural_order<T, Order>) {
    operation const here("sort", shape<1>(n));
    two_buffers keys(where, as_sort_keys<Order>(values), n);
    run_cub(where, "sorting", [&](void* memory, std::size_t& bytes) {
      if constexpr (is_descending<Order>)
        return cub::DeviceRadixSort::SortKeysDescending(memory, bytes, keys.cub(), n, 0, int{sizeof(T) * 8},
                                                        stream_of(where));
      else
        return cub::DeviceRadixSort::SortKeys(memory, bytes, keys.cub(), n, 0, int{sizeof(T) * 8}, stream_of(where));
    });
    keys.finish();
  } else {
    operation const here("sort", shape<1>(n));
    run_cub(where, "sorting", [&](void* memory, std::size_t& bytes) {
      return cub::DeviceMergeSort::StableSortKeys(memory, bytes, values, n, comparison_of<T>(order), stream_of(where));
    });
  }
}

template <class Order, class T, class V>
void sort_pairs(device const& where, two_buffers<T>& keys, two_buffers<V>& values, index n) {
  run_cub(where, "sorting", [&](void* memory, std::size_t& bytes) {
    if constexpr (is_descending<Order>)
      return cub::DeviceRadixSort::SortPairsDescending(memory, bytes, keys.cub(), values.cub(), n, 0,
                                                       int{sizeof(T) * 8}, stream_of(where));
    else
      return cub::DeviceRadixSort::SortPairs(memory, bytes, keys.cub(), values.cub(), n, 0, int{sizeof(T) * 8},
                                             stream_of(where));
  });
}

/// Copies keys, and numbers each line of `length` of them from 0.
template <class Order, class T>
__global__ void __launch_bounds__(block_threads)
    number_keys_kernel(T const* values, index count, index length, T* keys, short_place* places) {
  index const i = blockIdx.x * index{block_threads} + threadIdx.x;
  if (i >= count) return;
  keys[i] = sortable_key<T, Order>(values[i]);
  places[i] = static_cast<short_place>(i % length);
}
template <class Place>
__global__ void __launch_bounds__(block_threads) number_kernel(Place* places, index count) {
  index const i = blockIdx.x * index{block_threads} + threadIdx.x;
  if (i < count) places[i] = static_cast<Place>(i);
}
template <class From>
__global__ void __launch_bounds__(block_threads) widen_kernel(From const* from, index count, index* to) {
  index const i = blockIdx.x * index{block_threads} + threadIdx.x;
  if (i < count) to[i] = static_cast<index>(from[i]);
}

/// Compares places by the values there.
template <class T, class Compare>
struct by_value {
  T const* values;
  Compare before;
  LOCKSTEP_INLINE bool operator()(index a, index b) const { return before(values[a], values[b]); }
};

template <class Compare>
void sort_places(device const& where, index* places, index n, Compare const& before) {
  run_cub(where, "sorting", [&](void* memory, std::size_t& bytes) {
    return cub::DeviceMergeSort::StableSortKeys(memory, bytes, places, n, before, stream_of(where));
  });
}

[[noreturn]] inline void throw_too_many_places(device const& where, index found) {
  throw device_error(where.name() + ", finding the places of sorted values: found " + std::to_string(found) +
                     " values, expected at most 2^32; split them");
}

/// Writes the places of n values in their stable order.
template <class T, class Order>
void argsort_values(device const& where, T const* values, index n, Order const& order, index* places) {
  operation const here("argsort", shape<1>(n));
  if constexpr (holds_host_function<Order>) {
    throw_host_only(where);
  } else if constexpr (natural_order<T, Order>) {
    if (n > index{1} << 32) throw_too_many_places(where, n);
    temporary<T> const keys(where, n);
    temporary<short_place> const numbers(where, n);
    launch(where, "sorting", number_keys_kernel<Order, T>, ceil_div(n, block_threads), block_threads, values, n,
           std::max<index>(n, 1), keys.data(), numbers.data());
    two_buffers<T> sorted(where, keys.data(), n);
    two_buffers<short_place> moved(where, numbers.data(), n);
    sort_pairs<Order>(where, sorted, moved, n);
    launch(where, "sorting", widen_kernel<short_place>, ceil_div(n, block_threads), block_threads,
           static_cast<short_place const*>(moved.cub().Current()), n, places);
  } else {
    launch(where, "sorting", number_kernel<index>, ceil_div(n, block_threads), block_threads, places, n);
    auto const before = comparison_of<T>(order);
    sort_places(where, places, n, by_value<T, decltype(before)>{values, before});
  }
}

/// to[i] = from[places[i]], for n values.
template <class T>
void gather_values(device const& where, T const* from, index n, index const* places, T* to) {
  operation const here("gather", shape<1>(n));
  read_places(where, values_in_memory<T>{from}, places, n, to);
}
/// values[i] = values[places[i]], for n values.
template <class T>
void reorder(device const& where, T* values, index n, index const* places) {
  temporary<T> const before(where, n);
  where.state().copy(before.data(), values, static_cast<std::size_t>(n) * sizeof(T));
  gather_values(where, static_cast<T const*>(before.data()), n, places, values);
}

/// Sorts n keys stably, and values with them. Large values move once, when their places are known.
template <class T, class V, class Order>
void sort_by_key_values(device const& where, T* keys, V* values, index n, Order const& order) {
  operation const here("sort_by_key", shape<1>(n));
  if constexpr (holds_host_function<Order>) {
    throw_host_only(where);
  } else if constexpr (sizeof(V) > 16) {
    temporary<index> const places(where, n);
    argsort_values(where, static_cast<T const*>(keys), n, order, places.data());
    reorder(where, keys, n, places.data());
    reorder(where, values, n, places.data());
  } else if constexpr (natural_order<T, Order>) {
    two_buffers sorted(where, as_sort_keys<Order>(keys), n);
    two_buffers<V> moved(where, values, n);
    sort_pairs<Order>(where, sorted, moved, n);
    sorted.finish();
    moved.finish();
  } else {
    run_cub(where, "sorting", [&](void* memory, std::size_t& bytes) {
      return cub::DeviceMergeSort::StableSortPairs(memory, bytes, keys, values, n, comparison_of<T>(order),
                                                   stream_of(where));
    });
  }
}

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
