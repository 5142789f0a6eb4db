// The CUDA runtime's calls, checked; and the device that a host thread works on, set for a while and put back.
#pragma once

#include <cuda_runtime_api.h>

#include <string>

#include "../../core/error.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

/// Throws device_error, naming the call, CUDA's error and what was being done, unless `status` is cudaSuccess.
inline void check(cudaError_t status, char const* call, std::string const& doing) {
  if (status == cudaSuccess) return;
  static_cast<void>(cudaGetLastError());  // an error that is not sticky must not show up in the next launch
  throw device_error(doing + ": " + call + " gave " + cudaGetErrorName(status) + " (" + cudaGetErrorString(status) +
                     ")");
}

/// Makes GPU `number` the calling thread's device, and at the end of the scope the one that was.
class device_scope {
 public:
  explicit device_scope(int number) : number_(number) {
    check(cudaGetDevice(&before_), "cudaGetDevice", "choosing a GPU");
    if (before_ != number_) check(cudaSetDevice(number_), "cudaSetDevice", "choosing gpu:" + std::to_string(number_));
  }
  device_scope(device_scope const&) = delete;
  device_scope& operator=(device_scope const&) = delete;
  ~device_scope() {
    if (before_ != number_) static_cast<void>(cudaSetDevice(before_));
  }

 private:
  int number_, before_ = 0;
};

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
