// Runs under mpirun, each process with GPUs of its own: ranks <mesh> checks collectives, sharded arrays and training;
// ranks <mesh> <failure> makes rank 1 fail, and every other process prints what it is told. processes.cmake says how it
// is called.
#include <nccl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <lockstep/lockstep.hpp>
#include <lockstep/nn.hpp>
#include <mutex>
#include <string>

#include "cuda/faults/nccl_fills.hpp"
#include "device_mpi.hpp"
#include "mesh/collective_checks.hpp"
#include "nn/trainer_support.hpp"

namespace gpu_processes {
namespace ls = lockstep;
namespace nn = lockstep::nn;
using namespace mesh_test;

/// f(comm) on every rank says what is wrong; the first such thing of this process is kept.
template <class F>
void on_ranks(ls::mesh const& mesh, std::string& wrong, F const& f) {
  std::mutex mutex;
  ls::spmd(mesh, [&](ls::communicator& comm) {
    std::string const found = f(comm);
    std::lock_guard lock(mutex);
    if (wrong.empty()) wrong = found;
  });
}

/// Arrays on GPUs go through NCCL, spans in host memory do not.
template <class T, class Input, class Op>
void check(ls::mesh const& mesh, Op const& op, std::string& wrong) {
  for (std::size_t count : {std::size_t{0}, std::size_t{1}, mesh.size() + 1, std::size_t{20011}}) {
    auto const want = expect<T, Input>(mesh.size(), count, op);
    on_ranks(mesh, wrong, [&](ls::communicator& comm) { return check_collectives(comm, want, count, op); });
  }
}

/// Collectives that go on while the device computes, NCCL's own order, and parts of a mesh.
void check_others(ls::mesh const& mesh, std::string& wrong) {
  on_ranks(mesh, wrong, [](ls::communicator& comm) -> std::string {
    auto const ranks = static_cast<int>(comm.size()), me = static_cast<int>(comm.rank());
    std::vector<ls::array<int>> values(5, ls::full<int>(comm.device(), 1000, me));
    std::vector<ls::pending> started;
    for (auto& each : values) started.push_back(comm.start_all_reduce(each, ls::plus{}));
    started.clear();
    for (auto& each : values)
      if (!ls::all(each == ranks * (ranks - 1) / 2)) return "started collectives";
    ls::array<float> x = ls::full<float>(comm.device(), 1000, 0.5f);
    comm.all_reduce(x, ls::any_order(ls::plus{}));
    if (!ls::all(x == 0.5f * static_cast<float>(ranks))) return "all_reduce in any order";
    ls::communicator part = comm.split(me % 2);
    ls::array<int> members = ls::full<int>(part.device(), 3, 1);
    part.all_reduce(members, ls::maximum{});
    part.all_reduce(members, ls::plus{});
    if (!ls::all(members == (ranks + 1 - me % 2) / 2)) return "parts";
    return messages_keep_their_order(comm) ? "" : "messages";
  });
}

/// Messages between GPUs, and between a GPU and the host, of every length that is sent in another way: those of several
/// pieces are MPI's to copy where it can.
void check_messages(ls::mesh const& mesh, std::string& wrong) {
  std::vector<std::size_t> const counts{0, 3, 5000, 300001, 2000003};
  std::size_t const sent_before = device_mpi::sent, received_before = device_mpi::received;
  on_ranks(mesh, wrong, [&](ls::communicator& comm) -> std::string {
    std::size_t const ranks = comm.size(), me = comm.rank(), next = (me + 1) % ranks, before = (me + ranks - 1) % ranks;
    auto const values = [](std::size_t rank, std::size_t count) {
      return ls::cast<int>(ls::indices() % 1009 * 3) + static_cast<int>(rank + count % 7);
    };
    for (std::size_t count : counts) {
      ls::array<int> mine(comm.device(), ls::shape{count}), theirs(comm.device(), ls::shape{count});
      ls::array<int> want(comm.device(), ls::shape{count});
      theirs = -1;
      mine = values(me, count);  // may not have been computed yet when it is sent
      want = values(before, count);
      std::span<int const> const on_gpu(mine.data(), count);
      std::vector<int> const on_host = mine.to_host();
      std::vector<int> host(count, -2);
      comm.send(on_gpu, next, 1);
      comm.send(on_gpu, next, 2);
      comm.send(std::span(on_host), next, 3);
      mine = 0;  // its reader has what it needs
      comm.receive(std::span(theirs.data(), count), before, 1);
      if (count != 0 && !ls::all(theirs == want)) return "a message between GPUs of " + std::to_string(count);
      comm.receive(std::span(host), before, 2);
      if (host != want.to_host()) return "a message from a GPU to the host of " + std::to_string(count);
      theirs = -3;
      comm.receive(std::span(theirs.data(), count), before, 3);
      if (count != 0 && !ls::all(theirs == want)) return "a message from the host to a GPU of " + std::to_string(count);
    }
    comm.barrier();
    return "";
  });
  char const* const shared = std::getenv("LOCKSTEP_SHARED_MEMORY");
  bool const by_mpi = device_mpi::says_so() && mesh.size() > 1 && shared && *shared == '0';
  std::size_t const most = by_mpi ? 2 * 4 * (5000 + 300001 + 2000003) : 0;
  std::size_t const sent = device_mpi::sent - sent_before, received = device_mpi::received - received_before;
  if (wrong.empty() && (sent != most || received != most))
    wrong = "MPI was given " + std::to_string(sent) + " bytes on GPUs to send and " + std::to_string(received) +
            " to receive, expected " + std::to_string(most);
}

/// Arrays over the GPUs of all processes: the values of plain loops.
void check_sharded(ls::mesh const& mesh, std::string& wrong) {
  std::size_t const n = 70001;
  std::vector<float> host(n), want(n);
  for (std::size_t i = 0; i < n; ++i) host[i] = static_cast<float>(i * 2654435761u % 1000) / 500 - 1;
  for (std::size_t i = 0; i < n; ++i) want[i] = host[i] + 2 * host[(i + 1) % n];
  ls::sharded<float> x(mesh, host), y(mesh, n);
  y = x + 2.0f * ls::neighbor(x, 1, ls::boundary::wrap);
  if (y.to_host() != want) wrong = "a sharded stencil";
  double sum = 0;
  for (float v : host) sum += double{v} * v;
  if (std::abs(double{float(ls::sum(x * x))} - sum) > 1e-4 * sum) wrong = "a sharded sum";
  std::vector<float> kept;
  std::copy_if(host.begin(), host.end(), std::back_inserter(kept), [](float v) { return v > 0.9f; });
  if (ls::select(x, x > 0.9f).to_host() != kept) wrong = "a sharded selection";
  std::vector<std::int64_t> ones(n, 1), counted(n);
  for (std::size_t i = 0; i < n; ++i) counted[i] = static_cast<std::int64_t>(i) + 1;
  if (ls::inclusive_scan(ls::sharded<std::int64_t>(mesh, ones)).to_host() != counted) wrong = "a sharded scan";
  ls::sort(x);
  std::sort(host.begin(), host.end());
  if (x.to_host() != host) wrong = "a sharded sort";
  ls::sharded<float> const whole = ls::reshard(x, ls::replicated);
  if (whole.to_host() != host) wrong = "a replicated array";
}

/// An epoch over all processes' GPUs has the bits of the same on one.
void check_training(ls::mesh const& mesh, std::string& wrong) {
  auto const data = training_test::striped(23);
  auto const trained = [&](ls::mesh const& devices) {
    nn::trainer trainer(training_test::network(ls::seed(2)), nn::cross_entropy{}, nn::sgd{.momentum = 0.9f}, devices,
                        {.batch = 10, .learning_rate = nn::step_decay(0.05f, 2, 0.5f)});
    trainer.fit(data, {.epochs = 1, .progress = false});
    return trainer.model().fingerprint();
  };
  if (trained(mesh) != trained(ls::mesh::gpus(1))) wrong = "training";
}

/// Whether what a collective is to receive is filled first: see nccl_fills.hpp.
std::atomic<bool> collectives_are_aborted{false};

/// A rank's own exception in one process is communication_error in the others, and the mesh can be used again.
void check_recovery(ls::mesh const& mesh, std::string& wrong) {
  if (mesh.size() == 1) return;
  std::string said;
  try {
    ls::spmd(mesh, [](ls::communicator& comm) {
      ls::array<float> x = ls::full<float>(comm.device(), 10, 1.0f);
      comm.all_reduce(x, ls::plus{});
      if (comm.rank() == 1) throw std::domain_error("gives up");
      comm.all_reduce(x, ls::plus{}, "weights");
    });
  } catch (std::domain_error const& e) {
    said = e.what();
    if (!mesh.is_local(1)) wrong = "another process's exception";
  } catch (ls::communication_error const& e) {
    said = e.what();
    if (mesh.is_local(1)) wrong = "communication_error instead of one's own exception";
  }
  if (said.find("gives up") == std::string::npos) wrong = "found \"" + said + "\", expected the failing rank's words";
  on_ranks(mesh, wrong, [](ls::communicator& comm) -> std::string {
    ls::array<float> x = ls::full<float>(comm.device(), 10, 1.0f);
    comm.all_reduce(x, ls::maximum{});
    return ls::all(x == 1.0f) ? "" : "all_reduce after a failure";
  });
}

int check_all_on(ls::mesh const& mesh) {
  std::string wrong;
  check<float, fractions>(mesh, ls::plus{}, wrong);
  check<std::int64_t, exact>(mesh, ls::plus{}, wrong);
  check<double, exact>(mesh, twice_left{}, wrong);
  check_others(mesh, wrong);
  check_messages(mesh, wrong);
  check_sharded(mesh, wrong);
  check_training(mesh, wrong);
  collectives_are_aborted = true;
  check_recovery(mesh, wrong);
  collectives_are_aborted = false;
  int bad = !wrong.empty();
  if (bad) std::printf("WRONG: %s\n", wrong.c_str());
  on_ranks(mesh, wrong, [&](ls::communicator& comm) {
    int sum = bad;
    comm.all_reduce(sum, ls::plus{});
    if (comm.rank() == 0) std::printf("%zu ranks on GPUs: %s\n", comm.size(), sum == 0 ? "good" : "WRONG");
    return std::string();
  });
  return bad;
}

/// Whether it is a call of NCCL that fails.
bool nccl_fails(std::string const& how) { return how.compare(0, 4, "nccl") == 0; }
/// Seconds that this process hesitates where NCCL is called that rank 1's call may fail before.
std::atomic<double> hesitation{0};
/// Whether this process is stopped where it is to do its part of a collective that it has agreed to.
std::atomic<bool> stops_in_nccl{false};
/// Whether NCCL is never done with what it has begun.
std::atomic<bool> nccl_is_late{false};
/// Whether this process's making of a communicator fails, late: the simulator's other ranks, unlike NCCL's, would wait
/// for this one.
std::atomic<bool> joining_fails{false};

void hesitate() {
  if (double const seconds = hesitation) usleep(static_cast<useconds_t>(1e6 * seconds));
}

void fail(std::string const& how, ls::communicator& comm) {
  if (nccl_fails(how)) return;
  usleep(200000);  // the others have left the first collective by then, and are in the second
  if (how == "throws") throw std::domain_error("gives up");
  if (how == "is-killed") raise(SIGKILL);
  if (how == "stops") raise(SIGSTOP);
  if (how == "disagrees") {
    ls::array<int> other = ls::full<int>(comm.device(), 5, 1);
    comm.all_reduce(other, ls::plus{});
  }
}

/// Rank 1 is stopped while rank 0 sends it more than is on its way at a time.
void send_to_stopped(ls::communicator& comm) {
  ls::array<int> const large = ls::full<int>(comm.device(), 1 << 23, 1);
  if (comm.rank() == 1) raise(SIGSTOP);
  comm.send(std::span<int const>(large.data(), large.size()), 1);
}

/// Rank 1 is stopped before it does its part of a collective, and rank 0 sends what that writes.
void send_what_never_comes(ls::communicator& comm) {
  ls::array<float> values = ls::full<float>(comm.device(), 10, 1.0f);
  stops_in_nccl = comm.rank() == 1;
  comm.all_reduce(values, ls::any_order(ls::plus{}));
  comm.send(std::span<float const>(values.data(), values.size()), 1);
}

int run_failing(ls::mesh mesh, std::string const& how) {
  mesh.set_timeout(1);
  if (how == "nccl-joining" && mesh.is_local(0)) hesitation = 0.5;
  nccl_is_late = how == "nccl-late";
  joining_fails = how == "nccl-joining" && mesh.is_local(1);
  double const begun = ls::seconds_now();
  try {
    ls::spmd(mesh, [&](ls::communicator& comm) {
      ls::array<float> values = ls::full<float>(comm.device(), 10, 1.0f);
      comm.all_reduce(values, ls::plus{});
      if (how == "device-message-stops") {
        comm.device().synchronize();  // a rank that stops has done its part
        return send_to_stopped(comm);
      }
      if (how == "message-of-stopped") {
        comm.device().synchronize();
        return send_what_never_comes(comm);
      }
      if (how == "nccl-first" && comm.rank() == 0) hesitation = 0.5;
      if (comm.rank() == 1) fail(how, comm);
      if (comm.rank() == 1 && !nccl_fails(how)) return;
      comm.all_reduce(values, ls::any_order(ls::plus{}), "weights");
      if (values.to_host() != std::vector<float>(10, static_cast<float>(comm.size() * comm.size())))
        std::printf("a collective was aborted on rank %zu\n", comm.rank());
    });
  } catch (ls::error const& e) {
    std::fprintf(stderr, "process of rank %zu, after %.1f s: %s\n", mesh.first_local_rank(), ls::seconds_now() - begun,
                 e.what());
    if (mesh.is_local(1)) usleep(1000000);  // the launcher ends the others when this one ends
    return 1;
  }
  return 0;
}

}  // namespace gpu_processes

// These take the place of NCCL's functions, and pass on what they are asked.
extern "C" {

ncclResult_t ncclAllReduce(void const* from, void* to, std::size_t count, ncclDataType_t type, ncclRedOp_t op,
                           ncclComm_t comm, cudaStream_t stream) {
  static auto* const real = faults::next(&ncclAllReduce, "ncclAllReduce");
  gpu_processes::hesitate();
  if (gpu_processes::stops_in_nccl) raise(SIGSTOP);
  return real(from, to, count, type, op, comm, stream);
}
ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t* state) {
  static auto* const real = faults::next(&ncclCommGetAsyncError, "ncclCommGetAsyncError");
  ncclResult_t const status = real(comm, state);
  if (gpu_processes::nccl_is_late) *state = ncclInProgress;
  return status;
}
ncclResult_t ncclCommInitRankConfig(ncclComm_t* comm, int size, ncclUniqueId id, int rank, ncclConfig_t* how) {
  static auto* const real = faults::next(&ncclCommInitRankConfig, "ncclCommInitRankConfig");
  ncclResult_t const status = real(comm, size, id, rank, how);
  gpu_processes::hesitate();
  return gpu_processes::joining_fails ? ncclSystemError : status;
}

ncclResult_t ncclAllGather(void const* from, void* to, std::size_t count, ncclDataType_t type, ncclComm_t comm,
                           cudaStream_t stream) {
  static auto* const real = faults::next(&ncclAllGather, "ncclAllGather");
  if (!gpu_processes::collectives_are_aborted) return real(from, to, count, type, comm, stream);
  return faults::filled_all_gather(real, from, to, count, type, comm, stream);
}
ncclResult_t ncclRecv(void* to, std::size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                      cudaStream_t stream) {
  static auto* const real = faults::next(&ncclRecv, "ncclRecv");
  if (!gpu_processes::collectives_are_aborted) return real(to, count, type, peer, comm, stream);
  return faults::filled_receive(real, to, count, type, peer, comm, stream);
}
ncclResult_t ncclGroupEnd() {
  static auto* const real = faults::next(&ncclGroupEnd, "ncclGroupEnd");
  return faults::filled_group_end(real);
}

}  // extern "C"

int main(int argc, char** argv) {
  auto const mesh = lockstep::mesh::parse(argc > 1 ? argv[1] : "mpi_gpu");
  return argc < 3 ? gpu_processes::check_all_on(mesh) : gpu_processes::run_failing(mesh, argv[2]);
}
