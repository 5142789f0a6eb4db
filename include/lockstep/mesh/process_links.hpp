// process_links: what connects the devices of one of several processes with those of the others, kept from run to run.
#pragma once

#include <memory>

#include "spmd.hpp"
#if LOCKSTEP_NCCL
#include "nccl_processes.cuh"
#endif

namespace lockstep {

template <class Compilation>
class process_links {
 public:
  /// Calls f(links), whose links.connect makes a rank's communicator of its host's engine. failed() says meanwhile, in
  /// another thread, whether the run has failed. Throws device_error for GPUs in a file that cannot run ranks on them.
  template <class Failed, class F>
  void run(mesh const& devices, [[maybe_unused]] Failed const& failed, F const& f) {
    if (devices.is_cpu()) {
      cpu_rank_links links;
      return f(links);
    }
#if LOCKSTEP_NCCL
    cuda::kept_device const kept;  // which connecting changes
    if (!on_gpus_) on_gpus_ = new cuda::process_gpu_links(devices);
    on_gpus_->begin_run(devices.timeout());
    cuda::nccl_watch<Failed> const watch(on_gpus_->world(), failed);
    settled<Failed> const at_end{*on_gpus_, failed};
    f(*on_gpus_);
#else
    throw_without_nccl(devices);
#endif
  }

 private:
#if LOCKSTEP_NCCL
  template <class Failed>
  struct settled {
    cuda::process_gpu_links& links;
    Failed const& failed;
    ~settled() {
      if (failed()) links.settle();
    }
  };

  cuda::process_gpu_links* on_gpus_ = nullptr;  ///< which outlives MPI and CUDA
#endif
};

}  // namespace lockstep
