// The order in which every backend combines the elements of a reduction: fixed by the shape alone, so that floating
// results have the same bits on any number of CPU threads and, for operators that commute, on any GPU.
#pragma once

#include "../core/shape.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace reduction_order {

/// Elements of one tile, counted from the first element, and partial results kept side by side within it: element i of
/// a tile goes to lane i % lanes, lanes are combined in a binary tree (l with l + 16, then 8, 4, 2, 1), and tiles in a
/// binary tree of neighbors.
inline constexpr index tile = 4096;
inline constexpr index lanes = 32;

/// Along an axis that is not the last: lines combined one after the other before the tree of neighbors begins.
inline constexpr index lines_per_block = 64;

}  // namespace reduction_order

/// An index space as (outer, length, inner): the axis to reduce and what lies before and behind it.
struct axis_split {
  index outer = 1, length = 1, inner = 1;

  template <std::size_t R>
  axis_split(shape<R> const& extents, std::size_t axis) : length(extents[axis]) {
    for (std::size_t a = 0; a < axis; ++a) outer *= extents[a];
    for (std::size_t a = axis + 1; a < R; ++a) inner *= extents[a];
  }
};

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
