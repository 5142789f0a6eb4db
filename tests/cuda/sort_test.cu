// Covers: sort: sort stable_sort sorted argsort argsort_by; types: integers float double structs
// Covers: sort: sort_by_key top_k bottom_k nth_element median quantile; types: integers float double structs
// Sorts, merges, searches and set operations on a GPU against the same on a CPU device, at the sizes around CUB's
// tiles.
#include <doctest/doctest.h>

#include <cmath>
#include <lockstep/lockstep.hpp>

#include "support/both_devices.hpp"

namespace sort_tests {

using lockstep::array, lockstep::axis, lockstep::device, lockstep::greater, lockstep::index, lockstep::shape;
using lockstep::test::contains, lockstep::test::difference, lockstep::test::message_of, lockstep::test::random_values;

std::size_t const lengths[] = {0, 1, 2, 33, 1000, 4097, 20011};

/// f(device, n) on both devices.
template <class F>
void check_same(F&& f) {
  lockstep::test::check_same_for(lengths, f);
}
template <class T>
array<T> numbers(device const& dev, std::size_t n, std::int64_t from = -100, std::int64_t below = 100) {
  return lockstep::test::whole_numbers<T>(dev, n, from, below);
}

struct by_tens {
  LOCKSTEP_INLINE bool operator()(int a, int b) const { return a / 10 < b / 10; }
};
struct sample {
  std::int64_t place;
  float value;
  double more[2];
  friend bool operator==(sample const& a, sample const& b) { return a.value == b.value && a.place == b.place; }
};

TEST_CASE("numbers, up and down") {
  check_same([](device const& dev, std::size_t n) { return sorted(numbers<float>(dev, n) * 0.5f).to_host(); });
  check_same([](device const& dev, std::size_t n) {
    array<double> x = numbers<double>(dev, n);
    sort(x, greater{});
    return x.to_host();
  });
  check_same([](device const& dev, std::size_t n) { return sorted(numbers<std::uint8_t>(dev, n, 0, 255)).to_host(); });
  check_same([](device const& dev, std::size_t n) {
    array<std::int64_t, 2> x(dev, shape{n, std::size_t{2}}, random_values<std::int64_t>(2 * n, 7));
    auto gaps = x.slice({0, 1}, {static_cast<index>(n), 2});
    sort(gaps, axis(0));
    return x.to_host();
  });
}

TEST_CASE("NaN last and zeros equal") {
  float const nan = std::nanf("");
  std::vector<float> const host{nan, 3, -0.0f, -INFINITY, 0.0f, -nan, INFINITY, -2};
  array<float> x(device::gpu(0), host);
  CHECK(argsort(x).to_host() == std::vector<index>{3, 7, 2, 4, 1, 6, 0, 5});
  CHECK(argsort(x, greater{}).to_host() == std::vector<index>{6, 1, 2, 4, 7, 3, 0, 5});
  sort(x);
  auto const up = x.to_host();
  CHECK(up[0] == -INFINITY);
  CHECK((std::isnan(up[6]) && std::isnan(up[7]) && up[5] == INFINITY));
  sort(x, greater{});
  auto const down = x.to_host();
  CHECK((std::isnan(down[6]) && std::isnan(down[7]) && down[0] == INFINITY && down[5] == -INFINITY));
}

TEST_CASE("other orders are stable") {
  check_same([](device const& dev, std::size_t n) {
    array<int> x = numbers<int>(dev, n);
    stable_sort(x, by_tens{});
    return x.to_host();
  });
  check_same([](device const& dev, std::size_t n) { return argsort(numbers<int>(dev, n), by_tens{}).to_host(); });
}

TEST_CASE("places and values beside keys") {
  check_same([](device const& dev, std::size_t n) { return argsort(numbers<float>(dev, n)).to_host(); });
  check_same([](device const& dev, std::size_t n) {
    return argsort_by(numbers<int>(dev, n, 0, 5), numbers<float>(dev, n) / 7.0f).to_host();
  });
  check_same([](device const& dev, std::size_t n) {
    array<std::int16_t> keys = numbers<std::int16_t>(dev, n);
    array<int> values = lockstep::arange<int>(dev, static_cast<index>(n));
    sort_by_key(keys, values, greater{});
    return (values * 1000 + keys).to_host();
  });
  check_same([](device const& dev, std::size_t n) {
    array<int> keys = numbers<int>(dev, n), values = lockstep::arange<int>(dev, static_cast<index>(n));
    sort_by_key(keys, values, by_tens{});
    return (values * 1000 + keys).to_host();
  });
  device const gpu = device::gpu(0);
  std::vector<sample> host(3000), expected;
  for (int i = 0; i < 3000; ++i) host[static_cast<std::size_t>(i)] = {i, static_cast<float>(i % 7), {}};
  for (int k = 0; k < 7; ++k)
    for (int i = k; i < 3000; i += 7) expected.push_back(host[static_cast<std::size_t>(i)]);
  array<sample> values(gpu, host);
  array<int> keys = lockstep::arange<int>(gpu, 3000) % 7;
  sort_by_key(keys, values);
  CHECK(values.to_host() == expected);
}

TEST_CASE("the first values, and one in the middle") {
  check_same([](device const& dev, std::size_t n) {
    auto const best = lockstep::top_k(numbers<float>(dev, n) / 3.0f, static_cast<index>(n / 2));
    auto all = best.values.to_host();
    for (index place : best.indices.to_host()) all.push_back(static_cast<float>(place));
    return all;
  });
  check_same([](device const& dev, std::size_t n) {
    array<float, 2> const x(dev, {3, n + 1}, random_values<float>(3 * (n + 1), 8, 0, 50));
    std::vector<float> all;
    for (std::size_t along : {0, 1}) {
      auto const best = lockstep::bottom_k(x, 1, axis(along));
      for (float v : best.values.to_host()) all.push_back(v);
      for (index place : best.indices.to_host()) all.push_back(static_cast<float>(place));
    }
    return all;
  });
  check_same([](device const& dev, std::size_t n) {
    array<float> const x = numbers<float>(dev, n + 1);
    return std::vector<float>{lockstep::nth_element(x, static_cast<index>(n / 3)).to_host()[0], lockstep::median(x),
                              lockstep::quantile(x, 0.3)};
  });
  float const nan = std::nanf("");
  CHECK(std::isnan(lockstep::median(array<float>(device::gpu(0), std::vector{1.0f, nan, 3.0f}))));
}

TEST_CASE("an order that only CPUs can run") {
  array<int> x = lockstep::arange<int>(device::gpu(0), 10), y = lockstep::arange<int>(device::cpu(), 10);
  auto const down = lockstep::host_only([](int a, int b) { return a > b; });
  CHECK(contains(message_of<lockstep::device_error>([&] { sort(x, down); }), "host_only"));
  sort(y, down);
  CHECK(y.to_host()[0] == 9);
}

}  // namespace sort_tests
