// Covers: sort: top_k bottom_k; types: integers float double bool
// The first k values on a GPU against a stable sort: every tile full or not, values that are equal, NaN, zeros.
#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <lockstep/lockstep.hpp>
#include <numeric>
#include <vector>

#include "support/values.hpp"

namespace cuda_top_k_tests {

using lockstep::array, lockstep::bottom_k, lockstep::device, lockstep::index, lockstep::top_k;
using lockstep::test::difference, lockstep::test::random_values;

/// Places in their order: NaNs last, of equal values the first place first.
template <class T>
std::vector<index> ranking(std::vector<T> const& host, bool largest) {
  std::vector<index> places(host.size());
  std::iota(places.begin(), places.end(), 0);
  std::stable_sort(places.begin(), places.end(), [&](index i, index j) {
    T const a = host[static_cast<std::size_t>(i)], b = host[static_cast<std::size_t>(j)];
    return (largest ? a > b : a < b) || (b != b && a == a);
  });
  return places;
}

template <class T>
void check(std::vector<T> const& host, std::initializer_list<index> counts) {
  array<T> const x(device::gpu(0), host);
  for (bool largest : {true, false}) {
    std::vector<index> const places = ranking(host, largest);
    for (index k : counts) {
      if (k > static_cast<index>(host.size())) continue;
      INFO("n ", host.size(), " k ", k, " largest ", largest);
      std::vector<index> const first(places.begin(), places.begin() + k);
      std::vector<T> values;
      for (index i : first) values.push_back(host[static_cast<std::size_t>(i)]);
      auto const found = largest ? top_k(x, k) : bottom_k(x, k);
      CHECK(difference(found.indices.to_host(), first) == "");
      CHECK(difference(found.values.to_host(), values) == "");
    }
  }
}

TEST_CASE("types, sizes around tiles, several launches") {
  for (std::size_t n : {1, 2, 257, 2048, 4095, 4096, 4097, 8192, 13000}) {
    check(random_values<float>(n, n, -1000, 1000), {0, 1, 2, 100, 1000, 1024, 1025});
    check(random_values<int>(n, n + 1), {1, 100, 1024});
    check(random_values<std::int8_t>(n, n + 2), {1, 77, 1024});
    check(random_values<std::uint16_t>(n, n + 3), {5, 300});
    check(random_values<std::int64_t>(n, n + 4), {1, 100, 1024});
    check(random_values<std::uint64_t>(n, n + 5, 0, 3), {1, 100, 1024});
    check(random_values<double>(n, n + 6), {1, 100, 1024});
  }
  check(random_values<float>(200001, 7), {1, 100, 1024});
  array<bool> const flags(device::gpu(0), {true, false, true, true, false});
  CHECK(top_k(flags, 4).indices.to_host() == std::vector<index>{0, 2, 3, 1});
  CHECK(bottom_k(flags, 3).indices.to_host() == std::vector<index>{1, 4, 0});
}

TEST_CASE("ascending, descending, equal, NaN, infinite, both zeros") {
  std::vector<float> up(9000), down(9000), same(9000, 1.5f), special(9000);
  std::iota(up.begin(), up.end(), -3000.0f);
  std::iota(down.rbegin(), down.rend(), -3000.0f);
  constexpr float infinite = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  float const several[] = {nan, 0.0f, -0.0f, infinite, -infinite, -nan, 1e-40f, -1e-40f};
  for (std::size_t i = 0; i < special.size(); ++i) special[i] = several[i * i / 7 % 8];
  for (auto const& host : {up, down, same, special}) check(host, {1, 3, 100, 1024});
  check(std::vector<float>{nan, -nan, nan, 1}, {1, 2, 4});
  check(std::vector<double>{0.0, -0.0, std::nan(""), -1.0, 0.0}, {1, 3, 5});
}

TEST_CASE("an expression is read where it is computed, and the work can be recorded") {
  device const gpu = device::gpu(0);
  array<float> x(gpu, random_values<float>(5000, 9));
  array<float> best(gpu, 10);
  array<index> places(gpu, 10);
  lockstep::graph const again = lockstep::capture(gpu, [&] {
    auto const found = top_k(x * 2.0f, 10);
    best = found.values;
    places = found.indices;
  });
  for (unsigned seed : {10u, 11u}) {
    std::vector<float> const host = random_values<float>(5000, seed);
    array<float> const fresh(gpu, host);
    x = fresh;
    again.launch();
    std::vector<index> expected = ranking(host, true);
    expected.resize(10);
    CHECK(places.to_host() == expected);
    CHECK(best.to_host()[9] == 2 * host[static_cast<std::size_t>(expected[9])]);
  }
}

}  // namespace cuda_top_k_tests
