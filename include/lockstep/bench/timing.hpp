// Timing on any device: medians of repeated runs, by the host's clock on CPU devices and by CUDA events on GPUs.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <vector>

#include "../device/device.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace bench {

/// The value in the middle; of an even number of values the higher one of the two. Not of none.
inline double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<long>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

#if LOCKSTEP_CUDA
/// A CUDA event that lives as long as this.
class event {
 public:
  event() { cuda::check(cudaEventCreate(&event_), "cudaEventCreate", "timing"); }
  event(event const&) = delete;
  event& operator=(event const&) = delete;
  ~event() { static_cast<void>(cudaEventDestroy(event_)); }
  void record(device const& where) {
    cuda::check(cudaEventRecord(event_, cuda::stream_of(where)), "cudaEventRecord", "timing");
  }
  double seconds_since(event const& before) const {
    float milliseconds = 0;
    cuda::check(cudaEventSynchronize(event_), "cudaEventSynchronize", "timing");
    cuda::check(cudaEventElapsedTime(&milliseconds, before.event_, event_), "cudaEventElapsedTime", "timing");
    return milliseconds * 1e-3;
  }

 private:
  cudaEvent_t event_ = nullptr;
};
#endif

/// Seconds that one of `repeats` calls of f takes, one after another.
inline double seconds_of(device const& where, std::function<void()> const& f, int repeats) {
#if LOCKSTEP_CUDA
  if (where.is_gpu()) {
    cuda::device_scope const scope(where.number());
    event begin, end;
    begin.record(where);
    for (int i = 0; i < repeats; ++i) f();
    end.record(where);
    return end.seconds_since(begin) / repeats;
  }
#endif
  where.synchronize();
  auto const begin = std::chrono::steady_clock::now();
  for (int i = 0; i < repeats; ++i) f();
  where.synchronize();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() / repeats;
}

/// How to time.
struct timing_options {
  double seconds = 0.3;           ///< for all rounds of one benchmark, about
  int fewest = 5, most = 101;     ///< rounds
  std::function<void()> between;  ///< runs before each timing and is not timed; may be empty
};

/// Medians of one call of each function, all timed in turn, so that a machine whose speed drifts treats them alike.
/// Each is called once before, and as often in a timing as makes it last 20 us.
inline std::vector<double> medians_in_turn(device const& where, std::vector<std::function<void()>> const& functions,
                                           timing_options const& how) {
  std::vector<std::vector<double>> times(functions.size());
  std::vector<int> repeats;
  double round = 0;
  for (auto const& f : functions) {
    f();
    double const once = seconds_of(where, f, 1);
    repeats.push_back(how.between ? 1 : std::clamp(static_cast<int>(20e-6 / std::max(once, 1e-9)), 1, 10000));
    round += std::max(once, 1e-9) * repeats.back();
  }
  int const rounds = std::clamp(static_cast<int>(how.seconds / round), how.fewest, how.most);
  for (int r = 0; r < rounds; ++r)
    for (std::size_t i = 0; i < functions.size(); ++i) {
      if (how.between) how.between();
      times[i].push_back(seconds_of(where, functions[i], repeats[i]));
    }
  std::vector<double> medians;
  for (auto const& each : times) medians.push_back(median(each));
  return medians;
}

}  // namespace bench
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
