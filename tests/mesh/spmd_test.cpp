// Covers: collectives: spmd; types: none
// spmd and collectives that go on while their ranks do something else.
#include <doctest/doctest.h>

#include <atomic>
#include <lockstep/interop/memory.hpp>
#include <lockstep/mesh/spmd.hpp>
#include <mutex>
#include <thread>

#include "reference.hpp"

namespace ls = lockstep;
using namespace mesh_test;

TEST_CASE("every rank runs once, at the same time, rank 0 on the calling thread") {
  for (std::size_t ranks = 1; ranks <= 9; ++ranks) {
    ls::mesh const mesh = ls::mesh::cpu(ranks);
    std::vector<std::thread::id> ids(ranks);
    std::vector<int> runs(ranks, 0);
    std::atomic<std::size_t> there = 0;
    ls::spmd(mesh, [&](ls::communicator& comm) {
      ++runs[comm.rank()];
      ids[comm.rank()] = std::this_thread::get_id();
      ++there;
      while (there != ranks) std::this_thread::yield();
      CHECK(comm.size() == ranks);
      CHECK(comm.device() == mesh.device(comm.rank()));
    });
    CHECK(runs == std::vector<int>(ranks, 1));
    CHECK(ids[0] == std::this_thread::get_id());
    for (std::size_t a = 0; a < ranks; ++a)
      for (std::size_t b = 0; b < a; ++b) CHECK(ids[a] != ids[b]);
  }
}

TEST_CASE("functions may have state, be const, or return something") {
  struct counter {
    std::atomic<int> calls = 0;
    int operator()(ls::communicator&) { return ++calls; }
  } count;
  ls::spmd(ls::mesh::cpu(3), count);
  CHECK(count.calls == 3);
  std::atomic<int> calls = 0;
  auto const constant = [&](ls::communicator&) { ++calls; };
  ls::spmd(ls::mesh::cpu(3), constant);
  CHECK(calls == 3);
}

TEST_CASE("spmd inside of spmd, on the same devices and on others") {
  std::vector<int> sums(4, 0);
  ls::spmd(ls::mesh::cpu(2), [&](ls::communicator& outer) {
    for (std::size_t ranks : {2, 3}) {
      int inside = 0;
      ls::spmd(ls::mesh::cpu(ranks), [&](ls::communicator& inner) {
        int value = static_cast<int>(10 * outer.rank() + inner.rank());
        inner.all_reduce(value, ls::plus{});
        if (inner.rank() == 0) inside = value;
      });
      outer.all_reduce(inside, ls::plus{});
      sums[2 * (ranks - 2) + outer.rank()] = inside;
    }
  });
  CHECK(sums == std::vector<int>{22, 22, 36, 36});  // (0 + 1) + (10 + 11), (0 + 1 + 2) + (10 + 11 + 12)

  CHECK_THROWS_AS(ls::spmd(ls::mesh::cpu(2),
                           [](ls::communicator& outer) {
                             ls::spmd(ls::mesh::cpu(2), [&](ls::communicator& inner) {
                               if (outer.rank() == 1 && inner.rank() == 1) throw std::domain_error("deep inside");
                             });
                             outer.barrier();
                           }),
                  std::domain_error);
}

TEST_CASE("many collectives go on at once and end in any order") {
  std::size_t const ranks = 3, count = 20000;
  for (std::size_t many : {5, 64, 200}) {
    std::vector<int> good(ranks, 0);
    ls::spmd(ls::mesh::cpu(ranks), [&](ls::communicator& comm) {
      std::vector<std::vector<float>> data;
      for (std::size_t k = 0; k < many; ++k)
        data.push_back(values_of<float, fractions>(comm.rank() + k, k % 3 == 0 ? count : 5));
      std::vector<ls::pending> pending(many);
      for (std::size_t k = 0; k < many; ++k) {
        pending[k] = comm.start_all_reduce(std::span(data[k]), ls::plus{});
        if (k % 7 != comm.rank()) continue;
        pending[k / 2].wait();
      }
      int between = 1;
      comm.all_reduce(between, ls::plus{});
      bool ok = between == static_cast<int>(ranks);
      for (std::size_t k = many; k-- > 0;)
        if (k % 2 == comm.rank() % 2) pending[k].wait();
      pending.clear();  // waits for the others
      for (std::size_t k = 0; k < many; ++k) {
        std::vector<float> column(ranks);
        for (std::size_t i = 0; i < data[k].size(); i += 4) {
          for (std::size_t r = 0; r < ranks; ++r) column[r] = fractions::value<float>(r + k, i);
          ok = ok && data[k][i] == tree_of(column, ls::plus{});
        }
      }
      good[comm.rank()] = ok;
    });
    CHECK(good == std::vector<int>(ranks, 1));
  }
}

TEST_CASE("a rank that is busy does not keep its part of the work from being done") {
  std::atomic<bool> other_has_the_result = false;
  std::vector<float> sums(2);
  ls::spmd(ls::mesh::cpu(2), [&](ls::communicator& comm) {
    std::vector<float> values(1 << 20, 1.0f);
    auto pending = comm.start_all_reduce(std::span(values), ls::plus{});
    if (comm.rank() == 1)
      while (!other_has_the_result) std::this_thread::yield();  // in no call of the communicator
    pending.wait();
    if (comm.rank() == 0) other_has_the_result = true;
    sums[comm.rank()] = values.back();
  });
  CHECK(sums == std::vector<float>{2, 2});
}

TEST_CASE("whoever waits for one collective helps with those that were started before") {
  constexpr std::size_t count = std::size_t{1} << 18;
  std::atomic<std::size_t> added = 0;
  struct watched_plus {
    std::atomic<std::size_t>* added;
    float operator()(float a, float b) const {
      ++*added;
      return a + b;
    }
  };
  std::vector<float> seen(2);
  ls::spmd(ls::mesh::cpu(2), [&](ls::communicator& comm) {
    std::vector<float> values(count, 1.0f);
    auto pending = comm.start_all_reduce(std::span(values), watched_plus{&added});
    if (comm.rank() == 1)  // no call until rank 0 has done all of it, though rank 0 waits for something else
      while (added != count) std::this_thread::yield();
    comm.barrier();
    pending.wait();
    seen[comm.rank()] = values.front() + values.back();
  });
  CHECK(added == count);
  CHECK(seen == std::vector<float>{4, 4});
}

TEST_CASE("a pending collective keeps an array's memory, can move, and ends once") {
  std::vector<float> sums(3, 0);
  ls::spmd(ls::mesh::cpu(3), [&](ls::communicator& comm) {
    float memory[1000];
    std::fill(std::begin(memory), std::end(memory), 1.0f);
    std::atomic<bool> released = false;
    ls::pending kept;
    kept.wait();  // nothing yet
    {
      auto values = ls::adopt(comm.device(), memory, ls::shape{1000}, [&](float*) { released = true; });
      kept = comm.start_all_reduce(values, ls::plus{});
    }
    bool const held = !released;
    ls::pending moved = std::move(kept);
    kept.wait();
    moved.wait();
    moved.wait();
    if (held && released) sums[comm.rank()] = memory[999];
    float value = 1;
    moved = comm.start_all_reduce(std::span(&value, 1), ls::plus{});
    moved = ls::pending();  // waits
    sums[comm.rank()] += 10 * value;
  });
  CHECK(sums == std::vector<float>(3, 33));
}

TEST_CASE("collectives can be started from any of a rank's threads") {
  std::vector<int> good(2, 0);
  ls::spmd(ls::mesh::cpu(2, 3), [&](ls::communicator& comm) {
    std::vector<std::vector<float>> data(12, std::vector<float>(3000, 1.0f));
    std::vector<ls::pending> pending(12);
    std::mutex mutex;
    std::size_t next = 0;
    comm.device().run(12, [&](ls::index) {
      std::lock_guard lock(mutex);
      pending[next] = comm.start_all_reduce(std::span(data[next]), ls::plus{});
      ++next;
    });
    for (auto& each : pending) each.wait();
    good[comm.rank()] = data == std::vector(12, std::vector<float>(3000, 2.0f));
  });
  CHECK(good == std::vector<int>(2, 1));
}

TEST_CASE("several spmd calls at once on the same mesh") {
  std::vector<int> sums(4, 0);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      ls::spmd(ls::mesh::cpu(2), [&](ls::communicator& comm) {
        int value = static_cast<int>(t);
        for (int i = 0; i < 100; ++i) {
          value = static_cast<int>(t);
          comm.all_reduce(value, ls::plus{});
        }
        if (comm.rank() == 1) sums[t] = value;
      });
    });
  for (auto& thread : threads) thread.join();
  CHECK(sums == std::vector<int>{0, 2, 4, 6});
}
