// Runs on: cpu, cuda
// Covers: reduce: sum product min max argmin argmax any all count mean; types: bool integers float double
// Reductions along each axis of one to four axes, at the sizes around the tiles, into windows and inside expressions.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <lockstep/lockstep.hpp>

#include "support/devices.hpp"
#include "support/values.hpp"

namespace reduce_axis_tests {

using lockstep::array, lockstep::axis, lockstep::boundary, lockstep::device, lockstep::index, lockstep::shape;
using lockstep::test::contains, lockstep::test::difference, lockstep::test::far_from, lockstep::test::for_each_device,
    lockstep::test::message_of, lockstep::test::random_values;

/// f(first value, ..., stride, length) of each line along an axis, in row-major order of the other axes.
template <class T, std::size_t Rank, class F>
auto each_line(std::vector<T> const& host, shape<Rank> const& extents, std::size_t along, F&& f) {
  index outer = 1, inner = 1;
  for (std::size_t a = 0; a < along; ++a) outer *= extents[a];
  for (std::size_t a = along + 1; a < Rank; ++a) inner *= extents[a];
  std::vector<decltype(f(std::vector<T>{}))> results;
  for (index o = 0; o < outer; ++o)
    for (index i = 0; i < inner; ++i) {
      std::vector<T> line;
      for (index k = 0; k < extents[along]; ++k)
        line.push_back(host[static_cast<std::size_t>((o * extents[along] + k) * inner + i)]);
      results.push_back(f(line));
    }
  return results;
}
std::int64_t total_of(std::vector<int> const& line) {
  std::int64_t total = 0;
  for (int v : line) total += v;
  return total;
}
index place_of_max(std::vector<int> const& line) { return std::max_element(line.begin(), line.end()) - line.begin(); }

template <std::size_t Rank>
void check_every_axis(device const& dev, shape<Rank> const& extents) {
  auto const host = random_values<int>(extents.size(), extents.size(), -9, 9);
  array<int, Rank> const x(dev, extents, host);
  for (std::size_t along = 0; along < Rank; ++along) {
    INFO("shape ", lockstep::to_string(extents), ", axis ", along);
    CHECK(difference(lockstep::sum(x, axis(along)).to_host(), each_line(host, extents, along, total_of)) == "");
    if (extents.size() > 0)
      CHECK(difference(lockstep::argmax(x, axis(along)).to_host(), each_line(host, extents, along, place_of_max)) ==
            "");
  }
}

TEST_CASE("every axis of one to four axes") {
  for_each_device([](device const& dev) {
    for (index n : {1, 5, 4097}) check_every_axis(dev, shape{n});
    for (shape<2> s :
         {shape{1, 1}, shape{1, 7}, shape{7, 1}, shape{63, 3}, shape{64, 65}, shape{65, 64}, shape{129, 30},
          shape{3, 4095}, shape{4096, 3}, shape{4097, 2}, shape{2, 8193}, shape{200, 5000}})
      check_every_axis(dev, s);
    for (shape<3> s : {shape{2, 3, 4}, shape{5, 1, 6}, shape{3, 65, 70}, shape{70, 3, 65}, shape{1, 4097, 2}})
      check_every_axis(dev, s);
    check_every_axis(dev, shape{2, 3, 4, 5});
    check_every_axis(dev, shape{3, 65, 1, 66});
  });
}

TEST_CASE("axes of no extent") {
  for_each_device([](device const& dev) {
    array<int, 2> const none(dev, {3, 0});
    CHECK(lockstep::sum(none, axis(1)).to_host() == std::vector<std::int64_t>(3, 0));
    CHECK(lockstep::sum(none, axis(0)).to_host().empty());
    CHECK(lockstep::sum(none, axis(0)).shape() == shape<1>(0));
    CHECK(lockstep::product(none, axis(1)).to_host() == std::vector<std::int64_t>(3, 1));
    CHECK(lockstep::all(none, axis(1)).to_host() == std::vector<bool>(3, true));
    for (double v : lockstep::mean(none, axis(1)).to_host()) CHECK(std::isnan(v));
    CHECK(contains(message_of<lockstep::error>([&] { static_cast<void>(lockstep::max(none, axis(1)).to_host()); }),
                   "max"));
    CHECK_THROWS_AS(static_cast<void>(lockstep::argmin(none, axis(1)).to_host()), lockstep::error);
    CHECK(lockstep::max(none, axis(0)).to_host().empty());  // no results, so nothing is missing
    array<std::int64_t> kept(dev, std::vector<std::int64_t>{1, 2, 3});
    CHECK_THROWS_AS(kept = lockstep::argmax(none, axis(1)), lockstep::error);
    CHECK(kept.to_host() == std::vector<std::int64_t>{1, 2, 3});
  });
}

TEST_CASE("an axis that is not there is refused") {
  for_each_device([](device const& dev) {
    array<float, 2> const m(dev, {2, 3});
    std::string const message =
        message_of<lockstep::shape_error>([&] { static_cast<void>(lockstep::sum(m, axis(2))); });
    CHECK(contains(message, "axis 2"));
    CHECK(contains(message, "(2, 3)"));
  });
}

TEST_CASE("every reducer along both axes of a matrix") {
  for_each_device([](device const& dev) {
    shape<2> const extents{131, 70};
    auto const host = random_values<float>(extents.size(), 1, -2, 2);
    array<float, 2> const m(dev, extents, host);
    for (std::size_t along : {0, 1}) {
      using line = std::vector<float>;
      axis const a(along);
      auto const each = [&](auto f) { return each_line(host, extents, along, f); };
      auto const low = [](line const& l) { return *std::min_element(l.begin(), l.end()); };
      auto const high = [](line const& l) { return *std::max_element(l.begin(), l.end()); };
      auto const first_low = [](line const& l) { return index(std::min_element(l.begin(), l.end()) - l.begin()); };
      auto const mean = [](line const& l) {
        double total = 0;
        for (float v : l) total += v;
        return total / double(l.size());
      };
      auto const above = [](line const& l) {
        return index(std::count_if(l.begin(), l.end(), [](float v) { return v > 1; }));
      };
      CHECK(difference(lockstep::min(m, a).to_host(), each(low)) == "");
      CHECK(difference(lockstep::max(m, a).to_host(), each(high)) == "");
      CHECK(difference(lockstep::argmin(m, a).to_host(), each(first_low)) == "");
      CHECK(difference(lockstep::count(m > 1.0f, a).to_host(), each(above)) == "");
      CHECK(far_from(lockstep::mean(m, a).to_host(), each(mean), 1e-6) == "");
      CHECK(difference(lockstep::any(m > 1.9f, a).to_host(), each([&](line const& l) { return high(l) > 1.9f; })) ==
            "");
      CHECK(difference(lockstep::all(m > -1.9f, a).to_host(), each([&](line const& l) { return low(l) > -1.9f; })) ==
            "");
    }
  });
}

TEST_CASE("a NaN along an axis reaches its own results only; the first of equals wins") {
  for_each_device([](device const& dev) {
    array<float, 2> m = lockstep::ones<float>(dev, shape{200, 70});
    m.slice({150, 3}, {151, 4}) = NAN;
    m.slice({160, 3}, {161, 4}) = NAN;
    auto const lows = lockstep::min(m, axis(0)).to_host(), sums = lockstep::sum(m, axis(1)).to_host();
    auto const places = lockstep::argmax(m, axis(0)).to_host(), rows = lockstep::argmin(m, axis(1)).to_host();
    for (std::size_t j = 0; j < 70; ++j) {
      CHECK(std::isnan(lows[j]) == (j == 3));
      CHECK(places[j] == (j == 3 ? 150 : 0));
    }
    for (std::size_t i = 0; i < 200; ++i) {
      CHECK(std::isnan(sums[i]) == (i == 150 || i == 160));
      CHECK(rows[i] == (i == 150 || i == 160 ? 3 : 0));
    }
  });
}

TEST_CASE("of strided and neighboring expressions, of each other, into windows and inside larger expressions") {
  for_each_device([](device const& dev) {
    shape<2> const extents{75, 130};
    auto const host = random_values<int>(extents.size(), 1, -9, 9);
    array<int, 2> const m(dev, extents, host);
    auto const columns = each_line(host, extents, 0, total_of), rows = each_line(host, extents, 1, total_of);
    CHECK(difference(lockstep::sum(m.transpose(), axis(0)).to_host(), rows) == "");
    CHECK(difference(lockstep::sum(m.transpose(), axis(1)).to_host(), columns) == "");
    CHECK(difference(lockstep::sum(neighbor(m, {1, 0}, boundary::wrap), axis(0)).to_host(), columns) == "");
    CHECK(std::int64_t(lockstep::sum(lockstep::sum(m, axis(0)))) == total_of(host));
    CHECK(std::int64_t(lockstep::max(lockstep::sum(m, axis(1)))) == *std::max_element(rows.begin(), rows.end()));

    array<std::int64_t> into = lockstep::zeros<std::int64_t>(dev, 132);
    into.slice(1, 131) = lockstep::sum(m, axis(0));
    auto expected = columns;
    expected.insert(expected.begin(), 0);
    expected.push_back(0);
    CHECK(difference(into.to_host(), expected) == "");

    array<std::int64_t, 2> wide = lockstep::zeros<std::int64_t>(dev, shape{3, 75});
    wide.transpose().slice({0, 1}, {75, 2}) = lockstep::column(lockstep::sum(m, axis(1)));
    CHECK(difference(wide.slice({1, 0}, {2, 75}).to_host(), rows) == "");
    CHECK(std::int64_t(lockstep::sum(wide)) == total_of(host));

    array<std::int64_t, 2> const less = m - lockstep::sum(m, axis(0)) * lockstep::column(lockstep::sum(m, axis(1)));
    auto const found = less.to_host();
    for (std::size_t i = 0; i < 75; ++i)
      for (std::size_t j = 0; j < 130; ++j) REQUIRE(found[i * 130 + j] == host[i * 130 + j] - columns[j] * rows[i]);
  });
}

TEST_CASE("rows have the bits of a whole reduction, however long and however many") {
  lockstep::test::for_each_device([](lockstep::device const& dev) {
    for (lockstep::index length : {1, 2, 6, 7, 8, 9, 16, 31, 32, 33, 64, 100, 127, 128, 129, 300, 4097})
      for (lockstep::index rows : {1, 2, 31, 33, 700}) {
        INFO(rows, " rows of ", length);
        lockstep::array<float, 2> x(dev, {rows, length});
        x = lockstep::random::uniform<float>(dev, lockstep::shape{rows, length}, lockstep::seed(3), -1.0f, 1.0f);
        auto const sums = lockstep::sum(x, lockstep::axis(1)).to_host();
        auto const largest = lockstep::max(x * 2.0f, lockstep::axis(1)).to_host();
        auto const spread = lockstep::variance(x, lockstep::axis(1)).to_host();
        auto const places = lockstep::argmin(x, lockstep::axis(1)).to_host();
        std::size_t wrong = 0;
        for (lockstep::index r : {lockstep::index{0}, rows / 2, rows - 1}) {
          auto const row = x.slice({r, 0}, {r + 1, length});
          float const sum = lockstep::sum(row), most = lockstep::max(row);
          float const variance = lockstep::variance(row);
          lockstep::index const place = lockstep::argmin(row);
          auto const at = static_cast<std::size_t>(r);
          wrong += sums[at] != sum || largest[at] != 2 * most || spread[at] != variance || places[at] != place;
        }
        CHECK(wrong == 0);
      }
  });
}

template <class T>
void check_special_rows(device const& dev, std::size_t rows, std::size_t length) {
  INFO(rows, " rows of ", length);
  T const huge = std::numeric_limits<T>::infinity();
  std::vector<T> host(rows * length), zeros(rows * length, -T(0)), lowest(rows), largest(rows);
  std::vector<index> first(rows);
  for (std::size_t r = 0; r < rows; ++r) {
    T* const row = &host[r * length];
    for (std::size_t i = 0; i < length; ++i) row[i] = static_cast<T>((r * 7 + i * 13) % 31) - 15;
    if (r % 3 == 0) row[r % length] = std::numeric_limits<T>::quiet_NaN();
    if (r % 2 == 0) row[length - 1] = huge, row[length / 2] = -huge;
    lowest[r] = *std::min_element(row, row + length), largest[r] = *std::max_element(row, row + length);
    for (std::size_t i = 0; i < length; ++i)
      if (row[i] != row[i]) lowest[r] = largest[r] = row[i];
    first[r] = std::find_if(row, row + length, [&](T v) { return v == largest[r] || v != v; }) - row;
  }
  array<T, 2> const x(dev, {rows, length}, host), z(dev, {rows, length}, zeros);
  auto const low = min(x, axis(1)).to_host(), high = max(x, axis(1)).to_host();
  auto const sums = sum(z, axis(1)).to_host(), down = sum(z, axis(0)).to_host();
  auto const same = [](T a, T b) { return a == b || (a != a && b != b); };
  CHECK(std::equal(low.begin(), low.end(), lowest.begin(), same));
  CHECK(std::equal(high.begin(), high.end(), largest.begin(), same));
  CHECK(argmax(x, axis(1)).to_host() == first);
  CHECK(argmax(x + T(0), axis(1)).to_host() == first);
  auto const spread = variance(x, axis(1)).to_host();  // of rows with NaN or infinity: NaN
  for (std::size_t r = 0; r < rows; ++r)
    CHECK((spread[r] != spread[r]) == (r % 3 == 0 || (r % 2 == 0 && largest[r] - largest[r] != 0)));
  CHECK(std::all_of(sums.begin(), sums.end(), [](T v) { return v == 0 && std::signbit(v); }));
  CHECK(std::all_of(down.begin(), down.end(), [](T v) { return v == 0 && std::signbit(v); }));
  for (std::size_t r : {std::size_t{0}, rows / 2, rows - 1}) {
    auto const row = x.slice({r, 0}, {r + 1, length});
    CHECK(same(T(min(row)), lowest[r]));
    CHECK(same(T(max(row)), largest[r]));
  }
}

TEST_CASE("NaN, infinities and negative zeros in rows of every length") {
  for_each_device([](device const& dev) {
    for (std::size_t length : {1, 3, 4, 7, 8, 9, 16, 20, 31, 32, 33, 100, 4097})
      for (std::size_t rows : {1, 7, 8, 19}) {
        check_special_rows<float>(dev, rows, length);
        check_special_rows<double>(dev, rows, length);
      }
  });
}

}  // namespace reduce_axis_tests
