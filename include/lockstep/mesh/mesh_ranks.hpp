// mesh_ranks: a mesh's ranks that stay ready between calls, so that one statement runs on all devices at once without
// starting threads.
#pragma once

#include <atomic>
#include <utility>
#include <vector>

#include "../core/memory.hpp"
#include "../core/threads.hpp"
#include "spmd.hpp"

namespace lockstep {

/// Runs a function on every rank of this process, each with its communicator.
class mesh_ranks : public std::enable_shared_from_this<mesh_ranks> {
 public:
  explicit mesh_ranks(mesh devices) : devices_(std::move(devices)) {}
  mesh_ranks(mesh_ranks const&) = delete;
  mesh_ranks& operator=(mesh_ranks const&) = delete;
  virtual ~mesh_ranks() = default;
  lockstep::mesh const& devices() const { return devices_; }
  std::size_t size() const { return devices_.size(); }
  /// Whether both run the same devices, be it with another timeout.
  bool same_devices(mesh_ranks const& other) const { return this == &other || devices_ == other.devices_; }
  /// Whether the ranks' communicators move what lies in their devices' memory: not that of GPUs without NCCL.
  virtual bool reaches_devices() const { return devices().is_cpu(); }
  /// Returns when all ranks have. When some throw, the first one's exception is rethrown.
  virtual void run(void (*f)(void* context, communicator& comm), void* context) = 0;

 private:
  lockstep::mesh devices_;
};

/// All ranks in this process: rank 0 is the thread that calls `run`, every other has a thread that sleeps meanwhile.
/// One call runs at a time.
template <class Compilation>
class local_ranks final : public mesh_ranks {
 public:
  explicit local_ranks(mesh const& devices)
      : mesh_ranks(devices), thrown_(size()), yields_(size() <= std::thread::hardware_concurrency() ? 2000 : 50) {
    connect();
    try {
      for (std::size_t rank = 1; rank < size(); ++rank) threads_.emplace_back([this, rank] { serve(rank); });
    } catch (...) {
      stop();
      throw;
    }
  }
  ~local_ranks() override { stop(); }

#if LOCKSTEP_NCCL
  bool reaches_devices() const override { return true; }
#endif

  void run(void (*f)(void*, communicator&), void* context) override {
    if (running_here() == this)
      throw communication_error(
          "sharded: found an operation on a mesh inside of another one on the same mesh, expected one after the other");
    std::lock_guard const alone(turn_);
    function_ = f, context_ = context;
    busy_ = size() - 1;
    ++call_;
    if (sleepers_ != 0) {
      std::lock_guard lock(mutex_);
      changed_.notify_all();
    }
    call(0, f, context);
    wait([this] { return busy_ == 0; });
    if (world_->failed()) rethrow();
  }

 private:
  static local_ranks*& running_here() {
    thread_local local_ranks* running = nullptr;
    return running;
  }

  void connect() {
    world_ = std::make_shared<local_world<Compilation>>(size(), devices().timeout());
    std::vector<std::size_t> everyone(size());
    for (std::size_t rank = 0; rank < size(); ++rank) everyone[rank] = rank;
    auto const group = std::make_shared<local_group<Compilation>>(world_, everyone);
    communicators_.clear();
#if LOCKSTEP_NCCL
    if (!devices().is_cpu()) {
      cuda::device_scope const scope(devices().device(0).number());  // which connecting changes
      links_ = std::make_unique<cuda::gpu_rank_links>(devices());
      for (std::size_t rank = 0; rank < size(); ++rank) connect(group, rank, *links_);
      return;
    }
#endif
    cpu_rank_links links;
    for (std::size_t rank = 0; rank < size(); ++rank) connect(group, rank, links);
  }
  template <class Links>
  void connect(std::shared_ptr<local_group<Compilation>> const& group, std::size_t rank, Links& links) {
    device const& where = devices().device(rank);
    communicators_.push_back(links.connect(local_engine<Compilation>(group, rank, where), where, rank));
  }

  void call(std::size_t rank, void (*f)(void*, communicator&), void* context) noexcept {
    running_here() = this;
    try {
      f(context, communicators_[rank]);
    } catch (std::exception const& e) {
      fail(rank, text_of({": ", e.what()}));
    } catch (...) {
      fail(rank, " with an exception that is not a std::exception");
    }
    running_here() = nullptr;
  }
  void fail(std::size_t rank, std::string const& why) {
    thrown_[rank] = std::current_exception();
    world_->fail(rank, text_of({"rank ", rank, " failed", why}));
#if LOCKSTEP_NCCL
    if (links_) links_->fail();
#endif
  }

  void serve(std::size_t rank) {
    for (std::uint64_t seen = 0;; ++seen) {
      wait([&] { return call_ != seen || stopping_; });
      if (stopping_) return;
      call(rank, function_, context_);
      if (--busy_ == 0 && sleepers_ != 0) {
        std::lock_guard lock(mutex_);
        changed_.notify_all();
      }
    }
  }
  void stop() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
      changed_.notify_all();
    }
    for (std::thread& thread : threads_) thread.join();
  }

  /// Waits until ready(). One statement often follows another at once: whoever waits lets others run for a while before
  /// it sleeps. (A thread that is woken may have to share a core with the one that wakes it, beside cores that are
  /// idle.)
  template <class Ready>
  void wait(Ready const& ready) {
    for (int i = 0; i < yields_; ++i) {
      if (ready()) return;
      std::this_thread::yield();
    }
    std::lock_guard lock(mutex_);
    ++sleepers_;  // before looking once more, so that whoever changes something after that sees it
    changed_.wait(mutex_, ready);
    --sleepers_;
  }

  /// What failed is over: ranks begin anew with the next call.
  [[noreturn]] void rethrow() {
    std::size_t first = world_->first_failure().rank;
#if LOCKSTEP_NCCL
    if (links_ && thrown_[links_->culprit(first)]) first = links_->culprit(first);
#endif
    std::exception_ptr const thrown = thrown_[first];
    for (std::exception_ptr& each : thrown_) each = nullptr;
    connect();
    std::rethrow_exception(thrown);
  }

  std::shared_ptr<local_world<Compilation>> world_;
#if LOCKSTEP_NCCL
  std::unique_ptr<cuda::gpu_rank_links> links_;  ///< of GPUs
#endif
  std::vector<communicator> communicators_;
  std::vector<std::exception_ptr> thrown_;
  std::mutex turn_;
  int const yields_;

  void (*function_)(void*, communicator&) = nullptr;
  void* context_ = nullptr;
  std::atomic<std::uint64_t> call_{0};  ///< counts calls; whoever sees it change sees what is above
  std::atomic<std::size_t> busy_{0};
  std::atomic<int> sleepers_{0};
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  condition changed_;
  std::vector<std::thread> threads_;
};

/// Ranks of several processes, run by whatever connects those.
template <class Compilation>
class distant_ranks final : public mesh_ranks {
 public:
  using mesh_ranks::mesh_ranks;
#if LOCKSTEP_NCCL
  bool reaches_devices() const override { return true; }
#endif
  void run(void (*f)(void*, communicator&), void* context) override { run_ranks<Compilation>(devices(), f, context); }
};

/// The ranks of a mesh, the same as long as somebody has them.
template <class Compilation>
std::shared_ptr<mesh_ranks> ranks_of(mesh const& devices) {
  static std::mutex mutex;
  static std::vector<std::weak_ptr<mesh_ranks>> known;
  std::lock_guard lock(mutex);
  std::erase_if(known, [](auto const& each) { return each.expired(); });
  for (auto const& each : known)
    if (auto const ranks = each.lock())
      if (ranks->devices() == devices && ranks->devices().timeout() == devices.timeout()) return ranks;
  std::shared_ptr<mesh_ranks> made;
  if (devices.is_local())
    made = std::make_shared<local_ranks<Compilation>>(devices);
  else
    made = std::make_shared<distant_ranks<Compilation>>(devices);
  known.push_back(made);
  return made;
}

}  // namespace lockstep
