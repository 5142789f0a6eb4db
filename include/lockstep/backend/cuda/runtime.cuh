// The CUDA runtime's calls, checked; and the device that a host thread works on, set for a while and put back.
#pragma once

#include <cuda_runtime_api.h>

#include <string>

#include "operation.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

/// True for errors after which CUDA answers every call of the process with the same error.
inline bool is_sticky(cudaError_t status) {
  switch (status) {
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable:
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchTimeout:
    case cudaErrorAssert:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorLaunchFailure:
    case cudaErrorExternalDevice:
      return true;
    default:
      return false;
  }
}

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_failed(cudaError_t status, char const* call,
                                                                std::string const& doing) {
  static_cast<void>(cudaGetLastError());  // an error that is not sticky must not show up in the next launch
  std::string text = text_of({doing, operation::text(), ": ", call, " gave ", cudaGetErrorName(status), " (",
                              cudaGetErrorString(status), ")"});
  if (status == cudaErrorMemoryAllocation) throw out_of_memory(text + "; release arrays and try again");
  if (is_sticky(status))
    text +=
        "; the error may be an earlier kernel's, and this process can do nothing more on a GPU: end it and start "
        "it again (LOCKSTEP_DEBUG finds the kernel)";
  throw device_error(text);
}

/// Throws device_error, or out_of_memory, unless `status` is cudaSuccess: names the call, CUDA's error, the operation
/// that the thread is at, and what was being done, which are the pieces of `doing` put together.
template <class... Doing>
void check(cudaError_t status, char const* call, Doing const&... doing) {
  if (status != cudaSuccess) throw_failed(status, call, text_of({doing...}));
}

/// Makes GPU `number` the calling thread's device, and at the end of the scope the one that was.
class device_scope {
 public:
  explicit device_scope(int number) : number_(number) {
    check(cudaGetDevice(&before_), "cudaGetDevice", "choosing gpu:", number);
    if (before_ != number_) check(cudaSetDevice(number_), "cudaSetDevice", "choosing gpu:", number);
  }
  device_scope(device_scope const&) = delete;
  device_scope& operator=(device_scope const&) = delete;
  ~device_scope() {
    if (before_ != number_) static_cast<void>(cudaSetDevice(before_));
  }

 private:
  int number_, before_ = 0;
};

/// Calls f() with this GPU as the current one, if CUDA can: for what has to be tried in any case.
template <class F>
void on_gpu(int number, F const& f) noexcept {
  int before = number;
  static_cast<void>(cudaGetDevice(&before));
  static_cast<void>(cudaSetDevice(number));
  f();
  static_cast<void>(cudaSetDevice(before));
}

/// In debug mode waits for what was queued last, so that a kernel's error names what it belongs to. Not while the
/// stream is being captured into a graph, when nothing runs.
template <class... Doing>
void wait_in_debug_mode([[maybe_unused]] cudaStream_t stream, [[maybe_unused]] Doing const&... doing) {
  if constexpr (debug::on) {
    cudaStreamCaptureStatus capture = cudaStreamCaptureStatusNone;
    check(cudaStreamIsCapturing(stream, &capture), "cudaStreamIsCapturing", doing...);
    if (capture == cudaStreamCaptureStatusNone) check(cudaStreamSynchronize(stream), "cudaStreamSynchronize", doing...);
  }
}

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
