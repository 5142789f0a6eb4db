// mpi_pulse: says, while ranks compute, that their process still works.
#pragma once

#include "../core/background_thread.hpp"
#include "mpi_engine.hpp"

namespace lockstep {

/// While it lives, processes that have returned from a run hear that this one still works, as often as they need to.
template <class Compilation>
class mpi_pulse {
 public:
  explicit mpi_pulse(mpi_run<Compilation> const& run)
      : thread_([run](auto const& sleeps) {
          while (sleeps(std::min(1.0, run.timeout / 4))) try {
              run.transport->tell_alive(run.number);
            } catch (error const&) {  // whoever calls MPI next will say so
            }
        }) {}

 private:
  background_thread thread_;
};

}  // namespace lockstep
