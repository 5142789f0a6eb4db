// Ranks on GPUs of several processes: how each gets its communicator, and who ends what GPUs wait for when a rank of
// another process fails.
#pragma once

#include <chrono>
#include <cstdlib>
#include <thread>
#include <utility>
#include <vector>

#include "../core/background_thread.hpp"
#include "communicator.hpp"
#include "gpu_message_memory.cuh"
#include "mesh.hpp"
#include "nccl_engine.cuh"
#include "nccl_failures.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

/// What the ranks of this process share: their NCCL communicators, made in the first run, and again after one that
/// failed. Exists as long as the program runs.
class process_gpu_links {
 public:
  explicit process_gpu_links(mesh const& devices)
      : first_(devices.first_local_rank()),
        ranks_(devices.local_ranks()),
        world_(std::make_shared<nccl_world>(ranks_)) {
    finish_at_exit(this);
  }
  process_gpu_links(process_gpu_links const&) = delete;
  process_gpu_links& operator=(process_gpu_links const&) = delete;

  void begin_run(double timeout) {
    timeout_ = timeout;
    if (std::exchange(failed_, false)) world_ = std::make_shared<nccl_world>(ranks_);
  }
  std::shared_ptr<nccl_world> const& world() const { return world_; }

  /// All ranks of all processes call it. One of them brings the number by which NCCL makes communicators, through the
  /// host's engine, which also ends the wait for a rank that fails before it has joined.
  template <class Engine>
  communicator connect(Engine engine, device const& where, std::size_t rank) {
    check(cudaSetDevice(where.number()), "cudaSetDevice", where.name(), ", asked to run a rank");
    std::shared_ptr<message_memory> messages;
    if constexpr (has_device_messages<Engine>) {
      messages = std::make_shared<gpu_message_memory>(where);
      if (!engine.use_device(messages)) messages = nullptr;
    }
    auto host = std::make_shared<engine_state<Engine>>(std::move(engine), where);
    std::size_t const place = rank - first_;
    if (!all_have_joined(*host, place)) {
      ncclUniqueId id = {};
      if (rank == 0) id = new_nccl_id(where.number());
      host->run(moving<ncclUniqueId>(collective_kind::broadcast, &id, &id, 1, 0, "number of a communicator of NCCL"));
      join(*host, where, place, id, rank);
    }
    return communicator(nccl_engine(std::move(host), world_->link(place), world_, rank, std::move(messages)), where);
  }
  /// What this rank has agreed to it has queued, or ended what the others wait for.
  void fail() {}
  /// At the end of a run that has failed: what is queued ends, and what can end well does. An abort here would reach
  /// other processes' GPUs.
  void settle() noexcept {
    failed_ = true;
    for (double const end = seconds_now() + failure_grace; !world_->idle() && seconds_now() < end;)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (!world_->idle()) world_->abort_all();
  }

 private:
  bool all_have_joined(communicator_state& host, std::size_t place) const {
    int joined = world_->link(place) != nullptr;
    host.run(
        reducing<int>(collective_kind::all_reduce, &joined, &joined, 1, minimum{}, 0, "whether ranks have joined"));
    return joined != 0;
  }
  void join(communicator_state& host, device const& where, std::size_t place, ncclUniqueId const& id,
            std::size_t rank) {
    try {
      world_->join(place, where.number(), id, rank, host.size(), timeout_);
    } catch (std::exception const& e) {
      if (auto const cause = cause_elsewhere(host, timeout_, e); !cause.empty())
        throw_cause("making a communicator of NCCL", where, cause, e);
      throw;
    }
  }
  /// A process that ended with work in its queues would leave others' GPUs waiting.
  static void finish_at_exit(process_gpu_links* links) {
    static auto& all = *new std::vector<process_gpu_links*>;
    static bool const registered = std::atexit([] {
                                     for (process_gpu_links* each : all) each->world_->finish();
                                   }) == 0;
    static_cast<void>(registered);
    all.push_back(links);
  }

  std::size_t first_, ranks_;
  double timeout_ = 0;
  bool failed_ = false;
  std::shared_ptr<nccl_world> world_;
};

/// The calling thread's device is the same at the end of the scope, also where CUDA fails: other processes rely on the
/// run, which says so.
class kept_device {
 public:
  kept_device() { static_cast<void>(cudaGetDevice(&number_)); }
  kept_device(kept_device const&) = delete;
  kept_device& operator=(kept_device const&) = delete;
  ~kept_device() { static_cast<void>(cudaSetDevice(number_)); }

 private:
  int number_ = 0;
};

/// While it lives, GPUs of this process stop waiting for ranks of others once failed() says that the run has failed:
/// their hosts may be waiting for the GPU and see nothing of it.
template <class Failed>
class nccl_watch {
 public:
  nccl_watch(std::shared_ptr<nccl_world> world, Failed const& failed)
      : thread_([world = std::move(world), &failed](auto const& sleeps) {
          while (sleeps(0.005))
            if (failed()) {
              if (sleeps(failure_grace)) world->abort_all();
              return;
            }
        }) {}

 private:
  background_thread thread_;
};

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
