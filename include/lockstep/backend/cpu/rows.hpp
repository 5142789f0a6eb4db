// How CPU loops walk an index space: in ranges of the row-major index, cut where rows end, each row a vectorized loop.
#pragma once

#include <algorithm>

#include "../../device/device.hpp"
#include "../../expression/evaluator.hpp"
#include "stream.hpp"
#include "tuning.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// Calls f(first, last) for ranges that cover [0, total), in parallel on the device's threads when it is worth it.
/// Ranges begin at multiples of `granule`.
template <class F>
void parallel_ranges(device const& where, index total, index granule, index serial_below, F&& f) {
  auto const threads = static_cast<index>(where.threads());
  if (total <= serial_below || threads == 1) {
    if (total > 0) f(index{0}, total);
    return;
  }
  index const granules = (total + granule - 1) / granule;
  index const pieces = std::min(granules, threads * pieces_per_thread);
  where.run(pieces, [&](index piece) {
    index const first = granules * piece / pieces * granule;
    index const last = std::min(total, granules * (piece + 1) / pieces * granule);
    if (first < last) f(first, last);
  });
}

/// Calls work() once, or on every thread of the device when there are enough elements; the calls share the work among
/// themselves.
template <class Work>
void run_sharing(device const& where, index total, Work&& work) {
  if (total <= serial_below || where.threads() == 1)
    work();
  else
    where.run(static_cast<index>(where.threads()), [&](index) { work(); });
}

/// Calls f(coordinates of the row, begin, end) for the parts of rows that make up [first, last) of the row-major index.
template <std::size_t R, class F>
void for_each_row_part(shape<R> const& extents, index first, index last, F&& f) {
  coordinates<R> c;
  if constexpr (R == 0) {
    if (first < last) f(c, index{0}, index{1});
  } else if constexpr (R == 1) {
    f(c, first, last);
  } else {
    index const columns = extents[R - 1];
    index begin = first % columns;
    for (index axis = R - 2, row = first / columns; axis >= 0; row /= extents[axis], --axis)
      c[axis] = row % extents[axis];
    for (index at = first; at < last; begin = 0) {
      index const end = std::min(columns, begin + (last - at));
      f(c, begin, end);
      at += end - begin;
      for (std::size_t axis = R - 1; axis-- > 0;) {
        if (++c[axis] < extents[axis]) break;
        c[axis] = 0;
      }
    }
  }
}

/// Reads an evaluator, which must outlive it, by ranges of the row-major index. (It is not copied: short loops would
/// wait for the copy.)
template <class Evaluator, std::size_t R>
class reader {
 public:
  reader(Evaluator const& evaluator, shape<R> const& extents)
      : evaluator_(evaluator),
        extents_(extents),
        columns_(R == 0 ? 1 : extents[R == 0 ? 0 : R - 1]),
        interior_(evaluator.unit() ? evaluator.interior(columns_) : interval{0, 0}) {}

  /// Writes the values at [first, last) to out[0], out[1], ... (Not inlined: the vectorized loops are compiled once.)
  template <class T>
  [[gnu::noinline]] void read(index first, index last, T* out) const {
    for_each_row_part(extents_, first, last, [&](coordinates<R> const& c, index begin, index end) {
      read_row(c, begin, end, out);
      out += end - begin;
    });
  }

  /// Writes the values of one row at [begin, end) to out[0], out[1], ...
  template <class T>
  void read_row(coordinates<R> const& c, index begin, index end, T* out) const {
    if constexpr (R == 0) {
      *out = static_cast<T>(evaluator_.at(c));
    } else {
      index const a = std::clamp(interior_.begin, begin, end), b = std::clamp(interior_.end, a, end);
      read_slowly(c, begin, a, out);
      if constexpr (is_staged<Evaluator>)
        copy_staged(c, a, b, out + (a - begin));
      else if (a < b)
        copy_row(evaluator_.row(c), a, b, out + (a - begin));
      read_slowly(c, b, end, out + (b - begin));
    }
  }

  /// True when one row holds everything and row(c) is right all along it.
  bool one_fast_row() const {
    return R == 1 && !is_staged<Evaluator> && interior_.begin <= 0 && interior_.end >= columns_ && columns_ > 0;
  }
  auto fast_row() const { return evaluator_.row(coordinates<R>{}); }

 private:
  template <class T>
  void read_slowly(coordinates<R> c, index begin, index end, T* out) const {
    for (index j = begin; j < end; ++j) {
      c[R - 1] = j;
      out[j - begin] = static_cast<T>(evaluator_.at(c));
    }
  }
  template <class T>
  void copy_staged(coordinates<R> const& c, index begin, index end, T* out) const {
    stage_space<Evaluator> space;
    for (index at = begin; at < end; at += stage_length) {
      index const stop = std::min(end, at + stage_length);
      copy_row(staged_row(evaluator_, c, at, stop, space), at, stop, out + (at - begin));
    }
  }
  template <class Row, class T>
  static void copy_row(Row row, index begin, index end, T* out) {
    out -= begin;
    LOCKSTEP_INDEPENDENT
    for (index j = begin; j < end; ++j) out[j] = static_cast<T>(row[j]);
  }

  Evaluator const& evaluator_;
  shape<R> const& extents_;
  index columns_;
  interval interior_;
};

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
