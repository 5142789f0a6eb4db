// Statistics of a column written by hand with OpenMP: what column_statistics.cpp is timed beside with --compare.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

namespace openmp {

struct moments {
  double low, high, mean, deviation;
};

/// One pass; sums are of differences from the first value, or they would cancel.
inline moments moments_of(std::vector<double> const& x) {
  double const first = x[0];
  double low = first, high = first, sum = 0, squares = 0;
  long const n = static_cast<long>(x.size());
#pragma omp parallel for simd reduction(min : low) reduction(max : high) reduction(+ : sum, squares)
  for (long i = 0; i < n; ++i) {
    double const v = x[static_cast<std::size_t>(i)], apart = v - first;
    low = v < low ? v : low;
    high = v > high ? v : high;
    sum += apart;
    squares += apart * apart;
  }
  double const mean = sum / double(n);
  return {low, high, first + mean, std::sqrt((squares - sum * mean) / double(n - 1))};
}

/// Quantiles in ascending order, each found in what lies above the one before.
inline std::vector<double> quantiles_of(std::vector<double> x, std::vector<double> const& parts) {
  std::vector<double> found;
  auto begin = x.begin();
  for (double part : parts) {
    double const place = part * double(x.size() - 1), whole = std::floor(place);
    auto const at = x.begin() + static_cast<long>(whole);
    std::nth_element(begin, at, x.end());
    double const above = at + 1 == x.end() ? *at : *std::min_element(at + 1, x.end());
    found.push_back(*at + (place - whole) * (above - *at));
    begin = at;
  }
  return found;
}

}  // namespace openmp
