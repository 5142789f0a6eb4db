// nccl_world: the communicators of NCCL that the ranks of one run have in this process: how they are made together, and
// aborted together.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "nccl_link.cuh"
#include "on_threads.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

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
