// Sorts of many lines or segments at once on a GPU. Short lines, and segments, are sorted by a block each; numbers in
// long lines by CUB's segmented radix sort; large values by a merge sort of places that compares segments first. None
// of them waits.
#pragma once

#include <cub/device/device_segmented_radix_sort.cuh>

#include "../../algorithm/reduction_order.hpp"
#include "map.cuh"
#include "sort_segments.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

/// Compares places by their segment, then by the values there.
template <class Segments, class T, class Compare>
struct by_segment {
  Segments segments;
  by_value<T, Compare> values;
  LOCKSTEP_INLINE bool operator()(index a, index b) const {
    index const in_a = segments.holding(a), in_b = segments.holding(b);
    return in_a != in_b ? in_a < in_b : values(a, b);
  }
};

/// Writes the places, counted from the first value, of n values in the stable order of each segment.
template <class T, class Order, class Segments>
void argsort_segments_by(device const& where, T const* values, index n, Segments const& segments, Order const& order,
                         index* places) {
  launch(where, "sorting", number_kernel<index>, ceil_div(n, block_threads), block_threads, places, n);
  auto const before = comparison_of<T>(order);
  using compare = std::remove_const_t<decltype(before)>;
  sort_places(where, places, n, by_segment<Segments, T, compare>{segments, {values, before}});
}

/// Sorts each of `count` segments of n values; equal values keep their order.
template <class T, class Order, class Segments>
void sort_segments(device const& where, T* values, index n, Segments const& segments, index count, Order const& order) {
  if constexpr (holds_host_function<Order>) {
    throw_host_only(where);
  } else if constexpr (fits_in_rows<T>) {
    sort_listed(where, values, n, segments, count, order);
  } else {
    temporary<index> const places(where, n);
    argsort_segments_by(where, static_cast<T const*>(values), n, segments, order, places.data());
    reorder(where, values, n, places.data());
  }
}

/// Few long lines are sorted one by one: each of them alone fills the device.
inline bool sort_one_by_one(index count, index length) { return count == 1 || length / 4096 > count; }

/// f(first line, lines), for as many lines at a time as CUB counts values of.
template <class F>
void for_lines_at_a_time(index count, index length, F const& f) {
  index const most = std::max<index>(INT32_MAX / length, 1);
  for (index first = 0; first < count; first += most) f(first, std::min(most, count - first));
}

/// Sorts each of `count` lines of `length` numbers by their bits.
template <class Order, class T>
void radix_sort_rows(device const& where, T* values, index count, index length) {
  auto const begins = iterate<int>(equal_segments{length});
  for_lines_at_a_time(count, length, [&](index first, index lines) {
    two_buffers keys(where, as_sort_keys<Order>(values + first * length), lines * length);
    int const n = static_cast<int>(lines * length), segments = static_cast<int>(lines), bits = sizeof(T) * 8;
    run_cub(where, "sorting", [&](void* memory, std::size_t& bytes) {
      if constexpr (is_descending<Order>)
        return cub::DeviceSegmentedRadixSort::SortKeysDescending(memory, bytes, keys.cub(), n, segments, begins,
                                                                 begins + 1, 0, bits, stream_of(where));
      else
        return cub::DeviceSegmentedRadixSort::SortKeys(memory, bytes, keys.cub(), n, segments, begins, begins + 1, 0,
                                                       bits, stream_of(where));
    });
    keys.finish();
  });
}

/// Sorts each of `count` lines of `length` values.
template <class T, class Order>
void sort_rows(device const& where, T* values, index count, index length, Order const& order) {
  if constexpr (holds_host_function<Order>) {
    throw_host_only(where);
  } else {
    if (count * length == 0) return;
    if (sort_one_by_one(count, length)) {
      for (index i = 0; i < count; ++i) sort_values(where, values + i * length, length, order);
      return;
    }
    if constexpr (fits_in_rows<T>)
      if (length <= longest_row)
        return sort_short_rows(where, static_cast<T const*>(values), count, length, order, write_values<T>{values});
    if constexpr (natural_order<T, Order>)
      radix_sort_rows<Order>(where, values, count, length);
    else
      sort_segments(where, values, count * length, equal_segments{length}, count, order);
  }
}

template <class Place>
__global__ void __launch_bounds__(block_threads) place_in_line_kernel(Place* places, index count, index length) {
  index const i = blockIdx.x * index{block_threads} + threadIdx.x;
  if (i < count) places[i] %= length;
}

/// Writes the places of `count` lines of `length` numbers in the order of their bits.
template <class Order, class T>
void radix_argsort_rows(device const& where, T const* values, index count, index length, index* places) {
  auto const begins = iterate<int>(equal_segments{length});
  for_lines_at_a_time(count, length, [&](index first, index lines) {
    index const total = lines * length, blocks = ceil_div(total, block_threads);
    temporary<T> const keys(where, total);
    temporary<short_place> const numbers(where, total);
    launch(where, "sorting", number_keys_kernel<Order, T>, blocks, block_threads, values + first * length, total,
           length, keys.data(), numbers.data());
    two_buffers<T> sorted(where, keys.data(), total);
    two_buffers<short_place> moved(where, numbers.data(), total);
    int const n = static_cast<int>(total), segments = static_cast<int>(lines), bits = sizeof(T) * 8;
    run_cub(where, "sorting", [&](void* memory, std::size_t& bytes) {
      if constexpr (is_descending<Order>)
        return cub::DeviceSegmentedRadixSort::SortPairsDescending(memory, bytes, sorted.cub(), moved.cub(), n, segments,
                                                                  begins, begins + 1, 0, bits, stream_of(where));
      else
        return cub::DeviceSegmentedRadixSort::SortPairs(memory, bytes, sorted.cub(), moved.cub(), n, segments, begins,
                                                        begins + 1, 0, bits, stream_of(where));
    });
    launch(where, "sorting", widen_kernel<short_place>, blocks, block_threads,
           static_cast<short_place const*>(moved.cub().Current()), total, places + first * length);
  });
}

/// Writes, for each of `count` lines of `length` values, the places of its values in their stable order.
template <class T, class Order>
void argsort_rows(device const& where, T const* values, index count, index length, Order const& order, index* places) {
  if constexpr (holds_host_function<Order>) {
    throw_host_only(where);
  } else {
    index const n = count * length;
    if (n == 0) return;
    if (sort_one_by_one(count, length)) {
      for (index i = 0; i < count; ++i) argsort_values(where, values + i * length, length, order, places + i * length);
      return;
    }
    if constexpr (fits_in_rows<T>)
      if (length <= longest_row) return sort_short_rows(where, values, count, length, order, write_places<T>{places});
    if constexpr (natural_order<T, Order>) {
      radix_argsort_rows<Order>(where, values, count, length, places);
    } else {
      argsort_segments_by(where, values, n, equal_segments{length}, order, places);
      launch(where, "sorting", place_in_line_kernel<index>, ceil_div(n, block_threads), block_threads, places, n,
             length);
    }
  }
}

/// Values of (outer, length, inner) as lines of `length`, one after another; and back.
template <class T>
class turned_lines {
 public:
  turned_lines(device const& where, axis_split const& lines)
      : where_(where),
        lying_(lines.outer, lines.inner, lines.length),
        strides_(lines.length * lines.inner, 1, lines.inner),
        rows_(where, lines.outer * lines.length * lines.inner) {}

  T* data() const { return rows_.data(); }
  void read(T const* values) {
    store(where_, output<T, 3, memory_evaluator<T, 3>>{{rows_.data(), lying_}, {values, strides_}});
  }
  void write(T* values) const {
    store(where_,
          output<T, 3, memory_evaluator<T, 3>>{{values, lying_, strides_}, {rows_.data(), row_major_strides(lying_)}});
  }

 private:
  device const& where_;
  shape<3> lying_, strides_;
  temporary<T> rows_;
};

template <class T>
__global__ void __launch_bounds__(block_threads)
    read_lines_kernel(axis_split lines, index kept, T const* values, index const* places, index count, T* target) {
  index const i = blockIdx.x * index{block_threads} + threadIdx.x;
  if (i >= count) return;
  index const inner = i % lines.inner, outer = i / lines.inner / kept;
  target[i] = values[(outer * lines.length + places[i]) * lines.inner + inner];
}
/// The values of lines at `kept` places of each, counted along it.
template <class T>
void read_lines(device const& where, axis_split const& lines, index kept, T const* values, index const* places,
                T* target) {
  operation const here("gather", shape<3>(lines.outer, kept, lines.inner));
  index const count = lines.outer * kept * lines.inner;
  launch(where, "reading places", read_lines_kernel<T>, ceil_div(count, block_threads), block_threads, lines, kept,
         values, places, count, target);
}

/// Sorts each line along an axis of a dense array.
template <class T, class Order>
void sort_lines(device const& where, axis_split const& lines, T* values, Order const& order) {
  operation const here("sort", shape<3>(lines.outer, lines.length, lines.inner));
  if (lines.inner == 1) return sort_rows(where, values, lines.outer, lines.length, order);
  turned_lines<T> rows(where, lines);
  rows.read(values);
  sort_rows(where, rows.data(), lines.outer * lines.inner, lines.length, order);
  rows.write(values);
}

/// Writes, for each line along an axis of a dense array, the places of its values in their stable order.
template <class T, class Order>
void argsort_lines(device const& where, axis_split const& lines, T const* values, Order const& order, index* places) {
  operation const here("argsort", shape<3>(lines.outer, lines.length, lines.inner));
  if (lines.inner == 1) return argsort_rows(where, values, lines.outer, lines.length, order, places);
  turned_lines<T> rows(where, lines);
  turned_lines<index> found(where, lines);
  rows.read(values);
  argsort_rows(where, static_cast<T const*>(rows.data()), lines.outer * lines.inner, lines.length, order, found.data());
  found.write(places);
}

/// Whether offset i is below the one before it, or, at the ends, not 0 or not n.
template <class Offset>
struct is_bad_offset {
  Offset const* offsets;
  index segments, n;
  LOCKSTEP_INLINE bool operator()(index i) const {
    return i == 0 ? offsets[0] != 0 || offsets[segments] != n : offsets[i] < offsets[i - 1];
  }
};
/// Waits to hear whether offsets do anything but ascend from 0 to n.
template <class Offset>
bool has_bad_offsets(device const& where, Offset const* offsets, index segments, index n) {
  return holds_anywhere(where, "looking at offsets", segments + 1, is_bad_offset<Offset>{offsets, segments, n});
}

/// Sorts segments [offsets[i], offsets[i + 1]) of n values, each by itself.
template <class T, class Order>
void segmented_sort(device const& where, T* values, index n, index const* offsets, index segments, Order const& order) {
  operation const here("segmented_sort", shape<1>(n));
  sort_segments(where, values, n, listed_segments{offsets, segments}, segments, order);
}

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
