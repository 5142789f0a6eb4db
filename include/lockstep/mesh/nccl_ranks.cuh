// Ranks on GPUs of this process: how each gets its communicator.
#pragma once

#include <atomic>

#include "communicator.hpp"
#include "mesh.hpp"
#include "nccl_engine.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

/// What ranks on GPUs share: an NCCL communicator, kept for the next run unless this one fails.
class gpu_rank_links {
 public:
  explicit gpu_rank_links(mesh const& devices) {
    for (std::size_t rank = 0; rank < devices.size(); ++rank) numbers_.push_back(devices.device(rank).number());
    world_ = nccl_worlds::take(numbers_);
  }
  ~gpu_rank_links() {
    if (!failed_) nccl_worlds::give_back(numbers_, std::move(world_));
  }
  gpu_rank_links(gpu_rank_links const&) = delete;
  gpu_rank_links& operator=(gpu_rank_links const&) = delete;

  template <class Engine>
  communicator connect(Engine engine, device const& where, std::size_t rank) {
    check(cudaSetDevice(where.number()), "cudaSetDevice", where.name(), ", asked to run a rank");
    auto host = std::make_shared<engine_state<Engine>>(std::move(engine), where);
    return communicator(nccl_engine(std::move(host), world_->link(rank), world_, rank), where);
  }
  /// What is queued has been queued by all ranks, and runs to its end.
  void fail() { failed_ = true; }
  /// The rank whose error says most, when `first` has been the first to report one: a rank that ended the others'
  /// collectives has an error of its own, however late its report comes.
  std::size_t culprit(std::size_t first) const {
    std::size_t const found = world_->aborted_by();
    return found == nccl_world::nobody ? first : found;
  }

 private:
  std::vector<int> numbers_;
  std::shared_ptr<nccl_world> world_;
  std::atomic<bool> failed_{false};
};

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
