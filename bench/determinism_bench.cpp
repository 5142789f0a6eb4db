// What determinism costs: our reductions and scans, whose order is fixed, beside the same work in any order (one part
// per thread, as many vector accumulators as hide an addition's latency, parts combined as they come). Goal: under 5 %.
#include <lockstep/lockstep.hpp>
#include <string>
#include <vector>

#include "compare.hpp"
#ifdef PEER_OPENMP
#include <omp.h>
#endif

namespace {

using lockstep::array, lockstep::device, lockstep::shape;

typedef float floats __attribute__((vector_size(lockstep::cpu::vector_bytes)));
constexpr std::size_t width = sizeof(floats) / sizeof(float), accumulators = 8, step = width * accumulators;

floats load(float const* from) {
  floats v;
  __builtin_memcpy(&v, from, sizeof v);
  return v;
}

/// Calls f(first, last, part) for one part per thread, and join(part's result) as they come.
template <class F, class Join>
void in_parts(std::size_t n, int threads, F f, Join join) {
#ifdef PEER_OPENMP
#pragma omp parallel num_threads(threads)
  {
    auto const part = static_cast<std::size_t>(omp_get_thread_num()), parts = static_cast<std::size_t>(threads);
    auto const found = f(n * part / parts / step * step, part + 1 == parts ? n : n * (part + 1) / parts / step * step);
#pragma omp critical
    join(found);
  }
#else
  static_cast<void>(threads);
  join(f(std::size_t{0}, n));
#endif
}

/// Folds [first, last): whole(accumulator, index of a vector), rest(result, index of a value), then join over all
/// lanes.
template <class Whole, class Rest, class Join>
float fold(std::size_t first, std::size_t last, float start, Whole whole, Rest rest, Join join) {
  floats all[accumulators];
  for (floats& each : all) each = start - floats{};
  std::size_t i = first;
  for (; i + step <= last; i += step) {
    LOCKSTEP_UNROLL
    for (std::size_t k = 0; k < accumulators; ++k) all[k] = whole(all[k], i + k * width);
  }
  float result = start;
  for (; i < last; ++i) result = rest(result, i);
  for (floats const& each : all)
    for (std::size_t l = 0; l < width; ++l) result = join(result, each[l]);
  return result;
}
constexpr auto add = [](float a, float b) { return a + b; };
constexpr auto larger = [](float a, float b) { return a < b ? b : a; };

float free_sum(float const* x, std::size_t n, int threads) {
  float all = 0;
  auto const part = [=](std::size_t first, std::size_t last) {
    return fold(
        first, last, 0, [=](floats a, std::size_t i) { return a + load(x + i); },
        [=](float a, std::size_t i) { return a + x[i]; }, add);
  };
  in_parts(n, threads, part, [&](float found) { all += found; });
  return all;
}
float free_dot(float const* x, float const* y, std::size_t n, int threads) {
  float all = 0;
  auto const part = [=](std::size_t first, std::size_t last) {
    return fold(
        first, last, 0, [=](floats a, std::size_t i) { return a + load(x + i) * load(y + i); },
        [=](float a, std::size_t i) { return a + x[i] * y[i]; }, add);
  };
  in_parts(n, threads, part, [&](float found) { all += found; });
  return all;
}
float free_max(float const* x, std::size_t n, int threads) {
  float all = x[0];
  auto const part = [=](std::size_t first, std::size_t last) {
    auto const pick = [=](floats a, std::size_t i) {
      floats const v = load(x + i);
      return a < v ? v : a;
    };
    return fold(
        first, last, x[0], pick, [=](float a, std::size_t i) { return larger(a, x[i]); }, larger);
  };
  in_parts(n, threads, part, [&](float found) { all = larger(all, found); });
  return all;
}

struct moments {
  double sum, squares;
};
/// Mean and variance from sums of deviations from the first value and of their squares.
moments free_moments(float const* x, std::size_t n, int threads) {
  moments all{0, 0};
  float const center = x[0];
  auto const part = [=](std::size_t first, std::size_t last) {
    floats sums[4] = {}, squares[4] = {};
    std::size_t i = first;
    for (; i + 4 * width <= last; i += 4 * width) {
      LOCKSTEP_UNROLL
      for (std::size_t k = 0; k < 4; ++k) {
        floats const apart = load(x + i + k * width) - center;
        sums[k] += apart, squares[k] += apart * apart;
      }
    }
    moments found{0, 0};
    for (; i < last; ++i) found.sum += x[i] - center, found.squares += (x[i] - center) * (x[i] - center);
    for (std::size_t k = 0; k < 4; ++k)
      for (std::size_t l = 0; l < width; ++l) found.sum += sums[k][l], found.squares += squares[k][l];
    return found;
  };
  in_parts(n, threads, part, [&](moments found) { all.sum += found.sum, all.squares += found.squares; });
  double const count = static_cast<double>(n), off = all.sum / count;
  return {center + off, all.squares / count - off * off};
}

/// The running sum of a vector's values.
template <int By, int... L>
floats shifted(floats v, std::integer_sequence<int, L...>) {
  return __builtin_shufflevector(floats{}, v, (L < By ? L : static_cast<int>(width) + L - By)...);
}
template <int By = 1>
floats running(floats v) {
  if constexpr (By < static_cast<int>(width))
    return running<2 * By>(v + shifted<By>(v, std::make_integer_sequence<int, static_cast<int>(width)>{}));
  else
    return v;
}
template <int... L>
floats last_everywhere(floats v, std::integer_sequence<int, L...>) {
  return __builtin_shufflevector(v, v, (L - L + static_cast<int>(width) - 1)...);
}
void scan_part(float const* x, float* y, std::size_t first, std::size_t last, float before, bool past_caches) {
  std::size_t i = first;
  floats sum = before - floats{};
  for (; i + width <= last; i += width) {
    floats const own = running(load(x + i)), v = own + sum;
    sum += last_everywhere(own, std::make_integer_sequence<int, static_cast<int>(width)>{});
    if (past_caches)
      lockstep::cpu::stream_store(y + i, v);
    else
      __builtin_memcpy(y + i, &v, sizeof v);
  }
  before = sum[0];
  for (; i < last; ++i) y[i] = before += x[i];
  if (past_caches) lockstep::cpu::stream_fence();
}
/// One part per thread: summed, then scanned from what is before it.
void free_scan(float const* x, float* y, std::size_t n, int threads) {
  bool const past_caches = n * sizeof(float) >= lockstep::cpu::stream_from_bytes;
  std::vector<float> sums(static_cast<std::size_t>(threads));
#ifdef PEER_OPENMP
#pragma omp parallel num_threads(threads)
  {
    auto const part = static_cast<std::size_t>(omp_get_thread_num()), parts = static_cast<std::size_t>(threads);
    std::size_t const first = n * part / parts / step * step;
    std::size_t const last = part + 1 == parts ? n : n * (part + 1) / parts / step * step;
    if (part + 1 < parts) sums[part] = free_sum(x + first, last - first, 1);
#pragma omp barrier
    float before = 0;
    for (std::size_t p = 0; p < part; ++p) before += sums[p];
    scan_part(x, y, first, last, before, past_caches);
  }
#else
  scan_part(x, y, 0, n, 0, past_caches);
#endif
}

void compare_all(std::size_t n, int threads) {
  device const dev = device::cpu(static_cast<std::size_t>(threads));
  std::vector<float> values(n);
  for (std::size_t i = 0; i < n; ++i) values[i] = static_cast<float>((i * 2654435761u) % 2000) / 200 - 5;
  array<float> const x(dev, values), y(dev, values);
  array<float> scanned = lockstep::zeros<float>(dev, shape{n}), scanned_freely = lockstep::zeros<float>(dev, shape{n});
  float const *const a = x.data(), *const b = y.data();
  float* const out = scanned_freely.data();
  double const bytes = 4.0 * static_cast<double>(n), budget = 0.4;
  auto const against = [&](char const* name, double moved, double written, auto ours, auto free) {
    bench::compare({name, "float", n, threads, moved, written}, ours, {{"order-free", free}}, budget);
  };
  against(
      "sum", bytes, 0, [&] { bench::keep(float(sum(x))); }, [=] { bench::keep(free_sum(a, n, threads)); });
  against(
      "dot", 2 * bytes, 0, [&] { bench::keep(float(dot(x, y))); }, [=] { bench::keep(free_dot(a, b, n, threads)); });
  against(
      "max", bytes, 0, [&] { bench::keep(float(max(x))); }, [=] { bench::keep(free_max(a, n, threads)); });
  against(
      "mean and variance", bytes, 0, [&] { bench::keep(lockstep::evaluate(mean(x), variance(x))); },
      [=] { bench::keep(free_moments(a, n, threads)); });
  against(
      "inclusive scan", 2 * bytes, bytes, [&] { scanned = inclusive_scan(x); }, [=] { free_scan(a, out, n, threads); });
}

}  // namespace

int main() {
  for (int threads : {1, 2})
    for (std::size_t n : {std::size_t{100000}, std::size_t{30000000}}) compare_all(n, threads);
}
