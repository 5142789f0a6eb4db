// What the examples share: their command line, timing, and how they check and report. Each takes "[device] [--short]
// [--compare]": a device such as cpu, cpu:2 or gpu, a small size that is over at once, and whether to time its hot loop
// beside the same loop written by hand with OpenMP (openmp/*.hpp).
#pragma once

#include <lockstep/bench/timing.hpp>
#include <lockstep/core/clock.hpp>
#include <lockstep/lockstep.hpp>

#if defined(_OPENMP)
#include <omp.h>
#elif defined(__clang__)  // the loops of openmp/ then run on one thread
#pragma clang diagnostic ignored "-Wsource-uses-openmp"
#endif

#include <cmath>
#include <cstdio>
#include <exception>
#include <string>
#include <thread>
#include <vector>

namespace example {

namespace ls = lockstep;

/// The command line: --short, --compare, at most one device, and whatever else the program takes.
struct options {
  ls::device device = ls::default_device();
  bool brief = false;
  bool compare = false;
  std::vector<std::string> rest;

  /// The size of the problem: `full`, or `brief` with --short.
  ls::index size(ls::index full, ls::index small) const { return brief ? small : full; }
};

struct usage_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// What --compare needs: OpenMP, told to use as many threads as the device does.
inline void prepare_openmp(ls::device const& where) {
  if (!where.is_cpu()) throw usage_error("found --compare on " + where.name() + ", expected a CPU device");
#if defined(_OPENMP)
  omp_set_num_threads(static_cast<int>(where.threads()));
#else
  throw usage_error("found --compare in a program that was compiled without OpenMP; compile it with -fopenmp");
#endif
}

inline options read_options(int argc, char** argv, std::size_t most_others) {
  options result;
  for (std::string const& word : std::vector<std::string>(argv + 1, argv + argc)) {
    bool const device = word == "cpu" || word == "gpu" || word.starts_with("cpu:") || word.starts_with("gpu:");
    if (word == "--short")
      result.brief = true;
    else if (word == "--compare")
      result.compare = true;
    else if (device)
      result.device = ls::device::parse(word);
    else if (word.starts_with("--") || result.rest.size() == most_others)
      throw usage_error("found \"" + word + "\", which is no option of this program");
    else
      result.rest.push_back(word);
  }
  if (result.compare) prepare_openmp(result.device);
  return result;
}

/// Calls body(options) and prints "ok". Whatever it throws is printed, and the exit status says so: 1, or 2 for a
/// command line that makes no sense. `others` names the arguments that the program takes before its device.
template <class Body>
int run(int argc, char** argv, std::vector<std::string> const& others, Body body) {
  try {
    body(read_options(argc, argv, others.size()));
    std::puts("ok");
    return 0;
  } catch (usage_error const& problem) {
    std::fprintf(stderr, "%s: %s\nUsage: %s", argv[0], problem.what(), argv[0]);
    for (std::string const& other : others) std::fprintf(stderr, " [%s]", other.c_str());
    std::fputs(" [cpu|cpu:THREADS|gpu|gpu:NUMBER] [--short] [--compare]\n", stderr);
    return 2;
  } catch (std::exception const& problem) {
    std::fprintf(stderr, "%s: %s\n", argv[0], problem.what());
    return 1;
  }
}

/// Seconds that work() takes, until the device has finished it.
template <class Work>
double seconds_of(ls::device const& where, Work work) {
  where.synchronize();
  double const start = ls::seconds_now();
  work();
  where.synchronize();
  return ls::seconds_now() - start;
}

/// Prints a time, and how much of something was done per second: "  forces: 0.21 s, 5.1 billion interactions/s".
inline void report(char const* what, double seconds, double amount, char const* unit) {
  double const rate = amount / seconds;
  bool const many = rate >= 1e9;
  std::printf("  %s: %.4g s, %.4g %s %s/s\n", what, seconds, rate / (many ? 1e9 : 1e6), many ? "billion" : "million",
              unit);
}

/// With --compare: times ours() and openmp(), which do the same, in turn on as many threads, and prints the medians and
/// how many times as fast ours is. The pauses are for the other one's threads, which may still spin.
inline void compare(options const& o, char const* what, std::function<void()> const& ours,
                    std::function<void()> const& openmp) {
  if (!o.compare) return;
  ls::bench::timing_options how;
  how.seconds = o.brief ? 0 : 4;
  how.most = 21;
  how.between = [] { std::this_thread::sleep_for(std::chrono::milliseconds(3)); };
  std::vector<double> const medians = ls::bench::medians_in_turn(o.device, {ours, openmp}, how);
  std::printf("  %s: lockstep %.4g s, OpenMP %.4g s, %.2f times as fast\n", what, medians[0], medians[1],
              medians[1] / medians[0]);
}

/// Ends the program with a message unless the answer is right.
inline void require(bool right, std::string const& what) {
  if (!right) throw std::runtime_error("wrong answer: " + what);
}

/// The same for numbers that may differ by `tolerance`. NaN is never right.
inline void require_close(char const* what, double found, double expected, double tolerance) {
  char text[200];
  std::snprintf(text, sizeof text, "%s: found %.9g, expected %.9g, give or take %.2g", what, found, expected,
                tolerance);
  require(std::abs(found - expected) <= tolerance, text);
}

}  // namespace example
