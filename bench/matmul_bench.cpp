// Products of matrices beside OpenBLAS used directly and Eigen: square, tall, with an epilogue, with a vector; and the
// statistics beside loops.
#include <cblas.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <lockstep/algorithm/matmul.hpp>
#include <lockstep/algorithm/statistics.hpp>
#include <lockstep/lockstep.hpp>
#include <vector>

#include "compare.hpp"
#ifdef PEER_OPENMP
#include <omp.h>
#endif
#ifdef PEER_EIGEN
#include <Eigen/Core>
#endif

namespace {

using lockstep::array, lockstep::device, lockstep::shape;

struct sizes {
  std::size_t n, k, m;
};

array<float, 2> numbers(device const& dev, std::size_t rows, std::size_t columns) {
  std::vector<float> values(rows * columns);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>((i * 2654435761u) % 2000) / 1000 - 1;
  return array<float, 2>(dev, {rows, columns}, values);
}

#ifdef PEER_EIGEN
using eigen_matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
Eigen::Map<eigen_matrix const> seen(array<float, 2> const& a) {
  return {a.data(), static_cast<Eigen::Index>(a.extent(0)), static_cast<Eigen::Index>(a.extent(1))};
}
#endif

/// The product by OpenBLAS's own threads.
void multiply(array<float, 2> const& a, array<float, 2> const& b, array<float, 2>& c, int threads) {
  openblas_set_num_threads(threads);
  int const n = static_cast<int>(a.extent(0)), k = static_cast<int>(a.extent(1)), m = static_cast<int>(b.extent(1));
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, m, k, 1, a.data(), k, b.data(), m, 0, c.data(), m);
}

void product_task(sizes const& s, int threads) {
  device const dev = device::cpu(static_cast<std::size_t>(threads));
  array<float, 2> const a = numbers(dev, s.n, s.k), b = numbers(dev, s.k, s.m);
  array<float, 2> c = numbers(dev, s.n, s.m), d = numbers(dev, s.n, s.m);
  array<float> const bias(dev, std::vector<float>(s.m, -0.5f));
  std::vector<bench::contestant> peers{{"openblas", [&] { multiply(a, b, d, threads); }}};
#ifdef PEER_EIGEN
  Eigen::setNbThreads(threads);
  auto const ea = seen(a), eb = seen(b);
  eigen_matrix ed(s.n, s.m);
  peers.push_back({"eigen", [&] { ed.noalias() = ea * eb; }});
#endif
  std::string const shape_text = lockstep::text_of({s.n, "x", s.k, "x", s.m});
  double const bytes = 4.0 * static_cast<double>(s.n * s.k + s.k * s.m + s.n * s.m);
  bench::compare(
      {"gemm " + shape_text, "float", s.n * s.m, threads, bytes}, [&] { c = matmul(a, b); }, peers);
  bench::compare({"relu gemm " + shape_text, "float", s.n * s.m, threads, bytes},
                 [&] { c = lockstep::max(matmul(a, b) + bias, 0.0f); }, {{"openblas + pass", [&] {
                                                                            multiply(a, b, d, threads);
                                                                            d = lockstep::max(d + bias, 0.0f);
                                                                          }}});
}

void vector_task(std::size_t n, int threads) {
  device const dev = device::cpu(static_cast<std::size_t>(threads));
  array<float, 2> const a = numbers(dev, n, n);
  array<float> const x(dev, std::vector<float>(n, 0.5f));
  array<float> y(dev, n), z(dev, n);
  int const m = static_cast<int>(n);
  std::vector<bench::contestant> const peers{{"openblas",
                                              [&] {
                                                openblas_set_num_threads(threads);
                                                cblas_sgemv(CblasRowMajor, CblasNoTrans, m, m, 1, a.data(), m, x.data(),
                                                            1, 0, z.data(), 1);
                                              }},
                                             {"read limit", [&] { bench::keep(float(lockstep::sum(a))); }}};
  bench::compare(
      {"gemv", "float", n * n, threads, 4.0 * static_cast<double>(n * n)}, [&] { y = matvec(a, x); }, peers);
}

float hand_logsumexp(float const* x, std::size_t n, int threads) {
  static_cast<void>(threads);
  constexpr std::size_t block = 4096;
  std::size_t const blocks = (n + block - 1) / block;
  std::vector<float> peaks(blocks), sums(blocks);
#pragma omp parallel for num_threads(threads) schedule(static)
  for (std::size_t b = 0; b < blocks; ++b) {
    float const* v = x + b * block;
    std::size_t const count = std::min(block, n - b * block) / 32 * 32;
    float peak[32], sum[32] = {};
    std::fill_n(peak, 32, -INFINITY);
    for (std::size_t i = 0; i < count; i += 32)
      for (std::size_t l = 0; l < 32; ++l) peak[l] = v[i + l] > peak[l] ? v[i + l] : peak[l];
    float const top = *std::max_element(peak, peak + 32);
    for (std::size_t i = 0; i < count; i += 32)
      for (std::size_t l = 0; l < 32; ++l) sum[l] += lockstep::math::exp(v[i + l] - top);
    for (std::size_t l = 1; l < 32; ++l) sum[0] += sum[l];
    peaks[b] = top, sums[b] = sum[0];
  }
  float const top = *std::max_element(peaks.begin(), peaks.end());
  float all = 0;
  for (std::size_t b = 0; b < blocks; ++b) all += sums[b] * std::exp(peaks[b] - top);
  return top + std::log(all);
}

void statistics_task(std::size_t n, int threads) {
  device const dev = device::cpu(static_cast<std::size_t>(threads));
  array<float> const x = numbers(dev, 1, n).reshape(shape{n});
  double const bytes = 4.0 * static_cast<double>(n);
  bench::compare({"mean and variance", "float", n, threads, bytes},
                 [&] { bench::keep(evaluate(lockstep::mean(x), variance(x))); },
                 {{"read limit", [&] { bench::keep(float(lockstep::sum(x))); }}});
  bench::compare({"logsumexp", "float", n, threads, bytes}, [&] { bench::keep(float(logsumexp(x))); },
                 {{"limit", [&] { bench::keep(hand_logsumexp(x.data(), n, threads)); }}});
}

}  // namespace

int main() {
  for (int threads : {1, 2}) {
    for (std::size_t n : {64, 256, 1024, 2048}) product_task({n, n, n}, threads);
    for (sizes const s : {sizes{4096, 64, 4096}, {100000, 64, 64}, {64, 100000, 64}}) product_task(s, threads);
    for (std::size_t n : {256, 4096}) vector_task(n, threads);
    for (std::size_t n : {1024, 102400, 1024000, 10240000}) statistics_task(n, threads);
  }
}
