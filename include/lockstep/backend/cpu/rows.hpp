// How CPU loops walk an index space: in ranges of the row-major index, cut where rows end, each row a vectorized loop.
#pragma once

#include "../../core/algorithm.hpp"
#include "../../device/device.hpp"
#include "../../expression/evaluator.hpp"
#include "light_evaluator.hpp"
#include "stream.hpp"
#include "tuning.hpp"
#if !defined(__x86_64__)
#include <chrono>
#endif

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

/// A clock that takes some ten nanoseconds to read, in units of its own, and how many of them work must last so that
/// waking a thread that sleeps, which may take 20 microseconds, costs nothing.
#if defined(__x86_64__)
inline std::uint64_t ticks() {
  std::uint32_t low, high;
  asm volatile("rdtsc" : "=a"(low), "=d"(high));
  return std::uint64_t{high} << 32 | low;
}
inline constexpr std::uint64_t ticks_worth_waking = 100000;  // cycles
#else
inline std::uint64_t ticks() {
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1));
}
inline constexpr std::uint64_t ticks_worth_waking = 30000;
#endif

/// parallel_ranges for work of unknown cost, such as functions of users, whose few elements may be worth all threads:
/// the first of them run in the caller, and tell; whole vectors, since one by one they may take many times as long.
/// Ranges begin anywhere.
template <class F>
void timed_ranges(device const& where, index total, F&& f) {
  if (total > serial_below || total < 2 || where.threads() == 1)
    return parallel_ranges(where, total, buffer_length, serial_below, f);
  index const first = total < 64 ? (total + 15) / 16 : (total / 64 + 15) / 16 * 16;
  std::uint64_t const begin = ticks();
  f(index{0}, first);
  if ((ticks() - begin) * static_cast<std::uint64_t>(total / first) < ticks_worth_waking) return f(first, total);
  parallel_ranges(where, total - first, index{1}, index{1}, [&](index a, index b) { f(first + a, first + b); });
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

/// Calls f(coordinates, begin, count) for the runs of rows that make up [first, last) of the row-major index: `count`
/// elements from `begin` of the row of these coordinates on, in rows that differ along the last axis but one only.
template <std::size_t R, class F>
void for_each_run_of_rows(shape<R> const& extents, index first, index last, F&& f) {
  static_assert(R > 1);
  index const columns = extents[R - 1];
  coordinates<R> c;
  for (index axis = R - 2, row = first / columns; axis >= 0; row /= extents[axis], --axis)
    c[axis] = row % extents[axis];
  for (index begin = first % columns; first < last; begin = 0) {
    index const count = std::min(last - first, (extents[R - 2] - c[R - 2]) * columns - begin);
    f(c, begin, count);
    first += count;
    c[R - 2] = 0;
    for (std::size_t axis = R - 2; axis-- > 0;) {
      if (++c[axis] < extents[axis]) break;
      c[axis] = 0;
    }
  }
}

/// Elements of the rows that are read before what lies at their edges is, so that it is found in the caches.
inline constexpr index elements_of_run = 8192;
/// Rows of at most so many elements are read as one. In longer ones it is worth more to find the edges in the caches.
inline constexpr index longest_joined_row = 128;

/// Reads an evaluator, which must outlive it, by ranges of the row-major index. (It is not copied: short loops would
/// wait for the copy.)
template <class Evaluator, std::size_t R>
class reader {
 public:
  reader(Evaluator const& evaluator, shape<R> const& extents)
      : evaluator_(evaluator),
        extents_(extents),
        columns_(R == 0 ? 1 : extents[R == 0 ? 0 : R - 1]),
        unit_(evaluator.unit()),
        interior_(unit_ ? evaluator.interior(columns_) : interval{0, 0}) {}

  /// Writes the values at [first, last) to out[0], out[1], ... (Not inlined: the vectorized loops are compiled once.)
  template <class T>
  LOCKSTEP_WIDE [[gnu::noinline]] void read(index first, index last, T* out) const {
    if constexpr (R > 1)
      read_rows(first, last, out - first, row_major_strides(extents_));
    else if (first < last)
      read_row(coordinates<R>{}, R == 0 ? 0 : first, R == 0 ? 1 : last, out);
  }

  /// Writes the values at [first, last) of the row-major index to memory of these strides, 1 along the last axis.
  template <class T>
  LOCKSTEP_WIDE [[gnu::noinline]] void read_rows(index first, index last, T* base, shape<R> const& strides) const
      requires(R > 1) {
    for_each_run_of_rows(extents_, first, last, [&](coordinates<R> const& c, index begin, index count) {
      T* out = base;
      for (std::size_t axis = 0; axis + 1 < R; ++axis) out += c[axis] * strides[axis];
      read_run(c, begin, count, out, strides[R - 2]);
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
  /// `count` values from column `begin` of the row of c on; rows begin at out, out + step, ...
  template <class T>
  void read_run(coordinates<R> c, index begin, index count, T* out, index step) const {
    while (count > 0) {
      index const end = std::min(columns_, begin + count);
      index rows = 1;
      if constexpr (is_staged<Evaluator>) {
        read_row(c, begin, end, out + begin);
      } else if (!unit_) {
        read_slowly(c, begin, end, out + begin);
      } else {
        if (end - begin == columns_) {
          index const most = has_edges<Evaluator> ? std::max(elements_of_run / columns_, index{1}) : count;
          rows = std::min({count / columns_ - 1, most - 1, steps_of(evaluator_, c)}) + 1;
        }
        read_together(c, begin, end, rows, out, step);
      }
      count -= rows * (end - begin);
      c[R - 2] += rows;
      out += rows * step;
      begin = 0;
    }
  }
  /// Columns [begin, end) of rows that one row object can advance through, where unit() holds: what is interior row by
  /// row, then the edges, down each column.
  template <class T>
  void read_together(coordinates<R> c, index begin, index end, index rows, T* out, index step) const {
    auto const row = evaluator_.row(c);
    if constexpr (!has_edges<Evaluator>) {
      copy_rows(row, begin, end, rows, out, step);
    } else {
      index const a = std::clamp(interior_.begin, begin, end), b = std::clamp(interior_.end, a, end);
      bool const inside = all_inside(row);
      if constexpr (std::is_floating_point_v<T>)
        if (rows_continue(evaluator_, columns_)) {
          if (inside && columns_ <= longest_joined_row && step == columns_ && end - begin == columns_ &&
              (columns_ - (b - a)) * rows <= buffer_length)
            return read_as_one(row, a, b, rows, out);
          read_inside(row, inside, a, b, rows, out, step);
          return for_each_edge(begin, end, a, b, [&](index j) {
            auto const column = column_of(evaluator_, row, j);
            for (index i = 0; i < rows; ++i) out[i * step + j] = static_cast<T>(column[i * columns_]);
          });
        }
      read_inside(row, inside, a, b, rows, out, step);
      for_each_edge(begin, end, a, b, [&](index j) {
        c[R - 1] = j;
        auto const line = line_of(evaluator_, c);
        for (index i = 0; i < rows; ++i) out[i * step + j] = static_cast<T>(line[i]);
      });
    }
  }
  /// Calls f(j) for what lies in [begin, end), but not in [a, b).
  template <class F>
  static void for_each_edge(index begin, index end, index a, index b, F&& f) {
    for (index j = begin < a ? begin : b; j < end; j = j + 1 == a ? b : j + 1) f(j);
  }
  template <class Row, class T>
  void read_inside(Row const& row, bool inside, index begin, index end, index rows, T* out, index step) const {
    if (inside)
      copy_rows(unmasked(row), begin, end, rows, out, step);
    else
      copy_rows(row, begin, end, rows, out, step);
  }
  /// Whole rows that lie one after the other everywhere are read as one. What that computes at their edges is wrong;
  /// the right values are kept aside meanwhile, because the row may read what is written.
  template <class Row, class T>
  void read_as_one(Row const& row, index a, index b, index rows, T* out) const {
    T kept[buffer_length];
    T* to = kept;
    for_each_edge(0, columns_, a, b, [&](index j) {
      auto const column = column_of(evaluator_, row, j);
      for (index i = 0; i < rows; ++i) *to++ = static_cast<T>(column[i * columns_]);
    });
    copy_row(unmasked(row), a, (rows - 1) * columns_ + b, out + a);
    T const* from = kept;
    for_each_edge(0, columns_, a, b, [&](index j) {
      for (index i = 0; i < rows; ++i) out[i * columns_ + j] = *from++;
    });
  }
  template <class Row, class T>
  void copy_rows(Row row, index begin, index end, index rows, T* out, index step) const {
    for (index i = 0;; advance_row(evaluator_, row)) {
      copy_row(row, begin, end, out + i * step + begin);
      if (++i == rows) break;
    }
  }
  template <class T>
  void read_slowly(coordinates<R> c, index begin, index end, T* out) const {
    for (index j = begin; j < end; ++j) {
      c[R - 1] = j;
      out[j - begin] = static_cast<T>(evaluator_.at(c));
    }
  }
  template <class T>
  void copy_staged(coordinates<R> const& c, index begin, index end, T* out) const {
    [[maybe_unused]] stage_space<Evaluator> space;
    for (index at = begin; at < end; at += stage_length) {
      index const stop = std::min(end, at + stage_length);
      if constexpr (requires { evaluator_.stage(c, at, stop, out); })
        evaluator_.stage(c, at, stop, out + (at - begin));
      else
        copy_row(staged_row(evaluator_, c, at, stop, space), at, stop, out + (at - begin));
    }
  }
  template <class Row, class T>
  static void copy_row(Row row, index begin, index end, T* out) {
    if constexpr (has_near_way<Row>) {
      for (index stop; begin < end; out += stop - begin, begin = stop) {
        stop = std::min(end, begin + buffer_length);
        if (!copy_near_row(row, begin, stop, out)) copy_any_row(row, begin, stop, out);
      }
    } else {
      copy_any_row(row, begin, end, out);
    }
  }
  /// False, and nothing is written, where a value is far; `out` may be what the row reads.
  template <class Row, class T>
  LOCKSTEP_WIDE [[gnu::noinline]] static bool copy_near_row(Row row, index begin, index end, T* out) {
    alignas(64) T values[buffer_length];
    std::uint32_t far = 0;
    LOCKSTEP_INDEPENDENT
    for (index j = 0; j < end - begin; ++j) values[j] = static_cast<T>(near_value(row, begin + j, far));
    if (far == 0) std::copy_n(values, end - begin, out);
    return far == 0;
  }
  template <class Row, class T>
  static void copy_any_row(Row row, index begin, index end, T* out) {
    out -= begin;
    if constexpr (is_light_evaluator<Evaluator>) {
      LOCKSTEP_INDEPENDENT_SHORT
      for (index j = begin; j < end; ++j) out[j] = static_cast<T>(row[j]);
    } else {
      LOCKSTEP_INDEPENDENT
      for (index j = begin; j < end; ++j) out[j] = static_cast<T>(row[j]);
    }
  }

  Evaluator const& evaluator_;
  shape<R> const& extents_;
  index columns_;
  bool unit_;
  interval interior_;
};

/// The elements of an evaluator where they lie in memory in one row as values of T; otherwise nullptr.
template <class T, class Evaluator, std::size_t R>
T const* memory_of(reader<Evaluator, R> const& from) {
  if constexpr (R == 1 && std::is_same_v<decltype(from.fast_row()), pointer_row<T>>)
    if (from.one_fast_row()) return from.fast_row().data;
  return nullptr;
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
