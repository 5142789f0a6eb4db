// all_reduce of floats by two ranks: threads against a copy of as many bytes by the same two threads, and, when mpirun
// starts two or more processes (mpirun -n 2 --bind-to none communicator_bench), as many threads and processes against
// MPI_Allreduce and Gloo, in turn in one run. Medians of many rounds; beside them what the cost model predicts from two
// measurements.
#include <lockstep/lockstep.hpp>
#include <lockstep/mesh/cost_model.hpp>

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "mesh_cost.hpp"
#include "paired.hpp"

#ifdef PEER_GLOO
#include <gloo/allreduce.h>
#include <gloo/math.h>
#include <gloo/rendezvous/context.h>
#include <gloo/rendezvous/file_store.h>
#include <gloo/transport/tcp/device.h>
#endif

namespace ls = lockstep;

namespace {

constexpr std::size_t smallest = 1 << 10, largest = std::size_t{64} << 20;

struct contender {
  std::vector<double> times;
  double median() { return times.empty() ? 0 : bench::median(times); }
};

/// Times `repeats` calls of f between two barriers, as rank 0 sees it, after `warm_up` that bring the ranks to cores of
/// their own: what ran before, or having slept, may have left them on one.
template <class F>
void time_calls(ls::communicator& comm, contender& into, int warm_up, int repeats, F const& f) {
  for (int i = 0; i < warm_up; ++i) f();
  comm.barrier();
  auto const run = [&] {
    for (int i = 0; i < repeats; ++i) f();
    comm.barrier();
  };
  into.times.push_back(bench::seconds(run, 1) / repeats);
}

/// Some 20 ms of calls.
int warm_up_for(std::size_t bytes) { return static_cast<int>(1 + 0.02 / (2e-6 + static_cast<double>(bytes) / 8e9)); }
int repeats_for(std::size_t bytes) {
  return static_cast<int>(std::clamp<std::size_t>((std::size_t{64} << 20) / bytes, 1, 10000));
}

/// One round on threads: an all_reduce of n bytes reads and writes n bytes of each rank's memory; so does a copy.
void round_of_threads(std::size_t ranks, std::size_t bytes, contender& ours, contender& copy) {
  ls::spmd(ls::mesh::cpu(ranks, 1), [&](ls::communicator& comm) {
    ls::array<float> values(comm.device(), ls::shape{bytes / sizeof(float)}), copied(comm.device(), values.shape());
    values = 0.0f;
    copied = 0.0f;
    contender ignored, ignored_copy;
    bool const first = comm.rank() == 0;
    auto const reduce = [&] { comm.all_reduce(values, ls::plus{}); };
    reduce();
    time_calls(comm, first ? ours : ignored, warm_up_for(bytes), repeats_for(bytes), reduce);
    time_calls(comm, first ? copy : ignored_copy, warm_up_for(bytes), repeats_for(bytes), [&] {
      std::memcpy(copied.data(), values.data(), bytes);
      asm volatile("" : : "r"(copied.data()) : "memory");
    });
  });
}

void print_threads(std::size_t bytes, contender& ours, contender& copy, double predicted) {
  std::printf("%9zu bytes: threads %10.2f us, predicted %10.2f us, copy %10.2f us, %6.1f GB/s, copy/ours %.2f", bytes,
              ours.median() * 1e6, predicted * 1e6, copy.median() * 1e6,
              static_cast<double>(bytes) / ours.median() * 1e-9, copy.median() / ours.median());
}

double predict(ls::communication_cost const& cost, std::size_t bytes, std::size_t ranks) {
  return cost.seconds(ls::work_of(ls::collective_kind::all_reduce, ls::collective_algorithm::direct,
                                  static_cast<double>(bytes), ranks));
}

int rounds_for(std::size_t bytes) { return bytes > (std::size_t{8} << 20) ? 7 : 15; }

void threads_alone() {
  auto const cost = bench::cost_of(ls::mesh::cpu(2, 1));
  for (std::size_t bytes = smallest; bytes <= largest; bytes *= 4) {
    contender ours, copy;
    for (int round = 0; round < 2 * rounds_for(bytes); ++round) round_of_threads(2, bytes, ours, copy);
    print_threads(bytes, ours, copy, predict(cost, bytes, 2));
    std::puts("");
  }
}

#ifdef LOCKSTEP_MPI
#ifdef PEER_GLOO
/// Connected through a folder that rank 0 made.
std::shared_ptr<gloo::rendezvous::Context> connect_gloo(ls::communicator& comm) {
  char folder[] = "/tmp/lockstep_bench_XXXXXX";
  if (comm.rank() == 0 && !mkdtemp(folder)) throw ls::error("communicator_bench: no temporary folder");
  comm.broadcast(std::span(folder), 0);
  auto const context =
      std::make_shared<gloo::rendezvous::Context>(static_cast<int>(comm.rank()), static_cast<int>(comm.size()));
  gloo::rendezvous::FileStore store(folder);
  auto device = gloo::transport::tcp::CreateDevice("localhost");
  context->connectFullMesh(store, device);
  comm.barrier();
  if (comm.rank() == 0 && std::system(("rm -r " + std::string(folder)).c_str()) != 0) std::puts("a folder is left");
  return context;
}
#endif

/// Waits for all processes, asleep but for moments: a process that looks again and again takes a core from the threads.
void sleep_until_all_are_here() {
  MPI_Request all;
  MPI_Ibarrier(MPI_COMM_WORLD, &all);
  for (int here = 0; !here; MPI_Test(&all, &here, MPI_STATUS_IGNORE)) usleep(5000);
}

/// Two or more processes, the first of which has the threads, too.
void with_processes() {
  ls::mesh const mesh = ls::mesh::mpi();
  auto const thread_cost =
      mesh.first_local_rank() == 0 ? bench::cost_of(ls::mesh::cpu(mesh.size(), 1)) : ls::communication_cost{};
  auto const cost = bench::cost_of(mesh);
  ls::spmd(mesh, [&](ls::communicator& comm) {
    bool const first = comm.rank() == 0;
#ifdef PEER_GLOO
    auto const context = connect_gloo(comm);
#endif
    for (std::size_t bytes = smallest; bytes <= largest; bytes *= 4) {
      contender threads, copy, ours, mpi, gloo;
      std::vector<float> values(bytes / sizeof(float), 0.0f);
      for (int round = 0; round < rounds_for(bytes); ++round) {
        if (first) round_of_threads(comm.size(), bytes, threads, copy);
        sleep_until_all_are_here();
        comm.barrier();
        int const repeats = repeats_for(bytes), warm_up = warm_up_for(bytes);
        time_calls(comm, ours, warm_up, repeats, [&] { comm.all_reduce(std::span(values), ls::plus{}); });
        time_calls(comm, mpi, warm_up, repeats, [&] {
          MPI_Allreduce(MPI_IN_PLACE, values.data(), static_cast<int>(values.size()), MPI_FLOAT, MPI_SUM,
                        MPI_COMM_WORLD);
        });
#ifdef PEER_GLOO
        time_calls(comm, gloo, std::min(warm_up, 25), std::min(repeats, 50), [&] {
          gloo::AllreduceOptions options(context);
          options.setOutput(values.data(), values.size());
          options.setReduceFunction(
              static_cast<void (*)(void*, void const*, void const*, std::size_t)>(&gloo::sum<float>));
          gloo::allreduce(options);
        });
#endif
      }
      if (!first) continue;
      print_threads(bytes, threads, copy, predict(thread_cost, bytes, comm.size()));
      std::printf(
          "; processes %10.2f us, predicted %10.2f us, MPI %10.2f us, Gloo %10.2f us; MPI/threads %.1f, "
          "Gloo/threads %.1f, MPI/processes %.2f\n",
          ours.median() * 1e6, predict(cost, bytes, comm.size()) * 1e6, mpi.median() * 1e6, gloo.median() * 1e6,
          mpi.median() / threads.median(), gloo.median() / threads.median(), mpi.median() / ours.median());
      std::fflush(stdout);
    }
  });
}
#endif

}  // namespace

int main() {
#ifdef LOCKSTEP_MPI
  if (ls::mesh const mesh = ls::mesh::mpi(); mesh.size() > 1) {
    if (mesh.first_local_rank() == 0)
      std::printf("all_reduce by %zu ranks, medians; GB/s: payload over time; Gloo 0: not found\n", mesh.size());
    with_processes();
    return 0;
  }
#endif
  std::puts("all_reduce by 2 ranks, medians; GB/s: payload over time");
  threads_alone();
}
