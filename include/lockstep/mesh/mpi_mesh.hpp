// mpi_mesh: mesh::mpi for the files of a program that are compiled with LOCKSTEP_MPI, and through them for all.
#pragma once

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "mpi_agreement.hpp"
#include "mpi_engine.hpp"
#include "mpi_pulse.hpp"
#include "process_ranks.hpp"

namespace lockstep {

/// The processes of a mesh that the launcher of MPI has started.
template <class Compilation>
class mpi_processes final : public mesh_processes {
 public:
  /// `gpus`: how many this process sees; only of interest when the devices are GPUs. Throws device_error in all
  /// processes when one of them cannot have its devices.
  explicit mpi_processes(std::size_t devices_per_process, int gpus = mpi_agreement::no_gpus_wanted) {
    MPI_Comm all;
    mpi_library::check(MPI_Comm_dup(MPI_COMM_WORLD, &all), "MPI_Comm_dup");
    MPI_Comm_set_errhandler(all, MPI_ERRORS_RETURN);
    mpi_agreement const agreed = mpi_agree(all, devices_per_process, gpus);
    MPI_Comm here;
    mpi_library::check(MPI_Comm_split_type(all, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &here), "MPI_Comm_split_type");
    MPI_Comm_size(here, &on_this_machine_);
    MPI_Comm_rank(here, &place_on_machine_);
    std::vector<int> machines = machines_by_process(all, here, agreed.machines);
    bool const one =
        std::find_if(machines.begin(), machines.end(), [&](int m) { return m != machines[0]; }) == machines.end();
    transport_ = std::make_shared<mpi_transport<Compilation>>(all, devices_per_process, std::move(machines));
    if (agreed.shared_memory && one) share_memory(here);
    MPI_Comm_free(&here);
  }

  std::size_t process() const { return transport_->process(); }
  std::size_t ranks() const { return transport_->ranks(); }
  /// Which process of its machine this is, from 0 on.
  std::size_t place_on_machine() const { return static_cast<std::size_t>(place_on_machine_); }

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
    if (running_here() == this)
      throw communication_error(
          "spmd: found a call on a mesh of processes inside of another one on the same mesh, expected one after the "
          "other");
    std::lock_guard lock(running_);
    guarded_call guarded{this, f, context};
    try {
      if (here_)
        here_->run(devices, guarded_call::run, &guarded);
      else
        run_by_messages(devices, guarded_call::run, &guarded);
    } catch (...) {
      if (here_ && !here_->all_returned()) mpi_library::get().leave_open();
      throw;
    }
  }

 private:
  /// The mesh that the calling thread runs a rank of.
  static mpi_processes const*& running_here() {
    thread_local mpi_processes const* running = nullptr;
    return running;
  }
  struct guarded_call {
    mpi_processes const* self;
    void (*f)(void* context, communicator& comm);
    void* context;

    static void run(void* call, communicator& comm) {
      struct guard {
        explicit guard(mpi_processes const* self) { running_here() = self; }
        ~guard() { running_here() = nullptr; }
      };
      auto const& all = *static_cast<guarded_call*>(call);
      guard const running(all.self);
      all.f(all.context, comm);
    }
  };

  /// The first process makes the memory and the others open it; without it, when one of them cannot.
  void share_memory(MPI_Comm here) {
    if (!know_each_other(here)) return;
    std::size_t const bytes[] = {process_ranks<Compilation>::world_bytes(ranks()),
                                 process_ranks<Compilation>::group_bytes(ranks())};
    std::vector<process_memory> memory;
    int good = 1;
    std::int64_t origin[5] = {getpid(), -1, -1, -1, -1};
    bool const first = process() == 0;
    for (std::size_t i = 0; first && good && i < 2; ++i) good = make(memory, [&] { return process_memory(bytes[i]); });
    for (std::size_t i = 0; first && i < memory.size(); ++i) {
      origin[1 + i] = memory[i].descriptor();
      origin[3 + i] = memory[i].identity();
    }
    mpi_library::check(MPI_Bcast(origin, 5, MPI_INT64_T, 0, here), "MPI_Bcast");
    for (std::size_t i = 0; !first && good && i < 2; ++i)
      good = make(memory,
                  [&] { return process_memory(origin[0], static_cast<int>(origin[1 + i]), origin[3 + i], bytes[i]); });
    mpi_library::check(MPI_Allreduce(MPI_IN_PLACE, &good, 1, MPI_INT, MPI_MIN, here), "MPI_Allreduce");
    if (!good) return;
    for (process_memory& each : memory) each.close_descriptor();
    std::size_t const mine = ranks() / transport_->processes();
    here_ = std::make_unique<process_ranks<Compilation>>(std::move(memory[0]), std::move(memory[1]), ranks(),
                                                         process() * mine, mine, print);
    mpi_library::check(MPI_Barrier(here), "MPI_Barrier");
  }
  template <class Make>
  static bool make(std::vector<process_memory>& into, Make const& how) {
    try {
      into.push_back(how());
      return true;
    } catch (error const&) {
      return false;
    }
  }

  /// At once, before the launcher ends everybody because one process has failed.
  static void print(std::string const& what) { std::fprintf(stderr, "lockstep, %s\n", what.c_str()); }

  void run_by_messages(mesh const& devices, void (*f)(void* context, communicator& comm), void* context) {
    mpi_run<Compilation> const run{transport_, runs_++, devices.timeout()};
    std::size_t const first = devices.first_local_rank();
    mpi_pulse<Compilation> const pulse(run);
    links_.run(
        devices, [&] { return transport_->failed(run.number).failed; },
        [&](auto& links) {
          auto const thrown = on_threads(
              devices.local_ranks(),
              [&](std::size_t i) {
                device const& where = devices.device(first + i);
                communicator comm = links.connect(mpi_engine<Compilation>(run, first + i), where, first + i);
                f(context, comm);
              },
              [&](std::size_t i, std::string const& why) {
                std::string const what = text_of({"rank ", first + i, why});
                transport_->fail(run.number, first + i, what);
                links.fail();
                print(what);
              },
              [&](std::size_t i) { transport_->leave(run.number, first + i); });
          end(run, thrown, first);
        });
  }

  /// Waits for the others as one waits for threads to be joined, and says what went wrong.
  void end(mpi_run<Compilation> const& run, std::vector<std::exception_ptr> const& thrown, std::size_t first) {
    std::string const missing = wait_for_all(run);
    if (!missing.empty()) mpi_library::get().leave_open();
    auto const failed = transport_->failed(run.number);
    if (failed.failed) rethrow_failure(thrown, failed.rank - first, failed.reason);
    if (!missing.empty())
      throw communication_error(
          text_of({"spmd: nothing has been heard of rank ", missing, ", which had not returned, for the timeout"}));
    transport_->forget_before(run.number);
  }

  /// The ranks that have not returned, and of whose processes nothing has been heard for the timeout.
  std::string wait_for_all(mpi_run<Compilation> const& run) {
    constexpr double grace = 0.5;  // seconds to notice that another rank failed
    double const begun = seconds_now();
    backoff looks;
    for (std::size_t rank = 0; rank < ranks();) {
      double const heard = std::max(begun, transport_->last_heard(rank));
      if (transport_->has_left(run.number, rank)) {
        ++rank;
      } else if (seconds_now() > (transport_->failed(run.number).failed ? begun + grace : heard + run.timeout)) {
        std::string missing;
        for (; rank < ranks(); ++rank)
          if (!transport_->has_left(run.number, rank)) append_text(missing, {missing.empty() ? "" : ", ", rank});
        return missing;
      } else {
        looks.pause();
      }
    }
    return "";
  }

  std::shared_ptr<mpi_transport<Compilation>> transport_;
  std::unique_ptr<process_ranks<Compilation>> here_;  // when all processes are on one machine
  process_links<Compilation> links_;                  // of messages
  int on_this_machine_ = 1, place_on_machine_ = 0;
  std::mutex running_;
  std::uint64_t runs_ = 0;
};

/// Meshes of processes, each made once: of so many devices, CPUs with so many threads or, with 0 threads, GPUs.
class mpi_meshes {
 public:
  template <class Make>
  static mesh get(std::size_t devices_per_process, std::size_t threads, bool gpus, Make const& make) {
    mpi_library::get();
    std::lock_guard lock(mutex());
    for (entry const& each : known())
      if (each.devices == devices_per_process && each.threads == threads && each.gpus == gpus) return each.made;
    known().push_back({devices_per_process, threads, gpus, make()});
    return known().back().made;
  }

 private:
  struct entry {
    std::size_t devices, threads;
    bool gpus;
    mesh made;
  };
  static std::mutex& mutex() {
    static std::mutex only;
    return only;
  }
  static std::vector<entry>& known() {
    static std::vector<entry>* const all = new std::vector<entry>;  // not ended before MPI is finalized
    return *all;
  }
};

inline mesh make_mpi_mesh(std::size_t devices_per_process, std::size_t threads_per_device) {
  return mpi_meshes::get(devices_per_process, threads_per_device, false, [&] {
    auto const processes = std::make_shared<mpi_processes<compilation>>(devices_per_process);
    std::size_t const threads =
        threads_per_device ? threads_per_device : processes->threads_per_device(devices_per_process);
    std::size_t const first = processes->process() * devices_per_process;
    std::vector<device> devices;
    for (std::size_t i = 0; i < devices_per_process; ++i)
      devices.push_back(device::new_cpu(threads, static_cast<int>(first + i)));
    return mesh(std::move(devices), first, processes->ranks(), processes);
  });
}

/// Before main, mesh::mpi learns how.
inline bool const mpi_mesh_is_known = (mesh::made_by() = &make_mpi_mesh, true);

#if LOCKSTEP_NCCL
inline namespace LOCKSTEP_COMPILER {

/// The processes of a machine take its GPUs in turn, or those that the launcher has left each of them to see.
inline mesh make_mpi_gpu_mesh(std::size_t gpus_per_process, std::size_t) {
  return mpi_meshes::get(gpus_per_process, 0, true, [&] {
    int const gpus = device::gpu_count();
    auto const processes = std::make_shared<mpi_processes<compilation>>(gpus_per_process, gpus);
    std::size_t const parts = static_cast<std::size_t>(gpus) / gpus_per_process;
    std::size_t const from = processes->place_on_machine() % parts * gpus_per_process;
    std::vector<device> devices;
    for (std::size_t i = 0; i < gpus_per_process; ++i) devices.push_back(device::gpu(static_cast<int>(from + i)));
    return mesh(std::move(devices), processes->process() * gpus_per_process, processes->ranks(), processes);
  });
}
inline bool const mpi_gpu_mesh_is_known = (mesh::gpus_made_by() = &make_mpi_gpu_mesh, true);

}  // namespace LOCKSTEP_COMPILER
#endif

}  // namespace lockstep
