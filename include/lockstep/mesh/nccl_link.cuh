// What ranks on GPUs share with NCCL: each one's communicator, and the stream beside the device's own on which its
// collectives run. Only files compiled by nvcc include this.
#pragma once

#include <nccl.h>

#include <atomic>
#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "../core/clock.hpp"
#include "../device/device.hpp"
#include "on_threads.hpp"
#include "relax.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_nccl(ncclResult_t status, char const* call, int number) {
  static_cast<void>(cudaGetLastError());
  char const* const last = ncclGetLastError(nullptr);
  throw communication_error(
      text_of({call, " on gpu:", number, operation::text(), ": NCCL gave ", ncclGetErrorString(status),
               last && *last ? ": " : "", last ? last : "", "; NCCL_DEBUG=WARN makes it say more"}));
}

/// Whether a call was taken: communicators that never block (see nccl_world) may say that they are still at it.
inline bool was_taken(ncclResult_t status) { return status == ncclSuccess || status == ncclInProgress; }

/// How a call that was taken goes on.
inline ncclResult_t state_of(ncclComm_t comm) {
  ncclResult_t state = ncclSuccess;
  ncclResult_t const asked = ncclCommGetAsyncError(comm, &state);
  return asked == ncclSuccess ? state : asked;
}

/// One rank's NCCL communicator. Another thread may abort it at any time, also while a call is in progress.
class nccl_link {
 public:
  /// Owns `comm`, also when this throws. Calls wait for at most `timeout` seconds; 0: for as long as it takes.
  nccl_link(int number, ncclComm_t comm, double timeout = 0) : number_(number), timeout_(timeout), comm_(comm) {
    try {
      device_scope const scope(number);
      check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreateWithFlags", "gpu:", number,
            ", asked for a stream for collectives");
    } catch (...) {
      abort();
      throw;
    }
  }
  nccl_link(nccl_link const&) = delete;
  nccl_link& operator=(nccl_link const&) = delete;
  ~nccl_link() {
    on_this_gpu([&] {
      if (comm_) static_cast<void>(ncclCommDestroy(comm_));
      static_cast<void>(cudaStreamSynchronize(stream_));
      static_cast<void>(cudaStreamDestroy(stream_));
    });
  }

  int number() const { return number_; }
  double timeout() const { return timeout_; }
  cudaStream_t stream() const { return stream_; }

  /// Calls f(communicator), waits while that is in progress, and throws communication_error unless it succeeds. The GPU
  /// must be the current one: choosing it here could fail for one rank alone, when all have agreed.
  template <class F>
  void call(char const* name, F const& f) {
    ncclResult_t status = ask(name, f);
    double const begun = status == ncclInProgress && timeout_ > 0 ? seconds_now() : 0;
    for (backoff looks; status == ncclInProgress;) {
      if (begun != 0 && seconds_now() > begun + timeout_) throw_late(name);
      looks.pause();
      status = ask(name, state_of);
    }
    if (status != ncclSuccess) throw_nccl(status, name, number_);
  }

  /// Returns when what is queued has ended.
  void finish() noexcept {
    on_this_gpu([&] { static_cast<void>(cudaStreamSynchronize(stream_)); });
  }
  /// Whether nothing is queued.
  bool idle() noexcept {
    cudaError_t status = cudaSuccess;
    on_this_gpu([&] { status = cudaStreamQuery(stream_); });
    return status != cudaErrorNotReady;
  }

  /// This rank's communicator among those that give the same color. Throws as `call`.
  ncclComm_t split(int color, int key) {
    part_ = nullptr;  // which NCCL may write later, from a thread of its own
    call("ncclCommSplit", [&](ncclComm_t comm) { return ncclCommSplit(comm, color, key, &part_, nullptr); });
    return std::exchange(part_, nullptr);
  }

  /// Ends what is queued or in progress, so that nobody waits for a rank that will not come. Calls throw afterwards.
  void abort() noexcept {
    std::lock_guard const lock(mutex_);
    if (comm_) on_this_gpu([&] { static_cast<void>(ncclCommAbort(std::exchange(comm_, nullptr))); });
  }

 private:
  template <class F>
  ncclResult_t ask(char const* name, F const& f) {
    std::lock_guard const lock(mutex_);
    if (!comm_) throw communication_error(text_of({name, " on gpu:", number_, ": another rank failed"}));
    return f(comm_);
  }
  [[noreturn, gnu::cold, gnu::noinline]] void throw_late(char const* name) const {
    char seconds[32];
    std::snprintf(seconds, sizeof seconds, "%g", timeout_);
    throw communication_error(
        text_of({name, " on gpu:", number_, operation::text(), ": waited ", static_cast<char const*>(seconds),
                 " s for NCCL to reach the other ranks; longer work needs a longer mesh::set_timeout"}));
  }
  template <class F>
  void on_this_gpu(F const& f) noexcept {
    int before = number_;
    static_cast<void>(cudaGetDevice(&before));
    static_cast<void>(cudaSetDevice(number_));
    f();
    static_cast<void>(cudaSetDevice(before));
  }

  int number_;
  double timeout_;
  ncclComm_t comm_;
  ncclComm_t part_ = nullptr;
  cudaStream_t stream_ = nullptr;
  std::mutex mutex_;
};

/// A number that ranks make a communicator by. Throws communication_error.
inline ncclUniqueId new_nccl_id(int number) {
  ncclUniqueId id;
  ncclResult_t const status = ncclGetUniqueId(&id);
  if (status != ncclSuccess) throw_nccl(status, "ncclGetUniqueId", number);
  return id;
}
inline ncclConfig_t never_blocking() {
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  return config;
}

/// The links of all ranks of one run in this process, and of what those ranks were split into. Their communicators
/// never block: a call that connects GPUs needs all ranks, and a rank that fails must be able to abort it meanwhile.
class nccl_world {
 public:
  explicit nccl_world(std::vector<int> const& numbers) {
    std::vector<ncclComm_t> comms(numbers.size());
    try {
      connect(numbers, comms);
      for (std::size_t rank = 0; rank < numbers.size(); ++rank) {
        device_scope const scope(numbers[rank]);
        links_.push_back(std::make_shared<nccl_link>(numbers[rank], std::exchange(comms[rank], nullptr)));
        links_.back()->call("ncclCommInitRankConfig", state_of);
      }
    } catch (...) {
      abort();
      for (ncclComm_t comm : comms)
        if (comm) static_cast<void>(ncclCommAbort(comm));
      throw;
    }
  }

  /// For `ranks` ranks of this process among those of several. Each has to `join`.
  explicit nccl_world(std::size_t ranks) : links_(ranks) {}

  /// This process's rank `place` becomes rank `rank` of `size` in all, on GPU `number`, which is the current one. Waits
  /// for the others for `timeout` seconds at most. Throws communication_error.
  void join(std::size_t place, int number, ncclUniqueId const& id, std::size_t rank, std::size_t size, double timeout) {
    ncclComm_t comm = nullptr;
    try {
      begin_joining(comm, number, id, rank, size);
    } catch (...) {
      if (comm) static_cast<void>(ncclCommAbort(comm));
      throw;
    }
    auto const mine = std::make_shared<nccl_link>(number, comm, timeout);
    {
      std::lock_guard const lock(mutex_);
      if (links_[place]) links_[place]->abort();  // whose other ends are gone
      links_[place] = mine;
      if (aborted_) mine->abort();
    }
    mine->call("ncclCommInitRankConfig", state_of);
  }

  /// Null before it has joined.
  std::shared_ptr<nccl_link> const& link(std::size_t rank) const { return links_[rank]; }

  void add_part(std::shared_ptr<nccl_link> const& link) {
    std::lock_guard const lock(mutex_);
    parts_.push_back(link);
  }
  /// Rank `rank` has failed, and nobody is to wait for it.
  void abort(std::size_t rank) noexcept {
    std::lock_guard const lock(mutex_);
    if (aborted_by_ == nobody) aborted_by_ = rank;
    abort();
  }
  /// Nobody is to wait for ranks of other processes.
  void abort_all() noexcept {
    std::lock_guard const lock(mutex_);
    abort();
  }
  /// Whether nothing is queued, parts included.
  bool idle() noexcept {
    std::lock_guard const lock(mutex_);
    bool all = true;
    for (auto const& link : links_) all = all && (!link || link->idle());
    for (auto const& part : parts_)
      if (auto const link = part.lock()) all = all && link->idle();
    return all;
  }
  /// Returns when all that is queued has ended.
  void finish() noexcept {
    for (auto const& link : links_)
      if (link) link->finish();
  }
  static constexpr std::size_t nobody = static_cast<std::size_t>(-1);
  /// Which rank did so first: the others' errors may be no more than its consequences. `nobody` if none did.
  std::size_t aborted_by() const {
    std::lock_guard const lock(mutex_);
    return aborted_by_;
  }
  void forget_parts() {
    std::lock_guard const lock(mutex_);
    parts_.clear();
  }

 private:
  /// Begins to make a communicator for each GPU, which needs all: no thread asks before all have chosen their GPUs.
  static void connect(std::vector<int> const& numbers, std::vector<ncclComm_t>& comms) {
    device_scope const scope(numbers.front());
    ncclUniqueId const id = new_nccl_id(numbers.front());
    std::atomic<std::size_t> chosen{0};
    std::atomic<bool> given_up{false};
    auto const thrown = on_threads(
        numbers.size(),
        [&](std::size_t rank) {
          check(cudaSetDevice(numbers[rank]), "cudaSetDevice", "gpu:", numbers[rank],
                ", asked to make a rank's communicator");
          ++chosen;
          for (backoff looks; chosen < numbers.size(); looks.pause())
            if (given_up) return;
          begin_joining(comms[rank], numbers[rank], id, rank, numbers.size());
        },
        [&](std::size_t, std::string const&) { given_up = true; }, [](std::size_t) {});
    for (std::exception_ptr const& each : thrown)
      if (each) std::rethrow_exception(each);
  }
  static void begin_joining(ncclComm_t& comm, int number, ncclUniqueId const& id, std::size_t rank, std::size_t size) {
    ncclConfig_t config = never_blocking();
    ncclResult_t const status =
        ncclCommInitRankConfig(&comm, static_cast<int>(size), id, static_cast<int>(rank), &config);
    if (!was_taken(status)) throw_nccl(status, "ncclCommInitRankConfig", number);
  }

  void abort() noexcept {
    aborted_ = true;
    for (auto const& link : links_)
      if (link) link->abort();
    for (auto const& part : parts_)
      if (auto const link = part.lock()) link->abort();
  }

  std::vector<std::shared_ptr<nccl_link>> links_;
  mutable std::mutex mutex_;
  std::vector<std::weak_ptr<nccl_link>> parts_;
  std::size_t aborted_by_ = nobody;
  bool aborted_ = false;
};

/// Worlds that are not in use: making one takes NCCL longer than most runs last. Never destroyed, since CUDA may be
/// gone before.
class nccl_worlds {
 public:
  static std::shared_ptr<nccl_world> take(std::vector<int> const& numbers) {
    nccl_worlds& all = instance();
    {
      std::lock_guard const lock(all.mutex_);
      auto const found = all.idle_.find(numbers);
      if (found != all.idle_.end()) {
        auto const world = std::move(found->second);
        all.idle_.erase(found);
        return world;
      }
    }
    return std::make_shared<nccl_world>(numbers);
  }
  static void give_back(std::vector<int> const& numbers, std::shared_ptr<nccl_world> world) {
    world->forget_parts();
    std::lock_guard const lock(instance().mutex_);
    instance().idle_.emplace(numbers, std::move(world));
  }

 private:
  static nccl_worlds& instance() {
    static auto& all = *new nccl_worlds;
    return all;
  }
  std::mutex mutex_;
  std::multimap<std::vector<int>, std::shared_ptr<nccl_world>> idle_;
};

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
