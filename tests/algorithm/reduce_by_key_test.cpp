// Runs on: cpu, cuda
// Covers: reduce: reduce_by_key; types: integers float
// reduce_by_key against plain loops: runs of every length, operators, and what is refused.
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
    for (std::size_t n : {0, 1, 2, 33, 1000, 4097, 70001})
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
  });
}

}  // namespace reduce_by_key_tests
