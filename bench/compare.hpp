// Comparison with peers: we and every peer in turn, many times in one run, so that a machine whose speed drifts treats
// all alike. A row per task, as text and, with LOCKSTEP_BENCH_JSON=<file>, as one JSON object per line (see table.cpp).
//
// The limit of a task is the time in which this machine moves its bytes (memory_limits.hpp): as many of them as are
// both read and written at the rate of a copy, the others at the rate of reading or writing alone, in the task's size
// class. A task that doesn't say how many it writes gets the fastest of the three rates. What is reached is limit /
// time: it may exceed 1 where memory was slower when the limit was measured, or where data stay in a faster cache than
// their size suggests; tasks that compute much stay far below.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <lockstep/bench/memory_limits.hpp>

#include "paired.hpp"

namespace bench {

using lockstep::bench::limit_of, lockstep::bench::rates;

/// Someone who does the same task. One named "limit", "read limit" or "copy" is a yardstick, not a peer.
struct contestant {
  std::string name;
  std::function<void()> run;
};

/// One task at one size on so many threads. `bytes` is the fewest that have to be moved, `written` those of them that
/// are written.
struct task {
  std::string name, type;
  std::size_t n;
  int threads;
  double bytes;
  double written = -1;
};

/// Keeps the compiler from dropping what a benchmark computes.
template <class T>
void keep(T const& value) {
  asm volatile("" : : "g"(&value) : "memory");
}

inline double limit_seconds(task const& what) {
  rates const& most = limit_of(what.bytes, what.threads);
  if (what.written < 0) return what.bytes / std::max({most.read, most.write, most.copy});
  double const read = what.bytes - what.written, both = std::min(read, what.written);
  return 2 * both / most.copy + (read - both) / most.read + (what.written - both) / most.write;
}

/// Runs for so many seconds, once at least.
inline void warm_up(std::function<void()> const& run, double for_seconds) {
  auto const begin = std::chrono::steady_clock::now();
  do run();
  while (std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() < for_seconds);
}

/// Medians of all contestants, timed in turn. A timing takes at least about 50 us, all of them about `budget` seconds.
/// Whoever takes more than 20 ms and more than five times as long as the first one is timed only once.
///
/// Contestants with several threads run for some time before they are timed, and then several times: OpenMP's threads
/// spin for ten milliseconds after their turn, and the system, which has put the next one's threads on one core
/// meanwhile, takes as long to notice.
inline std::vector<double> times_of(std::vector<contestant> const& all, int threads, double budget) {
  constexpr std::chrono::milliseconds pause(2);
  double const warm = threads > 1 ? 15e-3 : 0.3e-3;
  int const timings = threads > 1 ? 5 : 1;  // per turn
  std::vector<int> repeats;
  std::vector<std::vector<double>> times(all.size());
  std::vector<std::size_t> in_turn;
  double turns = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].run();
    times[i].push_back(seconds(all[i].run, 1));
    double const once = times[i][0];
    repeats.push_back(std::max(1, static_cast<int>(50e-6 / std::max(once, 1e-9))));
    if (once > 20e-3 && once > 5 * times[0][0]) continue;
    in_turn.push_back(i);
    times[i].clear();
    turns += std::chrono::duration<double>(pause).count() + std::max(warm, once) + timings * once * repeats[i];
  }
  int const rounds = std::clamp(static_cast<int>(budget / turns), 3, 51);
  for (int r = 0; r < rounds; ++r)
    for (std::size_t const i : in_turn) {
      std::this_thread::sleep_for(pause);
      warm_up(all[i].run, warm);
      for (int k = 0; k < timings; ++k) times[i].push_back(seconds(all[i].run, repeats[i]));
    }
  std::vector<double> medians;
  for (auto const& each : times) medians.push_back(median(each));
  return medians;
}

/// The fastest peer's number; 0 where there is none.
inline std::size_t best_peer(std::vector<contestant> const& all, std::vector<double> const& medians) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < all.size(); ++i) {
    bool const yardstick = all[i].name == "limit" || all[i].name == "read limit" || all[i].name == "copy";
    if (!yardstick && (best == 0 || medians[i] < medians[best])) best = i;
  }
  return best;
}

inline void print_row(task const& what, std::vector<contestant> const& all, std::vector<double> const& medians,
                      double limit) {
  static bool const header = [] {
    std::printf("%-26s %-8s %10s %2s %12s %8s %6s  %s\n", "task", "type", "n", "T", "ours", "GB/s", "limit",
                "ours/best peer  (every peer: peer/ours)");
    return true;
  }();
  static_cast<void>(header);
  std::printf("%-26s %-8s %10zu %2d %9.2f us %8.1f %6.2f  ", what.name.c_str(), what.type.c_str(), what.n, what.threads,
              medians[0] * 1e6, what.bytes / medians[0] * 1e-9, limit / medians[0]);
  std::size_t const best = best_peer(all, medians);
  if (best > 0) std::printf("%5.2f  ", medians[0] / medians[best]);
  for (std::size_t i = 1; i < all.size(); ++i)
    std::printf("%s%s %.2f%s", i == 1 ? "(" : ", ", all[i].name.c_str(), medians[i] / medians[0],
                i + 1 == all.size() ? ")" : "");
  std::printf("\n");
  std::fflush(stdout);
}

/// Names hold neither quotes nor backslashes. The family is the name of the program's source file.
inline void write_row(char const* path, task const& what, std::vector<contestant> const& all,
                      std::vector<double> const& medians, double limit) {
  std::FILE* const file = std::fopen(path, "a");
  if (!file) {
    std::fprintf(stderr, "LOCKSTEP_BENCH_JSON: found %s, expected a file that can be written\n", path);
    std::exit(1);
  }
  std::string family = __BASE_FILE__;
  family = family.substr(family.find_last_of('/') + 1);
  family = family.substr(0, family.rfind("_bench"));
  std::size_t const best = best_peer(all, medians);
  std::fprintf(file, "{\"family\":\"%s\",\"task\":\"%s\",\"type\":\"%s\",\"n\":%zu,\"threads\":%d,\"bytes\":%.0f,",
               family.c_str(), what.name.c_str(), what.type.c_str(), what.n, what.threads, what.bytes);
  std::fprintf(file, "\"limit_seconds\":%.9g,\"best_peer\":\"%s\",\"seconds\":{", limit,
               best > 0 ? all[best].name.c_str() : "");
  for (std::size_t i = 0; i < all.size(); ++i)
    std::fprintf(file, "%s\"%s\":%.9g", i ? "," : "", all[i].name.c_str(), medians[i]);
  std::fprintf(file, "}}\n");
  std::fclose(file);
}

/// Times us and the peers for about `budget` seconds, prints a row and keeps it where LOCKSTEP_BENCH_JSON says. With
/// LOCKSTEP_BENCH_ONLY=<text> only tasks whose names contain the text run.
inline void compare(task const& what, std::function<void()> ours, std::vector<contestant> const& peers,
                    double budget = 0.6) {
  char const* const only = std::getenv("LOCKSTEP_BENCH_ONLY");
  if (only && what.name.find(only) == std::string::npos) return;
  std::vector<contestant> all{{"lockstep", std::move(ours)}};
  all.insert(all.end(), peers.begin(), peers.end());
  double const limit = limit_seconds(what);
  std::vector<double> const medians = times_of(all, what.threads, budget);
  print_row(what, all, medians, limit);
  if (char const* const path = std::getenv("LOCKSTEP_BENCH_JSON")) write_row(path, what, all, medians, limit);
}

}  // namespace bench
