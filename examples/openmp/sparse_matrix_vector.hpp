// Conjugate gradients written by hand with OpenMP: what sparse_matrix_vector.cpp is timed beside with --compare.
#pragma once

#include <vector>

namespace openmp {

/// Compressed sparse rows: row i has the values from offsets[i] up to offsets[i + 1].
struct sparse_matrix {
  std::vector<double> values;
  std::vector<int> columns, offsets;
};

/// image = a x; gives x . image.
inline double product(sparse_matrix const& a, std::vector<double> const& x, std::vector<double>& image) {
  double dot = 0;
#pragma omp parallel for reduction(+ : dot)
  for (long i = 0; i < static_cast<long>(x.size()); ++i) {
    auto const row = static_cast<std::size_t>(i);
    double sum = 0;
    for (auto k = static_cast<std::size_t>(a.offsets[row]); k < static_cast<std::size_t>(a.offsets[row + 1]); ++k)
      sum += a.values[k] * x[static_cast<std::size_t>(a.columns[k])];
    image[row] = sum;
    dot += sum * x[row];
  }
  return dot;
}

/// So many iterations from x = 0; sums are computed in the passes that make their operands.
inline std::vector<double> conjugate_gradients(sparse_matrix const& a, std::vector<double> const& b, int iterations) {
  long const n = static_cast<long>(b.size());
  std::vector<double> solution(b.size()), residual = b, direction = b, image(b.size());
  double *const x = solution.data(), *const r = residual.data(), *const d = direction.data();
  double const* const im = image.data();
  double squared = 0;
#pragma omp parallel for simd reduction(+ : squared)
  for (long i = 0; i < n; ++i) squared += r[i] * r[i];
  for (int iteration = 0; iteration < iterations; ++iteration) {
    double const length = squared / product(a, direction, image);
    double next = 0;
#pragma omp parallel for simd reduction(+ : next)
    for (long i = 0; i < n; ++i) {
      x[i] += length * d[i];
      r[i] -= length * im[i];
      next += r[i] * r[i];
    }
    double const turn = next / squared;
#pragma omp parallel for simd
    for (long i = 0; i < n; ++i) d[i] = r[i] + turn * d[i];
    squared = next;
  }
  return solution;
}

}  // namespace openmp
