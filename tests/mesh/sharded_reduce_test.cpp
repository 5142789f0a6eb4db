// Covers: reduce: sum mean min max argmin argmax any all count reduce variance evaluate; types: integers float double
// Covers: scan: inclusive_scan exclusive_scan; types: integers float
// Reductions and scans of sharded arrays: right, and with the bits of one device on any number of them.
#include <numeric>

#include "sharded_values.hpp"

using namespace sharded_test;

TEST_CASE("whole reductions: the bits of one device, and near the truth") {
  for_each_length([](ls::mesh const& mesh, std::size_t n) {
    ls::test::generator random(n);
    std::vector<float> host(n);
    for (float& v : host) v = float(random.between(-1, 1));
    ls::sharded<float> const x(mesh, host);
    ls::array<float> const one(ls::device::cpu(), host);
    CHECK(same_bits<float>(ls::sum(x * x), ls::sum(one * one)));
    CHECK(same_bits<float>(ls::sum(x), ls::sum(one)));
    double truth = 0;
    for (float v : host) truth += double(v) * v;
    CHECK(float(ls::sum(x * x)) == doctest::Approx(truth).epsilon(1e-5));
    CHECK(ls::index(ls::count(x > 0.5f)) == std::count_if(host.begin(), host.end(), [](float v) { return v > 0.5f; }));
    CHECK(bool(ls::any(x > 0.99f)) == std::any_of(host.begin(), host.end(), [](float v) { return v > 0.99f; }));
    CHECK(bool(ls::all(x > -0.99f)) == std::all_of(host.begin(), host.end(), [](float v) { return v > -0.99f; }));
    if (n == 0) {
      CHECK_THROWS_AS(static_cast<void>(float(ls::max(x))), ls::error);
      CHECK(std::isnan(float(ls::mean(x))));
      return;
    }
    CHECK(float(ls::min(x)) == *std::min_element(host.begin(), host.end()));
    CHECK(float(ls::max(x)) == *std::max_element(host.begin(), host.end()));
    CHECK(ls::index(ls::argmax(x)) == std::max_element(host.begin(), host.end()) - host.begin());
    CHECK(ls::index(ls::argmin(ls::round(x * 4.0f))) ==
          std::find_if(host.begin(), host.end(), [&](float v) {
            return std::round(v * 4) == std::round(*std::min_element(host.begin(), host.end()) * 4);
          }) - host.begin());
    CHECK(same_bits<float>(ls::mean(x), ls::mean(one)));
  });
}

TEST_CASE("other reducers and types, and values inside of expressions") {
  for (std::size_t ranks : {1, 2, 5}) {
    ls::mesh const mesh = ls::mesh::cpu(ranks);
    std::size_t const n = 50'021;
    auto const ints = random_values<std::int32_t>(n, 1);
    ls::sharded<std::int32_t> const x(mesh, ints);
    std::int64_t const sum = std::accumulate(ints.begin(), ints.end(), std::int64_t{0});
    CHECK(std::int64_t(ls::sum(x)) == sum);
    CHECK(double(ls::mean(x)) == double(sum) / double(n));
    CHECK(int(ls::reduce(x, 7, ls::bit_xor{})) ==
          std::accumulate(ints.begin(), ints.end(), 7, [](int a, int b) { return a ^ b; }));
    std::vector<double> host = random_values<double>(n, 2);
    ls::sharded<double> const d(mesh, host);
    ls::array<double> const one(ls::device::cpu(), host);
    CHECK(same_bits<double>(ls::variance(d), ls::variance(one)));
    auto const [low, high, total] = ls::evaluate(ls::min(d), ls::max(d), ls::sum(d));
    CHECK(double(low) == *std::min_element(host.begin(), host.end()));
    CHECK(double(high) == *std::max_element(host.begin(), host.end()));
    CHECK(same_bits<double>(double(total), ls::sum(one)));
    ls::sharded<double> scaled(mesh, n);
    scaled = (d - ls::min(d)) / (ls::max(d) - ls::min(d));
    auto const got = scaled.to_host();
    for (std::size_t i = 0; i < n; i += 997) CHECK(got[i] == (host[i] - double(low)) / (double(high) - double(low)));
    // first, then second: the operator does not commute
    struct last {
      int operator()(int, int b) const { return b; }
    };
    CHECK(int(ls::reduce(x, 0, last{})) == ints.back());
  }
}

TEST_CASE("rows of matrices: tiles that parts cut through") {
  for (std::size_t ranks = 1; ranks <= 7; ++ranks)
    for (ls::index columns : {1, 3, 100, 5000}) {
      ls::mesh const mesh = ls::mesh::cpu(ranks);
      ls::index const rows = 37;
      std::vector<float> host(std::size_t(rows * columns));
      ls::test::generator random(std::uint64_t(columns) + 1);
      for (float& v : host) v = float(random.between(-1, 1));
      ls::shape const extents(rows, columns);
      ls::sharded<float, 2> const x(mesh, extents, std::span<float const>(host));
      ls::array<float, 2> const one(ls::device::cpu(), extents, std::span<float const>(host));
      CHECK(same_bits<float>(ls::sum(x * 3.0f), ls::sum(one * 3.0f)));
      CHECK(ls::index(ls::argmin(x)) == std::min_element(host.begin(), host.end()) - host.begin());
      ls::sharded<float, 2> const turned(mesh, extents, std::span<float const>(host), ls::split_along(ls::axis(1)));
      CHECK(ls::index(ls::argmax(turned)) == std::max_element(host.begin(), host.end()) - host.begin());
      double truth = 0;
      for (float v : host) truth += v;
      CHECK(float(ls::sum(turned)) == doctest::Approx(truth).epsilon(1e-3));
      ls::sharded<float, 2> const copies(mesh, extents, std::span<float const>(host), ls::replicated);
      CHECK(same_bits<float>(ls::sum(copies), ls::sum(one)));
    }
}

TEST_CASE("scans: those of one device") {
  for_each_length([](ls::mesh const& mesh, std::size_t n) {
    auto const ints = random_values<std::int64_t>(n, 3);
    ls::sharded<std::int64_t> x(mesh, ints);
    std::vector<std::int64_t> want(n);
    std::inclusive_scan(ints.begin(), ints.end(), want.begin());
    CHECK(ls::inclusive_scan(x).to_host() == want);
    std::exclusive_scan(ints.begin(), ints.end(), want.begin(), std::int64_t{5});
    CHECK(ls::exclusive_scan(x, 5).to_host() == want);
    std::inclusive_scan(ints.begin(), ints.end(), want.begin(), [](auto a, auto b) { return std::max(a, b); });
    CHECK(ls::inclusive_scan(x, ls::maximum{}).to_host() == want);
    ls::test::generator random(n);
    std::vector<float> host(n);
    for (float& v : host) v = float(random.between(-1, 1));
    ls::sharded<float> const f(mesh, host);
    ls::array<float> const one(ls::device::cpu(), host);
    CHECK(same_bits(ls::inclusive_scan(f).to_host(), ls::inclusive_scan(one).to_host()));
    CHECK(same_bits(ls::exclusive_scan(f * 2.0f, 0.5f).to_host(), ls::exclusive_scan(one * 2.0f, 0.5f).to_host()));
    x = ls::inclusive_scan(x);  // in place
    std::inclusive_scan(ints.begin(), ints.end(), want.begin());
    CHECK(x.to_host() == want);
    ls::sharded<float> y(mesh, n);
    y = ls::inclusive_scan(f) + ls::neighbor(ls::exclusive_scan(f), -1);
    auto const a = ls::inclusive_scan(one).to_host(), b = ls::exclusive_scan(one).to_host();
    auto const got = y.to_host();
    bool same = true;
    for (std::size_t i = 0; i < n; ++i) same = same && got[i] == a[i] + b[i == 0 ? 0 : i - 1];
    CHECK(same);
  });
}
