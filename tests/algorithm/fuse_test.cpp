// Runs on: cpu, cuda
// Covers: map: fuse; types: bool integers float double
// tie(y, z) = fuse(e, f): several results in one pass.
#include <doctest/doctest.h>

#include <lockstep/lockstep.hpp>

#include "support/devices.hpp"
#include "support/values.hpp"

namespace fuse_tests {

using lockstep::array, lockstep::axis, lockstep::device, lockstep::fuse, lockstep::index, lockstep::shape,
    lockstep::tie;
using lockstep::test::contains, lockstep::test::difference, lockstep::test::for_each_device, lockstep::test::message_of,
    lockstep::test::random_values;

TEST_CASE("several results of several types in one pass") {
  for_each_device([](device const& dev) {
    for (std::size_t n : {0, 1, 1023, 1025, 70001}) {
      auto const a = random_values<float>(n, 1), b = random_values<float>(n, 2);
      array<float> const x(dev, a), y(dev, b);
      array<float> sum(dev, n);
      array<double> difference_of(dev, n);
      array<bool> larger(dev, n);
      tie(sum, difference_of, larger) = fuse(x + y, x - y, x > y);
      std::vector<float> sums;
      std::vector<double> differences;
      std::vector<bool> comparisons;
      for (std::size_t i = 0; i < n; ++i) {
        sums.push_back(a[i] + b[i]);
        differences.push_back(a[i] - b[i]);
        comparisons.push_back(a[i] > b[i]);
      }
      CHECK(difference(sum.to_host(), sums) == "");
      CHECK(difference(difference_of.to_host(), differences) == "");
      CHECK(difference(larger.to_host(), comparisons) == "");
    }
  });
}

TEST_CASE("default-constructed targets take shape and device") {
  for_each_device([](device const& dev) {
    array<int, 2> const m = lockstep::arange<int>(dev, 6).reshape(shape{2, 3});
    array<int, 2> a, b(dev, {2, 3}), c;
    tie(a, b, c) = fuse(m + 1, m * 2, lockstep::indices(shape{2, 3}, axis(1)));
    CHECK(a.device() == dev);
    CHECK(a.shape() == shape{2, 3});
    CHECK(a.to_host() == std::vector<int>{1, 2, 3, 4, 5, 6});
    CHECK(b.to_host() == std::vector<int>{0, 2, 4, 6, 8, 10});
    CHECK(c.device() == dev);
    CHECK(c.to_host() == std::vector<int>{0, 1, 2, 0, 1, 2});
    array<int> none(dev, 0), d;
    tie(d, none) = fuse(none + 1, none + 2);
    CHECK(d.has_storage());
    CHECK(d.size() == 0);
  });
}

TEST_CASE("windows are targets, too, and broadcasts are read") {
  for_each_device([](device const& dev) {
    array<int, 2> m = lockstep::zeros<int>(dev, shape{4, 5});
    array<int> const row = lockstep::arange<int>(dev, 3), column = lockstep::arange<int>(dev, 2) * 10;
    array<int, 2> sums;
    tie(m.slice({1, 1}, {3, 4}), sums) = fuse(row * lockstep::column(column), row + lockstep::column(column));
    CHECK(m.to_host() == std::vector<int>{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 20, 0, 0, 0, 0, 0, 0});
    CHECK(sums.to_host() == std::vector<int>{0, 1, 2, 10, 11, 12});
    tie(m.slice({0, 0}, {1, 5}), m.slice({3, 0}, {4, 5})) = fuse(m.slice({3, 0}, {4, 5}) + 1, m.slice({2, 0}, {3, 5}));
    CHECK(m.to_host() == std::vector<int>{1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 10, 20, 0, 0, 0, 10, 20, 0});
  });
}

TEST_CASE("a leafless expression joins targets that it exchanges nothing with") {
  for_each_device([](device const& dev) {
    array<index> x = lockstep::arange<index>(dev, 5), y = x * 10;
    tie(x, y) = fuse(y, lockstep::indices(shape{5}) + 100);
    CHECK(x.to_host() == std::vector<index>{0, 10, 20, 30, 40});
    CHECK(y.to_host() == std::vector<index>{100, 101, 102, 103, 104});
    array<index> z;
    tie(z, x) = fuse(neighbor(x, 1), lockstep::indices(shape{5}));
    CHECK(z.to_host() == std::vector<index>{10, 20, 30, 40, 40});
    CHECK(x.to_host() == std::vector<index>{0, 1, 2, 3, 4});
  });
}

TEST_CASE("targets that are read: each by its own expression, by others, and moved") {
  for_each_device([](device const& dev) {
    for (std::size_t n : {1, 1025, 100003}) {
      auto const a = random_values<float>(n, 1), b = random_values<float>(n, 2);
      std::vector<float> own_a, own_b, sums, differences, turned;
      for (std::size_t i = 0; i < n; ++i) {
        own_a.push_back(a[i] + 1);
        own_b.push_back(b[i] * 2);
        sums.push_back(a[i] + b[i]);
        differences.push_back(a[i] - b[i]);
        turned.push_back(a[n - 1 - i]);
      }
      array<float> x(dev, a), y(dev, b);
      tie(x, y) = fuse(x + 1.0f, y * 2.0f);  // in place
      CHECK(difference(x.to_host(), own_a) == "");
      CHECK(difference(y.to_host(), own_b) == "");
      x = array<float>(dev, a), y = array<float>(dev, b);
      tie(x, y) = fuse(x + y, x - y);
      CHECK(difference(x.to_host(), sums) == "");
      CHECK(difference(y.to_host(), differences) == "");
      x = array<float>(dev, a), y = array<float>(dev, b);
      tie(x, y) = fuse(reverse(x), y * 2.0f);
      CHECK(difference(x.to_host(), turned) == "");
      CHECK(difference(y.to_host(), own_b) == "");
    }
  });
}

TEST_CASE("reductions and scans inside fused expressions") {
  for_each_device([](device const& dev) {
    array<float, 2> const m = lockstep::arange<float>(dev, 12).reshape(shape{3, 4});
    array<float, 2> centered, scaled;
    tie(centered, scaled) = fuse(m - lockstep::mean(m, axis(0)), m / lockstep::max(m));
    CHECK(centered.to_host() == std::vector<float>{-4, -4, -4, -4, 0, 0, 0, 0, 4, 4, 4, 4});
    CHECK(scaled.to_host()[11] == 1);
    array<float, 0> low, high;
    tie(low, high) = fuse(lockstep::min(m), lockstep::max(m));
    CHECK(float(low) == 0);
    CHECK(float(high) == 11);
    array<int> const k = lockstep::arange<int>(dev, 4);
    array<int> prefix, next;
    tie(prefix, next) = fuse(lockstep::inclusive_scan(k), k + 1);
    CHECK(prefix.to_host() == std::vector<int>{0, 1, 3, 6});
    CHECK(next.to_host() == std::vector<int>{1, 2, 3, 4});
  });
}

TEST_CASE("shapes that do not fit are refused, and no target is touched") {
  for_each_device([](device const& dev) {
    array<int> const a = lockstep::arange<int>(dev, 4), b = lockstep::arange<int>(dev, 3);
    array<int> fresh, four = lockstep::zeros<int>(dev, 4), three = lockstep::zeros<int>(dev, 3);
    std::string const between = message_of<lockstep::shape_error>([&] { tie(fresh, four) = fuse(a + 1, b + 1); });
    CHECK(contains(between, "(4,)"));
    CHECK(contains(between, "(3,)"));
    CHECK_THROWS_AS((tie(four, three) = fuse(a + 1, a + 2)), lockstep::shape_error);
    CHECK_THROWS_AS((tie(fresh, three) = fuse(a + 1, a + 2)), lockstep::shape_error);
    CHECK(!fresh.has_storage());
    CHECK(four.to_host() == std::vector<int>(4, 0));
    CHECK(three.to_host() == std::vector<int>(3, 0));
    array<float> const none(dev, 0);
    array<float> x = lockstep::ones<float>(dev, 2), y;
    CHECK_THROWS_AS((tie(y, x) = fuse(x + 1.0f, x + lockstep::max(none))), lockstep::error);
    CHECK(!y.has_storage());
    CHECK(x.to_host() == std::vector<float>{1, 1});
  });
}

}  // namespace fuse_tests
