// Runs on: cpu
// Covers: select: unique unique_with_counts run_length_decode; types: integers float double
// unique and run-length coding against std:: and plain loops, at the sizes around words, pieces and blocks.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <lockstep/algorithm/unique.hpp>
#include <lockstep/lockstep.hpp>
#include <stdexcept>

#include "support/devices.hpp"
#include "support/values.hpp"

namespace unique_tests {

using lockstep::array, lockstep::device, lockstep::index, lockstep::shape, lockstep::shape_error;
using lockstep::test::contains, lockstep::test::difference, lockstep::test::for_each_device, lockstep::test::generator,
    lockstep::test::message_of, lockstep::test::random_values;

std::size_t const lengths[] = {0,    1,    2,    7,     8,     9,     63,    64,    65,    127,    1000,  2047,
                               2048, 2049, 4100, 16383, 16384, 16385, 32767, 32768, 32769, 100003, 147457};

template <class T, class Equal = std::equal_to<>>
void check_runs(array<T> const& x, Equal equal = {}) {
  auto const host = x.to_host();
  std::vector<T> expected;
  std::vector<index> counts;
  for (std::size_t i = 0; i < host.size(); ++i) {
    if (i == 0 || !equal(T(host[i - 1]), T(host[i]))) expected.push_back(host[i]), counts.push_back(0);
    ++counts.back();
  }
  CHECK(difference(unique(x, equal).to_host(), expected) == "");
  auto const runs = unique_with_counts(x, equal);
  CHECK(difference(runs.values.to_host(), expected) == "");
  CHECK(difference(runs.counts.to_host(), counts) == "");
  if constexpr (std::is_same_v<Equal, std::equal_to<>>)
    CHECK(difference(run_length_decode(runs.values, runs.counts).to_host(), host) == "");
}

TEST_CASE("runs of equal elements") {
  for_each_device([](device const& dev) {
    for (std::size_t n : lengths)
      for (int length : {1, 4, 1000, 50000}) {
        INFO("n ", n, " length ", length);
        generator random(n);
        std::vector<int> host(n);
        int run = 0;
        for (int& v : host) v = run += random.below(length) == 0;
        check_runs(array<int>(dev, host));
      }
    for (std::size_t n : {1, 65, 40000, 140003}) {
      check_runs(array<std::int8_t>(dev, random_values<std::int8_t>(n, 1, 0, 3)));
      check_runs(array<bool>(dev, random_values<bool>(n, 1)));
      check_runs(array<double>(dev, random_values<double>(n, 1, 0, 0.1)));
      check_runs(array<index>(dev, random_values<index>(n, 1, -5, 5)), [](index a, index b) { return a / 2 == b / 2; });
    }
    float const nan = std::numeric_limits<float>::quiet_NaN();
    array<float> const nans(dev, std::vector{1.0f, nan, nan, 0.0f, -0.0f, 2.0f});
    CHECK(difference(unique(nans).to_host(), std::vector{1.0f, nan, nan, 0.0f, 2.0f}) == "");
  });
}

TEST_CASE("runs in expressions") {
  for_each_device([](device const& dev) {
    std::size_t const rows = 301, columns = 257;
    auto const host = random_values<int>(rows * columns, 7, 0, 4);
    array<int, 2> const x(dev, shape(rows, columns), host);
    std::vector<int> halves, turned;
    for (int v : host) halves.push_back(v / 2);
    for (std::size_t j = 0; j < columns; ++j)
      for (std::size_t i = 0; i < rows; ++i) turned.push_back(host[i * columns + j]);
    halves.erase(std::unique(halves.begin(), halves.end()), halves.end());
    turned.erase(std::unique(turned.begin(), turned.end()), turned.end());
    CHECK(unique(x / 2).to_host() == halves);
    CHECK(unique(x.transpose()).to_host() == turned);
    CHECK(run_length_decode(x.slice({0, 0}, {1, 3}).reshape(shape(3)) + 1,
                            cast<int>(x.reshape(shape(rows * columns))).slice(0, 3))
              .size() == std::size_t(host[0] + host[1] + host[2]));
  });
}

struct pixel {
  std::uint8_t r, g, b;
  bool operator==(pixel const&) const = default;
};

TEST_CASE("runs of user structs") {
  for_each_device([](device const& dev) {
    for (std::size_t n : {1, 70, 2049, 40001}) {
      std::vector<pixel> host(n), expected;
      for (int i = 0; i < int(n); ++i) host[i] = {std::uint8_t(i / 3), 0, std::uint8_t(i / 5)};
      std::unique_copy(host.begin(), host.end(), std::back_inserter(expected));
      auto const runs = unique_with_counts(array<pixel>(dev, host));
      CHECK(runs.values.to_host() == expected);
      CHECK(run_length_decode(runs.values, runs.counts).to_host() == host);
    }
  });
}

TEST_CASE("runs on any number of threads, and long ones") {
  for (std::size_t threads : {1, 2, 3, 4, 7}) {
    device const dev = device::cpu(threads);
    std::vector<int> const values{4, 5, 4, 6}, lengths{100000, 1, 0, 123456};
    auto const all = run_length_decode(array<int>(dev, values), array<int>(dev, lengths));
    CHECK(all.size() == 223457);
    auto const runs = unique_with_counts(all);
    CHECK(runs.values.to_host() == std::vector{4, 5, 6});
    CHECK(runs.counts.to_host() == std::vector<index>{100000, 1, 123456});
    CHECK(unique(all + 0).to_host() == std::vector{4, 5, 6});
    CHECK(run_length_decode(array<int>(dev, shape(0)), array<int>(dev, shape(0))).shape() == shape(0));
  }
}

TEST_CASE("errors, also thrown by what compares") {
  for_each_device([](device const& dev) {
    array<int> const values(dev, std::vector{1, 2});
    CHECK(message_of<shape_error>([&] { run_length_decode(values, array<int>(dev, std::vector{1})); }) ==
          "run_length_decode: found 1 counts for 2 values, expected one count per value");
    CHECK(message_of<lockstep::error>([&] {
            run_length_decode(values, array<int>(dev, std::vector{3, -1}));
          }) == "run_length_decode: found a negative count, expected counts of at least 0");
    array<int> const x = cast<int>(indices(shape(200000))) + lockstep::zeros<int>(dev, shape(200000));
    for (int bad : {0, 777, 100000, 199998}) {
      auto const equal = [bad](int a, int b) { return b == bad + 1 ? throw std::runtime_error("bad pair") : a == b; };
      CHECK(message_of<std::runtime_error>([&] { unique(x, equal); }) == "bad pair");
    }
  });
}

}  // namespace unique_tests
