// Memory of a GPU as messages see it.
#pragma once

#include "../device/device.hpp"
#include "message_memory.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

/// Copies on a stream of its own: the device's may be waiting for other ranks. Its memory is not the stream-ordered
/// pool's, which not every MPI can send.
class gpu_message_memory final : public message_memory {
 public:
  explicit gpu_message_memory(device d) : where_(std::move(d)) {
    device_scope const scope(where_.number());
    check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreateWithFlags", where_.name(),
          ", asked for a stream for messages");
  }
  ~gpu_message_memory() override { static_cast<void>(cudaStreamDestroy(stream_)); }

  void* allocate(std::size_t bytes) noexcept override {
    void* data = nullptr;
    on_gpu(where_.number(), [&] {
      if (cudaMalloc(&data, bytes) != cudaSuccess) static_cast<void>(cudaGetLastError());
    });
    return data;
  }
  void deallocate(void* data) noexcept override {
    on_gpu(where_.number(), [&] { static_cast<void>(cudaFree(data)); });
  }
  void copy(void* to, void const* from, std::size_t bytes) override {
    device_scope const scope(where_.number());
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream_), "cudaMemcpyAsync", where_.name(),
          ", copying a message of ", bytes, " bytes");
    check(cudaStreamSynchronize(stream_), "cudaStreamSynchronize", where_.name(), ", copying a message");
  }

 private:
  device where_;
  cudaStream_t stream_ = nullptr;
};

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
