// Sharded arrays in .npy files: what one mesh writes another reads, and so does an array.
#include <doctest/doctest.h>

#include <lockstep/io/sharded_npy.hpp>
#include <support/values.hpp>

#include "temporary_folder.hpp"

namespace ls = lockstep;
using namespace support;

TEST_CASE("sharded arrays go through .npy files") {
  temporary_folder folder;
  std::string const path = folder / "x.npy";
  auto const host = ls::test::random_values<double>(70, 1);
  ls::shape const extents(10, 7);
  for (ls::placement placed : {ls::split_along(ls::axis(0)), ls::split_along(ls::axis(1)), ls::replicated}) {
    ls::sharded<double, 2> const x(ls::mesh::cpu(3), extents, std::span<double const>(host), placed);
    ls::io::save_npy(path, x);
    CHECK(ls::io::load_npy<double, 2>(path).to_host() == host);
    ls::sharded<double, 2> const y = ls::io::load_npy<double, 2>(path, ls::mesh::cpu(4), placed);
    CHECK(y.placed() == placed);
    CHECK(y.to_host() == host);
    ls::io::save_npy(path, x + 1.0);
    CHECK(ls::io::load_npy<double, 2>(path).to_host()[69] == host[69] + 1);
  }
}
