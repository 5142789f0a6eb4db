// Copies of memory whose axis of stride 1 is not the last one: square blocks are turned in the cache, so that both
// sides of the copy are read and written in whole cache lines.
#pragma once

#include "../../array/view.hpp"
#include "local_values.hpp"
#include "rows.hpp"
#include "turn.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// Rows and columns of a block.
inline constexpr index turn_block = 64;

/// The axis of stride 1 that is turned with the last one; R when a copy row by row is as good.
template <class T, std::size_t R>
std::size_t turned_axis(view<T, R> const& from) {
  if (from.strides[R - 1] == 1) return R;
  for (std::size_t axis = 0; axis + 1 < R; ++axis)
    if (from.strides[axis] == 1 && from.extents[axis] > 8 && from.extents[R - 1] > 8) return axis;
  return R;
}

/// target[c] = from[c] where from.strides[axis] is 1 and the target is dense; they do not overlap.
template <class T, std::size_t R>
void copy_turned(device const& where, view<T const, R> const& from, std::size_t axis, T* target) {
  auto const strides = row_major_strides(from.extents);
  index const rows = from.extents[axis], columns = from.extents[R - 1];
  index const across = (rows + turn_block - 1) / turn_block, along = (columns + turn_block - 1) / turn_block;
  shape<R> batch = from.extents;
  batch[axis] = across;
  batch[R - 1] = along;
  bool const streams = from.extents.size() * sizeof(T) >= stream_from_bytes;
  auto const turn_one = [&](coordinates<R> const& c) {
    T const* in = from.data;
    T* out = target;
    for (std::size_t a = 0; a < R; ++a) {
      index const at = a == axis || a + 1 == R ? c[a] * turn_block : c[a];
      in += at * from.strides[a];
      out += at * strides[a];
    }
    index const height = std::min(turn_block, rows - c[axis] * turn_block);
    index const width = std::min(turn_block, columns - c[R - 1] * turn_block);
    if (!streams) return turn(in, from.strides[R - 1], width, height, out, strides[axis]);
    local_values<T, turn_block * turn_block> values;
    T* const block = values.data();
    turn(in, from.strides[R - 1], width, height, block, turn_block);
    for (index r = 0; r < height; ++r)
      stream_copy(out + r * strides[axis], block + r * turn_block, static_cast<std::size_t>(width) * sizeof(T));
  };
  auto const total = static_cast<index>(batch.size());
  parallel_ranges(where, total, 1, serial_below / (turn_block * turn_block), [&](index first, index last) {
    for_each_row_part(batch, first, last, [&](coordinates<R> c, index begin, index end) {
      for (index j = begin; j < end; ++j) {
        c[R - 1] = j;
        turn_one(c);
      }
    });
    if (streams) stream_fence();
  });
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
