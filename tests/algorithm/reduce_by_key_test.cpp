// Runs on: cpu, cuda
// Covers: reduce: reduce_by_key reduce_by_key_bounded; types: integers float structs
// reduce_by_key against plain loops: runs of every length, operators, number of runs left on the device, what is
// refused.
#include <doctest/doctest.h>

#include <algorithm>
#include <lockstep/lockstep.hpp>

#include "support/devices.hpp"
#include "support/values.hpp"

namespace reduce_by_key_tests {

using lockstep::array, lockstep::device, lockstep::index, lockstep::reduce_by_key;
using lockstep::test::contains, lockstep::test::difference, lockstep::test::for_each_device, lockstep::test::message_of,
    lockstep::test::random_values;

/// Runs of keys and the combinations of their values, by a loop.
template <class K, class T>
struct expected_runs {
  std::vector<K> keys;
  std::vector<T> values;
};
template <class T, class K, class V, class Op, class Equal>
expected_runs<K, T> combine_runs(std::vector<K> const& keys, std::vector<V> const& values, Op op, Equal equal) {
  expected_runs<K, T> runs;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (i > 0 && equal(keys[i - 1], keys[i])) {
      runs.values.back() = static_cast<T>(op(runs.values.back(), static_cast<T>(values[i])));
    } else {
      runs.keys.push_back(keys[i]);
      runs.values.push_back(static_cast<T>(values[i]));
    }
  }
  return runs;
}

struct same_ten {
  LOCKSTEP_INLINE bool operator()(int a, int b) const { return a / 10 == b / 10; }
};
/// Associative, and its operands may not change places.
struct keep_last {
  LOCKSTEP_INLINE int operator()(int, int b) const { return b; }
};

template <class Result, class K, class T>
void check_runs(Result const& found, expected_runs<K, T> const& expected) {
  CHECK(difference(found.keys.to_host(), expected.keys) == "");
  CHECK(difference(found.values.to_host(), expected.values) == "");
}

TEST_CASE("runs of one, of a few, of many elements") {
  for_each_device([](device const& dev) {
    for (std::size_t n : {0, 1, 2, 33, 1000, 4096, 4097, 70001})
      for (std::int64_t below : {1, 2, 50}) {
        INFO("n ", n, " keys below ", below);
        auto const host_keys = random_values<int>(n, 1, 0, below), host = random_values<int>(n, 2, -50, 50);
        array<int> const keys(dev, host_keys), values(dev, host);
        auto const plus = [](auto a, auto b) { return a + b; };
        auto const equal = [](int a, int b) { return a == b; };
        check_runs(reduce_by_key(keys, values), combine_runs<std::int64_t>(host_keys, host, plus, equal));
        check_runs(reduce_by_key(keys, values, lockstep::maximum{}),
                   combine_runs<int>(
                       host_keys, host, [](int a, int b) { return std::max(a, b); }, equal));
        check_runs(reduce_by_key(keys, values, keep_last{}), combine_runs<int>(host_keys, host, keep_last{}, equal));
      }
  });
}

TEST_CASE("expressions as keys and values, another equality, floats") {
  for_each_device([](device const& dev) {
    auto const host_keys = random_values<int>(5000, 3, 0, 40);
    auto const host = random_values<float>(5000, 4, -9, 9);  // whole numbers: sums are exact in any order
    array<int> const keys(dev, host_keys);
    array<float> const values(dev, host);
    std::vector<int> tens(host_keys);
    for (int& k : tens) k += 1;
    std::vector<float> doubled(host);
    for (float& v : doubled) v *= 2;
    auto const plus = [](float a, float b) { return a + b; };
    check_runs(reduce_by_key(keys + 1, values * 2.0f, lockstep::plus{}, same_ten{}),
               combine_runs<float>(tens, doubled, plus, same_ten{}));
  });
}

/// A linear function: composing them is associative, and their order matters.
template <class T>
struct line {
  T factor, offset, composed;
  LOCKSTEP_INLINE friend bool operator==(line const& a, line const& b) {
    return a.factor == b.factor && a.offset == b.offset && a.composed == b.composed;
  }
};
struct compose {
  template <class T>
  LOCKSTEP_INLINE line<T> operator()(line<T> const& a, line<T> const& b) const {
    return {static_cast<T>(a.factor * b.factor), static_cast<T>(a.offset * b.factor + b.offset),
            static_cast<T>(a.composed + b.composed)};
  }
};
template <class K, class T>
void check_lines(device const& dev, std::size_t n) {
  auto const numbers = random_values<int>(n, 5, 0, 5);
  std::vector<K> host_keys;
  std::vector<line<T>> host;
  for (std::size_t i = 0; i < n; ++i) {
    if constexpr (std::is_arithmetic_v<K>)
      host_keys.push_back(static_cast<K>(numbers[i] / 3));
    else
      host_keys.push_back({1, static_cast<decltype(K::offset)>(numbers[i] / 3), 2});
    host.push_back({static_cast<T>(2 * numbers[i] + 1), static_cast<T>(i), 1});
  }
  auto const found = reduce_by_key(array<K>(dev, host_keys), array<line<T>>(dev, host), compose{});
  auto const expected = combine_runs<line<T>>(host_keys, host, compose{}, std::equal_to<K>{});
  CHECK(found.keys.to_host() == expected.keys);
  CHECK(found.values.to_host() == expected.values);
}
TEST_CASE(
    "keys and values of 1 to 24 bytes, whose order matters, in tiles that end with a run or with the last element") {
  for_each_device([](device const& dev) {
    for (std::size_t n : {511, 512, 513, 2048, 4096, 8192, 9000}) {
      INFO("n ", n);
      check_lines<std::int8_t, std::uint8_t>(dev, n);
      check_lines<double, std::uint16_t>(dev, n);
      check_lines<int, std::uint32_t>(dev, n);
      check_lines<line<std::uint64_t>, std::uint64_t>(dev, n);
      check_lines<line<std::uint64_t>, std::uint8_t>(dev, n);
      check_lines<std::int16_t, std::uint64_t>(dev, n);
    }
  });
}

TEST_CASE("the number of runs stays on the device") {
  for_each_device([](device const& dev) {
    for (std::size_t n : {0, 1, 100, 4096, 5000})
      for (std::int64_t below : {1, 3, 1000}) {
        INFO("n ", n, " keys below ", below);
        auto const host_keys = random_values<int>(n, 6, 0, below), host = random_values<int>(n, 7, -50, 50);
        array<int> const keys(dev, host_keys), values(dev, host);
        auto const found = lockstep::reduce_by_key_bounded(keys, values * 2);
        auto const expected = combine_runs<std::int64_t>(
            host_keys, host, [](auto a, auto b) { return a + b; }, [](int a, int b) { return a == b; });
        std::vector<std::int64_t> doubled = expected.values;
        for (std::int64_t& v : doubled) v *= 2;
        CHECK(found.keys.capacity() == static_cast<index>(n));
        CHECK(index{found.values.count} == static_cast<index>(doubled.size()));
        CHECK(found.keys.take().to_host() == expected.keys);
        CHECK(found.values.take().to_host() == doubled);
        std::int64_t total = 0;
        for (std::int64_t v : doubled) total += v;
        CHECK(static_cast<std::int64_t>(lockstep::sum(found.values.padded(0))) == total);
      }
    array<int> x(dev, std::vector<int>(3000, 1)), keys(dev, std::vector<int>(3000, 1));
    array<std::int64_t> sums(dev, 3000);
    lockstep::graph const again =
        lockstep::capture(dev, [&] { sums = lockstep::reduce_by_key_bounded(keys, x).values.padded(-1); });
    keys = lockstep::cast<int>(lockstep::indices(lockstep::shape(3000)) / index{1500});
    again.launch();
    std::vector<std::int64_t> expected(3000, -1);
    expected[0] = expected[1] = 1500;
    CHECK(sums.to_host() == expected);
  });
}

TEST_CASE("keys that are NaN equal nothing; as many values as keys") {
  for_each_device([](device const& dev) {
    float const nan = std::nanf("");
    array<float> const keys(dev, std::vector{1.0f, 1.0f, nan, nan, 2.0f});
    array<int> const values(dev, std::vector{1, 2, 3, 4, 5});
    CHECK(reduce_by_key(keys, values).values.to_host() == std::vector<std::int64_t>{3, 3, 4, 5});
    array<int> const fewer(dev, std::vector{1, 2});
    std::string const text = message_of<lockstep::shape_error>([&] { reduce_by_key(keys, fewer); });
    CHECK(contains(text, "keys of the shape (5"));
    CHECK(contains(text, "values of the shape (2"));
    CHECK(contains(message_of<lockstep::shape_error>([&] { lockstep::reduce_by_key_bounded(fewer, keys); }),
                   "reduce_by_key_bounded: found keys of the shape (2"));
  });
}

}  // namespace reduce_by_key_tests
