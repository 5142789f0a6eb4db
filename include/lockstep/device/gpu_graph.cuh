// Graphs of GPUs: what was recorded on a stream, and the memory that belongs to it.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "gpu_event.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

/// The memory of one recording: shared by the graph and by the arrays that were made while it was recorded. It is taken
/// once, when it is asked for, so that replays allocate nothing, and an array keeps its place from replay to replay.
class graph_memory {
 public:
  graph_memory(int number, cudaStream_t stream) : number_(number), stream_(stream) {
    device_scope const scope(number);
    check(cudaStreamCreateWithFlags(&aside_, cudaStreamNonBlocking), "cudaStreamCreateWithFlags", "gpu:", number,
          ", asked to record a graph");
  }
  graph_memory(graph_memory const&) = delete;
  graph_memory& operator=(graph_memory const&) = delete;
  /// Gives everything back after the work queued so far.
  ~graph_memory() {
    int before = 0;
    static_cast<void>(cudaGetDevice(&before));
    static_cast<void>(cudaSetDevice(number_));
    for (auto const& [data, bytes] : sizes_) static_cast<void>(cudaFreeAsync(data, stream_));
    for (void* data : kept_) static_cast<void>(cudaFreeAsync(data, stream_));
    static_cast<void>(cudaStreamDestroy(aside_));
    static_cast<void>(cudaSetDevice(before));
  }

  /// Memory for the recording: what it has given back before, or new memory, taken on a stream that is not recorded.
  /// nullptr when there is none.
  void* take(std::size_t bytes) {
    auto const fits = free_.lower_bound(bytes);
    if (fits != free_.end() && fits->first / 2 <= bytes) {
      void* const data = fits->second;
      free_.erase(fits);
      return data;
    }
    relaxed_capture const relaxed;
    void* data = nullptr;
    cudaError_t const status = cudaMallocAsync(&data, bytes, aside_);
    if (status == cudaErrorMemoryAllocation) return static_cast<void>(cudaGetLastError()), nullptr;
    check(status, "cudaMallocAsync", "gpu:", number_, ", recording a graph");
    sizes_[data] = bytes;
    check(cudaStreamSynchronize(aside_), "cudaStreamSynchronize", "gpu:", number_, ", recording a graph");
    return data;
  }
  /// What is recorded from now on may use the memory again.
  void give_back(void* data) { free_.emplace(sizes_.at(data), data); }
  /// Memory from before the recording, which recorded work may use: given back with the rest.
  void keep(void* data) { kept_.push_back(data); }
  void keep(std::shared_ptr<graph_memory> other) { others_.push_back(std::move(other)); }

 private:
  int number_;
  cudaStream_t stream_, aside_ = nullptr;
  std::map<void*, std::size_t> sizes_;
  std::multimap<std::size_t, void*> free_;
  std::vector<void*> kept_;
  std::vector<std::shared_ptr<graph_memory>> others_;
};

/// A CUDA graph, ready to be launched.
class gpu_graph final : public graph_state {
 public:
  /// `recording` is the device's: the memory of what it records when this is launched or dies.
  gpu_graph(device_state* where, cudaStream_t stream, std::shared_ptr<graph_memory> memory,
            std::shared_ptr<graph_memory> const& recording, cudaGraph_t recorded)
      : where_(where), stream_(stream), memory_(std::move(memory)), recording_(recording) {
    device_scope const scope(where_->number);
    check(cudaGraphInstantiate(&ready_, recorded, 0), "cudaGraphInstantiate", where_->name, ", recording a graph");
  }
  /// Waits for the last launch, because it needs what goes with the graph; unless another graph is being recorded.
  ~gpu_graph() override {
    int before = 0;
    static_cast<void>(cudaGetDevice(&before));
    static_cast<void>(cudaSetDevice(where_->number));
    if (recording_)
      recording_->keep(std::move(memory_));
    else
      static_cast<void>(cudaStreamSynchronize(stream_));
    static_cast<void>(cudaGraphExecDestroy(ready_));
    static_cast<void>(cudaSetDevice(before));
  }

  void launch() override {
    if (recording_)
      throw device_error(where_->name +
                         ": found the launch of a graph while another is recorded, expected one at a time");
    device_scope const scope(where_->number);
    operation const here("graph", shape<0>());
    check(cudaGraphLaunch(ready_, stream_), "cudaGraphLaunch", where_->name, ", asked to launch a graph");
    wait_in_debug_mode(stream_, where_->name, ", asked to launch a graph");
  }

 private:
  counted_pointer<device_state> where_;
  cudaStream_t stream_;
  std::shared_ptr<graph_memory> memory_;
  std::shared_ptr<graph_memory> const& recording_;
  cudaGraphExec_t ready_ = nullptr;
};

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
