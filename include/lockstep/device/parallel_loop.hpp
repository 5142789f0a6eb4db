// The parallel loop of CPU devices: its steps are dealt to the threads of a TBB arena in equal shares, always alike.
#pragma once

#include <atomic>
#include <new>

#include "../core/config.hpp"
#include "../core/owned_array.hpp"
#include "tbb.hpp"

#if defined(__SANITIZE_THREAD__)
#define LOCKSTEP_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define LOCKSTEP_TSAN 1
#endif
#endif
#if defined(LOCKSTEP_TSAN)
extern "C" void __tsan_acquire(void*);
extern "C" void __tsan_release(void*);
#endif

namespace lockstep {
// TBB's own library is not instrumented, so ThreadSanitizer is told where its loops fork and join. The place where they
// fork is one for all loops: a worker has to meet it before it may read anything that belongs to its loop.
inline char loops_fork = 0;
inline void happens_before([[maybe_unused]] void* where) {
#if defined(LOCKSTEP_TSAN)
  __tsan_release(where);
#endif
}
inline void happens_after([[maybe_unused]] void* where) {
#if defined(LOCKSTEP_TSAN)
  __tsan_acquire(where);
#endif
}

/// Tells it at the end of a scope, also when an exception leaves it.
template <void (*Tell)(void*)>
struct when_left {
  void* where;
  ~when_left() { Tell(where); }
};

/// One loop while it runs. Thread k of the arena takes the k-th share of the steps, which is therefore in its caches
/// and in its memory, and then what others have not begun. (TBB's static_partitioner deals alike; its headers would add
/// nearly a tenth to the time that lockstep's take.)
template <class = void>
class parallel_loop {
 public:
  using step_body = void (*)(void* context, index step);

  parallel_loop(index steps, index most_shares, step_body body, void* context)
      : body_(body), context_(context), number_(steps < most_shares ? steps : most_shares) {
    if (number_ > few) more_.reset(new share[static_cast<std::size_t>(number_)]);
    shares_ = more_ ? more_.get() : reinterpret_cast<share*>(memory_);
    for (index k = 0; k < number_; ++k) new (&shares_[k]) share{steps * k / number_, steps * (k + 1) / number_};
  }
  parallel_loop(parallel_loop const&) = delete;
  parallel_loop& operator=(parallel_loop const&) = delete;

  /// Runs it within the arena and waits. Rethrows the first exception; steps not begun by then are left out.
  void run(oneapi::tbb::task_arena& arena) {
    happens_before(&loops_fork);
    when_left<happens_after> const all_done{&joined_};
    arena.execute([this] {
      happens_after(&loops_fork);
      oneapi::tbb::task_group group;
      auto const work = [this] {
        happens_after(&loops_fork);
        this->work();
      };
      for (index k = 1; k < number_; ++k) group.run(work);
      group.run_and_wait(work);
    });
  }

 private:
  struct alignas(64) share {
    std::atomic<index> next;
    index end;
  };

  void work() {
    when_left<happens_before> const done{&joined_};
    index const mine = oneapi::tbb::this_task_arena::current_thread_index();
    for (index k = 0; k < number_; ++k) {
      share& from = shares_[(mine + k) % number_];
      for (index step; (step = from.next.fetch_add(1, std::memory_order_relaxed)) < from.end;) {
        body_(context_, step);
        if (oneapi::tbb::is_current_task_group_canceling()) return;
      }
    }
  }

  step_body body_;
  void* context_;
  index number_;
  static constexpr index few = 32;  // so many shares lie here: loops of devices with few threads allocate nothing
  alignas(share) unsigned char memory_[few * sizeof(share)];
  owned_array<share> more_;
  share* shares_;
  char joined_ = 0;  // not loops_fork again: that would order the steps among each other and hide their races
};

}  // namespace lockstep
