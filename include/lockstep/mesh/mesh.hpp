// mesh: an ordered set of devices that can talk to each other. Its position in the set is a device's rank. The devices
// may belong to several processes; then all of them make the same mesh.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "../core/algorithm.hpp"
#include "../core/memory.hpp"
#include "../core/owned_array.hpp"
#include "../core/threads.hpp"
#include "../device/device.hpp"

namespace lockstep {

class communicator;
class mesh;

/// The processes that a mesh spans, and how to run something on all of its ranks. Made by mesh::mpi.
class mesh_processes {
 public:
  mesh_processes() = default;
  mesh_processes(mesh_processes const&) = delete;
  mesh_processes& operator=(mesh_processes const&) = delete;
  virtual ~mesh_processes() = default;
  /// Calls f(context, communicator) on every rank of this process. All processes call it; returns when all have.
  virtual void run(mesh const& devices, void (*f)(void* context, communicator& comm), void* context) = 0;
};

/// Devices by rank, and how long their collectives may wait. A cheap value: copies share the devices.
class mesh {
 public:
  static constexpr double default_timeout = 30;  ///< seconds

  /// Throws device_error unless there is at least one device and all are of one kind.
  explicit mesh(std::vector<lockstep::device> devices) : mesh(std::move(devices), 0, 0, nullptr) {}
  /// This process has `devices`, which are the ranks from `first` on, of `ranks` in all `processes`.
  mesh(std::vector<lockstep::device> devices, std::size_t first, std::size_t ranks,
       std::shared_ptr<mesh_processes> processes)
      : devices_(new device_list(devices.size())),
        processes_(std::move(processes)),
        first_(first),
        size_(processes_ ? ranks : devices.size()) {
    for (std::size_t i = 0; i < devices.size(); ++i) devices_->all[i] = devices[i];
    require_one_kind();
  }

  /// `devices` distinct CPU devices that share the machine: each has `threads_per_device` threads, 0 meaning an equal
  /// part of all, at least one. The same numbers give the same devices. Throws device_error for no devices.
  template <class = void>
  static mesh cpu(std::size_t devices, std::size_t threads_per_device = 0);

  /// GPUs 0 to `devices` - 1 of this process; 0 meaning all of the machine's. Throws device_error when there are not as
  /// many, or none, and when the program holds no CUDA code.
  static mesh gpus(std::size_t devices = 0);

  /// `devices_per_process` CPU devices of each process that the MPI launcher has started, process by process. All
  /// processes must call it, with the same numbers; the same numbers give the same mesh. `threads_per_device` 0 means
  /// an equal part of the threads that this process may use. Initializes MPI when nobody has, and finalizes it then at
  /// the program's end. Throws device_error when the program was compiled without MPI or asks for no devices.
  static mesh mpi(std::size_t devices_per_process = 1, std::size_t threads_per_device = 0);

  /// As mpi, but `gpus_per_process` GPUs of each process: the first process of a machine has the first GPUs, the next
  /// those after them; a process that sees no more than it needs (CUDA_VISIBLE_DEVICES) has those. Throws device_error,
  /// in all processes, when one sees fewer, and when no file of the program is compiled by nvcc with MPI and NCCL.
  static mesh mpi_gpus(std::size_t gpus_per_process = 1);

  /// "cpu:4" (four CPU devices), "cpu" (one with all threads), "gpu:2" (GPUs 0 and 1), "mpi" (one CPU device in each
  /// process), "mpi:2" (two), "mpi_gpu" (one GPU in each process), "mpi_gpu:2" (two). Throws device_error for anything
  /// else.
  template <class = void>
  static mesh parse(std::string const& text);

  /// Devices of all processes: the number of ranks.
  std::size_t size() const { return size_; }
  bool is_cpu() const { return devices_->all[0].is_cpu(); }
  /// Whether all devices belong to this process.
  bool is_local() const { return local_ranks() == size(); }
  /// This process has the ranks first_local_rank() to first_local_rank() + local_ranks() - 1.
  std::size_t first_local_rank() const { return first_; }
  std::size_t local_ranks() const { return devices_->all.size(); }
  /// Whether rank `rank` belongs to this process.
  bool is_local(std::size_t rank) const { return rank - first_ < local_ranks(); }
  /// Throws device_error when there is no such rank, or when it belongs to another process.
  lockstep::device const& device(std::size_t rank) const {
    if (!is_local(rank)) throw_rank(rank);
    return devices_->all[rank - first_];
  }
  /// What runs the ranks of a mesh that spans processes; null when all devices are of this process and none else takes
  /// part.
  std::shared_ptr<mesh_processes> const& processes() const { return processes_; }

  /// Seconds after which a collective that still waits for other ranks gives up.
  double timeout() const { return timeout_; }
  /// Changes the timeout of this value and of later copies of it. Throws lockstep::error unless it is positive.
  mesh& set_timeout(double seconds) {
    if (!(seconds > 0)) throw_timeout(seconds);
    timeout_ = seconds;
    return *this;
  }

  /// Whether both have the same devices in the same order.
  friend bool operator==(mesh const& a, mesh const& b) {
    return a.size_ == b.size_ && a.first_ == b.first_ && a.has_devices_of(b);
  }

  /// How files that are compiled with MPI make mesh::mpi work in all others; null without any.
  using mpi_maker = mesh (*)(std::size_t devices_per_process, std::size_t threads_per_device);
  static mpi_maker& made_by() {
    static mpi_maker maker = nullptr;
    return maker;
  }
  /// The same for mesh::mpi_gpus.
  static mpi_maker& gpus_made_by() {
    static mpi_maker maker = nullptr;
    return maker;
  }

 private:
  struct device_list : counted {
    explicit device_list(std::size_t size) : all(size) {}
    fixed_array<lockstep::device> all;
  };
  explicit mesh(counted_pointer<device_list> devices) : devices_(std::move(devices)), size_(devices_->all.size()) {
    require_one_kind();
  }

  void require_one_kind() const {
    auto const& all = devices_->all;
    if (all.size() == 0) throw device_error("mesh: found no devices, expected at least one");
    for (std::size_t i = 0; i < all.size(); ++i)
      if (all[i].is_cpu() != is_cpu())
        throw device_error(text_of({"mesh: found ", all[0].name(), " at rank ", first_, " and ", all[i].name(),
                                    " at rank ", first_ + i, ", expected devices of one kind"}));
  }
  bool has_devices_of(mesh const& other) const {
    if (local_ranks() != other.local_ranks()) return false;
    for (std::size_t i = 0; i < local_ranks(); ++i)
      if (!(devices_->all[i] == other.devices_->all[i])) return false;
    return true;
  }
  [[noreturn, gnu::cold, gnu::noinline]] static void throw_timeout(double seconds) {
    std::string text = "mesh::set_timeout: found ";
    append_number(text, seconds);
    append_text(text, {" seconds, expected a positive number"});
    throw error(text);
  }

  [[noreturn, gnu::cold, gnu::noinline]] void throw_rank(std::size_t rank) const {
    if (rank >= size())
      throw device_error(text_of({"mesh::device: found rank ", rank, ", expected less than ", size()}));
    throw device_error(
        text_of({"mesh::device: found rank ", rank, ", which belongs to another process, expected ", first_, " to ",
                 first_ + local_ranks() - 1, ", those of this one; spmd gives each rank its own device"}));
  }

  counted_pointer<device_list> devices_;
  std::shared_ptr<mesh_processes> processes_;
  std::size_t first_ = 0, size_ = 0;
  double timeout_ = default_timeout;
};

template <class>
mesh mesh::cpu(std::size_t devices, std::size_t threads_per_device) {
  if (devices == 0) throw device_error("mesh::cpu: found 0 devices, expected at least one");
  if (threads_per_device == 0) threads_per_device = std::max<std::size_t>(1, device::cpu().threads() / devices);
  struct known_mesh {
    mesh found;
    known_mesh* next;
  };
  static std::mutex mutex;
  static known_mesh* first = nullptr;  // never freed: sharded arrays may outlive every static object
  std::lock_guard lock(mutex);
  for (known_mesh* known = first; known; known = known->next)
    if (known->found.size() == devices && known->found.device(0).threads() == threads_per_device) return known->found;
  counted_pointer<device_list> const list(new device_list(devices));
  for (std::size_t i = 0; i < devices; ++i)
    list->all[i] = lockstep::device::new_cpu(threads_per_device, static_cast<int>(i));
  first = new known_mesh{mesh(list), first};
  return first->found;
}

inline mesh mesh::mpi(std::size_t devices_per_process, std::size_t threads_per_device) {
  if (!made_by())
    throw device_error(
        "mesh::mpi: found a program compiled without MPI, expected one with it; with CMake link lockstep::mpi, "
        "otherwise "
        "compile with mpicxx -D LOCKSTEP_MPI");
  if (devices_per_process == 0) throw device_error("mesh::mpi: found 0 devices per process, expected at least one");
  return made_by()(devices_per_process, threads_per_device);
}

inline mesh mesh::mpi_gpus(std::size_t gpus_per_process) {
  if (!gpus_made_by())
    throw device_error(
        "mesh::mpi_gpus: found no file of this program that is compiled by nvcc with MPI and NCCL, expected one; with "
        "CMake link lockstep::nccl and lockstep::mpi, otherwise compile with -D LOCKSTEP_MPI and link both");
  if (gpus_per_process == 0) throw device_error("mesh::mpi_gpus: found 0 GPUs per process, expected at least one");
  return gpus_made_by()(gpus_per_process, 0);
}

inline mesh mesh::gpus(std::size_t devices) {
  std::size_t const count =
      std::max<std::size_t>(1, devices ? devices : static_cast<std::size_t>(lockstep::device::gpu_count()));
  counted_pointer<device_list> const list(new device_list(count));
  for (std::size_t i = 0; i < count; ++i) list->all[i] = lockstep::device::gpu(static_cast<int>(i));
  return mesh(list);
}

template <class>
mesh mesh::parse(std::string const& text) {
  std::size_t const colon = text.find(':');
  std::string const kind = text.substr(0, colon);
  std::string const digits = colon == std::string::npos ? "1" : text.substr(colon + 1);
  bool good =
      (kind == "cpu" || kind == "gpu" || kind == "mpi" || kind == "mpi_gpu") && !digits.empty() && digits.size() <= 4;
  for (char c : digits) good = good && c >= '0' && c <= '9';
  std::size_t const count = good ? std::stoul(digits) : 0;
  if (count == 0)
    throw device_error(text_of({"mesh::parse: found \"", text,
                                "\", expected cpu, cpu:DEVICES, gpu:DEVICES, mpi, mpi:DEVICES_PER_PROCESS, mpi_gpu "
                                "or mpi_gpu:GPUS_PER_PROCESS"}));
  if (kind == "cpu") return cpu(count);
  if (kind == "mpi") return mpi(count);
  if (kind == "mpi_gpu") return mpi_gpus(count);
  return gpus(count);
}

}  // namespace lockstep
