// Events of GPUs, and calls that a recording must not take up.
#pragma once

#include "../backend/cuda/runtime.cuh"
#include "event.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

/// A CUDA event, recorded when it is made.
class gpu_event final : public event_state {
 public:
  gpu_event(int number, cudaStream_t stream, std::string const& doing) : number_(number) {
    device_scope const scope(number);
    check(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "cudaEventCreateWithFlags", doing);
    cudaError_t const status = cudaEventRecord(event_, stream);
    if (status != cudaSuccess) static_cast<void>(cudaEventDestroy(event_));
    check(status, "cudaEventRecord", doing);
  }
  ~gpu_event() override { static_cast<void>(cudaEventDestroy(event_)); }

  cudaEvent_t get() const { return event_; }
  bool done() const override {
    device_scope const scope(number_);
    cudaError_t const status = cudaEventQuery(event_);
    if (status == cudaErrorNotReady) return static_cast<void>(cudaGetLastError()), false;
    check(status, "cudaEventQuery", "gpu:", number_, ", asked whether an event has come");
    return true;
  }
  void wait() const override {
    device_scope const scope(number_);
    check(cudaEventSynchronize(event_), "cudaEventSynchronize", "gpu:", number_, ", asked to wait for an event");
  }

 private:
  int number_;
  cudaEvent_t event_ = nullptr;
};

/// While it lives, the calling thread may make calls that have nothing to do with what it is recording.
class relaxed_capture {
 public:
  relaxed_capture() { static_cast<void>(cudaThreadExchangeStreamCaptureMode(&mode_)); }
  relaxed_capture(relaxed_capture const&) = delete;
  relaxed_capture& operator=(relaxed_capture const&) = delete;
  ~relaxed_capture() { static_cast<void>(cudaThreadExchangeStreamCaptureMode(&mode_)); }

 private:
  cudaStreamCaptureMode mode_ = cudaStreamCaptureModeRelaxed;
};

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
