// Runs on: cpu
// Covers: row: softmax log_softmax standardize map_rows; types: integers float double half
// Row kernels against plain loops in double, along every axis, at the lengths around the ways to walk rows.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <lockstep/algorithm/row.hpp>
#include <lockstep/lockstep.hpp>

#include "algorithm/row_space.hpp"
#include "support/devices.hpp"
#include "support/values.hpp"

namespace row_tests {

using lockstep::array, lockstep::axis, lockstep::device, lockstep::index, lockstep::map_rows, lockstep::shape;
using lockstep::test::by_rows, lockstep::test::row_space;
using lockstep::test::contains, lockstep::test::difference, lockstep::test::far_from, lockstep::test::for_each_device,
    lockstep::test::message_of, lockstep::test::random_values, lockstep::test::same_bits;

void softmax_row(std::vector<double>& row) {
  double peak = row[0], sum = 0;
  for (double v : row) peak = v > peak ? v : peak;
  for (double& v : row) sum += v = std::exp(v - peak);
  for (double& v : row) v /= sum;
}
void log_softmax_row(std::vector<double>& row) {
  double peak = row[0], sum = 0;
  for (double v : row) peak = v > peak ? v : peak;
  for (double v : row) sum += std::exp(v - peak);
  for (double& v : row) v = v - peak - std::log(sum);
}
void standardize_row(std::vector<double>& row) {
  double sum = 0, squares = 0;
  for (double v : row) sum += v;
  double const mean = sum / double(row.size());
  for (double v : row) squares += (v - mean) * (v - mean);
  for (double& v : row) v = (v - mean) / std::sqrt(squares / double(row.size()) + 1e-5);
}

template <class T>
void check_kernels(device const& dev, row_space const& s) {
  INFO("outer ", s.outer, " length ", s.length, " inner ", s.inner);
  auto const host = random_values<T>(s.size(), s.size(), -4, 4);
  array<T, 3> const x(dev, {s.outer, s.length, s.inner}, host);
  std::vector<double> const exact(host.begin(), host.end());
  double const tolerance = sizeof(T) == 4 ? 4e-6 : 2e-14;
  CHECK(far_from(softmax(x, axis(1)).to_host(), by_rows(exact, s, softmax_row), tolerance, 1e-3) == "");
  CHECK(far_from(log_softmax(x, axis(1)).to_host(), by_rows(exact, s, log_softmax_row), tolerance) == "");
  CHECK(far_from(standardize(x, axis(1)).to_host(), by_rows(exact, s, standardize_row), 20 * tolerance) == "");
}

TEST_CASE("softmax, log_softmax and standardize along the last axis") {
  for_each_device([](device const& dev) {
    for (std::size_t length : {1, 2, 7, 8, 16, 17, 63, 64, 65, 100, 255, 256, 257, 1000, 4095, 4096, 4097, 9000})
      for (std::size_t rows : {1, 15, 67}) check_kernels<float>(dev, {rows, length, 1});
    for (std::size_t length : {5, 64, 300, 5000}) check_kernels<double>(dev, {37, length, 1});
    for (std::size_t length : {65535, 65536, 65537, 70001, 200000}) check_kernels<float>(dev, {2, length, 1});
    check_kernels<double>(dev, {1, 70001, 1});
    check_kernels<float>(dev, {9001, 9, 1});
  });
}

TEST_CASE("the same along other axes") {
  for_each_device([](device const& dev) {
    for (std::size_t length : {1, 2, 63, 64, 65, 129, 500})
      for (std::size_t inner : {2, 15, 16, 64, 65, 200}) check_kernels<float>(dev, {3, length, inner});
    for (std::size_t length : {2048, 8191, 8192, 8193, 20001})
      for (std::size_t inner : {3, 70}) check_kernels<float>(dev, {1, length, inner});
    check_kernels<double>(dev, {2, 9000, 17});
    check_kernels<double>(dev, {5, 40, 33});
  });
}

TEST_CASE("the same bits on any number of threads") {
  for (row_space const s :
       {row_space{3000, 40, 1}, {300, 1000, 1}, {1, 150001, 1}, {4, 300, 100}, {1, 20000, 9}, {2, 9000, 70}}) {
    auto const host = random_values<float>(s.size(), 3, -4, 4);
    std::vector<float> first[3];
    for (std::size_t threads : {1, 2, 3, 4, 7}) {
      array<float, 3> const x(device::cpu(threads), {s.outer, s.length, s.inner}, host);
      std::vector<float> const found[] = {softmax(x, axis(1)).to_host(), log_softmax(x, axis(1)).to_host(),
                                          standardize(x, axis(1)).to_host()};
      for (int i = 0; i < 3; ++i) {
        if (threads == 1) first[i] = found[i];
        CHECK(same_bits(found[i], first[i]));
      }
    }
  }
}

TEST_CASE("large results are written past the caches") {
  for_each_device([](device const& dev) {
    for (row_space const s : {row_space{450000, 16, 1}, {1700, 4096, 1}, {1, 7000000, 1}, {64, 256, 432}}) {
      auto const host = random_values<float>(s.size(), 4, -4, 4);
      array<float, 3> x(dev, {s.outer, s.length, s.inner}, host);
      array<float, 3> const y = softmax(x, axis(1));
      auto const expected = by_rows(std::vector<double>(host.begin(), host.end()), s, softmax_row);
      CHECK(far_from(y.to_host(), expected, 4e-6, 1e-3) == "");
      x = softmax(x, axis(1));
      CHECK(same_bits(x.to_host(), y.to_host()));
    }
  });
}

TEST_CASE("special values, as in PyTorch") {
  float const inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  for_each_device([&](device const& dev) {
    for (std::size_t length : {5, 300, 70000}) {
      std::vector<float> host(6 * length, 0.0f), expected(6 * length, 1 / float(length));
      auto const row = [&](std::vector<float>& v, std::size_t r) { return v.begin() + long(r * length); };
      std::fill(row(host, 0), row(host, 1), -inf), std::fill(row(expected, 0), row(expected, 1), nan);
      row(host, 1)[3] = nan, std::fill(row(expected, 1), row(expected, 2), nan);
      row(host, 2)[0] = inf, std::fill(row(expected, 2), row(expected, 3), nan);
      std::fill(row(host, 3), row(host, 4), -inf), row(host, 3)[4] = -200;
      std::fill(row(expected, 3), row(expected, 4), 0.0f), row(expected, 3)[4] = 1;
      std::fill(row(host, 4), row(host, 5), -3e38f), row(host, 4)[2] = 3e38f;
      std::fill(row(expected, 4), row(expected, 5), 0.0f), row(expected, 4)[2] = 1;
      array<float, 2> const x(dev, {6, length}, host);
      auto const found = softmax(x).to_host();
      CHECK(far_from(found, std::vector<double>(expected.begin(), expected.end()), 1e-5, 1e-30) == "");
      auto const upright = softmax(x.transpose(), axis(0)).to_host();
      std::size_t parted = 0;
      for (std::size_t i = 0; i < host.size(); ++i) {
        float const other = upright[i % length * 6 + i / length];
        parted += (expected[i] != expected[i]) != (other != other);
      }
      CHECK(parted == 0);
      auto const logs = log_softmax(x).to_host();
      CHECK(logs[3 * length + 4] == 0);
      CHECK(logs[3 * length] == -inf);
      CHECK(logs[0] != logs[0]);
    }
  });
}

TEST_CASE("long rows along another axis, in parts whose peaks are far apart") {
  float const inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  constexpr std::size_t length = 9000, columns = 7;
  std::vector<float> host = random_values<float>(length * columns, 5, -4, 4);
  auto const at = [&](std::size_t row, std::size_t column) -> float& { return host[row * columns + column]; };
  for (std::size_t r = 0; r < length; ++r) {
    if (r < 200 || r > 8000) at(r, 0) = -inf;    // parts that hold nothing else
    at(r, 1) = -inf;                             // NaN
    at(r, 2) = r < 4000 ? -1e38f : 1e38f;        // far apart
    at(r, 3) = static_cast<float>(r) / 50 - 90;  // every part's peak is another
    at(r, 4) = r == 8999 ? -200.0f : -inf;
  }
  at(5000, 5) = nan, at(6000, 6) = inf;
  row_space const s{1, length, columns};
  for_each_device([&](device const& dev) {
    array<float, 2> const x(dev, {length, columns}, host);
    auto const found = softmax(x, axis(0)).to_host(), logs = log_softmax(x, axis(0)).to_host();
    std::vector<double> const exact(host.begin(), host.end());
    auto const expected = by_rows(exact, s, softmax_row), expected_logs = by_rows(exact, s, log_softmax_row);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < host.size(); ++i) {
      bool const none = i % columns == 1 || i % columns >= 5;
      if (none) {
        wrong += found[i] == found[i] || logs[i] == logs[i];
        continue;
      }
      wrong += !(std::abs(found[i] - expected[i]) <= 1e-5 * expected[i] + 1e-35);
      bool const same_log = host[i] == -inf
                                ? logs[i] == -inf
                                : std::abs(logs[i] - expected_logs[i]) <= 1e-5 * std::abs(expected_logs[i]) + 1e-5;
      wrong += !same_log;
    }
    CHECK(wrong == 0);
    array<float, 2> y = x * 1.0f;
    CHECK(same_bits(softmax(x * 1.0f, axis(0)).to_host(), found));
    y = softmax(y, axis(0));
    CHECK(same_bits(y.to_host(), found));
  });
}

TEST_CASE("integers give double; the last axis is the default; ranks 1 to 4") {
  for_each_device([](device const& dev) {
    array<int> const k(dev, std::vector<int>{1, 2, 3});
    static_assert(std::is_same_v<lockstep::value_t<decltype(softmax(k))>, double>);
    double const sum = std::exp(-2) + std::exp(-1) + 1;
    CHECK(far_from(softmax(k).to_host(), {std::exp(-2) / sum, std::exp(-1) / sum, 1 / sum}, 1e-14) == "");
    CHECK(far_from(standardize(k, 0.0).to_host(), {-std::sqrt(1.5), 0, std::sqrt(1.5)}, 1e-14) == "");
    auto const host = random_values<float>(2 * 3 * 4 * 5, 1);
    array<float, 4> const x(dev, {2, 3, 4, 5}, host);
    for (std::size_t a = 0; a < 4; ++a) {
      std::size_t const extents[] = {2, 3, 4, 5};
      row_space s{1, extents[a], 1};
      for (std::size_t i = 0; i < a; ++i) s.outer *= extents[i];
      for (std::size_t i = a + 1; i < 4; ++i) s.inner *= extents[i];
      auto const expected = by_rows(std::vector<double>(host.begin(), host.end()), s, softmax_row);
      CHECK(far_from(softmax(x, axis(a)).to_host(), expected, 4e-6) == "");
      if (a == 3) CHECK(far_from(softmax(x).to_host(), expected, 4e-6) == "");
    }
  });
}

TEST_CASE("half is computed as float") {
  device const dev = device::cpu(2);
  array<float, 2> const x(dev, {5, 30}, random_values<float>(150, 1, -4, 4));
  array<lockstep::half, 2> const h = lockstep::cast<lockstep::half>(x);  // multiples of 1/64: exact
  static_assert(std::is_same_v<lockstep::value_t<decltype(softmax(h))>, float>);
  CHECK(same_bits(softmax(h).to_host(), softmax(x).to_host()));
}

TEST_CASE("of expressions, into windows, in place, inside larger expressions") {
  for_each_device([](device const& dev) {
    std::size_t const n = 70, m = 90;
    auto const host = random_values<float>(n * m, 1, -2, 2);
    array<float, 2> const x(dev, {n, m}, host);
    array<float> const scale(dev, random_values<float>(m, 2, -1, 1));
    array<float, 2> const computed = x * scale + 1.0f, turned = x.transpose(), part = x.slice({3, 5}, {60, 71});
    CHECK(same_bits(softmax(x * scale + 1.0f).to_host(), softmax(computed).to_host()));
    CHECK(same_bits(softmax(x.transpose()).to_host(), softmax(turned).to_host()));
    CHECK(same_bits(softmax(x.slice({3, 5}, {60, 71})).to_host(), softmax(part).to_host()));
    array<float, 2> const plain = softmax(x);
    array<float, 2> const doubled = softmax(x) * 2.0f - x, doubled_plain = plain * 2.0f - x;
    CHECK(same_bits(doubled.to_host(), doubled_plain.to_host()));
    array<double, 2> const wide = softmax(x);
    CHECK(difference(wide.to_host(), plain.to_host()) == "");
    array<float, 2> into = lockstep::zeros<float>(dev, shape{n + 2, m + 2});
    into.slice({1, 1}, {n + 1, m + 1}) = softmax(x);
    CHECK(same_bits(into.slice({1, 1}, {n + 1, m + 1}).to_host(), plain.to_host()));
    CHECK(float(lockstep::sum(into)) == float(lockstep::sum(into.slice({1, 1}, {n + 1, m + 1}))));
    for (std::size_t a : {0, 1}) {
      array<float, 2> y = x;
      array<float, 2> const expected = softmax(x + 1.0f, axis(a));
      y = softmax(y + 1.0f, axis(a));
      CHECK(same_bits(y.to_host(), expected.to_host()));
    }
    array<float, 2> y = x;
    array<float, 2> const expected = softmax(neighbor(x, {0, 1}));
    y = softmax(neighbor(y, {0, 1}));
    CHECK(same_bits(y.to_host(), expected.to_host()));
    CHECK(lockstep::explain(softmax(x)).passes == 1);
    CHECK(lockstep::to_text(softmax(x, axis(0))) == "softmax(float[70, 90], axis 0)");
  });
}

TEST_CASE("nothing, and errors") {
  for_each_device([](device const& dev) {
    for (shape<2> const extents : {shape{0, 5}, shape{5, 0}, shape{0, 0}})
      for (std::size_t a : {0, 1}) {
        array<float, 2> const none(dev, extents);
        CHECK(softmax(none, axis(a)).to_host().empty());
        CHECK(softmax(none, axis(a)).shape() == extents);
      }
    array<float, 2> const x(dev, {2, 3}, random_values<float>(6, 1));
    auto const text = message_of<lockstep::shape_error>([&] { static_cast<void>(softmax(x, axis(2))); });
    CHECK(contains(text, "softmax: found axis 2, expected an axis of the shape (2, 3)"));
    CHECK(contains(
        message_of<lockstep::shape_error>([&] { static_cast<void>(map_rows(x, axis(7), [](float v) { return v; })); }),
        "map_rows: found axis 7"));
    array<float, 2> y(dev, {3, 2}, random_values<float>(6, 2));
    auto const before = y.to_host();
    CHECK_THROWS_AS(y = softmax(x), lockstep::shape_error);
    CHECK(same_bits(y.to_host(), before));
  });
}

}  // namespace row_tests
