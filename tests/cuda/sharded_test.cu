// Covers: sort: sort sort_by_key; types: integers float
// Covers: places: gather histogram; types: integers float
// Sharded arrays over GPUs: every sink against plain loops and std algorithms.
#include <doctest/doctest.h>

#include <algorithm>
#include <lockstep/lockstep.hpp>
#include <numeric>
#include <support/values.hpp>

namespace ls = lockstep;
using ls::test::random_values;

namespace {

/// Calls f(mesh) for one GPU, and for as many as there are, up to three.
template <class F>
void for_each_mesh(F&& f) {
  for (std::size_t gpus = 1; gpus <= std::min<std::size_t>(3, ls::mesh::gpus().size()); ++gpus) {
    INFO("GPUs ", gpus);
    f(ls::mesh::gpus(gpus));
  }
}

}  // namespace

TEST_CASE("expressions, stencils, reductions and scans of sharded arrays on GPUs") {
  for_each_mesh([](ls::mesh const& mesh) {
    for (std::size_t n : {std::size_t{1}, std::size_t{5}, std::size_t{4097}, std::size_t{140'003}}) {
      auto const host = random_values<float>(n, n);
      ls::sharded<float> const x(mesh, host);
      ls::sharded<float> y(mesh, n);
      y = x * 2.0f + ls::neighbor(x, -1, ls::boundary::wrap) + ls::cast<float>(ls::indices());
      std::vector<float> want(n);
      for (std::size_t i = 0; i < n; ++i) want[i] = host[i] * 2 + host[(i + n - 1) % n] + float(i);
      CHECK(y.to_host() == want);
      double const sum = std::accumulate(host.begin(), host.end(), 0.0);
      CHECK(float(ls::sum(x)) == doctest::Approx(sum).epsilon(1e-4));
      CHECK(ls::index(ls::argmax(x)) == std::max_element(host.begin(), host.end()) - host.begin());
      auto const ints = random_values<std::int64_t>(n, 2);
      ls::sharded<std::int64_t> const k(mesh, ints);
      std::vector<std::int64_t> scanned(n);
      std::inclusive_scan(ints.begin(), ints.end(), scanned.begin());
      CHECK(ls::inclusive_scan(k).to_host() == scanned);
      std::exclusive_scan(ints.begin(), ints.end(), scanned.begin(), std::int64_t{7});
      CHECK(ls::exclusive_scan(k, 7).to_host() == scanned);
    }
  });
}

TEST_CASE("what reorders and looks up") {
  for_each_mesh([](ls::mesh const& mesh) {
    std::size_t const n = 9001;
    auto host = random_values<float>(n, 3);
    auto const keys = random_values<int>(n, 4, 0, 40);
    ls::sharded<float> x(mesh, host);
    ls::sharded<int> k(mesh, keys), places(mesh, n);
    std::vector<float> kept;
    for (float v : host)
      if (v > 2) kept.push_back(v);
    CHECK(ls::select(x, x > 2.0f).to_host() == kept);
    std::vector<ls::index> counts(10, 0);
    for (float v : host) ++counts[std::size_t(std::min(9.0f, std::floor((v + 10) / 2)))];
    CHECK(ls::histogram(x, 10, -10.0f, 10.0f).to_host() == counts);
    ls::sharded<int> at(mesh, n);
    at = ls::cast<int>((ls::indices() * 31) % ls::index(n));
    auto const gathered = ls::gather(x, at).to_host();
    bool same = gathered.size() == n;
    for (std::size_t i = 0; same && i < n; ++i) same = gathered[i] == host[i * 31 % n];
    CHECK(same);
    places = ls::cast<int>(ls::indices());
    ls::sort_by_key(k, places);
    std::vector<int> order(n);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](int a, int b) { return keys[std::size_t(a)] < keys[std::size_t(b)]; });
    CHECK(places.to_host() == order);
    ls::sort(x);
    std::sort(host.begin(), host.end());
    CHECK(x.to_host() == host);
  });
}

TEST_CASE("matrices: along axes, products, other placements") {
  for_each_mesh([](ls::mesh const& mesh) {
    ls::index const n = 70, m = 9;
    auto const a = random_values<float>(std::size_t(n * m), 5, -4, 4),
               b = random_values<float>(std::size_t(m * 4), 6, -4, 4);
    ls::sharded<float, 2> const x(mesh, ls::shape(n, m), std::span<float const>(a));
    ls::sharded<float, 2> const w(mesh, ls::shape(m, ls::index{4}), std::span<float const>(b), ls::replicated);
    std::vector<float> rows(std::size_t(n), 0), columns(std::size_t(m), 0), product(std::size_t(n * 4), 0);
    for (ls::index i = 0; i < n; ++i)
      for (ls::index j = 0; j < m; ++j) {
        float const v = a[std::size_t(i * m + j)];
        rows[std::size_t(i)] += v, columns[std::size_t(j)] += v;
        for (ls::index k = 0; k < 4; ++k) product[std::size_t(i * 4 + k)] += v * b[std::size_t(j * 4 + k)];
      }
    auto const near = [](std::vector<float> const& p, std::vector<float> const& q) {
      double worst = p.size() == q.size() ? 0 : 1;
      for (std::size_t i = 0; i < p.size() && i < q.size(); ++i) worst = std::max(worst, double(std::abs(p[i] - q[i])));
      return worst < 1e-3;
    };
    CHECK(near(ls::sum(x, ls::axis(1)).to_host(), rows));
    CHECK(near(ls::sum(x, ls::axis(0)).to_host(), columns));
    CHECK(near(ls::matmul(x, w).to_host(), product));
    auto const turned = ls::reshard(x, ls::split_along(ls::axis(1)));
    CHECK(turned.to_host() == a);
    CHECK(ls::reshard(turned, ls::replicated).to_host() == a);
    ls::sharded<float, 2> y(mesh, x.shape());
    y = ls::neighbor(x, {1, 0}, ls::boundary::zero) - x;
    auto const got = y.to_host();
    bool same = true;
    for (ls::index i = 0; i < n; ++i)
      for (ls::index j = 0; j < m; ++j)
        same = same && got[std::size_t(i * m + j)] ==
                           (i + 1 < n ? a[std::size_t((i + 1) * m + j)] : 0) - a[std::size_t(i * m + j)];
    CHECK(same);
  });
}
