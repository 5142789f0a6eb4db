// Every float through the functions of one argument (a sixteenth of the negative ones where the sign only carries over
// or gives NaN); many more doubles than the short test takes.
#include <doctest/doctest.h>

#include <atomic>
#include <mutex>
#include <string>
#include <thread>

#include "core/math_functions.hpp"

using namespace math_errors;

namespace {

/// Do negative arguments take a way of their own?
bool is_lopsided(std::string const& name) {
  for (char const* other : {"exp", "exp2", "expm1", "log1p", "acos", "sigmoid", "erfc"})
    if (name == other) return true;
  return false;
}

/// The largest error over the floats, by all threads of the machine.
worst<float> measure_all_floats(unary<float> const& f) {
  bool const lopsided = is_lopsided(f.name);
  constexpr std::uint64_t block = 1 << 16, blocks = (std::uint64_t(1) << 32) / block;
  std::atomic<std::uint64_t> next = 0;
  std::mutex mutex;
  worst<float> result;
  auto const work = [&] {
    std::vector<float> x(block);
    worst<float> found;
    for (std::uint64_t b = next++; b < blocks; b = next++) {
      if (!lopsided && b >= blocks / 2 && b % 16 != 0) continue;
      for (std::uint64_t j = 0; j < block; ++j) x[j] = std::bit_cast<float>(static_cast<std::uint32_t>(b * block + j));
      found = measure(f, x, found);
    }
    std::lock_guard const lock(mutex);
    result.merge(found);
  };
  std::vector<std::jthread> threads;
  for (unsigned t = 0; t < std::max(1u, std::thread::hardware_concurrency()); ++t) threads.emplace_back(work);
  threads.clear();
  return result;
}

}  // namespace

TEST_CASE("every float stays within its function's bound") {
  for (auto const& f : unary_functions<float>()) {
    std::string const name = f.name;
    if (name == "tgamma" || name == "lgamma") continue;  // the C library's own, and slow
    worst<float> const found = measure_all_floats(f);
    MESSAGE(name, ": ", found.ulp, " ULP at ", found.at);
    CHECK(found.ulp <= f.bound);
  }
}

TEST_CASE("millions of doubles stay within their function's bound") {
  for (auto const& f : unary_functions<double>()) {
    std::string const name = f.name;
    bool const angle = name == "sin" || name == "cos" || name == "tan";
    worst<double> found;
    for (double range : {1e-6, 0.1, 0.7, 1.0, 1.1, 2.0, 4.0, 6.0, 10.0, 27.0, 100.0, 710.0, 750.0, 1e6, 1e13})
      found = measure(f, spread<double>(500000, -range, range, 7), found);
    if (!angle) found = measure(f, random_bits<double>(2000000, 8), found);
    MESSAGE(name, ": ", found.ulp, " ULP at ", found.at);
    CHECK(found.ulp <= f.bound);
  }
}
