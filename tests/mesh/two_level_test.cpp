// Covers: collectives: all_reduce reduce reduce_scatter broadcast all_gather; types: integers float double
// Collectives over several machines: the bits of one level, and exactly the messages that the descriptions say, inside
// of machines and from one to another.
#include <doctest/doctest.h>

#include <atomic>
#include <lockstep/mesh/two_level.hpp>

#include "collective_checks.hpp"
#include "core_engine.hpp"

using namespace mesh_test;

namespace {

/// Ranks on `machines` machines; everything else as core_engine.
template <std::size_t Machines>
class spread_engine : public core_engine {
 public:
  using core_engine::core_engine;
  spread_engine split(std::int64_t) { throw std::logic_error("not needed"); }

  bool all_reduce(void* data, std::size_t count, ls::rank_reduction const& how, ls::traffic& sent) {
    return ls::two_level::all_reduce(levels(sent), data, count, how);
  }
  bool reduce(void const* from, void* to, std::size_t count, ls::rank_reduction const& how, std::size_t root,
              ls::traffic& sent) {
    return ls::two_level::reduce(levels(sent), from, to, count, how, root);
  }
  void barrier() {
    ls::traffic ignored;
    if (auto const all = levels(ignored); all.has_levels()) return ls::two_level::barrier(all);
    core_engine::barrier();
  }
  bool reduce_scatter(void const* from, void* to, std::size_t count, ls::rank_reduction const& how, ls::traffic& sent) {
    return ls::two_level::reduce_scatter(levels(sent), from, to, count, how);
  }
  void broadcast(void* data, std::size_t count, ls::element_kind const& element, std::size_t root, ls::traffic& sent) {
    ls::two_level::broadcast(levels(sent), data, count * element.bytes, root);
  }
  void all_gather(void const* from, void* to, std::size_t count, ls::element_kind const& element, ls::traffic& sent) {
    ls::two_level::all_gather(levels(sent), from, to, count * element.bytes);
  }

 private:
  ls::two_level::grid<spread_engine> levels(ls::traffic& sent) {
    return {ls::composed::link<spread_engine>{*this, sent}, Machines};
  }
};

template <std::size_t Machines, class T, class Input, class Op>
std::string on_machines(Op const& op) {
  for (std::size_t each : {1, 2, 3, 5})
    for (std::size_t count : {std::size_t{0}, std::size_t{1}, Machines * each + 1, std::size_t{7919}}) {
      std::size_t const ranks = Machines * each;
      auto const want = expect<T, Input>(ranks, count, op);
      std::vector<std::string> problems(ranks);
      on_engines<spread_engine<Machines>>(
          ranks, [&](ls::communicator& comm) { problems[comm.rank()] = check_collectives(comm, want, count, op); });
      for (std::string const& problem : problems)
        if (!problem.empty()) return problem;
    }
  return "";
}

struct found_traffic {
  ls::traffic all;
  std::size_t between_machines, seen;  // messages; barriers' are only seen, not counted
};

template <std::size_t Machines, class F>
found_traffic traffic_of(std::size_t each, F const& f) {
  std::mutex mutex;
  found_traffic found = {};
  auto const shared = on_engines<spread_engine<Machines>>(Machines * each, [&](ls::communicator& comm) {
    f(comm);
    std::lock_guard lock(mutex);
    found.all += {comm.statistics().messages, comm.statistics().bytes};
  });
  for (std::size_t from = 0; from < Machines * each; ++from)
    for (std::size_t to = 0; to < Machines * each; ++to)
      (from / each != to / each ? found.between_machines : found.seen) += shared->sent(from, to);
  found.seen += found.between_machines;
  return found;
}

template <std::size_t Machines>
void check_traffic(std::size_t each) {
  CAPTURE(Machines);
  CAPTURE(each);
  std::size_t const ranks = Machines * each, others = Machines - 1, near = each - 1, count = 5040, bytes = 4 * count;
  std::size_t partial = 0;  // results of all machines
  for (std::size_t m = 0; m < Machines; ++m) partial += ls::two_level::subtrees_of(m, each, ranks).size();

  auto found = traffic_of<Machines>(each, [&](ls::communicator& comm) {
    std::vector<float> values(count);
    comm.all_reduce(std::span(values), ls::plus{});
  });
  CHECK(found.between_machines == ranks * 2 * others);
  CHECK(found.all.messages == ranks * 2 * (others + near));
  CHECK(found.all.bytes == (Machines * 2 * near + others) * bytes + partial * others * bytes / Machines);

  found = traffic_of<Machines>(each, [&](ls::communicator& comm) {
    std::vector<float> values(count), all(count * ranks);
    comm.reduce_scatter(std::span<float const>(all), std::span(values), ls::plus{});
  });
  CHECK(found.between_machines == ranks * others);
  CHECK(found.all.messages == ranks * (others + near));
  CHECK(found.all.bytes == (ranks * near * Machines + partial * each * others) * bytes);

  for (std::size_t root : {std::size_t{0}, ranks - 1}) {
    found = traffic_of<Machines>(each, [&](ls::communicator& comm) {
      std::vector<float> values(count);
      comm.broadcast(std::span(values), root);
    });
    CHECK(found.between_machines == others);
    CHECK(found.all.messages == ranks - 1);
    CHECK(found.all.bytes == (ranks - 1) * bytes);
  }

  for (std::size_t root : {std::size_t{0}, ranks / 2, ranks - 1}) {
    found = traffic_of<Machines>(each, [&](ls::communicator& comm) {
      std::vector<float> values(count);
      comm.reduce(std::span(values), ls::plus{}, root);
    });
    std::size_t const at_root = ls::two_level::subtrees_of(root / each, each, ranks).size();
    CHECK(found.between_machines == others * each);
    CHECK(found.all.messages == ranks * near + others * each + near);
    CHECK(found.all.bytes == (Machines * near + partial - at_root) * bytes + near * (bytes / each));
  }

  found = traffic_of<Machines>(each, [&](ls::communicator& comm) { comm.barrier(); });
  CHECK(found.between_machines == 2 * others);
  CHECK(found.seen == 2 * (ranks - 1));

  // One level: a message for each pair of ranks, and no byte twice.
  found = traffic_of<Machines>(each, [&](ls::communicator& comm) {
    std::vector<float> values(count * ranks), received(count * ranks);
    comm.all_to_all(std::span<float const>(values), std::span(received));
  });
  CHECK(found.between_machines == ranks * others * each);
  CHECK(found.all.messages == ranks * (ranks - 1));
  CHECK(found.all.bytes == ranks * (ranks - 1) * bytes);

  found = traffic_of<Machines>(each, [&](ls::communicator& comm) {
    std::vector<float> values(count), all(count * ranks);
    comm.all_gather(std::span<float const>(values), std::span(all));
  });
  CHECK(found.between_machines == ranks * others);
  CHECK(found.all.messages == ranks * (others + near));
  CHECK(found.all.bytes == ranks * (others + near * Machines) * bytes);
}

}  // namespace

TEST_CASE("two levels give the bits of one, however many ranks a machine has") {
  CHECK(on_machines<2, double, fractions>(ls::plus{}) == "");
  CHECK(on_machines<3, std::int32_t, exact>(twice_left{}) == "");
  CHECK(on_machines<4, affine, functions>(compose{}) == "");
}

TEST_CASE("partial results of a machine are whole subtrees: one, where its ranks are a power of two") {
  for (std::size_t machine : {0, 1, 2}) CHECK(ls::two_level::subtrees_of(machine, 4, 12).size() == 1);
  auto const odd = ls::two_level::subtrees_of(1, 3, 9);  // ranks 3, 4 and 5: 3 is joined to 2 first
  CHECK(odd.size() == 2);
  CHECK(odd[0].begin == 3);
  CHECK(odd[0].end == 4);
  CHECK(odd[1].end == 6);
}

TEST_CASE("nobody passes a barrier of two levels before all have come") {
  std::size_t const ranks = 12;
  for (std::size_t late = 0; late < ranks; ++late) {
    std::atomic<bool> come = false, early = false;
    on_engines<spread_engine<3>>(ranks, [&](ls::communicator& comm) {
      if (comm.rank() == late) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        come = true;
      }
      comm.barrier();
      if (!come) early = true;
    });
    CHECK(!early);
  }
}

TEST_CASE("two levels send what their descriptions say") {
  for (std::size_t each : {2, 3, 4}) {
    check_traffic<2>(each);
    check_traffic<3>(each);
  }
}
