// What ranks on GPUs share with NCCL: each one's communicator, and the stream beside the device's own on which its
// collectives run. Only files compiled by nvcc include this.
#pragma once

#include <nccl.h>

#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "../device/device.hpp"

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

/// One rank's NCCL communicator. Another thread may abort it.
class nccl_link {
 public:
  /// Owns `comm`, also when this throws.
  nccl_link(int number, ncclComm_t comm) : number_(number), comm_(comm) {
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
  cudaStream_t stream() const { return stream_; }

  /// Calls f(communicator), and throws communication_error unless it returns ncclSuccess.
  template <class F>
  void call(char const* name, F const& f) {
    device_scope const scope(number_);
    std::lock_guard const lock(mutex_);
    if (!comm_) throw communication_error(text_of({name, " on gpu:", number_, ": another rank failed"}));
    ncclResult_t const status = f(comm_);
    if (status != ncclSuccess) throw_nccl(status, name, number_);
  }

  /// Ends what is queued, so that nobody waits for a rank that will not come. Calls throw afterwards.
  void abort() noexcept {
    std::lock_guard const lock(mutex_);
    if (comm_) on_this_gpu([&] { static_cast<void>(ncclCommAbort(std::exchange(comm_, nullptr))); });
  }

 private:
  template <class F>
  void on_this_gpu(F const& f) noexcept {
    int before = number_;
    static_cast<void>(cudaGetDevice(&before));
    static_cast<void>(cudaSetDevice(number_));
    f();
    static_cast<void>(cudaSetDevice(before));
  }

  int number_;
  ncclComm_t comm_;
  cudaStream_t stream_ = nullptr;
  std::mutex mutex_;
};

/// The links of all ranks of one run in this process, and of what those ranks were split into.
class nccl_world {
 public:
  explicit nccl_world(std::vector<int> const& numbers) {
    std::vector<ncclComm_t> comms(numbers.size());
    ncclResult_t const status = ncclCommInitAll(comms.data(), static_cast<int>(numbers.size()), numbers.data());
    if (status != ncclSuccess) throw_nccl(status, "ncclCommInitAll", numbers.front());
    for (std::size_t rank = 0; rank < numbers.size(); ++rank)
      links_.push_back(std::make_shared<nccl_link>(numbers[rank], comms[rank]));
  }

  std::shared_ptr<nccl_link> const& link(std::size_t rank) const { return links_[rank]; }

  void add_part(std::shared_ptr<nccl_link> const& link) {
    std::lock_guard const lock(mutex_);
    parts_.push_back(link);
  }
  void abort() noexcept {
    std::lock_guard const lock(mutex_);
    for (auto const& link : links_) link->abort();
    for (auto const& part : parts_)
      if (auto const link = part.lock()) link->abort();
  }
  void forget_parts() {
    std::lock_guard const lock(mutex_);
    parts_.clear();
  }

 private:
  std::vector<std::shared_ptr<nccl_link>> links_;
  std::mutex mutex_;
  std::vector<std::weak_ptr<nccl_link>> parts_;
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
