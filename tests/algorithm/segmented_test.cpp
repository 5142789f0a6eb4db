// Runs on: cpu
// Covers: reduce: sum max argmin count reduce mean segments; types: integers float double
// Reductions of segments against loops: short, long, empty and uneven ones, of memory and of computed values.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <lockstep/lockstep.hpp>

#include "support/devices.hpp"
#include "support/values.hpp"

namespace segmented_tests {

using lockstep::array, lockstep::device, lockstep::index, lockstep::segments, lockstep::shape;
using lockstep::test::contains, lockstep::test::difference, lockstep::test::far_from, lockstep::test::for_each_device,
    lockstep::test::generator, lockstep::test::message_of, lockstep::test::random_values, lockstep::test::same_bits;

/// Offsets of segments with the given lengths, after `before` elements that belong to none.
std::vector<index> offsets_of(std::vector<index> const& lengths, index before = 0) {
  std::vector<index> offsets{before};
  for (index length : lengths) offsets.push_back(offsets.back() + length);
  return offsets;
}

std::vector<std::vector<index>> length_lists() {
  generator random(3);
  std::vector<index> uneven, tiny(5000), sizes;
  for (int i = 0; i < 300; ++i) uneven.push_back(random.below(10) == 0 ? random.below(20000) : random.below(40));
  for (index& each : tiny) each = random.below(4);
  for (index tile : {16, 32, 4096, 65536})
    for (index d : {-1, 0, 1}) sizes.push_back(tile + d);
  return {{}, {0}, {1}, {100003}, {0, 0, 200000, 0, 3}, uneven, tiny, sizes};
}

/// f(values of one segment) for every segment.
template <class R, class T, class F>
std::vector<R> each_segment(std::vector<T> const& values, std::vector<index> const& offsets, F&& f) {
  std::vector<R> results;
  for (std::size_t s = 0; s + 1 < offsets.size(); ++s)
    results.push_back(static_cast<R>(f(values.begin() + offsets[s], values.begin() + offsets[s + 1])));
  return results;
}

TEST_CASE("sums, counts and means of segments") {
  for_each_device([](device const& dev) {
    for (auto const& lengths : length_lists()) {
      auto const offsets = offsets_of(lengths, 5);
      INFO(lengths.size(), " segments, ", offsets.back(), " elements");
      auto const values = random_values<int>(std::size_t(offsets.back()) + 7, 1);
      array<int> const x(dev, values);
      array<index> const at(dev, offsets);
      auto const add = [](auto begin, auto end) {
        std::int64_t sum = 0;
        for (; begin != end; ++begin) sum += *begin;
        return sum;
      };
      auto const sums = each_segment<std::int64_t>(values, offsets, add);
      CHECK(difference(sum(x, segments(at)).to_host(), sums) == "");
      std::vector<std::int64_t> more = sums;
      for (auto& each : more) each = 3 * each + 1;
      CHECK(difference((sum(x * 3, segments(at)) + 1).to_host(), more) == "");
      CHECK(difference(lockstep::count(x > 2, segments(lockstep::cast<int>(at))).to_host(),
                       each_segment<index>(values, offsets, [](auto b, auto e) {
                         return std::count_if(b, e, [](int v) { return v > 2; });
                       })) == "");
      CHECK(difference(mean(x, segments(at)).to_host(), each_segment<double>(values, offsets, [&](auto b, auto e) {
                         return b == e ? NAN : double(add(b, e)) / double(e - b);
                       })) == "");
      auto const floats = random_values<float>(std::size_t(offsets.back()), 2);
      CHECK(far_from(sum(array<float>(dev, floats), segments(at)).to_host(),
                     each_segment<double>(floats, offsets,
                                          [](auto b, auto e) {
                                            double sum = 0;
                                            for (; b != e; ++b) sum += *b;
                                            return sum;
                                          }),
                     1e-5, 10) == "");
    }
  });
}

TEST_CASE("extremes, places and operators") {
  for_each_device([](device const& dev) {
    auto const offsets = offsets_of({1, 17, 4097, 70000, 3, 15, 16});
    auto const values = random_values<float>(std::size_t(offsets.back()), 9);
    array<float> const x(dev, values);
    array<index> const at(dev, offsets);
    CHECK(difference(max(x, segments(at)).to_host(), each_segment<float>(values, offsets, [](auto b, auto e) {
                       return *std::max_element(b, e);
                     })) == "");
    CHECK(difference(argmin(x + 1.0f, segments(at)).to_host(), each_segment<index>(values, offsets, [](auto b, auto e) {
                       return std::min_element(b, e) - b;
                     })) == "");
    array<int> const bits(dev, random_values<int>(std::size_t(offsets.back()), 4, 0, 1000));
    auto const host = bits.to_host();
    CHECK(difference(reduce(bits, 1024, lockstep::bit_or{}, segments(at)).to_host(),
                     each_segment<int>(host, offsets, [](auto b, auto e) {
                       int all = 1024;
                       for (; b != e; ++b) all |= *b;
                       return all;
                     })) == "");
  });
}

/// 2 x 2 matrices modulo 2^32 under multiplication: associative, not commutative.
struct matrix {
  std::uint32_t a, b, c, d;
  bool operator==(matrix const&) const = default;
};
struct times {
  LOCKSTEP_FN matrix operator()(matrix x, matrix y) const {
    return {x.a * y.a + x.b * y.c, x.a * y.b + x.b * y.d, x.c * y.a + x.d * y.c, x.c * y.b + x.d * y.d};
  }
};

TEST_CASE("operators that do not commute keep the order") {
  for_each_device([](device const& dev) {
    auto const offsets = offsets_of({0, 1, 16, 17, 5000, 66000});
    std::vector<matrix> values;
    for (index i = 0; i < offsets.back(); ++i) {
      auto const k = static_cast<std::uint32_t>(i);
      values.push_back({k, k + 1, 3 * k, 7});
    }
    auto const found =
        reduce(array<matrix>(dev, values), matrix{1, 0, 0, 1}, times{}, segments(array<index>(dev, offsets))).to_host();
    for (std::size_t s = 0; s < found.size(); ++s) {
      matrix expected{1, 0, 0, 1};
      for (index i = offsets[s]; i < offsets[s + 1]; ++i) expected = times{}(expected, values[std::size_t(i)]);
      CHECK(found[s] == expected);
    }
  });
}

TEST_CASE("the same bits on any number of threads") {
  auto const offsets = offsets_of({10, 100000, 1, 5000, 70000, 31, 200000});
  std::vector<float> values(std::size_t(offsets.back()));
  generator random(1);
  for (float& each : values) each = float(random.between(-1, 1));
  auto const run = [&](std::size_t threads) {
    device const dev = device::cpu(threads);
    return sum(array<float>(dev, values), segments(array<index>(dev, offsets))).to_host();
  };
  auto const expected = run(1);
  for (std::size_t threads : {2, 3, 4, 7}) CHECK(same_bits(run(threads), expected));
}

TEST_CASE("products of gathered elements have the bits that they have from memory") {
  for_each_device([](device const& dev) {
    for (auto const& lengths : length_lists()) {
      auto const offsets = offsets_of(lengths, 2);
      std::size_t const n = std::size_t(offsets.back()) + 1;
      array<double> const x(dev, random_values<double>(n, 1)), factor(dev, random_values<double>(n, 2));
      std::vector<int> places(n);
      for (std::size_t i = 0; i < n; ++i) places[i] = int((i * 7919) % n);
      array<int> const from(dev, places);
      array<index> const at(dev, offsets);
      array<double> const products = factor * gather(x, from);
      array<double> const computed = sum(factor * gather(x, from), segments(at)), stored = sum(products, segments(at));
      CHECK(same_bits(computed.to_host(), stored.to_host()));
    }
  });
}

template <class O>
void check_offsets_of_type(device const& dev) {
  std::vector<O> const offsets{0, 9, 3, 9, 3, 9, 100};
  array<int> const x = lockstep::ones<int>(dev, 100);
  array<O> const at(dev, offsets);
  CHECK(sum(x, segments(at.slice({2}, {4}))).to_host() == std::vector<std::int64_t>{6});
  array<O, 2> const pairs(dev, shape{3, 2}, std::vector<O>{0, 9, 3, 9, 90, 9});
  auto const every_other = transpose(pairs).slice({0, 0}, {1, 3}).reshape(shape{3});
  CHECK(sum(x, segments(every_other)).to_host() == std::vector<std::int64_t>{3, 87});
  CHECK(sum(x, segments(at.slice({0}, {2}) + O(1))).to_host() == std::vector<std::int64_t>{9});
}
TEST_CASE("offsets of every type, in windows and computed") {
  for_each_device([](device const& dev) {
    check_offsets_of_type<index>(dev);
    check_offsets_of_type<int>(dev);
    check_offsets_of_type<unsigned char>(dev);
    check_offsets_of_type<std::uint64_t>(dev);
  });
}

TEST_CASE("bad offsets are named, and nothing is written") {
  for_each_device([](device const& dev) {
    array<int> const x = lockstep::ones<int>(dev, 10);
    array<std::int64_t> y = lockstep::zeros<std::int64_t>(dev, 2);
    auto const message = [&](std::vector<index> const& offsets) {
      return message_of<lockstep::error>([&] { y = sum(x, segments(array<index>(dev, offsets))); });
    };
    CHECK(contains(message({0, 5, 4}), "found offset 1 = 5 and the next one = 4, expected offsets that ascend"));
    CHECK(contains(message({0, 5, 11}), "found offset 1 = 5 and the next one = 11, expected both from 0 to 10"));
    CHECK(contains(message({-1, 5, 6}), "found offset 0 = -1"));
    array<int> largest = lockstep::zeros<int>(dev, 2);
    CHECK(contains(message_of<lockstep::error>([&] {
                     largest = max(x, segments(array<index>(dev, std::vector<index>{0, 5, 5})));
                   }),
                   "max: found no elements"));
    CHECK(largest.to_host() == std::vector<int>{0, 0});
    CHECK(y.to_host() == std::vector<std::int64_t>{0, 0});
    CHECK_THROWS_AS((void)sum(x, segments(array<index>(dev, 0))), lockstep::shape_error);
  });
}

/// Sums, minima and means of segments of at most `longest` values, in memory and computed, to the bit.
template <class T>
void check_short_segments(device const& dev, index longest, index last_length) {
  generator random(static_cast<std::uint32_t>(longest));
  std::vector<index> lengths;
  for (int i = 0; i < 203; ++i) lengths.push_back(random.below(longest + 1));
  lengths.push_back(last_length);
  auto const offsets = offsets_of(lengths, 3);
  std::vector<T> values(std::size_t(offsets.back()));
  for (T& each : values) each = T(random.between(-1, 1));
  values[5] = -T(0);
  values[6] = -T(0);
  array<T> const x(dev, values);
  auto const at = segments(array<index>(dev, offsets));
  auto const add = [](auto b, auto e) {
    T all = b == e ? T(0) : *b++;
    for (; b != e; ++b) all += *b;
    return all;
  };
  auto const expected = each_segment<T>(values, offsets, add);
  CHECK(same_bits(sum(x, at).to_host(), expected));
  auto doubled = expected;
  for (T& each : doubled) each *= 2;
  CHECK(same_bits(sum(x * T(2), at).to_host(), doubled));
  CHECK(same_bits(reduce(x, T(5), lockstep::minimum{}, at).to_host(),
                  each_segment<T>(values, offsets, [](auto b, auto e) {
                    T least = 5;
                    for (; b != e; ++b) least = std::min(least, *b);
                    return least;
                  })));
  values[values.size() / 2] = T(NAN);
  values[7] = -T(INFINITY);
  auto const least = reduce(array<T>(dev, values), T(5), lockstep::minimum{}, at).to_host();
  auto const means = mean(array<T>(dev, values), at).to_host();
  for (std::size_t s = 0; s < lengths.size(); ++s) {
    bool nan = false;
    T smallest = 5;
    for (index i = offsets[s]; i < offsets[s + 1]; ++i) {
      T const each = values[std::size_t(i)];
      nan |= each != each;
      smallest = std::min(smallest, each);
    }
    CHECK(((nan && least[s] != least[s]) || least[s] == smallest));
    if (nan || lengths[s] == 0)
      CHECK(means[s] != means[s]);
    else if (expected[s] == expected[s] && smallest > -5)
      CHECK(means[s] == expected[s] / T(lengths[s]));
  }
}

TEST_CASE("short segments are combined from first to last, side by side or not") {
  for_each_device([](device const& dev) {
    for (index const longest : {1, 3, 8, 15, 16}) {
      check_short_segments<float>(dev, longest, 0);
      check_short_segments<double>(dev, longest, 16);
    }
  });
}

}  // namespace segmented_tests
