// Covers: sort: sorted argsort segmented_sort is_sorted lower_bound; types: integers float
// Covers: sort: upper_bound merge set_union set_intersection set_difference; types: integers float
// Sorts, merges, searches and set operations on a GPU against the same on a CPU device, at the sizes around CUB's
// tiles.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <lockstep/lockstep.hpp>

#include "support/both_devices.hpp"

namespace sort_lines_tests {

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
TEST_CASE("lines along every axis") {
  for (std::size_t along : {0, 1, 2})
    for (device const& dev : {device::gpu(0)}) {
      INFO("axis ", along);
      auto const host = random_values<float>(40 * 9 * 70, 3, 0, 50);
      array<float, 3> x(dev, {40, 9, 70}, host), same(device::cpu(1), {40, 9, 70}, host);
      CHECK(difference(sorted(x, axis(along)).to_host(), sorted(same, axis(along)).to_host()) == "");
      CHECK(difference(argsort(x, axis(along), greater{}).to_host(), argsort(same, axis(along), greater{}).to_host()) ==
            "");
      array<int, 3> k = lockstep::cast<int>(x), k_same = lockstep::cast<int>(same);
      CHECK(difference(argsort(k, axis(along), by_tens{}).to_host(),
                       argsort(k_same, axis(along), by_tens{}).to_host()) == "");
    }
  array<float, 2> const long_lines(device::gpu(0), {2, 9000}, random_values<float>(18000, 3));
  array<float, 2> const same = long_lines.to(device::cpu(1));
  CHECK(difference(sorted(long_lines, axis(1)).to_host(), sorted(same, axis(1)).to_host()) == "");
  CHECK(difference(argsort(long_lines, axis(1)).to_host(), argsort(same, axis(1)).to_host()) == "");
}

template <class T, class Order>
void check_rows(index rows, index length, Order order) {
  INFO(rows, " rows of ", length);
  auto const n = static_cast<std::size_t>(rows * length);
  array<T, 2> const x = numbers<T>(device::gpu(0), n, 0, 90).reshape(shape<2>(rows, length));
  array<T, 2> const same = x.to(device::cpu(1));
  CHECK(difference(sorted(x, axis(1), order).to_host(), sorted(same, axis(1), order).to_host()) == "");
  CHECK(difference(argsort(x, axis(1), order).to_host(), argsort(same, axis(1), order).to_host()) == "");
}
TEST_CASE("rows of every length that is sorted in another way") {
  for (index length : {1, 2, 31, 128, 129, 512, 513, 2048, 2049})
    for (index rows : {2, 9, 600}) {
      if (rows * length > 400000) continue;
      check_rows<float>(rows, length, lockstep::less{});
    }
  check_rows<double>(310, 65, greater{});
  check_rows<int>(310, 600, by_tens{});
  check_rows<std::int64_t>(9, 2500, greater{});
  check_rows<float>(700, 2100, lockstep::less{});
}
TEST_CASE("rows: NaNs come last and zeros of both signs are equal") {
  float const nan = std::nanf("");
  std::vector<float> const host{nan, 0.0f, -1, -0.0f, -nan, 2, -0.0f, nan, 0.0f, 1, 1, 3};
  array<float, 2> const x(device::gpu(0), {2, 6}, host);
  CHECK(argsort(x, axis(1)).to_host() == std::vector<index>{2, 1, 3, 5, 0, 4, 0, 2, 3, 4, 5, 1});
  CHECK(argsort(x, axis(1), greater{}).to_host() == std::vector<index>{5, 1, 3, 2, 0, 4, 5, 3, 4, 0, 2, 1});
}

template <class T, class Order, class Less>
void check_segments(std::vector<index> const& lengths, std::vector<T> values, Order order, Less less) {
  std::vector<index> offsets{0};
  for (index length : lengths) offsets.push_back(offsets.back() + length);
  INFO(lengths.size(), " segments, ", offsets.back(), " values");
  values.resize(static_cast<std::size_t>(offsets.back()));
  array<T> x(device::gpu(0), values);
  segmented_sort(x, array<index>(device::gpu(0), offsets), order);
  for (std::size_t s = 0; s < lengths.size(); ++s)
    std::stable_sort(values.begin() + offsets[s], values.begin() + offsets[s + 1], less);
  CHECK(difference(x.to_host(), values) == "");
}
/// Segments around every length that is sorted in another way, in an order that leaves those alone that one block has.
std::vector<index> many_lengths() {
  std::vector<index> lengths{0,   2049, 1,   2, 4096, 3,    127,  128,   129, 511,
                             512, 4097, 513, 0, 2047, 2048, 6145, 20000, 31};
  return lengths;
}
/// Mostly short ones, of which a block has several.
std::vector<index> short_lengths() {
  lockstep::test::generator random(8);
  std::vector<index> lengths;
  for (int i = 0; i < 1003; ++i) lengths.push_back(random.below(24));
  lengths[100] = 5000, lengths[101] = 600, lengths[107] = 129, lengths[1002] = 2100;
  return lengths;
}
TEST_CASE("segments of every length that is sorted in another way") {
  for (auto const& lengths : {many_lengths(), short_lengths(), {1}, {3000}, {0, 0}}) {
    auto const some = [&]<class T>(T, std::int64_t from, std::int64_t below) {
      return random_values<T>(60000, 5, from, below);
    };
    check_segments(lengths, some(0, -100, 1000), by_tens{}, by_tens{});
    check_segments(lengths, some(0, -100000, 100000), greater{}, std::greater<int>());
    check_segments(lengths, some(0.0f, -100, 100), lockstep::less{}, std::less<float>());
    check_segments(lengths, some(std::int64_t{}, -100, 100), lockstep::less{}, std::less<std::int64_t>());
    check_segments(lengths, some(std::uint8_t{}, 0, 256), greater{}, std::greater<std::uint8_t>());
    check_segments(lengths, some(std::int16_t{}, -300, 300), lockstep::less{}, std::less<std::int16_t>());
  }
}
TEST_CASE("segments: NaNs come last") {
  auto values = random_values<float>(9000, 6);
  for (std::size_t i = 0; i < values.size(); i += 7) values[i] = std::nanf("");
  auto const nan_last = [](float a, float b) { return a < b || (b != b && a == a); };
  check_segments({5, 4000, 0, 100, 4895}, values, lockstep::less{}, nan_last);
}
TEST_CASE("offsets that are wrong touch no memory but the values'") {
  for (auto const& wrong : {std::vector<index>{5000, 3000, 10000}, {-7, 10, 9990, 20000}, {9000, 100}}) {
    array<int> before(device::gpu(0), 10000), x = lockstep::arange<int>(device::gpu(0), 10000), after = before;
    segmented_sort(x, array<index>(device::gpu(0), wrong), greater{});
    CHECK(x.to_host().size() == 10000);
  }
}

TEST_CASE("sorted values: searches, merges and sets") {
  check_same([](device const& dev, std::size_t n) {
    array<int> const x = sorted(numbers<int>(dev, n)), wanted = numbers<int>(dev, 500);
    array<index> const low = lower_bound(x, wanted + 1), high = upper_bound(x, wanted);
    auto all = (low * 100000 + high).to_host();
    all.push_back(is_sorted(x) + 2 * is_sorted(wanted) + 4 * is_sorted(x, greater{}));
    return all;
  });
  check_same([](device const& dev, std::size_t n) {
    array<int> const a = sorted(numbers<int>(dev, n)), b = sorted(numbers<int>(dev, n / 2 + 100));
    std::vector<int> all;
    for (auto const& part : {merge(a, b), set_union(a, b), set_intersection(a, b), set_difference(a, b)})
      for (int v : part.to_host()) all.push_back(v);
    return all;
  });
}

}  // namespace sort_lines_tests
