// Runs on: cpu, cuda
// Aliasing: an expression that reads its own target sees the values from before the assignment.
#include <doctest/doctest.h>

#include <lockstep/lockstep.hpp>
#include <numeric>

#include "support/devices.hpp"
#include "support/values.hpp"

namespace aliasing_tests {

using lockstep::array, lockstep::axis, lockstep::boundary, lockstep::device, lockstep::index, lockstep::neighbor,
    lockstep::shape;
using lockstep::test::difference, lockstep::test::far_from, lockstep::test::for_each_device,
    lockstep::test::random_values;

std::size_t const lengths[] = {1, 2, 100, 5000, 100003};

TEST_CASE("x = x + neighbors of x") {
  for_each_device([](device const& dev) {
    for (std::size_t n : lengths) {
      auto const host = random_values<int>(n, n);
      auto const at = [&](std::int64_t i) { return i < 0 || i >= std::int64_t(n) ? 0 : host[std::size_t(i)]; };
      std::vector<int> expected;
      for (std::int64_t i = 0; i < std::int64_t(n); ++i) expected.push_back(at(i) + at(i - 1) - 3 * at(i + 1));
      array<int> x(dev, host);
      x = x + neighbor(x, -1, boundary::zero) - 3 * neighbor(x, 1, boundary::zero);
      CHECK(difference(x.to_host(), expected) == "");
      array<int> y(dev, host);
      y += neighbor(y, -1, boundary::zero) - 3 * neighbor(y, 1, boundary::zero);
      CHECK(difference(y.to_host(), expected) == "");
    }
  });
}

TEST_CASE("x = f(x) in place") {
  for_each_device([](device const& dev) {
    for (std::size_t n : lengths) {
      auto const host = random_values<int>(n, n);
      std::vector<int> expected;
      for (int v : host) expected.push_back(v * v - v);
      array<int> x(dev, host);
      int const* const where = x.data();
      x = x * x - x;
      CHECK(difference(x.to_host(), expected) == "");
      CHECK(x.data() == where);
    }
  });
}

TEST_CASE("x = its own transpose, also in windows") {
  for_each_device([](device const& dev) {
    for (index n : {1, 2, 65, 300}) {
      auto const host = random_values<int>(static_cast<std::size_t>(n * n), 1);
      array<int, 2> m(dev, {n, n}, host), w(dev, {n, n}, host);
      m = m.transpose();
      w.transpose() = w + w.transpose();
      auto const found = m.to_host(), sums = w.to_host();
      for (index i = 0; i < n; ++i)
        for (index j = 0; j < n; ++j) {
          auto const here = static_cast<std::size_t>(i * n + j), there = static_cast<std::size_t>(j * n + i);
          REQUIRE(found[here] == host[there]);
          REQUIRE(sums[here] == host[here] + host[there]);
        }
    }
  });
}

TEST_CASE("x = a reshape or a row of itself") {
  for_each_device([](device const& dev) {
    array<int, 2> m = lockstep::arange<int>(dev, 12).reshape(shape{3, 4});
    m = m.transpose().reshape(shape{3, 4});
    CHECK(m.to_host() == std::vector<int>{0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11});
    m = m - m.slice({1, 0}, {2, 4});
    CHECK(m.to_host() == std::vector<int>{-5, -5, 6, -5, 0, 0, 0, 0, 5, -6, 5, 5});
    m = m.slice({0, 1}, {3, 2}) + m;
    CHECK(m.to_host() == std::vector<int>{-10, -10, 1, -10, 0, 0, 0, 0, -1, -12, -1, -1});
  });
}

TEST_CASE("x = x / sum(x), and a matrix less its own means") {
  for_each_device([](device const& dev) {
    for (std::size_t n : lengths) {
      auto const host = random_values<double>(n, n, 1, 2);
      double const total = std::accumulate(host.begin(), host.end(), 0.0);
      std::vector<double> expected;
      for (double v : host) expected.push_back(v / total);
      array<double> x(dev, host);
      x = x / lockstep::sum(x);
      CHECK(far_from(x.to_host(), expected, 1e-13, 0) == "");
    }
    index const rows = 130, columns = 70;
    auto const host = random_values<double>(static_cast<std::size_t>(rows * columns), 1);
    array<double, 2> m(dev, {rows, columns}, host), r = m;
    m = m - lockstep::mean(m, axis(0));
    r = r - lockstep::column(lockstep::mean(r, axis(1)));
    CHECK(double(lockstep::max(abs(lockstep::sum(m, axis(0))))) < 1e-11);
    CHECK(double(lockstep::max(abs(lockstep::sum(r, axis(1))))) < 1e-11);
    CHECK(m.to_host()[0] - m.to_host()[static_cast<std::size_t>(columns)] ==
          doctest::Approx(host[0] - host[static_cast<std::size_t>(columns)]).epsilon(1e-12));
  });
}

TEST_CASE("a row of a matrix becomes the sum of its columns") {
  for_each_device([](device const& dev) {
    array<std::int64_t, 2> m(dev, {3, 2}, std::vector<std::int64_t>{1, 2, 3, 4, 5, 6});
    m.reshape(shape{6}).slice(2, 4) = lockstep::sum(m, axis(0));
    CHECK(m.to_host() == std::vector<std::int64_t>{1, 2, 9, 12, 5, 6});
    array<std::int64_t> x(dev, std::vector<std::int64_t>{1, 2, 3});
    x = lockstep::sum(x);
    CHECK(x.to_host() == std::vector<std::int64_t>{6, 6, 6});
  });
}

TEST_CASE("x = scans of x") {
  for_each_device([](device const& dev) {
    for (std::size_t n : lengths) {
      auto const host = random_values<int>(n, n);
      std::vector<int> prefix(n), shifted(n);
      std::inclusive_scan(host.begin(), host.end(), prefix.begin());
      std::exclusive_scan(host.begin(), host.end(), shifted.begin(), 7);
      array<int> x(dev, host), y(dev, host), z(dev, host);
      x = lockstep::inclusive_scan(x);
      CHECK(difference(x.to_host(), prefix) == "");
      y = lockstep::exclusive_scan(y, 7);
      CHECK(difference(y.to_host(), shifted) == "");
      z = lockstep::inclusive_scan(neighbor(z, 1, boundary::wrap)) - z;
      for (std::size_t i = 0; i < n; ++i) prefix[i] = prefix[i] - host[0] + host[(i + 1) % n] - host[i];
      CHECK(difference(z.to_host(), prefix) == "");
    }
  });
}

TEST_CASE("tie exchanges arrays and reads what was there before") {
  for_each_device([](device const& dev) {
    for (std::size_t n : lengths) {
      auto const a = random_values<int>(n, 1), b = random_values<int>(n, 2);
      array<int> x(dev, a), y(dev, b);
      lockstep::tie(x, y) = lockstep::fuse(y, x);
      CHECK(difference(x.to_host(), b) == "");
      CHECK(difference(y.to_host(), a) == "");
      lockstep::tie(x, y) = lockstep::fuse(x + y, x - neighbor(x, 1, boundary::wrap));
      std::vector<int> sums, steps;
      for (std::size_t i = 0; i < n; ++i) sums.push_back(a[i] + b[i]), steps.push_back(b[i] - b[(i + 1) % n]);
      CHECK(difference(x.to_host(), sums) == "");
      CHECK(difference(y.to_host(), steps) == "");
    }
  });
}

}  // namespace aliasing_tests
