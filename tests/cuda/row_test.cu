// Covers: row: softmax log_softmax standardize map_rows; types: integers float
// Row kernels on a GPU against the same on a CPU device, along every axis, at the lengths around the ways to hold rows.
#include <doctest/doctest.h>

#include <cmath>
#include <lockstep/lockstep.hpp>

#include "support/values.hpp"

namespace row_tests {

using lockstep::array, lockstep::axis, lockstep::device, lockstep::index, lockstep::shape;
using lockstep::test::difference, lockstep::test::far_from, lockstep::test::message_of, lockstep::test::random_values;

/// f(device) on both devices, whose functions of <cmath> and orders of addition differ.
template <class F>
void check_close(F&& f, double tolerance) {
  auto const expected = f(device::cpu(1)).to_host();
  CHECK(far_from(f(device::gpu(0)).to_host(), std::vector<double>(expected.begin(), expected.end()), tolerance) == "");
}
template <class F>
void check_same(F&& f) {
  CHECK(difference(f(device::gpu(0)).to_host(), f(device::cpu(1)).to_host()) == "");
}

array<float, 2> matrix(device const& dev, std::size_t rows, std::size_t columns) {
  return array<float, 2>(dev, {rows, columns}, random_values<float>(rows * columns, rows, -5, 5));
}

/// The last nonzero element, or else the first: associative, and its operands may not change places.
struct last_nonzero {
  LOCKSTEP_INLINE int operator()(int a, int b) const { return b != 0 ? b : a; }
};
struct minus_result {
  LOCKSTEP_INLINE int operator()(int x, int r) const { return 100 * x - r; }
};

TEST_CASE("softmax and its relatives along both axes") {
  for (std::size_t length : {1, 3, 32, 33, 256, 257, 1000, 4096, 4097, 10000})
    for (std::size_t along : {0, 1}) {
      INFO("length ", length, " axis ", along);
      std::size_t const rows = along == 1 ? length > 4000 ? 2 : 9 : length, columns = along == 1 ? length : 37;
      check_close([&](device const& dev) { return softmax(matrix(dev, rows, columns) * 2.0f, axis(along)); }, 1e-5);
      if (length % 4 == 1 || length == 1000)
        check_close([&](device const& dev) { return log_softmax(matrix(dev, rows, columns), axis(along)); }, 1e-5);
      if (length > 1)
        check_close([&](device const& dev) { return standardize(matrix(dev, rows, columns), axis(along)); }, 1e-4);
    }
}

TEST_CASE("the middle axis, integers, and in place") {
  check_close(
      [](device const& dev) {
        array<int, 3> const x(dev, {5, 70, 40}, random_values<int>(5 * 70 * 40, 3, -3, 3));
        return softmax(x, axis(1));
      },
      1e-12);
  check_close(
      [](device const& dev) {
        array<float, 2> x = matrix(dev, 20, 300);
        x = softmax(x + 1.0f);
        return x;
      },
      1e-5);
}

TEST_CASE("functions of the user's, in the order of the row") {
  for (std::size_t length : {1, 7, 31, 256, 600, 5000})
    for (std::size_t along : {0, 1}) {
      INFO("length ", length, " axis ", along);
      check_same([&](device const& dev) {
        std::size_t const rows = along == 1 ? 5 : length, columns = along == 1 ? length : 33;
        array<int, 2> const x(dev, {rows, columns}, random_values<int>(rows * columns, length, -1, 2));
        return lockstep::map_rows(x, axis(along), minus_result{}, lockstep::fold(last_nonzero{}));
      });
    }
}

TEST_CASE("rows that hold NaN, or that are empty") {
  array<float, 2> x = matrix(device::gpu(0), 3, 50);
  x.slice({1, 7}, {2, 8}) = std::nanf("");
  auto const y = softmax(x).to_host();
  CHECK((!std::isnan(y[0]) && std::isnan(y[50]) && std::isnan(y[99]) && !std::isnan(y[100])));
  CHECK(softmax(array<float, 2>(device::gpu(0), {3, 0})).to_host().empty());
}

}  // namespace row_tests
