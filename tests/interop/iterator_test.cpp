// Runs on: cpu
// Iterators over arrays, windows and expressions in the algorithms of std::, against plain loops and values on the
// host.
#include <doctest/doctest.h>

#include <algorithm>
#include <execution>
#include <iterator>
#include <lockstep/interop/iterator.hpp>
#include <lockstep/lockstep.hpp>
#include <numeric>
#include <span>

#include "support/devices.hpp"
#include "support/values.hpp"

namespace iterator_tests {

using lockstep::array, lockstep::device, lockstep::index, lockstep::shape;
using lockstep::test::difference, lockstep::test::for_each_device, lockstep::test::random_values;

// How the standard library's algorithms run where they may run in parallel. (What TBB's tasks hand to each other the
// thread sanitizer would take for races.)
#if defined(__SANITIZE_THREAD__)
constexpr bool in_one_thread = true;
auto const& parallel = std::execution::seq;
auto const& unsequenced = std::execution::unseq;
#else
constexpr bool in_one_thread = false;
auto const& parallel = std::execution::par;
auto const& unsequenced = std::execution::par_unseq;
#endif

// What the algorithms ask of the types.
using sum_type = decltype(std::declval<array<float, 2>&>() + 1.0f);
using shared_iterator = decltype(begin(std::declval<sum_type const&>()));
using direct_iterator = decltype(lockstep::range_of(std::declval<sum_type const&>()).begin());
static_assert(std::random_access_iterator<shared_iterator> && std::random_access_iterator<direct_iterator>);
static_assert(std::is_trivially_copyable_v<direct_iterator> && !std::is_trivially_copyable_v<shared_iterator>);
static_assert(std::is_same_v<std::iter_reference_t<shared_iterator>, float>);
static_assert(
    std::is_same_v<std::iterator_traits<shared_iterator>::iterator_category, std::random_access_iterator_tag>);
static_assert(std::is_same_v<std::iterator_traits<direct_iterator>::value_type, float>);
static_assert(std::is_same_v<decltype(begin(std::declval<array<int>&>())), int*>);
static_assert(std::is_same_v<decltype(begin(std::declval<array<int> const&>())), int const*>);
template <class A>
concept has_begin = requires(A&& a) {
  begin(std::forward<A>(a));
};
static_assert(has_begin<array<int>&> && !has_begin<array<int>>);

TEST_CASE("iterators give what to_host gives, forward, backward and by jumps") {
  for_each_device([](device const& dev) {
    for (shape<3> const& extents : {shape{0, 2, 3}, shape{2, 0, 3}, shape{1, 1, 1}, shape{3, 5, 7}}) {
      auto const host = random_values<int>(extents.size(), 1);
      array<int, 3> const a(dev, extents, host);
      auto const e = a.transpose() * 2 + 1;
      std::vector<int> const expected = e.to_host();
      auto const check = [&](auto first, auto last) {
        auto const n = static_cast<std::ptrdiff_t>(expected.size());
        CHECK(last - first == n);
        CHECK(difference(std::vector<int>(first, last), expected) == "");
        std::vector<int> const turned(expected.rbegin(), expected.rend());
        CHECK(difference(std::vector<int>(std::reverse_iterator(last), std::reverse_iterator(first)), turned) == "");
        for (std::ptrdiff_t i = 0; i < n; i += 3) {
          CHECK(first[i] == expected[static_cast<std::size_t>(i)]);
          CHECK(*(last - (n - i)) == first[i]);
          CHECK(((first + i) < last && first + i == last - (n - i)));
        }
      };
      check(begin(e), end(e));
      auto const range = lockstep::range_of(e);
      CHECK(range.size() == expected.size());
      check(range.begin(), range.end());
    }
  });
}

TEST_CASE("algorithms of std:: read expressions") {
  if (in_one_thread) MESSAGE("in one thread: the thread sanitizer does not see how tasks of TBB wait for each other");
  for_each_device([](device const& dev) {
    auto const x = random_values<double>(10'001, 2), y = random_values<double>(10'001, 3);
    array<double> const a(dev, x), b(dev, y);
    auto const e = a * b;
    double expected = 0;
    for (std::size_t i = 0; i < x.size(); ++i) expected += x[i] * y[i];
    CHECK(std::accumulate(begin(e), end(e), 0.0) == expected);  // the values are multiples of 1/4096: sums are exact
    CHECK(std::reduce(parallel, begin(e), end(e)) == expected);
    CHECK(std::transform_reduce(begin(a), end(a), begin(b), 0.0) == expected);
    auto const range = lockstep::range_of(e);
    CHECK(std::reduce(unsequenced, range.begin(), range.end()) == expected);
    CHECK(std::transform_reduce(parallel, range.begin(), range.end(), 0.0, std::plus{},
                                [](double v) { return 2 * v; }) == 2 * expected);
    CHECK(*std::max_element(begin(e), end(e)) == double(lockstep::max(e)));

    auto const ramp = 3 * lockstep::indices(shape{1000}) + 1;  // 1, 4, 7, ...
    CHECK(std::lower_bound(begin(ramp), end(ramp), 100) - begin(ramp) == 33);
    CHECK(std::ranges::lower_bound(lockstep::range_of(ramp).begin(), lockstep::range_of(ramp).end(), 101).operator*() ==
          103);
    std::vector<index> copied(1000);
    std::copy(begin(ramp), end(ramp), copied.begin());
    CHECK(copied[999] == 2998);
  });
}

TEST_CASE("arrays and dense windows are written through pointers") {
  for_each_device([](device const& dev) {
    auto host = random_values<int>(1001, 4, -500, 500);
    array<int> a(dev, host);
    std::sort(begin(a), end(a));
    std::sort(host.begin(), host.end());
    CHECK(difference(a.to_host(), host) == "");
    auto const w = a.reshape(shape{7, 143});
    std::fill(begin(w), end(w), 5);
    for (int value : a) CHECK(value == 5);
    std::span<int> const span(a);
    CHECK((span.size() == 1001 && span.data() == a.data()));
    auto const empty = array<int>(dev, 0).reshape(shape{0, 3});
    CHECK(begin(empty) == end(empty));
    array<float> nothing;
    CHECK(begin(nothing) == end(nothing));
  });
}

TEST_CASE("iterators keep the memory that they read alive") {
  for_each_device([](device const& dev) {
    auto const made = [&] {
      array<float> const a(dev, {1.0f, 2.0f, 5.0f});
      auto const e = a / lockstep::sum(a);
      return std::pair(begin(e), end(e));
    };
    auto const [first, last] = made();
    array<float> const other = lockstep::full<float>(dev, 3, 7.0f);  // would take memory that is free
    CHECK(std::vector<float>(first, last) == std::vector<float>{0.125f, 0.25f, 0.625f});
    auto const range = [&] { return lockstep::range_of(array<float>(dev, {1.0f, 2.0f}) + 1.0f); }();
    array<float> const third = lockstep::full<float>(dev, 2, 7.0f);
    CHECK(std::vector<float>(range.begin(), range.end()) == std::vector<float>{2, 3});
  });
}

TEST_CASE("what is computed first, and values of rank 0, can be read, too") {
  for_each_device([](device const& dev) {
    array<int> const a = lockstep::arange<int>(dev, 100);
    auto const scan = lockstep::inclusive_scan(a);
    CHECK(std::vector<int>(begin(scan), end(scan)) == scan.to_host());
    auto const total = lockstep::sum(a);
    CHECK(std::vector<std::int64_t>(begin(total), end(total)) == std::vector<std::int64_t>{4950});
    int limit = 5;
    auto const mapped = lockstep::map([limit](int v) { return v < limit; }, a);  // a lambda cannot be assigned
    CHECK(std::count(begin(mapped), end(mapped), true) == 5);
    auto const lost = lockstep::array<int>(dev, 3) + 1;
    CHECK(end(lost) - begin(lost) == 3);
  });
}

}  // namespace iterator_tests
