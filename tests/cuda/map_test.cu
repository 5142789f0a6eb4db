// Covers: map: map where cast fuse; types: bool integers float double
// map on GPUs: every element type, packed and element-wise access, views, fused outputs, user functions.
#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <lockstep/lockstep.hpp>

#include "sizes.hpp"
#include "support/devices.hpp"
#include "support/values.hpp"

namespace ls = lockstep;
using ls::test::difference;
using ls::test::random_values;

LOCKSTEP_FUNCTION(cuda_test_hypotenuse, (x, y), std::sqrt(x* x + y * y));

namespace cuda_map_tests {

struct complex_pair {
  float re, im;
  bool operator==(complex_pair const&) const = default;
};
struct rotate {
  float by;
  LOCKSTEP_FN complex_pair operator()(complex_pair z) const { return {-z.im * by, z.re * by}; }
};
struct triple {
  std::int32_t a, b, c;
  bool operator==(triple const&) const = default;
};
struct turn {
  LOCKSTEP_FN triple operator()(triple t, std::int32_t k) const { return {t.b + k, t.c, t.a}; }
};

TEST_CASE_TEMPLATE("assignment of every element type at every size", T, std::int8_t, std::uint8_t, std::int16_t,
                   std::uint16_t, std::int32_t, std::uint32_t, std::int64_t, std::uint64_t, float, double) {
  ls::device const gpu = ls::device::gpu();
  for (std::size_t n : cuda_tests::sizes) {
    CAPTURE(n);
    auto const ha = random_values<T>(n, n + 1, 0, 100), hb = random_values<T>(n, n + 2, 0, 100);
    ls::array<T> const a(gpu, ha), b(gpu, hb);
    ls::array<T> y(gpu, ls::shape(n));
    y = a + b * T(2);
    std::vector<T> want(n);
    for (std::size_t i = 0; i < n; ++i) want[i] = static_cast<T>(ha[i] + hb[i] * T(2));
    CHECK(difference(y.to_host(), want) == "");
  }
}

TEST_CASE("bools, and operands of different widths") {
  ls::device const gpu = ls::device::gpu();
  for (std::size_t n : cuda_tests::sizes) {
    CAPTURE(n);
    auto const ha = random_values<float>(n, 5);
    auto const hb = random_values<std::int8_t>(n, 6);
    ls::array<float> const a(gpu, ha);
    ls::array<std::int8_t> const b(gpu, hb);
    ls::array<bool> const less = a < ls::cast<float>(b);
    ls::array<double> const wide = ls::where(less, a, 1.0f) + ls::indices();
    std::vector<bool> want_less(n);
    std::vector<double> want(n);
    for (std::size_t i = 0; i < n; ++i) {
      want_less[i] = ha[i] < static_cast<float>(hb[i]);
      want[i] = (want_less[i] ? ha[i] : 1.0f) + static_cast<float>(i);
    }
    CHECK(less.to_host() == want_less);
    CHECK(difference(wide.to_host(), want) == "");
  }
}

TEST_CASE("elements of 8 and of 12 bytes") {
  ls::device const gpu = ls::device::gpu();
  std::size_t const n = 3001;
  std::vector<complex_pair> pairs(n), want_pairs(n);
  std::vector<triple> triples(n), want_triples(n);
  for (std::size_t i = 0; i < n; ++i) {
    auto const k = static_cast<std::int32_t>(i);
    pairs[i] = {static_cast<float>(i), 2.0f};
    want_pairs[i] = {-2.0f * 0.5f, static_cast<float>(i) * 0.5f};
    triples[i] = {k, k + 1, k + 2};
    want_triples[i] = {k + 1 + 7, k + 2, k};
  }
  ls::array<complex_pair> p(gpu, pairs);
  ls::array<triple> t(gpu, triples);
  p = ls::map(rotate{0.5f}, p);
  t = ls::map(turn{}, t, 7);
  CHECK(p.to_host() == want_pairs);
  CHECK(t.to_host() == want_triples);
}

TEST_CASE("memory that does not lie on 16 bytes, or has gaps") {
  ls::device const gpu = ls::device::gpu();
  ls::index const n = 5000;
  auto const ha = random_values<float>(n, 7);
  ls::array<float> const a(gpu, ha);
  for (ls::index from : {0, 1, 2, 3, 4, 5}) {
    CAPTURE(from);
    ls::array<float> y(gpu, ls::shape(n));
    y = -1.0f;
    y.slice({2}, {n - 6}) = a.slice({from}, {n - 8 + from}) * 2.0f;
    std::vector<float> want(n, -1.0f);
    for (ls::index i = 0; i < n - 8; ++i) want[i + 2] = ha[i + from] * 2;
    CHECK(difference(y.to_host(), want) == "");
  }
  ls::array<float, 2> m(gpu, ls::shape(50, 100), ha);
  ls::array<float, 2> turned = ls::transpose(m);
  turned.slice({10, 5}, {90, 45}) = ls::transpose(m.slice({5, 10}, {45, 90})) + 1.0f;
  auto const found = turned.to_host();
  std::vector<float> want(n);
  for (ls::index i = 0; i < 100; ++i)
    for (ls::index j = 0; j < 50; ++j)
      want[i * 50 + j] = ha[j * 100 + i] + (i >= 10 && i < 90 && j >= 5 && j < 45 ? 1.0f : 0.0f);
  CHECK(difference(found, want) == "");
}

TEST_CASE("broadcasting, columns and neighbors of rank 3") {
  ls::device const gpu = ls::device::gpu();
  ls::index const planes = 5, rows = 37, columns = 41;
  auto const h = random_values<float>(planes * rows * columns, 8);
  ls::array<float, 3> const a(gpu, ls::shape(planes, rows, columns), h);
  ls::array<float> const bias(gpu, std::vector<float>(h.begin(), h.begin() + columns));
  ls::array<float, 3> const y = (a + bias) * 2.0f + ls::neighbor(a, {1, 0, -1}, ls::boundary::wrap);
  std::vector<float> want(h.size());
  for (ls::index p = 0; p < planes; ++p)
    for (ls::index r = 0; r < rows; ++r)
      for (ls::index c = 0; c < columns; ++c)
        want[(p * rows + r) * columns + c] = (h[(p * rows + r) * columns + c] + h[c]) * 2 +
                                             h[((p + 1) % planes * rows + r) * columns + (c + columns - 1) % columns];
  CHECK(difference(y.to_host(), want) == "");
}

TEST_CASE("an array may be read and written in one assignment") {
  ls::device const gpu = ls::device::gpu();
  for (std::size_t n : cuda_tests::sizes) {
    CAPTURE(n);
    auto const h = random_values<float>(n, 9);
    ls::array<float> x(gpu, h);
    x = x * 2.0f + x;
    x = x + ls::neighbor(x, -1, ls::boundary::zero);
    std::vector<float> want(n);
    for (std::size_t i = 0; i < n; ++i) want[i] = h[i] * 3 + (i == 0 ? 0 : h[i - 1] * 3);
    CHECK(difference(x.to_host(), want) == "");
  }
}

TEST_CASE("fused outputs of different types") {
  ls::device const gpu = ls::device::gpu();
  for (std::size_t n : cuda_tests::sizes) {
    CAPTURE(n);
    auto const ha = random_values<float>(n, 10), hb = random_values<float>(n, 11);
    ls::array<float> a(gpu, ha), b(gpu, hb);
    ls::array<double> sum;
    ls::array<bool> less;
    ls::tie(sum, less) = ls::fuse(ls::cast<double>(a) + b, a < b);
    std::vector<double> want_sum(n);
    std::vector<bool> want_less(n);
    for (std::size_t i = 0; i < n; ++i) want_sum[i] = double{ha[i]} + hb[i], want_less[i] = ha[i] < hb[i];
    CHECK(difference(sum.to_host(), want_sum) == "");
    CHECK(less.to_host() == want_less);
    ls::tie(a, b) = ls::fuse(b, a);
    CHECK(difference(a.to_host(), hb) == "");
    CHECK(difference(b.to_host(), ha) == "");
  }
}

TEST_CASE("fused outputs of a strided window and an array of rank 2") {
  ls::device const gpu = ls::device::gpu();
  auto const h = random_values<float>(30 * 40, 12);
  ls::array<float, 2> const a(gpu, ls::shape(30, 40), h);
  ls::array<float, 2> large(gpu, ls::shape(32, 50)), y(gpu, ls::shape(30, 40));
  large = 0.0f;
  auto inside = large.slice({1, 3}, {31, 43});
  ls::tie(inside, y) = ls::fuse(a + 1.0f, a * ls::column(ls::indices(ls::shape(30))));
  auto const found = large.to_host(), product = y.to_host();
  std::vector<float> want(32 * 50, 0.0f), want_product(30 * 40);
  for (int i = 0; i < 30; ++i)
    for (int j = 0; j < 40; ++j) {
      want[(i + 1) * 50 + j + 3] = h[i * 40 + j] + 1;
      want_product[i * 40 + j] = h[i * 40 + j] * static_cast<float>(i);
    }
  CHECK(difference(found, want) == "");
  CHECK(difference(product, want_product) == "");
}

// Lambdas of nvcc's must stand in a function with external linkage.
void check_lambdas(ls::device const& gpu, std::vector<float> const& h) {
  ls::array<float> const a(gpu, h);
  float const by = 3;
  ls::array<float> const y = 1.0f + ls::map([by] __device__(float x, float z) -> float { return x * by + z; }, a, a);
  float const total = ls::reduce(a, 0.0f, [] __device__(float x, float z) -> float { return x > z ? x : z; });
  auto const largest =
      ls::inclusive_scan(a, [] __device__(float x, float z) -> float { return x > z ? x : z; }).to_host();
  for (std::size_t i = 0; i < h.size(); ++i) CHECK(y.to_host()[i] == 1.0f + (h[i] * by + h[i]));
  CHECK(total == std::max(0.0f, *std::max_element(h.begin(), h.end())));
  CHECK(largest.back() == *std::max_element(h.begin(), h.end()));
  ls::array<float> const here = a.to(ls::device::cpu(1));
  CHECK_THROWS_WITH_AS((ls::array<float>(ls::map([] __device__(float x) -> float { return x; }, here))),
                       doctest::Contains("__device__ lambda"), ls::device_error);
}

void check_host_only(ls::device const& gpu, std::vector<float> const& h) {
  auto const add = ls::host_only([](float x, float z) { return x + z; });
  auto const twice = ls::host_only([](float x) { return 2 * x; });
  ls::array<float> const a(gpu, h), b(ls::device::cpu(2), h);
  ls::array<float> y(gpu, ls::shape(h.size()));
  y = 5.0f;
  CHECK_THROWS_WITH_AS((y = ls::map(twice, a) + 1.0f), doctest::Contains("host_only"), ls::device_error);
  CHECK_THROWS_AS((y = ls::map(twice, ls::neighbor(a, 1)) + a), ls::device_error);
  CHECK_THROWS_AS(static_cast<float>(ls::sum(ls::map(twice, a))), ls::device_error);
  CHECK_THROWS_AS(static_cast<float>(ls::reduce(a, 0.0f, add)), ls::device_error);
  CHECK_THROWS_AS(ls::inclusive_scan(a, add).to_host(), ls::device_error);
  CHECK(y.to_host() == std::vector<float>(h.size(), 5.0f));
  CHECK(static_cast<float>(ls::reduce(ls::map(twice, b), 1.0f, add)) ==
        static_cast<float>(ls::reduce(b * 2.0f, 1.0f, ls::plus{})));
  CHECK(ls::map(twice, b).to_host()[3] == 2 * h[3]);
}

TEST_CASE("user functions: LOCKSTEP_FUNCTION, __device__ lambdas, host_only") {
  auto const h = random_values<float>(100, 13);
  ls::array<float> const a(ls::device::gpu(), h);
  auto const y = ls::map(cuda_test_hypotenuse, a, 2.0f).to_host();
  for (std::size_t i = 0; i < h.size(); ++i) CHECK(y[i] == doctest::Approx(std::hypot(h[i], 2.0f)).epsilon(1e-6));
  check_lambdas(ls::device::gpu(), h);
  check_host_only(ls::device::gpu(), h);
}

TEST_CASE("index spaces on both sides of 2^31 elements") {
  for (ls::index columns : {3, 1 << 20, (1 << 20) + 1}) {
    ls::shape const extents(ls::index{512}, ls::index{4}, columns);
    ls::cuda::index_space<3> const space(extents);
    CHECK(space.narrow == (columns <= 3));
    for (ls::index i : {ls::index{0}, columns - 1, columns, 4 * columns, space.total / 2 + 1, space.total - 1}) {
      auto const c = space[i];
      CAPTURE(i);
      CHECK((c[0] * 4 + c[1]) * columns + c[2] == i);
      for (std::size_t axis = 0; axis < 3; ++axis) CHECK((c[axis] >= 0 && c[axis] < extents[axis]));
    }
  }
}

struct wide {
  int value = 0, more[9] = {};  // more than the tiles that turn axes take
};
template <class T>
void check_turned(ls::index a, ls::index b, ls::index c) {
  ls::index const n = a * b * c;
  std::vector<T> values(static_cast<std::size_t>(n)), want(values.size());
  for (ls::index i = 0; i < n; ++i) {
    int const number = static_cast<int>(i % 127);
    std::memcpy(static_cast<void*>(&values[static_cast<std::size_t>(i)]), &number, std::min(sizeof(T), sizeof(int)));
    ls::index const k = i % c, j = i / c % b, h = i / c / b;
    want[static_cast<std::size_t>((k * b + j) * a + h)] = values[static_cast<std::size_t>(i)];
  }
  ls::array<T> const flat(ls::device::gpu(), values);
  ls::array<T, 3> const turned = flat.reshape(ls::shape(a, b, c)).transpose();
  ls::array<T, 2> const matrix = flat.reshape(ls::shape(a, b * c)).transpose().transpose();
  CHECK(std::memcmp(turned.to_host().data(), want.data(), want.size() * sizeof(T)) == 0);
  CHECK(std::memcmp(matrix.to_host().data(), values.data(), values.size() * sizeof(T)) == 0);
}
TEST_CASE("copies that turn axes, of elements of any size") {
  for (auto const& [a, b, c] :
       {std::array<ls::index, 3>{9, 1, 9}, {32, 2, 33}, {31, 3, 64}, {100, 1, 65}, {8, 5, 40}}) {
    check_turned<char>(a, b, c);
    check_turned<float>(a, b, c);
    check_turned<double>(a, b, c);
    check_turned<wide>(a, b, c);
  }
}

}  // namespace cuda_map_tests
