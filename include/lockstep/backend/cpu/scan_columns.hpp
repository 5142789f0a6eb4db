// Scans along an axis that is not the last on CPU threads, without transposing: line after line, in panels of columns
// whose running values stay in the L1 cache.
#pragma once

#include "fetch.hpp"
#include "reduce_axis.hpp"
#include "scan.hpp"
#include "scan_tall.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// Columns of one panel at most and at least: lines of fewer end before their vectors have paid for their beginning.
inline constexpr index widest_panel = 2048, panel_step = 128;
/// So many lines before they are needed, those of a panel that is narrower than the array are fetched: in a page of
/// their own each, processors do not see the next one coming.
inline constexpr index panel_lines_ahead = 2;

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
        past_caches_(past_caches && is_large_output(extents.size() * sizeof(T))) {}

  /// Columns don't depend on each other: how they are shared among threads changes nothing. Few long ones are cut.
  void scan(device const& where) const {
    if (is_tall(split_)) return scan_tall(where);
    auto const threads = static_cast<index>(where.threads());
    bool const alone = threads == 1 || split_.outer * split_.length * split_.inner <= few;
    // A narrow panel's lines are read at half the speed: of one array each thread takes one panel.
    index const pieces = split_.outer == 1 ? threads : threads * pieces_per_thread / split_.outer;
    index const wanted = alone ? 1 : std::max<index>(1, pieces);
    index const width = std::clamp((split_.inner + wanted - 1) / wanted, panel_step, widest_panel);
    index const step = (width + panel_step - 1) / panel_step * panel_step;
    index const panels = (split_.inner + step - 1) / step;
    index const serial = std::max<index>(1, few / (split_.length * std::min(step, split_.inner)));
    parallel_ranges(where, split_.outer * panels, 1, serial, [&](index begin, index end) {
      for (index unit = begin; unit < end; ++unit) {
        index const first = unit % panels * step;
        scan_panel(unit / panels, first, std::min(step, split_.inner - first));
      }
      if (past_caches_) stream_fence();
    });
  }

 private:
  /// Arrays of no more elements are for one thread: that panels are narrower than lines costs more than a second thread
  /// brings.
  static constexpr index few = 2 * serial_below;

  void scan_tall(device const& where) const {
    index const size = split_.length * split_.inner;
    for (index outer = 0; outer < split_.outer; ++outer) {
      tall_scanner<T, Op, R, Evaluator> running(rule_, reader_, outer * size, split_.length, split_.inner, target_,
                                                past_caches_, where.threads() == 1);
      run_sharing(where, size, [&] { running.work(); });
    }
  }
  void scan_panel(index outer, index first, index count) const {
    local_values<T, widest_panel> running, buffer;
    index at = outer * split_.length * split_.inner + first;
    for (index line = 0; line < split_.length; ++line, at += split_.inner) {
      if (count < split_.inner && line + panel_lines_ahead < split_.length)
        fetch_line(at + panel_lines_ahead * split_.inner, count);
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
  [[gnu::always_inline]] void fetch_line(index at, index count) const {
    if (T const* const in = memory_of<T>(reader_)) fetch_values(in + at, count);
    if (!past_caches_) fetch_values<true>(target_ + at, count);
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

/// Scans along the middle of `split`, at least one element, into dense memory.
template <class T, class Op, std::size_t R, class Evaluator>
void scan_columns(device const& where, scan_rule<T, Op> const& rule, Evaluator const& evaluator,
                  shape<R> const& read_extents, axis_split const& split, T* target, bool past_caches) {
  column_scanner<T, Op, R, Evaluator>(rule, evaluator, read_extents, split, target, past_caches).scan(where);
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
