// process_ranks: runs the ranks of one of several processes on a machine, which share memory.
#pragma once

#include <exception>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "process_engine.hpp"
#include "process_links.hpp"

namespace lockstep {

/// What this process's first failing rank threw, or that another's failed.
[[noreturn]] inline void rethrow_failure(std::vector<std::exception_ptr> const& thrown, std::size_t culprit,
                                         std::string const& reason) {
  if (culprit < thrown.size() && thrown[culprit]) std::rethrow_exception(thrown[culprit]);
  for (std::exception_ptr const& each : thrown)
    if (each) std::rethrow_exception(each);
  throw communication_error(text_of({"spmd: ", reason}));
}

/// The memory must be zeroed, and every process must make one of these before a rank of any runs.
template <class Compilation>
class process_ranks final : public mesh_processes {
 public:
  static std::size_t world_bytes(std::size_t ranks) { return process_world<Compilation>::bytes_for(ranks); }
  static std::size_t group_bytes(std::size_t ranks) { return process_group<Compilation>::bytes_for(ranks); }

  /// Is told at once when a rank of this process fails.
  using listener = void (*)(std::string const& what);

  /// This process has `mine` ranks from `first` on.
  process_ranks(process_memory world, process_memory group, std::size_t ranks, std::size_t first, std::size_t mine,
                listener failed = nullptr)
      : world_(std::make_shared<process_world<Compilation>>(std::move(world), ranks)),
        memory_(std::make_shared<process_memory>(std::move(group))),
        failed_(failed) {
    for (std::size_t i = 0; i < mine; ++i) world_->sit(first + i);
  }

  void run(mesh const& devices, void (*f)(void* context, communicator& comm), void* context) override {
    std::size_t const first = devices.first_local_rank();
    std::vector<std::size_t> everyone(world_->size());
    std::iota(everyone.begin(), everyone.end(), std::size_t{0});
    world_->enter(++runs_, devices.timeout());
    std::vector<std::exception_ptr> thrown;
    links_.run(
        devices, [this] { return world_->look_out(); },
        [&](auto& links) {
          thrown = on_threads(
              devices.local_ranks(),
              [&](std::size_t i) {
                device const& where = devices.device(first + i);
                communicator comm =
                    links.connect(process_engine<Compilation>(world_, memory_, everyone, first + i), where, first + i);
                f(context, comm);
              },
              [&](std::size_t i, std::string const& why) {
                std::string const what = text_of({"rank ", first + i, why});
                world_->fail(first + i, what);
                links.fail();
                if (failed_) failed_(what);
              },
              [&](std::size_t i) { world_->leave(first + i); });
          all_returned_ = world_->wait_for_all();
        });
    bool const failed = world_->failed();  // before ranks are closed: then others may begin, and fail in, the next run
    std::size_t const culprit = failed ? world_->failed_rank() : 0;
    std::string const reason = failed ? world_->reason() : "";
    for (std::size_t i = 0; i < devices.local_ranks(); ++i) world_->close(first + i);
    if (failed) rethrow_failure(thrown, culprit - first, reason);
  }

  /// Whether all ranks have returned from the last run, as far as this process knows.
  bool all_returned() const { return all_returned_; }

 private:
  std::shared_ptr<process_world<Compilation>> world_;
  std::shared_ptr<process_memory> memory_;
  listener failed_;
  process_links<Compilation> links_;
  std::uint64_t runs_ = 0;
  bool all_returned_ = true;
};

}  // namespace lockstep
