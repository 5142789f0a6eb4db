// PageRank written by hand with OpenMP: what page_rank.cpp is checked against and, with --compare, timed beside.
#pragma once

#include <cstdint>
#include <vector>

namespace openmp {

/// Links sorted by the page that they lead to: those into page p begin at offsets[p].
struct graph {
  std::vector<int> from;
  std::vector<std::ptrdiff_t> offsets, links_out;
};

/// Ranks after so many steps. Few pages have most of the links, so threads take pages as they finish others.
inline std::vector<double> page_rank(graph const& g, int steps, double damping) {
  long const pages = static_cast<long>(g.links_out.size());
  double const n = double(pages);
  std::vector<double> rank(g.links_out.size(), 1 / n), given(rank);
  for (int s = 0; s < steps; ++s) {
    double dangling = 0;
#pragma omp parallel for reduction(+ : dangling)
    for (long p = 0; p < pages; ++p) {
      auto const at = static_cast<std::size_t>(p);
      dangling += g.links_out[at] == 0 ? rank[at] : 0;
      given[at] = g.links_out[at] == 0 ? 0 : rank[at] / double(g.links_out[at]);
    }
#pragma omp parallel for schedule(dynamic, 512)
    for (long p = 0; p < pages; ++p) {
      auto const at = static_cast<std::size_t>(p);
      double sum = 0;
      for (auto k = g.offsets[at]; k < g.offsets[at + 1]; ++k)
        sum += given[static_cast<std::size_t>(g.from[static_cast<std::size_t>(k)])];
      rank[at] = (1 - damping) / n + damping * (sum + dangling / n);
    }
  }
  return rank;
}

}  // namespace openmp
