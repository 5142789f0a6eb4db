// Row kernels beside peers: softmax over long, short and upright rows, and standardize.
#include <cmath>
#include <cstring>
#include <lockstep/algorithm/row.hpp>
#include <lockstep/lockstep.hpp>
#include <memory>
#include <vector>

#include "compare.hpp"
#ifdef PEER_OPENMP
#include <omp.h>
#endif
#ifdef PEER_EIGEN
#include <Eigen/Core>
#endif

namespace {

using lockstep::array, lockstep::axis, lockstep::device, lockstep::index, lockstep::shape;

struct matrix {
  std::size_t rows, columns;
};

/// The limit: a row stays in the L1 cache between its three loops; lanes are different rows where rows are short.
void hand_row(float const* x, std::size_t n, float* y) {
  float peak[16];
  for (float& p : peak) p = -INFINITY;
  std::size_t const whole = n / 16 * 16;
  for (std::size_t i = 0; i < whole; i += 16)
    for (std::size_t l = 0; l < 16; ++l) peak[l] = x[i + l] > peak[l] ? x[i + l] : peak[l];
  for (std::size_t i = whole; i < n; ++i) peak[0] = std::max(peak[0], x[i]);
  for (std::size_t l = 1; l < 16; ++l) peak[0] = std::max(peak[0], peak[l]);
  float const top = peak[0];
  LOCKSTEP_INDEPENDENT
  for (std::size_t i = 0; i < n; ++i) y[i] = lockstep::math::exp(x[i] - top);
  float sum[32] = {};
  for (std::size_t i = 0; i + 32 <= n; i += 32)
    for (std::size_t l = 0; l < 32; ++l) sum[l] += y[i + l];
  for (std::size_t i = n / 32 * 32; i < n; ++i) sum[0] += y[i];
  for (std::size_t l = 1; l < 32; ++l) sum[0] += sum[l];
  float const factor = 1 / sum[0];
  for (std::size_t i = 0; i < n; ++i) y[i] *= factor;
}
void hand_rows(float const* x, matrix m, float* y, int threads) {
  static_cast<void>(threads);
#pragma omp parallel num_threads(threads)
  {
    std::vector<float> buffer(m.columns);
#pragma omp for schedule(static)
    for (std::size_t r = 0; r < m.rows; ++r) {
      hand_row(x + r * m.columns, m.columns, buffer.data());
      lockstep::cpu::stream_copy(y + r * m.columns, buffer.data(), m.columns * sizeof(float));
    }
    lockstep::cpu::stream_fence();
  }
}
void plain_rows(float const* x, matrix m, float* y, int threads) {
  static_cast<void>(threads);
#pragma omp parallel for num_threads(threads) schedule(static)
  for (std::size_t r = 0; r < m.rows; ++r) {
    float const* in = x + r * m.columns;
    float* out = y + r * m.columns;
    float peak = in[0], sum = 0;
    for (std::size_t i = 1; i < m.columns; ++i) peak = std::max(peak, in[i]);
    for (std::size_t i = 0; i < m.columns; ++i) sum += out[i] = std::exp(in[i] - peak);
    for (std::size_t i = 0; i < m.columns; ++i) out[i] /= sum;
  }
}

#ifdef PEER_EIGEN
using eigen_matrix = Eigen::Array<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
void eigen_rows(float const* x, matrix m, float* y) {
  auto const columns = static_cast<Eigen::Index>(m.columns);
  for (std::size_t r = 0; r < m.rows; ++r) {
    Eigen::Map<Eigen::ArrayXf const> in(x + r * m.columns, columns);
    Eigen::Map<Eigen::ArrayXf> out(y + r * m.columns, columns);
    out = (in - in.maxCoeff()).exp();
    out *= 1 / out.sum();
  }
}
#endif

std::vector<float> numbers(std::size_t n) {
  std::vector<float> values(n);
  for (std::size_t i = 0; i < n; ++i) values[i] = static_cast<float>((i * 2654435761u) % 2000) / 200 - 5;
  return values;
}

void softmax_task(matrix m, std::size_t along, int threads) {
  device const dev = device::cpu(static_cast<std::size_t>(threads));
  array<float, 2> const x(dev, {m.rows, m.columns}, numbers(m.rows * m.columns));
  array<float, 2> y = lockstep::zeros<float>(dev, shape{m.rows, m.columns});
  array<float, 2> z = lockstep::zeros<float>(dev, shape{m.rows, m.columns});
  float const* const in = x.data();
  float* const out = z.data();
  std::vector<bench::contestant> peers;
  if (along == 1) {
    peers.push_back({"limit", [=] { hand_rows(in, m, out, threads); }});
    peers.push_back({"openmp", [=] { plain_rows(in, m, out, threads); }});
#ifdef PEER_EIGEN
    if (threads == 1) peers.push_back({"eigen", [=] { eigen_rows(in, m, out); }});
#endif
  } else {
    peers.push_back({"copy", [=, &x, &z] { z = x; }});
  }
  std::string const name = lockstep::text_of({"softmax ", m.rows, "x", m.columns, " axis ", along});
  double const bytes = 8.0 * static_cast<double>(m.rows * m.columns);
  bench::compare(
      {name, "float", m.rows * m.columns, threads, bytes}, [&] { y = softmax(x, axis(along)); }, peers);
}

void standardize_task(matrix m, int threads) {
  device const dev = device::cpu(static_cast<std::size_t>(threads));
  array<float, 2> const x(dev, {m.rows, m.columns}, numbers(m.rows * m.columns));
  array<float, 2> y = lockstep::zeros<float>(dev, shape{m.rows, m.columns});
  array<float, 2> z = lockstep::zeros<float>(dev, shape{m.rows, m.columns});
  std::string const name = lockstep::text_of({"standardize ", m.rows, "x", m.columns});
  double const bytes = 8.0 * static_cast<double>(m.rows * m.columns);
  bench::compare({name, "float", m.rows * m.columns, threads, bytes}, [&] { y = standardize(x); },
                 {{"copy", [&] { z = x; }}});
}

}  // namespace

int main() {
  for (int threads : {1, 2}) {
    for (matrix const m : {matrix{4096, 4096}, {1000000, 16}, {1, 10000000}, {100, 100}, {1000, 100}, {1, 1000}})
      softmax_task(m, 1, threads);
    for (matrix const m : {matrix{4096, 4096}, {16, 1000000}, {1000000, 16}}) softmax_task(m, 0, threads);
    for (matrix const m : {matrix{4096, 4096}, {1000000, 16}}) standardize_task(m, threads);
  }
}
