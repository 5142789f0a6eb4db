// Runs on: cpu
// Covers: places: gather scatter; types: integers float double
// Gather and scatter against loops: every combination, computed and strided operands, and what happens to bad indices.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <lockstep/lockstep.hpp>

#include "support/devices.hpp"
#include "support/values.hpp"

namespace gather_tests {

using lockstep::array, lockstep::axis, lockstep::device, lockstep::gather, lockstep::index, lockstep::scatter,
    lockstep::shape;
using lockstep::test::contains, lockstep::test::difference, lockstep::test::for_each_device, lockstep::test::generator,
    lockstep::test::message_of, lockstep::test::random_values, lockstep::test::same_bits;

std::size_t const lengths[] = {0, 1, 2, 1023, 1024, 1025, 40007, 300001};

template <class I>
std::vector<I> random_indices(std::size_t n, index extent, std::uint64_t seed) {
  generator random(seed);
  std::vector<I> found(n);
  for (I& each : found) each = static_cast<I>(random.below(extent));
  return found;
}

TEST_CASE("gather of memory, of an expression, by computed indices") {
  // The larger one is read with elements fetched ahead.
  for_each_device([](device const& dev) {
    for (int const extent : {5003, 300007}) {
      INFO("extent ", extent);
      auto const values = random_values<float>(std::size_t(extent), 1);
      array<float> const x(dev, values);
      for (std::size_t n : lengths) {
        INFO("n ", n);
        auto const at = random_indices<int>(n, extent, n);
        array<int> const i(dev, at);
        std::vector<float> expected(n), squares(n), mirrored(n);
        for (std::size_t k = 0; k < n; ++k) {
          expected[k] = values[std::size_t(at[k])];
          squares[k] = expected[k] * expected[k] + 1;
          mirrored[k] = values[std::size_t(extent - 1 - at[k])];
        }
        CHECK(difference(gather(x, i).to_host(), expected) == "");
        CHECK(difference((gather(x * x, i) + 1.0f).to_host(), squares) == "");
        CHECK(difference(gather(x, extent - 1 - i).to_host(), mirrored) == "");
        CHECK(difference(gather(x, gather(i, lockstep::arange<index>(dev, n))).to_host(), expected) == "");
      }
    }
  });
}

TEST_CASE("gather in the shape of the indices, and along an axis") {
  for_each_device([](device const& dev) {
    array<int, 2> m(dev, {6, 7});
    m = lockstep::indices(axis(0)) * 10 + lockstep::indices(axis(1));
    array<index, 2> const grid(dev, {2, 3}, std::vector<index>{5, 0, 5, 1, 1, 2});
    CHECK(gather(lockstep::arange<int>(dev, 6, 100), grid).to_host() == std::vector<int>{105, 100, 105, 101, 101, 102});
    array<index> const picks(dev, std::vector<index>{4, 0, 4});
    array<int, 2> const rows = gather(m, picks, axis(0)), columns = gather(m.transpose(), picks, axis(1));
    CHECK(rows.shape() == shape{3, 7});
    CHECK(columns.shape() == shape{7, 3});
    auto const r = rows.to_host(), c = columns.to_host();
    int const from[] = {4, 0, 4};
    for (int i = 0; i < 3; ++i)
      for (int j = 0; j < 7; ++j) {
        CHECK(r[std::size_t(i * 7 + j)] == from[i] * 10 + j);
        CHECK(c[std::size_t(j * 3 + i)] == from[i] * 10 + j);
      }
    array<int, 2> const last = gather(m + 1, picks, axis(1)) * 2;
    CHECK(last.to_host()[3 * 3 + 1] == 62);
    array<int, 2> target = m;
    target = gather(target, array<index>(dev, std::vector<index>{1, 2, 3, 4, 5, 0}), axis(0));
    CHECK(target.to_host()[5 * 7 + 3] == 3);
    CHECK(target.to_host()[0] == 10);
  });
}

TEST_CASE("a bad index is an error that names it") {
  for_each_device([](device const& dev) {
    array<float> const x = lockstep::zeros<float>(dev, 10);
    array<index> i = lockstep::zeros<index>(dev, 100000);
    i.slice({77777}, {77778}) = index{10};
    CHECK(contains(message_of<lockstep::error>([&] { (void)gather(x, i).to_host(); }),
                   "found the index 10, expected one from 0 to 9"));
    i = index{-1};
    CHECK(contains(message_of<lockstep::error>([&] { (void)gather(x, i).to_host(); }), "found the index -1"));
    CHECK(contains(message_of<lockstep::error>([&] { (void)lockstep::sum(gather(x, i)).to_host(); }), "index -1"));
    CHECK_THROWS_AS((void)gather(lockstep::zeros<float>(dev, shape{2, 2}), i, axis(2)), lockstep::shape_error);
  });
}

template <class I>
void check_bad_indices(device const& dev) {
  for (index extent : {1, 100, 127, 128, 255, 256, 70000, 300000})
    for (std::size_t n : {1, 31, 32, 33, 1025, 40007}) {
      array<float> const x = lockstep::arange<float>(dev, std::size_t(extent));
      auto const largest = static_cast<std::uint64_t>(std::numeric_limits<I>::max());
      auto const most = static_cast<I>(std::min(static_cast<std::uint64_t>(extent - 1), largest));
      std::vector<I> at(n, most);
      CHECK(difference(gather(x, array<I>(dev, at)).to_host(), std::vector<float>(n, static_cast<float>(most))) == "");
      std::vector<I> bad;
      if (std::is_signed_v<I>) bad = {I(-1), std::numeric_limits<I>::min()};
      if (static_cast<std::uint64_t>(extent) <= largest) {
        bad.push_back(static_cast<I>(extent));
        bad.push_back(std::numeric_limits<I>::max());
      }
      for (I each : bad) {
        at[n / 2] = each;
        std::string const expected = "found the index " + std::to_string(static_cast<index>(each)) + ",";
        CHECK(contains(message_of<lockstep::error>([&] { (void)gather(x, array<I>(dev, at)).to_host(); }), expected));
        array<float> target = x;
        CHECK(contains(
            message_of<lockstep::error>([&] { scatter(target, array<I>(dev, at), lockstep::zeros<float>(dev, n)); }),
            expected));
        CHECK(same_bits(target.to_host(), x.to_host()));
      }
    }
}
TEST_CASE("bad indices of any type are found anywhere") {
  device const dev = device::cpu(2);
  check_bad_indices<std::int8_t>(dev);
  check_bad_indices<std::uint8_t>(dev);
  check_bad_indices<std::int16_t>(dev);
  check_bad_indices<std::uint32_t>(dev);
  check_bad_indices<std::int32_t>(dev);
  check_bad_indices<std::int64_t>(dev);
}

template <class T, class Op, class F>
void check_scatter(device const& dev, std::size_t n, index extent, Op op, F&& combine) {
  INFO("n ", n);
  auto const at = random_indices<int>(n, extent, n + 1);
  auto const values = random_values<T>(n, n + 2);
  auto expected = random_values<T>(std::size_t(extent), 3);
  array<T> target(dev, expected);
  for (std::size_t k = 0; k < n; ++k) expected[std::size_t(at[k])] = combine(expected[std::size_t(at[k])], values[k]);
  scatter(target, array<int>(dev, at), array<T>(dev, values), op);
  CHECK(same_bits(target.to_host(), expected));
}

TEST_CASE("scatter is a serial loop, bit for bit") {
  for_each_device([](device const& dev) {
    for (std::size_t n : {0, 1, 1025, 40007, 262144, 262145, 400003})
      for (index extent : {3, 1000, 500000}) {
        check_scatter<float>(dev, n, extent, lockstep::plus{}, [](float a, float b) { return a + b; });
        check_scatter<double>(dev, n, extent, lockstep::last{}, [](double, double b) { return b; });
      }
    check_scatter<int>(dev, 300000, 77, lockstep::minimum{}, [](int a, int b) { return std::min(a, b); });
    check_scatter<int>(dev, 300000, 77777, lockstep::maximum{}, [](int a, int b) { return std::max(a, b); });
  });
}

TEST_CASE("many threads scatter many values as a serial loop does") {
  device const dev = device::cpu(16);
  for (index extent : {5, 1000, 200003}) {
    check_scatter<float>(dev, 300001, extent, lockstep::last{}, [](float, float v) { return v; });
    check_scatter<float>(dev, 300001, extent, lockstep::plus{}, [](float a, float v) { return a + v; });
  }
}

TEST_CASE("scatter of expressions, onto what it reads, to distinct places") {
  for_each_device([](device const& dev) {
    std::size_t const n = 50000;
    array<int> const order = lockstep::cast<int>(lockstep::arange<index>(dev, n) * 7 % index(n));  // 7 and n: coprime
    array<int> x = lockstep::arange<int>(dev, n), y = lockstep::zeros<int>(dev, n);
    scatter(y, order, x * 3, lockstep::distinct{});
    scatter(x, order, x + 1);
    auto const places = order.to_host(), shifted = x.to_host(), tripled = y.to_host();
    for (std::size_t i = 0; i < n; ++i) {
      REQUIRE(shifted[std::size_t(places[i])] == int(i) + 1);
      REQUIRE(tripled[std::size_t(places[i])] == int(i) * 3);
    }
  });
}

TEST_CASE("scatter refuses bad input before it writes") {
  for_each_device([](device const& dev) {
    for (std::size_t n : {10, 300000}) {
      array<int> target = lockstep::zeros<int>(dev, 5);
      array<index> at = lockstep::zeros<index>(dev, n);
      at.slice({index(n) - 1}, {index(n)}) = index{5};
      array<int> const ones = lockstep::ones<int>(dev, n);
      CHECK(contains(message_of<lockstep::error>([&] { scatter(target, at, ones); }),
                     "found the index 5, expected indices from 0 to 4; nothing was written"));
      CHECK(contains(message_of<lockstep::shape_error>([&] { scatter(target, at, ones.slice({1}, {5})); }), "(4,)"));
      CHECK(target.to_host() == std::vector<int>(5, 0));
    }
  });
}

}  // namespace gather_tests
