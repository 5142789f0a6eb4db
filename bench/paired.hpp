// Paired timing: two functions in turn, many times, so that a machine whose speed drifts treats both alike.
#pragma once

#include <chrono>
#include <cstdio>
#include <lockstep/bench/timing.hpp>
#include <vector>

namespace bench {

using lockstep::bench::median;

template <class F>
double seconds(F&& f, int repeats) {
  auto const begin = std::chrono::steady_clock::now();
  for (int i = 0; i < repeats; ++i) f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() / repeats;
}

struct pair_result {
  double ours, theirs;  ///< medians, seconds
};

/// Times `ours` and `theirs` in turn, `rounds` times each after a warm-up; every timing runs the function `repeats`
/// times.
template <class Ours, class Theirs>
pair_result paired(Ours&& ours, Theirs&& theirs, int rounds = 31, int repeats = 1) {
  seconds(ours, repeats);
  seconds(theirs, repeats);
  std::vector<double> a, b;
  for (int round = 0; round < rounds; ++round) {
    a.push_back(seconds(ours, repeats));
    b.push_back(seconds(theirs, repeats));
  }
  return {median(a), median(b)};
}

/// One line: both medians, the rate of ours for `bytes` moved, and theirs over ours (1.00: equal, more: ours is
/// faster).
inline void report(char const* what, std::size_t bytes, pair_result const& r) {
  std::printf("%-44s ours %10.3f us  limit %10.3f us  %7.1f GB/s  limit/ours %.2f\n", what, r.ours * 1e6,
              r.theirs * 1e6, static_cast<double>(bytes) / r.ours * 1e-9, r.theirs / r.ours);
}

}  // namespace bench
