// Rows that fit into a block, or into a warp, sorted there by any order: one launch, each value read and written once,
// and no wait, where CUB's sort of more than some hundred segments waits to hear how many of them are long.
#pragma once

#include <cub/block/block_merge_sort.cuh>
#include <cub/warp/warp_merge_sort.cuh>

#include "sort.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

/// Whether short rows of T are sorted in registers.
template <class T>
inline constexpr bool fits_in_rows = sizeof(T) <= 8;
/// Longer rows are not.
inline constexpr index longest_row = 2048;

/// A number of 16 bits that may lie anywhere.
struct unaligned_place {
  unsigned char low, high;
  unaligned_place() = default;
  LOCKSTEP_INLINE explicit unaligned_place(int place)
      : low(static_cast<unsigned char>(place)), high(static_cast<unsigned char>(place >> 8)) {}
  LOCKSTEP_INLINE operator unsigned() const { return low | unsigned{high} << 8; }
};
/// A value and where it comes from, without padding.
template <class T>
struct placed {
  using place_type =
      std::conditional_t<alignof(T) >= 8, std::uint64_t,
                         std::conditional_t<alignof(T) == 4, std::uint32_t,
                                            std::conditional_t<alignof(T) == 2, std::uint16_t, unaligned_place>>>;
  T value;
  place_type place;
};

/// Places from `length` on hold nothing, which comes last.
template <class T, class Compare>
struct before_in_row {
  Compare before;
  unsigned length;
  LOCKSTEP_INLINE bool operator()(placed<T> const& a, placed<T> const& b) const {
    if (b.place >= length) return a.place < length;
    return a.place < length && before(a.value, b.value);
  }
};

/// `Threads` sort a row: a warp, of which a block has several, or a whole block.
template <int Threads, int Items, class T, class Before, class Write>
struct row_sorter {
  static constexpr bool by_warps = Threads == warp_lanes;
  static constexpr int rows = by_warps ? static_cast<int>(block_threads) / warp_lanes : 1;  // of a block
  static constexpr int room = Threads * Items;
  using merge_sort = std::conditional_t<by_warps, cub::WarpMergeSort<placed<T>, Items>,
                                        cub::BlockMergeSort<placed<T>, Threads, Items>>;
  union memory {
    typename merge_sort::TempStorage sorting;
    unsigned char values[(room + 1) * sizeof(placed<T>)];
    LOCKSTEP_INLINE memory() {}
  };

  static __device__ __forceinline__ void wait() {
    if constexpr (by_warps)
      __syncwarp();
    else
      __syncthreads();
  }
  static __device__ void sort(memory& shared, T const* row, int length, Before const& before, Write const& write) {
    int const thread = static_cast<int>(threadIdx.x) % Threads;
    auto* const values = reinterpret_cast<placed<T>*>(shared.values);
    for (int i = thread; i <= room; i += Threads)  // CUB reads one more, whatever that is
      values[i] = {i < length ? row[i] : T{}, static_cast<typename placed<T>::place_type>(i)};
    wait();
    placed<T> mine[Items];
#pragma unroll
    for (int k = 0; k < Items; ++k) mine[k] = values[thread * Items + k];
    wait();
    merge_sort(shared.sorting).StableSort(mine, before);
    wait();
#pragma unroll
    for (int k = 0; k < Items; ++k) values[thread * Items + k] = mine[k];
    wait();
    for (int i = thread; i < length; i += Threads) write(i, values[i]);
  }
};

/// What becomes of a sorted row: its values take their places, or their places are written.
template <class T>
struct write_values {
  T* row;
  __device__ void operator()(int i, placed<T> const& found) const { row[i] = found.value; }
  __device__ write_values at(index first) const { return {row + first}; }
};
template <class T>
struct write_places {
  index* row;
  __device__ void operator()(int i, placed<T> const& found) const { row[i] = static_cast<index>(found.place); }
  __device__ write_places at(index first) const { return {row + first}; }
};

template <int Threads, int Items, class T, class Before, class Write>
__global__ void __launch_bounds__(Threads == warp_lanes ? block_threads : Threads)
    sort_rows_kernel(T const* values, index count, int length, Before before, Write write) {
  using sorter = row_sorter<Threads, Items, T, Before, Write>;
  __shared__ typename sorter::memory shared[sorter::rows];
  int const within = static_cast<int>(threadIdx.x) / Threads;
  index const row = blockIdx.x * index{sorter::rows} + within;
  if (row >= count) return;  // whole warps
  sorter::sort(shared[within], values + row * length, length, before, write.at(row * length));
}

/// Sorts each of `count` rows of `length` values, at most longest_row.
template <class T, class Order, class Write>
void sort_short_rows(device const& where, T const* values, index count, index length, Order const& order,
                     Write const& write) {
  auto const compare = comparison_of<T>(order);
  before_in_row<T, std::remove_const_t<decltype(compare)>> const before{compare, static_cast<unsigned>(length)};
  using less_in_row = std::remove_const_t<decltype(before)>;
  auto const run = [&](auto kernel, index rows, unsigned threads) {
    launch(where, "sorting", kernel, ceil_div(count, rows), threads, values, count, static_cast<int>(length), before,
           write);
  };
  if (length <= 128)
    run(sort_rows_kernel<warp_lanes, 4, T, less_in_row, Write>, index{block_threads} / warp_lanes, block_threads);
  else if (length <= 512)
    run(sort_rows_kernel<128, 4, T, less_in_row, Write>, 1, 128);
  else
    run(sort_rows_kernel<256, 8, T, less_in_row, Write>, 1, 256);
}

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
