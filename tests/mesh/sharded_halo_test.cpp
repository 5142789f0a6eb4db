// Covers: map: neighbor; types: float
// Halos of stencils: exactly the rows that are needed go to whom they are needed by, while the interior is computed.
#include <atomic>
#include <thread>

#include "sharded_values.hpp"

using namespace sharded_test;

namespace {

/// Bytes that every rank of a mesh has sent, or read from others.
std::vector<std::uint64_t> bytes_so_far(ls::sharded<float> const& x) {
  std::vector<std::uint64_t> bytes(x.devices().size());
  ls::on_ranks(*x.shared_shards()->ranks,
               [&](ls::rank_context& here) { bytes[here.rank] = here.comm.statistics().bytes; });
  return bytes;
}

std::vector<float> shifted_sum(std::vector<float> const& a, std::vector<ls::index> const& steps, ls::boundary rule) {
  auto const n = ls::index(a.size());
  std::vector<float> want(a);
  for (ls::index i = 0; i < n; ++i)
    for (ls::index step : steps) {
      ls::index at = i + step;
      bool const inside = at >= 0 && at < n;
      if (rule == ls::boundary::wrap) at = (at % n + n) % n;
      if (rule == ls::boundary::clamp) at = std::clamp<ls::index>(at, 0, n - 1);
      want[std::size_t(i)] += inside || rule != ls::boundary::zero ? a[std::size_t(at)] : 0.0f;
    }
  return want;
}

}  // namespace

TEST_CASE("each rank gets the rows that it reads beside its own, and nothing else") {
  for (std::size_t ranks : {2, 3, 4, 7}) {
    ls::mesh const mesh = ls::mesh::cpu(ranks);
    std::size_t const n = 400'000;
    auto const host = random_values<float>(n, 1);
    ls::sharded<float> const x(mesh, host);
    ls::sharded<float> y(mesh, n);
    for (ls::boundary rule : {ls::boundary::zero, ls::boundary::clamp, ls::boundary::wrap}) {
      auto const before = bytes_so_far(x);
      y = x + ls::neighbor(x, 3, rule) + ls::neighbor(x, -2, rule);
      auto const after = bytes_so_far(x);
      CHECK(y.to_host() == shifted_sum(host, {3, -2}, rule));
      for (std::size_t r = 0; r < ranks; ++r) {
        bool const wraps = rule == ls::boundary::wrap;
        std::size_t const elements = (wraps || r + 1 < ranks ? 3 : 0) + (wraps || r > 0 ? 2 : 0);
        CHECK(after[r] - before[r] == elements * sizeof(float));
      }
    }
    auto const before = bytes_so_far(x);
    y = x * 2.0f + ls::neighbor(x, 0);
    CHECK(bytes_so_far(x) == before);  // nothing is beside
  }
}

TEST_CASE("large stencils in parts: the same bits as without, onto others and onto themselves") {
  for (std::size_t ranks : {1, 2, 4, 7}) {
    ls::mesh const mesh = ls::mesh::cpu(ranks);
    std::size_t const n = 7 * (std::size_t{1} << 16) + 11;
    auto const host = random_values<float>(n, 2);
    ls::array<float> const one(ls::device::cpu(), host);
    ls::sharded<float> x(mesh, host), y(mesh, n);
    for (ls::index step : {1, -1, 40'000, 300'000}) {
      y = 0.1f * x + ls::neighbor(ls::sqrt(ls::abs(x)), step, ls::boundary::wrap) * ls::cast<float>(ls::indices());
      ls::array<float> const want =
          0.1f * one + ls::neighbor(ls::sqrt(ls::abs(one)), step, ls::boundary::wrap) * ls::cast<float>(ls::indices());
      CHECK(same_bits(y.to_host(), want.to_host()));
    }
    x = x + ls::neighbor(x, 1, ls::boundary::zero) - ls::neighbor(x, -1, ls::boundary::zero);
    ls::array<float> const want =
        one + ls::neighbor(one, 1, ls::boundary::zero) - ls::neighbor(one, -1, ls::boundary::zero);
    CHECK(same_bits(x.to_host(), want.to_host()));
    ls::index const rows = 700, columns = 501;
    auto const matrix = random_values<float>(std::size_t(rows * columns), 3);
    ls::array<float, 2> const a(ls::device::cpu(), ls::shape(rows, columns), std::span<float const>(matrix));
    ls::sharded<float, 2> const m(mesh, a);
    ls::sharded<float, 2> const around = ls::neighbor(m, {1, 0}) + ls::neighbor(m, {-2, 1}) + ls::neighbor(m, {0, -1});
    ls::array<float, 2> const alone = ls::neighbor(a, {1, 0}) + ls::neighbor(a, {-2, 1}) + ls::neighbor(a, {0, -1});
    CHECK(same_bits(around.to_host(), alone.to_host()));
  }
}

TEST_CASE("the interior is computed while halos are on their way") {
  std::size_t const n = 300'000;
  auto const host = random_values<float>(n, 4);
  ls::mesh const mesh = ls::mesh::cpu(2);
  ls::sharded<float> const x(mesh, host);
  ls::sharded<float> y(mesh, n);
  std::atomic<bool> computed{false};
  auto const e = ls::map(ls::host_only([&](float v) {
                           computed = true;
                           return v;
                         }),
                         ls::neighbor(x, 1));
  ls::on_ranks(*x.shared_shards()->ranks, [&](ls::rank_context& here) {
    // Rank 1 joins the exchange when rank 0 has begun to compute, which would wait for ever if it needed all halos
    // first.
    if (here.rank == 1)
      while (!computed) std::this_thread::yield();
    ls::halo_schedule halos;
    ls::local_part part = ls::part_of_rank({nullptr, 0}, x.shape(), here);
    part.later = &halos;
    auto const local = ls::localize(e, part, here);
    REQUIRE(halos.exchanges.size() == 1);
    ls::assign_around_halos(here.where, local, y.shard(here.rank).view(), halos);
  });
  auto const got = y.to_host();
  bool same = true;
  for (std::size_t i = 0; i < n; ++i) same = same && got[i] == host[std::min(i + 1, n - 1)];
  CHECK(same);
}

TEST_CASE("outputs that are large only together are written past the caches, and right") {
  std::size_t const n = (std::size_t{7} << 20) + 13;
  auto const host = random_values<float>(n, 5);
  auto const want = shifted_sum(host, {1, -1}, ls::boundary::clamp);
  for (std::size_t ranks : {2, 3}) {
    ls::sharded<float> x(ls::mesh::cpu(ranks), host), y(ls::mesh::cpu(ranks), n);
    y = x + ls::neighbor(x, 1) + ls::neighbor(x, -1);
    CHECK(y.to_host() == want);
    x = x * 2.0f;  // in place, which keeps to the caches
    y = x * 0.5f;
    CHECK(y.to_host() == host);
  }
}
