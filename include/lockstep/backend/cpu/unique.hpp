// Runs of equal elements on CPU threads: their lengths from where they begin, and their elements from their lengths.
#pragma once

#include "rows.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// The lengths of runs that begin at first[0], first[1], ... and end where the next one begins, the last one at `end`.
inline void position_differences(device const& where, index const* first, index count, index end, index* lengths) {
  parallel_ranges(where, count, buffer_length, serial_below, [&](index begin, index stop) {
    index const inner = std::min(stop, count - 1);
    for (index i = begin; i < inner; ++i) lengths[i] = first[i + 1] - first[i];
    if (stop == count) lengths[count - 1] = end - first[count - 1];
  });
}

/// Replaces lengths by where each run ends; returns the sum of all, or -1 when one is negative.
inline index add_up_counts(index* lengths, index count) {
  index sum = 0, sign = 0;
  for (index i = 0; i < count; ++i) {
    sign |= lengths[i];
    lengths[i] = sum += lengths[i];
  }
  return sign < 0 ? -1 : sum;
}

/// Writes values[i] from out[ends[i - 1]] up to out[ends[i]], for every i.
template <class T>
void repeat_values(device const& where, T const* values, index const* ends, index count, T* out, index total) {
  parallel_ranges(where, total, buffer_length, serial_below, [&](index first, index last) {
    index run = std::upper_bound(ends, ends + count, first) - ends;
    for (index at = first; at < last; ++run) {
      index const end = std::min(last, ends[run]);
      for (T const value = values[run]; at < end; ++at) out[at] = value;
    }
  });
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
