// Runs on: cpu
// Covers: scan: inclusive_scan_by_key exclusive_scan_by_key; types: integers float double
// Scans by key, by segment and from the last element to the first, against plain loops.
#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <lockstep/algorithm/scan_backward.hpp>
#include <lockstep/algorithm/scan_by_key.hpp>
#include <lockstep/lockstep.hpp>

#include "support/devices.hpp"
#include "support/values.hpp"

namespace scan_by_key_tests {

using lockstep::array, lockstep::backward, lockstep::device, lockstep::exclusive_scan, lockstep::exclusive_scan_by_key,
    lockstep::inclusive_scan, lockstep::inclusive_scan_by_key, lockstep::index, lockstep::segments, lockstep::shape;
using lockstep::test::contains, lockstep::test::difference, lockstep::test::for_each_device, lockstep::test::generator,
    lockstep::test::message_of, lockstep::test::random_values, lockstep::test::same_bits;

std::size_t const lengths[] = {1,    2,    3,    7,     8,     9,     33,    1023,  1024,
                               1025, 2049, 5000, 16383, 16384, 16385, 32769, 49153, 100003};

/// Composition of x -> factor * x + offset modulo 2^32, the left one first: associative, not commutative.
struct affine {
  std::uint32_t factor, offset;
  bool operator==(affine const&) const = default;
};
struct compose {
  affine operator()(affine f, affine g) const { return {f.factor * g.factor, f.offset * g.factor + g.offset}; }
};
std::vector<affine> random_maps(std::size_t n) {
  generator random(n);
  std::vector<affine> maps(n);
  for (auto& v : maps) v = {std::uint32_t(random.next() | 1), std::uint32_t(random.next())};
  return maps;
}

/// Where runs of keys begin, with a mean length; the length 0 is for one run of all.
std::vector<bool> random_heads(std::size_t n, std::int64_t mean) {
  generator random(n + std::size_t(mean));
  std::vector<bool> heads(n);
  for (std::size_t i = 0; i < n; ++i) heads[i] = i == 0 || (mean > 0 && random.below(mean) == 0);
  return heads;
}
template <class K>
std::vector<K> keys_of(std::vector<bool> const& heads) {
  std::vector<K> keys(heads.size());
  for (std::size_t i = 1; i < heads.size(); ++i) keys[i] = heads[i] ? K(keys[i - 1] == K(1) ? 0 : 1) : keys[i - 1];
  return keys;
}
std::vector<index> offsets_of(std::vector<bool> const& heads) {
  std::vector<index> offsets;
  for (std::size_t i = 0; i < heads.size(); ++i)
    for (std::size_t k = 0; heads[i] && k < 1 + i % 3; ++k) offsets.push_back(index(i));  // with empty segments
  if (!heads.empty()) offsets.erase(offsets.begin());
  offsets.insert(offsets.begin(), 0);
  offsets.push_back(index(heads.size()));
  return offsets;
}

template <class T, class V, class Op>
std::vector<T> inclusive_loop(std::vector<V> const& values, std::vector<bool> const& heads, Op op) {
  std::vector<T> out(values.size());
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = heads[i] ? static_cast<T>(values[i]) : static_cast<T>(op(out[i - 1], static_cast<T>(values[i])));
  return out;
}
template <class T, class V, class Op>
std::vector<T> exclusive_loop(std::vector<V> const& values, std::vector<bool> const& heads, T initial, Op op) {
  std::vector<T> out(values.size());
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = heads[i] ? initial : static_cast<T>(op(out[i - 1], static_cast<T>(values[i - 1])));
  return out;
}

template <class K, class T, class Op>
void check(device const& dev, std::vector<T> const& host, std::int64_t mean, T initial, Op op) {
  INFO("n ", host.size(), ", mean run ", mean);
  auto const heads = random_heads(host.size(), mean);
  auto const inclusive = inclusive_loop<T>(host, heads, op);
  auto const exclusive = exclusive_loop(host, heads, initial, op);
  array<T> const x(dev, host);
  array<K> const keys(dev, keys_of<K>(heads));
  array<index> const offsets(dev, offsets_of(heads));
  CHECK(inclusive_scan_by_key(keys, x, op).to_host() == inclusive);
  CHECK(exclusive_scan_by_key(keys, x, initial, op).to_host() == exclusive);
  CHECK(inclusive_scan(x, segments(offsets), op).to_host() == inclusive);
  CHECK(exclusive_scan(x, segments(offsets), initial, op).to_host() == exclusive);
}

TEST_CASE("sums by key and by segment") {
  for_each_device([](device const& dev) {
    for (std::size_t n : lengths)
      for (std::int64_t mean : {0, 1, 2, 5, 100, 3000}) {
        check<int>(dev, random_values<float>(n, n, -3, 4), mean, 0.5f, lockstep::plus{});
        check<std::uint8_t>(dev, random_values<std::int64_t>(n, n), mean, std::int64_t{5}, lockstep::plus{});
      }
    for (std::size_t n : {9, 1025, 40000}) {
      check<double>(dev, random_values<int>(n, n), 10, -7, lockstep::plus{});
      check<float>(dev, random_values<float>(n, n, -3, 4), 40, 0.5f, lockstep::plus{});
      check<std::int64_t>(dev, random_values<double>(n, n, -3, 4), 40, 0.5, lockstep::plus{});
      check<bool>(dev, random_values<double>(n, n), 10, 0.25, lockstep::plus{});
      check<std::int64_t>(dev, random_values<std::int8_t>(n, n), 10, std::int8_t{3}, lockstep::plus{});
      check<std::int16_t>(dev, std::vector<std::uint32_t>(n, 4'000'000'000u), 100, 1u, lockstep::plus{});
    }
  });
}

TEST_CASE("other operators by key keep the order") {
  for_each_device([](device const& dev) {
    for (std::size_t n : lengths)
      for (std::int64_t mean : {0, 1, 7, 3000}) check<int>(dev, random_maps(n), mean, affine{3, 5}, compose{});
    for (std::size_t n : {33, 16385, 100003}) {
      check<int>(dev, random_values<float>(n, n, -1000, 1000), 100, -1000.f, lockstep::maximum{});
      check<int>(dev, random_values<std::uint16_t>(n, n, 0, 60000), 20, std::uint16_t{9},
                 [](std::uint16_t a, std::uint16_t b) { return a ^ b; });
    }
  });
}

TEST_CASE("keys are compared as told, and bools are counted") {
  for_each_device([](device const& dev) {
    std::size_t const n = 40000;
    auto const keys = random_values<float>(n, 2, 0, 100);
    auto const host = random_values<bool>(n, 3);
    std::vector<bool> rises(n), nans(n, true);
    for (std::size_t i = 0; i < n; ++i) rises[i] = i == 0 || !(keys[i - 1] < keys[i]);
    array<float> const k(dev, keys);
    array<bool> const x(dev, host);
    auto const ascending = [](float a, float b) { return a < b; };
    auto const found = inclusive_scan_by_key(k, x, lockstep::plus{}, ascending);
    static_assert(std::is_same_v<lockstep::value_t<decltype(found)>, index>);
    CHECK(found.to_host() == inclusive_loop<index>(host, rises, lockstep::plus{}));
    auto const nan = lockstep::full(dev, n, std::numeric_limits<float>::quiet_NaN());
    CHECK(inclusive_scan_by_key(nan, x).to_host() == inclusive_loop<index>(host, nans, lockstep::plus{}));
    array<float> const stored = nan, y(dev, keys);
    CHECK(inclusive_scan_by_key(stored, y).to_host() == keys);
  });
}

TEST_CASE("keys and values of any form, and results anywhere") {
  for_each_device([](device const& dev) {
    std::size_t const n = 40001;
    auto const heads = random_heads(n, 50);
    auto const host = random_values<int>(n, 1);
    array<int> const keys(dev, keys_of<int>(heads)), x(dev, host);
    std::vector<int> squares(n), wide(2 * n);
    for (std::size_t i = 0; i < n; ++i) squares[i] = host[i] * host[i], wide[2 * i] = host[i];
    auto const expected = inclusive_loop<int>(squares, heads, lockstep::plus{});
    CHECK(inclusive_scan_by_key(2 * keys + 1, x * x).to_host() == expected);
    array<int, 2> const pairs(dev, shape{index(n), 2}, wide);
    auto const strided = pairs.slice({0, 0}, {index(n), 1}).reshape(shape(index(n)));
    CHECK(inclusive_scan_by_key(keys, strided * strided).to_host() == expected);
    array<int> into = lockstep::zeros<int>(dev, index(n) + 2);
    into.slice(1, index(n) + 1) = inclusive_scan_by_key(keys, x * x);
    CHECK(into.to_host()[n] == expected[n - 1]);
    CHECK(into.to_host()[n + 1] == 0);
    array<int> same(dev, host);  // over the values, and over the keys
    same = inclusive_scan_by_key(keys, same);
    CHECK(same.to_host() == inclusive_loop<int>(host, heads, lockstep::plus{}));
    same = keys + 0;
    same = inclusive_scan_by_key(same, x);
    CHECK(same.to_host() == inclusive_loop<int>(host, heads, lockstep::plus{}));
    CHECK(int(lockstep::max(inclusive_scan_by_key(keys, x * x))) ==
          *std::max_element(expected.begin(), expected.end()));
  });
}

TEST_CASE("outputs past the caches") {
  for_each_device([](device const& dev) {
    std::size_t const n = 6'400'003;
    for (std::int64_t mean : {0, 100, 30000}) {
      auto const heads = random_heads(n, mean);
      auto const host = random_values<float>(n, 1, -1, 1.5);
      std::vector<float> small(n);
      for (std::size_t i = 0; i < n; ++i) small[i] = host[i] > 1 ? 1.f : 0.f;  // sums are exact
      array<float> const x(dev, small);
      array<int> const keys(dev, keys_of<int>(heads));
      CHECK(difference(inclusive_scan_by_key(keys, x).to_host(), inclusive_loop<float>(small, heads, std::plus<>{})) ==
            "");
      CHECK(difference(exclusive_scan_by_key(keys, x, 2.f).to_host(),
                       exclusive_loop<float>(small, heads, 2.f, std::plus<>{})) == "");
    }
  });
}

TEST_CASE("the same bits on any number of threads") {
  std::size_t const n = 300'007;
  generator random(1);
  std::vector<float> host(n);
  for (float& v : host) v = static_cast<float>(random.between(-1, 2));
  for (std::int64_t mean : {0, 100, 40000}) {
    auto const run = keys_of<int>(random_heads(n, mean));
    std::vector<float> by_key, before, back;
    for (int threads : {1, 2, 3, 4, 7}) {
      device const dev = device::cpu(threads);
      array<float> const x(dev, host);
      array<int> const keys(dev, run);
      auto const a = inclusive_scan_by_key(keys, x).to_host(), b = exclusive_scan_by_key(keys, x, 1.f).to_host();
      auto const c = inclusive_scan(x, backward{}).to_host();
      if (threads == 1) by_key = a, before = b, back = c;
      CHECK(same_bits(a, by_key));
      CHECK(same_bits(b, before));
      CHECK(same_bits(c, back));
    }
  }
}

template <class T, class Op>
void check_backward(device const& dev, std::vector<T> const& host, T initial, Op op) {
  INFO("n ", host.size());
  std::size_t const n = host.size();
  std::vector<T> inclusive(host), exclusive(n, initial);
  for (std::size_t i = n - 1; i-- > 0;) {
    inclusive[i] = static_cast<T>(op(host[i], inclusive[i + 1]));
    exclusive[i] = static_cast<T>(op(host[i + 1], exclusive[i + 1]));
  }
  array<T> x(dev, host);
  CHECK(inclusive_scan(x, backward{}, op).to_host() == inclusive);
  CHECK(exclusive_scan(x, backward{}, initial, op).to_host() == exclusive);
  x = exclusive_scan(x, backward{}, initial, op);
  CHECK(x.to_host() == exclusive);
}

TEST_CASE("from the last element to the first") {
  for_each_device([](device const& dev) {
    for (std::size_t n : lengths) {
      check_backward(dev, random_values<float>(n, n, -3, 4), 0.5f, lockstep::plus{});
      check_backward(dev, random_maps(n), affine{3, 5}, compose{});
    }
    for (std::size_t n : {5, 40000}) {
      check_backward(dev, random_values<double>(n, n), 3.0, lockstep::minimum{});
      check_backward(dev, random_values<int>(n, n), 3, lockstep::plus{});
      check_backward(dev, random_values<std::uint8_t>(n, n, 0, 200), std::uint8_t{3}, lockstep::plus{});
    }
    array<int> const x(dev, std::vector<int>{1, 2, 3, 4});
    CHECK((10 * inclusive_scan(x * x, backward{}) + x).to_host() == std::vector<int>{301, 292, 253, 164});
  });
}

TEST_CASE("scans of nothing") {
  for_each_device([](device const& dev) {
    array<int> const none(dev, 0);
    CHECK(inclusive_scan_by_key(none, none).to_host().empty());
    CHECK(exclusive_scan_by_key(none, none, 3).to_host().empty());
    CHECK(inclusive_scan(none, backward{}).to_host().empty());
    CHECK(inclusive_scan(none, segments(lockstep::zeros<int>(dev, 1))).to_host().empty());
    CHECK(inclusive_scan(none, segments(lockstep::zeros<int>(dev, 4))).to_host().empty());
  });
}

std::string refused(device const& dev, std::vector<int> const& offsets) {
  array<int> const x(dev, std::vector<int>{1, 2, 3, 4}), bounds(dev, offsets);
  array<int> into = lockstep::full(dev, 4, 7);
  auto const text = message_of<lockstep::error>([&] { into = inclusive_scan(x, segments(bounds)); });
  CHECK(into.to_host() == std::vector<int>(4, 7));
  return text;
}

TEST_CASE("what is refused") {
  for_each_device([](device const& dev) {
    array<int> const x(dev, std::vector<int>{1, 2, 3, 4}), three(dev, 3), none(dev, 0);
    CHECK(message_of<lockstep::shape_error>([&] { static_cast<void>(inclusive_scan_by_key(three, x)); }) ==
          "inclusive_scan_by_key: found keys of the shape (3,) and values of the shape (4,), expected equal ones");
    CHECK(contains(message_of<lockstep::shape_error>([&] { static_cast<void>(inclusive_scan(x, segments(none))); }),
                   "found no offsets"));
    CHECK(contains(refused(dev, {0, 3, 2, 4}), "inclusive_scan: found offset 1 = 3 and the next one = 2"));
    CHECK(contains(refused(dev, {0, 5}), "expected both from 0 to 4"));
    CHECK(refused(dev, {1, 4}) ==
          "inclusive_scan: found segments from 1 to 4, expected them to cover all elements, from 0 to 4; scan a slice, "
          "or add a segment for the elements left out");
    CHECK(contains(refused(dev, {0, 3}), "found segments from 0 to 3"));
  });
}

TEST_CASE("exceptions of operators come through") {
  for_each_device([](device const& dev) {
    auto const x = lockstep::arange<int>(dev, 100'000).to_host();
    array<int> const values(dev, x);
    auto const fail = [](int a, int b) { return a == 70'001 || b == 70'001 ? throw std::runtime_error("no") : a + b; };
    auto const differ = [](int, int b) { return b == 70'000 ? throw std::runtime_error("no") : b % 100 != 0; };
    CHECK_THROWS_AS(inclusive_scan_by_key(values / 1000, values, fail).to_host(), std::runtime_error);
    CHECK_THROWS_AS(inclusive_scan_by_key(values / 200'000, values, fail).to_host(), std::runtime_error);
    CHECK_THROWS_AS(inclusive_scan_by_key(values, values, lockstep::plus{}, differ).to_host(), std::runtime_error);
    CHECK_THROWS_AS(inclusive_scan(values, backward{}, fail).to_host(), std::runtime_error);
  });
}

}  // namespace scan_by_key_tests
