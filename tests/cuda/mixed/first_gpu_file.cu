// Compiled by nvcc: see arrays.hpp.
#include "arrays.hpp"

namespace mixed {

results evaluate_in_first_gpu_file(ls::array<float> const& a, ls::array<float> const& b) { return evaluate_here(a, b); }

}  // namespace mixed
