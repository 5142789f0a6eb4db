// Covers: reduce: sum product min max argmin argmax any all count reduce mean evaluate; types: integers float double
// Reductions on GPUs: the bits of CPU devices, every element type, operators that do not commute, several at once,
// every axis, ties and NaN.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <lockstep/lockstep.hpp>
#include <numeric>

#include "sizes.hpp"
#include "support/devices.hpp"
#include "support/values.hpp"

namespace ls = lockstep;
using ls::test::difference;
using ls::test::random_values;
using ls::test::same_bits;

namespace cuda_reduce_tests {

/// Products of 2 x 2 matrices modulo 2^32: associative, not commutative.
struct matrix {
  std::uint32_t a, b, c, d;
  bool operator==(matrix const&) const = default;
};
struct matrix_product {
  LOCKSTEP_FN matrix operator()(matrix x, matrix y) const {
    return {x.a * y.a + x.b * y.c, x.a * y.b + x.b * y.d, x.c * y.a + x.d * y.c, x.c * y.b + x.d * y.d};
  }
};

std::vector<matrix> random_matrices(std::size_t n) {
  ls::test::generator random(n);
  std::vector<matrix> all(n);
  auto const next = [&] { return static_cast<std::uint32_t>(random.next() | 1); };
  for (matrix& m : all) m = {next(), next(), next(), next()};
  return all;
}

/// Values with many digits, of which no two orders of addition give the same bits.
std::vector<float> rough_values(std::size_t n, std::uint64_t seed) {
  ls::test::generator random(seed);
  std::vector<float> values(n);
  for (float& v : values) v = static_cast<float>(random.between(-1, 1) * std::exp2(random.between(-10, 10)));
  return values;
}

TEST_CASE_TEMPLATE("sums, extremes and their places, of every element type at every size", T, std::int8_t,
                   std::uint16_t, std::int32_t, std::uint64_t, float, double) {
  ls::device const gpu = ls::device::gpu();
  for (std::size_t n : cuda_tests::sizes) {
    if (n == 0) continue;
    CAPTURE(n);
    auto const h = random_values<T>(n, n, 0, 100);
    ls::array<T> const a(gpu, h);
    auto const [total, lo, hi, first_lo, first_hi] =
        ls::evaluate(ls::sum(a), ls::min(a), ls::max(a), ls::argmin(a), ls::argmax(a));
    auto const least = std::min_element(h.begin(), h.end()), most = std::max_element(h.begin(), h.end());
    double const want = std::accumulate(h.begin(), h.end(), 0.0);
    CHECK(double(ls::sum_t<T>(total)) == doctest::Approx(want).epsilon(1e-6));
    CHECK(T(lo) == *least);
    CHECK(T(hi) == *most);
    CHECK(ls::index(first_lo) == least - h.begin());
    CHECK(ls::index(first_hi) == most - h.begin());
  }
}

TEST_CASE("no elements") {
  ls::array<float> const none(ls::device::gpu(), ls::shape(0));
  ls::array<float, 2> const rows(ls::device::gpu(), ls::shape(3, 0));
  CHECK(static_cast<float>(ls::sum(none)) == 0);
  CHECK(static_cast<float>(ls::product(none)) == 1);
  CHECK(std::isnan(static_cast<float>(ls::mean(none))));
  CHECK(static_cast<float>(ls::reduce(none, 7.0f, ls::plus{})) == 7);
  CHECK(ls::sum(rows, ls::axis(1)).to_host() == std::vector<float>(3, 0.0f));
  CHECK(ls::sum(rows, ls::axis(0)).to_host().empty());
  CHECK_THROWS_AS(static_cast<float>(ls::max(none)), ls::error);
}

TEST_CASE("the bits are those of CPU devices, and of every run") {
  ls::device const gpu = ls::device::gpu(), cpu = ls::device::cpu(2);
  for (std::size_t n : {1, 31, 33, 1000, 4096, 4097, 12288, 100000, 1200000}) {
    CAPTURE(n);
    auto const h = rough_values(n, n);
    ls::array<float> const a(gpu, h), b(cpu, h);
    CHECK(same_bits<float>(ls::sum(a), ls::sum(b)));
    CHECK(same_bits<float>(ls::sum(a), ls::sum(a)));
    CHECK(same_bits<float>(ls::mean(ls::abs(a)), ls::mean(ls::abs(b))));
    CHECK(same_bits<double>(ls::sum(ls::cast<double>(a)), ls::sum(ls::cast<double>(b))));
  }
}

TEST_CASE("operators that do not commute keep the order, and the initial value enters once, from the left") {
  ls::device const gpu = ls::device::gpu();
  matrix const initial{3, 1, 4, 1};
  for (std::size_t n : cuda_tests::sizes) {
    CAPTURE(n);
    auto const h = random_matrices(n);
    ls::array<matrix> const a(gpu, h);
    matrix const want = std::accumulate(h.begin(), h.end(), initial, matrix_product{});
    ls::array<matrix, 0> const found = ls::reduce(a, initial, matrix_product{});
    CHECK(found.to_host()[0] == want);
  }
}

TEST_CASE("several reductions of different expressions in one pass") {
  ls::device const gpu = ls::device::gpu();
  std::size_t const n = 50000;
  auto const h = random_values<float>(n, 3);
  auto const m = random_matrices(n);
  ls::array<float> const a(gpu, h);
  ls::array<matrix> const b(gpu, m);
  auto const [positive, some, every, product] =
      ls::evaluate(ls::count(a > 0.0f), ls::any(a == h[77]), ls::all(a == h[77]),
                   ls::reduce(b, matrix{1, 0, 0, 1}, matrix_product{}));
  CHECK(ls::index(positive) == std::count_if(h.begin(), h.end(), [](float v) { return v > 0; }));
  CHECK(bool(some));
  CHECK_FALSE(bool(every));
  CHECK(product.to_host()[0] == std::accumulate(m.begin(), m.end(), matrix{1, 0, 0, 1}, matrix_product{}));
}

TEST_CASE("the first of equal extremes, and of several NaN") {
  ls::device const gpu = ls::device::gpu();
  for (std::size_t n : {64, 5000, 100000}) {
    std::vector<float> h(n, 1.0f);
    ls::array<float> a(gpu, h);
    CHECK(ls::index(ls::argmax(a)) == 0);
    h[n - 2] = h[n - 7] = h[n / 2] = 2.0f;
    a = ls::array<float>(gpu, h);
    CHECK(ls::index(ls::argmax(a)) == ls::index(n / 2));
    h[n - 1] = h[n / 3] = std::numeric_limits<float>::quiet_NaN();
    a = ls::array<float>(gpu, h);
    CHECK(ls::index(ls::argmax(a)) == ls::index(n / 3));
    CHECK(ls::index(ls::argmin(a)) == ls::index(n / 3));
    CHECK(std::isnan(static_cast<float>(ls::max(a))));
  }
}

TEST_CASE("results stay on the device, and feed what comes next") {
  ls::device const gpu = ls::device::gpu();
  auto const h = random_values<float>(10000, 4, 1, 10);
  ls::array<float> const a(gpu, h);
  ls::array<float, 0> const total = ls::sum(a);
  CHECK(total.device() == gpu);
  ls::array<float> const y = a / total, z = a / ls::sum(a);
  float const want = std::accumulate(h.begin(), h.end(), 0.0f);
  CHECK(y.to_host()[17] == h[17] / want);
  CHECK(difference(y.to_host(), z.to_host()) == "");
}

/// Along every axis of a (planes, rows, columns) array against loops, and against the bits of a CPU device.
void check_axes(ls::index planes, ls::index rows, ls::index columns) {
  CAPTURE(planes);
  CAPTURE(rows);
  CAPTURE(columns);
  ls::device const gpu = ls::device::gpu(), cpu = ls::device::cpu(2);
  ls::shape const extents(planes, rows, columns);
  auto const h = rough_values(extents.size(), extents.size());
  ls::array<float, 3> const a(gpu, extents, h), b(cpu, extents, h);
  ls::index const lengths[] = {planes, rows, columns}, strides[] = {rows * columns, columns, 1};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    CAPTURE(axis);
    std::vector<double> sums;
    std::vector<ls::index> places;
    for (ls::index i = 0; i < static_cast<ls::index>(h.size()); ++i) {
      if (i / strides[axis] % lengths[axis] != 0) continue;
      double sum = 0;
      ls::index best = 0;
      for (ls::index k = 0; k < lengths[axis]; ++k) {
        sum += h[i + k * strides[axis]];
        if (h[i + k * strides[axis]] > h[i + best * strides[axis]]) best = k;
      }
      sums.push_back(sum);
      places.push_back(best);
    }
    auto const found = ls::sum(a, ls::axis(axis)).to_host();
    CHECK(ls::test::far_from(found, sums, 1e-3, 1000) == "");
    CHECK(same_bits(found, ls::sum(b, ls::axis(axis)).to_host()));
    CHECK(difference(ls::argmax(a, ls::axis(axis)).to_host(), places) == "");
    // Read through an expression that is not flat.
    CHECK(same_bits(ls::sum(ls::transpose(a), ls::axis(axis)).to_host(),
                    ls::sum(ls::transpose(b), ls::axis(axis)).to_host()));
  }
}

TEST_CASE("along every axis") {
  for (ls::index length : {1, 2, 3, 7, 16, 17, 31, 32, 33, 64, 65, 257}) check_axes(3, 5, length);
  check_axes(1, 1, 100000);
  check_axes(2, 70000, 1);
  check_axes(70000, 1, 2);
  check_axes(300, 2, 401);
  check_axes(4, 4097, 3);
}

}  // namespace cuda_reduce_tests
