// Covers: collectives: all_reduce reduce broadcast all_gather reduce_scatter; types: integers float double
// Covers: collectives: gather scatter all_to_all all_gather_v; types: integers float double
// Collectives composed from messages: on an engine that offers the required core and nothing else, and whose sends wait
// for their receives, so that any circle of waiting ranks shows.
#include <doctest/doctest.h>

#include "core_engine.hpp"

using namespace mesh_test;

namespace {

static_assert(ls::communication_engine<core_engine>);
static_assert(!ls::has_all_reduce<core_engine> && !ls::has_start_all_reduce<core_engine>);

template <class F>
void on_core_engines(std::size_t ranks, F const& f) {
  on_engines<core_engine>(ranks, f);
}

/// What all ranks together sent for f.
template <class F>
ls::traffic sent(std::size_t ranks, F const& f) {
  return sent_by<core_engine>(ranks, f);
}

void check_traffic(ls::traffic const& found, std::size_t messages, std::size_t bytes) {
  CHECK(found.messages == messages);
  CHECK(found.bytes == bytes);
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
  for (std::size_t ranks = 2; ranks <= 9; ++ranks) {
    std::size_t const others = ranks - 1;
    for (std::size_t count : {std::size_t{0}, std::size_t{1}, ranks + 1, std::size_t{1021}, std::size_t{65536}}) {
      CAPTURE(ranks);
      CAPTURE(count);
      std::size_t const bytes = 4 * count;
      bool const any = count > 0, parts = bytes >= ls::composed::direct_bytes;
      check_traffic(sent(ranks,
                         [&](ls::communicator& comm) {
                           std::vector<float> values(count);
                           comm.all_reduce(std::span(values), ls::plus{});
                         }),
                    any ? 2 * others * (parts ? ranks : 1) : 0, 2 * others * bytes);
      check_traffic(sent(ranks,
                         [&](ls::communicator& comm) {
                           std::vector<float> values(count);
                           comm.broadcast(std::span(values), others);
                         }),
                    any ? others : 0, others * bytes);
      check_traffic(sent(ranks,
                         [&](ls::communicator& comm) {
                           std::vector<float> values(count), all(count * ranks);
                           comm.all_gather(std::span<float const>(values), std::span(all));
                         }),
                    any ? ranks * others : 0, ranks * others * bytes);
      check_traffic(
          sent(ranks,
               [&](ls::communicator& comm) {
                 std::vector<float> values(count);
                 comm.reduce(std::span(values), ls::plus{}, others);
               }),
          any ? (parts ? others * (ranks + 1) : others) : 0,
          parts ? others * bytes + (bytes - 4 * ls::composed::part_of(count, others, ranks).size()) : others * bytes);
      check_traffic(sent(ranks,
                         [&](ls::communicator& comm) {
                           std::vector<float> values(count), all(count * ranks);
                           comm.gather(std::span<float const>(values), std::span(all), 1);
                         }),
                    any ? others : 0, others * bytes);
      check_traffic(sent(ranks,
                         [&](ls::communicator& comm) {
                           std::vector<float> values(count), all(count * ranks);
                           comm.scatter(std::span<float const>(all), std::span(values), others);
                         }),
                    any ? others : 0, others * bytes);
      check_traffic(sent(ranks,
                         [&](ls::communicator& comm) {
                           std::vector<float> values(count * ranks), received(count * ranks);
                           comm.all_to_all(std::span<float const>(values), std::span(received));
                         }),
                    any ? ranks * others : 0, ranks * others * bytes);
      std::vector<std::size_t> rising;  // rank r has r times the elements
      for (std::size_t r = 0; r < ranks; ++r) rising.push_back(r * count);
      check_traffic(sent(ranks,
                         [&](ls::communicator& comm) {
                           std::vector<float> values(rising[comm.rank()]), all(count * ranks * others / 2);
                           comm.all_gather_v(std::span<float const>(values), std::span(all), rising);
                         }),
                    any ? others * others : 0, others * bytes * ranks * others / 2);
      check_traffic(sent(ranks,
                         [&](ls::communicator& comm) {
                           ls::array<float> const whole(comm.device(), std::vector<float>(count * ranks));
                           static_cast<void>(comm.reduce_scatter(whole, ls::plus{}));
                         }),
                    any ? ranks * others : 0, ranks * others * bytes);
    }
  }
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
