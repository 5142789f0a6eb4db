// relax, backoff: how a thread looks again and again for what another thread or process is about to do.
#pragma once

#include <sched.h>
#include <time.h>

#include "../core/clock.hpp"

namespace lockstep {

/// Tells the processor that the calling thread only looks, so that its other half may run.
inline void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// What to do between looks when nobody wakes this thread: nothing at first, since an answer is usually near; then
/// others may need this core; asleep when it takes longer than about a millisecond.
class backoff {
 public:
  /// How often to look before others may have the core: 0 where threads share cores.
  explicit backoff(int spins = 0) : spins_(spins) {}

  void pause() {
    ++looks_;
    if (looks_ <= spins_) return relax();
    if (looks_ <= spins_ + yields) {
      sched_yield();
      return;
    }
    timespec const nap = {0, 50000};
    nanosleep(&nap, nullptr);
    looks_ = spins_ + yields;
  }
  /// Whether the next looks follow at once.
  bool spins() const { return looks_ < spins_; }
  /// Whether it naps by now.
  bool naps() const { return looks_ >= spins_ + yields; }

 private:
  static constexpr int yields = 2000;
  int spins_, looks_ = 0;
};

/// Waits until ready(), but no longer than `seconds`; returns whether it came to be.
template <class Ready>
bool holds_within(double seconds, Ready const& ready) {
  double const end = seconds_now() + seconds;
  for (backoff looks; !ready(); looks.pause())
    if (seconds_now() >= end) return ready();
  return true;
}

}  // namespace lockstep
