// Threads, mutexes and conditions without the clocks, calendars and stop tokens of <thread>, <mutex> and
// <condition_variable>, which would take longer to compile than all of what lockstep does with threads.
#pragma once

#include <pthread.h>

#include <cerrno>

#include "memory.hpp"

#if defined(_GLIBCXX_RELEASE) && _GLIBCXX_RELEASE == 12
#include <bits/std_mutex.h>
#include <bits/std_thread.h>
#else
#include <mutex>
#include <thread>
#endif

namespace lockstep {

/// Lets threads sleep until others have changed something that a mutex guards; as std::condition_variable.
class condition {
 public:
  condition() {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&waiters_, &attributes);
    pthread_condattr_destroy(&attributes);
  }
  condition(condition const&) = delete;
  condition& operator=(condition const&) = delete;
  ~condition() { pthread_cond_destroy(&waiters_); }

  void notify_all() { pthread_cond_broadcast(&waiters_); }

  /// Sleeps until ready() is true. The caller has locked `held`, which is free meanwhile.
  template <class Ready>
  void wait(std::mutex& held, Ready const& ready) {
    while (!ready()) pthread_cond_wait(&waiters_, held.native_handle());
  }
  /// Sleeps until it is notified, for at most `seconds`, and perhaps for no time at all.
  void wait_for(std::mutex& held, double seconds) {
    if (!(seconds > 0)) return;
    timespec const until = after(seconds);
    pthread_cond_timedwait(&waiters_, held.native_handle(), &until);
  }
  /// Sleeps until ready() is true, for at most `seconds`; whether it is.
  template <class Ready>
  bool wait_for(std::mutex& held, double seconds, Ready const& ready) {
    timespec const until = after(seconds);
    while (!ready())
      if (pthread_cond_timedwait(&waiters_, held.native_handle(), &until) == ETIMEDOUT) return ready();
    return true;
  }

 private:
  static timespec after(double seconds) {
    timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    auto const whole = static_cast<time_t>(seconds);
    until.tv_sec += whole;
    until.tv_nsec += static_cast<long>(1e9 * (seconds - static_cast<double>(whole)));
    if (until.tv_nsec >= 1000000000) until.tv_nsec -= 1000000000, ++until.tv_sec;
    return until;
  }

  pthread_cond_t waiters_;
};

}  // namespace lockstep
