// Lines along one axis, one after another or several at once, for algorithms that work on values in a row.
#pragma once

#include "../../algorithm/reduction_order.hpp"
#include "merge_sort.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// The lines of a dense array along one axis: line l begins at start(l), its elements lie `step` apart.
struct line_layout {
  index count, length, step;

  template <std::size_t R>
  line_layout(shape<R> const& extents, std::size_t axis) : length(extents[axis]) {
    axis_split const split(extents, axis);
    count = split.outer * split.inner, step = split.inner;
  }
  index start(index line) const { return line / step * step * length + line % step; }
};

/// Lines that are gathered and scattered together, so that each cache line that they share is used whole.
inline constexpr index lines_together = 16;

/// Calls f(device, values of the line, line) for every line of `values` along an axis, which f may change; they are
/// written back if `Back`. Many lines are dealt out to the threads; few long ones get all threads one by one.
template <bool Back, class T, class F>
void for_each_line(device const& where, line_layout const& lines, T* values, F&& f) {
  index const n = lines.length;
  bool const one_by_one = lines.count < 2 * static_cast<index>(where.threads());
  device const serial = one_by_one ? where : device::cpu(1);
  auto const work = [&](index begin, index end) {
    if (lines.step == 1) {
      for (index line = begin; line < end; ++line) f(serial, values + line * n, line);
      return;
    }
    scratch<std::remove_const_t<T>> space(serial, n * std::min(lines_together, end - begin));
    for (index first = begin; first < end; first += lines_together) {
      index const together = std::min(lines_together, end - first);
      index starts[lines_together];
      for (index k = 0; k < together; ++k) starts[k] = lines.start(first + k);
      for (index j = 0; j < n; ++j)
        for (index k = 0; k < together; ++k) space.data()[k * n + j] = values[starts[k] + j * lines.step];
      for (index k = 0; k < together; ++k) f(serial, space.data() + k * n, first + k);
      if constexpr (Back)
        for (index j = 0; j < n; ++j)
          for (index k = 0; k < together; ++k) values[starts[k] + j * lines.step] = space.data()[k * n + j];
    }
  };
  if (one_by_one)
    work(0, lines.count);
  else
    parallel_ranges(where, lines.count, lines.step == 1 ? 1 : lines_together,
                    std::max<index>(1, serial_below / 8 / std::max<index>(1, n)), work);
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
