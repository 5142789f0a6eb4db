// Runs on: cpu
// Covers: matmul: matmul matvec outer; types: integers float double half
// Products of matrices against plain loops: every layout of the operands, stacks, types, and what follows them in a
// pass.
#include <doctest/doctest.h>

#include <cstdint>
#include <cstdlib>
#include <limits>
#include <lockstep/algorithm/matmul.hpp>
#include <lockstep/lockstep.hpp>
#include <string>

#include "support/devices.hpp"
#include "support/values.hpp"

namespace matmul_tests {

using lockstep::array, lockstep::axis, lockstep::device, lockstep::explain, lockstep::index, lockstep::shape;
using lockstep::test::contains, lockstep::test::difference, lockstep::test::far_from, lockstep::test::for_each_device,
    lockstep::test::message_of, lockstep::test::random_values, lockstep::test::same_bits;

struct sizes {
  std::size_t n, k, m;
};

/// n x m sums of products in row-major order, of row-major operands.
template <class T>
std::vector<double> reference(std::vector<T> const& a, std::vector<T> const& b, sizes const& s) {
  std::vector<double> c(s.n * s.m, 0.0);
  for (std::size_t i = 0; i < s.n; ++i)
    for (std::size_t k = 0; k < s.k; ++k)
      for (std::size_t j = 0; j < s.m; ++j) c[i * s.m + j] += double(a[i * s.k + k]) * double(b[k * s.m + j]);
  return c;
}
template <class T>
std::vector<T> turned(std::vector<T> const& a, std::size_t rows, std::size_t columns) {
  std::vector<T> t(a.size());
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < columns; ++j) t[j * rows + i] = a[i * columns + j];
  return t;
}
template <class T>
double tolerance(sizes const& s) {
  return std::is_integral_v<T> ? 0 : (sizeof(T) == 4 ? 1e-7 : 1e-15) * double(s.k + 10);
}

template <class T>
void check_layouts(device const& dev, sizes const& s) {
  INFO("n ", s.n, " k ", s.k, " m ", s.m);
  auto const ha = random_values<T>(s.n * s.k, 1, -4, 4), hb = random_values<T>(s.k * s.m, 2, -4, 4);
  auto const expected = reference(ha, hb, s);
  auto const close = [&](auto const& found) { return far_from(found, expected, tolerance<T>(s), 10); };
  array<T, 2> const a(dev, {s.n, s.k}, ha), b(dev, {s.k, s.m}, hb);
  array<T, 2> const at(dev, {s.k, s.n}, turned(ha, s.n, s.k)), bt(dev, {s.m, s.k}, turned(hb, s.k, s.m));
  CHECK(close(matmul(a, b).to_host()) == "");
  CHECK(close(matmul(at.transpose(), b).to_host()) == "");
  CHECK(close(matmul(a, bt.transpose()).to_host()) == "");
  CHECK(close(matmul(transpose(at), transpose(bt)).to_host()) == "");
  CHECK(close(matmul(a + T(0), (bt * T(1)).transpose()).to_host()) == "");
  array<T, 2> wide = lockstep::zeros<T>(dev, shape{s.n + 2, s.k + 3});
  wide.slice({1, 2}, {s.n + 1, s.k + 2}) = a;
  CHECK(close(matmul(wide.slice({1, 2}, {s.n + 1, s.k + 2}), b).to_host()) == "");
  array<T, 2> tall = lockstep::zeros<T>(dev, shape{s.m + 1, s.k + 1});
  tall.slice({0, 1}, {s.m, s.k + 1}) = bt;
  CHECK(close(matmul(a, tall.slice({0, 1}, {s.m, s.k + 1}).transpose()).to_host()) == "");
}

/// Types that no BLAS knows: their operands lie by rows or are evaluated.
template <class T>
void check_integers(device const& dev, sizes const& s) {
  INFO("n ", s.n, " k ", s.k, " m ", s.m);
  auto const ha = random_values<T>(s.n * s.k, 1, -4, 4), hb = random_values<T>(s.k * s.m, 2, -4, 4);
  auto const expected = reference(ha, hb, s);
  array<T, 2> const a(dev, {s.n, s.k}, ha), b(dev, {s.k, s.m}, hb), bt(dev, {s.m, s.k}, turned(hb, s.k, s.m));
  CHECK(difference(matmul(a, b).to_host(), expected) == "");
  CHECK(difference(matmul(a, bt.transpose()).to_host(), expected) == "");
}

TEST_CASE("every layout of the operands, at all kinds of sizes") {
  for_each_device([](device const& dev) {
    for (sizes const s : {sizes{1, 1, 1},
                          {2, 3, 4},
                          {1, 50, 60},
                          {50, 60, 1},
                          {60, 1, 50},
                          {17, 33, 65},
                          {64, 64, 64},
                          {200, 300, 170},
                          {1, 1, 500},
                          {500, 1, 1},
                          {1, 500, 1},
                          {1000, 30, 100}}) {
      check_layouts<float>(dev, s);
      check_layouts<double>(dev, s);
    }
    check_integers<int>(dev, {30, 40, 50});
    check_integers<int>(dev, {61, 7, 600});
    check_integers<std::uint8_t>(dev, {5, 600, 7});
    check_integers<std::int64_t>(dev, {1, 9, 1});
    check_integers<std::int64_t>(dev, {3, 40000, 80});
    check_layouts<float>(dev, {700, 260, 530});
    check_layouts<float>(dev, {30, 20001, 20});  // long sums are cut
    check_layouts<float>(dev, {1, 100000, 40});
    check_layouts<float>(dev, {40, 100000, 1});
  });
}

TEST_CASE("types: integers are summed to 64 bits, mixed ones convert") {
  device const dev = device::cpu(2);
  array<int, 2> const k(dev, {1, 2}, std::vector<int>{2'000'000'000, 2'000'000'000}),
      ones(dev, {2, 1}, std::vector<int>{2, 2});
  static_assert(std::is_same_v<lockstep::value_t<decltype(matmul(k, ones))>, std::int64_t>);
  CHECK(matmul(k, ones).to_host() == std::vector<std::int64_t>{8'000'000'000});
  array<double, 2> const d(dev, {2, 1}, std::vector<double>{0.5, 0.25});
  array<float, 2> const f(dev, {1, 2}, std::vector<float>{2, 4});
  CHECK(matmul(f, d).to_host() == std::vector<double>{2});
  CHECK(matmul(k, d).to_host() == std::vector<double>{1.5e9});
}

TEST_CASE("stacks of matrices broadcast") {
  for_each_device([](device const& dev) {
    sizes const s{5, 7, 6};
    auto const ha = random_values<float>(2 * 3 * 35, 1, -4, 4), hb = random_values<float>(3 * 42, 2, -4, 4);
    array<float, 4> const a(dev, {2, 3, 5, 7}, ha);
    array<float, 3> const b(dev, {3, 7, 6}, hb), one(dev, {1, 7, 6}, std::vector<float>(hb.begin(), hb.begin() + 42));
    array<float, 2> const single(dev, {7, 6}, std::vector<float>(hb.begin(), hb.begin() + 42));
    auto const expected = [&](bool same) {
      std::vector<double> all;
      for (std::size_t i = 0; i < 6; ++i) {
        std::size_t const j = same ? 0 : i % 3;
        auto const part = reference(std::vector<float>(ha.begin() + long(i * 35), ha.begin() + long(i * 35 + 35)),
                                    std::vector<float>(hb.begin() + long(j * 42), hb.begin() + long(j * 42 + 42)), s);
        all.insert(all.end(), part.begin(), part.end());
      }
      return all;
    };
    CHECK(matmul(a, b).shape() == shape{2, 3, 5, 6});
    CHECK(far_from(matmul(a, b).to_host(), expected(false), 1e-5) == "");
    CHECK(far_from(matmul(a, one).to_host(), expected(true), 1e-5) == "");
    CHECK(far_from(matmul(a, single).to_host(), expected(true), 1e-5) == "");
    CHECK(far_from(matmul(a + 0.0f, b * 1.0f).to_host(), expected(false), 1e-5) == "");
    CHECK(far_from((matmul(a, b) * 1.0f).to_host(), expected(false), 1e-5) == "");
    array<float> const x(dev, std::vector<float>(7, 2.0f));
    array<float, 3> const sums = 2.0f * sum(a, axis(3));
    CHECK(far_from(
              matvec(a, x).to_host(),
              [&] {
                auto const v = sums.to_host();
                return std::vector<double>(v.begin(), v.end());
              }(),
              1e-5) == "");
  });
}

TEST_CASE("matrices and vectors") {
  for_each_device([](device const& dev) {
    for (sizes const s : {sizes{1, 1, 1}, {3, 1000, 1}, {1000, 3, 1}, {513, 777, 1}, {4000, 1100, 1}}) {
      auto const ha = random_values<float>(s.n * s.k, 1, -4, 4), hx = random_values<float>(s.k, 2, -4, 4);
      auto const expected = reference(ha, hx, s);
      array<float, 2> const a(dev, {s.n, s.k}, ha), at(dev, {s.k, s.n}, turned(ha, s.n, s.k));
      array<float> const x(dev, hx);
      array<float, 2> pairs = lockstep::zeros<float>(dev, shape{s.k, 2});
      pairs.slice({0, 1}, {s.k, 2}) = column(x);
      array<int, 2> const k = lockstep::cast<int>(a);
      CHECK(matvec(a, x).shape() == shape{s.n});
      double const near = tolerance<float>(s);
      CHECK(far_from(matvec(a, x).to_host(), expected, near, 10) == "");
      CHECK(far_from(matvec(at.transpose(), x).to_host(), expected, near, 10) == "");
      CHECK(far_from(matvec(a, x + 0.0f).to_host(), expected, near, 10) == "");
      CHECK(far_from(matmul(a, pairs.slice({0, 1}, {s.k, 2})).to_host(), expected, near, 10) == "");
      array<float> y(dev, s.n);
      y = 2.0f * matvec(a, x) - 1.0f;
      auto doubled = expected;
      for (double& v : doubled) v = 2 * v - 1;
      CHECK(far_from(y.to_host(), doubled, near, 10) == "");
      CHECK(difference(matvec(k, lockstep::cast<int>(x)).to_host(),
                       reference(k.to_host(), array<int>(lockstep::cast<int>(x)).to_host(), s)) == "");
    }
    array<int> const u(dev, std::vector<int>{1, 2}), v(dev, std::vector<int>{3, 4, 5});
    CHECK(outer(u, v).to_host() == std::vector<int>{3, 4, 5, 6, 8, 10});
  });
}

TEST_CASE("what follows a product joins its pass") {
  for_each_device([](device const& dev) {
    for (sizes const s : {sizes{3, 4, 5}, {300, 200, 310}, {1100, 16, 1050}}) {
      array<float, 2> const a(dev, {s.n, s.k}, random_values<float>(s.n * s.k, 1, -4, 4));
      array<float, 2> const b(dev, {s.k, s.m}, random_values<float>(s.k * s.m, 2, -4, 4));
      array<float, 2> const c(dev, {s.n, s.m}, random_values<float>(s.n * s.m, 3, -4, 4));
      array<float> const bias(dev, random_values<float>(s.m, 4, -4, 4));
      array<float, 2> const plain = matmul(a, b);
      CHECK(explain(lockstep::max(matmul(a, b) + bias, 0.0f)).passes == 1);
      CHECK(explain(lockstep::max(matmul(a, b) + bias, 0.0f)).temporaries.empty());
      array<float, 2> const relu = lockstep::max(matmul(a, b) + bias, 0.0f),
                            relu_expected = lockstep::max(plain + bias, 0.0f);
      CHECK(same_bits(relu.to_host(), relu_expected.to_host()));
      array<float, 2> y = lockstep::zeros<float>(dev, c.shape());
      y = c - 2.0f * matmul(a, b);
      array<float, 2> const expected = c - 2.0f * plain;
      CHECK(same_bits(y.to_host(), expected.to_host()));
      y = c;
      y = y - 2.0f * matmul(a, b);  // reads what it writes
      CHECK(same_bits(y.to_host(), expected.to_host()));
      array<double, 2> const wide = c - 2.0f * matmul(a, b);
      CHECK(difference(wide.to_host(), expected.to_host()) == "");
      array<float, 2> large = lockstep::zeros<float>(dev, shape{s.n + 1, s.m + 2});
      large.slice({1, 1}, {s.n + 1, s.m + 1}) = c - 2.0f * matmul(a, b);
      CHECK(same_bits(large.slice({1, 1}, {s.n + 1, s.m + 1}).to_host(), expected.to_host()));
      array<bool, 2> const positive = matmul(a, b) > 0.0f, positive_expected = plain > 0.0f;
      CHECK(positive.to_host() == positive_expected.to_host());
      array<float, 2> const both = matmul(a, b) + matmul(a, b),
                            both_expected = plain + plain;  // two of them: temporaries
      CHECK(same_bits(both.to_host(), both_expected.to_host()));
      array<float, 2> const centered = matmul(a, b) - mean(matmul(a, b), axis(0)),
                            centered_expected = plain - mean(plain, axis(0));
      CHECK(same_bits(centered.to_host(), centered_expected.to_host()));
      CHECK(float(lockstep::sum(matmul(a, b))) == float(lockstep::sum(plain)));
    }
  });
}

TEST_CASE("a product that broadcasts against something larger is computed first") {
  device const dev = device::cpu(2);
  array<float, 2> const row(dev, {1, 3}, std::vector<float>{1, 2, 3}), square(dev, {3, 3}, std::vector<float>(9, 1.0f));
  array<float, 2> const tall(dev, {4, 3}, random_values<float>(12, 1));
  array<float, 2> const found = matmul(row, square) + tall, expected = tall + 6.0f;
  CHECK(same_bits(found.to_host(), expected.to_host()));
}

TEST_CASE("a product may replace its operands") {
  for_each_device([](device const& dev) {
    sizes const s{150, 150, 150};
    auto const ha = random_values<float>(s.n * s.k, 1, -4, 4), hb = random_values<float>(s.n * s.k, 2, -4, 4);
    array<float, 2> a(dev, {s.n, s.k}, ha), b(dev, {s.k, s.m}, hb);
    array<float, 2> const expected = matmul(a, b);
    array<float, 2> x = a;
    x = matmul(x, b);
    CHECK(same_bits(x.to_host(), expected.to_host()));
    x = a;
    x = matmul(x, b) * 1.0f;
    CHECK(same_bits(x.to_host(), expected.to_host()));
    x = a;
    x.slice({0, 0}, {150, 75}) = matmul(x, b.slice({0, 0}, {150, 75}));
    CHECK(far_from(
              x.slice({0, 0}, {150, 75}).to_host(),
              [&] {
                auto const v = expected.slice({0, 0}, {150, 75}).to_host();
                return std::vector<double>(v.begin(), v.end());
              }(),
              1e-4) == "");
  });
}

TEST_CASE("the same bits on any number of threads") {
  for (sizes const s : {sizes{600, 500, 700},
                        {2000, 600, 3},
                        {3, 600, 2000},
                        {1500, 100, 1},
                        {2000, 2000, 1},
                        {257, 1000, 255},
                        {64, 40000, 40},
                        {5, 100000, 1}}) {
    std::vector<float> first, first_fused;
    for (std::size_t threads : {1, 2, 3, 4, 7}) {
      device const dev = device::cpu(threads);
      array<float, 2> const a(dev, {s.n, s.k}, random_values<float>(s.n * s.k, 1, -4, 4));
      array<float, 2> const b(dev, {s.k, s.m}, random_values<float>(s.k * s.m, 2, -4, 4));
      array<float, 2> const third = sqrt(lockstep::abs(a)), product = matmul(third, b),
                            fused = matmul(third, b) * 0.3f + 1.0f;
      if (threads == 1) first = product.to_host(), first_fused = fused.to_host();
      CHECK(same_bits(product.to_host(), first));
      CHECK(same_bits(fused.to_host(), first_fused));
    }
  }
}

TEST_CASE("no products are zeros, and nothing is nothing") {
  for_each_device([](device const& dev) {
    array<float, 2> const a(dev, {3, 0}), b(dev, {0, 4});
    CHECK(matmul(a, b).to_host() == std::vector<float>(12, 0.0f));
    CHECK((matmul(a, b) + 1.0f).to_host() == std::vector<float>(12, 1.0f));
    CHECK(matmul(b, lockstep::ones<float>(dev, shape{4, 2})).to_host().empty());
    CHECK(matvec(a, array<float>(dev, 0)).to_host() == std::vector<float>(3, 0.0f));
    CHECK((2.0f * matmul(lockstep::ones<float>(dev, shape{2, 3}), array<float, 2>(dev, {3, 0}))).to_host().empty());
    float const nan = std::numeric_limits<float>::quiet_NaN();
    array<float, 2> y(dev, {2, 2}, std::vector<float>(4, nan));  // what was there does not enter
    y = matmul(lockstep::ones<float>(dev, shape{2, 3}), lockstep::ones<float>(dev, shape{3, 2}));
    CHECK(y.to_host() == std::vector<float>(4, 3.0f));
  });
}

TEST_CASE("an exception of the user's arrives, and nothing hangs") {
  struct thrower {
    float at;
    float operator()(float v) const { return v == at ? throw std::string("mine") : v; }
  };
  for_each_device([](device const& dev) {
    for (sizes const s : {sizes{3, 4, 5}, {300, 200, 310}, {20, 100000, 20}}) {
      auto values = random_values<float>(s.n * s.k, 1, -4, 4);
      values[s.n * s.k / 2] = 77;
      array<float, 2> const a(dev, {s.n, s.k}, values), b = lockstep::ones<float>(dev, shape{s.k, s.m});
      array<float, 2> const expected = matmul(a, b);
      array<float, 2> y = lockstep::zeros<float>(dev, expected.shape());
      CHECK_THROWS_AS(y = matmul(lockstep::map(thrower{77}, a), b), std::string);
      CHECK(difference(y.to_host(), std::vector<float>(s.n * s.m, 0.0f)) == "");
      CHECK_THROWS_AS(y = lockstep::map(thrower{expected.to_host().back()}, matmul(a, b)), std::string);
      y = matmul(a, b);
      CHECK(same_bits(y.to_host(), expected.to_host()));
    }
  });
}

TEST_CASE("half is computed as float") {
  device const dev = device::cpu(2);
  array<float, 2> const a(dev, {20, 30}, random_values<float>(600, 1, -4, 4)), b = a.transpose();
  array<lockstep::half, 2> const ha = lockstep::cast<lockstep::half>(a);
  static_assert(std::is_same_v<lockstep::value_t<decltype(matmul(ha, b))>, float>);
  array<float, 2> const found = matmul(ha, b), expected = matmul(a, b);
  CHECK(same_bits(found.to_host(), expected.to_host()));
}

TEST_CASE("errors name both shapes and change nothing") {
  for_each_device([](device const& dev) {
    array<float, 2> const a = lockstep::ones<float>(dev, shape{2, 3}), b = lockstep::ones<float>(dev, shape{4, 5});
    auto const text = message_of<lockstep::shape_error>([&] { static_cast<void>(matmul(a, b)); });
    CHECK(contains(text,
                   "matmul(float[2, 3], float[4, 5]): found the shapes (2, 3) and (4, 5), expected as many columns"));
    array<float> const x = lockstep::ones<float>(dev, shape{2});
    CHECK(contains(message_of<lockstep::shape_error>([&] { static_cast<void>(matvec(a, x)); }), "(2, 3) and (2,)"));
    array<float, 3> const two = lockstep::ones<float>(dev, shape{2, 3, 3}),
                          three = lockstep::ones<float>(dev, shape{3, 3, 3});
    CHECK(contains(message_of<lockstep::shape_error>([&] { static_cast<void>(matmul(two, three)); }),
                   "(2, 3, 3) and (3, 3, 3)"));
    array<float, 2> y = lockstep::ones<float>(dev, shape{2, 2});
    CHECK_THROWS_AS(y = matmul(a, lockstep::ones<float>(dev, shape{3, 5})), lockstep::shape_error);
    CHECK(y.to_host() == std::vector<float>(4, 1.0f));
    array<float, 2> const one = lockstep::ones<float>(dev, shape{1, 1});
    std::size_t const far = (std::size_t{1} << 30) + 1;
    CHECK(contains(
        message_of<lockstep::shape_error>([&] {
          static_cast<void>(matmul(one.broadcast_to(shape{2, 1}), one.broadcast_to(shape{std::size_t{1}, far})));
        }),
        "found matrices with rows of 1073741825 elements, expected at most 1073741824"));
    CHECK_THROWS_AS(
        y = matmul(one.broadcast_to(shape{std::size_t{2}, far}), one.broadcast_to(shape{far, std::size_t{2}})),
        lockstep::shape_error);
    array<float, 2> const elsewhere = lockstep::ones<float>(device::cpu(5), shape{3, 5});
    CHECK_THROWS_AS(static_cast<void>(matmul(a, elsewhere).to_host()), lockstep::device_error);
  });
}

TEST_CASE("a processor that OpenBLAS does not know gets the kernels that it can run") {
  device const one = device::cpu(1);
  array<float, 2> const a = lockstep::full(one, shape<2>(4, 4), 1.0f);
  array<float, 2> const c = lockstep::matmul(a, a);  // programs without products leave OpenBLAS alone
  CHECK(c.to_host()[5] == 4);
  if (!lockstep_openblas_corename) {
    MESSAGE("skipped: the BLAS in use is not OpenBLAS");
  } else if (!lockstep::cpu::blas::best_openblas_kernels() || std::getenv("OPENBLAS_CORETYPE")) {
    MESSAGE("skipped: no wide vectors, or OPENBLAS_CORETYPE is set");
  } else {
    CHECK(std::string(lockstep_openblas_corename()) != "Prescott");
    CHECK(std::getenv("OPENBLAS_CORETYPE") == nullptr);
  }
}

}  // namespace matmul_tests
