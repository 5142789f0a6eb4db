// Copies on a GPU of memory whose axis of stride 1 is not the last one: square tiles turn in shared memory, so that
// both sides are read and written by neighboring threads together.
#pragma once

#include "../../array/view.hpp"
#include "launch.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

inline constexpr int turn_tile = warp_lanes, turn_rows = block_threads / turn_tile;
/// Larger elements would need more shared memory than every GPU has.
inline constexpr std::size_t most_turned_bytes = 32;

/// Two axes change places, `axis` and the last one; tiles are numbered along both, then over the others.
template <class T, std::size_t R>
struct turned_copy {
  view<T const, R> from;
  T* to;
  shape<R> to_strides;
  std::size_t axis;
  index across, along;  ///< tiles along `axis` and along the last axis
};

template <class T, std::size_t R>
__global__ void __launch_bounds__(block_threads) copy_turned_kernel(turned_copy<T, R> copy) {
  __shared__ alignas(T) unsigned char raw[turn_tile * (turn_tile + 1) * sizeof(T)];
  T* const tile = reinterpret_cast<T*>(raw);
  int const lane = threadIdx.x % turn_tile, row = threadIdx.x / turn_tile;
  index block = blockIdx.x;
  index const x = block % copy.across * turn_tile;  // along the axis of stride 1
  block /= copy.across;
  index const y = block % copy.along * turn_tile;
  block /= copy.along;
  T const* from = copy.from.data;
  T* to = copy.to;
  index width = 0;
  for (std::size_t k = R - 1; k > 0; --k) {
    std::size_t const other = k - 1;
    if (other == copy.axis) {
      width = copy.from.extents[other];
      from += x;
      to += x * copy.to_strides[other];
    } else {
      index const at = block % copy.from.extents[other];
      block /= copy.from.extents[other];
      from += at * copy.from.strides[other];
      to += at * copy.to_strides[other];
    }
  }
  index const step = copy.from.strides[R - 1], to_step = copy.to_strides[copy.axis], height = copy.from.extents[R - 1];
  from += y * step;
  to += y;
#pragma unroll
  for (int r = row; r < turn_tile; r += turn_rows)
    if (x + lane < width && y + r < height) tile[r * (turn_tile + 1) + lane] = from[r * step + lane];
  __syncthreads();
#pragma unroll
  for (int r = row; r < turn_tile; r += turn_rows)
    if (y + lane < height && x + r < width) to[r * to_step + lane] = tile[lane * (turn_tile + 1) + r];
}

/// target[c] = from[c] where from.strides[axis] is 1 and the target is dense; they do not overlap.
template <class T, std::size_t R>
void copy_turned(device const& where, view<T const, R> const& from, std::size_t axis, T* target) {
  operation const here("transpose", from.extents);
  index const across = ceil_div(from.extents[axis], turn_tile), along = ceil_div(from.extents[R - 1], turn_tile);
  index const others = static_cast<index>(from.extents.size()) / (from.extents[axis] * from.extents[R - 1]);
  launch(where, "copying turned axes", copy_turned_kernel<T, R>, across * along * others, block_threads,
         turned_copy<T, R>{from, target, row_major_strides(from.extents), axis, across, along});
}

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
