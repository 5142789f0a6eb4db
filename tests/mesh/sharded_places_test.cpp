// Covers: places: gather histogram; types: integers float
// Sharded arrays read at any place: gather across devices, histograms, and what moves to another placement.
#include "sharded_values.hpp"

using namespace sharded_test;

TEST_CASE("gather: elements of any device, in the places of the indices") {
  for_each_length([](ls::mesh const& mesh, std::size_t n) {
    auto const host = random_values<float>(n, 1);
    std::size_t const count = n == 0 ? 0 : 3000;
    auto const at = random_values<std::int32_t>(count, 2, 0, double(std::max<std::size_t>(n, 1)));
    ls::sharded<float> const x(mesh, host), whole(mesh, host, ls::replicated);
    ls::sharded<std::int32_t> const where(mesh, at), everywhere(mesh, at, ls::replicated);
    std::vector<float> want(count);
    for (std::size_t i = 0; i < count; ++i) want[i] = host[std::size_t(at[i])] * 2 + 1;
    CHECK((ls::gather(x * 2.0f, where) + 1.0f).to_host() == want);
    CHECK((ls::gather(whole * 2.0f, where) + 1.0f).to_host() == want);
    CHECK((ls::gather(x * 2.0f, everywhere) + 1.0f).to_host() == want);
    ls::sharded<float> target(mesh, count);
    target = ls::gather(x * 2.0f, where) + 1.0f;
    CHECK(target.to_host() == want);
  });
  ls::mesh const mesh = ls::mesh::cpu(3);
  ls::sharded<float> x(mesh, std::vector<float>(10, 1.0f));
  ls::sharded<int> const bad(mesh, std::vector<int>{0, 3, 10});
  CHECK(contains(message_of<ls::error>([&] { static_cast<void>(ls::gather(x, bad).to_host()); }),
                 "found the index 10, expected one from 0 to 9"));
}

TEST_CASE("histograms add up the parts") {
  for_each_length([](ls::mesh const& mesh, std::size_t n) {
    auto const host = random_values<float>(n, 3);
    ls::sharded<float> const x(mesh, host);
    std::vector<ls::index> want(20, 0);
    for (float v : host) ++want[std::size_t(std::min(19.0f, std::floor(v + 10)))];
    CHECK(ls::histogram(x, 20, -10.0f, 10.0f).to_host() == want);
    CHECK(ls::histogram(ls::sharded<float>(mesh, host, ls::replicated) * 1.0f, 20, -10.0f, 10.0f).to_host() == want);
    std::vector<ls::index> parts(2, 0);
    for (float v : host) ++parts[v < 1 ? 0 : 1];
    CHECK(ls::histogram(x, {-10.0f, 1.0f, 10.0f}).to_host() == parts);
  });
}

TEST_CASE("resharding keeps the elements, whatever the placements") {
  for (std::size_t ranks = 1; ranks <= 6; ++ranks) {
    ls::mesh const mesh = ls::mesh::cpu(ranks);
    ls::shape const extents(7, 10, 3);
    auto const host = random_values<int>(210, 4);
    std::vector<ls::placement> const all = {ls::split_along(ls::axis(0)), ls::split_along(ls::axis(1)),
                                            ls::split_along(ls::axis(2)), ls::replicated};
    for (ls::placement from : all) {
      ls::sharded<int, 3> const x(mesh, extents, std::span<int const>(host), from);
      for (ls::placement to : all) {
        ls::sharded<int, 3> const y = ls::reshard(x, to);
        CHECK(y.placed() == to);
        CHECK(y.to_host() == host);
      }
      CHECK(ls::reshard(x, ls::mesh::cpu(2)).to_host() == host);
    }
  }
}
