// nccl_link: one rank's communicator of NCCL, and the stream beside the device's own on which its collectives run. Only
// files compiled by nvcc include this.
#pragma once

#include <nccl.h>

#include <cstdio>
#include <mutex>
#include <utility>

#include "../core/clock.hpp"
#include "../device/device.hpp"
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
    on_gpu(number_, [&] {
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
    on_gpu(number_, [&] { static_cast<void>(cudaStreamSynchronize(stream_)); });
  }
  /// Whether nothing is queued.
  bool idle() noexcept {
    cudaError_t status = cudaSuccess;
    on_gpu(number_, [&] { status = cudaStreamQuery(stream_); });
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
    if (comm_) on_gpu(number_, [&] { static_cast<void>(ncclCommAbort(std::exchange(comm_, nullptr))); });
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

  int number_;
  double timeout_;
  ncclComm_t comm_;
  ncclComm_t part_ = nullptr;
  cudaStream_t stream_ = nullptr;
  std::mutex mutex_;
};

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
