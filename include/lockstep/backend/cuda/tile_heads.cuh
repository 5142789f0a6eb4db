// Where scans begin anew (segments, lines, runs of equal keys), found by each block for its own tile: no pass of its
// own. Segments and lines are marked by bits in shared memory, keys are compared by the lanes whose items they belong
// to.
#pragma once

#include "scan.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

/// One bit for each of the `Length` elements of the block's tile, and one for the element behind it.
template <index Length>
struct tile_bits {
  static_assert(Length % warp_lanes == 0);

  static __device__ __forceinline__ unsigned* words() {
    __shared__ unsigned all[Length / warp_lanes + 1];
    return all;
  }
  static __device__ __forceinline__ bool get(int i) { return words()[i / warp_lanes] >> (i % warp_lanes) & 1u; }
  /// The bits from i on, a multiple of Count.
  template <int Count>
  static __device__ __forceinline__ unsigned some(int i) {
    static_assert(Count < warp_lanes && warp_lanes % Count == 0);
    return words()[i / warp_lanes] >> (i % warp_lanes) & ((1u << Count) - 1);
  }
  /// Does nothing for what lies elsewhere, as offsets that do not ascend may.
  static __device__ __forceinline__ void set(index i) {
    if (i < 0 || i > Length) return;
    atomicOr(&words()[i / warp_lanes], 1u << static_cast<unsigned>(i % warp_lanes));
  }
  /// Called by all threads; a barrier has to follow.
  static __device__ __forceinline__ void clear() {
    for (int w = threadIdx.x; w < Length / warp_lanes + 1; w += block_threads) words()[w] = 0;
  }
  /// Where element i of the whole lies within its tile.
  static __device__ __forceinline__ int place(index i) {
    static_assert((Length & (Length - 1)) == 0);
    return static_cast<int>(i) & static_cast<int>(Length - 1);
  }
};

/// The first of sorted numbers [0, count) that is not below `value`; `count` if there is none. Called by a whole warp,
/// which divides what is left by 32 at every step.
__device__ __forceinline__ index warp_lower_bound(index const* numbers, index count, index value, int lane) {
  index low = 0, high = count;  // the answer is in [low, high]
  while (low < high) {
    index const step = ceil_div(high - low, warp_lanes), probe = low + (lane + 1) * step - 1;
    bool const below = probe < high && numbers[probe] < value;
    int const steps = __popc(__ballot_sync(0xffffffffu, below));
    index const next = low + steps * step;
    high = next + step - 1 < high ? next + step - 1 : high;
    low = next < high ? next : high;
  }
  return low;
}

/// Heads where segments begin, and where the last one ends.
template <index Length>
struct segment_heads {
  static constexpr bool any = true;
  using bits = tile_bits<Length>;
  index const* offsets;
  index segments;

  /// Offsets in [first, last) are those that lie in the tile or just behind it.
  struct range {
    index first, last;
  };
  static __device__ __forceinline__ range& in_tile() {
    __shared__ range shared;
    return shared;
  }

  __device__ __forceinline__ bool ends_at(index i) const { return bits::get(bits::place(i) + 1); }
  /// The segment that holds element i of the tile, or one that does not exist where it lies in none.
  __device__ __forceinline__ index holding(index i) const {
    range const here = in_tile();
    index low = here.first - 1, high = here.last - 1;  // the last of those that do not begin behind i
    while (low < high) {
      index const middle = low + (high - low + 1) / 2;
      if (offsets[middle] <= i)
        low = middle;
      else
        high = middle - 1;
    }
    return low;
  }

  template <index L>
  __device__ void prepare_tile(index first, index) const {
    static_assert(L == Length);
    int const lane = threadIdx.x % warp_lanes, warp = threadIdx.x / warp_lanes;
    bits::clear();
    if (warp < 2) {
      index const found = warp_lower_bound(offsets, segments + 1, warp == 0 ? first : first + Length + 1, lane);
      if (lane == 0) (warp == 0 ? in_tile().first : in_tile().last) = found;
    }
    __syncthreads();
    for (index k = in_tile().first + threadIdx.x; k < in_tile().last; k += block_threads) bits::set(offsets[k] - first);
    __syncthreads();
  }
};

/// Heads where lines of one length begin.
template <index Length>
struct line_heads {
  static constexpr bool any = true;
  using bits = tile_bits<Length>;
  index length;

  template <index L>
  __device__ void prepare_tile(index first, index) const {
    static_assert(L == Length);
    bits::clear();
    __syncthreads();
    index const step = block_threads * length, begin = ceil_div(first, length) * length - first;
    for (index i = begin + threadIdx.x * length; i < Length; i += step) bits::set(i);
    __syncthreads();
  }
};

/// Keys of a lane's items, and a bit for each that differs from the one before it.
template <class K, int Items>
struct lane_keys {
  K all[Items];
  unsigned heads;
};
/// Reads a warp's part of the tile, each key once but the one before it; the first of all is a head. Bits behind the
/// last of `total` keys are 0, but where `End` is true the first of them is 1. `part` is shared memory.
template <int Items, bool End, class K, class Keys, class Equal>
__device__ __forceinline__ lane_keys<K, Items> read_keys(Keys const& keys, Equal const& equal, index tile_first,
                                                         index total, K* part) {
  int const lane = threadIdx.x % warp_lanes, warp = threadIdx.x / warp_lanes;
  index const first = tile_first + warp * (Items * warp_lanes);
  scan_exchange<K, Items> const exchange{part, lane};
  lane_keys<K, Items> mine;
  K before{};
  if (lane == 0 && first > 0) before = static_cast<K>(keys((first < total ? first : total) - 1));
  read_rows(mine.all, keys, first, total, [&](int row) { return exchange.place(row); });
  exchange.to_items(mine.all);
  K const left = shuffle_up(mine.all[Items - 1], 1);
  if (lane > 0) before = left;
  mine.heads = first + lane == 0 || !static_cast<bool>(equal(before, mine.all[0]));
#pragma unroll
  for (int k = 1; k < Items; ++k) mine.heads |= static_cast<bool>(equal(mine.all[k - 1], mine.all[k])) ? 0 : 1u << k;
  if (first + Items * warp_lanes > total) {
    index const left_over = total - (first + lane * Items);
    if (left_over < Items) mine.heads &= left_over > 0 ? (1u << left_over) - 1 : 0;
    if (End && left_over >= 0 && left_over < Items) mine.heads |= 1u << left_over;
  }
  return mine;
}

/// Heads where a key differs from the one before it.
template <class K, class Equal, class Keys>
struct key_heads {
  static constexpr bool any = true;
  Equal equal;
  Keys keys;

  template <int Items>
  __device__ __forceinline__ unsigned of_lane(index tile_first, index total) const {
    constexpr int places = scan_exchange<K, Items>::needed ? scan_exchange<K, Items>::places : 0;
    __shared__ alignas(K) unsigned char raw[scan_warps * places * sizeof(K) + 1];
    K* const part = reinterpret_cast<K*>(raw) + threadIdx.x / warp_lanes * places;
    return read_keys<Items, false, K>(keys, equal, tile_first, total, part).heads;
  }
};

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
