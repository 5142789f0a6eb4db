// mpi_library: MPI as this process has it: initialized when it is first needed, finalized at the program's end.
#pragma once

// The C++ bindings that MPI has dropped bring warnings, and need a library of their own.
#define OMPI_SKIP_MPICXX 1
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>
#if defined(OPEN_MPI) && __has_include(<mpi-ext.h>)
#include <mpi-ext.h>
#endif

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <string>

#include "../core/error.hpp"

namespace lockstep {

class mpi_library {
 public:
  /// Initializes MPI unless somebody has. Throws device_error when it has been finalized.
  static mpi_library& get() {
    static mpi_library* const only = new mpi_library;  // outlives every other static object
    return *only;
  }

  /// Held around calls of MPI, for which threads of a rank meet: needed where MPI does not allow several at once.
  std::mutex& calls() { return calls_; }

  /// Processes are gone or in unknown states: finalizing would wait for them.
  void leave_open() { open_ = true; }

  /// Whether MPI can be given memory of CUDA's devices: as it says itself, or as LOCKSTEP_CUDA_AWARE_MPI=1 or 0 says,
  /// for an MPI that cannot tell.
  static bool takes_device_memory() {
    static bool const found = [] {
      char const* const said = std::getenv("LOCKSTEP_CUDA_AWARE_MPI");
      if (said && *said) return *said != '0';
#if defined(MPIX_CUDA_AWARE_SUPPORT) || defined(MPIX_CUDA_AWARE_MPI_SUPPORT)
      return MPIX_Query_cuda_support() == 1;
#elif defined(MPIX_GPU_SUPPORT_CUDA)
      int cuda = 0;
      return MPIX_GPU_query_support(MPIX_GPU_SUPPORT_CUDA, &cuda) == MPI_SUCCESS && cuda != 0;
#else
      return false;
#endif
    }();
    return found;
  }

  /// Throws communication_error unless `code` is MPI_SUCCESS.
  static void check(int code, char const* call) {
    if (code == MPI_SUCCESS) return;
    char text[MPI_MAX_ERROR_STRING];
    int length = 0;
    MPI_Error_string(code, text, &length);
    throw communication_error(text_of({call, ": ", std::string(text, static_cast<std::size_t>(length))}));
  }

 private:
  mpi_library() {
    int initialized = 0, finalized = 0, provided = MPI_THREAD_SINGLE;
    MPI_Initialized(&initialized);
    MPI_Finalized(&finalized);
    if (finalized) throw device_error("mesh::mpi: found MPI finalized, expected it in use; make the mesh before");
    if (!initialized) {
      check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_MULTIPLE, &provided), "MPI_Init_thread");
      std::atexit(finalize);
    }
    MPI_Query_thread(&provided);
    if (provided < MPI_THREAD_SERIALIZED)
      throw device_error(
          "mesh::mpi: found MPI initialized for one thread, expected MPI_THREAD_SERIALIZED at least: ranks wait in "
          "threads of their own");
  }

  static void finalize() {
    int finalized = 0;
    MPI_Finalized(&finalized);
    if (!finalized && !get().open_) MPI_Finalize();
  }

  std::mutex calls_;
  std::atomic<bool> open_{false};
};

}  // namespace lockstep
