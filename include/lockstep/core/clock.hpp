// clock: seconds that only ever grow, for measuring how long something takes. <chrono> would bring the calendar with
// it.
#pragma once

#include <ctime>

namespace lockstep {

/// Seconds of a clock that is never set back, from an arbitrary moment on; precise to nanoseconds.
inline double seconds_now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

}  // namespace lockstep
