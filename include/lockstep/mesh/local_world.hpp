// local_world: what the ranks of one spmd call share: who failed, who has left, and how to wait for each other.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "../core/algorithm.hpp"
#include "../core/clock.hpp"
#include "../core/error.hpp"
#include "../core/memory.hpp"
#include "../core/owned_array.hpp"
#include "../core/threads.hpp"
#include "relax.hpp"

namespace lockstep {

/// Ranks as threads of this process. Waiting spins for some microseconds, since an answer is usually near, then yields,
/// since the other rank may need this very core, then sleeps.
template <class Compilation>
class local_world {
 public:
  local_world(std::size_t ranks, double timeout)
      : ranks_(ranks),
        timeout_(timeout),
        spins_(ranks <= std::thread::hardware_concurrency() ? 256 : 0),
        left_(new std::atomic<bool>[ranks]()) {
    for (std::size_t r = 0; r < ranks; ++r) left_[r] = false;
  }
  local_world(local_world const&) = delete;
  local_world& operator=(local_world const&) = delete;

  std::size_t size() const { return ranks_; }
  double timeout() const { return timeout_; }

  /// Rank `rank` fails: every rank that waits, or will, learns why. Only the first failure is kept.
  void fail(std::size_t rank, std::string const& reason) {
    std::lock_guard lock(mutex_);
    if (!failed_) failure_ = {rank, reason};
    failed_ = true;
    changed_.notify_all();
  }
  bool failed() const { return failed_.load(); }
  /// Which rank failed first and why; only after failed() was true.
  struct failure {
    std::size_t rank;
    std::string reason;
  };
  failure first_failure() const {
    std::lock_guard lock(mutex_);
    return failure_;
  }

  /// Rank `rank` has returned and takes part in nothing any more.
  void leave(std::size_t rank) {
    left_[rank] = true;
    ++departures_;
    wake();
  }
  bool has_left(std::size_t rank) const { return left_[rank].load(); }
  bool someone_left() const { return departures_.load() != 0; }

  /// Says that something that others may wait for has changed, by a sequentially consistent write.
  void wake() {
    if (sleepers_.load() == 0) return;
    std::lock_guard lock(mutex_);
    changed_.notify_all();
  }

  /// Until when one call waits: the timeout, counted from when waiting gets long enough to look at the clock.
  struct patience {
    double seconds;
    double end = 0;  ///< 0 before the clock is looked at
    bool over() {
      double const now = seconds_now();
      if (end == 0) end = now + seconds;
      return now >= end;
    }
  };
  patience usual_patience() const { return {timeout_}; }

  /// Waits until ready() is true or patience is over; returns ready(). Calls help(), which does something useful or
  /// returns false, while there is nothing better to do.
  template <class Ready, class Help>
  bool wait(patience& until, Ready const& ready, Help const& help) {
    for (int i = 0; i < spins_; ++i) {
      if (ready()) return true;
      relax();
    }
    for (int i = 0; i < 50; ++i) {
      if (ready()) return true;
      if (!help()) std::this_thread::yield();
    }
    for (;;) {
      if (ready()) return true;
      if (help()) continue;
      if (until.over()) return ready();
      sleep(until.end, ready);
    }
  }
  template <class Ready>
  bool wait(patience& until, Ready const& ready) {
    return wait(until, ready, [] { return false; });
  }

  /// Which collective, of which group and among which of its ranks, makes something that they share.
  struct share_key {
    void const* group;
    std::uint64_t collective;
    std::int64_t color;
    bool operator==(share_key const&) const = default;
  };

  /// A value that all who give the same key share, made by the first of them and forgotten after `sharers` have come.
  template <class T, class Make>
  std::shared_ptr<T> share(share_key const& key, std::size_t sharers, Make const& make) {
    std::lock_guard lock(mutex_);
    std::size_t at = 0;
    while (at < shared_.size() && !(shared_[at].key == key)) ++at;
    if (at == shared_.size()) shared_.push_back({key, make(), 0});
    auto const result = std::static_pointer_cast<T>(shared_[at].value);
    if (++shared_[at].sharers == sharers) shared_.erase(shared_.begin() + static_cast<std::ptrdiff_t>(at));
    return result;
  }

 private:
  struct shared_value {
    share_key key;
    std::shared_ptr<void> value;
    std::size_t sharers;  ///< who have come so far
  };

  template <class Ready>
  void sleep(double end, Ready const& ready) {
    std::lock_guard lock(mutex_);
    ++sleepers_;                      // before looking once more, so that whoever changes something after that sees it
    constexpr double longest = 1000;  // seconds; the range of the clock ends somewhere
    if (!ready()) changed_.wait_for(mutex_, std::min(end - seconds_now(), longest));
    --sleepers_;
  }

  std::size_t const ranks_;
  double const timeout_;
  int const spins_;
  owned_array<std::atomic<bool>> left_;
  std::atomic<std::size_t> departures_{0};
  std::atomic<bool> failed_{false};
  std::atomic<int> sleepers_{0};

  mutable std::mutex mutex_;  // guards what follows
  condition changed_;
  failure failure_ = {};
  std::vector<shared_value> shared_;
};

}  // namespace lockstep
