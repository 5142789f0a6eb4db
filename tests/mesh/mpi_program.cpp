// Runs under mpirun: mpi_program <mesh> checks every collective; mpi_program <mesh> <failure> makes rank 1 fail, and
// every other process prints what it is told. mpi.cmake says how it is called.
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <lockstep/lockstep.hpp>
#include <mutex>
#include <string>

#include "all_types.hpp"
#include "large_counts.hpp"

namespace ls = lockstep;
using namespace mesh_test;

namespace {

template <class T, class Input, class Op>
void check(ls::mesh const& mesh, Op const& op, std::string& wrong) {
  std::mutex mutex;
  auto const want = expect<T, Input>(mesh.size(), counts(mesh.size()).back(), op);
  for (std::size_t count : counts(mesh.size()))
    ls::spmd(mesh, [&](ls::communicator& comm) {
      std::string const found = check_collectives(comm, want, count, op);
      std::lock_guard lock(mutex);
      if (wrong.empty()) wrong = found;
    });
}

/// Messages around, parts of a split, and many collectives at once.
void check_others(ls::mesh const& mesh, std::string& wrong) {
  ls::spmd(mesh, [&](ls::communicator& comm) {
    std::size_t const ranks = comm.size(), me = comm.rank();
    bool good = messages_keep_their_order(comm);
    ls::communicator part = comm.split(static_cast<std::int64_t>(me % 2));
    int members = 1;
    part.all_reduce(members, ls::plus{});
    good = good && members == static_cast<int>((ranks + 1 - me % 2) / 2);
    std::vector<std::vector<int>> data(10, std::vector<int>(1000, 1));
    std::vector<ls::pending> all;
    for (auto& each : data) all.push_back(comm.start_all_reduce(std::span(each), ls::plus{}));
    comm.barrier();
    all.clear();
    for (auto const& each : data) good = good && each == std::vector<int>(1000, static_cast<int>(ranks));
    if (!good && wrong.empty()) wrong = "messages, parts or started collectives on rank " + std::to_string(me);
  });
}

/// Arrays over all processes: the bits of one device.
void check_sharded(ls::mesh const& mesh, std::string& wrong) {
  std::vector<float> host(70001);
  for (std::size_t i = 0; i < host.size(); ++i) host[i] = static_cast<float>(i * 2654435761u % 1000) / 500 - 1;
  ls::array<float> const one(ls::device::cpu(), host);
  ls::sharded<float> x(mesh, host), y(mesh, host.size());
  y = x + 2.0f * ls::neighbor(x, 1);
  if (y.to_host() != ls::array<float>(one + 2.0f * ls::neighbor(one, 1)).to_host()) wrong = "a sharded stencil";
  if (float(ls::sum(x * x)) != float(ls::sum(one * one))) wrong = "a sharded sum";
  ls::sort(x);
  std::sort(host.begin(), host.end());
  if (x.to_host() != host) wrong = "a sharded sort";
}

/// A call inside of a call is refused, by every rank, and the mesh goes on.
void check_nested(ls::mesh const& mesh, std::string& wrong) {
  ls::spmd(mesh, [&](ls::communicator& comm) {
    try {
      ls::spmd(mesh, [](ls::communicator&) {});
      wrong = "a nested call on rank " + std::to_string(comm.rank()) + " was not refused";
    } catch (ls::communication_error const&) {
    }
  });
}

int check_all_on(ls::mesh const& mesh) {
  std::string wrong;
  check_nested(mesh, wrong);
  check_sharded(mesh, wrong);
  check<float, fractions>(mesh, ls::plus{}, wrong);
  check<double, exact>(mesh, twice_left{}, wrong);
  check<std::uint8_t, exact>(mesh, twice_left{}, wrong);
  check<affine, functions>(mesh, compose{}, wrong);
  check_others(mesh, wrong);
  int bad = !wrong.empty();
  ls::spmd(mesh, [&](ls::communicator& comm) {
    int sum = bad;
    comm.all_reduce(sum, ls::plus{});
    if (comm.rank() == 0) std::printf("%zu ranks: %s\n", comm.size(), sum == 0 ? "good" : "WRONG");
  });
  if (bad) std::printf("WRONG: %s\n", wrong.c_str());
  return bad;
}

/// More elements than MPI can count.
int check_large(ls::mesh mesh) {
  std::string wrong = "nothing happened";
  mesh.set_timeout(120);
  ls::spmd(mesh, [&](ls::communicator& comm) { wrong = check_large_counts(comm); });
  std::printf("more than 2^31 elements: %s\n", wrong.empty() ? "good" : wrong.c_str());
  return !wrong.empty();
}

/// Every type and operator, on one rank of each process.
int check_types(ls::mesh mesh) {
  verdict mine;
  std::uint64_t checks = 0;
  mesh.set_timeout(120);
  char const* const shared = std::getenv("LOCKSTEP_SHARED_MEMORY");
  common_memory const memory(all_types::bytes(mesh.size()));
  ls::spmd(mesh, [&](ls::communicator& comm) {
    mine = all_types(comm, shared && *shared == '0', memory, false).check();
    checks = mine.checks;
    comm.all_reduce(checks, ls::plus{});
  });
  if (!mine.wrong.empty()) std::printf("WRONG: %s\n", mine.wrong.c_str());
  if (mesh.is_local(0)) std::printf("%zu ranks: %zu results compared\n", mesh.size(), static_cast<std::size_t>(checks));
  return !mine.wrong.empty();
}

void fail(std::string const& how, ls::communicator& comm) {
  if (how == "throws") throw std::domain_error("gives up");
  if (how == "is-killed") raise(SIGKILL);
  if (how == "exits") _exit(3);
  if (how == "stops") raise(SIGSTOP);
  if (how == "disagrees") comm.barrier();
}

/// Rank 1 is stopped while rank 0 sends much, and goes on when rank 0 has given up and its memory is gone.
void stall(ls::communicator& comm) {
  constexpr std::size_t bytes = std::size_t{1} << 26;
  if (comm.rank() == 1) {
    pid_t const stopped = getpid();
    if (fork() == 0) {
      usleep(2500000);
      kill(stopped, SIGCONT);
      _exit(0);
    }
    raise(SIGSTOP);
    usleep(500000);
  }
  if (comm.rank() == 1) return comm.barrier();
  if (comm.rank() == 2) {  // not the first to end, since the launcher would end the others, too
    usleep(4500000);
    return;
  }
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  std::span<unsigned char> const values(static_cast<unsigned char*>(memory), bytes);
  std::fill(values.begin(), values.end(), static_cast<unsigned char>(1));
  try {
    comm.send(values, 1);
  } catch (ls::communication_error const&) {
    munmap(memory, bytes);
    usleep(2500000);
    throw;
  }
}

/// What is not a failure: work after the last collective that takes longer than the timeout, and leaving when all has
/// been sent, though not received.
void take_time(ls::communicator& comm) {
  std::vector<float> large(std::size_t{1} << 25, static_cast<float>(comm.rank()));
  if (comm.rank() == 1) comm.send(std::span(large), 0);
  if (comm.rank() == 0) {
    usleep(300000);
    comm.receive(std::span(large), 1);
    if (large.front() != 1 || large.back() != 1) throw std::runtime_error("wrong values");
  }
  if (comm.rank() == 2) usleep(2500000);
}

}  // namespace

int main(int argc, char** argv) {
  ls::mesh mesh = ls::mesh::parse(argc > 1 ? argv[1] : "mpi");
  if (argc < 3) return check_all_on(mesh);
  if (argv[2] == std::string("large")) return check_large(mesh);
  if (argv[2] == std::string("types")) return check_types(mesh);
  mesh.set_timeout(1);
  double const begun = ls::seconds_now();
  try {
    ls::spmd(mesh, [&](ls::communicator& comm) {
      std::vector<float> values(10, 1.0f);
      comm.all_reduce(std::span(values), ls::plus{});
      if (argv[2] == std::string("takes-time")) return take_time(comm);
      if (argv[2] == std::string("stalls")) return stall(comm);
      if (comm.rank() == 1) return fail(argv[2], comm);
      comm.all_reduce(std::span(values), ls::plus{}, "weights");
    });
  } catch (ls::error const&) {  // printed by spmd
    std::fprintf(stderr, "after %.1f s\n", ls::seconds_now() - begun);
    return 1;
  }
  return 0;
}
