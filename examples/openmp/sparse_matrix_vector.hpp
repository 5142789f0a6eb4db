// Conjugate gradients written by hand with OpenMP: what sparse_matrix_vector.cpp is timed beside with --compare.
#pragma once

#include <vector>

namespace openmp {

/// Compressed sparse rows: row i has the values from offsets[i] up to offsets[i + 1].
struct sparse_matrix {
  std::vector<double> values;
  std::vector<int> columns, offsets;
};

/// image = a x.
inline void product(sparse_matrix const& a, std::vector<double> const& x, std::vector<double>& image) {
#pragma omp parallel for
  for (long i = 0; i < static_cast<long>(x.size()); ++i) {
    auto const row = static_cast<std::size_t>(i);
    double sum = 0;
    for (auto k = static_cast<std::size_t>(a.offsets[row]); k < static_cast<std::size_t>(a.offsets[row + 1]); ++k)
      sum += a.values[k] * x[static_cast<std::size_t>(a.columns[k])];
    image[row] = sum;
  }
}

inline double dot(std::vector<double> const& a, std::vector<double> const& b) {
  double sum = 0;
#pragma omp parallel for simd reduction(+ : sum)
  for (long i = 0; i < static_cast<long>(a.size()); ++i) sum += a[std::size_t(i)] * b[std::size_t(i)];
  return sum;
}

/// So many iterations from the solution 0, in the same passes over memory as ours.
inline std::vector<double> conjugate_gradients(sparse_matrix const& a, std::vector<double> const& b, int iterations) {
  long const n = static_cast<long>(b.size());
  std::vector<double> solution(b.size()), residual(b), direction(b), image(b.size());
  double *const x = solution.data(), *const r = residual.data(), *const d = direction.data();
  double const* const im = image.data();
  product(a, solution, image);
#pragma omp parallel for simd
  for (long i = 0; i < n; ++i) d[i] = r[i] -= im[i];
  double squared = dot(residual, residual);
  for (int iteration = 0; iteration < iterations; ++iteration) {
    product(a, direction, image);
    double const length = squared / dot(direction, image);
#pragma omp parallel for simd
    for (long i = 0; i < n; ++i) {
      x[i] += length * d[i];
      r[i] -= length * im[i];
    }
    double const next = dot(residual, residual), turn = next / squared;
#pragma omp parallel for simd
    for (long i = 0; i < n; ++i) d[i] = r[i] + turn * d[i];
    squared = next;
  }
  return solution;
}

/// The same with the dot products inside of the loops that make their operands, so that these are not read again.
inline std::vector<double> fused_conjugate_gradients(sparse_matrix const& a, std::vector<double> const& b,
                                                     int iterations) {
  long const n = static_cast<long>(b.size());
  std::vector<double> solution(b.size()), residual(b), direction(b), image(b.size());
  double *const x = solution.data(), *const r = residual.data(), *const d = direction.data(), *const im = image.data();
  double const* const values = a.values.data();
  int const *const columns = a.columns.data(), *const offsets = a.offsets.data();
  double squared = dot(residual, residual);
  for (int iteration = 0; iteration < iterations; ++iteration) {
    double along = 0, next = 0;
#pragma omp parallel for reduction(+ : along)
    for (long i = 0; i < n; ++i) {
      double sum = 0;
      for (int k = offsets[i]; k < offsets[i + 1]; ++k) sum += values[k] * d[columns[k]];
      im[i] = sum;
      along += sum * d[i];
    }
    double const length = squared / along;
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
