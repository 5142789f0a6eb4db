// What is bound by places in memory rather than by arithmetic: gather, scatter, histograms, transposes, sums along
// axes and over segments; and random numbers. Beside loops, OpenMP, the standard library, Thrust, Eigen and OpenBLAS.
#include <cblas.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <lockstep/lockstep.hpp>
#include <random>

#include "loop_peers.hpp"
#if defined(PEER_OPENMP)
#include <omp.h>
#endif
#if defined(PEER_THRUST)
#include <thrust/gather.h>
#include <thrust/scatter.h>
#endif
#if defined(PEER_EIGEN)
#include <Eigen/Core>
#endif

namespace {

namespace ls = lockstep;
using bench::compare, bench::contestants, bench::keep;
using ls::array, ls::device;

constexpr double budget = 0.1;

device threads_of(int threads) { return device::cpu(static_cast<std::size_t>(threads)); }
std::vector<float> numbers(std::size_t n) {
  std::mt19937 random(1);
  std::vector<float> values(n);
  for (float& v : values) v = static_cast<float>(random() >> 8) * 0x1p-24f;
  return values;
}
std::vector<int> shuffled(std::size_t n) {
  std::vector<int> places(n);
  std::iota(places.begin(), places.end(), 0);
  std::shuffle(places.begin(), places.end(), std::mt19937(2));
  return places;
}

// --- gather and scatter ---------------------------------------------------------------------------------------------

void gather_and_scatter(std::size_t n, int threads) {
  device const dev = threads_of(threads);
  array<float> const x(dev, numbers(n));
  array<int> const places(dev, shuffled(n));
  array<float> y = x, z = x;
  float const* const from = x.data();
  int const* const at = places.data();
  float* const to = z.data();
  double const bytes = 4.0 * static_cast<double>(n);
  contestants gathers, distinct, any, sums;
  add_map_peers(gathers, to, n, threads, [=](std::size_t i) { return from[at[i]]; });
#if defined(PEER_THRUST)
  if (threads == 2)
    gathers.push_back({"thrust gather",
                       bench::with_threads(threads, [=] { thrust::gather(thrust::tbb::par, at, at + n, from, to); })});
#endif
  compare(
      {"gather", "float", n, threads, 3 * bytes, bytes}, [&] { y = gather(x, places); }, gathers, budget);

  any.push_back({"serial", [=] {
                   for (std::size_t i = 0; i < n; ++i) to[at[i]] = from[i];
                   keep(to);
                 }});
  distinct = any;
#if defined(PEER_OPENMP)
  distinct.push_back({"omp", [=] {
#pragma omp parallel for num_threads(threads) schedule(static)
                        for (std::size_t i = 0; i < n; ++i) to[at[i]] = from[i];
                      }});
  sums.push_back({"omp atomic", [=] {
#pragma omp parallel for num_threads(threads) schedule(static)
                    for (std::size_t i = 0; i < n; ++i) {
#pragma omp atomic
                      to[at[i]] += from[i];
                    }
                  }});
#endif
#if defined(PEER_THRUST)
  if (threads == 2)
    distinct.push_back(
        {"thrust", bench::with_threads(threads, [=] { thrust::scatter(thrust::tbb::par, from, from + n, at, to); })});
#endif
  sums.push_back({"serial", [=] {
                    for (std::size_t i = 0; i < n; ++i) to[at[i]] += from[i];
                    keep(to);
                  }});
  compare(
      {"scatter distinct", "float", n, threads, 3 * bytes, bytes}, [&] { scatter(y, places, x, ls::distinct{}); },
      distinct, budget);
  compare(
      {"scatter last", "float", n, threads, 3 * bytes, bytes}, [&] { scatter(y, places, x); }, any, budget);
  compare(
      {"scatter plus", "float", n, threads, 4 * bytes, bytes}, [&] { scatter(y, places, x, ls::plus{}); }, sums,
      budget);
}

// --- counting -------------------------------------------------------------------------------------------------------

/// Counts by bin(x[i]) < 256, in four tables per thread where `tables` says so.
template <class T, class Bin>
void count_into(std::int64_t* counts, T const* x, std::size_t n, [[maybe_unused]] int threads, Bin bin) {
  std::fill_n(counts, 256, 0);
#pragma omp parallel num_threads(threads)
  {
    std::uint32_t own[4][256] = {};
#pragma omp for schedule(static) nowait
    for (std::size_t i = 0; i < n / 4; ++i)
      for (std::size_t k = 0; k < 4; ++k) ++own[k][bin(x[4 * i + k])];
#pragma omp critical
    for (std::size_t b = 0; b < 256; ++b) counts[b] += own[0][b] + own[1][b] + own[2][b] + own[3][b];
  }
  for (std::size_t i = n / 4 * 4; i < n; ++i) ++counts[bin(x[i])];
}

template <class T, class Bin, class Ours>
void count_row(char const* name, array<T> const& x, int threads, Bin bin, Ours ours) {
  std::size_t const n = x.shape().size();
  T const* const from = x.data();
  std::vector<std::int64_t> table(256);
  std::int64_t* const counts = table.data();
  contestants peers{{"serial", [=] {
                       std::fill_n(counts, 256, 0);
                       for (std::size_t i = 0; i < n; ++i) ++counts[bin(from[i])];
                       keep(counts);
                     }}};
  peers.push_back({"omp, 4 tables", [=] { count_into(counts, from, n, threads, bin), keep(counts); }});
  compare({name, ls::type_name<T>(), n, threads, static_cast<double>(n * sizeof(T)), 0}, ours, peers, budget);
}

void counting(std::size_t n, int threads) {
  device const dev = threads_of(threads);
  auto const values = numbers(n);
  array<float> const x(dev, values);
  array<std::uint8_t> const bytes = ls::cast<std::uint8_t>(x * 256.0f);
  array<int> const whole = ls::cast<int>(x * 256.0f);
  count_row(
      "histogram of 256 bins", bytes, threads, [](std::uint8_t v) { return v; },
      [&] { keep(ls::histogram(bytes, 256, 0, 255)); });
  count_row(
      "histogram of 256 bins", x, threads, [](float v) { return static_cast<std::uint8_t>(v * 256.0f); },
      [&] { keep(ls::histogram(x, 256, 0.0f, 1.0f)); });
  count_row(
      "bincount", whole, threads, [](int v) { return v; }, [&] { keep(ls::bincount(whole, 256)); });
  std::vector<float> edges(65);
  for (std::size_t k = 0; k < edges.size(); ++k) edges[k] = static_cast<float>(k * k) / 4096;
  float const* const inner = edges.data() + 1;
  count_row(
      "histogram of 64 edges", x, threads, [=](float v) { return std::upper_bound(inner, inner + 63, v) - inner; },
      [&] { keep(ls::histogram(x, edges)); });
}

// --- random numbers -------------------------------------------------------------------------------------------------

/// Every thread has its own engine; ours gives the same numbers on any number of threads, this doesn't.
template <class Distribution, class T>
void draw(T* to, std::size_t n, [[maybe_unused]] int threads) {
#pragma omp parallel num_threads(threads)
  {
#if defined(PEER_OPENMP)
    static thread_local std::mt19937_64 random(static_cast<unsigned>(omp_get_thread_num()));
#else
    static thread_local std::mt19937_64 random(0);
#endif
    Distribution distribution;
#pragma omp for schedule(static)
    for (std::size_t i = 0; i < n; ++i) to[i] = static_cast<T>(distribution(random));
  }
}

template <class T>
void randoms(std::size_t n, int threads) {
  device const dev = threads_of(threads);
  array<T> y = ls::zeros<T>(dev, n), z = ls::zeros<T>(dev, n);
  T* const to = z.data();
  double const bytes = static_cast<double>(n * sizeof(T));
  compare(
      {"random uniform", ls::type_name<T>(), n, threads, bytes, bytes},
      [&] { y = ls::random::uniform<T>(dev, n, ls::seed(1)); },
      {{"mt19937", [=] { draw<std::uniform_real_distribution<T>>(to, n, threads); }}}, budget);
  compare(
      {"random normal", ls::type_name<T>(), n, threads, bytes, bytes},
      [&] { y = ls::random::normal<T>(dev, n, ls::seed(1)); },
      {{"mt19937", [=] { draw<std::normal_distribution<T>>(to, n, threads); }}}, budget);
}

// --- matrices -------------------------------------------------------------------------------------------------------

struct matrix {
  std::size_t rows, columns;
};
#if defined(PEER_EIGEN)
using eigen_matrix = Eigen::Map<Eigen::Array<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;
eigen_matrix seen(float const* a, matrix m) {
  return {const_cast<float*>(a), static_cast<Eigen::Index>(m.rows), static_cast<Eigen::Index>(m.columns)};
}
#endif

void transposing(matrix m, int threads) {
  device const dev = threads_of(threads);
  array<float, 2> const x(dev, {m.rows, m.columns}, numbers(m.rows * m.columns));
  array<float, 2> y = ls::transpose(x), z = y;
  float const* const from = x.data();
  float* const to = z.data();
  contestants peers{{"openblas", [=] {
                       cblas_somatcopy(CblasRowMajor, CblasTrans, static_cast<int>(m.rows), static_cast<int>(m.columns),
                                       1, from, static_cast<int>(m.columns), to, static_cast<int>(m.rows));
                     }}};
#if defined(PEER_EIGEN)
  if (threads == 1) peers.push_back({"eigen", [=] { seen(to, {m.columns, m.rows}) = seen(from, m).transpose(); }});
#endif
  constexpr std::size_t tile = 32;  // both extents are multiples
  add_row_peers(peers, m.rows / tile, threads, [=](std::size_t r) {
    for (std::size_t c = 0; c < m.columns; c += tile)
      for (std::size_t j = c; j < c + tile; ++j)
        for (std::size_t i = r * tile; i < (r + 1) * tile; ++i) to[j * m.rows + i] = from[i * m.columns + j];
  });
  std::string const name = ls::text_of({"transpose ", m.rows, "x", m.columns});
  double const bytes = 4.0 * static_cast<double>(m.rows * m.columns);
  compare(
      {name, "float", m.rows * m.columns, threads, 2 * bytes, bytes}, [&] { y = ls::transpose(x); }, peers, budget);
}

void row_sums(array<float, 2> const& x, matrix m, int threads) {
  array<float> y(x.device(), m.rows), z(x.device(), m.rows);
  float const* const from = x.data();
  float* const to = z.data();
  contestants peers;
  add_row_peers(peers, m.rows, threads, [=](std::size_t r) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::size_t c = 0; c < m.columns; ++c) sum += from[r * m.columns + c];
    to[r] = sum;
  });
#if defined(PEER_EIGEN)
  if (threads == 1) peers.push_back({"eigen", [=] { seen(to, {m.rows, 1}) = seen(from, m).rowwise().sum(); }});
#endif
  std::string const name = ls::text_of({"row sums ", m.rows, "x", m.columns});
  double const bytes = 4.0 * static_cast<double>(m.rows * m.columns);
  compare(
      {name, "float", m.rows * m.columns, threads, bytes, 0}, [&] { y = ls::sum(x, ls::axis(1)); }, peers, budget);
}

/// Every thread adds its rows into a row of its own.
void add_rows(float const* from, matrix m, float* to, [[maybe_unused]] int threads) {
  std::fill_n(to, m.columns, 0.0f);
#pragma omp parallel for num_threads(threads) schedule(static) reduction(+ : to[:m.columns])
  for (std::size_t r = 0; r < m.rows; ++r)
    for (std::size_t c = 0; c < m.columns; ++c) to[c] += from[r * m.columns + c];
}

void column_sums(array<float, 2> const& x, matrix m, int threads) {
  array<float> y(x.device(), m.columns), z(x.device(), m.columns);
  float const* const from = x.data();
  float* const to = z.data();
  contestants peers{{"omp", [=] { add_rows(from, m, to, threads); }}};
#if defined(PEER_EIGEN)
  if (threads == 1) peers.push_back({"eigen", [=] { seen(to, {1, m.columns}) = seen(from, m).colwise().sum(); }});
#endif
  std::string const name = ls::text_of({"column sums ", m.rows, "x", m.columns});
  double const bytes = 4.0 * static_cast<double>(m.rows * m.columns);
  compare(
      {name, "float", m.rows * m.columns, threads, bytes, 0}, [&] { y = ls::sum(x, ls::axis(0)); }, peers, budget);
}

void segment_sums(std::size_t n, std::size_t length, int threads) {
  device const dev = threads_of(threads);
  array<float> const x(dev, numbers(n));
  std::mt19937 random(3);
  std::vector<int> bounds{0};
  while (bounds.back() < static_cast<int>(n))
    bounds.push_back(std::min(static_cast<int>(n), bounds.back() + static_cast<int>(random() % (2 * length))));
  array<int> const offsets(dev, bounds);
  std::size_t const count = bounds.size() - 1;
  array<float> y(dev, count), z(dev, count);
  float const* const from = x.data();
  float* const to = z.data();
  int const* const at = offsets.data();
  contestants peers;
  add_row_peers(peers, count, threads, [=](std::size_t s) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int i = at[s]; i < at[s + 1]; ++i) sum += from[i];
    to[s] = sum;
  });
  std::string const name = ls::text_of({"sums of segments of ", length});
  compare(
      {name, "float", n, threads, 4.0 * static_cast<double>(n + count), 0},
      [&] { y = ls::sum(x, ls::segments(offsets)); }, peers, budget);
}

}  // namespace

int main() {
  for (int threads : {1, 2}) {
    for (std::size_t n : {1000, 100000, 1000000, 10000000}) gather_and_scatter(n, threads);
    for (std::size_t n : {1000, 100000, 1000000, 30000000}) counting(n, threads);
    for (std::size_t n : {1000, 100000, 1000000}) randoms<float>(n, threads), randoms<double>(n, threads);
    for (matrix const m : {matrix{512, 512}, {4096, 4096}}) transposing(m, threads);
    for (matrix const m : {matrix{4096, 4096}, {1000000, 16}}) {
      array<float, 2> const x(threads_of(threads), {m.rows, m.columns}, numbers(m.rows * m.columns));
      row_sums(x, m, threads);
      column_sums(x, m, threads);
    }
    for (std::size_t length : {8, 100}) {
      for (std::size_t n : {1000, 100000, 1000000, 10000000}) segment_sums(n, length, threads);
    }
  }
}
