// mpi_agreement: what the processes that MPI has started tell each other before they are a mesh.
#pragma once

#include <sys/stat.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "mpi_library.hpp"

namespace lockstep {

/// What the processes of a mesh have settled when they make it.
struct mpi_agreement {
  static constexpr int no_gpus_wanted = 1 << 30;
  bool shared_memory;
  int machines;  // that the processes are to be taken for; 0: as they are
};
/// Whether all processes allow shared memory. Throws device_error, in all of them, when they do not agree about how
/// many devices each has, or when one sees fewer GPUs than that.
inline mpi_agreement mpi_agree(MPI_Comm all, std::size_t devices_per_process, int gpus) {
  char const* const wanted = std::getenv("LOCKSTEP_SHARED_MEMORY");
  char const* const machines = std::getenv("LOCKSTEP_MACHINES");
  auto const devices = static_cast<std::int64_t>(devices_per_process);
  std::int64_t found[5] = {devices, -devices, !wanted || *wanted != '0', machines ? std::atoi(machines) : 0, gpus};
  mpi_library::check(MPI_Allreduce(MPI_IN_PLACE, found, 5, MPI_INT64_T, MPI_MIN, all), "MPI_Allreduce");
  if (found[0] != -found[1])
    throw device_error(text_of({"mesh::mpi: found ", devices, " devices in this process, and ", found[0], " to ",
                                -found[1], " in all, expected the same number in each"}));
  if (found[4] < devices)
    throw device_error(text_of({"mesh::mpi_gpus: found a process that sees ", found[4], " GPUs (this one sees ", gpus,
                                "), expected at least ", devices, " in each"}));
  return {found[2] != 0, static_cast<int>(found[3])};
}

/// The machine of each process: the number of its first process. `wanted` of even size, if that is not 0.
inline std::vector<int> machines_by_process(MPI_Comm all, MPI_Comm here, int wanted) {
  int me = 0, processes = 1;
  MPI_Comm_rank(all, &me);
  MPI_Comm_size(all, &processes);
  int machine = me;
  mpi_library::check(MPI_Bcast(&machine, 1, MPI_INT, 0, here), "MPI_Bcast");
  if (wanted > 0) machine = me * std::min(wanted, processes) / processes;
  std::vector<int> found(static_cast<std::size_t>(processes));
  mpi_library::check(MPI_Allgather(&machine, 1, MPI_INT, found.data(), 1, MPI_INT, all), "MPI_Allgather");
  return found;
}

/// Whether processes know each other by the same numbers.
inline bool know_each_other(MPI_Comm here) {
  struct stat names = {};
  std::int64_t const mine = stat("/proc/self/ns/pid", &names) == 0 ? static_cast<std::int64_t>(names.st_ino) : -1;
  std::int64_t found[2] = {mine, -mine};
  mpi_library::check(MPI_Allreduce(MPI_IN_PLACE, found, 2, MPI_INT64_T, MPI_MIN, here), "MPI_Allreduce");
  return found[0] == -found[1] && found[0] != -1;
}

}  // namespace lockstep
