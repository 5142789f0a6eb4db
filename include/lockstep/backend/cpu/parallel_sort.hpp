// Sorting keys on several threads: ranges are split by all threads together until there is a range for each, and then
// some, which the threads sort by themselves.
#pragma once

#include <atomic>
#include <vector>

#include "local_values.hpp"
#include "rows.hpp"
#include "vector_sort.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// Calls f(task) for every task in [0, count); a thread that is free takes the next.
template <class F>
void run_tasks(device const& where, index count, F&& f) {
  std::atomic<index> next{0};
  where.run(std::min(static_cast<index>(where.threads()), count), [&](index) {
    for (index task; (task = next.fetch_add(1, std::memory_order_relaxed)) < count;) f(task);
  });
}

/// Sorts the keys of a codec on the threads of a device.
template <class Codec>
class parallel_sorter {
  using K = typename Codec::key;
  using plain = plain_codec<K>;
  struct range {
    K* keys;
    index size;
    K lowest;  // no key is less
  };
  struct chunk {
    K* keys;
    index size, range, below;
  };
  struct exchange {
    K *left, *right;
    index size;
  };
  static constexpr index exchange_size = 32768;

 public:
  static void sort(device const& where, K* keys, index n) {
    if (where.threads() == 1 || n < 2 * serial_below) return vector_sorter<Codec>::sort(keys, n);
    parallel_sorter self(where, keys, n);
    self.template split<Codec>();
    for (int round = 0; round < 24 && self.largest() > self.small_; ++round) self.template split<plain>();
    std::sort(self.ranges_.begin(), self.ranges_.end(), [](range a, range b) { return a.size > b.size; });
    run_tasks(where, static_cast<index>(self.ranges_.size()), [&](index i) {
      range const& r = self.ranges_[static_cast<std::size_t>(i)];
      vector_sorter<Codec>::sort_encoded(r.keys, r.size, r.lowest);
    });
  }

 private:
  parallel_sorter(device const& where, K* keys, index n)
      : where_(where), total_(n), small_(std::max(serial_below / 2, n / static_cast<index>(4 * where.threads()))) {
    ranges_.push_back({keys, n, std::numeric_limits<K>::min()});
  }
  index largest() const {
    index most = 0;
    for (range const& r : ranges_) most = std::max(most, r.size);
    return most;
  }

  // Splits every range that is not small in two.
  template <class From>
  void split() {
    std::vector<range> done, open;
    for (range const& r : ranges_) (r.size > small_ ? open : done).push_back(r);
    std::vector<K> pivots;
    std::vector<chunk> chunks;
    for (range const& r : open) {
      K const pivot = choose_pivot<From>(r.keys, r.size);
      bool const all_equal = pivot == r.lowest && pivot == std::numeric_limits<K>::max();
      pivots.push_back(pivot == r.lowest && !all_equal ? static_cast<K>(pivot + 1) : pivot);
      add_chunks(r, static_cast<index>(pivots.size()) - 1, chunks);
    }
    run_tasks(where_, static_cast<index>(chunks.size()), [&](index i) {
      chunk& c = chunks[static_cast<std::size_t>(i)];
      c.below = splitter<From>::split(c.keys, c.size, pivots[static_cast<std::size_t>(c.range)]);
    });
    bring_together(chunks);
    ranges_ = std::move(done);
    for (std::size_t i = 0; i < open.size(); ++i) {
      index below = 0;
      for (chunk const& c : chunks) below += c.range == static_cast<index>(i) ? c.below : 0;
      range const& r = open[i];
      if (below > 0) ranges_.push_back({r.keys, below, r.lowest});
      if (below < r.size) ranges_.push_back({r.keys + below, r.size - below, pivots[i]});
    }
  }

  // As many chunks as the range's share of all threads.
  void add_chunks(range const& r, index number, std::vector<chunk>& chunks) const {
    index const count = std::max<index>(1, (static_cast<index>(where_.threads()) * r.size + total_ / 2) / total_);
    for (index i = 0; i < count; ++i) {
      index const begin = r.size * i / count, end = r.size * (i + 1) / count;
      chunks.push_back({r.keys + begin, end - begin, number, 0});
    }
  }

  // Chunks of a range were split one by one: exchanges what lies on the wrong side of the whole range.
  void bring_together(std::vector<chunk> const& chunks) {
    std::vector<exchange> exchanges;
    for (std::size_t first = 0, last; first < chunks.size(); first = last) {
      index below = 0;
      for (last = first; last < chunks.size() && chunks[last].range == chunks[first].range; ++last)
        below += chunks[last].below;
      find_exchanges(&chunks[first], last - first, chunks[first].keys + below, exchanges);
    }
    run_tasks(where_, static_cast<index>(exchanges.size()), [&](index i) {
      exchange const& e = exchanges[static_cast<std::size_t>(i)];
      std::swap_ranges(e.left, e.left + e.size, e.right);
    });
  }
  static void find_exchanges(chunk const* chunks, std::size_t count, K* middle, std::vector<exchange>& exchanges) {
    struct part {
      K *begin, *end;
    };
    std::vector<part> high, low;  // keys not below the pivot before the middle, and below it after the middle
    for (std::size_t i = 0; i < count; ++i) {
      chunk const& c = chunks[i];
      K *const split = c.keys + c.below, *const end = c.keys + c.size;
      if (split < middle && split < end) high.push_back({split, std::min(end, middle)});
      if (split > middle && c.keys < split) low.push_back({std::max(c.keys, middle), split});
    }
    for (std::size_t h = 0, l = 0; h < high.size() && l < low.size();) {
      index const size = std::min({high[h].end - high[h].begin, low[l].end - low[l].begin, exchange_size});
      exchanges.push_back({high[h].begin, low[l].begin, size});
      if ((high[h].begin += size) == high[h].end) ++h;
      if ((low[l].begin += size) == low[l].end) ++l;
    }
  }

  device const& where_;
  index const total_, small_;
  std::vector<range> ranges_;
};

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
