// Scans of several rows side by side: a row per lane, so that one step of all of them is a few vector instructions,
// whatever the operator, and every row is combined from first to last.
#pragma once

#include "scan.hpp"
#include "turn.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// Rows and columns of a tile of the rows that are scanned side by side: enough rows for g++ to vectorize a loop over
/// them before it unrolls it.
template <class T>
inline constexpr index rows_of_tile = sizeof(T) < 2 ? 64 : 32;
inline constexpr index columns_of_tile = 64;

/// Values of these types are scanned a row per lane.
template <class T>
inline constexpr bool scans_abreast = std::is_arithmetic_v<T> && sizeof(T) <= 8;

/// The scan of `rows_of_tile` rows while it runs, tile after tile.
template <class T, class Op>
class abreast_scan {
 public:
  explicit abreast_scan(scan_rule<T, Op> const& rule) : rule_(rule) {}

  /// Scans the next count <= columns_of_tile elements of the rows, which begin at multiples of the strides. `in` may be
  /// `out`.
  void scan(T const* in, index in_stride, index count, T* out, index out_stride) {
    turn(in, in_stride, rows, count, tile_, rows);
    index column = 0;
    if (!begun_) {
      begun_ = true;
      std::copy_n(tile_, rows, last_);
      if (!rule_.inclusive) std::fill_n(tile_, rows, rule_.initial);
      column = 1;
    }
    if (rule_.inclusive)
      scan_columns<true>(column, count);
    else
      scan_columns<false>(column, count);
    turn(tile_, rows, count, rows, out, out_stride);
  }

 private:
  static constexpr index rows = rows_of_tile<T>;

  template <bool Inclusive>
  void scan_columns(index column, index count) {
    T const initial = rule_.initial;
    Op const op = rule_.op;
    T* last = last_;
    for (T* values = tile_ + column * rows; column < count; ++column, values += rows) {
      LOCKSTEP_INDEPENDENT
      for (index r = 0; r < rows; ++r) {
        T const before = last[r], here = static_cast<T>(op(before, values[r]));
        values[r] = Inclusive ? here : static_cast<T>(op(initial, before));
        last[r] = here;
      }
    }
  }

  scan_rule<T, Op> const& rule_;
  bool begun_ = false;
  alignas(64) T last_[rows];
  alignas(64) T tile_[rows * columns_of_tile];
};

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
