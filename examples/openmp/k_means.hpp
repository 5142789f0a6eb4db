// A step of Lloyd's algorithm written by hand with OpenMP: what k_means.cpp is timed beside with --compare.
#pragma once

#include <vector>

namespace openmp {

/// Puts every point (a row of D numbers) to its nearest center and moves the centers to the means of their points. The
/// centers are walked by coordinate, so that the compiler works on several of them at a time.
template <long D>
void k_means_step(std::vector<float> const& points, std::vector<float>& centers, std::vector<long>& labels) {
  long const n = static_cast<long>(labels.size()), k = static_cast<long>(centers.size()) / D;
  std::vector<float> by_coordinate(centers.size()), sums(centers.size());
  std::vector<long> counts(static_cast<std::size_t>(k));
  for (long c = 0; c < k; ++c)
    for (long j = 0; j < D; ++j) by_coordinate[std::size_t(j * k + c)] = centers[std::size_t(c * D + j)];
  float* const sum = sums.data();
  long* const count = counts.data();
#pragma omp parallel
  {
    std::vector<float> distances(static_cast<std::size_t>(k));
    float* const distance = distances.data();
#pragma omp for reduction(+ : sum[:k * D], count[:k])
    for (long i = 0; i < n; ++i) {
      float const* const p = points.data() + i * D;
#pragma omp simd
      for (long c = 0; c < k; ++c) {
        float squares = 0;
        for (long j = 0; j < D; ++j) {
          float const apart = p[j] - by_coordinate[std::size_t(j * k + c)];
          squares += apart * apart;
        }
        distance[c] = squares;
      }
      long best = 0;
      for (long c = 1; c < k; ++c) best = distance[c] < distance[best] ? c : best;
      labels[std::size_t(i)] = best;
      ++count[best];
      for (long j = 0; j < D; ++j) sum[best * D + j] += p[j];
    }
  }
  for (long c = 0; c < k; ++c)
    for (long j = 0; j < D && count[c] > 0; ++j) centers[std::size_t(c * D + j)] = sum[c * D + j] / float(count[c]);
}

}  // namespace openmp
