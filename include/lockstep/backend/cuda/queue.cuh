// Queuing one kernel on a stream.
#pragma once

#include "runtime.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

/// Queues a kernel. The status is this launch's own: an error that the user's code left behind stays for the user.
template <class... Parameters, class... Arguments>
cudaError_t queue_kernel(cudaStream_t stream, void (*kernel)(Parameters...), unsigned blocks, unsigned threads,
                         std::size_t shared_bytes, Arguments const&... arguments) {
  cudaLaunchConfig_t how = {};
  how.gridDim = dim3(blocks);
  how.blockDim = dim3(threads);
  how.dynamicSmemBytes = shared_bytes;
  how.stream = stream;
  return cudaLaunchKernelEx(&how, kernel, arguments...);
}

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
