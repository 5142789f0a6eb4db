// What the tests of sharded arrays share: meshes of one to seven devices, and sizes around tiles, blocks and splits.
#pragma once

#include <doctest/doctest.h>

#include <lockstep/lockstep.hpp>
#include <string>
#include <support/values.hpp>
#include <vector>

namespace sharded_test {

namespace ls = lockstep;
using ls::test::contains, ls::test::message_of, ls::test::random_values, ls::test::same_bits;

/// Lengths: none, one, and around tiles of reductions (4096), blocks of scans (16384), and where parts of 64 and of
/// 16384 elements begin to be used.
inline std::vector<std::size_t> lengths(std::size_t ranks) {
  std::vector<std::size_t> all = {0, 1, 2, 5, 63, 4095, 4096, 4097, 12289, 16385};
  for (std::size_t unit : {std::size_t{64}, std::size_t{16384}})
    for (std::size_t n : {4 * ranks * unit - 1, 4 * ranks * unit, 4 * ranks * unit + 5}) all.push_back(n);
  return all;
}

/// Calls f(mesh, n) for meshes of one to seven CPU devices and the lengths above.
template <class F>
void for_each_length(F&& f) {
  for (std::size_t ranks = 1; ranks <= 7; ++ranks)
    for (std::size_t n : lengths(ranks)) {
      INFO("devices ", ranks, " n ", n);
      f(ls::mesh::cpu(ranks), n);
    }
}

}  // namespace sharded_test
