// Runs on: cpu
// Covers: sort: stable_sort sort_by_key argsort argsort_by; types: bool integers float double
// argsort and sort_by_key against std::stable_sort of places.
#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <lockstep/algorithm/sort.hpp>
#include <lockstep/lockstep.hpp>
#include <numeric>
#include <tuple>

#include "algorithm/sort_values.hpp"
#include "support/devices.hpp"
#include "support/values.hpp"

namespace argsort_tests {

using lockstep::argsort, lockstep::array, lockstep::device, lockstep::greater, lockstep::index;
using lockstep::test::difference, lockstep::test::for_each_device, lockstep::test::generator,
    lockstep::test::random_values, lockstep::test::same_bits;
using lockstep::test::values_of_kind;

std::size_t const thread_counts[] = {1, 2, 3, 4, 7};

/// Floats with zeros of both signs, infinities, and NaNs of both signs and several payloads.
std::vector<float> special_floats(std::size_t n) {
  float const inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  float const special[] = {0.0f, -0.0f, inf, -inf, nan, -nan, 1.5f, -1.5f};
  generator random(n);
  std::vector<float> host(n);
  for (std::size_t i = 0; i < n; ++i)
    host[i] = random.below(3) ? static_cast<float>(random.between(-9, 9)) : special[random.below(8)];
  return host;
}
bool nan_last_less(float a, float b) { return a < b || (b != b && a == a); }

template <class T, class Less>
std::vector<index> stable_places(std::vector<T> const& host, Less const& before) {
  std::vector<index> places(host.size());
  std::iota(places.begin(), places.end(), 0);
  std::stable_sort(places.begin(), places.end(),
                   [&](index a, index b) { return before(T(host[std::size_t(a)]), T(host[std::size_t(b)])); });
  return places;
}
struct record {
  int key, place;
};
TEST_CASE("places of structs in an order of one's own") {
  for (std::size_t threads : thread_counts)
    for (std::size_t n : {0, 1, 2, 17, 1000, 32768, 100003}) {
      generator random(n);
      std::vector<record> host(n);
      std::vector<int> keys(n);
      for (std::size_t i = 0; i < n; ++i) host[i] = {keys[i] = static_cast<int>(random.below(99)), static_cast<int>(i)};
      array<record> const x(device::cpu(threads), host);
      auto const found = argsort(x, [](record const& a, record const& b) { return a.key < b.key; }).to_host();
      CHECK(difference(found, stable_places(keys, [](int a, int b) { return a < b; })) == "");
    }
}

struct large {
  double key, others[5];
};
TEST_CASE("places of large structs") {
  for_each_device([](device const& dev) {
    auto const keys = random_values<double>(40000, 1, -9, 9);
    std::vector<large> host(keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i) host[i] = {keys[i], {}};
    std::vector<index> expected(keys.size());
    std::iota(expected.begin(), expected.end(), 0);
    std::stable_sort(expected.begin(), expected.end(),
                     [&](index a, index b) { return keys[size_t(a)] < keys[size_t(b)]; });
    auto const found = argsort(array<large>(dev, host), [](large const& a, large const& b) { return a.key < b.key; });
    CHECK(difference(found.to_host(), expected) == "");
  });
}

template <class T>
void check_places(device const& dev, std::vector<T> const& host) {
  INFO("n ", host.size(), " of ", sizeof(T), " bytes");
  array<T> const x(dev, host);
  auto const up = argsort(x).to_host(), down = argsort(x, greater{}).to_host();
  REQUIRE(difference(up, stable_places(host, [](T a, T b) { return a < b || (b != b && a == a); })) == "");
  REQUIRE(difference(down, stable_places(host, [](T a, T b) { return a > b || (b != b && a == a); })) == "");
}

TEST_CASE("argsort is stable, for every type") {
  for_each_device([](device const& dev) {
    for (std::size_t n : {0, 1, 2, 3, 64, 65, 1000, 33000, 100003}) {
      for (int kind = 0; kind < 4; ++kind) {
        check_places(dev, values_of_kind<std::int64_t>(n, kind));
        check_places(dev, values_of_kind<double>(n, kind));
      }
      check_places(dev, values_of_kind<float>(n, 1));
      check_places(dev, values_of_kind<bool>(n, 1));
      check_places(dev, values_of_kind<std::uint64_t>(n, 0));
      check_places(dev, values_of_kind<std::int16_t>(n, 0));
      check_places(dev, special_floats(n));
    }
  });
}

TEST_CASE("argsort of doubles that differ in their last bits only") {
  for (std::size_t threads : thread_counts) {
    generator random(3);
    std::vector<double> host(70001);
    for (double& v : host) v = 1.0 + 0x1p-52 * static_cast<double>(random.below(5000));
    host[17] = -1e300;
    host[18] = 1e300;
    host[19] = -std::numeric_limits<double>::quiet_NaN();
    for (std::size_t i = 1000; i < 3000; ++i) host[i] = -1.5e10 * static_cast<double>(i % 7);
    check_places(device::cpu(threads), host);
  }
}

TEST_CASE("values go with their keys") {
  for (std::size_t threads : thread_counts)
    for (std::size_t n : {0, 1, 100, 40000, 200001}) {
      device const dev = device::cpu(threads);
      auto const keys = special_floats(n);
      std::vector<double> values(n);
      std::iota(values.begin(), values.end(), 0.0);
      auto const order = stable_places(keys, nan_last_less);
      auto expected_keys = keys;
      std::stable_sort(expected_keys.begin(), expected_keys.end(), nan_last_less);
      array<float> k(dev, keys);
      array<double> v(dev, values);
      lockstep::sort_by_key(k, v);
      CHECK((n == 0 || same_bits(k.to_host(), expected_keys)));
      CHECK(difference(v.to_host(), order) == "");
    }
  for_each_device([](device const& dev) {
    array<int> keys(dev, std::vector<int>{3, 1, 2}), values(dev, std::vector<int>{30, 10, 20, 99});
    lockstep::sort_by_key(keys, values.slice(0, 3), greater{});
    CHECK(keys.to_host() == std::vector<int>{3, 2, 1});
    CHECK(values.to_host() == std::vector<int>{30, 20, 10, 99});
  });
}

template <class T, class V, class Order>
void check_pairs(device const& dev, std::vector<T> keys, Order order) {
  std::size_t const n = keys.size();
  INFO("n ", n);
  auto const input = random_values<V>(n, n + 1);
  std::vector<std::size_t> places(n);
  std::iota(places.begin(), places.end(), std::size_t{0});
  std::stable_sort(places.begin(), places.end(), [&](std::size_t a, std::size_t b) { return order(keys[a], keys[b]); });
  std::vector<T> expected_keys(n);
  std::vector<V> expected(n);
  for (std::size_t i = 0; i < n; ++i) expected_keys[i] = keys[places[i]], expected[i] = input[places[i]];
  array<T> k(dev, keys);
  array<V> v(dev, input);
  lockstep::sort_by_key(k, v, order);
  CHECK((n == 0 || same_bits(k.to_host(), expected_keys)));
  CHECK((n == 0 || same_bits(v.to_host(), expected)));
}
template <class T, class V>
void check_all_pairs() {
  for (std::size_t threads : thread_counts)
    for (std::size_t n : {0, 1, 2, 47, 48, 1023, 1024, 8191, 8192, 100003}) {
      device const dev = device::cpu(threads);
      check_pairs<T, V>(dev, random_values<T>(n, n), lockstep::less{});
      check_pairs<T, V>(dev, random_values<T>(n, n), greater{});
      check_pairs<T, V>(dev, random_values<T>(n, n, T(0), T(5)), lockstep::less{});
      auto uneven = random_values<T>(n, n, T(0), T(100));  // nearly all in one bucket
      if (n > 2) uneven[n / 2] = std::numeric_limits<T>::max(), uneven[n / 3] = std::numeric_limits<T>::lowest();
      check_pairs<T, V>(dev, uneven, lockstep::less{});
    }
}
TEST_CASE("keys and values of every size, however they are spread") {
  check_all_pairs<int, std::uint32_t>();
  check_all_pairs<std::uint32_t, std::uint8_t>();
  check_all_pairs<std::int8_t, std::int16_t>();
  check_all_pairs<float, float>();
  check_all_pairs<std::uint16_t, std::int64_t>();
  check_all_pairs<std::int64_t, int>();
}

TEST_CASE("more keys and values than are sorted as vectors") {
  std::size_t const n = 600011;
  for (std::size_t threads : {1, 3}) {
    check_pairs<std::int16_t, int>(device::cpu(threads), random_values<std::int16_t>(n, 1), greater{});
    check_pairs<float, int>(device::cpu(threads), random_values<float>(n, 2), lockstep::less{});
  }
}

TEST_CASE("several keys order lexicographically") {
  for_each_device([](device const& dev) {
    for (std::size_t n : {0, 1, 1000, 70000}) {
      auto const a = random_values<int>(n, 1, -3, 3);
      auto const b = random_values<double>(n, 2, -1, 1);
      auto const c = random_values<std::int8_t>(n, 3);
      std::vector<index> expected(n);
      std::iota(expected.begin(), expected.end(), 0);
      std::stable_sort(expected.begin(), expected.end(), [&](index i, index j) {
        auto const x = std::size_t(i), y = std::size_t(j);
        return std::tie(a[x], b[x], c[x]) < std::tie(a[y], b[y], c[y]);
      });
      array<int> const first(dev, a);
      CHECK(difference(lockstep::argsort_by(first, array<double>(dev, b), array<std::int8_t>(dev, c)).to_host(),
                       expected) == "");
    }
  });
}

}  // namespace argsort_tests
