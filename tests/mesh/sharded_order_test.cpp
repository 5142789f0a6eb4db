// Covers: select: select remove; types: float
// Covers: sort: sort stable_sort sorted sort_by_key argsort; types: integers float
// What reorders sharded arrays: select, remove, and the sort family; results are split evenly again.
#include <numeric>

#include "sharded_values.hpp"

using namespace sharded_test;

namespace {

template <class T>
void check_even(ls::sharded<T> const& x) {
  for (std::size_t r = 0; r < x.devices().size(); ++r)
    CHECK(x.shard(r).extent(0) == ls::rank_rows(x.extent(0), r, x.devices().size()).size());
}

/// x is `host` sorted, its NaNs last.
void check_numbers_then_nans(ls::sharded<float> const& x, std::vector<float> const& host) {
  std::vector<float> numbers;
  for (float v : host)
    if (v == v) numbers.push_back(v);
  std::sort(numbers.begin(), numbers.end());
  auto const got = x.to_host();
  CHECK(std::equal(numbers.begin(), numbers.end(), got.begin()));
  CHECK(std::all_of(got.begin() + long(numbers.size()), got.end(), [](float v) { return v != v; }));
}

}  // namespace

TEST_CASE("select keeps order and spreads evenly") {
  for_each_length([](ls::mesh const& mesh, std::size_t n) {
    auto const host = random_values<float>(n, 1);
    ls::sharded<float> const x(mesh, host);
    for (float limit : {-11.0f, 0.0f, 8.0f, 11.0f}) {
      std::vector<float> kept, rest;
      for (float v : host) (v > limit ? kept : rest).push_back(v * 2);
      auto const got = ls::select(x * 2.0f, x > limit);
      check_even(got);
      CHECK(got.to_host() == kept);
      CHECK(ls::remove(x * 2.0f, x > limit).to_host() == rest);
    }
    // everything kept lies on one device
    auto const early = ls::select(x, ls::indices() + ls::cast<ls::index>(x * 0.0f) < 100);
    check_even(early);
    CHECK(early.to_host() == std::vector<float>(host.begin(), host.begin() + std::min<long>(100, long(n))));
  });
}

TEST_CASE("sorts are those of std::sort, split as before") {
  for_each_length([](ls::mesh const& mesh, std::size_t n) {
    for (int kind : {0, 1, 2, 3}) {
      auto host = random_values<float>(n, 2);
      if (kind == 1) std::fill(host.begin(), host.end(), 3.0f);              // all equal
      if (kind == 2) std::sort(host.begin(), host.end(), std::greater<>{});  // the other way round
      if (kind == 3)
        for (float& v : host) v = std::floor(v / 5);  // few values
      ls::sharded<float> x(mesh, host);
      ls::sort(x);
      check_even(x);
      auto want = host;
      std::sort(want.begin(), want.end());
      CHECK(x.to_host() == want);
      x = ls::sharded<float>(mesh, host);
      ls::sort(x, ls::greater{});
      std::sort(want.begin(), want.end(), std::greater<>{});
      CHECK(x.to_host() == want);
    }
  });
}

TEST_CASE("stable sorts, keys with values, places") {
  struct item {
    int key, place;
    bool operator==(item const&) const = default;
  };
  struct by_key {
    bool operator()(item const& a, item const& b) const { return a.key < b.key; }
  };
  for_each_length([](ls::mesh const& mesh, std::size_t n) {
    auto const keys = random_values<int>(n, 3, 0, 50);
    std::vector<item> items(n);
    for (std::size_t i = 0; i < n; ++i) items[i] = {keys[i], int(i)};
    ls::sharded<item> x(mesh, items);
    ls::stable_sort(x, by_key{});
    std::stable_sort(items.begin(), items.end(), by_key{});
    CHECK(x.to_host() == items);
    ls::sharded<int> k(mesh, keys), v(mesh, n);
    v = ls::cast<int>(ls::indices());
    CHECK(ls::argsort(k).to_host().size() == n);
    auto const places = ls::argsort(k).to_host();
    ls::sort_by_key(k, v);
    auto const got_keys = k.to_host(), got_values = v.to_host();
    bool same = true;
    for (std::size_t i = 0; i < n; ++i)
      same = same && got_keys[i] == items[i].key && got_values[i] == items[i].place && places[i] == items[i].place;
    CHECK(same);
    CHECK(ls::sorted(k + 1, ls::greater{}).size() == n);
  });
}

TEST_CASE("NaNs come last; an order that throws changes nothing") {
  ls::mesh const mesh = ls::mesh::cpu(3);
  auto host = random_values<float>(20'000, 4);
  for (std::size_t i = 0; i < host.size(); i += 37) host[i] = NAN;
  ls::sharded<float> x(mesh, host);
  ls::sort(x);
  check_numbers_then_nans(x, host);

  auto const ints = random_values<int>(5000, 5);
  ls::sharded<int> y(mesh, ints);
  struct throws {
    bool operator()(int a, int b) const {
      if (a == b) throw std::domain_error("equal");
      return a < b;
    }
  };
  CHECK_THROWS_AS(ls::sort(y, throws{}), std::domain_error);
  CHECK(y.to_host() == ints);
  ls::sharded<int> shorter(mesh, 10), copies(mesh, ls::shape(5000), ls::replicated);
  CHECK_THROWS_AS(ls::sort_by_key(y, shorter), ls::shape_error);
  CHECK_THROWS_AS(ls::sort_by_key(y, copies), ls::device_error);
  CHECK(y.to_host() == ints);
}

namespace {

/// Enough for every device to sort a bucket of what all have.
constexpr std::size_t many = 300'007;

/// Values of many kinds: spread, few, all equal, in order, against it, and with a period.
template <class T>
std::vector<T> values_of_kind(int kind) {
  auto values = random_values<T>(many, std::uint64_t(kind), std::is_signed_v<T> ? -1e9 : 0, 1e9);
  if (kind == 1)
    for (T& v : values) v = static_cast<T>(static_cast<std::int64_t>(v) / 250'000'000);
  if (kind == 2) std::fill(values.begin(), values.end(), T(7));
  if (kind == 3) std::sort(values.begin(), values.end());
  if (kind == 4) std::sort(values.begin(), values.end(), std::greater<>{});
  if (kind == 5)
    for (std::size_t i = 0; i < many; ++i) values[i] = static_cast<T>(i % 512 == 0 ? i : 0);
  return values;
}

}  // namespace

TEST_CASE_TEMPLATE("devices of one process sort together", T, float, double, std::int32_t, std::uint32_t, std::int64_t,
                   std::uint64_t) {
  for (std::pair<std::size_t, std::size_t> size : {std::pair{2, 1}, {3, 1}, {7, 1}, {2, 3}})
    for (int kind : {0, 1, 2, 3, 4, 5}) {
      CAPTURE(size.first);
      CAPTURE(kind);
      ls::mesh const mesh = ls::mesh::cpu(size.first, size.second);  // devices, threads of each
      auto const host = values_of_kind<T>(kind);
      auto want = host;
      std::sort(want.begin(), want.end());
      ls::sharded<T> x(mesh, host);
      ls::sort(x);
      check_even(x);
      CHECK(same_bits(x.to_host(), want));
      x = ls::sharded<T>(mesh, host);
      ls::stable_sort(x, ls::greater{});
      std::reverse(want.begin(), want.end());
      check_even(x);
      CHECK(same_bits(x.to_host(), want));
    }
}

TEST_CASE("NaNs of both signs come last where devices sort together") {
  for (std::size_t devices : {2, 3, 5})
    for (std::size_t nans : {std::size_t{1}, std::size_t{1000}, many / 2, many - 3, many}) {
      CAPTURE(nans);
      auto host = random_values<float>(many, 9);
      for (std::size_t i = 0; i < nans; ++i) host[i * (many / nans)] = std::copysign(NAN, i % 3 ? 1.0f : -1.0f);
      ls::sharded<float> x(ls::mesh::cpu(devices), host);
      ls::sort(x);
      check_numbers_then_nans(x, host);
    }
}
