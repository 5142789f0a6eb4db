// The GPU as a device: one stream that orders all its work, and memory from CUDA's stream-ordered pool. Only files
// compiled by nvcc include this; including it makes device::gpu available to the whole program.
#pragma once

#include <algorithm>
#include <map>
#include <mutex>

#include "../backend/cuda/fill.cuh"
#include "gpu_graph.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

class gpu_state final : public device_state {
 public:
  /// With a stream of its own.
  explicit gpu_state(int n) : device_state(device_kind::gpu, n, 0, text_of({"gpu:", n})) {
    device_scope const scope(n);
    find_pool();
    check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreateWithFlags", name, setting_up);
  }
  /// With the caller's stream.
  gpu_state(int n, cudaStream_t stream)
      : device_state(device_kind::gpu, n, 0,
                     text_of({"gpu:", n, ", stream ", reinterpret_cast<std::uintptr_t>(stream)})),
        stream_(stream),
        owns_stream_(false) {
    device_scope const scope(n);
    find_pool();
  }

  cudaStream_t stream() const { return stream_; }

  /// What libraries keep for each device, here a cuBLAS handle: made when it is first needed.
  std::shared_ptr<void> library;
  std::mutex library_mutex;

  /// What zeroed_memory (backend/cuda/zeroed.cuh) keeps for the kernels that are queued next.
  counted_pointer<counted> zeroed;
  std::mutex zeroed_mutex;
  /// Whether what is queued now runs once, behind everything that was queued before.
  bool keeps_zeroed() const {
    if (recording_ || !owns_stream_) return false;
    cudaStreamCaptureStatus capture = cudaStreamCaptureStatusNone;  // by the caller, who may know the stream
    check(cudaStreamIsCapturing(stream_, &capture), "cudaStreamIsCapturing", name);
    return capture == cudaStreamCaptureStatusNone;
  }

  void* allocate(std::size_t bytes) override {
    device_scope const scope(number);
    bytes = std::max<std::size_t>(bytes, 1);
    if (recording_) return take_for_graph(bytes);
    void* data = take(bytes);
    if (data) return data;
    synchronize();  // what the pool holds but has not yet got back from the stream, it can now join or give away
    check(cudaMemPoolTrimTo(pool_, 0), "cudaMemPoolTrimTo", name, ", asked to allocate");
    return take(bytes);
  }

  // At the end of the program CUDA may be gone before the last array is: nothing is left to free then.
  void deallocate(void* data, std::size_t) noexcept override {
    if (!data || belongs_to_graph(data)) return;
    on_this_gpu([&] { return cudaFreeAsync(data, stream_); });
  }

  void copy(void* to, void const* from, std::size_t bytes) override {
    if (to != from) transfer(to, from, bytes, cudaMemcpyDeviceToDevice);
  }
  // The host's memory is the caller's again when this returns, be it pageable or pinned.
  void copy_from_host(void* to, void const* from, std::size_t bytes) override {
    require_not_recording("values from the host's own memory");
    transfer(to, from, bytes, cudaMemcpyHostToDevice);
    synchronize();
  }
  void copy_to_host(void* to, void const* from, std::size_t bytes) override {
    require_not_recording("a value on the host");
    std::lock_guard const lock(landing_mutex_);
    void* const landing = bytes <= landing_bytes ? take_landing() : nullptr;
    transfer(landing ? landing : to, from, bytes, cudaMemcpyDeviceToHost);
    synchronize();
    if (landing) std::memcpy(to, landing, bytes);
  }
  void copy_from_host_async(void* to, void const* from, std::size_t bytes) override {
    transfer(to, from, bytes, cudaMemcpyHostToDevice);
  }
  void copy_to_host_async(void* to, void const* from, std::size_t bytes) override {
    transfer(to, from, bytes, cudaMemcpyDeviceToHost);
  }
  void copy_from_device(void* to, device_state& source, void const* from, std::size_t bytes) override {
    require_not_recording("a copy from another device");
    if (bytes == 0) return;
    wait(*source.record());
    device_scope const scope(number);
    check(cudaMemcpyPeerAsync(to, number, from, source.number, bytes, stream_), "cudaMemcpyPeerAsync", name,
          ", asked to copy from ", source.name);
    try {
      source.wait(*record());  // what the source does next may overwrite or release what is being copied
    } catch (...) {
      static_cast<void>(cudaStreamSynchronize(stream_));
      throw;
    }
  }
  void fill(void* to, void const* pattern, std::size_t size, std::size_t count) override {
    device_scope const scope(number);
    cuda::fill(to, pattern, size, count, stream_);
    wait_in_debug_mode(stream_, name, ", filling memory");
  }
  void synchronize() override {
    require_not_recording("a wait for all work");
    device_scope const scope(number);
    check(cudaStreamSynchronize(stream_), "cudaStreamSynchronize", name, ", asked to wait for its work");
  }
  void run(index, loop_body, void*) override {
    throw device_error(name + ": found a loop over CPU threads, expected a CPU device; a GPU runs kernels");
  }

  counted_pointer<event_state> record() override {
    require_not_recording("an event");
    return counted_pointer<event_state>(new gpu_event(number, stream_, name));
  }
  void wait(event_state const& e) override {
    require_not_recording("a wait for another device");
    device_scope const scope(number);
    check(cudaStreamWaitEvent(stream_, static_cast<gpu_event const&>(e).get(), 0), "cudaStreamWaitEvent", name,
          ", asked to wait for an event");
  }

  void* allocate_host(std::size_t bytes) override {
    device_scope const scope(number);
    void* data = nullptr;
    cudaError_t const status = cudaHostAlloc(&data, std::max<std::size_t>(bytes, 1), cudaHostAllocDefault);
    if (status == cudaErrorMemoryAllocation) return static_cast<void>(cudaGetLastError()), nullptr;
    check(status, "cudaHostAlloc", name, ", asked for pinned memory");
    return data;
  }
  void deallocate_host(void* data, std::size_t) noexcept override {
    on_this_gpu([&] { return cudaFreeHost(data); });
  }

  void give_back_landing() noexcept {
    if (landing_) deallocate_host(landing_, landing_bytes);
    landing_ = nullptr;
  }

  bool is_recording() const override { return recording_ != nullptr; }
  void begin_capture() override {
    require_not_recording("the beginning of another graph");
    auto memory = std::make_shared<graph_memory>(number, stream_);
    device_scope const scope(number);
    check(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture", name,
          ", asked to record a graph");
    recording_ = std::move(memory);
  }
  void abandon_capture() noexcept override {
    on_this_gpu([&] {
      cudaGraph_t recorded = nullptr;
      static_cast<void>(cudaStreamEndCapture(stream_, &recorded));
      return recorded ? cudaGraphDestroy(recorded) : cudaGetLastError();
    });
    recording_.reset();
  }
  counted_pointer<graph_state> end_capture() override {
    device_scope const scope(number);
    std::shared_ptr<graph_memory> memory = std::move(recording_);
    cudaGraph_t recorded = nullptr;
    check(cudaStreamEndCapture(stream_, &recorded), "cudaStreamEndCapture", name, ", asked to record a graph");
    std::shared_ptr<void> const owner(recorded, [](void* g) { cudaGraphDestroy(static_cast<cudaGraph_t>(g)); });
    return counted_pointer<graph_state>(new gpu_graph(this, stream_, std::move(memory), recording_, recorded));
  }

 private:
  static constexpr char const* setting_up = ", asked to set up";
  static constexpr std::size_t landing_bytes = 4096;

  void find_pool() {
    check(cudaDeviceGetDefaultMemPool(&pool_, number), "cudaDeviceGetDefaultMemPool", name, setting_up);
    std::uint64_t keep_all = UINT64_MAX;  // freed memory stays in the pool: allocating again costs no system call
    check(cudaMemPoolSetAttribute(pool_, cudaMemPoolAttrReleaseThreshold, &keep_all), "cudaMemPoolSetAttribute", name,
          setting_up);
  }
  void* take(std::size_t bytes) {
    void* data = nullptr;
    cudaError_t const status = cudaMallocAsync(&data, bytes, stream_);
    if (status == cudaErrorMemoryAllocation) {
      static_cast<void>(cudaGetLastError());
      return nullptr;
    }
    check(status, "cudaMallocAsync", name, ", asked to allocate ", bytes, " bytes");
    return data;
  }
  /// Pinned memory for values on their way to the host: a copy to any other waits, and then there is a second wait.
  void* take_landing() {
    if (!landing_) landing_ = allocate_host(landing_bytes);
    return landing_;
  }
  void* take_for_graph(std::size_t bytes) {
    void* const data = recording_->take(bytes);
    std::lock_guard const lock(graph_mutex_);
    if (data) of_graphs_[data] = recording_;
    return data;
  }
  /// Memory of a graph goes back to that; what is freed while a graph is recorded may be in use by it.
  bool belongs_to_graph(void* data) noexcept {
    std::lock_guard const lock(graph_mutex_);
    auto const found = of_graphs_.find(data);
    if (found == of_graphs_.end()) {
      if (recording_) recording_->keep(data);
      return recording_ != nullptr;
    }
    std::shared_ptr<graph_memory> owner = std::move(found->second);
    of_graphs_.erase(found);
    if (owner == recording_)
      recording_->give_back(data);
    else if (recording_)
      recording_->keep(std::move(owner));
    return true;
  }
  void transfer(void* to, void const* from, std::size_t bytes, cudaMemcpyKind kind) {
    if (bytes == 0) return;
    device_scope const scope(number);
    check(cudaMemcpyAsync(to, from, bytes, kind, stream_), "cudaMemcpyAsync", name, ", asked to copy ", bytes,
          " bytes");
    wait_in_debug_mode(stream_, name, ", asked to copy");
  }
  /// For what cannot throw: errors are dropped, and nothing is left undone because of them.
  template <class F>
  void on_this_gpu(F&& f) noexcept {
    int before = number;
    bool fails = cudaGetDevice(&before) != cudaSuccess;
    if (fails || before != number) fails |= cudaSetDevice(number) != cudaSuccess;
    fails |= f() != cudaSuccess;
    if (before != number) fails |= cudaSetDevice(before) != cudaSuccess;
    if (fails) static_cast<void>(cudaGetLastError());
  }
  void require_not_recording(char const* what) const {
    if (recording_) throw_recording(what);
  }
  [[noreturn, gnu::cold, gnu::noinline]] void throw_recording(char const* what) const {
    throw device_error(text_of({name, ", recording a graph", operation::text(), ": found ", what,
                                ", expected only work that the device does by itself; ask for it before or after, copy "
                                "from and to pinned memory, keep sizes on the device (select_bounded)"}));
  }

  cudaStream_t stream_ = nullptr;
  bool const owns_stream_ = true;
  cudaMemPool_t pool_ = nullptr;
  std::mutex landing_mutex_;
  void* landing_ = nullptr;
  std::shared_ptr<graph_memory> recording_;  ///< of the graph that is being recorded
  std::mutex graph_mutex_;
  std::map<void*, std::shared_ptr<graph_memory>> of_graphs_;
};

/// How many GPUs there are; 0 also where there is no driver for them.
inline int count_gpus() {
  int count = 0;
  if (cudaGetDeviceCount(&count) == cudaSuccess) return count;
  static_cast<void>(cudaGetLastError());
  return 0;
}

/// Throws device_error when there is no such GPU.
inline void require_gpu(int number) {
  int count = 0;
  std::string const doing = "device::gpu(" + std::to_string(number) + ")";
  check(cudaGetDeviceCount(&count), "cudaGetDeviceCount", doing);  // throws when there is none
  if (number < 0 || number >= count)
    throw device_error(doing + ": found " + std::to_string(count) + " GPUs, numbered from 0, expected one of them; " +
                       "cudaSetDevice would give " + cudaGetErrorName(cudaErrorInvalidDevice));
}

/// Lets GPUs finish what is queued, memory to be given back included, when the program ends. Streams of the caller's
/// may be gone by then.
template <bool OwnStreams, class States>
struct finish_at_exit {
  States const& states;
  ~finish_at_exit() {
    for (auto const& [key, state] : states) {
      if (!state) continue;
      state->zeroed = nullptr;
      if constexpr (OwnStreams) static_cast<void>(cudaStreamSynchronize(state->stream()));
      state->give_back_landing();
    }
  }
};

/// The one state of each GPU. States are never destroyed: arrays with static lifetime may outlast everything else.
inline device_state* gpu_of(int number) {
  static std::mutex mutex;
  static auto& states = *new std::map<int, gpu_state*>;
  static finish_at_exit<true, std::map<int, gpu_state*>> const finish{states};
  std::lock_guard lock(mutex);
  auto& found = states[number];
  if (!found) {
    require_gpu(number);
    found = new gpu_state(number);
    found->acquire();
  }
  return found;
}

/// The GPU with the caller's stream. Kept for ever, too, for whatever stream has that handle next.
inline device_state* gpu_on_stream(int number, cudaStream_t stream) {
  static std::mutex mutex;
  using states_by_stream = std::map<std::pair<int, cudaStream_t>, gpu_state*>;
  static auto& states = *new states_by_stream;
  static finish_at_exit<false, states_by_stream> const finish{states};
  std::lock_guard lock(mutex);
  require_gpu(number);
  int owner = number;
  bool const is_named = stream != nullptr && stream != cudaStreamLegacy && stream != cudaStreamPerThread;
  if (is_named) check(cudaStreamGetDevice(stream, &owner), "cudaStreamGetDevice", "device::gpu(", number, ", stream)");
  if (owner != number)
    throw device_error(text_of({"device::gpu(", number, ", stream): found a stream of gpu:", owner,
                                ", expected one that was made while gpu:", number, " was the current device"}));
  auto& found = states[{number, stream}];
  if (!found) {
    found = new gpu_state(number, stream);
    found->acquire();
  }
  return found;
}

/// The stream that orders a GPU's work; for calls of CUDA libraries and of kernels beside lockstep's.
inline cudaStream_t stream_of(device const& where) {
  if (!where.is_gpu()) throw device_error(where.name() + ": found a CPU device, expected a GPU, which has a stream");
  return static_cast<gpu_state&>(where.state()).stream();
}

inline bool const gpus_registered = (registered_gpu_factory() = gpu_of, registered_gpu_stream_factory() = gpu_on_stream,
                                     registered_gpu_counter() = count_gpus, true);

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
