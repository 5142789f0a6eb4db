// Covers: matmul: matmul matvec; types: integers float double
// Matrix products on a GPU against the same on a CPU device: layouts, stacks, types, and what follows a product.
#include <doctest/doctest.h>

#include <lockstep/lockstep.hpp>

#include "support/values.hpp"

namespace matmul_tests {

using lockstep::array, lockstep::device, lockstep::index, lockstep::matmul, lockstep::matvec, lockstep::shape,
    lockstep::transpose;
using lockstep::test::difference, lockstep::test::random_values;

/// A matrix of whole numbers so small that all sums of products are exact, in any order.
template <class T>
array<T, 2> numbers(device const& dev, std::size_t rows, std::size_t columns) {
  return array<T, 2>(dev, {rows, columns}, random_values<T>(rows * columns, rows + columns, -5, 5));
}
template <class F>
void check_same(F&& f) {
  CHECK(difference(f(device::gpu(0)).to_host(), f(device::cpu(1)).to_host()) == "");
}

template <class T>
void check_layouts(std::size_t n, std::size_t k, std::size_t m) {
  INFO("n ", n, " k ", k, " m ", m, " bytes ", sizeof(T));
  check_same([&](device const& dev) { return matmul(numbers<T>(dev, n, k), numbers<T>(dev, k, m)); });
  check_same([&](device const& dev) { return matmul(transpose(numbers<T>(dev, k, n)), numbers<T>(dev, k, m)); });
  check_same([&](device const& dev) {
    return matmul(numbers<T>(dev, n, k), transpose(numbers<T>(dev, m, k) + static_cast<T>(1)));
  });
  check_same([&](device const& dev) {
    array<T, 1> const x(dev, random_values<T>(k, 3, -5, 5));
    return matvec(numbers<T>(dev, n, k), x);
  });
}

TEST_CASE("every layout and type") {
  for (auto [n, k, m] : {std::array<std::size_t, 3>{1, 1, 1}, {5, 7, 3}, {33, 16, 17}, {64, 100, 48}, {3, 0, 4}}) {
    check_layouts<float>(n, k, m);
    check_layouts<double>(n, k, m);
    check_layouts<int>(n, k, m);
  }
}

TEST_CASE("parts of matrices, as operands and as targets") {
  check_same([](device const& dev) {
    array<float, 2> a = numbers<float>(dev, 40, 50), c = numbers<float>(dev, 60, 70);
    c.slice({5, 8}, {25, 38}) = matmul(a.slice({10, 10}, {30, 40}), transpose(a.slice({10, 10}, {40, 40})));
    return c;
  });
}

TEST_CASE("stacks, broadcast against each other") {
  check_same([](device const& dev) {
    array<float, 4> const a(dev, {2, 3, 5, 7}, random_values<float>(210, 1, -5, 5));
    array<float, 3> const b(dev, {3, 7, 4}, random_values<float>(84, 2, -5, 5));
    return matmul(a, b);
  });
  check_same([](device const& dev) {
    array<int, 3> const a(dev, {4, 5, 7}, random_values<int>(140, 1, -5, 5));
    return matmul(a, numbers<int>(dev, 7, 6));
  });
}

TEST_CASE("what follows a product, and products in larger expressions") {
  check_same([](device const& dev) {
    array<float, 2> y(dev, {30, 20});
    array<float> const bias(dev, random_values<float>(20, 9, -50, 50));
    y = max(matmul(numbers<float>(dev, 30, 11), numbers<float>(dev, 11, 20)) + bias, 0.0f);
    return y;
  });
  check_same([](device const& dev) {
    array<double, 2> const a = numbers<double>(dev, 12, 12);
    return sum(matmul(a, a) * matmul(transpose(a), a), lockstep::axis(0));
  });
}

}  // namespace matmul_tests
