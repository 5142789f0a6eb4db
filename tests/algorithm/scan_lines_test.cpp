// Runs on: cpu
// Covers: scan: inclusive_scan exclusive_scan; types: integers float
// Scans along an axis of any rank against plain loops.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <lockstep/algorithm/scan_lines.hpp>
#include <lockstep/lockstep.hpp>

#include "support/devices.hpp"
#include "support/values.hpp"

namespace scan_lines_tests {

using lockstep::array, lockstep::axis, lockstep::device, lockstep::exclusive_scan, lockstep::inclusive_scan,
    lockstep::index, lockstep::shape;
using lockstep::test::difference, lockstep::test::for_each_device, lockstep::test::generator,
    lockstep::test::message_of, lockstep::test::random_values, lockstep::test::same_bits;

/// Composition of x -> factor * x + offset modulo 2^32, the left one first: associative, not commutative.
struct affine {
  std::uint32_t factor, offset;
  bool operator==(affine const&) const = default;
};
struct compose {
  affine operator()(affine f, affine g) const { return {f.factor * g.factor, f.offset * g.factor + g.offset}; }
};

/// Both scans of (outer, length, inner).
template <class T, class Op>
void scan_loop(std::vector<T> const& in, std::size_t length, std::size_t inner, T initial, Op op,
               std::vector<T>& inclusive, std::vector<T>& exclusive) {
  inclusive = exclusive = in;
  for (std::size_t i = 0; i < in.size(); ++i) {
    bool const first = i / inner % length == 0;
    inclusive[i] = first ? in[i] : static_cast<T>(op(inclusive[i - inner], in[i]));
    exclusive[i] = first ? initial : static_cast<T>(op(exclusive[i - inner], in[i - inner]));
  }
}

template <class T, class Op>
void check(device const& dev, index outer, index length, index inner, std::vector<T> const& host, T initial, Op op) {
  INFO("outer ", outer, ", length ", length, ", inner ", inner);
  std::vector<T> inclusive, exclusive;
  scan_loop(host, std::size_t(length), std::size_t(inner), initial, op, inclusive, exclusive);
  auto const flat = array<T>(dev, host);
  array<T, 3> x = flat.reshape(shape{outer, length, inner});
  CHECK(inclusive_scan(x, axis(1), op).to_host() == inclusive);
  CHECK(exclusive_scan(x, axis(1), initial, op).to_host() == exclusive);
  if (inner == 1) {
    auto const rows = flat.reshape(shape{outer, length});
    CHECK(inclusive_scan(rows, axis(1), op).to_host() == inclusive);
    CHECK(exclusive_scan(rows, axis(1), initial, op).to_host() == exclusive);
  }
  if (outer == 1) {
    auto const lines = flat.reshape(shape{length, inner});
    CHECK(inclusive_scan(lines, axis(0), op).to_host() == inclusive);
  }
  x = exclusive_scan(x, axis(1), initial, op);  // in place
  CHECK(x.to_host() == exclusive);
}

TEST_CASE("along every axis") {
  for_each_device([](device const& dev) {
    index const shapes[][3] = {{1, 1, 1},     {1, 5, 1},     {3, 7, 1},    {5, 33, 1},    {2, 16384, 1},
                               {3, 16385, 1}, {1, 1, 70},    {1, 9, 63},   {1, 9, 64},    {2, 9, 65},
                               {1, 3, 2049},  {3, 4, 5},     {300, 50, 3}, {1, 40, 5000}, {100, 700, 1},
                               {40000, 3, 1}, {1, 40000, 2}, {70, 5, 200}, {1, 50000, 1}, {40, 17000, 1}};
    for (auto const& s : shapes) {
      auto const n = std::size_t(s[0] * s[1] * s[2]);
      check(dev, s[0], s[1], s[2], random_values<float>(n, n, -3, 4), 0.5f, lockstep::plus{});
      if (n > 200'000) continue;
      check(dev, s[0], s[1], s[2], random_values<int>(n, n), 3, lockstep::minimum{});
      check(dev, s[0], s[1], s[2], random_values<std::uint8_t>(n, n, 0, 200), std::uint8_t{9}, lockstep::plus{});
      check(dev, s[0], s[1], s[2], random_values<std::int64_t>(n, n), std::int64_t{9}, lockstep::plus{});
      generator random(n);
      std::vector<affine> maps(n);
      for (auto& v : maps) v = {std::uint32_t(random.next() | 1), std::uint32_t(random.next())};
      check(dev, s[0], s[1], s[2], maps, affine{3, 5}, compose{});
    }
  });
}

/// Rows of every length up to some vectors, with zeros of both signs and NaN, to the bit.
template <class T, class Op>
void check_picks_of_rows(device const& dev, Op op) {
  index const rows = 7;
  for (index length = 1; length < 300; length += length < 70 ? 1 : 13) {
    generator random{std::uint64_t(length)};
    std::vector<T> host(std::size_t(rows * length)), inclusive, exclusive;
    for (T& v : host) v = random.next() % 97 == 0 ? -T(__builtin_nanf("")) : random.next() % 2 == 0 ? T(0) : -T(0);
    scan_loop(host, std::size_t(length), 1, T(-1), op, inclusive, exclusive);
    array<T, 2> const x(dev, shape{rows, length}, host);
    auto const found = inclusive_scan(x, axis(1), op).to_host();
    CHECK(std::memcmp(found.data(), inclusive.data(), host.size() * sizeof(T)) == 0);
    auto const before = exclusive_scan(x, axis(1), T(-1), op).to_host();
    CHECK(std::memcmp(before.data(), exclusive.data(), host.size() * sizeof(T)) == 0);
  }
}

TEST_CASE("picks along rows are those of a loop") {
  for_each_device([](device const& dev) {
    check_picks_of_rows<float>(dev, lockstep::maximum{});
    check_picks_of_rows<double>(dev, lockstep::minimum{});
  });
}

TEST_CASE("rows of every length") {
  for_each_device([](device const& dev) {
    for (index length = 1; length < 300; length += length < 70 ? 1 : 13) {
      check(dev, 5, length, 1, random_values<int>(std::size_t(5 * length), std::size_t(length)), 3, lockstep::plus{});
      auto const small = random_values<double>(std::size_t(5 * length), std::size_t(length), -9, 9);
      check(dev, 5, length, 1, small, 3.0, lockstep::plus{});
      check(dev, 5, length, 1, random_values<std::int64_t>(std::size_t(5 * length), 1), std::int64_t{3},
            lockstep::minimum{});
    }
  });
}

TEST_CASE("outputs past the caches") {
  for_each_device([](device const& dev) {
    for (index columns : {2560, 2561}) {
      auto const host = random_values<int>(std::size_t(2600 * columns), 1);
      array<int, 2> const x(dev, shape{index{2600}, columns}, host);
      std::vector<int> inclusive, exclusive;
      scan_loop(host, 2600, std::size_t(columns), 5, lockstep::plus{}, inclusive, exclusive);
      CHECK(difference(inclusive_scan(x, axis(0)).to_host(), inclusive) == "");
      CHECK(difference(exclusive_scan(x, axis(0), 5).to_host(), exclusive) == "");
      scan_loop(host, std::size_t(columns), 1, 5, lockstep::plus{}, inclusive, exclusive);
      CHECK(difference(inclusive_scan(x, axis(1)).to_host(), inclusive) == "");
      CHECK(difference(exclusive_scan(x * 1, axis(1), 5).to_host(), exclusive) == "");
    }
  });
}

TEST_CASE("short rows past the caches") {
  for_each_device([](device const& dev) {
    for (index columns : {16, 32, 7}) {
      index const rows = 8'000'000 / columns;
      auto const host = random_values<int>(std::size_t(rows * columns), 1);
      array<int, 2> const x(dev, shape{rows, columns}, host);
      std::vector<int> inclusive, exclusive;
      scan_loop(host, std::size_t(columns), 1, 5, lockstep::plus{}, inclusive, exclusive);
      CHECK(difference(inclusive_scan(x, axis(1)).to_host(), inclusive) == "");
      CHECK(difference(exclusive_scan(x * 1, axis(1), 5).to_host(), exclusive) == "");
    }
  });
}

TEST_CASE("few long columns, in blocks of rows") {
  for_each_device([](device const& dev) {
    index const shapes[][3] = {{1, 140'000, 1}, {1, 70'001, 2}, {1, 50'001, 3}, {1, 27'001, 5}, {1, 16'385, 8},
                               {1, 12'001, 12}, {1, 8192, 16},  {1, 8193, 17},  {1, 7001, 20},  {1, 2049, 64},
                               {1, 520, 255},   {1, 512, 256},  {1, 511, 257},  {2, 9000, 16},  {4, 600, 250}};
    for (auto const& s : shapes) {
      auto const n = std::size_t(s[0] * s[1] * s[2]);
      check(dev, s[0], s[1], s[2], random_values<float>(n, n, -3, 4), 0.5f, lockstep::plus{});
      check(dev, s[0], s[1], s[2], random_values<std::int64_t>(n, n), std::int64_t{9}, lockstep::minimum{});
      if (dev.is_gpu()) continue;
      check(dev, s[0], s[1], s[2], random_values<std::uint8_t>(n, n, 0, 200), std::uint8_t{9}, lockstep::plus{});
      generator random(n);
      std::vector<affine> maps(n);
      for (auto& v : maps) v = {std::uint32_t(random.next() | 1), std::uint32_t(random.next())};
      check(dev, s[0], s[1], s[2], maps, affine{3, 5}, compose{});
    }
    auto const host = random_values<int>(std::size_t{500'000 * 13}, 1);  // past the caches
    array<int, 2> const x(dev, shape{500'000, 13}, host);
    std::vector<int> inclusive, exclusive;
    scan_loop(host, 500'000, 13, 5, lockstep::plus{}, inclusive, exclusive);
    CHECK(difference(inclusive_scan(x, axis(0)).to_host(), inclusive) == "");
    CHECK(difference(exclusive_scan(x * 1, axis(0), 5).to_host(), exclusive) == "");
  });
}

TEST_CASE("few long columns have the same bits on any number of threads") {
  for (index columns : {1, 5, 16, 50, 256}) {
    index const rows = 200'003 / columns;
    generator random(1);
    std::vector<float> host(std::size_t(rows * columns)), alone;
    for (float& v : host) v = static_cast<float>(random.between(-1, 2));
    for (int threads : {1, 2, 3, 4, 7}) {
      array<float, 2> const x(device::cpu(threads), shape{rows, columns}, host);
      auto const down = inclusive_scan(x, axis(0)).to_host(), read = inclusive_scan(x * 1.0f, axis(0)).to_host();
      if (threads == 1) alone = down;
      CHECK(same_bits(down, alone));
      CHECK(same_bits(read, alone));
    }
    std::vector<double> sums(std::size_t(columns), 0), magnitudes(std::size_t(columns), 0);
    double worst = 0;
    for (std::size_t i = 0; i < host.size(); ++i) {
      double &sum = sums[i % sums.size()], &magnitude = magnitudes[i % sums.size()];
      sum += host[i], magnitude += std::fabs(host[i]);
      worst = std::max(worst, std::fabs(sum - alone[i]) / magnitude);
    }
    CHECK(worst < 1e-5);
  }
}

TEST_CASE("operands of any form, and results anywhere") {
  for_each_device([](device const& dev) {
    index const rows = 130, columns = 300;
    auto const host = random_values<int>(std::size_t(rows * columns), 1);
    array<int, 2> const x(dev, shape{rows, columns}, host);
    std::vector<int> turned(host.size()), squares(host.size()), inclusive, exclusive;
    for (index i = 0; i < rows; ++i)
      for (index j = 0; j < columns; ++j) {
        turned[std::size_t(j * rows + i)] = host[std::size_t(i * columns + j)];
        squares[std::size_t(i * columns + j)] = host[std::size_t(i * columns + j)] * host[std::size_t(i * columns + j)];
      }
    scan_loop(turned, std::size_t(rows), 1, 0, lockstep::plus{}, inclusive, exclusive);
    CHECK(inclusive_scan(x.transpose(), axis(1)).to_host() == inclusive);
    scan_loop(turned, std::size_t(columns), std::size_t(rows), 0, lockstep::plus{}, inclusive, exclusive);
    CHECK(inclusive_scan(x.transpose(), axis(0)).to_host() == inclusive);
    scan_loop(squares, std::size_t(columns), 1, 2, lockstep::plus{}, inclusive, exclusive);
    CHECK(inclusive_scan(x * x, axis(1)).to_host() == inclusive);
    CHECK(exclusive_scan(x * x, axis(1), 2).to_host() == exclusive);
    CHECK(int(lockstep::max(inclusive_scan(x * x, axis(1)))) == *std::max_element(inclusive.begin(), inclusive.end()));
    array<int, 2> into = lockstep::zeros<int>(dev, shape{rows + 2, columns + 2});
    into.slice({1, 1}, {rows + 1, columns + 1}) = inclusive_scan(x * x, axis(1));
    CHECK(array<int, 2>(into.slice({1, 1}, {rows + 1, columns + 1})).to_host() == inclusive);
    array<int> const line = lockstep::arange<int>(dev, columns);
    auto const spread = inclusive_scan(line.broadcast_to(shape{rows, columns}), axis(0)).to_host();
    CHECK(spread[std::size_t(129 * columns + 7)] == 130 * 7);
    auto const counted = inclusive_scan(x > 0, axis(0));
    static_assert(std::is_same_v<lockstep::value_t<decltype(counted)>, index>);
    CHECK(counted.to_host().back() == index(lockstep::count(x.slice({0, columns - 1}, {rows, columns}) > 0)));
  });
}

TEST_CASE("a row is scanned as it is alone, with the same bits on any number of threads") {
  for (index length : {1000, 16385, 100'003}) {
    generator random(1);
    std::vector<float> host(std::size_t(3 * length)), lines;
    for (float& v : host) v = static_cast<float>(random.between(-1, 2));
    for (int threads : {1, 2, 3, 4, 7}) {
      device const dev = device::cpu(threads);
      array<float, 2> const x(dev, shape{index{3}, length}, host);
      auto const rows = inclusive_scan(x, axis(1)).to_host(), down = inclusive_scan(x, axis(0)).to_host();
      std::vector<float> const second(rows.begin() + length, rows.begin() + 2 * length);
      array<float> const alone(dev, std::vector<float>(host.begin() + length, host.begin() + 2 * length));
      CHECK(same_bits(second, inclusive_scan(alone).to_host()));
      if (threads == 1) lines = down;
      CHECK(same_bits(down, lines));
    }
  }
}

TEST_CASE("nothing, and axes that are not there") {
  for_each_device([](device const& dev) {
    array<int, 2> const none(dev, shape{0, 5}), empty_rows(dev, shape{5, 0}), x(dev, shape{2, 3});
    CHECK(inclusive_scan(none, axis(0)).to_host().empty());
    CHECK(exclusive_scan(empty_rows, axis(1)).to_host().empty());
    CHECK(inclusive_scan(empty_rows, axis(0)).to_host().empty());
    CHECK(message_of<lockstep::shape_error>([&] { static_cast<void>(inclusive_scan(x, axis(2))); }) ==
          "inclusive_scan: found axis 2, expected an axis of the shape (2, 3)");
    auto const fail = [](int a, int b) { return b == 777 ? throw std::runtime_error("no") : a + b; };
    auto const many = lockstep::arange<int>(dev, 80'000);
    CHECK_THROWS_AS(inclusive_scan(many.reshape(shape{400, 200}), axis(0), fail).to_host(), std::runtime_error);
    CHECK_THROWS_AS(inclusive_scan(many.reshape(shape{400, 200}), axis(1), fail).to_host(), std::runtime_error);
    auto const long_columns = lockstep::arange<int>(dev, 160'000).reshape(shape{20'000, 8});
    CHECK_THROWS_AS(inclusive_scan(long_columns, axis(0), fail).to_host(), std::runtime_error);
  });
}

}  // namespace scan_lines_tests
