// background_thread: a thread that does something now and then, and ends with its owner.
#pragma once

#include <utility>

#include "threads.hpp"

namespace lockstep {

/// A thread that does something now and then while this lives: it runs work(sleeps), where sleeps(seconds) is true when
/// it slept so long, and false, at once, when work is to return.
class background_thread {
 public:
  template <class Work>
  explicit background_thread(Work work)
      : thread_([this, work = std::move(work)] { work([this](double seconds) { return !ends_within(seconds); }); }) {}
  background_thread(background_thread const&) = delete;
  background_thread& operator=(background_thread const&) = delete;
  ~background_thread() {
    {
      std::lock_guard lock(mutex_);
      ending_ = true;
      changed_.notify_all();
    }
    thread_.join();
  }

 private:
  bool ends_within(double seconds) {
    std::lock_guard lock(mutex_);
    return changed_.wait_for(mutex_, seconds, [&] { return ending_; });
  }

  std::mutex mutex_;
  condition changed_;
  bool ending_ = false;
  std::thread thread_;  // the last: it uses the others
};

}  // namespace lockstep
