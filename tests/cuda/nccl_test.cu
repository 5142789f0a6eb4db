// Covers: collectives: all_reduce reduce reduce_scatter broadcast all_gather spmd; types: integers float double
// Covers: collectives: all_gather_v gather_v all_to_all; types: integers float double
// Ranks on GPUs: collectives through NCCL against plain loops, for one GPU, and for several where there are more.
#include <doctest/doctest.h>

#include <lockstep/lockstep.hpp>
#include <lockstep/mesh/spmd.hpp>

#include "mesh/reference.hpp"

namespace nccl_tests {
namespace ls = lockstep;
using namespace mesh_test;

namespace {

/// Sizes around the limit from which ranks reduce a part each (64 KiB), and parts of unequal size.
constexpr std::size_t counts[] = {1, 5, 1000, 16383, 16384, 20011};

/// An engine of one rank that only knows for how long it is asked to wait for news of failures.
struct waiting_engine {
  std::size_t rank() const { return 0; }
  std::size_t size() const { return 1; }
  void send(void const*, std::size_t, std::size_t, int) {}
  void receive(void*, std::size_t, std::size_t, int) {}
  void barrier() {}
  waiting_engine split(std::int64_t) { return *this; }
  std::string failure_within(double seconds) { return std::to_string(seconds); }
};

/// Calls f(mesh) for as many GPUs as there are, and fewer.
template <class F>
void each_mesh(F const& f) {
  for (std::size_t ranks = 1; ranks <= static_cast<std::size_t>(ls::device::gpu_count()); ++ranks) {
    INFO(ranks, " GPUs");
    f(ls::mesh::gpus(ranks));
  }
}

/// f(comm) says whether a rank is content.
template <class F>
void check_ranks(ls::mesh const& mesh, F const& f) {
  std::vector<int> good(mesh.size(), 0);
  ls::spmd(mesh, [&](ls::communicator& comm) { good[comm.rank()] = f(comm); });
  CHECK(good == std::vector<int>(mesh.size(), 1));
}

/// Whole numbers for integers, whose sums are exact; fractions else.
template <class T>
using numbers = std::conditional_t<std::is_integral_v<T>, exact, fractions>;

template <class T, class Op>
void check_all_reduce(ls::mesh const& mesh, Op op) {
  for (std::size_t count : counts) {
    std::vector<T> const expected = reduced<T, numbers<T>>(mesh.size(), count, op);
    check_ranks(mesh, [&](ls::communicator& comm) {
      ls::array<T> values(comm.device(), values_of<T, numbers<T>>(comm.rank(), count));
      comm.all_reduce(values, op);
      return values.to_host() == expected;
    });
  }
}

/// Not known to NCCL, and not to be called on GPUs.
struct greatest_common_divisor {
  int operator()(int a, int b) const { return b == 0 ? a : (*this)(b, a % b); }
};

}  // namespace

LOCKSTEP_FUNCTION(further_from_zero, (a, b), a* a < b * b ? b : a);

TEST_CASE("an error of NCCL waits for another rank's report for 0.2 s, or half of a shorter timeout") {
  ls::engine_state<waiting_engine> host(waiting_engine{}, ls::device::cpu());
  auto const waited = [&](double timeout, std::exception const& own) {
    return ls::cuda::cause_elsewhere(host, timeout, own);
  };
  ls::communication_error const of_nccl("NCCL gave unhandled system error");
  CHECK(waited(30, of_nccl) == std::to_string(0.2));
  CHECK(waited(0.4, of_nccl) == std::to_string(0.2));
  CHECK(waited(0.3, of_nccl) == std::to_string(0.15));
  CHECK(waited(0.01, of_nccl) == std::to_string(0.005));
  CHECK(waited(0, of_nccl) == std::to_string(0.2));  // no timeout
  CHECK(waited(30, ls::out_of_memory("a rank's own error")) == "");
}

TEST_CASE("two GPUs: reductions have the bits of the tree over ranks") {
  each_mesh([](ls::mesh const& mesh) {
    check_all_reduce<float>(mesh, ls::plus{});
    check_all_reduce<double>(mesh, ls::multiplies{});
    check_all_reduce<float>(mesh, ls::maximum{});
    check_all_reduce<std::int64_t>(mesh, ls::plus{});
    check_all_reduce<std::uint8_t>(mesh, ls::plus{});
    check_all_reduce<std::int16_t>(mesh, ls::plus{});
    check_all_reduce<int>(mesh, ls::minimum{});
    check_all_reduce<float>(mesh, further_from_zero);
    check_all_reduce<int>(mesh, greatest_common_divisor{});
    check_all_reduce<double>(mesh, twice_left{});
  });
}

/// As near as sums of numbers below 4096 are in whatever order: an addition rounds by 2^-24 of its result.
bool near(std::vector<float> const& found, std::vector<float> const& expected, std::size_t ranks) {
  float const bound = std::ldexp(4096.0f * static_cast<float>(ranks * ranks), -24);
  for (std::size_t i = 0; i < expected.size(); ++i)
    if (!(std::abs(found[i] - expected[i]) <= 2 * bound)) return false;
  return found.size() == expected.size();
}

TEST_CASE("two GPUs: reductions in any order") {
  each_mesh([](ls::mesh const& mesh) {
    std::size_t const ranks = mesh.size(), count = 20 * ranks;
    std::vector<float> const expected = reduced<float, fractions>(ranks, count, ls::plus{});
    check_ranks(mesh, [&](ls::communicator& comm) {
      ls::array<float> const mine(comm.device(), values_of<float, fractions>(comm.rank(), count));
      ls::array<float> all = mine, one = mine;
      comm.all_reduce(all, ls::any_order(ls::plus{}));
      comm.reduce(one, ls::any_order(ls::plus{}), ranks - 1);
      std::vector<float> const part = comm.reduce_scatter(mine, ls::any_order(ls::plus{})).to_host();
      std::vector<float> const own(expected.begin() + static_cast<std::ptrdiff_t>(comm.rank() * 20),
                                   expected.begin() + static_cast<std::ptrdiff_t>(comm.rank() * 20 + 20));
      return near(all.to_host(), expected, ranks) && near(part, own, ranks) &&
             (comm.rank() != ranks - 1 || near(one.to_host(), expected, ranks));
    });
    // what NCCL has no such function for, and what does not round, keeps its bits
    check_all_reduce<float>(mesh, ls::any_order(ls::maximum{}));
    check_all_reduce<int>(mesh, ls::any_order(ls::plus{}));
    check_all_reduce<int>(mesh, ls::any_order(greatest_common_divisor{}));
  });
}

TEST_CASE("two GPUs: gathering, scattering, broadcasting") {
  each_mesh([](ls::mesh const& mesh) {
    std::size_t const ranks = mesh.size(), count = 1000;
    check_ranks(mesh, [&](ls::communicator& comm) {
      ls::array<float> const mine(comm.device(), values_of<float, fractions>(comm.rank(), count));
      std::vector<float> const all = comm.all_gather(mine).to_host();
      bool ok = all.size() == ranks * count;
      for (std::size_t i = 0; i < all.size(); ++i) ok = ok && all[i] == fractions::value<float>(i / count, i % count);
      for (std::size_t root = 0; root < ranks; ++root) {
        ls::array<float> values = mine;
        comm.broadcast(values, root);
        ok = ok && values.to_host() == values_of<float, fractions>(root, count);
      }
      ls::array<float> const whole(comm.device(), values_of<float, fractions>(comm.rank(), ranks * count));
      std::vector<float> const sums = reduced<float, fractions>(ranks, ranks * count, ls::plus{});
      std::vector<float> const part(sums.begin() + static_cast<std::ptrdiff_t>(comm.rank() * count),
                                    sums.begin() + static_cast<std::ptrdiff_t>((comm.rank() + 1) * count));
      return ok && comm.reduce_scatter(whole, ls::plus{}).to_host() == part;
    });
    for (std::size_t each : {3, 20011})
      check_ranks(mesh, [&](ls::communicator& comm) {
        ls::array<int> const whole(comm.device(), std::vector<int>(ranks * each, 5 + static_cast<int>(comm.rank())));
        return ls::all(comm.reduce_scatter(whole, greatest_common_divisor{}) == (ranks == 1 ? 5 : 1)) &&
               ls::all(comm.reduce_scatter(whole, ls::maximum{}) == 4 + static_cast<int>(ranks));
      });
  });
}

TEST_CASE("two GPUs: reducing to a root, blocks from each to each, some of them empty") {
  each_mesh([](ls::mesh const& mesh) {
    std::size_t const ranks = mesh.size(), count = 1000;
    for (std::size_t root = 0; root < ranks; ++root)
      check_ranks(mesh, [&](ls::communicator& comm) {
        auto const own = values_of<float, fractions>(comm.rank(), count);
        ls::array<float> values(comm.device(), own), whole(comm.device(), own);
        comm.reduce(values, ls::plus{}, root);
        comm.reduce(whole, twice_left{}, root);
        bool const mine = comm.rank() == root;
        bool ok = values.to_host() == (mine ? reduced<float, fractions>(ranks, count, ls::plus{}) : own) &&
                  whole.to_host() == (mine ? reduced<float, fractions>(ranks, count, twice_left{}) : own);
        // Rank r brings r times 3 numbers.
        std::vector<int> some(3 * comm.rank(), static_cast<int>(comm.rank())), all;
        for (std::size_t r = 0; r < ranks; ++r) all.insert(all.end(), 3 * r, static_cast<int>(r));
        ls::array<int> const part(comm.device(), some);
        ok = ok && comm.all_gather_v(part).to_host() == all;
        ok = ok && comm.gather_v(part, root).to_host() == (mine ? all : std::vector<int>());
        std::vector<int> grid(2 * ranks), turned(2 * ranks);
        for (std::size_t i = 0; i < grid.size(); ++i) {
          grid[i] = static_cast<int>(100 * comm.rank() + i);
          turned[i] = static_cast<int>(100 * (i / 2) + 2 * comm.rank() + i % 2);
        }
        return ok && comm.all_to_all(ls::array<int>(comm.device(), grid)).to_host() == turned;
      });
  });
}

TEST_CASE("two GPUs: values and spans in host memory, messages, parts of a mesh") {
  each_mesh([](ls::mesh const& mesh) {
    check_ranks(mesh, [&](ls::communicator& comm) {
      int const ranks = static_cast<int>(comm.size()), rank = static_cast<int>(comm.rank());
      int value = rank + 1;
      comm.all_reduce(value, ls::plus{});
      bool ok = value == ranks * (ranks + 1) / 2;
      // From one GPU to the next, round.
      ls::array<float> values(comm.device(), values_of<float, fractions>(comm.rank(), 100)), got(comm.device(), 100);
      comm.send(std::span<float const>(values.data(), 100), (comm.rank() + 1) % comm.size(), 7);
      std::size_t const before = (comm.rank() + comm.size() - 1) % comm.size();
      comm.receive(std::span<float>(got.data(), 100), before, 7);
      ok = ok && got.to_host() == values_of<float, fractions>(before, 100);
      ls::communicator part = comm.split(rank % 2 == 0 ? -5 : 1'000'000'000'000);
      ls::array<int> one(part.device(), std::vector<int>{1});
      part.all_reduce(one, ls::plus{});
      comm.barrier();
      return ok && one.to_host()[0] == static_cast<int>(part.size()) &&
             part.size() == (comm.size() + 1 - comm.rank() % 2) / 2;
    });
  });
}

TEST_CASE("two GPUs: collectives go on beside the device's work, and end in any order") {
  each_mesh([](ls::mesh const& mesh) {
    check_ranks(mesh, [&](ls::communicator& comm) {
      std::vector<ls::array<double>> values;
      for (int k = 0; k < 10; ++k)
        values.emplace_back(comm.device(), values_of<double, fractions>(comm.rank() + k, 999));
      std::vector<ls::pending> pending(10);
      for (std::size_t k = 0; k < 10; ++k) {
        values[k] = values[k] * 2.0;  // what is queued before counts
        pending[k] = comm.start_all_reduce(values[k], ls::plus{});
      }
      for (std::size_t k = 10; k-- > 5;) pending[k].wait();
      pending.clear();
      bool ok = true;
      for (std::size_t k = 0; k < 10; ++k) {
        values[k] = values[k] + 1.0;
        std::vector<double> column(comm.size());
        std::vector<double> const found = values[k].to_host();
        for (std::size_t i = 0; i < 999; ++i) {
          for (std::size_t r = 0; r < comm.size(); ++r) column[r] = 2 * fractions::value<double>(r + k, i);
          ok = ok && found[i] == tree_of(column, ls::plus{}) + 1;
        }
      }
      return ok;
    });
  });
}

TEST_CASE("two GPUs: what goes wrong is said on every rank, and nobody hangs") {
  if (ls::device::gpu_count() < 2) return;
  ls::mesh mesh = ls::mesh::parse("gpu:2");
  std::vector<std::string> said(2);
  auto const run = [&](auto const& f) {
    said = {"", ""};
    std::string outcome;
    try {
      ls::spmd(mesh, [&](ls::communicator& comm) {
        ls::array<float> values(comm.device(), 10);
        values = 1.0f;
        try {
          f(comm, values);
        } catch (ls::communication_error const& e) {
          said[comm.rank()] = e.what();
          throw;
        }
      });
    } catch (std::exception const& e) {
      outcome = e.what();
    }
    return outcome;
  };
  auto const contains = [](std::string const& text, char const* part) { return text.find(part) != std::string::npos; };

  CHECK(run([](ls::communicator& comm, ls::array<float>& values) {
          if (comm.rank() == 1) throw std::domain_error("rank 1 gives up");
          comm.all_reduce(values, ls::plus{});
        }) == "rank 1 gives up");
  CHECK(contains(said[0], "rank 1 gives up"));

  CHECK(contains(run([](ls::communicator& comm, ls::array<float>& values) {
                   if (comm.rank() == 0)
                     comm.all_reduce(values, ls::plus{});
                   else
                     comm.all_reduce(values, ls::maximum{});
                 }),
                 "all ranks must call the same collectives"));
  CHECK(contains(said[0], "all_reduce of 10 float by +"));
  CHECK(contains(said[0], "rank 1 calls all_reduce of 10 float by max"));

  run([](ls::communicator& comm, ls::array<float>& values) {  // rank 1 has 4 of them, rank 0 expects 5
    std::size_t const mine = 5 - comm.rank(), counts[] = {5, mine};
    ls::array<float> all(comm.device(), static_cast<ls::index>(5 + mine));
    comm.all_gather_v(std::span<float const>(values.data(), mine), std::span<float>(all.data(), 5 + mine), counts);
  });
  CHECK(contains(said[0], "found 16 bytes that rank 1 has for rank 0, which expects 20"));
  CHECK(said[0] == said[1]);

  mesh.set_timeout(0.2);
  run([](ls::communicator& comm, ls::array<float>& values) {
    if (comm.rank() == 0) comm.all_reduce(values, ls::plus{});
    float value = 0;
    if (comm.rank() == 1) comm.receive(std::span(&value, 1), 0);
  });
  CHECK(contains(said[0], "all_reduce of 10 float by +, on gpu:0"));
  CHECK(contains(said[0] + said[1], "waited 0.2 s"));
  mesh.set_timeout(30);

  CHECK(contains(run([](ls::communicator& comm, ls::array<float>&) {
                   ls::array<float> elsewhere(ls::device::gpu(1 - static_cast<int>(comm.rank())), 3);
                   comm.all_reduce(elsewhere, ls::plus{});
                 }),
                 "expected one on this rank's gpu:"));
  CHECK(run([](ls::communicator& comm, ls::array<float>& values) { comm.all_reduce(values, ls::plus{}); }) == "");
}

}  // namespace nccl_tests
