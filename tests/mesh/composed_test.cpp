// Covers: collectives: all_reduce reduce broadcast all_gather reduce_scatter; types: integers float double
// Covers: collectives: gather scatter all_to_all all_gather_v; types: integers float double
// Collectives composed from messages: on an engine that offers the required core and nothing else, and whose sends wait
// for their receives, so that any circle of waiting ranks shows.
#include <doctest/doctest.h>

#include <atomic>

#include "collective_checks.hpp"
#include "core_engine.hpp"
#include "traffic.hpp"

using namespace mesh_test;

namespace {

static_assert(ls::communication_engine<core_engine>);
static_assert(!ls::has_all_reduce<core_engine> && !ls::has_start_all_reduce<core_engine>);

template <class F>
void on_core_engines(std::size_t ranks, F const& f) {
  on_engines<core_engine>(ranks, f);
}

}  // namespace

TEST_CASE_TEMPLATE("composed collectives follow the documented tree", T, float, std::int64_t, std::uint8_t) {
  CHECK(check_all<T, exact>(twice_left{}, [](std::size_t n, auto const& f) { on_core_engines(n, f); }) == "");
}
TEST_CASE("composed collectives of fractions and of a user's type") {
  auto const run = [](std::size_t ranks, auto const& f) { on_core_engines(ranks, f); };
  CHECK(check_all<double, fractions>(ls::plus{}, run) == "");
  CHECK(check_all<affine, functions>(compose{}, run) == "");
}

TEST_CASE("composed collectives send exactly the messages and bytes that their descriptions say") {
  for (std::size_t ranks = 1; ranks <= 9; ++ranks) {
    std::vector<std::string> wrong(ranks);
    std::atomic<std::size_t> checks{0};
    std::vector<std::size_t> const some{0, 1, ranks - 1, ranks, ranks + 1, 1021, 65536};
    on_core_engines(ranks, [&](ls::communicator& comm) {
      std::size_t mine = 0;
      for (std::size_t count : some)
        if (wrong[comm.rank()].empty()) wrong[comm.rank()] = check_traffic(comm, count, true, mine);
      checks += mine;
    });
    CHECK(wrong == std::vector<std::string>(ranks));
    CHECK(checks == ranks * some.size() * traffic_checks);
  }
}

TEST_CASE("each composed collective, in small") {
  std::vector<int> good(3, 0);
  on_core_engines(3, [&](ls::communicator& comm) {
    int const me = static_cast<int>(comm.rank());
    std::vector<int> const pair{10 * me, 10 * me + 1}, six{0, 1, 2, 3, 4, 5}, pairs{0, 1, 10, 11, 20, 21};
    std::vector<int> two = pair, all(6), one(me == 2 ? 0 : 1, me), three{10 * me, 10 * me + 1, 10 * me + 2}, got(3);
    comm.reduce(std::span(two), ls::plus{}, 1);
    bool ok = two == (me == 1 ? std::vector{30, 33} : pair);
    comm.broadcast(std::span(two), 1);
    ok = ok && two == std::vector{30, 33};
    comm.all_gather(std::span<int const>(pair), std::span(all));
    ok = ok && all == pairs;
    comm.reduce_scatter(std::span<int const>(pairs), std::span(two), ls::plus{});
    ok = ok && two == std::vector{30 * me, 30 * me + 3};
    all.assign(6, 0);
    comm.gather(std::span<int const>(pair), std::span(all), 2);
    ok = ok && all == (me == 2 ? pairs : std::vector<int>(6, 0));
    comm.scatter(std::span<int const>(six), std::span(two), 0);
    ok = ok && two == std::vector{2 * me, 2 * me + 1};
    comm.all_to_all(std::span<int const>(three), std::span(got));
    ok = ok && got == std::vector{me, 10 + me, 20 + me};
    std::vector<int> both(2);
    comm.all_gather_v(std::span<int const>(one), std::span(both), std::vector<std::size_t>{1, 1, 0});
    good[comm.rank()] = ok && both == std::vector{0, 1};
  });
  CHECK(good == std::vector<int>(3, 1));
}

TEST_CASE("barrier, split and messages go straight to the engine") {
  std::size_t const ranks = 5;
  std::vector<int> good(ranks, 0);
  on_core_engines(ranks, [&](ls::communicator& comm) {
    ls::communicator part = comm.split(static_cast<std::int64_t>(comm.rank() % 2));
    int sum = static_cast<int>(comm.rank());
    part.all_reduce(sum, ls::plus{});
    comm.barrier();
    int token = 40;
    if (comm.rank() == 0) comm.send(std::span<int const>(&token, 1), 4, 3);
    if (comm.rank() == 4) {
      token = 0;
      comm.receive(std::span(&token, 1), 0, 3);
    }
    good[comm.rank()] = sum == (comm.rank() % 2 == 0 ? 6 : 4) && token == 40;
  });
  CHECK(good == std::vector<int>(ranks, 1));
}

TEST_CASE("what a sender that waited too long takes back reaches nobody") {
  hub shared(2, std::chrono::milliseconds(1));
  int const sent = 7;
  int received = 0;
  CHECK_THROWS_AS(shared.send(0, 1, 3, &sent, sizeof sent), ls::communication_error);
  CHECK_THROWS_AS(shared.receive(0, 1, 3, &received, sizeof received), ls::communication_error);
  CHECK(received == 0);
}
