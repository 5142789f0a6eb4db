// Runs on: cpu
// Covers: sort: top_k bottom_k nth_element median quantile; types: integers float double
// top_k, bottom_k, nth_element, median and quantile against a full sort.
#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <lockstep/algorithm/top_k.hpp>
#include <lockstep/lockstep.hpp>
#include <numeric>

#include "support/devices.hpp"
#include "support/values.hpp"

namespace top_k_tests {

using lockstep::array, lockstep::axis, lockstep::bottom_k, lockstep::device, lockstep::index, lockstep::median,
    lockstep::nth_element, lockstep::quantile, lockstep::shape, lockstep::top_k;
using lockstep::test::contains, lockstep::test::difference, lockstep::test::for_each_device, lockstep::test::generator,
    lockstep::test::message_of, lockstep::test::random_values;

template <class T>
std::vector<index> ranking(std::vector<T> const& host, bool largest) {
  std::vector<index> places(host.size());
  std::iota(places.begin(), places.end(), 0);
  std::stable_sort(places.begin(), places.end(), [&](index i, index j) {
    T const a = host[std::size_t(i)], b = host[std::size_t(j)];
    return (largest ? a > b : a < b) || (b != b && a == a);
  });
  return places;
}

template <class T>
void check(device const& dev, std::vector<T> const& host, index k) {
  INFO("n ", host.size(), " k ", k);
  array<T> const x(dev, host);
  for (bool largest : {true, false}) {
    auto places = ranking(host, largest);
    places.resize(std::size_t(k));
    std::vector<T> values;
    for (index i : places) values.push_back(host[std::size_t(i)]);
    auto const found = largest ? top_k(x, k) : bottom_k(x, k);
    REQUIRE(difference(found.indices.to_host(), places) == "");
    REQUIRE(difference(found.values.to_host(), values) == "");
    auto const fused = largest ? top_k(x + T(0), k) : bottom_k(x + T(0), k);
    REQUIRE(difference(fused.indices.to_host(), places) == "");
  }
}

TEST_CASE("the first k of all sizes") {
  for (std::size_t threads : {1, 2, 3, 4, 7})
    for (std::size_t n : {0, 1, 2, 127, 128, 129, 255, 257, 1000, 32768, 32769, 100003}) {
      auto const floats = random_values<float>(n, n, -100, 100);  // many are equal
      auto const integers = random_values<std::int64_t>(n, n, -1e15, 1e15);
      for (index k : {0, 1, 2, 10, 100, 2500, 99999})
        if (k <= index(n)) {
          check(device::cpu(threads), floats, k);
          if (threads < 3) check(device::cpu(threads), integers, k);
        }
      check(device::cpu(threads), floats, index(n));
    }
}

TEST_CASE("ascending, descending, equal, NaN") {
  for_each_device([](device const& dev) {
    std::vector<float> up(50000), down(50000), same(50000, 1), nans(50000, std::numeric_limits<float>::quiet_NaN());
    std::iota(up.begin(), up.end(), 0.0f);
    std::iota(down.rbegin(), down.rend(), 0.0f);
    nans[77] = 5, nans[40000] = -5, nans[3] = -std::numeric_limits<float>::quiet_NaN();
    for (index k : {1, 3, 100}) {
      check(dev, up, k);
      check(dev, down, k);
      check(dev, same, k);
      check(dev, nans, k);
    }
    check(dev, std::vector<std::int8_t>{3, -1, 3, 7}, 3);
  });
}

TEST_CASE("few distinct values, worst values, zeros of both signs, tiny values, in many blocks") {
  for_each_device([](device const& dev) {
    constexpr std::size_t n = 40003;
    float const infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
    std::vector<float> none_good(n, -infinity), zeros(n), tiny(n), late(n, nan), signs(n);
    for (std::size_t i = 0; i < n; ++i) {
      zeros[i] = i % 3 == 0 ? 0.0f : -0.0f;
      tiny[i] = static_cast<float>(static_cast<int>(i % 7) - 3) * std::numeric_limits<float>::denorm_min();
      signs[i] = i % 2 == 0 ? infinity : -infinity;
      if (i % 1000 == 999) none_good[i] = static_cast<float>(i % 5), late[i] = -static_cast<float>(i);
    }
    for (index k : {1, 7, 40, 50, 100}) {
      for (auto const& host : {none_good, zeros, tiny, late, signs}) check(dev, host, k);
      check(dev, random_values<std::uint32_t>(n, 5), k);
      check(dev, random_values<int>(n, 6, -3, 3), k);
      check(dev, random_values<std::int8_t>(n, 7), k);
      check(dev, random_values<double>(n, 8), k);
      check(dev, std::vector<int>(n, std::numeric_limits<int>::min()), k);
    }
    auto const found = top_k(array<float>(dev, zeros), 100).values.to_host();
    for (std::size_t i = 0; i < found.size(); ++i) REQUIRE(std::signbit(found[i]) == (i % 3 != 0));
  });
}

TEST_CASE("along an axis, and of what is not stored") {
  for_each_device([](device const& dev) {
    shape<3> const extents(4, 50, 33);
    auto const host = random_values<int>(extents.size(), 3);
    array<int, 3> const x(dev, extents, host);
    auto const strides = lockstep::row_major_strides(extents);
    for (std::size_t along = 0; along < 3; ++along) {
      auto const found = top_k(x, 3, axis(along));
      auto const values = found.values.to_host();
      auto const indices = found.indices.to_host();
      shape<3> small = extents;
      small[along] = 3;
      CHECK(found.values.shape() == small);
      auto const steps = lockstep::row_major_strides(small);
      bool same = true;
      for (index i = 0; i < extents[0] * extents[1] * extents[2]; ++i) {
        index const at[3] = {i / strides[0], i / strides[1] % extents[1], i % extents[2]};
        if (at[along] != 0) continue;
        std::vector<int> line;
        for (index j = 0; j < extents[along]; ++j) line.push_back(host[std::size_t(i + j * strides[along])]);
        auto const order = ranking(line, true);
        for (index j = 0; j < 3; ++j) {
          auto const place = std::size_t(at[0] * steps[0] + at[1] * steps[1] + at[2] * steps[2] + j * steps[along]);
          same = same && indices[place] == order[std::size_t(j)] && values[place] == line[std::size_t(indices[place])];
        }
      }
      CHECK(same);
    }
    CHECK(top_k(lockstep::indices(shape(100000)) % 1000, 2).indices.to_host() == std::vector<index>{999, 1999});
    auto const column = x.transpose().slice({5, 0, 0}, {6, 50, 4}).reshape(shape(200));
    std::vector<int> flat = column.to_host();
    CHECK(bottom_k(column, 4).indices.to_host()[3] == ranking(flat, false)[3]);
  });
}

TEST_CASE("one value in the middle") {
  for_each_device([](device const& dev) {
    for (std::size_t n : {1, 2, 3, 10, 511, 512, 513, 5000, 100003}) {
      INFO("n ", n);
      auto const host = random_values<float>(n, n);
      auto const wide = random_values<double>(n, n + 1);
      auto const integers = random_values<std::int16_t>(n, n, -3000, 3000);
      auto ordered = host;
      auto ordered_wide = wide;
      auto ordered_integers = integers;
      std::sort(ordered.begin(), ordered.end());
      std::sort(ordered_wide.begin(), ordered_wide.end());
      std::sort(ordered_integers.begin(), ordered_integers.end());
      array<float> const x(dev, host);
      for (std::size_t at : {std::size_t(0), n / 3, n / 2, n - 1}) {
        CHECK(float(nth_element(x, index(at))) == ordered[at]);
        CHECK(double(nth_element(array<double>(dev, wide), index(at))) == ordered_wide[at]);
        CHECK(int(nth_element(array<std::int16_t>(dev, integers), index(at))) == ordered_integers[at]);
      }
      float const low = ordered[(n - 1) / 2], high = ordered[n / 2];
      CHECK(median(x) == doctest::Approx((low + high) / 2));
      for (double q : {0.0, 0.1, 0.25, 0.5, 0.999, 1.0}) {
        double const place = q * double(n - 1);
        auto const whole = std::size_t(place);
        double const next = ordered_wide[std::min(n - 1, whole + 1)];
        CHECK(quantile(array<double>(dev, wide), q) ==
              doctest::Approx(ordered_wide[whole] + (next - ordered_wide[whole]) * (place - double(whole))));
      }
    }
    array<int> const few(dev, std::vector<int>{4, 1, 3, 2});
    CHECK(median(few) == 2.5);
    CHECK(quantile(few, 0.5) == 2.5);
    CHECK(quantile(few, 0.25) == 1.75);
    std::vector<int> const equal(5000, 7);
    CHECK(int(nth_element(array<int>(dev, equal), 4000)) == 7);
    array<float> const hidden(dev, {1, -std::numeric_limits<float>::quiet_NaN(), 3});
    CHECK(std::isnan(median(hidden)));
    CHECK(std::isnan(quantile(hidden, 0)));
    CHECK(float(nth_element(hidden, 1)) == 3);
    CHECK(std::isnan(float(nth_element(hidden, 2))));
    CHECK(median(lockstep::zeros<float>(dev, shape(2, 3)) + 1.0f) == 1);
  });
}

TEST_CASE("errors") {
  for_each_device([](device const& dev) {
    array<float> const x(dev, {1, 2, 3}), none(dev, 0);
    array<float, 2> const m = x.reshape(shape(1, 3));
    auto const text = [](auto&& f) { return message_of<lockstep::error>(f); };
    CHECK(text([&] { top_k(x, 4); }) == "top_k: found k = 4, expected one from 0 to 3, the number of values");
    CHECK(contains(text([&] { bottom_k(x, -1); }), "bottom_k: found k = -1"));
    CHECK(contains(text([&] { top_k(m, 2, axis(0)); }), "top_k: found k = 2, expected one from 0 to 1"));
    CHECK(contains(message_of<lockstep::shape_error>([&] { top_k(m, 1, axis(2)); }), "top_k: found axis 2"));
    CHECK(contains(text([&] { nth_element(x, 3); }), "nth_element: found n = 3, expected one from 0 to less than 3"));
    CHECK(contains(text([&] { median(none); }), "median: found no values"));
    CHECK(contains(text([&] { quantile(none, 0.5); }), "quantile: found no values"));
    CHECK(contains(text([&] { quantile(x, 1.5); }), "quantile: found q outside [0, 1]"));
  });
}

}  // namespace top_k_tests
