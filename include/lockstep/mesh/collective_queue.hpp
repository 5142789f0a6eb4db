// collective_queue: a thread that carries out a rank's started collectives, one after another, for engines that cannot.
#pragma once

#include <exception>
#include <list>
#include <utility>

#include "../core/threads.hpp"
#include "collective.hpp"
#include "engine.hpp"

namespace lockstep {

/// All but the work itself is called by the rank. Ranks start the same collectives in the same order, so each queue
/// meets those of the other ranks.
template <class Compilation>
class collective_queue {
 public:
  using work = void (*)(void* context, collective_call const& call, traffic& sent);

  collective_queue(work w, void* context) : work_(w), context_(context), thread_([this] { run(); }) {}
  collective_queue(collective_queue const&) = delete;
  collective_queue& operator=(collective_queue const&) = delete;
  ~collective_queue() {
    {
      std::lock_guard lock(mutex_);
      ending_ = true;
      changed_.notify_all();
    }
    thread_.join();
  }

  /// Returns its number.
  std::uint64_t push(collective_call const& call) {
    std::lock_guard lock(mutex_);
    jobs_.push_back({next_, call, {}, nullptr});
    changed_.notify_all();
    return next_++;
  }

  /// Waits until `number` is done. Adds what it sent, and throws what it threw, when that has not been done yet.
  void finish(std::uint64_t number, traffic& sent) {
    std::lock_guard lock(mutex_);
    changed_.wait(mutex_, [&] { return done_ > number; });
    for (auto at = jobs_.begin(); at != jobs_.end(); ++at) {
      if (at->number != number) continue;
      job const mine = std::move(*at);
      jobs_.erase(at);
      sent += mine.sent;
      if (mine.thrown) std::rethrow_exception(mine.thrown);
      return;
    }
  }

  /// Waits until all are done. Their results are still to be taken.
  void drain() {
    std::lock_guard lock(mutex_);
    changed_.wait(mutex_, [&] { return done_ == next_; });
  }

 private:
  struct job {
    std::uint64_t number;
    collective_call call;
    traffic sent;
    std::exception_ptr thrown;
  };

  void run() {
    while (job* const next = wait_for_next()) {
      try {
        work_(context_, next->call, next->sent);
      } catch (...) {
        next->thrown = std::current_exception();
      }
      std::lock_guard lock(mutex_);
      ++done_;
      changed_.notify_all();
    }
  }
  /// Stays where it is until it is done, whatever others do. nullptr at the end.
  job* wait_for_next() {
    std::lock_guard lock(mutex_);
    changed_.wait(mutex_, [&] { return ending_ || done_ < next_; });
    for (job& each : jobs_)
      if (each.number == done_) return &each;
    return nullptr;
  }

  work work_;
  void* context_;
  std::mutex mutex_;
  condition changed_;
  std::list<job> jobs_;  // whose results have not been taken
  std::uint64_t next_ = 0, done_ = 0;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace lockstep
