// mpi_mesh: mesh::mpi for the files of a program that are compiled with LOCKSTEP_MPI, and through them for all.
#pragma once

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "mpi_engine.hpp"
#include "spmd.hpp"

namespace lockstep {

/// The processes of a mesh that the launcher of MPI has started.
template <class Compilation>
class mpi_processes final : public mesh_processes {
 public:
  explicit mpi_processes(std::size_t devices_per_process) {
    MPI_Comm all;
    mpi_library::check(MPI_Comm_dup(MPI_COMM_WORLD, &all), "MPI_Comm_dup");
    MPI_Comm_set_errhandler(all, MPI_ERRORS_RETURN);
    MPI_Comm here;
    mpi_library::check(MPI_Comm_split_type(all, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &here), "MPI_Comm_split_type");
    MPI_Comm_size(here, &on_this_machine_);
    MPI_Comm_free(&here);
    transport_ = std::make_shared<mpi_transport<Compilation>>(all, devices_per_process);
  }

  std::size_t process() const { return transport_->process(); }
  std::size_t ranks() const { return transport_->ranks(); }

  /// Threads for each device, when the processes of a machine share it evenly or have been bound to parts of it.
  std::size_t threads_per_device(std::size_t devices_per_process) const {
    cpu_set_t allowed;
    std::size_t const all = std::max(1u, std::thread::hardware_concurrency());
    std::size_t mine = all;
    if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) mine = static_cast<std::size_t>(CPU_COUNT(&allowed));
    std::size_t const online = static_cast<std::size_t>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
    if (mine >= online) mine /= static_cast<std::size_t>(on_this_machine_);
    return std::max<std::size_t>(1, mine / devices_per_process);
  }

  void run(mesh const& devices, void (*f)(void* context, communicator& comm), void* context) override {
    std::lock_guard lock(running_);
    mpi_run<Compilation> const run{transport_, runs_++, devices.timeout()};
    std::size_t const first = devices.first_local_rank();
    auto const thrown = on_threads(
        devices.local_ranks(),
        [&](std::size_t i) {
          communicator comm(mpi_engine<Compilation>(run, first + i), devices.device(first + i));
          f(context, comm);
        },
        [&](std::size_t i, std::string const& why) {
          transport_->fail(run.number, first + i, text_of({"rank ", first + i, why}));
        },
        [&](std::size_t i) { transport_->leave(run.number, first + i); });
    end(run, thrown, first);
  }

 private:
  /// Waits for the others as one waits for threads to be joined, and says what went wrong.
  void end(mpi_run<Compilation> const& run, std::vector<std::exception_ptr> const& thrown, std::size_t first) {
    std::string const missing = wait_for_all(run);
    auto const failed = transport_->failed(run.number);
    if (!missing.empty() || failed.failed) {
      if (!missing.empty()) mpi_library::get().leave_open();
      std::size_t const culprit = failed.rank - first;
      if (failed.failed && culprit < thrown.size() && thrown[culprit]) std::rethrow_exception(thrown[culprit]);
    }
    for (std::exception_ptr const& each : thrown)
      if (each) std::rethrow_exception(each);
    if (failed.failed) throw communication_error(text_of({"spmd: ", failed.reason}));
    if (!missing.empty()) throw communication_error(text_of({"spmd: ranks ", missing, " did not return in time"}));
    transport_->forget_before(run.number);
  }

  /// The ranks that have not returned in time.
  std::string wait_for_all(mpi_run<Compilation> const& run) {
    double const end = seconds_now() + run.timeout;
    for (std::size_t rank = 0; rank < ranks();) {
      if (transport_->has_left(run.number, rank)) {
        ++rank;
      } else if (seconds_now() > end) {
        std::string missing;
        for (; rank < ranks(); ++rank)
          if (!transport_->has_left(run.number, rank)) append_text(missing, {missing.empty() ? "" : ", ", rank});
        return missing;
      } else {
        std::this_thread::yield();
      }
    }
    return "";
  }

  std::shared_ptr<mpi_transport<Compilation>> transport_;
  int on_this_machine_ = 1;
  std::mutex running_;
  std::uint64_t runs_ = 0;
};

inline mesh make_mpi_mesh(std::size_t devices_per_process, std::size_t threads_per_device) {
  struct entry {
    std::size_t devices, threads;
    mesh made;
  };
  static std::mutex mutex;
  static std::vector<entry>* const known = new std::vector<entry>;  // not ended before MPI is finalized
  mpi_library::get();
  std::lock_guard lock(mutex);
  for (entry const& each : *known)
    if (each.devices == devices_per_process && each.threads == threads_per_device) return each.made;
  auto const processes = std::make_shared<mpi_processes<compilation>>(devices_per_process);
  std::size_t const threads =
      threads_per_device ? threads_per_device : processes->threads_per_device(devices_per_process);
  std::size_t const first = processes->process() * devices_per_process;
  std::vector<device> devices;
  for (std::size_t i = 0; i < devices_per_process; ++i)
    devices.push_back(device::new_cpu(threads, static_cast<int>(first + i)));
  mesh made(std::move(devices), first, processes->ranks(), processes);
  known->push_back({devices_per_process, threads_per_device, made});
  return made;
}

/// Before main, mesh::mpi learns how.
inline bool const mpi_mesh_is_known = (mesh::made_by() = &make_mpi_mesh, true);

}  // namespace lockstep
