// The GPU as a device: one stream that orders all its work, and memory from CUDA's stream-ordered pool. Only files
// compiled by nvcc include this; including it makes device::gpu available to the whole program.
#pragma once

#include <algorithm>
#include <map>
#include <mutex>

#include "../backend/cuda/fill.cuh"
#include "../backend/cuda/runtime.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

class gpu_state final : public device_state {
 public:
  explicit gpu_state(int n) : device_state(device_kind::gpu, n, 0, "gpu:" + std::to_string(n)) {
    device_scope const scope(n);
    check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreateWithFlags", doing("set up"));
    check(cudaDeviceGetDefaultMemPool(&pool_, n), "cudaDeviceGetDefaultMemPool", doing("set up"));
    std::uint64_t keep_all = UINT64_MAX;  // freed memory stays in the pool: allocating again costs no system call
    check(cudaMemPoolSetAttribute(pool_, cudaMemPoolAttrReleaseThreshold, &keep_all), "cudaMemPoolSetAttribute",
          doing("set up"));
  }

  cudaStream_t stream() const { return stream_; }

  void* allocate(std::size_t bytes) override {
    device_scope const scope(number);
    void* data = take(std::max<std::size_t>(bytes, 1));
    if (data) return data;
    synchronize();  // what the pool holds but has not yet got back from the stream, it can now join or give away
    check(cudaMemPoolTrimTo(pool_, 0), "cudaMemPoolTrimTo", doing("allocate"));
    return take(std::max<std::size_t>(bytes, 1));
  }

  // At the end of the program CUDA may be gone before the last array is: nothing is left to free then.
  void deallocate(void* data, std::size_t) noexcept override {
    if (!data) return;
    int before = 0;
    if (cudaGetDevice(&before) != cudaSuccess) return static_cast<void>(cudaGetLastError());
    if (before != number) static_cast<void>(cudaSetDevice(number));
    if (cudaFreeAsync(data, stream_) != cudaSuccess) static_cast<void>(cudaGetLastError());
    if (before != number) static_cast<void>(cudaSetDevice(before));
  }

  void copy(void* to, void const* from, std::size_t bytes) override {
    if (to != from) transfer(to, from, bytes, cudaMemcpyDeviceToDevice);
  }
  // The host's memory is the caller's again when this returns, be it pageable or pinned.
  void copy_from_host(void* to, void const* from, std::size_t bytes) override {
    transfer(to, from, bytes, cudaMemcpyHostToDevice);
    synchronize();
  }
  void copy_to_host(void* to, void const* from, std::size_t bytes) override {
    transfer(to, from, bytes, cudaMemcpyDeviceToHost);
    synchronize();
  }
  void fill(void* to, void const* pattern, std::size_t size, std::size_t count) override {
    device_scope const scope(number);
    cuda::fill(to, pattern, size, count, stream_);
  }
  void synchronize() override {
    device_scope const scope(number);
    check(cudaStreamSynchronize(stream_), "cudaStreamSynchronize", doing("wait for its work"));
  }
  void run(index, loop_body, void*) override {
    throw device_error(name + ": found a loop over CPU threads, expected a CPU device; a GPU runs kernels");
  }

 private:
  void* take(std::size_t bytes) {
    void* data = nullptr;
    cudaError_t const status = cudaMallocAsync(&data, bytes, stream_);
    if (status == cudaErrorMemoryAllocation) {
      static_cast<void>(cudaGetLastError());
      return nullptr;
    }
    check(status, "cudaMallocAsync", doing("allocate"));
    return data;
  }
  void transfer(void* to, void const* from, std::size_t bytes, cudaMemcpyKind kind) {
    if (bytes == 0) return;
    device_scope const scope(number);
    check(cudaMemcpyAsync(to, from, bytes, kind, stream_), "cudaMemcpyAsync", doing("copy"));
  }
  std::string doing(char const* what) const { return name + ", asked to " + what; }

  cudaStream_t stream_ = nullptr;
  cudaMemPool_t pool_ = nullptr;
};

/// Throws device_error when there is no such GPU.
inline void require_gpu(int number) {
  int count = 0;
  std::string const doing = "device::gpu(" + std::to_string(number) + ")";
  check(cudaGetDeviceCount(&count), "cudaGetDeviceCount", doing);
  if (number < 0 || number >= count)
    throw device_error(doing + ": found " + std::to_string(count) + " GPUs, numbered from 0, expected one of them; " +
                       "cudaSetDevice would give " + cudaGetErrorName(cudaErrorInvalidDevice));
}

/// Lets GPUs finish what is queued, memory to be given back included, when the program ends.
struct finish_at_exit {
  std::map<int, gpu_state*> const& states;
  ~finish_at_exit() {
    for (auto const& [number, state] : states)
      if (state) static_cast<void>(cudaStreamSynchronize(state->stream()));
  }
};

/// The one state of each GPU. States are never destroyed: arrays with static lifetime may outlast everything else.
inline device_state* gpu_of(int number) {
  static std::mutex mutex;
  static auto& states = *new std::map<int, gpu_state*>;
  static finish_at_exit const finish{states};
  std::lock_guard lock(mutex);
  auto& found = states[number];
  if (!found) {
    require_gpu(number);
    found = new gpu_state(number);
    found->acquire();
  }
  return found;
}

/// The stream that orders a GPU's work; for calls of CUDA libraries and of kernels beside lockstep's.
inline cudaStream_t stream_of(device const& where) {
  if (!where.is_gpu()) throw device_error(where.name() + ": found a CPU device, expected a GPU, which has a stream");
  return static_cast<gpu_state&>(where.state()).stream();
}

inline bool const gpus_registered = (registered_gpu_factory() = gpu_of, true);

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
