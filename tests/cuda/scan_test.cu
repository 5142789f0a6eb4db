// Covers: scan: inclusive_scan exclusive_scan; types: bool integers float
// Scans on GPUs: every element type and size, operators that do not commute, in place, more tiles than a super-group
// holds, and the same bits on every run.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <lockstep/lockstep.hpp>
#include <numeric>

#include "sizes.hpp"
#include "support/devices.hpp"
#include "support/values.hpp"

namespace ls = lockstep;
using ls::test::difference;
using ls::test::random_values;

namespace cuda_scan_tests {

/// Affine functions x -> a x + b modulo 2^32, composed: associative, not commutative.
struct affine {
  std::uint32_t a, b;
  bool operator==(affine const&) const = default;
};
struct then {
  LOCKSTEP_FN affine operator()(affine f, affine g) const { return {g.a * f.a, g.a * f.b + g.b}; }
};
/// Strings of at most 5 letters from the left: 24 bytes, associative, not commutative.
struct word {
  std::int32_t letters[5];
  std::int32_t count;
  bool operator==(word const&) const = default;
};
struct append {
  LOCKSTEP_FN word operator()(word left, word right) const {
    for (int i = 0; i < 5; ++i)
      if (left.count + i < 5 && i < right.count) left.letters[left.count + i] = right.letters[i];
    left.count = left.count + right.count < 5 ? left.count + right.count : 5;
    return left;
  }
};

TEST_CASE_TEMPLATE("sums of every element type at every size", T, std::int8_t, std::uint16_t, std::int32_t,
                   std::uint64_t, float, double) {
  ls::device const gpu = ls::device::gpu();
  for (std::size_t n : cuda_tests::sizes) {
    CAPTURE(n);
    auto const h = random_values<T>(n, n, 0, 3);
    ls::array<T> const a(gpu, h);
    std::vector<T> want(n);
    std::inclusive_scan(h.begin(), h.end(), want.begin());
    CHECK(difference(ls::inclusive_scan(a).to_host(), want) == "");
    std::exclusive_scan(h.begin(), h.end(), want.begin(), T(5));
    CHECK(difference(ls::exclusive_scan(a, T(5)).to_host(), want) == "");
  }
}

TEST_CASE("bools are counted") {
  ls::device const gpu = ls::device::gpu();
  auto const h = random_values<float>(10000, 2);
  ls::array<float> const a(gpu, h);
  std::vector<ls::index> want(h.size());
  std::transform_exclusive_scan(h.begin(), h.end(), want.begin(), ls::index{0}, std::plus<>{},
                                [](float v) { return ls::index(v > 0); });
  CHECK(difference(ls::exclusive_scan(a > 0.0f).to_host(), want) == "");
}

TEST_CASE("operators that do not commute, of 8 and of 24 bytes") {
  ls::device const gpu = ls::device::gpu();
  for (std::size_t n : cuda_tests::sizes) {
    CAPTURE(n);
    std::vector<affine> functions(n), want_functions(n);
    std::vector<word> words(n), want_words(n);
    for (std::size_t i = 0; i < n; ++i) {
      functions[i] = {static_cast<std::uint32_t>(2 * i + 1), static_cast<std::uint32_t>(i * 2654435761u)};
      words[i] = {{static_cast<std::int32_t>(i), 0, 0, 0, 0}, i % 7 == 3};
    }
    std::inclusive_scan(functions.begin(), functions.end(), want_functions.begin(), then{});
    CHECK(ls::inclusive_scan(ls::array<affine>(gpu, functions), then{}).to_host() == want_functions);
    affine const start{7, 9};
    std::exclusive_scan(functions.begin(), functions.end(), want_functions.begin(), start, then{});
    CHECK(ls::exclusive_scan(ls::array<affine>(gpu, functions), start, then{}).to_host() == want_functions);
    std::inclusive_scan(words.begin(), words.end(), want_words.begin(), append{});
    auto const found = ls::inclusive_scan(ls::array<word>(gpu, words), append{}).to_host();
    bool same = found.size() == n;
    for (std::size_t i = 0; same && i < n; ++i) {
      same = found[i].count == want_words[i].count;
      for (int k = 0; k < found[i].count; ++k) same = same && found[i].letters[k] == want_words[i].letters[k];
    }
    CHECK(same);
  }
}

TEST_CASE("a scan may replace what it reads") {
  ls::device const gpu = ls::device::gpu();
  auto const h = random_values<std::int32_t>(30000, 3);
  std::vector<std::int32_t> want(h.size());
  ls::array<std::int32_t> x(gpu, h);
  x = ls::exclusive_scan(x, 4);
  std::exclusive_scan(h.begin(), h.end(), want.begin(), 4);
  CHECK(difference(x.to_host(), want) == "");
  x = ls::inclusive_scan(x + 1);
  std::transform_inclusive_scan(want.begin(), want.end(), want.begin(), std::plus<>{}, [](int v) { return v + 1; });
  CHECK(difference(x.to_host(), want) == "");
}

TEST_CASE("into a window, and inside a larger expression") {
  ls::device const gpu = ls::device::gpu();
  auto const h = random_values<std::int32_t>(9000, 4);
  ls::array<std::int32_t> const a(gpu, h);
  std::vector<std::int32_t> sums(h.size());
  std::inclusive_scan(h.begin(), h.end(), sums.begin());
  ls::array<std::int32_t, 2> m(gpu, ls::shape(9000, 2));
  m = 0;
  m.slice({0, 1}, {9000, 2}) = ls::column(ls::inclusive_scan(a));
  ls::array<std::int32_t> const y = ls::inclusive_scan(a) * 2 - a;
  auto const pairs = m.to_host(), doubled = y.to_host();
  for (std::size_t i = 0; i < h.size(); ++i) {
    REQUIRE(pairs[2 * i] == 0);
    REQUIRE(pairs[2 * i + 1] == sums[i]);
    REQUIRE(doubled[i] == sums[i] * 2 - h[i]);
  }
}

// Tiles hold 4096 floats, groups 32 tiles, super-groups 32 groups: this is a little more than two super-groups.
TEST_CASE("more than two super-groups, and the same bits on every run") {
  ls::device const gpu = ls::device::gpu();
  std::size_t const n = 2 * 4096 * 1024 + 200001;
  ls::array<std::int32_t> const counts = ls::inclusive_scan(ls::full<std::int32_t>(gpu, n, 1));
  ls::array<bool> const right = counts == ls::cast<std::int32_t>(ls::indices(counts.shape())) + 1;
  CHECK(bool(ls::all(right)));
  ls::array<float> const rough = ls::rsqrt(ls::arange<float>(gpu, n, 1.0f));
  ls::array<float> const once = ls::inclusive_scan(rough), again = ls::inclusive_scan(rough);
  CHECK(bool(ls::all(once == again)));
  CHECK(once.to_host().back() == doctest::Approx(2 * std::sqrt(double(n)) - 1.46035).epsilon(1e-4));
}

}  // namespace cuda_scan_tests
