// Binary searches on CPU threads, and operations on sorted runs, cut where the values of both runs are cut alike.
#pragma once

#include "merge_sort.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// How many of n sorted values come before `value`, or do not come after it if `Upper`. Several searches at once keep
/// as many reads from memory in flight.
template <bool Upper, class T, class Less>
void search_values(T const* sorted, index n, T const* values, index count, Less const& before, index* found) {
  constexpr index together = 8;
  for (index first = 0; first < count; first += together) {
    T wanted[together];
    for (index s = 0; s < together; ++s) wanted[s] = values[std::min(first + s, count - 1)];
    T const* base[together];
    for (T const*& each : base) each = sorted;
    for (index length = n; length > 0;) {
      index const half = (length + 1) / 2;
      LOCKSTEP_UNROLL
      for (index s = 0; s < together; ++s) {
        T const probe = base[s][half - 1];
        bool const right = Upper ? !before(wanted[s], probe) : before(probe, wanted[s]);
        base[s] += right ? half : 0;
      }
      length -= half;
    }
    for (index s = 0; s < std::min(together, count - first); ++s) found[first + s] = base[s] - sorted;
  }
}

template <bool Upper, class T, class Less, class Evaluator, std::size_t R>
void search(device const& where, T const* sorted, index n, Evaluator const& evaluator, shape<R> const& extents,
            Less const& before, index* found) {
  reader<Evaluator, R> const from(evaluator, extents);
  parallel_ranges(where, static_cast<index>(extents.size()), buffer_length, serial_below / 16,
                  [&](index begin, index end) {
                    local_values<T, buffer_length> buffer;
                    for (index at = begin; at < end; at += buffer_length) {
                      index const stop = std::min(end, at + buffer_length);
                      from.read(at, stop, buffer.data());
                      search_values<Upper>(sorted, n, buffer.data(), stop - at, before, found + at);
                    }
                  });
}

template <class T, class Less>
bool is_sorted(device const& where, T const* values, index n, Less const& before) {
  std::atomic<bool> sorted{true};
  parallel_ranges(where, n - 1, 4096, serial_below, [&](index begin, index end) {
    constexpr index block = 1024;
    for (index at = begin; at < end && sorted.load(std::memory_order_relaxed); at += block) {
      bool wrong = false;
      for (index i = at; i < std::min(end, at + block); ++i) wrong |= before(values[i + 1], values[i]);
      if (wrong) sorted = false;
    }
  });
  return sorted;
}

/// Two sorted runs.
template <class T>
struct two_runs {
  T const* a;
  index a_size;
  T const* b;
  index b_size;
};

/// Cuts two sorted runs into `parts` pairs such that no value is in more than one: part p is [cut p, cut p + 1).
template <class T, class Less>
std::vector<std::pair<index, index>> cut_runs(two_runs<T> const& runs, index parts, Less const& before) {
  std::vector<std::pair<index, index>> cuts{{0, 0}};
  for (index p = 1; p < parts; ++p) {
    index const rank = (runs.a_size + runs.b_size) * p / parts;
    index const in_a = merge_cut(runs.a, runs.a_size, runs.b, runs.b_size, rank, before);
    T const& value = in_a < runs.a_size ? runs.a[in_a] : runs.b[std::min(rank - in_a, runs.b_size - 1)];
    cuts.push_back({std::lower_bound(runs.a, runs.a + runs.a_size, value, before) - runs.a,
                    std::lower_bound(runs.b, runs.b + runs.b_size, value, before) - runs.b});
  }
  cuts.push_back({runs.a_size, runs.b_size});
  return cuts;
}

/// Calls operation(part of a, part of b, out), which returns the end of what it wrote, for parts of two sorted runs;
/// `space` has room for as many values as both have. Then make(total), which returns where they all go.
template <class T, class Less, class Operation, class Make>
void combine_runs(device const& where, two_runs<T> const& runs, Less const& before, T* space,
                  Operation const& operation, Make const& make) {
  index const n = runs.a_size + runs.b_size, threads = static_cast<index>(where.threads());
  index const parts = n < serial_below ? 1 : threads * pieces_per_thread;
  auto const cuts = cut_runs(runs, parts, before);
  std::vector<index> sizes(static_cast<std::size_t>(parts));
  auto const cut = [&](index p) { return cuts[static_cast<std::size_t>(p)]; };
  auto const begin_of = [&](index p) { return space + cut(p).first + cut(p).second; };
  run_tasks(where, parts, [&](index p) {
    auto const [a, b] = cut(p);
    auto const [a_end, b_end] = cut(p + 1);
    T* const end = operation(runs.a + a, runs.a + a_end, runs.b + b, runs.b + b_end, begin_of(p));
    sizes[static_cast<std::size_t>(p)] = end - begin_of(p);
  });
  std::vector<index> starts(static_cast<std::size_t>(parts + 1));
  for (std::size_t p = 0; p < sizes.size(); ++p) starts[p + 1] = starts[p] + sizes[p];
  T* const out = make(starts.back());
  run_tasks(where, parts, [&](index p) {
    copy_values(out + starts[static_cast<std::size_t>(p)], begin_of(p), sizes[static_cast<std::size_t>(p)]);
  });
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
