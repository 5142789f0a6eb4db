// Runs on: cpu
// Covers: sort: is_sorted lower_bound upper_bound searchsorted merge; types: integers float
// Covers: sort: set_union set_intersection set_difference; types: integers float
// is_sorted, lower_bound, upper_bound, searchsorted, merge and set operations against std::.
#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <lockstep/algorithm/search.hpp>
#include <lockstep/lockstep.hpp>

#include "support/devices.hpp"
#include "support/values.hpp"

namespace search_tests {

using lockstep::array, lockstep::device, lockstep::greater, lockstep::index, lockstep::shape;
using lockstep::test::difference, lockstep::test::for_each_device, lockstep::test::message_of,
    lockstep::test::random_values;

template <class T>
std::vector<T> ordered_values(std::size_t n, std::uint64_t seed, double reach) {
  auto values = random_values<T>(n, seed, -reach, reach);
  std::sort(values.begin(), values.end());
  return values;
}

TEST_CASE("where values could be inserted") {
  for_each_device([](device const& dev) {
    for (std::size_t n : {0, 1, 2, 3, 7, 8, 100, 1025, 50000})
      for (std::size_t m : {0, 1, 7, 8, 9, 1023, 1025, 40000}) {
        INFO("n ", n, " m ", m);
        auto const sorted = ordered_values<float>(n, n, 5);
        auto const values = random_values<float>(m, m, -6, 6);
        std::vector<index> low, high;
        for (float v : values) {
          low.push_back(std::lower_bound(sorted.begin(), sorted.end(), v) - sorted.begin());
          high.push_back(std::upper_bound(sorted.begin(), sorted.end(), v) - sorted.begin());
        }
        array<float> const s(dev, sorted), v(dev, values);
        REQUIRE(difference(lockstep::lower_bound(s, v).to_host(), low) == "");
        REQUIRE(difference(lockstep::upper_bound(s, v * 2.0f - v).to_host(), high) == "");
        REQUIRE(difference(lockstep::searchsorted(s, v).to_host(), low) == "");
        REQUIRE(difference(lockstep::searchsorted(s, v, lockstep::side::right).to_host(), high) == "");
      }
    std::vector<int> const down = {9, 7, 7, 1};
    array<int> const s(dev, down), v(dev, std::vector<int>{7, 10, 0, 8});
    CHECK(lockstep::lower_bound(s, v, greater{}).to_host() == std::vector<index>{1, 0, 4, 1});
    CHECK(lockstep::upper_bound(s, v.reshape(shape(2, 2)), greater{}).shape() == shape(2, 2));
    float const nan = std::numeric_limits<float>::quiet_NaN();
    array<float> const with_nan(dev, {1, 2, nan, nan}), probes(dev, {nan, 5, -nan});
    CHECK(lockstep::lower_bound(with_nan, probes).to_host() == std::vector<index>{2, 2, 2});
    CHECK(lockstep::upper_bound(with_nan, probes).to_host() == std::vector<index>{4, 2, 4});
  });
}

TEST_CASE("whether values are in order") {
  for_each_device([](device const& dev) {
    for (std::size_t n : {0, 1, 2, 1024, 1025, 40000, 100000}) {
      auto values = ordered_values<int>(n, n, 1e6);
      CHECK(lockstep::is_sorted(array<int>(dev, values)));
      CHECK(lockstep::is_sorted(-array<int>(dev, values), greater{}));
      for (std::size_t at : {std::size_t(0), n / 2, n - 2}) {
        if (n < 2 || at + 1 >= n) continue;
        auto wrong = values;
        wrong[at] = wrong[at + 1] + 1;
        CHECK(!lockstep::is_sorted(array<int>(dev, wrong)));
      }
    }
    float const nan = std::numeric_limits<float>::quiet_NaN();
    CHECK(lockstep::is_sorted(array<float>(dev, {-0.0f, 0, -0.0f, 1, nan, -nan})));
    CHECK(lockstep::is_sorted(array<float>(dev, {1, 0, nan}), greater{}));
    CHECK(!lockstep::is_sorted(array<float>(dev, {nan, 1})));
  });
}

struct record {
  int key, from;
  bool operator==(record const&) const = default;
};
struct by_key {
  bool operator()(record const& a, record const& b) const { return a.key < b.key; }
};

template <class T, class Order, class Reference>
void check_sets(device const& dev, std::vector<T> const& a, std::vector<T> const& b, Order order, Reference before) {
  array<T> const x(dev, a), y(dev, b);
  auto const expected = [&](auto operation) {
    std::vector<T> all;
    operation(std::back_inserter(all));
    return all;
  };
  auto const from = [&](auto algorithm) {
    return expected([&](auto out) { algorithm(a.begin(), a.end(), b.begin(), b.end(), out, before); });
  };
  CHECK(lockstep::merge(x, y, order).to_host() == from([](auto... p) { std::merge(p...); }));
  CHECK(lockstep::set_union(x, y, order).to_host() == from([](auto... p) { std::set_union(p...); }));
  CHECK(lockstep::set_intersection(x, y, order).to_host() == from([](auto... p) { std::set_intersection(p...); }));
  CHECK(lockstep::set_difference(x, y, order).to_host() == from([](auto... p) { std::set_difference(p...); }));
}

TEST_CASE("merging and sets follow std::, for values that occur many times") {
  for (std::size_t threads : {1, 2, 3, 4, 7}) {
    device const dev = device::cpu(threads);
    for (std::size_t n : {0, 1, 100, 20000, 60001})
      for (std::size_t m : {0, 1, 77, 40000})
        for (double reach : {2.0, 300.0, 1e6}) {
          INFO("threads ", threads, " n ", n, " m ", m, " reach ", reach);
          auto const a = ordered_values<int>(n, n + 1, reach), b = ordered_values<int>(m, m, reach);
          check_sets(dev, a, b, lockstep::less{}, std::less<int>());
          std::vector<record> left, right;
          for (int v : a) left.push_back({v, static_cast<int>(left.size())});
          for (int v : b) right.push_back({v, -1 - static_cast<int>(right.size())});
          check_sets(dev, left, right, by_key{}, by_key{});
        }
    auto down = ordered_values<int>(40000, 1, 1000);
    std::reverse(down.begin(), down.end());
    check_sets(dev, down, down, greater{}, std::greater<int>());
  }
}

TEST_CASE("expressions, and arrays on other devices") {
  for_each_device([](device const& dev) {
    array<int> const x(dev, std::vector<int>{1, 3, 5});
    CHECK(lockstep::merge(x, x + 1).to_host() == std::vector<int>{1, 2, 3, 4, 5, 6});
    CHECK(lockstep::set_union(x.slice(1, 3), 2 * x).to_host() == std::vector<int>{2, 3, 5, 6, 10});
    array<int> const elsewhere(device::cpu(dev.threads() + 1), std::vector<int>{1});
    CHECK_THROWS_AS(lockstep::merge(x, elsewhere), lockstep::device_error);
    CHECK_THROWS_AS(lockstep::lower_bound(x, elsewhere), lockstep::device_error);
    CHECK_THROWS_AS(lockstep::set_union(x, elsewhere), lockstep::device_error);
  });
}

}  // namespace search_tests
