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
/// Peaks of `width` columns of rows [first, last), and the sums of exp(x - peak): blocks of rows stay in the L1 cache
/// between both, and what was summed before is rescaled.
[[gnu::always_inline]] inline void peaks_and_sums(float const* x, std::size_t columns, std::size_t first,
                                                  std::size_t last, std::size_t width, float* peak, float* sum) {
  std::size_t const block = std::max<std::size_t>(1, 4096 / width);
  std::copy_n(x + first * columns, width, peak);
  std::fill_n(sum, width, 0.0f);
  std::vector<float> top(width);
  for (std::size_t begin = first; begin < last; begin += block) {
    std::size_t const end = std::min(last, begin + block);
    std::copy_n(peak, width, top.data());
    for (std::size_t r = begin; r < end; ++r) LOCKSTEP_INDEPENDENT
    for (std::size_t j = 0; j < width; ++j) top[j] = x[r * columns + j] > top[j] ? x[r * columns + j] : top[j];
    LOCKSTEP_INDEPENDENT
    for (std::size_t j = 0; j < width; ++j) sum[j] *= lockstep::math::exp(peak[j] - top[j]);
    std::copy_n(top.data(), width, peak);
    for (std::size_t r = begin; r < end; ++r) LOCKSTEP_INDEPENDENT
    for (std::size_t j = 0; j < width; ++j) sum[j] += lockstep::math::exp(x[r * columns + j] - peak[j]);
  }
}
[[gnu::always_inline]] inline void write_columns(float const* x, std::size_t columns, std::size_t first,
                                                 std::size_t last, std::size_t width, float const* peak,
                                                 float const* factor, float* y) {
  std::size_t const block = std::max<std::size_t>(1, 1024 / width);
  std::vector<float> buffer(block * width);
  for (std::size_t begin = first; begin < last; begin += block) {
    std::size_t const end = std::min(last, begin + block);
    for (std::size_t r = begin; r < end; ++r) LOCKSTEP_INDEPENDENT
    for (std::size_t j = 0; j < width; ++j)
      buffer[(r - begin) * width + j] = lockstep::math::exp(x[r * columns + j] - peak[j]) * factor[j];
    if (width == columns)
      lockstep::cpu::stream_copy(y + begin * columns, buffer.data(), (end - begin) * width * sizeof(float));
    else
      for (std::size_t r = begin; r < end; ++r)
        lockstep::cpu::stream_copy(y + r * columns, buffer.data() + (r - begin) * width, width * sizeof(float));
  }
  lockstep::cpu::stream_fence();
}
/// The limit along axis 0: panels of columns that stay in the L2 cache between both readings, where they fit.
void hand_columns(float const* x, matrix m, float* y, int threads) {
  auto const many = static_cast<std::size_t>(threads);
  if (m.columns == 16) {  // two readings of memory, every thread its own rows
    std::vector<float> peak(16 * many), sum(16 * many), factor(16);
#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(static)
      for (std::size_t t = 0; t < many; ++t)
        peaks_and_sums(x, 16, m.rows * t / many, m.rows * (t + 1) / many, 16, &peak[16 * t], &sum[16 * t]);
#pragma omp single
      for (std::size_t j = 0; j < 16; ++j) {
        float top = peak[j], all = 0;
        for (std::size_t t = 1; t < many; ++t) top = std::max(top, peak[16 * t + j]);
        for (std::size_t t = 0; t < many; ++t) all += sum[16 * t + j] * std::exp(peak[16 * t + j] - top);
        peak[j] = top, factor[j] = 1 / all;
      }
#pragma omp for schedule(static)
      for (std::size_t t = 0; t < many; ++t)
        write_columns(x, 16, m.rows * t / many, m.rows * (t + 1) / many, 16, peak.data(), factor.data(), y);
    }
    return;
  }
  std::size_t const width = std::clamp<std::size_t>((std::size_t{1} << 18) / m.rows / 64 * 64, 64, 1024);
#pragma omp parallel for num_threads(threads) schedule(static)
  for (std::size_t first = 0; first < m.columns; first += width) {
    std::vector<float> peak(width), sum(width);
    std::size_t const here = std::min(width, m.columns - first);
    peaks_and_sums(x + first, m.columns, 0, m.rows, here, peak.data(), sum.data());
    for (float& s : sum) s = 1 / s;
    write_columns(x + first, m.columns, 0, m.rows, here, peak.data(), sum.data(), y + first);
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
    peers.push_back({"limit", [=] { hand_columns(in, m, out, threads); }});
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
