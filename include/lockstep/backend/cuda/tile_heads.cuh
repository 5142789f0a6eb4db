// Where scans begin anew (segments, lines, runs of equal keys), found by each block for its own tile, as bits in shared
// memory: no pass of its own, and every key is read once.
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

/// Heads where a key differs from the one before it.
template <index Length, class K, class Equal, class Keys>
struct key_heads {
  static constexpr bool any = true;
  using bits = tile_bits<Length>;
  Equal equal;
  Keys keys;

  /// Each warp finds the heads that it reads itself.
  template <index L>
  __device__ void prepare_tile(index tile_first, index total) const {
    static_assert(L == Length);
    constexpr int rows = static_cast<int>(Length) / block_threads;
    int const lane = threadIdx.x % warp_lanes, warp = threadIdx.x / warp_lanes;
    index const first = tile_first + warp * (rows * warp_lanes);
    K all[rows], before = keys(first > 0 && first <= total ? first - 1 : 0);
    read_rows(all, keys, first, total, [&](int row) { return row * warp_lanes + lane; });
    unsigned mine = 0;
#pragma unroll
    for (int row = 0; row < rows; ++row) {
      K const left = shuffle_from(all[row], (lane + warp_lanes - 1) % warp_lanes);
      bool const head = !static_cast<bool>(equal(lane == 0 ? before : left, all[row]));
      unsigned const word = __ballot_sync(0xffffffffu, head);
      if (lane == row) mine = word;
      before = left;  // of lane 0: the last key of its row
    }
    if (first == 0 && lane == 0) mine |= 1u;
    if (lane < rows) bits::words()[warp * rows + lane] = mine;
    __syncwarp();
  }
};

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
