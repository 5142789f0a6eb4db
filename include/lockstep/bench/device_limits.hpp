// What a device gives at most, measured: bytes per second of its memory, and floating-point operations per second.
#pragma once

#include "../array/factories.hpp"
#include "../kernel/launch.hpp"
#include "memory_limits.hpp"
#include "timing.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace bench {

/// Products and sums of floats in `chains` chains at a time, which keep the arithmetic units of a GPU's thread busy.
struct multiply_add_chains {
  static constexpr int chains = 8, steps = 512;
  static constexpr double operations = 2.0 * chains * steps;  ///< of one element
  LOCKSTEP_FN void operator()(index i, view<float> out, float factor) const {
    float x[chains];
    for (int c = 0; c < chains; ++c) x[c] = static_cast<float>(c);
    for (int s = 0; s < steps; ++s)
      for (int c = 0; c < chains; ++c) x[c] = x[c] * factor + 1.0f;
    float sum = 0;
    for (int c = 0; c < chains; ++c) sum += x[c];
    out[i] = sum;
  }
};

/// The same on one CPU thread, in vectors. Gives the operations done.
template <class = compilation>
double multiply_add_vectors(float factor) {
  typedef float vector __attribute__((vector_size(cpu::vector_bytes)));
  constexpr int chains = 12, steps = 20000;
  vector const f = vector{} + factor, one = vector{} + 1.0f;
  vector x0 = f, x1 = f, x2 = f, x3 = f, x4 = f, x5 = f, x6 = f, x7 = f, x8 = f, x9 = f, x10 = f, x11 = f;
  for (int s = 0; s < steps; ++s) {
    x0 = x0 * f + one, x1 = x1 * f + one, x2 = x2 * f + one, x3 = x3 * f + one;
    x4 = x4 * f + one, x5 = x5 * f + one, x6 = x6 * f + one, x7 = x7 * f + one;
    x8 = x8 * f + one, x9 = x9 * f + one, x10 = x10 * f + one, x11 = x11 * f + one;
  }
  vector const all = x0 + x1 + x2 + x3 + x4 + x5 + x6 + x7 + x8 + x9 + x10 + x11;
  asm volatile("" : : "m"(all));
  return 2.0 * chains * steps * (sizeof(vector) / sizeof(float));
}

/// Floating-point operations (of float) per second, measured once per device.
inline double peak_flops(device const& where) {
  static std::map<std::string, double> known;
  double& found = known[where.name()];
  if (found > 0) return found;
  timing_options const how{0.05, 3, 31, {}};
  if (where.is_cpu()) {
    auto const threads = static_cast<index>(where.threads());
    double operations = 0;
    auto const work = [&] {
      where.run(threads, [&](index t) {
        double const done = multiply_add_vectors(0.5f);
        if (t == 0) operations = done * static_cast<double>(threads);
      });
    };
    double const seconds = medians_in_turn(where, {work}, how)[0];
    return found = operations / seconds;
  }
  index const n = 32 * 1024;
  array<float> out(where, shape<1>(n));
  auto const work = [&] { launch(where, elements(n), multiply_add_chains{}, out, 0.5f); };
  return found = multiply_add_chains::operations * static_cast<double>(n) / medians_in_turn(where, {work}, how)[0];
}

/// Bytes per second of a device's memory for a task that touches `bytes` in all: the fastest of reading, writing and
/// copying, on CPU devices in the cache that holds them.
inline double peak_bytes(device const& where, double bytes) {
  if (where.is_cpu()) {
    rates const& most = limit_of(bytes, static_cast<int>(where.threads()));
    return std::max({most.read, most.write, most.copy});
  }
  static std::map<std::string, double> known;
  double& found = known[where.name()];
  if (found > 0) return found;
  std::size_t const n = std::size_t{16} << 20;
  array<float> const from = zeros<float>(where, n);
  array<float> to(where, shape<1>(n));
  double const seconds = medians_in_turn(where, {[&] { to = from; }}, timing_options{0.05, 3, 31, {}})[0];
  return found = 2.0 * sizeof(float) * static_cast<double>(n) / seconds;
}

}  // namespace bench
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
