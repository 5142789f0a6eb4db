// Scans along one axis on CPU threads, without transposing. Along the last one every row is scanned on its own, as
// cpu::scan does it; along another one, line after line, in panels of columns whose running values stay in the L1
// cache.
#pragma once

#include "reduce_axis.hpp"
#include "scan.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// One row of an evaluator of more axes, as an evaluator of one axis.
template <class Evaluator, std::size_t R>
struct single_row {
  Evaluator inner;
  coordinates<R> begin;

  auto at(coordinates<1> const& c) const {
    coordinates<R> here = begin;
    here[R - 1] = c[0];
    return inner.at(here);
  }
  bool unit() const { return inner.unit(); }
  interval interior(index n) const { return inner.interior(n); }
  auto row(coordinates<1> const&) const { return inner.row(begin); }
  template <class Space>
  auto staged_row(coordinates<1> const&, index first, index last, Space& space) const {
    return lockstep::staged_row(inner, begin, first, last, space.inner);
  }
};

}  // namespace cpu

template <class Evaluator, std::size_t R>
inline constexpr bool is_staged<cpu::single_row<Evaluator, R>> = is_staged<Evaluator>;
template <class Evaluator, std::size_t R>
struct stage_space<cpu::single_row<Evaluator, R>> {
  stage_space<Evaluator> inner;
};

namespace cpu {

/// Columns of one panel at most and at least, and rows that are scanned side by side where each step waits for the
/// last.
inline constexpr index widest_panel = 2048, panel_step = 64, rows_abreast = 4;

/// Scans along the last axis while they run.
template <class T, class Op, std::size_t R, class Evaluator>
class row_scanner {
 public:
  row_scanner(scan_rule<T, Op> const& rule, Evaluator const& evaluator, shape<R> const& extents, T* target,
              bool past_caches)
      : rule_(rule),
        evaluator_(evaluator),
        extents_(extents),
        reader_(evaluator, extents),
        length_(extents[R - 1]),
        rows_(static_cast<index>(extents.size()) / length_),
        target_(target),
        in_memory_(lies_in_memory()),
        past_caches_(past_caches && extents.size() * sizeof(T) >= stream_from_bytes),
        aligned_(reinterpret_cast<std::uintptr_t>(target) % 64 == 0 &&
                 static_cast<std::size_t>(length_) * sizeof(T) % vector_bytes == 0) {}

  void scan(device const& where) const {
    auto const threads = static_cast<index>(where.threads());
    if (length_ > scan_block && rows_ < threads * pieces_per_thread) {
      for (index row = 0; row < rows_; ++row) scan_long_row(where, row);
      return;
    }
    index const serial = std::max<index>(1, serial_below / length_);
    parallel_ranges(where, rows_, rows_abreast, serial, [&](index begin, index end) { scan_range(begin, end); });
  }

 private:
  bool lies_in_memory() const {
    if constexpr (std::is_same_v<decltype(evaluator_.row(coordinates<R>{})), pointer_row<T>>)
      return evaluator_.unit();
    else
      return false;
  }
  coordinates<R> row_begin(index row) const {
    coordinates<R> c;
    if constexpr (R == 2) {
      c[0] = row;
    } else {
      for (std::size_t axis = R - 1; axis-- > 0; row /= extents_[axis]) c[axis] = row % extents_[axis];
    }
    return c;
  }

  void scan_range(index begin, index end) const {
    if (length_ > scan_block) {
      device const alone = device::cpu(1);
      for (index row = begin; row < end; ++row) scan_long_row(alone, row);
    } else if constexpr (scans_in_registers<T, Op>) {
      if (past_caches_ && aligned_) {
        std::unique_ptr<T[]> const space(in_memory_ ? nullptr : new T[static_cast<std::size_t>(length_)]);
        for (index row = begin; row < end; ++row) add_up(row, space.get(), true);
        stream_fence();
      } else {
        for (index row = begin; row < end; ++row) add_up(row, target_ + row * length_, false);
      }
    } else {
      index row = begin;
      for (; row + rows_abreast <= end; row += rows_abreast) combine<rows_abreast>(row);
      for (; row < end; ++row) combine<1>(row);
    }
  }

  void scan_long_row(device const& where, index row) const {
    view<T, 1> const target(target_ + row * length_, shape<1>(length_));
    cpu::scan(where, rule_, single_row<Evaluator, R>{evaluator_, row_begin(row)}, target, past_caches_);
  }

  /// Sums of a row of one block, read into `space` where it is not in memory.
  void add_up(index row, T* space, bool past_caches) const {
    using number = scan_number<T, Op>;
    using registers = register_scan<number, Op>;
    T const* from = space;
    if constexpr (std::is_same_v<decltype(evaluator_.row(coordinates<R>{})), pointer_row<T>>)
      if (in_memory_) from = evaluator_.row(row_begin(row)).data;
    if (from == space) reader_.read_row(row_begin(row), 0, length_, space);
    auto const* const in = reinterpret_cast<number const*>(from);
    auto* const out = reinterpret_cast<number*>(target_ + row * length_);
    auto const initial = rule_.has_initial ? static_cast<number>(rule_.initial) : scan_operation<Op, T>::identity;
    if (rule_.inclusive)
      registers::template scan<true>(in, out, length_, initial, past_caches, nullptr);
    else
      registers::template scan<false>(in, out, length_, initial, past_caches, nullptr);
  }

  /// Rows of one block with any operator. As in cpu::scan the initial value comes in front of what the elements make.
  template <index Rows>
  void combine(index row) const {
    T* const values = target_ + row * length_;
    for (index r = 0; r < Rows; ++r) reader_.read_row(row_begin(row + r), 0, length_, values + r * length_);
    T last[Rows];
    for (index r = 0; r < Rows; ++r) {
      last[r] = values[r * length_];
      if (!rule_.inclusive) values[r * length_] = rule_.initial;
    }
    if (rule_.inclusive) {
      for (index i = 1; i < length_; ++i)
        for (index r = 0; r < Rows; ++r)
          values[r * length_ + i] = last[r] = static_cast<T>(rule_.op(last[r], values[r * length_ + i]));
    } else {
      for (index i = 1; i < length_; ++i)
        for (index r = 0; r < Rows; ++r) {
          T const here = values[r * length_ + i];
          values[r * length_ + i] = static_cast<T>(rule_.op(rule_.initial, last[r]));
          last[r] = static_cast<T>(rule_.op(last[r], here));
        }
    }
  }

  scan_rule<T, Op> const& rule_;
  Evaluator const& evaluator_;
  shape<R> const& extents_;
  reader<Evaluator, R> reader_;
  index length_, rows_;
  T* target_;
  bool in_memory_, past_caches_, aligned_;
};

/// Scans along another axis while they run; the evaluator is read in row-major order, in any rank.
template <class T, class Op, std::size_t R, class Evaluator>
class column_scanner {
 public:
  column_scanner(scan_rule<T, Op> const& rule, Evaluator const& evaluator, shape<R> const& extents,
                 axis_split const& split, T* target, bool past_caches)
      : rule_(rule),
        reader_(evaluator, extents),
        split_(split),
        target_(target),
        past_caches_(past_caches && extents.size() * sizeof(T) >= stream_from_bytes) {}

  /// Columns don't depend on each other: how they are shared among threads changes nothing.
  void scan(device const& where) const {
    auto const threads = static_cast<index>(where.threads());
    index const wanted = threads == 1 ? 1 : std::max<index>(1, threads * pieces_per_thread / split_.outer);
    index const width = std::clamp((split_.inner + wanted - 1) / wanted, panel_step, widest_panel);
    index const step = (width + panel_step - 1) / panel_step * panel_step;
    index const panels = (split_.inner + step - 1) / step;
    index const serial = std::max<index>(1, serial_below / (split_.length * std::min(step, split_.inner)));
    parallel_ranges(where, split_.outer * panels, 1, serial, [&](index begin, index end) {
      for (index unit = begin; unit < end; ++unit) {
        index const first = unit % panels * step;
        scan_panel(unit / panels, first, std::min(step, split_.inner - first));
      }
      if (past_caches_) stream_fence();
    });
  }

 private:
  void scan_panel(index outer, index first, index count) const {
    local_values<T, widest_panel> running, buffer;
    index at = outer * split_.length * split_.inner + first;
    for (index line = 0; line < split_.length; ++line, at += split_.inner) {
      T* const out = past_caches_ ? buffer.data() : target_ + at;
      with_values(reader_, at, count, [&](auto row, index offset) {
        if (rule_.inclusive)
          add_line(row, offset, count, past_caches_ ? out : out - split_.inner, out, line == 0);
        else
          move_line(row, offset, count, running.data(), out, line == 0);
      });
      if (past_caches_) stream_copy(target_ + at, out, static_cast<std::size_t>(count) * sizeof(T));
    }
  }
  /// The line before may be the one that is written.
  template <class Row>
  void add_line(Row row, index offset, index count, T const* before, T* out, bool first) const {
    if (first) {
      LOCKSTEP_INDEPENDENT
      for (index j = 0; j < count; ++j) out[j] = static_cast<T>(row[offset + j]);
    } else {
      LOCKSTEP_INDEPENDENT
      for (index j = 0; j < count; ++j) out[j] = static_cast<T>(rule_.op(before[j], static_cast<T>(row[offset + j])));
    }
  }
  template <class Row>
  void move_line(Row row, index offset, index count, T* running, T* out, bool first) const {
    if (first) std::fill_n(running, count, rule_.initial);
    LOCKSTEP_INDEPENDENT
    for (index j = 0; j < count; ++j) {
      T const before = running[j];
      running[j] = static_cast<T>(rule_.op(before, static_cast<T>(row[offset + j])));
      out[j] = before;
    }
  }

  scan_rule<T, Op> const& rule_;
  reader<Evaluator, R> reader_;
  axis_split split_;
  T* target_;
  bool past_caches_;
};

/// Scans along the last axis, at least one element, into dense memory.
template <class T, class Op, std::size_t R, class Evaluator>
void scan_rows(device const& where, scan_rule<T, Op> const& rule, Evaluator const& evaluator, shape<R> const& extents,
               T* target, bool past_caches) {
  row_scanner<T, Op, R, Evaluator>(rule, evaluator, extents, target, past_caches).scan(where);
}

/// Scans along the middle of `split`, at least one element, into dense memory.
template <class T, class Op, std::size_t R, class Evaluator>
void scan_columns(device const& where, scan_rule<T, Op> const& rule, Evaluator const& evaluator,
                  shape<R> const& read_extents, axis_split const& split, T* target, bool past_caches) {
  column_scanner<T, Op, R, Evaluator>(rule, evaluator, read_extents, split, target, past_caches).scan(where);
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
