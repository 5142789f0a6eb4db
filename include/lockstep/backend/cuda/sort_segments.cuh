// Segments of any lengths sorted by any order in one launch and without a wait: a block looks at the lengths of its own
// segments and gives each to a warp, to all of its threads at once, or, tile by tile, to them all and then to merges.
// CUB's segmented sort waits to hear how many of more than some hundred segments are long.
#pragma once

#include "sort_rows.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

/// Segments of one length.
struct equal_segments {
  index length;
  LOCKSTEP_INLINE index operator()(index i) const { return i * length; }  // where segment i begins
  LOCKSTEP_INLINE index holding(index place) const { return place / length; }
};
/// Segments from offsets[i] to offsets[i + 1].
struct listed_segments {
  index const* offsets;
  index count;
  LOCKSTEP_INLINE index operator()(index i) const { return offsets[i]; }
  LOCKSTEP_INLINE index holding(index place) const {
    index low = 0, high = count - 1;
    while (low < high) {
      index const middle = (low + high) / 2;
      if (offsets[middle + 1] <= place)
        low = middle + 1;
      else
        high = middle;
    }
    return low;
  }
};

/// How many of the first `place` values of two sorted rows, merged, are of the first one, whose values come first among
/// equal ones.
template <class T, class Compare>
__device__ __forceinline__ index merged_before(T const* a, index a_size, T const* b, index b_size, index place,
                                               Compare const& before) {
  index low = place > b_size ? place - b_size : 0, high = place < a_size ? place : a_size;
  while (low < high) {
    index const middle = (low + high) / 2;
    if (before(b[place - 1 - middle], a[middle]))
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

/// A block's sort of one segment, of any length.
template <class T, class Compare>
struct segment_sorter {
  static constexpr int threads = static_cast<int>(block_threads), items = static_cast<int>(longest_row) / threads;
  static constexpr index tile = longest_row, short_tile = 512, warp_tile = 128;
  using less_in_row = before_in_row<T, Compare>;
  using by_warp = row_sorter<warp_lanes, warp_tile / warp_lanes, T, less_in_row, write_values<T>>;
  using by_few = row_sorter<threads, short_tile / threads, T, less_in_row, write_values<T>>;
  using by_block = row_sorter<threads, items, T, less_in_row, write_values<T>>;
  struct merging {
    alignas(T) unsigned char values[tile * sizeof(T)];
    index first, last;  ///< of the first row's values, those that belong to the tile
  };
  union memory {
    typename by_warp::memory warps[threads / warp_lanes];
    typename by_few::memory few;
    typename by_block::memory block;
    merging merge;
    LOCKSTEP_INLINE memory() {}
  };

  memory& shared;
  Compare before;

  /// Called by a warp for a segment of at most warp_tile.
  __device__ void sort_by_warp(T* values, index length) const {
    int const warp = static_cast<int>(threadIdx.x) / warp_lanes, size = static_cast<int>(length);
    by_warp::sort(shared.warps[warp], values, size, less_in_row{before, static_cast<unsigned>(size)}, {values});
  }
  /// Called by the block for one of at most `tile`.
  __device__ void sort_tile(T const* values, index length, T* to) const {
    int const size = static_cast<int>(length);
    less_in_row const less{before, static_cast<unsigned>(size)};
    if (length <= short_tile)
      by_few::sort(shared.few, values, size, less, {to});
    else
      by_block::sort(shared.block, values, size, less, {to});
    __syncthreads();
  }
  /// Called by the block for a longer one, with as much room again.
  __device__ void sort_tiles(T* values, index length, T* room) const {
    bool odd = false;
    for (index width = tile; width < length; width *= 2) odd = !odd;
    T *from = odd ? room : values, *to = odd ? values : room;
    for (index begin = 0; begin < length; begin += tile)
      sort_tile(values + begin, begin + tile < length ? tile : length - begin, from + begin);
    for (index width = tile; width < length; width *= 2) {
      for (index begin = 0; begin < length; begin += 2 * width)
        merge_pair(from + begin, width, length - begin, to + begin);
      T* const merged = to;
      to = from;
      from = merged;
    }
  }

 private:
  /// Merges values [0, width) with those up to 2 width, or up to `left` where there are not so many.
  __device__ void merge_pair(T const* from, index width, index left, T* to) const {
    index const a_size = left < width ? left : width, b_size = (left < 2 * width ? left : 2 * width) - a_size;
    for (index place = 0; place < a_size + b_size; place += tile) {
      index const end = place + tile < a_size + b_size ? place + tile : a_size + b_size;
      if (threadIdx.x < 2)
        (threadIdx.x == 0 ? shared.merge.first : shared.merge.last) =
            merged_before(from, a_size, from + width, b_size, threadIdx.x == 0 ? place : end, before);
      __syncthreads();
      index const first = shared.merge.first, found = shared.merge.last - first;
      int const size = static_cast<int>(end - place);
      int const of_a = found < 0 ? 0 : found > size ? size : static_cast<int>(found);  // whatever the order does
      merge_tile(from + first, of_a, from + width + (place - first), size - of_a, to + place);
    }
  }
  __device__ void merge_tile(T const* a, int a_size, T const* b, int b_size, T* to) const {
    int const thread = static_cast<int>(threadIdx.x), size = a_size + b_size;
    T* const values = reinterpret_cast<T*>(shared.merge.values);
    for (int i = thread; i < size; i += threads) values[i] = i < a_size ? a[i] : b[i - a_size];
    __syncthreads();
    int const place = thread * items < size ? thread * items : size;
    int next_a = static_cast<int>(merged_before(values, a_size, values + a_size, b_size, place, before));
    int next_b = a_size + place - next_a;
    T merged[items];
#pragma unroll
    for (int k = 0; k < items; ++k) {
      if (place + k >= size) break;
      bool const take_b = next_a == a_size || (next_b < size && before(values[next_b], values[next_a]));
      merged[k] = values[take_b ? next_b++ : next_a++];
    }
    __syncthreads();
#pragma unroll
    for (int k = 0; k < items; ++k)
      if (place + k < size) values[place + k] = merged[k];
    __syncthreads();
    for (int i = thread; i < size; i += threads) to[i] = values[i];
    __syncthreads();
  }
};

/// Each block sorts `PerBlock` neighboring segments. Offsets that lie outside of the values or do not ascend leave an
/// order that means nothing, and touch no other memory.
template <int PerBlock, class T, class Segments, class Compare>
__global__ void __launch_bounds__(block_threads, least_blocks)
    sort_segments_kernel(T* values, index n, Segments segments, index count, Compare before, T* room) {
  using sorter = segment_sorter<T, Compare>;
  __shared__ typename sorter::memory shared;
  __shared__ index begins[PerBlock + 1];
  index const first = blockIdx.x * index{PerBlock};
  int const here = count - first < PerBlock ? static_cast<int>(count - first) : PerBlock;
  if (threadIdx.x <= here) {
    index const begin = segments(first + threadIdx.x);
    begins[threadIdx.x] = begin < 0 ? 0 : begin > n ? n : begin;
  }
  __syncthreads();
  sorter const sort{shared, before};
  if (int const mine = static_cast<int>(threadIdx.x) / warp_lanes; mine < here) {
    index const length = begins[mine + 1] - begins[mine];
    if (length > 1 && length <= sorter::warp_tile) sort.sort_by_warp(values + begins[mine], length);
  }
  __syncthreads();
  for (int i = 0; i < here; ++i) {
    index const begin = begins[i], length = begins[i + 1] - begin;
    if (length <= sorter::warp_tile) continue;
    if (length <= sorter::tile)
      sort.sort_tile(values + begin, length, values + begin);
    else
      sort.sort_tiles(values + begin, length, room + begin);
  }
}

/// Sorts each of `count` segments of n values of a type that fits_in_rows; equal values keep their order.
template <class T, class Order, class Segments>
void sort_listed(device const& where, T* values, index n, Segments const& segments, index count, Order const& order) {
  if (n == 0 || count == 0) return;
  auto const before = comparison_of<T>(order);
  using compare = std::remove_const_t<decltype(before)>;
  constexpr int warps = static_cast<int>(block_threads) / warp_lanes;
  temporary<T> const room(where, n > longest_row ? n : 0);
  auto const run = [&](auto kernel, index per_block) {
    launch(where, "sorting", kernel, ceil_div(count, per_block), block_threads, values, n, segments, count, before,
           room.data());
  };
  if (n / count <= 64)
    run(sort_segments_kernel<warps, T, Segments, compare>, warps);
  else
    run(sort_segments_kernel<1, T, Segments, compare>, 1);
}

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
