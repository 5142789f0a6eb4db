// Compaction on a GPU in one pass over memory: what a source keeps moves together. Every element is read once, by
// neighboring threads together; tiles chain their counts as look_back.cuh says, and write what they keep without
// gaps.
#pragma once

#include "look_back.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

/// What a compaction writes: the values that are kept, their places, both, with the total behind the last place; or all
/// values, those that are not kept backward from the end.
enum class compaction { values, places, both, partition };

/// A source has value(i), and read(i, value), which also says whether it is kept; or, where `compares`, differs(the
/// value before, value), and the first of all is kept. A thread holds `compact_items` of them.
template <class T>
inline constexpr int compact_items = scan_items<T>;
/// Values up to this size are gathered in shared memory; of larger ones their places, and they are read again.
template <class T>
inline constexpr bool gathers_values = sizeof(T) <= 16;

struct add_counts {
  LOCKSTEP_INLINE index operator()(index a, index b) const { return a + b; }
};

/// A warp's part of a tile: rows of 32 neighbors.
template <class T>
struct compact_row {
  T values[compact_items<T>];
  unsigned kept = 0;  ///< bit by bit, of this lane in each row
};

template <class Source, class T>
__device__ __forceinline__ compact_row<T> read_kept(Source const& source, index first, index total, int lane) {
  compact_row<T> all;
#pragma unroll
  for (int row = 0; row < compact_items<T>; ++row) {
    index const i = first + row * warp_lanes + lane;
    if (i >= total) continue;
    if constexpr (Source::compares)
      all.values[row] = source.value(i);
    else
      all.kept |= unsigned{source.read(i, all.values[row])} << row;
  }
  if constexpr (Source::compares) {
    T before = all.values[0];
    if (lane == 0 && first > 0 && first < total) before = source.value(first - 1);
#pragma unroll
    for (int row = 0; row < compact_items<T>; ++row) {
      index const i = first + row * warp_lanes + lane;
      T const left = shuffle_up(all.values[row], 1);
      if (lane != 0) before = left;
      if (i < total && (i == 0 || source.differs(before, all.values[row]))) all.kept |= 1u << row;
      before = shuffle_from(all.values[row], warp_lanes - 1);
    }
  }
  return all;
}

/// What a tile has gathered: values, or their places within it.
template <class T>
struct gathered_tile {
  T* values;
  std::uint16_t* places;
};

/// Puts the kept elements of a warp's part behind one another from `count` on, and for a partition the others from
/// `tile_kept` on.
template <compaction What, class T>
__device__ __forceinline__ void gather_kept(gathered_tile<T> const& to, compact_row<T> const& all, int begin, int size,
                                            int count, int tile_kept, int lane) {
  constexpr bool with_values = What != compaction::places && gathers_values<T>;
  constexpr bool with_places = What == compaction::places || What == compaction::both || !gathers_values<T>;
#pragma unroll
  for (int row = 0; row < compact_items<T>; ++row) {
    bool const kept = all.kept >> row & 1;
    unsigned const mask = __ballot_sync(0xffffffffu, kept);
    int const place = begin + row * warp_lanes + lane, before = count + __popc(mask & ((1u << lane) - 1));
    if (kept || (What == compaction::partition && place < size)) {
      int const slot = kept ? before : tile_kept + place - before;
      if constexpr (with_values) to.values[slot] = all.values[row];
      if constexpr (with_places) to.places[slot] = static_cast<std::uint16_t>(place);
    }
    count += __popc(mask);
  }
}

/// Writes what a tile has gathered behind the `before` that earlier tiles keep.
template <compaction What, class Source, class T>
__device__ __forceinline__ void write_kept(Source const& source, gathered_tile<T> const& from, index tile_first,
                                           int size, index before, int tile_kept, index total, T* values,
                                           index* places) {
  for (int slot = threadIdx.x; slot < (What == compaction::partition ? size : tile_kept); slot += block_threads) {
    index const to = slot < tile_kept ? before + slot : total - 1 - (tile_first - before + slot - tile_kept);
    if constexpr (What != compaction::places) {
      if constexpr (gathers_values<T>)
        values[to] = from.values[slot];
      else
        values[to] = source.value(tile_first + from.places[slot]);
    }
    if constexpr (What == compaction::places || What == compaction::both) places[to] = tile_first + from.places[slot];
  }
}

template <compaction What, class Source, class T>
__global__ void __launch_bounds__(block_threads, least_blocks)
    compact_kernel(Source source, index total, T* values, index* places, index* kept, scan_state<index> state) {
  constexpr int warp_length = warp_lanes * compact_items<T>, tile_length = scan_warps * warp_length;
  constexpr bool with_values = What != compaction::places && gathers_values<T>;
  constexpr bool with_places = What == compaction::places || What == compaction::both || !gathers_values<T>;
  __shared__ index shared_tile, shared_before;
  __shared__ int warp_counts[scan_warps];
  __shared__ alignas(T) unsigned char raw_values[with_values ? tile_length * sizeof(T) : 1];
  __shared__ std::uint16_t raw_places[with_places ? tile_length : 1];
  gathered_tile<T> const gathered{reinterpret_cast<T*>(raw_values), raw_places};
  int const lane = threadIdx.x % warp_lanes, warp = threadIdx.x / warp_lanes;

  if (threadIdx.x == 0) shared_tile = state.take_tile();
  __syncthreads();
  index const tile = shared_tile, tile_first = tile * tile_length;
  int const size = total - tile_first < tile_length ? static_cast<int>(total - tile_first) : tile_length;
  auto const all = read_kept<Source, T>(source, tile_first + warp * warp_length, total, lane);
  int count = 0;
#pragma unroll
  for (int row = 0; row < compact_items<T>; ++row) count += __popc(__ballot_sync(0xffffffffu, all.kept >> row & 1));
  if (lane == 0) warp_counts[warp] = count;
  __syncthreads();
  int warp_before = 0, tile_kept = 0;
  for (int w = 0; w < scan_warps; ++w) {
    if (w == warp) warp_before = tile_kept;
    tile_kept += warp_counts[w];
  }
  gather_kept<What>(gathered, all, warp * warp_length, size, warp_before, tile_kept, lane);
  if (warp == 0) {
    scan_rule<index, add_counts> const rule{{}, true, true, 0};
    prefix<index> const before = look_back(state, rule, tile, index{tile_kept}, lane);
    if (lane == 0) shared_before = before.value;
    if (lane == 0 && tile_first + size == total) {
      *kept = before.value + tile_kept;
      if constexpr (What == compaction::both) places[*kept] = total;
    }
    state.leave(lane);
  }
  __syncthreads();
  write_kept<What>(source, gathered, tile_first, size, shared_before, tile_kept, total, values, places);
}

/// Compacts `total` elements, at least one, and leaves the number of those kept in the device's memory; does not wait.
template <compaction What, class Source, class T>
void compact(device const& where, char const* doing, Source const& source, index total, T* values, index* places,
             index* kept) {
  index const tiles = ceil_div(total, index{block_threads} * compact_items<T>);
  lowering context{where, {}};
  launch(where, doing, compact_kernel<What, Source, T>, tiles, block_threads, source, total, values, places, kept,
         scan_memory<index>(context, tiles));
}

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
