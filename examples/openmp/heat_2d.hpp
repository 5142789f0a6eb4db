// The heat equation's step written by hand with OpenMP: what heat_2d.cpp is checked against and, with --compare, timed
// beside.
#pragma once

#include <vector>

namespace openmp {

/// One explicit step on n x n points between cold edges.
inline void heat_step(std::vector<float> const& old, std::vector<float>& next, long n, float rate) {
  std::vector<float> const edge(static_cast<std::size_t>(n), 0.0f);
#pragma omp parallel for
  for (long i = 0; i < n; ++i) {
    float const* const row = old.data() + i * n;
    float const* const above = i > 0 ? row - n : edge.data();
    float const* const below = i + 1 < n ? row + n : edge.data();
    float* const out = next.data() + i * n;
    auto const point = [&](long j, float left, float right) {
      return row[j] + rate * (above[j] + below[j] + left + right - 4 * row[j]);
    };
    out[0] = point(0, 0, n > 1 ? row[1] : 0);
#pragma omp simd
    for (long j = 1; j < n - 1; ++j) out[j] = point(j, row[j - 1], row[j + 1]);
    if (n > 1) out[n - 1] = point(n - 1, row[n - 2], 0);
  }
}

}  // namespace openmp
