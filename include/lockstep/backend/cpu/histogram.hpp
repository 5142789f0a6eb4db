// histogram on CPU threads: bins are computed as vectors into a small buffer, then counted in tables of each thread's
// own; counts are integers, so their order of addition does not matter.
#pragma once

#include <atomic>
#include <cstring>

#include "../../array/view.hpp"
#include "../../core/owned_array.hpp"
#include "local_values.hpp"
#include "rows.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// Counts beyond this many go to one table per thread; below, to four in turn: an increment would otherwise wait for
/// the one before it when neighbors fall into the same bin. Fewer elements than 16 per bin don't make up for the
/// tables.
inline constexpr index most_bins_of_four_tables = 8192;

/// Elements counted before 32-bit counts are added to 64-bit ones.
inline constexpr index elements_per_flush = index{1} << 30;

/// Tables of one thread. Bin number `bins` takes what is not counted.
class count_tables {
 public:
  /// For about so many elements.
  void begin(index bins, index elements) {
    bins_ = bins;
    tables_ = bins <= most_bins_of_four_tables && elements / 16 >= bins ? 4 : 1;
    counts_.reset(new std::uint32_t[static_cast<std::size_t>(tables_ * (bins + 1))]());
  }

  template <class Bin>
  [[gnu::always_inline]] void count(Bin const* bins, index n) {
    std::uint32_t* const a = counts_.get();
    if (tables_ == 1) {
      for (index i = 0; i < n; ++i) ++a[bins[i]];
      return;
    }
    std::uint32_t *const b = a + (bins_ + 1), *const c = b + (bins_ + 1), *const d = c + (bins_ + 1);
    index const whole = n / 4 * 4;
    for (index i = 0; i < whole; i += 4) {
      ++a[bins[i]];
      ++b[bins[i + 1]];
      ++c[bins[i + 2]];
      ++d[bins[i + 3]];
    }
    for (index i = whole; i < n; ++i) ++a[bins[i]];
  }
  /// Adds the counts of [first, last) to those of all threads.
  void add_to(index* all, index first, index last) const {
    if (!counts_) return;
    std::uint32_t const* const a = counts_.get();
    if (tables_ == 1) {
      for (index bin = first; bin < last; ++bin) all[bin] += a[bin];
    } else {
      std::uint32_t const *const b = a + (bins_ + 1), *const c = b + (bins_ + 1), *const d = c + (bins_ + 1);
      for (index bin = first; bin < last; ++bin)
        all[bin] += (index{a[bin]} + index{b[bin]}) + (index{c[bin]} + index{d[bin]});
    }
  }
  /// Adds the counts to those of all threads meanwhile, and begins again.
  void flush(index* all) {
    for (index t = 0; t < tables_; ++t)
      for (index bin = 0; bin < bins_; ++bin)
        std::atomic_ref<index>(all[bin]).fetch_add(counts_[static_cast<std::size_t>(t * (bins_ + 1) + bin)],
                                                   std::memory_order_relaxed);
    std::memset(counts_.get(), 0, static_cast<std::size_t>(tables_ * (bins_ + 1)) * sizeof(std::uint32_t));
  }

 private:
  index bins_ = 0, tables_ = 0;
  owned_array<std::uint32_t> counts_;
};

/// found[i] = step * how many of edges[step], edges[2 * step], ... before edges[end] are not above values[i].
template <class V>
[[gnu::noinline]] void count_not_above(V const* edges, std::int32_t step, std::int32_t end, V const* values,
                                       std::int32_t n, std::int32_t* found) {
  std::int32_t i = 0;
#if !defined(__CUDACC__)
  if constexpr (sizeof(V) == 4 || sizeof(V) == 8) {
    using bits = std::conditional_t<sizeof(V) == 4, std::int32_t, std::int64_t>;
    typedef V vector __attribute__((vector_size(vector_bytes)));
    typedef bits counts __attribute__((vector_size(vector_bytes)));
    constexpr int width = static_cast<int>(vector_bytes / sizeof(V));
    constexpr int vectors = 4;
    for (; i + vectors * width <= n; i += vectors * width) {
      vector v[vectors];
      counts below[vectors] = {};
      __builtin_memcpy(v, values + i, sizeof(v));
      for (index k = step; k < end; k += step) {
        vector const edge = vector{} + edges[k];
        LOCKSTEP_UNROLL
        for (int w = 0; w < vectors; ++w) below[w] -= edge <= v[w];
      }
      bits many[vectors * width];
      __builtin_memcpy(many, below, sizeof(many));
      for (int l = 0; l < vectors * width; ++l) found[i + l] = step * static_cast<std::int32_t>(many[l]);
    }
  }
#endif
  for (; i < n; ++i) {
    std::int32_t below = 0;
    for (index k = step; k < end; k += step) below += step & -static_cast<std::int32_t>(edges[k] <= values[i]);
    found[i] = below;
  }
}

/// The largest of a few values from all over, all where there are few; negative ones count as large.
template <class V, class Evaluator, std::size_t R>
std::uint64_t most_of_a_few(Evaluator const& evaluator, shape<R> const& extents) {
  reader<Evaluator, R> const from(evaluator, extents);
  using number = std::make_unsigned_t<V>;
  constexpr index places = 16;
  auto const total = static_cast<index>(extents.size());
  index const pieces = total <= buffer_length ? 1 : places;
  local_values<V, buffer_length> values;
  number most = 0;
  for (index piece = 0; piece < pieces; ++piece) {
    index const first = total / pieces * piece, n = pieces == 1 ? total : buffer_length / places;
    from.read(first, first + n, values.data());
    for (index i = 0; i < n; ++i) most = std::max(most, static_cast<number>(values.data()[i]));
  }
  return most;
}

/// Adds to counts[0 .. bins) how many values fall into each. `rule.find(values, n, space)` returns where the bins of
/// up to Rule::group values are, `bins` where none is right; it may write them to the space.
template <class Evaluator, std::size_t R, class Rule>
void histogram(device const& where, shape<R> const& extents, Evaluator const& evaluator, Rule const& rule, index bins,
               index* counts) {
  using value = typename Rule::value_type;
  reader<Evaluator, R> const from(evaluator, extents);
  value const* const memory = memory_of<value>(from);
  auto const total = static_cast<index>(extents.size());
  // Groups are so short that a processor computes bins of the next one while it still counts those of the last.
  auto const count_range = [&](index first, index last, count_tables& tables) {
    local_values<value, buffer_length> values;
    local_values<typename Rule::bin, 2 * Rule::group> found;
    for (index at = first; at < last; at += buffer_length) {
      index n = std::min(buffer_length, last - at);
      if (!memory) from.read(at, at + n, values.data());
      value const* here = memory ? memory + at : values.data();
      if (n >= Rule::group) {
        auto const* ready = rule.find(here, Rule::group, found.data());
        index i = Rule::group;
        for (index turn = Rule::group; i + Rule::group <= n; i += Rule::group, turn ^= Rule::group) {
          auto const* const next = rule.find(here + i, Rule::group, found.data() + turn);
          tables.count(ready, Rule::group);
          ready = next;
        }
        tables.count(ready, Rule::group);
        here += i, n -= i;
      }
      if (n > 0) tables.count(rule.find(here, n, found.data()), n);
    }
  };
  auto const threads = static_cast<index>(where.threads());
  index const few = std::max(serial_below / 4, 4 * bins);  // tables of many bins cost more than a few elements
  index const most = total <= few ? 1 : threads;
  index const piece =
      std::min(elements_per_flush, (total / (most * pieces_per_thread) / buffer_length + 1) * buffer_length);
  owned_array<count_tables> const tables(new count_tables[static_cast<std::size_t>(most)]);
  std::atomic<index> next{0};
  auto const work = [&](index thread) {
    count_tables& own = tables[static_cast<std::size_t>(thread)];
    index counted = 0;
    for (index at; (at = next.fetch_add(piece, std::memory_order_relaxed)) < total;) {
      index const n = std::min(piece, total - at);
      if (counted == 0) own.begin(bins, total / most);
      if (counted + n > 2 * elements_per_flush) own.flush(counts), counted = 0;
      count_range(at, at + n, own);
      counted += n;
    }
  };
  if (most == 1)
    work(0);
  else
    where.run(most, work);
  parallel_ranges(where, bins, buffer_length, serial_below, [&](index first, index last) {
    for (index thread = 0; thread < most; ++thread)
      tables[static_cast<std::size_t>(thread)].add_to(counts, first, last);
  });
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
