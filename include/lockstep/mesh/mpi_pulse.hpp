// mpi_pulse: says, while ranks compute, that their process still works.
#pragma once

#include <algorithm>
#include <condition_variable>  // with the durations that its waits take
#include <mutex>
#include <thread>

#include "mpi_engine.hpp"

namespace lockstep {

/// While it lives, processes that have returned from a run hear that this one still works, as often as they need to.
template <class Compilation>
class mpi_pulse {
 public:
  explicit mpi_pulse(mpi_run<Compilation> const& run) : run_(run), thread_([this] { beat(); }) {}
  mpi_pulse(mpi_pulse const&) = delete;
  mpi_pulse& operator=(mpi_pulse const&) = delete;
  ~mpi_pulse() {
    {
      std::lock_guard lock(mutex_);
      ending_ = true;
      changed_.notify_all();
    }
    thread_.join();
  }

 private:
  void beat() {
    std::unique_lock lock(mutex_);
    std::chrono::duration<double> const period(std::min(1.0, run_.timeout / 4));
    while (!changed_.wait_for(lock, period, [&] { return ending_; })) try {
        run_.transport->tell_alive(run_.number);
      } catch (error const&) {  // whoever calls MPI next will say so
      }
  }

  mpi_run<Compilation> const run_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace lockstep
