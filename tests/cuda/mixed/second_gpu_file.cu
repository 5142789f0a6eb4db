// Compiled by nvcc: see arrays.hpp.
#include "arrays.hpp"

namespace mixed {

results evaluate_in_second_gpu_file(ls::array<float> const& a, ls::array<float> const& b) {
  return evaluate_here(a, b);
}

ls::array<float> make_in_second_gpu_file(ls::device const& where, std::vector<float> const& values) {
  ls::array<float> made(where, values), copy = made;
  made = 0.0f;
  return copy;
}

}  // namespace mixed
