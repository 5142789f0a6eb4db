// Results on a GPU beside those of the same function on a CPU device.
#pragma once

#include <doctest/doctest.h>

#include <lockstep/array/array.hpp>

#include "values.hpp"

namespace lockstep::test {
inline namespace LOCKSTEP_COMPILER {

/// Checks that f(device, n) gives the same values on the host from both devices, for every n.
template <class Lengths, class F>
void check_same_for(Lengths const& lengths, F&& f) {
  for (std::size_t n : lengths) {
    INFO("n ", n);
    CHECK(difference(f(device::gpu(0), n), f(device::cpu(1), n)) == "");
  }
}

/// n whole numbers in [from, below).
template <class T>
array<T> whole_numbers(device const& dev, std::size_t n, std::int64_t from, std::int64_t below) {
  return array<T>(dev, random_values<T>(n, n + 1, from, below));
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::test
