// Runs on: cpu
// Covers: places: histogram bincount; types: integers float double
// Histograms and counts against loops over the definition of each bin, with values on the edges.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <lockstep/lockstep.hpp>

#include "support/devices.hpp"
#include "support/values.hpp"

namespace histogram_tests {

using lockstep::array, lockstep::bincount, lockstep::device, lockstep::histogram, lockstep::index, lockstep::shape;
using lockstep::test::contains, lockstep::test::difference, lockstep::test::for_each_device, lockstep::test::message_of,
    lockstep::test::random_values;

/// Bin k of [low, high] holds low + k width <= v < low + (k + 1) width, the last one also high; in long double.
template <class T>
std::vector<index> expected_counts(std::vector<T> const& values, index bins, T low, T high) {
  std::vector<index> counts(static_cast<std::size_t>(bins));
  for (T v : values) {
    if (!(v >= low && v <= high)) continue;
    long double const at = (static_cast<long double>(v) - static_cast<long double>(low)) * bins /
                           (static_cast<long double>(high) - static_cast<long double>(low));
    ++counts[static_cast<std::size_t>(std::min<long double>(bins - 1, std::floor(at)))];
  }
  return counts;
}

template <class T>
void check_even(device const& dev, std::vector<T> const& values, index bins, T low, T high) {
  INFO("n ", values.size(), ", bins ", bins);
  array<T> const x(dev, values);
  CHECK(difference(histogram(x, bins, low, high).to_host(), expected_counts(values, bins, low, high)) == "");
}

TEST_CASE("even bins") {
  for_each_device([](device const& dev) {
    for (std::size_t n : {0, 1, 63, 64, 65, 1023, 1024, 1025, 100003}) {
      check_even<float>(dev, random_values<float>(n, n), 256, -8, 8);  // multiples of 1/64: many lie on edges
      check_even<float>(dev, random_values<float>(n, n, -3, 3), 64, -2.5f, 2.5f);  // some lie outside
      check_even<double>(dev, random_values<double>(n, n), 10, -10, 10);
      check_even<int>(dev, random_values<int>(n, n, -50, 50), 11, -50, 49);
      check_even<std::uint8_t>(dev, random_values<std::uint8_t>(n, n, 0, 256), 256, 0, 255);
      check_even<std::uint8_t>(dev, random_values<std::uint8_t>(n, n, 0, 256), 7, 10, 200);
      check_even<std::int8_t>(dev, random_values<std::int8_t>(n, n, -128, 128), 16, -100, 100);
      check_even<std::int64_t>(dev, random_values<std::int64_t>(n, n, -1e9, 1e9), 20000, -1000000000, 1000000000);
    }
    check_even<float>(dev, random_values<float>(100000, 5), 100000, -10, 10);  // float arithmetic cannot tell such bins
  });
}

TEST_CASE("values that lie next to an edge") {
  for_each_device([](device const& dev) {
    std::vector<float> values;
    for (int k = 0; k <= 10; ++k) {
      float const edge = float(k) / 10;
      for (float v : {edge, std::nextafter(edge, -1.0f), std::nextafter(edge, 2.0f)}) values.push_back(v);
    }
    check_even<float>(dev, values, 10, 0, 1);
    std::vector<float> const odd{NAN, INFINITY, -INFINITY, 0, -0.0f, 1, std::nextafter(1.0f, 2.0f), -1e-30f, 1e-30f};
    check_even<float>(dev, odd, 4, 0, 1);
  });
}

TEST_CASE("edges of the user's own") {
  for_each_device([](device const& dev) {
    auto const values = random_values<float>(100003, 4);
    array<float> const x(dev, values);
    for (std::size_t bins : {1, 2, 3, 4, 5, 31, 32, 33, 63, 64, 65, 128, 129, 500}) {
      std::vector<float> edges;
      for (std::size_t k = 0; k <= bins; ++k) edges.push_back(-9 + 17 * float(k * k) / float(bins * bins));
      std::vector<index> counts(bins);
      for (float v : values)
        for (std::size_t k = 0; k < bins; ++k)
          counts[k] += edges[k] <= v && (v < edges[k + 1] || (k + 1 == bins && v == edges[k + 1]));
      CHECK(difference(histogram(x, edges).to_host(), counts) == "");
    }
    CHECK(histogram(array<int>(dev, std::vector<int>{1, 2, 3, 7, 8}), {1, 3, 7}).to_host() == std::vector<index>{2, 2});
  });
}

TEST_CASE("any expression, of any rank") {
  for_each_device([](device const& dev) {
    array<float, 2> m(dev, {300, 401});
    m = lockstep::cast<float>(lockstep::indices(lockstep::axis(1)));
    CHECK(histogram(m * 2.0f, 2, 0, 802).to_host() == std::vector<index>{300 * 201, 300 * 200});
    CHECK(histogram(m.transpose(), 401, 0, 401).to_host() == std::vector<index>(401, 300));
  });
}

TEST_CASE("bincount") {
  for_each_device([](device const& dev) {
    for (std::size_t n : {1, 1025, 100003}) {
      auto const values = random_values<int>(n, n, 0, 20000);
      std::vector<index> counts(static_cast<std::size_t>(*std::max_element(values.begin(), values.end())) + 1);
      for (int v : values) ++counts[static_cast<std::size_t>(v)];
      CHECK(difference(bincount(array<int>(dev, values)).to_host(), counts) == "");
    }
    for (std::size_t large : {3, 500, 4000, 9000, 100000}) {  // one value that no sample shows
      std::vector<int> values(100003, 3);
      values[54321] = static_cast<int>(large);
      std::vector<index> counts(large + 1);
      for (int v : values) ++counts[static_cast<std::size_t>(v)];
      CHECK(difference(bincount(array<int>(dev, values)).to_host(), counts) == "");
      array<int, 2> const square(dev, shape{1, 100003}, values);
      CHECK(difference(bincount(square).to_host(), counts) == "");
      CHECK(difference(bincount(lockstep::cast<std::uint64_t>(array<int>(dev, values))).to_host(), counts) == "");
      counts.resize(std::max<std::size_t>(counts.size(), 5000));
      CHECK(difference(bincount(array<int>(dev, values), 5000).to_host(), counts) == "");
      values[60001] = -7;
      CHECK(contains(message_of<lockstep::error>([&] { (void)bincount(array<int>(dev, values)); }), "the value -7"));
    }
    std::vector<std::int8_t> bytes(3000, 100);
    bytes[2990] = -128;
    CHECK(contains(message_of<lockstep::error>([&] { (void)bincount(array<std::int8_t>(dev, bytes)); }), "value -128"));
    CHECK(bincount(array<std::uint8_t>(dev, std::vector<std::uint8_t>{1, 3, 1}), 6).to_host() ==
          std::vector<index>{0, 2, 0, 1, 0, 0});
    CHECK(bincount(array<int>(dev, 0)).size() == 0);
    CHECK(bincount(array<int>(dev, 0), 2).to_host() == std::vector<index>{0, 0});
  });
}

TEST_CASE("bad bins are named") {
  device const dev = device::cpu(1);
  array<float> const x = lockstep::zeros<float>(dev, 3);
  using lockstep::error;
  CHECK(contains(message_of<error>([&] { (void)histogram(x, 0, 0, 1); }), "found 0 bins"));
  CHECK(contains(message_of<error>([&] { (void)histogram(x, 5, 1, 1); }), "expected a low end below"));
  CHECK(contains(message_of<error>([&] { (void)histogram(x, 5, 0, INFINITY); }), "finite"));
  CHECK(contains(message_of<error>([&] { (void)histogram(x, {1}); }), "found 1 edges, expected at least 2"));
  CHECK(contains(message_of<error>([&] { (void)histogram(x, {1, 2, 2}); }), "found edge 2 not above"));
  array<int> const negative(dev, std::vector<int>{1, -4});
  CHECK(contains(message_of<error>([&] { (void)bincount(negative); }), "found the value -4"));
}

}  // namespace histogram_tests
