// Covers: collectives: all_reduce reduce reduce_scatter broadcast all_gather gather; types: integers float double
// Covers: collectives: send receive split spmd; types: integers float double
// Collectives among processes that share memory: every result, bit for bit, as among threads; one or more ranks each.
#include <doctest/doctest.h>

#include <numeric>

#include "collective_checks.hpp"
#include "processes.hpp"
#include "traffic.hpp"

#ifndef __SANITIZE_THREAD__  // which loses track of threads when a process forks

using namespace mesh_test;

namespace {

/// check_collectives for all counts, on `devices` ranks in each process. Returns what is wrong first.
template <class T, class Input, class Op>
std::string on_processes(Op const& op, std::size_t devices = 1) {
  for (std::size_t processes = 1; processes <= 9; processes += devices) {
    std::size_t const ranks = processes * devices;
    auto const want = expect<T, Input>(ranks, counts(ranks).back(), op);
    auto const found = in_processes(processes, devices, 30, [&](ls::mesh const& mesh) {
      std::vector<std::string> problems(ranks);
      for (std::size_t count : counts(ranks)) {
        std::string const thrown = thrown_by([&] {
          ls::spmd(mesh, [&](ls::communicator& comm) {
            std::string const wrong = check_collectives(comm, want, count, op);
            if (problems[comm.rank()].empty()) problems[comm.rank()] = wrong;
          });
        });
        if (!thrown.empty()) return thrown;
      }
      for (std::string const& each : problems)
        if (!each.empty()) return each;
      return std::string("good");
    });
    for (outcome const& each : found)
      if (std::string(each.text) != "good") return each.written ? each.text : "a process ended early";
  }
  return "";
}

/// f(communicator) -> bool on every rank of processes with `devices` ranks each; whether all of them return true.
template <class F>
bool good_on_all(std::size_t processes, std::size_t devices, F const& f) {
  auto const found = in_processes(processes, devices, 30, [&](ls::mesh const& mesh) {
    std::atomic<std::size_t> good = 0;
    std::string const thrown = thrown_by([&] { ls::spmd(mesh, [&](ls::communicator& comm) { good += f(comm); }); });
    return thrown.empty() ? std::string(good == devices ? "good" : "wrong") : thrown;
  });
  for (outcome const& each : found) {
    INFO(std::string(each.text));
    CHECK(std::string(each.text) == "good");
    if (std::string(each.text) != "good") return false;
  }
  return true;
}

}  // namespace

TEST_CASE_TEMPLATE("collectives of numbers among processes", T, double, std::int32_t, std::uint8_t) {
  CHECK(on_processes<T, exact>(twice_left{}) == "");
}
TEST_CASE("rounded sums and a user's type among processes") {
  CHECK(on_processes<float, fractions>(ls::plus{}) == "");
  CHECK(on_processes<affine, functions>(compose{}) == "");
}
TEST_CASE("two and three ranks in each process") {
  CHECK(on_processes<float, fractions>(ls::plus{}, 2) == "");
  CHECK(on_processes<float, fractions>(twice_left{}, 3) == "");
}

TEST_CASE("data that take several rounds") {
  std::size_t const ranks = 3, count = 400003;
  auto const want = expect<double, fractions>(ranks, count, ls::plus{});
  CHECK(good_on_all(ranks, 1, [&](ls::communicator& comm) {
    std::string const wrong = check_collectives(comm, want, count, ls::plus{});
    if (!wrong.empty()) throw std::runtime_error(wrong);
    return true;
  }));
}

TEST_CASE("elements that are larger than the memory that is shared") {
  struct huge {
    std::array<int, 100000> values;
  };
  CHECK(good_on_all(3, 1, [](ls::communicator& comm) {
    auto sum = std::make_unique<huge>();
    sum->values.fill(static_cast<int>(comm.rank()) + 1);
    auto const add = [](huge const& a, huge const& b) {
      huge c;
      for (std::size_t i = 0; i < a.values.size(); ++i) c.values[i] = a.values[i] + b.values[i];
      return c;
    };
    comm.all_reduce(*sum, add);
    bool const good = sum->values.front() == 6 && sum->values.back() == 6;
    comm.reduce(*sum, add, 1);
    return good && sum->values.back() == (comm.rank() == 1 ? 18 : 6);
  }));
}

TEST_CASE("a started collective that is composed of messages and the rank's own messages do not meet") {
  struct huge {
    std::array<int, 300000> values;
  };
  CHECK(good_on_all(2, 1, [](ls::communicator& comm) {
    std::size_t const other = 1 - comm.rank();
    bool good = true;
    for (int round = 0; round < 5; ++round) {
      auto const sum = std::make_unique<huge>();
      sum->values.fill(static_cast<int>(comm.rank()) + 1);
      auto pending = comm.start_all_reduce(std::span(sum.get(), 1), [](huge const& a, huge const& b) {
        huge c;
        for (std::size_t i = 0; i < a.values.size(); ++i) c.values[i] = a.values[i] + b.values[i];
        return c;
      });
      for (int i = 0; i < 50; ++i) {
        std::vector<int> const mine(5000, i);
        std::vector<int> theirs(5000);
        if (comm.rank() == 0) comm.send(std::span(mine), other);
        comm.receive(std::span(theirs), other);
        if (comm.rank() == 1) comm.send(std::span(mine), other);
        good = good && theirs == mine;
      }
      pending.wait();
      for (int value : sum->values) good = good && value == 3;
    }
    return good;
  }));
}

TEST_CASE("what another process has open under the number of the shared memory is refused") {
  ls::process_memory const memory(4096), other(4096);
  memory.data()[7] = 5;
  ls::process_memory const same(getpid(), memory.descriptor(), memory.identity(), 4096);
  CHECK(same.data()[7] == 5);
  CHECK_THROWS_WITH_AS(ls::process_memory(getpid(), other.descriptor(), memory.identity(), 4096),
                       doctest::Contains("found something else as /proc/"), ls::communication_error);
}

TEST_CASE("messages among processes keep their order for each tag, and may cross") {
  CHECK(good_on_all(3, 1, messages_keep_their_order));
}

TEST_CASE("parts of a split, one after another, and parts of parts") {
  CHECK(good_on_all(6, 1, [](ls::communicator& comm) {
    ls::communicator part = comm.split(static_cast<std::int64_t>(comm.rank() % 2));
    ls::communicator pair = part.split(part.rank() == 2 ? 7 : -1);
    int sum = static_cast<int>(comm.rank()), all = 1, few = 1;
    part.all_reduce(sum, ls::plus{});
    pair.all_reduce(few, ls::plus{});
    comm.all_reduce(all, ls::plus{});
    int token = static_cast<int>(comm.rank());
    if (part.rank() == 0) part.send(std::span<int const>(&token, 1), 2);
    if (part.rank() == 2) part.receive(std::span(&token, 1), 0);
    bool const right_token = token == static_cast<int>(part.rank() == 2 ? comm.rank() % 2 : comm.rank());
    return sum == (comm.rank() % 2 == 0 ? 6 : 9) && all == 6 && few == (part.rank() == 2 ? 1 : 2) && right_token;
  }));
}

TEST_CASE("started collectives go on while their ranks do something else, and end in any order") {
  CHECK(good_on_all(2, 2, [](ls::communicator& comm) {
    std::vector<std::vector<float>> data(20, std::vector<float>(5000, 1.0f));
    std::vector<ls::pending> all(data.size());
    for (std::size_t k = 0; k < data.size(); ++k) all[k] = comm.start_all_reduce(std::span(data[k]), ls::plus{});
    int ranks = 1;
    comm.all_reduce(ranks, ls::plus{});
    for (std::size_t k = data.size(); k-- > 0;)
      if (k % 3 == comm.rank() % 3) all[k].wait();
    all.clear();
    bool good = ranks == 4;
    for (auto const& each : data) good = good && each == std::vector<float>(5000, 4.0f);
    return good;
  }));
}

TEST_CASE("a rank computes while its collective waits for another") {
  CHECK(good_on_all(2, 1, [](ls::communicator& comm) {
    std::vector<float> values(100000, 1.0f);
    auto pending = comm.start_all_reduce(std::span(values), ls::plus{});
    int token = 1;  // rank 1 sends only once it has the sum, with rank 0 in no collective call
    if (comm.rank() == 1) {
      pending.wait();
      comm.send(std::span<int const>(&token, 1), 0);
    } else {
      comm.receive(std::span(&token, 1), 1);
      pending.wait();
    }
    return values.back() == 2;
  }));
}

TEST_CASE("bytes and collectives add up over several calls") {
  std::size_t const ranks = 3, count = 70001, others = ranks - 1;
  auto const found = in_processes(ranks, 1, 30, [&](ls::mesh const& mesh) {
    ls::communication_statistics mine;
    ls::spmd(mesh, [&](ls::communicator& comm) {
      std::vector<float> values(count), all(count * ranks);
      comm.all_reduce(std::span(values), ls::plus{});
      comm.broadcast(std::span(values), 1);
      comm.all_gather(std::span<float const>(values), std::span(all));
      comm.gather(std::span<float const>(values), std::span(all), 0);
      comm.reduce_scatter(std::span<float const>(all), std::span(values), ls::plus{});
      mine = comm.statistics();
    });
    return std::to_string(mine.bytes) + " " + std::to_string(mine.messages) + " " + std::to_string(mine.collectives);
  });
  std::size_t bytes = 0;
  for (outcome const& each : found) {
    std::string const text = each.text;
    bytes += std::stoul(text);
    CHECK(text.substr(text.find(' ')) == " 0 5");
  }
  CHECK(bytes == (2 * others + others + ranks * others + others + ranks * others) * count * 4);
}

TEST_CASE("bytes are counted exactly as the algorithms' descriptions say") {
  for (std::size_t ranks = 1; ranks <= 9; ++ranks) {
    std::vector<std::size_t> const some{0, 1, ranks - 1, ranks, ranks + 1, 7919, 70001};
    for (outcome const& each : in_processes(ranks, 1, 30, [&](ls::mesh const& mesh) {
           std::string wrong;
           std::size_t checks = 0;
           std::string const thrown = thrown_by([&] {
             ls::spmd(mesh, [&](ls::communicator& comm) {
               for (std::size_t count : some)
                 if (wrong.empty()) wrong = check_traffic(comm, count, false, checks);
             });
           });
           return thrown + wrong + std::to_string(checks);
         }))
      CHECK(std::string(each.text) == std::to_string(some.size() * traffic_checks));
  }
}

#endif
