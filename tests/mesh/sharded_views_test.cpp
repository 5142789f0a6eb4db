// Covers: select: unique; types: float
// Covers: sort: top_k bottom_k; types: float
// Covers: row: softmax; types: float
// Covers: reduce: evaluate; types: integers float
// What sharded arrays have in common with arrays besides: slices, lines, several reductions in one pass, printing,
// explain, top_k and unique; and what moves elements is refused.
#include <atomic>
#include <numeric>
#include <sstream>

#include "sharded_values.hpp"

using namespace sharded_test;

namespace {

/// Calls f(mesh, the matrix, what it is as an array) for matrices split along both axes and replicated.
template <class F>
void for_each_matrix(ls::index rows, ls::index columns, F&& f) {
  auto const host = random_values<float>(std::size_t(rows * columns), 1);
  ls::array<float, 2> const one(ls::device::cpu(), ls::shape(rows, columns), std::span<float const>(host));
  for (std::size_t ranks : {1, 2, 4, 7})
    for (ls::placement placed : {ls::split_along(ls::axis(0)), ls::split_along(ls::axis(1)), ls::replicated}) {
      INFO("devices ", ranks, placed.is_split() ? " split along " : " replicated ",
           placed.is_split() ? placed.axis() : 0);
      f(ls::sharded<float, 2>(ls::mesh::cpu(ranks), one, placed), one);
    }
}

}  // namespace

TEST_CASE("slices that keep the split axis whole") {
  for_each_matrix(130, 40, [](ls::sharded<float, 2> const& x, ls::array<float, 2> const& one) {
    bool const by_rows = x.placed() == ls::split_along(ls::axis(0));
    bool const by_columns = x.placed() == ls::split_along(ls::axis(1));
    ls::shape const from(by_rows ? 0 : 3, by_columns ? 0 : 5), to(by_rows ? 130 : 90, by_columns ? 40 : 23);
    ls::array<float, 2> const want = one.slice(from, to) * 2.0f;
    ls::sharded<float, 2> const got = x.slice(from, to) * 2.0f;
    CHECK(got.placed() == x.placed());
    CHECK(same_bits(got.to_host(), want.to_host()));
    if (!x.placed().is_split()) {  // a target that is split takes its part
      ls::sharded<float, 2> target(x.devices(), want.shape());
      target = x.slice(from, to) * 2.0f;
      CHECK(same_bits(target.to_host(), want.to_host()));
    }
    if (!by_columns) {
      ls::sharded<float, 2> const shifted = ls::neighbor(x.slice(from, to), {1, 0});
      ls::array<float, 2> const expected = ls::neighbor(one.slice(from, to), {1, 0});
      CHECK(same_bits(shifted.to_host(), expected.to_host()));
    }
    if (x.placed().is_split() && x.devices().size() > 1)
      CHECK(contains(message_of<ls::device_error>([&] {
                       ls::sharded<float, 2> const bad = x.slice(ls::shape(1, 1), ls::shape(130, 40)) * 1.0f;
                     }),
                     "use reshard(x, replicated)"));
  });
}

TEST_CASE("transposes turn the split axis, reshapes keep it") {
  for_each_matrix(128, 24, [](ls::sharded<float, 2> const& x, ls::array<float, 2> const& one) {
    ls::sharded<float, 2> const turned = x.transpose() + 1.0f;
    CHECK(turned.placed() ==
          (x.placed().is_split() ? ls::split_along(ls::axis(1 - x.placed().axis())) : ls::replicated));
    CHECK(same_bits(turned.to_host(), ls::array<float, 2>(one.transpose() + 1.0f).to_host()));
    if (x.placed() == ls::split_along(ls::axis(1))) {
      if (x.devices().size() > 1)
        CHECK(contains(message_of<ls::device_error>(
                           [&] { ls::sharded<float, 3> const bad = x.reshape(ls::shape(128, 2, 12)) * 1.0f; }),
                       "use reshard(x, replicated)"));
      return;
    }
    ls::sharded<float, 3> const deep = x.reshape(ls::shape(128, 2, 12)) * 3.0f;
    CHECK(deep.placed().is_split() == x.placed().is_split());
    CHECK(same_bits(deep.to_host(), ls::array<float, 2>(one * 3.0f).to_host()));
    ls::sharded<float, 3> const moved = ls::neighbor(x.reshape(ls::shape(128, 2, 12)), {1, 0, 0}) * 1.0f;
    ls::array<float, 3> const want = ls::neighbor(one.reshape(ls::shape(128, 2, 12)), {1, 0, 0}) * 1.0f;
    CHECK(same_bits(moved.to_host(), want.to_host()));
    if (x.placed().is_split() && x.devices().size() == 7)
      CHECK(contains(
          message_of<ls::device_error>([&] { ls::sharded<float> const bad = x.reshape(ls::shape(128 * 24)) * 1.0f; }),
          "split at other elements"));
  });
}

TEST_CASE("softmax and scans along an axis that is whole on every device") {
  for_each_matrix(130, 40, [](ls::sharded<float, 2> const& x, ls::array<float, 2> const& one) {
    for (std::size_t axis : {0, 1}) {
      ls::axis const along(axis);
      if (x.placed() == ls::split_along(along)) {
        CHECK(contains(message_of<ls::device_error>([&] { ls::sharded<float, 2> const bad = ls::softmax(x, along); }),
                       "along the axis that is split"));
        continue;
      }
      ls::sharded<float, 2> const soft = ls::softmax(x * 0.1f, along);
      CHECK(same_bits(soft.to_host(), ls::array<float, 2>(ls::softmax(one * 0.1f, along)).to_host()));
      ls::sharded<float, 2> const sums = ls::inclusive_scan(x, along) * 2.0f;
      CHECK(same_bits(sums.to_host(), ls::array<float, 2>(ls::inclusive_scan(one, along) * 2.0f).to_host()));
    }
  });
}

TEST_CASE("several reductions in one pass have the bits of each alone") {
  for_each_length([](ls::mesh const& mesh, std::size_t n) {
    if (n == 0) return;
    auto const host = random_values<float>(n, 5);
    ls::array<float> const one(ls::device::cpu(), host);
    for (ls::placement placed : {ls::split_along(ls::axis(0)), ls::replicated}) {
      ls::sharded<float> const x(mesh, ls::shape(n), std::span<float const>(host), placed);
      auto const [total, largest, place, squares] =
          ls::evaluate(ls::sum(x), ls::max(x), ls::argmin(x * 2.0f), ls::sum(x * x));
      CHECK(float(total) == float(ls::sum(one)));
      CHECK(float(largest) == float(ls::max(one)));
      CHECK(ls::index(place) == ls::index(ls::argmin(one * 2.0f)));
      CHECK(float(squares) == float(ls::sum(one * one)));
    }
  });
  for_each_matrix(130, 40, [](ls::sharded<float, 2> const& x, ls::array<float, 2> const& one) {
    ls::sharded<int> const other(x.devices(), std::vector<int>(1000, 3));
    auto const [total, place, threes] = ls::evaluate(ls::sum(x), ls::argmax(x), ls::sum(other));
    CHECK(float(total) == doctest::Approx(float(ls::sum(one))).epsilon(1e-4));
    CHECK(ls::index(place) == ls::index(ls::argmax(one)));
    CHECK(std::int64_t(threes) == 3000);
  });
}

TEST_CASE("several reductions look at a tile in turn") {
  std::size_t const n = 200'000;
  ls::sharded<float> const x(ls::mesh::cpu(3), std::vector<float>(n, 2.0f));
  std::atomic<std::size_t> of_first{0}, seen_by_second{n};
  auto const first = ls::map(ls::host_only([&](float v) {
                               ++of_first;
                               return v;
                             }),
                             x);
  auto const second = ls::map(ls::host_only([&](float v) {
                                std::size_t const so_far = of_first;
                                if (so_far < seen_by_second) seen_by_second = so_far;
                                return v;
                              }),
                              x);
  auto const [sum, most] = ls::evaluate(ls::sum(first), ls::max(second));
  CHECK(float(sum) == 2.0f * float(n));
  CHECK(float(most) == 2.0f);
  CHECK(of_first == n);
  CHECK(seen_by_second < n);  // after a pass for each it would be n
}

TEST_CASE("printed as arrays are, with the placement for a header") {
  ls::mesh const mesh = ls::mesh::cpu(3);
  auto const host = random_values<float>(60, 6);
  ls::array<float, 2> const one(ls::device::cpu(), ls::shape(10, 6), std::span<float const>(host));
  ls::sharded<float, 2> const x(mesh, one), everywhere(mesh, one, ls::replicated);
  CHECK(ls::to_string(x) == ls::to_string(one));
  CHECK(ls::to_string(everywhere * 2.0f) == ls::to_string(one * 2.0f));
  CHECK(ls::to_string(ls::sum(x)) == ls::to_string(ls::sum(one)));
  std::ostringstream shown, expected;
  shown << x + 1.0f;
  expected << one + 1.0f;
  CHECK(shown.str() == expected.str());
  ls::print_options options;
  options.header = true;
  CHECK(ls::to_string(x, options) == "float[10, 6] split along axis 0 over 3 devices\n" + ls::to_string(one));
  CHECK(ls::describe(everywhere) == "float[10, 6] on each of 3 devices");
}

TEST_CASE("explain counts the passes and the bytes of all devices") {
  ls::mesh const mesh = ls::mesh::cpu(4);
  ls::sharded<float> const x(mesh, 1000), y(mesh, 1000);
  auto const plan = ls::explain(ls::sqrt(x) * 2.0f + y + x);
  CHECK(plan.passes == 1);
  CHECK(plan.bytes_read == 8000);
  CHECK(plan.bytes_written == 4000);
  CHECK(ls::explain(x * ls::sum(y)).passes == 2);
}

TEST_CASE("top_k and bottom_k with the places in the whole") {
  for_each_length([](ls::mesh const& mesh, std::size_t n) {
    auto host = random_values<float>(n, 7);
    for (float& v : host) v = std::floor(v);  // many equal ones
    std::vector<ls::index> order(n);
    std::iota(order.begin(), order.end(), ls::index{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](ls::index a, ls::index b) { return host[std::size_t(a)] > host[std::size_t(b)]; });
    ls::sharded<float> const x(mesh, host);
    for (ls::index k : {ls::index{0}, std::min<ls::index>(10, ls::index(n)), ls::index(n)}) {
      auto const best = ls::top_k(x, k);
      CHECK(best.indices.to_host() == std::vector<ls::index>(order.begin(), order.begin() + k));
      auto const least = ls::bottom_k(0.0f - x, k);
      CHECK(least.indices.to_host() == best.indices.to_host());
      CHECK(ls::array<float>(0.0f - least.values).to_host() == best.values.to_host());
    }
    CHECK(contains(message_of<ls::error>([&] { ls::top_k(x, ls::index(n) + 1); }), "top_k: found k = "));
  });
}

TEST_CASE("unique across devices") {
  for_each_length([](ls::mesh const& mesh, std::size_t n) {
    for (double runs : {1.0, 3.0, 1e9}) {
      auto host = random_values<float>(n, 8, 0, 2);
      for (std::size_t i = 0; i < n; ++i)
        host[i] = runs == 1 ? std::floor(host[i]) : std::floor(double(i) / 700 * runs);
      auto want = host;
      want.erase(std::unique(want.begin(), want.end()), want.end());
      ls::sharded<float> const x(mesh, host), copies(mesh, host, ls::replicated);
      auto const got = ls::unique(x);
      CHECK(got.to_host() == want);
      for (std::size_t r = 0; r < mesh.size(); ++r)
        CHECK(got.shard(r).extent(0) == ls::rank_rows(got.extent(0), r, mesh.size()).size());
      CHECK(ls::unique(copies).to_host() == want);
    }
  });
}
