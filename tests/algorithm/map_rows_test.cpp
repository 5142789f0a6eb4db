// Runs on: cpu
// Covers: row: map_rows; types: integers float double
// map_rows with functions and types of the user's, against plain loops, in every way to walk rows.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <lockstep/algorithm/row.hpp>
#include <lockstep/lockstep.hpp>
#include <string>

#include "algorithm/row_space.hpp"
#include "support/devices.hpp"
#include "support/values.hpp"

namespace map_rows_tests {

using lockstep::array, lockstep::axis, lockstep::device, lockstep::fold, lockstep::fold_in_place, lockstep::index,
    lockstep::map_rows;
using lockstep::test::by_rows, lockstep::test::row_space;
using lockstep::test::difference, lockstep::test::for_each_device, lockstep::test::random_values;

/// Smallest and largest of a row.
struct span {
  int low, high;
};
struct wider {
  span operator()(span a, span b) const { return {std::min(a.low, b.low), std::max(a.high, b.high)}; }
};

TEST_CASE("map_rows with functions of the user's") {
  for_each_device([](device const& dev) {
    for (row_space const s : {row_space{70, 30, 1}, {7, 5000, 1}, {1, 70000, 1}, {2, 100, 7}, {1, 20000, 3}}) {
      auto const host = random_values<int>(s.size(), 1, -100, 100);
      array<int, 3> const x(dev, {s.outer, s.length, s.inner}, host);
      auto const ranges = map_rows(
          x, axis(1), [](int v, span r) { return v == r.low    ? -1
                                                 : v == r.high ? 1
                                                               : 0; }, fold(wider{}, [](int v) {
            return span{v, v};
          }));
      auto const expected = by_rows(std::vector<double>(host.begin(), host.end()), s, [](std::vector<double>& row) {
        auto const [low, high] =
            std::pair(*std::min_element(row.begin(), row.end()), *std::max_element(row.begin(), row.end()));
        for (double& v : row) v = v == low ? -1 : v == high ? 1 : 0;
      });
      CHECK(difference(ranges.to_host(), expected) == "");
      // Two steps, the second on what the first put in place; the third sees both results.
      auto const chained = map_rows(
          x, axis(1), [](int v, int peak, std::int64_t sum) { return double(v) + 2.0 * peak + double(sum); },
          fold_in_place(lockstep::maximum{}, [](int v) { return v * v % 97; }),
          fold(
              lockstep::plus{}, [](int v, int peak) { return std::int64_t(v) * peak; },
              [](std::int64_t total, index n) { return total - n; }));
      auto const chained_expected =
          by_rows(std::vector<double>(host.begin(), host.end()), s, [](std::vector<double>& row) {
            double peak = -1, sum = 0;
            for (double& v : row) v = double(int(v * v) % 97), peak = std::max(peak, v);
            for (double v : row) sum += v * peak;
            for (double& v : row) v = v + 2 * peak + (sum - double(row.size()));
          });
      CHECK(difference(chained.to_host(), chained_expected) == "");
    }
    array<bool> const flags(dev, std::vector<bool>{true, false, true});
    CHECK(map_rows(
              flags, axis(0), [](bool f, bool any) { return int(f) + 2 * int(any); }, fold(lockstep::logical_or{}))
              .to_host() == std::vector<int>{3, 2, 3});
  });
}

/// x -> factor x + offset modulo 2^32, composed left to right: associative, not commutative.
struct affine {
  std::uint32_t factor, offset;
  bool operator==(affine const&) const = default;
};
struct compose {
  affine operator()(affine f, affine g) const { return {f.factor * g.factor, f.offset * g.factor + g.offset}; }
};

TEST_CASE("operators that do not commute keep the order") {
  for_each_device([](device const& dev) {
    for (row_space const s : {row_space{67, 30, 1}, {3, 9000, 1}, {1, 70000, 1}, {2, 200, 5}, {1, 20000, 3}}) {
      lockstep::test::generator random(s.length);
      std::vector<affine> host(s.size());
      for (auto& v : host) v = {std::uint32_t(random.next() | 1), std::uint32_t(random.next())};
      array<affine, 3> const x(dev, {s.outer, s.length, s.inner}, host);
      auto const found = map_rows(
          x, axis(1), [](affine v, affine all) { return v.offset ^ all.offset; }, fold(compose{}));
      std::vector<std::uint32_t> expected(s.size());
      for (std::size_t o = 0; o < s.outer; ++o)
        for (std::size_t i = 0; i < s.inner; ++i) {
          auto const at = [&](std::size_t l) { return (o * s.length + l) * s.inner + i; };
          affine all = host[at(0)];
          for (std::size_t l = 1; l < s.length; ++l) all = compose{}(all, host[at(l)]);
          for (std::size_t l = 0; l < s.length; ++l) expected[at(l)] = host[at(l)].offset ^ all.offset;
        }
      CHECK(difference(found.to_host(), expected) == "");
    }
  });
}

/// Where a user's function throws.
enum class place { operand, value, op, finish, f };

TEST_CASE("an exception of the user's arrives from anywhere, and nothing hangs") {
  for_each_device([](device const& dev) {
    for (row_space const s : {row_space{5000, 20, 1}, {20, 5000, 1}, {1, 100000, 1}, {20, 50, 64}, {1, 20000, 8}}) {
      array<float, 3> x(dev, {s.outer, s.length, s.inner}, std::vector<float>(s.size(), 1.0f));
      auto const throws_at = [&](place chosen) {
        auto const step = [=](place here, float v) { return chosen == here ? throw std::string("mine") : v; };
        return map_rows(
            lockstep::map([=](float v) { return step(place::operand, v); }, x), axis(1),
            [=](float v, float) { return step(place::f, v); },
            fold_in_place([=](float a, float b) { return step(place::op, a + b); },
                          [=](float v) { return step(place::value, v); },
                          [=](float sum, index) { return step(place::finish, sum); }));
      };
      for (place const p : {place::operand, place::value, place::op, place::finish, place::f})
        CHECK_THROWS_AS(throws_at(p).to_host(), std::string);
      x = throws_at(static_cast<place>(-1));
      CHECK(difference(x.to_host(), std::vector<float>(s.size(), 1.0f)) == "");
    }
  });
}

}  // namespace map_rows_tests
