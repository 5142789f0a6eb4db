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

/// A warp's part of a tile: rows of 32 neighbors, and for each row the lanes whose element is kept.
template <class T>
struct compact_rows {
  T values[compact_items<T>];
  unsigned kept[compact_items<T>];
};

/// Fills `all`, and kept[row] of this lane. Where the part is Whole, no place is compared with the end.
template <bool Whole, class Source, class T>
__device__ __forceinline__ void read_part(Source const& source, index first, index total, int lane,
                                          compact_rows<T>& all) {
  bool kept[compact_items<T>];
#pragma unroll
  for (int row = 0; row < compact_items<T>; ++row) {
    index const i = first + row * warp_lanes + lane;
    if constexpr (Source::compares)
      all.values[row] = source.value(Whole || i < total ? i : total - 1);
    else
      kept[row] = (Whole || i < total) && source.read(i, all.values[row]);
  }
  if constexpr (Source::compares) {
    T before = all.values[0];  // of lane 0: the last value of the row before
    if (lane == 0 && first > 0 && (Whole || first < total)) before = source.value(first - 1);
#pragma unroll
    for (int row = 0; row < compact_items<T>; ++row) {
      T const left = shuffle_from(all.values[row], (lane + warp_lanes - 1) % warp_lanes);
      kept[row] = source.differs(lane == 0 ? before : left, all.values[row]) &&
                  (Whole || first + row * warp_lanes + lane < total);
      before = left;
    }
  }
#pragma unroll
  for (int row = 0; row < compact_items<T>; ++row) all.kept[row] = __ballot_sync(0xffffffffu, kept[row]);
}
template <class Source, class T>
__device__ __forceinline__ void read_kept(Source const& source, index first, index total, int lane,
                                          compact_rows<T>& all) {
  if (first + compact_items<T> * warp_lanes <= total) {
    read_part<true>(source, first, total, lane, all);
  } else {
    read_part<false>(source, first, total, lane, all);
    keep_apart();
  }
  if (Source::compares && first == 0) all.kept[0] |= 1u;
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
__device__ __forceinline__ void gather_kept(gathered_tile<T> const& to, compact_rows<T> const& all, int begin, int size,
                                            int count, int tile_kept, int lane) {
  constexpr bool with_values = What != compaction::places && gathers_values<T>;
  constexpr bool with_places = What == compaction::places || What == compaction::both || !gathers_values<T>;
#pragma unroll
  for (int row = 0; row < compact_items<T>; ++row) {
    unsigned const mask = all.kept[row];
    bool const kept = (mask & 1u << lane) != 0;
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
  int const count = What == compaction::partition ? size : tile_kept;
#pragma unroll
  for (int k = 0; k < compact_items<T>; ++k) {
    int const slot = static_cast<int>(threadIdx.x) + k * static_cast<int>(block_threads);
    if (slot >= count) break;
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
  __shared__ int shared_kept[scan_warps + 1];  // before each warp's part, and in the whole tile
  __shared__ alignas(T) unsigned char raw_values[with_values ? tile_length * sizeof(T) : 1];
  __shared__ std::uint16_t raw_places[with_places ? tile_length : 1];
  gathered_tile<T> const gathered{reinterpret_cast<T*>(raw_values), raw_places};
  int const lane = threadIdx.x % warp_lanes, warp = threadIdx.x / warp_lanes;

  if (threadIdx.x == 0) shared_tile = state.take_tile();
  if (threadIdx.x <= scan_warps) shared_kept[threadIdx.x] = 0;
  __syncthreads();
  index const tile = shared_tile, tile_first = tile * tile_length;
  int const size = total - tile_first < tile_length ? static_cast<int>(total - tile_first) : tile_length;
  compact_rows<T> all;
  read_kept(source, tile_first + warp * warp_length, total, lane, all);
  int count = 0;
#pragma unroll
  for (int row = 0; row < compact_items<T>; ++row) count += __popc(all.kept[row]);
  if (lane > warp && lane <= scan_warps) atomicAdd(&shared_kept[lane], count);
  __syncthreads();
  int const warp_before = shared_kept[warp], tile_kept = shared_kept[scan_warps];
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
