// One program of four files, two compiled by the host compiler and two by nvcc: each evaluates the same expressions on
// arrays that another one made. Were the linker to mix their templates, GPUs would be refused or CPUs given kernels.
#pragma once

#include <lockstep/lockstep.hpp>
#include <string>
#include <vector>

LOCKSTEP_FUNCTION(mixed_function, (x, y), x* y + 1.0f);

namespace mixed {

namespace ls = lockstep;

/// What one file computes from a and b.
struct results {
  ls::array<float> mapped, scanned, fused;
  ls::array<float, 0> total;
  ls::array<float> columns;
};

results evaluate_in_first_host_file(ls::array<float> const& a, ls::array<float> const& b);
results evaluate_in_second_host_file(ls::array<float> const& a, ls::array<float> const& b);
results evaluate_in_first_gpu_file(ls::array<float> const& a, ls::array<float> const& b);
results evaluate_in_second_gpu_file(ls::array<float> const& a, ls::array<float> const& b);

/// Arrays that each file makes, fills, copies and drops without evaluating anything.
ls::array<float> make_in_first_host_file(ls::device const& where, std::vector<float> const& values);
ls::array<float> make_in_second_gpu_file(ls::device const& where, std::vector<float> const& values);

// The same text in every file, on purpose: templates of one name and one signature, each compiled four times.
inline namespace LOCKSTEP_COMPILER {
template <class Array>
results evaluate_here(Array const& a, Array const& b) {
  results r;
  r.mapped = ls::map(mixed_function, a, b) + ls::neighbor(a, 1);
  r.scanned = ls::inclusive_scan(a + b);
  r.total = ls::sum(ls::square(a - b));
  r.columns = ls::sum(a.reshape(ls::shape(10, a.extent(0) / 10)), ls::axis(0));
  ls::array<float> other;
  ls::tie(r.fused, other) = ls::fuse(a - b, a + b);
  return r;
}
}  // namespace LOCKSTEP_COMPILER

}  // namespace mixed
