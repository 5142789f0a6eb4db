// Scans along the last axis on CPU threads: every row is scanned on its own, as cpu::scan does it.
#pragma once

#include "../../core/owned_array.hpp"
#include "scan.hpp"
#include "scan_abreast.hpp"
#include "scan_long_rows.hpp"

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

/// Rows of values of other types that are scanned side by side, where each step waits for the last.
inline constexpr index rows_abreast = 4;

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
        past_caches_(past_caches && is_large_output(extents.size() * sizeof(T))),
        aligned_(reinterpret_cast<std::uintptr_t>(target) % 64 == 0 &&
                 static_cast<std::size_t>(length_) * sizeof(T) % block_scan_bytes == 0) {}

  void scan(device const& where) const {
    auto const threads = static_cast<index>(where.threads());
    if constexpr (in_registers && R == 2)
      if (length_ > scan_block && in_memory_) return scan_long_rows(where);
    if (length_ > scan_block && rows_ < threads * pieces_per_thread) {
      for (index row = 0; row < rows_; ++row) scan_long_row(where, row);
      return;
    }
    index const serial = std::max<index>(1, serial_below / length_);
    parallel_ranges(where, rows_, rows_together, serial, [&](index begin, index end) { scan_range(begin, end); });
  }

 private:
  static constexpr bool in_registers = scans_in_registers<T, Op>;
  /// Rows are scanned in multiples of so many elements in registers.
  static constexpr index step_in_registers = [] {
    if constexpr (in_registers && !LOCKSTEP_WIDE_VECTORS)
      return static_cast<index>(block_scan<scan_number<T, Op>, Op>::width);
    else
      return index{1};
  }();
  static constexpr index rows_together = scans_abreast<T> ? rows_of_tile<T> : rows_abreast;

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
      return;
    }
    if constexpr (in_registers)
      scan_range_in_registers(begin, end);
    else
      scan_range_together(begin, end);
    if (past_caches_) stream_fence();
  }
  void scan_range_together(index begin, index end) const {
    if constexpr (scans_abreast<T>)
      for (; begin + rows_together <= end; begin += rows_together) scan_abreast(begin);
    else
      for (; begin + rows_abreast <= end; begin += rows_abreast) combine<rows_abreast>(begin);
    for (; begin < end; ++begin) combine<1>(begin);
  }

  /// Rows of at most a block in registers, some rows at a time where they are not read from memory or not written to it
  /// directly.
  void scan_range_in_registers(index begin, index end) const {
    bool const buffered = past_caches_ && !aligned_;
    bool const at_once = R == 2 && in_memory_ && !buffered;
    index const together = at_once               ? end - begin
                           : in_memory_ && R > 2 ? 1
                                                 : std::max<index>(1, buffer_length / length_);
    owned_array<T> const written(space_for(buffered, together)), read(space_for(!in_memory_, together));
    for (index row = begin, rows; row < end; row += rows) {
      rows = std::min(together, end - row);
      T *const target = target_ + row * length_, *const out = buffered ? written.get() : target;
      T const* from = read.get();
      index step = length_;
      if (in_memory_)
        from = memory_of_rows(row, rows, step);
      else
        reader_.read(row * length_, (row + rows) * length_, read.get());
      if (rule_.inclusive)
        scan_rows_in_registers<true>(from, step, out, rows);
      else
        scan_rows_in_registers<false>(from, step, out, rows);
      if (buffered) stream_copy(target, out, static_cast<std::size_t>(rows * length_) * sizeof(T));
    }
  }
  T* space_for(bool needed, index rows) const {
    return needed ? new T[static_cast<std::size_t>(rows * length_)] : nullptr;
  }
  /// Whole vectors of a row, where none can be stored in part: the last one reaches into the next row.
  index rounded() const { return (length_ + step_in_registers - 1) / step_in_registers * step_in_registers; }
  template <bool Inclusive>
  void scan_rows_in_registers(T const* from, index step, T* to, index rows) const {
    using number = scan_number<T, Op>;
    using registers = block_scan<number, Op>;
    auto const* const in = reinterpret_cast<number const*>(from);
    auto* const out = reinterpret_cast<number*>(to);
    auto const initial = rule_.has_initial ? static_cast<number>(rule_.initial) : scan_operation<Op, T>::identity;
    bool const streams = past_caches_ && aligned_;
    auto const scan = [&](index first, index last, index count) {
      if (count <= registers::short_row)
        return registers::template scan_short_rows<Inclusive>(in + first * step, step, out + first * length_, length_,
                                                              last - first, count, initial, streams);
      for (index r = first; r < last; ++r)
        registers::template scan<Inclusive>(in + r * step, out + r * length_, count, initial, streams);
    };
    // What a row writes into the next one is overwritten then; the last rows have none.
    index const beyond = rounded() - length_, last_rows = (beyond + length_ - 1) / length_;
    index const overlapping = beyond == 0 || (in != out && step >= length_) ? std::max<index>(0, rows - last_rows) : 0;
    scan(0, overlapping, rounded());
    scan(overlapping, rows, length_);
  }
  /// Where rows that lie in memory begin, and how far apart they are.
  T const* memory_of_rows([[maybe_unused]] index row, [[maybe_unused]] index rows, [[maybe_unused]] index& step) const {
    if constexpr (std::is_same_v<decltype(evaluator_.row(coordinates<R>{})), pointer_row<T>>) {
      T const* const first = evaluator_.row(row_begin(row)).data;
      if (rows > 1) step = evaluator_.row(row_begin(row + 1)).data - first;
      return first;
    } else {
      return nullptr;
    }
  }

  /// `rows_together` rows.
  void scan_abreast(index row) const {
    abreast_scan<T, Op> running(rule_);
    for (index begin = 0, end; begin < length_; begin = end) {
      end = std::min(length_, begin + columns_of_tile);
      index step = length_;
      T* const out = target_ + row * length_ + begin;
      T const* const from = read_rows(row, begin, end, out, step);
      running.scan(from, step, end - begin, out, length_);
    }
  }
  /// Columns [begin, end) of `rows_together` rows, every `step`: where they lie in memory, or in `out`.
  T const* read_rows(index row, index begin, index end, T* out, index& step) const {
    if constexpr (R == 2 && std::is_same_v<decltype(evaluator_.row(coordinates<R>{})), pointer_row<T>>)
      if (in_memory_) {
        T const* const first = evaluator_.row(row_begin(row)).data;
        step = evaluator_.row(row_begin(row + 1)).data - first;
        return first + begin;
      }
    if (end - begin == length_)
      reader_.read(row * length_, (row + rows_together) * length_, out);
    else
      for (index r = 0; r < rows_together; ++r) reader_.read_row(row_begin(row + r), begin, end, out + r * length_);
    return out;
  }
  void scan_long_rows(device const& where) const {
    index step = length_;
    T const* const in = memory_of_rows(0, rows_, step);
    long_row_scanner<T, Op> running(rule_, in, step, rows_, length_, target_, past_caches_ && aligned_);
    run_sharing(where, rows_ * length_, [&] { running.work(); });
  }
  void scan_long_row(device const& where, index row) const {
    view<T, 1> const target(target_ + row * length_, shape<1>(length_));
    cpu::scan(where, rule_, single_row<Evaluator, R>{evaluator_, row_begin(row)}, target, past_caches_);
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

/// Scans along the last axis, at least one element, into dense memory.
template <class T, class Op, std::size_t R, class Evaluator>
void scan_rows(device const& where, scan_rule<T, Op> const& rule, Evaluator const& evaluator, shape<R> const& extents,
               T* target, bool past_caches) {
  row_scanner<T, Op, R, Evaluator>(rule, evaluator, extents, target, past_caches).scan(where);
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
