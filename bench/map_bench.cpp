// Element-wise maps, whole reductions and stencils beside loops, OpenMP, the standard library, Thrust, Eigen, OpenBLAS.
#include <cblas.h>

#include <cmath>
#include <cstring>
#include <lockstep/lockstep.hpp>

#include "loop_peers.hpp"
#if defined(PEER_EIGEN)
#include <Eigen/Core>
#endif

namespace {

namespace ls = lockstep;
using bench::contestants, bench::keep;
using ls::array, ls::device;

constexpr double budget = 0.2;

array<float> numbers(device const& dev, std::size_t n, std::size_t seed) {
  std::vector<float> values(n);
  for (std::size_t i = 0; i < n; ++i) values[i] = static_cast<float>(((i + seed) * 2654435761u) % 2000 + 1) / 1000;
  return array<float>(dev, values);
}

/// What all tasks of one size read and write: five operands, a result of ours and one of the peers.
struct operands {
  std::size_t n;
  int threads;
  device dev = device::cpu(static_cast<std::size_t>(threads));
  array<float> a = numbers(dev, n, 0), b = numbers(dev, n, 1), c = numbers(dev, n, 2), d = numbers(dev, n, 3),
               e = numbers(dev, n, 4), y = numbers(dev, n, 5), z = numbers(dev, n, 6);

  /// So many arrays are read and one written.
  bench::task mapping(char const* name, int read) const {
    double const bytes = 4.0 * static_cast<double>(n);
    return {name, "float", n, threads, (read + 1) * bytes, bytes};
  }
  bench::task reduction(char const* name, int read) const {
    return {name, "float", n, threads, 4.0 * read * static_cast<double>(n), 0};
  }
};

#if defined(PEER_EIGEN)
Eigen::Map<Eigen::ArrayXf> seen(array<float> const& a) {
  return {const_cast<float*>(a.data()), static_cast<Eigen::Index>(a.size())};
}
#endif
/// Adds Eigen, which has no threads here. `f` is called with arrays of Eigen's.
template <class F, class... Arrays>
void add_eigen([[maybe_unused]] contestants& peers, [[maybe_unused]] int threads, [[maybe_unused]] F f,
               [[maybe_unused]] Arrays&... arrays) {
#if defined(PEER_EIGEN)
  if (bench::takes_serial(std::max({arrays.shape().size()...}), threads))
    peers.push_back({"eigen", [f, ... maps = seen(arrays)]() mutable { f(maps...); }});
#endif
}

// --- maps -----------------------------------------------------------------------------------------------------------

void copy_and_scale(operands& o) {
  float const* const a = o.a.data();
  float* const z = o.z.data();
  contestants copies{{"memcpy", [=, n = o.n] { std::memcpy(z, a, n * sizeof(float)), keep(z); }}};
  add_map_peers(copies, z, o.n, o.threads, [=](std::size_t i) { return a[i]; });
  add_eigen(
      copies, o.threads, [](auto& z, auto& a) { z = a; }, o.z, o.a);
  compare(
      o.mapping("copy", 1), [&] { o.y = o.a; }, copies, budget);
  contestants scales;
  add_map_peers(scales, z, o.n, o.threads, [=](std::size_t i) { return a[i] * 1.5f; });
  add_eigen(
      scales, o.threads, [](auto& z, auto& a) { z = a * 1.5f; }, o.z, o.a);
  compare(
      o.mapping("scale", 1), [&] { o.y = o.a * 1.5f; }, scales, budget);
}

void triad_and_fused(operands& o) {
  float const *const a = o.a.data(), *const b = o.b.data(), *const c = o.c.data(), *const d = o.d.data(),
                     *const e = o.e.data();
  float* const z = o.z.data();
  contestants triads;
  add_map_peers(triads, z, o.n, o.threads, [=](std::size_t i) { return a[i] + 1.5f * b[i]; });
  add_eigen(
      triads, o.threads, [](auto& z, auto& a, auto& b) { z = a + 1.5f * b; }, o.z, o.a, o.b);
  compare(
      o.mapping("triad", 2), [&] { o.y = o.a + 1.5f * o.b; }, triads, budget);
  contestants maps;
  add_map_peers(maps, z, o.n, o.threads,
                [=](std::size_t i) { return std::sqrt(a[i] * b[i] + c[i] * d[i]) / (e[i] + 1.0f) - a[i]; });
  add_eigen(
      maps, o.threads,
      [](auto& z, auto& a, auto& b, auto& c, auto& d, auto& e) { z = (a * b + c * d).sqrt() / (e + 1.0f) - a; }, o.z,
      o.a, o.b, o.c, o.d, o.e);
  compare(
      o.mapping("map of 5 arrays", 5), [&] { o.y = ls::sqrt(o.a * o.b + o.c * o.d) / (o.e + 1.0f) - o.a; }, maps,
      budget);
}

void exponential(operands& o) {
  float const* const a = o.a.data();
  contestants peers;
  add_map_peers(peers, o.z.data(), o.n, o.threads, [=](std::size_t i) { return std::exp(-a[i]) * std::sin(a[i]); });
  add_eigen(
      peers, o.threads, [](auto& z, auto& a) { z = (-a).exp() * a.sin(); }, o.z, o.a);
  compare(
      o.mapping("exp(-x) sin(x)", 1), [&] { o.y = ls::exp(-o.a) * ls::sin(o.a); }, peers, budget);
}

/// European calls: price s, strike k, time t; interest 2 %, volatility 30 %.
void black_scholes(operands& o) {
  float const *const s = o.a.data(), *const k = o.b.data(), *const t = o.c.data();
  contestants peers;
  add_map_peers(peers, o.z.data(), o.n, o.threads, [=](std::size_t i) {
    float const width = 0.3f * std::sqrt(t[i]), d = (std::log(s[i] / k[i]) + (0.02f + 0.045f) * t[i]) / width;
    auto const normal = [](float x) { return 0.5f * std::erfc(-0.70710678f * x); };
    return s[i] * normal(d) - k[i] * std::exp(-0.02f * t[i]) * normal(d - width);
  });
  auto const ours = [&] {
    auto const width = 0.3f * ls::sqrt(o.c);
    auto const d = (ls::log(o.a / o.b) + (0.02f + 0.045f) * o.c) / width;
    auto const normal = [](auto const& x) { return 0.5f * ls::erfc(-0.70710678f * x); };
    o.y = o.a * normal(d) - o.b * ls::exp(-0.02f * o.c) * normal(d - width);
  };
  compare(o.mapping("Black-Scholes", 3), ours, peers, budget);
}

// --- reductions -----------------------------------------------------------------------------------------------------

void sums(operands& o) {
  float const *const a = o.a.data(), *const b = o.b.data();
  contestants sums, dots, differences;
  add_sum_peers(sums, a, o.n, o.threads, [=](std::size_t i) { return a[i]; });
  add_eigen(
      sums, o.threads, [](auto& a) { keep(a.sum()); }, o.a);
  compare(
      o.reduction("sum", 1), [&] { keep(float(ls::sum(o.a))); }, sums, budget);
  add_sum_peers(dots, a, o.n, o.threads, [=](std::size_t i) { return a[i] * b[i]; });
  add_eigen(
      dots, o.threads, [](auto& a, auto& b) { keep((a * b).sum()); }, o.a, o.b);
  dots.push_back({"openblas", [=, n = static_cast<int>(o.n), threads = o.threads] {
                    openblas_set_num_threads(threads);
                    keep(cblas_sdot(n, a, 1, b, 1));
                  }});
  compare(
      o.reduction("dot", 2), [&] { keep(float(ls::sum(o.a * o.b))); }, dots, budget);
  add_sum_peers(differences, a, o.n, o.threads, [=](std::size_t i) { return (a[i] - b[i]) * (a[i] - b[i]); });
  add_eigen(
      differences, o.threads, [](auto& a, auto& b) { keep((a - b).square().sum()); }, o.a, o.b);
  compare(
      o.reduction("sum of (a-b)^2", 2), [&] { keep(float(ls::sum(ls::square(o.a - o.b)))); }, differences, budget);
}

float largest(float const* a, std::size_t n, [[maybe_unused]] int threads) {
  float found = a[0];
#pragma omp parallel for simd num_threads(threads) schedule(static) reduction(max : found)
  for (std::size_t i = 0; i < n; ++i) found = a[i] > found ? a[i] : found;
  return found;
}

void extremes(operands& o) {
  float const* const a = o.a.data();
  std::size_t const n = o.n;
  int const threads = o.threads;
  contestants maxima, places;
  maxima.push_back({"omp", [=] { keep(largest(a, n, threads)); }});
  add_eigen(
      maxima, threads, [](auto& a) { keep(a.maxCoeff()); }, o.a);
  add_eigen(
      places, threads,
      [](auto& a) {
        std::ptrdiff_t at;
        a.maxCoeff(&at), keep(at);
      },
      o.a);
  places.push_back({"openblas", [=] {
                      openblas_set_num_threads(threads);
                      keep(cblas_isamax(static_cast<int>(n), a, 1));
                    }});
  if (bench::takes_serial(n, threads)) places.push_back({"serial", [=] { keep(std::max_element(a, a + n)); }});
  if (threads > 1) {
    auto const run = [=] { keep(std::max_element(std::execution::par_unseq, a, a + n)); };
    places.push_back({"stdpar", bench::with_threads(threads, run)});
    auto const reduce = [=] {
      keep(std::reduce(std::execution::par_unseq, a, a + n, a[0], [](float p, float q) { return p > q ? p : q; }));
    };
    maxima.push_back({"stdpar", bench::with_threads(threads, reduce)});
  }
  compare(
      o.reduction("max", 1), [&] { keep(float(ls::max(o.a))); }, maxima, budget);
  compare(
      o.reduction("argmax", 1), [&] { keep(std::int64_t(ls::argmax(o.a))); }, places, budget);
}

// --- stencils -------------------------------------------------------------------------------------------------------

void line_stencil(operands& o) {
  float const* const a = o.a.data();
  std::size_t const n = o.n;
  contestants peers;
  add_map_peers(peers, o.z.data() + 1, n - 2, o.threads,
                [=](std::size_t i) { return 0.25f * a[i] + 0.5f * a[i + 1] + 0.25f * a[i + 2]; });
  auto const ours = [&] { o.y = 0.25f * ls::neighbor(o.a, -1) + 0.5f * o.a + 0.25f * ls::neighbor(o.a, 1); };
  compare(o.mapping("stencil of 3, 1-D", 1), ours, peers, budget);
}

/// Inner elements of rows that are `step` elements long; the edges are not worth measuring.
struct row_stencil {
  float const* from;
  float* to;
  std::size_t rows, columns, planes;  ///< planes 1: two dimensions
  void operator()(std::size_t r) const {
    std::size_t const i = r / rows, j = r % rows, plane = rows * columns;
    if (j == 0 || j + 1 == rows || (planes > 1 && (i == 0 || i + 1 == planes))) return;
    float const* const x = from + r * columns;
    float* const y = to + r * columns;
    if (planes == 1) {
#pragma omp simd
      for (std::size_t k = 1; k < columns - 1; ++k)
        y[k] = 0.2f * (x[k] + x[k - 1] + x[k + 1] + x[k - columns] + x[k + columns]);
    } else {
#pragma omp simd
      for (std::size_t k = 1; k < columns - 1; ++k)
        y[k] = 0.1f * (x[k] + x[k - 1] + x[k + 1] + x[k - columns] + x[k + columns] + x[k - plane] + x[k + plane]);
    }
  }
};

void plane_stencil(std::size_t edge, int threads) {
  device const dev = device::cpu(static_cast<std::size_t>(threads));
  array<float, 2> const x = numbers(dev, edge * edge, 0).reshape(ls::shape{edge, edge});
  array<float, 2> y = x * 1.0f, z = x * 1.0f;
  contestants peers;
  add_row_peers(peers, edge, threads, row_stencil{x.data(), z.data(), edge, edge, 1});
  double const bytes = 4.0 * static_cast<double>(edge * edge);
  auto const ours = [&] {
    y = 0.2f * (x + neighbor(x, {0, -1}) + neighbor(x, {0, 1}) + neighbor(x, {-1, 0}) + neighbor(x, {1, 0}));
  };
  compare({"stencil of 5, 2-D", "float", edge * edge, threads, 2 * bytes, bytes}, ours, peers, budget);
}

void cube_stencil(std::size_t edge, int threads) {
  device const dev = device::cpu(static_cast<std::size_t>(threads));
  std::size_t const n = edge * edge * edge;
  array<float, 3> const x = numbers(dev, n, 0).reshape(ls::shape{edge, edge, edge});
  array<float, 3> y = x * 1.0f, z = x * 1.0f;
  contestants peers;
  add_row_peers(peers, edge * edge, threads, row_stencil{x.data(), z.data(), edge, edge, edge});
  double const bytes = 4.0 * static_cast<double>(n);
  auto const ours = [&] {
    y = 0.1f * (x + neighbor(x, {0, 0, -1}) + neighbor(x, {0, 0, 1}) + neighbor(x, {0, -1, 0}) +
                neighbor(x, {0, 1, 0}) + neighbor(x, {-1, 0, 0}) + neighbor(x, {1, 0, 0}));
  };
  compare({"stencil of 7, 3-D", "float", n, threads, 2 * bytes, bytes}, ours, peers, budget);
}

}  // namespace

int main() {
  for (int threads : {1, 2}) {
    for (std::size_t n : {1000, 100000, 1000000, 30000000}) {
      operands o{n, threads};
      for (auto* task : {copy_and_scale, triad_and_fused, sums, extremes, line_stencil}) task(o);
      if (n > 1000000) continue;
      exponential(o);
      black_scholes(o);
    }
    operands o{10000000, threads};
    exponential(o);
    black_scholes(o);
    for (std::size_t edge : {512, 4096}) plane_stencil(edge, threads);
    for (std::size_t edge : {64, 256}) cube_stencil(edge, threads);
  }
}
