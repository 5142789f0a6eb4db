// Comparison with peers: we and every peer in turn, many times in one run, so that a machine whose speed drifts treats
// all alike. A row per task, as text and, with LOCKSTEP_BENCH_JSON=<file>, as one JSON object per line.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "paired.hpp"

namespace bench {

/// Someone who does the same task.
struct contestant {
  std::string name;
  std::function<void()> run;
};

/// One task at one size on so many threads. `bytes` is the fewest that have to be moved.
struct task {
  std::string name, type;
  std::size_t n;
  int threads;
  double bytes;
};

/// Keeps the compiler from dropping what a benchmark computes.
template <class T>
void keep(T const& value) {
  asm volatile("" : : "g"(&value) : "memory");
}

/// Runs per timing so that one takes at least about 20 us, and rounds so that all of it takes about `budget` seconds.
inline void compare(task const& what, std::function<void()> ours, std::vector<contestant> const& peers,
                    double budget = 0.6) {
  std::vector<contestant> all{{"lockstep", std::move(ours)}};
  all.insert(all.end(), peers.begin(), peers.end());
  std::vector<int> repeats;
  double round = 0;
  for (contestant const& each : all) {
    each.run();
    double const once = seconds(each.run, 1);
    repeats.push_back(std::max(1, static_cast<int>(20e-6 / std::max(once, 1e-9))));
    round += once * repeats.back();
  }
  int const rounds = std::clamp(static_cast<int>(budget / round), 3, 51);
  std::vector<std::vector<double>> times(all.size());
  for (int r = 0; r < rounds; ++r)
    for (std::size_t i = 0; i < all.size(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));  // the last one's threads may still spin
      all[i].run();
      times[i].push_back(seconds(all[i].run, repeats[i]));
    }
  std::vector<double> medians;
  for (auto const& each : times) medians.push_back(median(each));

  static bool const header = [] {
    std::printf("%-26s %-8s %10s %2s %12s %8s  %s\n", "task", "type", "n", "T", "ours", "GB/s",
                "ours/best peer  (every peer: peer/ours)");
    return true;
  }();
  static_cast<void>(header);
  double best = 0;
  std::string rest;
  for (std::size_t i = 1; i < all.size(); ++i) {
    if (best == 0 || medians[i] < best) best = medians[i];
    char text[96];
    std::snprintf(text, sizeof text, "%s%s %.2f", i > 1 ? ", " : "", all[i].name.c_str(), medians[i] / medians[0]);
    rest += text;
  }
  std::printf("%-26s %-8s %10zu %2d %9.2f us %8.1f  ", what.name.c_str(), what.type.c_str(), what.n, what.threads,
              medians[0] * 1e6, what.bytes / medians[0] * 1e-9);
  if (best > 0) std::printf("%5.2f  (%s)", medians[0] / best, rest.c_str());
  std::printf("\n");
  std::fflush(stdout);

  char const* const path = std::getenv("LOCKSTEP_BENCH_JSON");
  std::FILE* const file = path ? std::fopen(path, "a") : nullptr;
  if (!file) return;
  std::fprintf(file, "{\"task\":\"%s\",\"type\":\"%s\",\"n\":%zu,\"threads\":%d,\"bytes\":%.0f,\"seconds\":{",
               what.name.c_str(), what.type.c_str(), what.n, what.threads, what.bytes);
  for (std::size_t i = 0; i < all.size(); ++i)
    std::fprintf(file, "%s\"%s\":%.9g", i ? "," : "", all[i].name.c_str(), medians[i]);
  std::fprintf(file, "}}\n");
  std::fclose(file);
}

}  // namespace bench
