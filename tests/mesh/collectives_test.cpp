// Covers: collectives: all_reduce reduce reduce_scatter broadcast all_gather gather; types: integers float double
// Covers: collectives: scatter all_to_all all_gather_v gather_v scatter_v all_to_all_v; types: integers float double
// Covers: collectives: send receive split; types: integers float double
// Covers: collectives: barrier; types: none
// Collectives among threads: every result, bit for bit, for up to nine ranks, five types and several operators.
#include <doctest/doctest.h>

#include <lockstep/mesh/spmd.hpp>
#include <numeric>

#include "collective_checks.hpp"

namespace ls = lockstep;
using namespace mesh_test;

namespace {

/// check_all on CPU meshes whose devices have `threads` threads.
template <class T, class Input, class Op>
std::string on_meshes(Op const& op, std::size_t threads = 1) {
  return check_all<T, Input>(op, [&](std::size_t ranks, auto const& f) { ls::spmd(ls::mesh::cpu(ranks, threads), f); });
}

/// check_collectives for one number of ranks and one count.
template <class T, class Input, class Op>
std::vector<std::string> on_mesh(ls::mesh const& mesh, std::size_t count, Op const& op) {
  auto const want = expect<T, Input>(mesh.size(), count, op);
  std::vector<std::string> problems(mesh.size());
  ls::spmd(mesh, [&](ls::communicator& comm) { problems[comm.rank()] = check_collectives(comm, want, count, op); });
  return problems;
}

}  // namespace

TEST_CASE_TEMPLATE("collectives of numbers", T, float, double, std::int32_t, std::int64_t, std::uint8_t) {
  CHECK(on_meshes<T, exact>(twice_left{}) == "");
#ifdef __SANITIZE_THREAD__
  MESSAGE("plus, minimum and maximum are left out: what threads share does not depend on the operator");
#else
  CHECK(on_meshes<T, exact>(ls::plus{}) == "");
  CHECK(on_meshes<T, exact>(ls::maximum{}) == "");
  CHECK(on_meshes<T, exact>(ls::minimum{}) == "");
#endif
}

TEST_CASE_TEMPLATE("rounded sums follow the documented tree", T, float, double) {
  CHECK(on_meshes<T, fractions>(ls::plus{}) == "");
}

TEST_CASE("a user's type and operators with and without state") {
  CHECK(on_meshes<affine, functions>(compose{}) == "");
  std::uint32_t const offset = 5;
  auto const with_state = [=](affine const& f, affine const& g) { return affine{f.a - g.a, f.b + offset * g.b}; };
  CHECK(on_meshes<affine, functions>(with_state) == "");
}

TEST_CASE("devices with several threads share the work on large arrays") {
  CHECK(on_meshes<float, fractions>(ls::plus{}, 2) == "");
  for (std::size_t ranks : {2, 3})
    CHECK(on_mesh<float, fractions>(ls::mesh::cpu(ranks, 3), (std::size_t{1} << 19) + 3, ls::plus{}) ==
          std::vector<std::string>(ranks));
}

TEST_CASE("the bits do not depend on how data are cut") {
  std::size_t const count = 10007, ranks = 5;
  auto const want = reduced<float, fractions>(ranks, count, ls::plus{});
  std::vector<std::vector<float>> results(ranks);
  ls::spmd(ls::mesh::cpu(ranks), [&](ls::communicator& comm) {
    auto& mine = results[comm.rank()] = values_of<float, fractions>(comm.rank(), count);
    for (std::size_t begin = 0, size = 1; begin < count; begin += size, size = size * 3 + 1)
      comm.all_reduce(std::span(mine).subspan(begin, std::min(size, count - begin)), ls::plus{});
  });
  for (auto const& each : results) CHECK(same_bits(each, want));
}

TEST_CASE("more ranks than most machines have cores") {
  CHECK(on_mesh<float, fractions>(ls::mesh::cpu(40), 1000, twice_left{}) == std::vector<std::string>(40));
}

TEST_CASE("single values, spans and arrays of any rank") {
  std::size_t const ranks = 4;
  std::vector<int> good(ranks, 0);
  ls::spmd(ls::mesh::cpu(ranks), [&](ls::communicator& comm) {
    auto const me = static_cast<int>(comm.rank());
    int least = me + 3;
    comm.all_reduce(least, ls::minimum{});
    double root = me;
    comm.broadcast(root, 2);
    affine f{2, static_cast<std::uint32_t>(me)};
    comm.all_reduce(f, compose{});
    std::vector<affine> inputs{{2, 0}, {2, 1}, {2, 2}, {2, 3}};
    bool ok = least == 3 && root == 2 && f == tree_of(inputs, compose{});

    std::vector<std::uint16_t> all(2 * ranks), pair{static_cast<std::uint16_t>(me), 7};
    comm.all_gather(std::span<std::uint16_t const>(pair), std::span<std::uint16_t>(all));
    ok = ok && all == std::vector<std::uint16_t>{0, 7, 1, 7, 2, 7, 3, 7};

    ls::array<float, 2> matrix(comm.device(), ls::shape{4, 3});
    matrix = static_cast<float>(me);
    ls::array<float, 2> const rows = comm.all_gather(matrix), part = comm.reduce_scatter(matrix, ls::plus{});
    ok = ok && rows.shape() == ls::shape{16, 3} && part.shape() == ls::shape{1, 3};
    ok = ok && rows.to_host()[15 * 3] == 3 && part.to_host() == std::vector<float>(3, 6);
    good[comm.rank()] = ok;
  });
  CHECK(good == std::vector<int>(ranks, 1));
}

TEST_CASE("what moves between ranks, in small") {
  std::vector<int> good(3, 0);
  ls::spmd(ls::mesh::cpu(3), [&](ls::communicator& comm) {
    int const me = static_cast<int>(comm.rank());
    std::vector<int> const six{0, 1, 2, 3, 4, 5}, nothing;
    std::vector<int> pair(2);
    comm.scatter(std::span<int const>(me == 1 ? six : nothing), std::span(pair), 1);
    bool ok = pair == std::vector{2 * me, 2 * me + 1};
    ok = ok && comm.gather(ls::array<int>(comm.device(), pair), 2).to_host() == (me == 2 ? six : nothing);

    std::vector<std::size_t> const counts{1, 0, 3};
    std::vector<int> const four{7, 8, 9, 10};
    std::vector<int> part(counts[comm.rank()]), all(me == 0 ? 4 : 0);
    comm.scatter_v(std::span<int const>(me == 0 ? four : nothing), counts, std::span(part), 0);
    ok = ok && part.size() == counts[comm.rank()] && (me != 2 || part == std::vector{8, 9, 10});
    ok = ok && comm.all_gather_v(ls::array<int>(comm.device(), part)).to_host() == four;
    comm.gather_v(std::span<int const>(part), std::span(all), counts, 0);
    ok = ok && all == (me == 0 ? four : nothing);

    std::vector<int> const mine{10 * me, 10 * me + 1, 10 * me + 2};
    ok = ok && comm.all_to_all(ls::array<int>(comm.device(), mine)).to_host() == std::vector{me, 10 + me, 20 + me};
    std::vector<std::size_t> const to_counts{0, comm.rank(), 3 - comm.rank()};  // 0 0 3, 0 1 2, 0 2 1
    auto const [received, from_counts] = comm.all_to_all_v(std::span<int const>(mine), to_counts);
    std::vector<std::vector<int>> const want{{}, {10, 20, 21}, {0, 1, 2, 11, 12, 22}};
    ok = ok && received == want[comm.rank()] && from_counts.size() == 3;

    int sum = me + 1;
    comm.reduce(sum, ls::plus{}, 1);
    good[comm.rank()] = ok && sum == (me == 1 ? 6 : me + 1);
  });
  CHECK(good == std::vector<int>(3, 1));
}

TEST_CASE("shapes that cannot be shared out are refused on every rank, before anybody waits") {
  std::vector<std::string> messages(3);
  ls::spmd(ls::mesh::cpu(3), [&](ls::communicator& comm) {
    ls::array<float> const seven(comm.device(), std::vector<float>(7, 1.0f));
    try {
      static_cast<void>(comm.reduce_scatter(seven, ls::plus{}));
    } catch (ls::shape_error const& e) {
      messages[comm.rank()] = e.what();
    }
    std::vector<int> one(1), two(2);
    CHECK_THROWS_AS(comm.all_gather(std::span<int const>(one), std::span<int>(two)), ls::shape_error);
    comm.barrier();
  });
  for (std::string const& message : messages) {
    CHECK(message.find("found 7 elements") != std::string::npos);
    CHECK(message.find("multiple of the 3 ranks") != std::string::npos);
  }
}

TEST_CASE("counts and room that do not fit are refused before anybody waits") {
  ls::spmd(ls::mesh::cpu(2), [](ls::communicator& comm) {
    std::vector<int> one(1), two(2), three(3);
    std::span<int const> const values(one);
    std::vector<std::size_t> const counts{1, 1}, wrong{2, 2}, few{1};
    CHECK_THROWS_WITH_AS(comm.all_gather_v(values, std::span(three), counts),
                         "all_gather_v: found room for 3 elements, expected 2: the sum of all ranks' counts",
                         ls::shape_error);
    CHECK_THROWS_WITH_AS(comm.all_gather_v(values, std::span(two), few),
                         "all_gather_v: found 1 counts, expected 2, one for each rank", ls::shape_error);
    CHECK_THROWS_AS(comm.all_gather_v(std::span<int const>(two), std::span(two), counts), ls::shape_error);
    CHECK_THROWS_AS(comm.all_to_all(std::span<int const>(three), std::span(three)), ls::shape_error);
    CHECK_THROWS_AS(comm.all_to_all_v(std::span<int const>(two), wrong, std::span(two), counts), ls::shape_error);
    CHECK_THROWS_AS(comm.reduce_scatter(std::span<int const>(three), std::span(one), ls::plus{}), ls::shape_error);
    CHECK_THROWS_AS(comm.all_reduce(values, std::span(two), ls::plus{}), ls::shape_error);
    CHECK_THROWS_AS(comm.gather(values, std::span(two), 2), ls::communication_error);
    comm.barrier();
  });
}

TEST_CASE("arguments that no communicator can serve") {
  ls::spmd(ls::mesh::cpu(1), [](ls::communicator& comm) {
    int value = 1;
    CHECK_THROWS_AS(comm.broadcast(value, 1), ls::communication_error);
    CHECK_THROWS_AS(comm.send(std::span<int>(&value, 1), 1), ls::communication_error);
    CHECK_THROWS_AS(comm.receive(std::span<int>(&value, 1), 0, -1), ls::communication_error);
    ls::array<float> nowhere;
    CHECK_THROWS_AS(comm.all_reduce(nowhere, ls::plus{}), ls::device_error);
  });
}

TEST_CASE("messages keep their order for each tag") {
  std::vector<int> good(3, 0);
  ls::spmd(ls::mesh::cpu(3), [&](ls::communicator& comm) { good[comm.rank()] = messages_keep_their_order(comm); });
  CHECK(good == std::vector<int>(3, 1));
}

TEST_CASE("split makes independent communicators, ordered as before") {
  std::size_t const ranks = 7;
  std::vector<int> good(ranks, 0);
  ls::spmd(ls::mesh::cpu(ranks), [&](ls::communicator& comm) {
    std::size_t const color = comm.rank() % 3;
    ls::communicator part = comm.split(static_cast<std::int64_t>(color) - 1);
    bool ok = part.size() == (ranks - color + 2) / 3 && part.rank() == comm.rank() / 3;
    ok = ok && part.device() == comm.device();
    for (std::size_t i = 0; i <= color; ++i) {  // as many as each part likes
      ls::array<int> const rank(comm.device(), std::vector<int>{static_cast<int>(comm.rank())});
      std::vector<int> want;
      for (std::size_t r = color; r < ranks; r += 3) want.push_back(static_cast<int>(r));
      ok = ok && part.all_gather(rank).to_host() == want;
    }
    ls::communicator alone = part.split(static_cast<std::int64_t>(part.rank()));
    int seven = 7;
    alone.all_reduce(seven, ls::plus{});
    ok = ok && alone.size() == 1 && alone.rank() == 0 && seven == 7;
    int everyone = 1;
    comm.all_reduce(everyone, ls::plus{});
    good[comm.rank()] = ok && everyone == static_cast<int>(ranks);
  });
  CHECK(good == std::vector<int>(ranks, 1));
}

TEST_CASE("shared memory needs no messages and the fewest possible bytes") {
  for (std::size_t ranks : {1, 2, 3, 8}) {
    std::size_t const count = 1000;
    std::vector<ls::communication_statistics> found(ranks);
    ls::spmd(ls::mesh::cpu(ranks), [&](ls::communicator& comm) {
      ls::array<float> values(comm.device(), std::vector<float>(count, 1.0f));
      comm.all_reduce(values, ls::plus{});
      static_cast<void>(comm.all_gather(values));
      comm.broadcast(values, ranks - 1);
      ls::array<double> const whole(comm.device(), std::vector<double>(ranks * 10, 1.0));
      static_cast<void>(comm.reduce_scatter(whole, ls::plus{}));
      comm.barrier();
      comm.reduce(values, ls::plus{}, 0);
      static_cast<void>(comm.gather(values, 0));
      static_cast<void>(comm.all_to_all(whole));
      found[comm.rank()] = comm.statistics();
    });
    std::uint64_t bytes = 0;
    for (auto const& each : found) {
      CHECK(each.collectives == 8);
      CHECK(each.messages == 0);
      CHECK(each.seconds > 0);
      bytes += each.bytes;
    }
    std::size_t const others = ranks - 1;
    std::size_t const reduced = others * count * 4 + (count - ls::composed::part_of(count, 0, ranks).size()) * 4;
    CHECK(bytes == 2 * others * count * 4 + ranks * others * count * 4 + others * count * 4 + ranks * others * 10 * 8 +
                       reduced + others * count * 4 + ranks * others * 10 * 8);
  }
}
