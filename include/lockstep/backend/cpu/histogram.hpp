// histogram on CPU threads: bins are computed as vectors into a small buffer, then counted in tables of each thread's
// own; counts are integers, so their order of addition does not matter.
#pragma once

#include <atomic>
#include <cstring>
#include <memory>

#include "../../array/view.hpp"
#include "local_values.hpp"
#include "rows.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// Counts beyond this many go to one table per thread; below, to four in turn: an increment would otherwise wait for
/// the one before it when neighbors fall into the same bin.
inline constexpr index most_bins_of_four_tables = 8192;

/// Elements counted before 32-bit counts are added to 64-bit ones.
inline constexpr index elements_per_flush = index{1} << 30;

/// Tables of one thread. Bin number `bins` takes what is not counted.
class count_tables {
 public:
  explicit count_tables(index bins)
      : bins_(bins),
        tables_(bins <= most_bins_of_four_tables ? 4 : 1),
        counts_(new std::uint32_t[static_cast<std::size_t>(tables_ * (bins + 1))]()) {}

  template <class Bin>
  void count(Bin const* bins, index n) {
    std::uint32_t* const a = counts_.get();
    if (tables_ == 1) {
      for (index i = 0; i < n; ++i) ++a[bins[i]];
      return;
    }
    std::uint32_t *const b = a + (bins_ + 1), *const c = b + (bins_ + 1), *const d = c + (bins_ + 1);
    index i = 0;
    for (; i + 4 <= n; i += 4) {
      ++a[bins[i]];
      ++b[bins[i + 1]];
      ++c[bins[i + 2]];
      ++d[bins[i + 3]];
    }
    for (; i < n; ++i) ++a[bins[i]];
  }
  /// Adds the counts to those of all threads, and begins again.
  void flush(index* all) {
    for (index bin = 0; bin < bins_; ++bin) {
      index sum = 0;
      for (index t = 0; t < tables_; ++t) sum += counts_[t * (bins_ + 1) + bin];
      if (sum != 0) std::atomic_ref<index>(all[bin]).fetch_add(sum, std::memory_order_relaxed);
    }
    std::memset(counts_.get(), 0, static_cast<std::size_t>(tables_ * (bins_ + 1)) * sizeof(std::uint32_t));
  }

 private:
  index bins_, tables_;
  std::unique_ptr<std::uint32_t[]> counts_;
};

/// Adds to counts[0 .. bins) how many values fall into each. `rule.find(values, n, space)` returns where the bins of
/// the values are, `bins` where none is right; it may write them to the space.
template <class Evaluator, std::size_t R, class Rule>
void histogram(device const& where, shape<R> const& extents, Evaluator const& evaluator, Rule const& rule, index bins,
               index* counts) {
  using value = typename Rule::value_type;
  reader<Evaluator, R> const from(evaluator, extents);
  auto const total = static_cast<index>(extents.size());
  index const few = std::max(serial_below / 4, 4 * bins);  // tables of many bins cost more than a few elements
  parallel_ranges(where, total, buffer_length, few, [&](index first, index last) {
    count_tables tables(bins);
    local_values<value, buffer_length> values;
    local_values<typename Rule::bin, buffer_length> found;
    for (index at = first, flushed = first; at < last; at += buffer_length) {
      index const n = std::min(buffer_length, last - at);
      from.read(at, at + n, values.data());
      tables.count(rule.find(values.data(), n, found.data()), n);
      if (at + n == last || at + n - flushed >= elements_per_flush) {
        tables.flush(counts);
        flushed = at + n;
      }
    }
  });
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
