// device: where work runs and memory lives. A cheap value handle to shared state and to a table of what it can do.
#pragma once

#include <string>
#include <type_traits>

#include "../core/config.hpp"
#include "../core/counted.hpp"
#include "../core/error.hpp"
#include "event.hpp"

struct CUstream_st;  // what CUDA's cudaStream_t points to

namespace lockstep {

enum class device_kind { cpu, gpu };

/// One step of a parallel loop: the loop's context and the number of the step.
using loop_body = void (*)(void* context, index step);

struct device_state;

/// What a kind of device has recorded (see graph.hpp).
struct graph_state : counted {
  virtual void launch() = 0;
};

/// What every kind of device can do without knowing types. A GPU's table is filled by files that nvcc compiles, so
/// that host-only files can still own, copy and release its arrays.
struct device_state : counted {
  device_state(device_kind k, int n, std::size_t t, std::string s)
      : kind(k), number(n), threads(t), name(std::move(s)) {}

  device_kind const kind;
  int const number;           ///< which GPU; for a CPU device its place in a mesh
  std::size_t const threads;  ///< CPU threads that work on this device's loops; 0 for a GPU
  std::string const name;

  /// At least `bytes` bytes, aligned to 64. nullptr when there is no such memory.
  virtual void* allocate(std::size_t bytes) = 0;
  virtual void deallocate(void* data, std::size_t bytes) noexcept = 0;
  /// Copies within the device, in stream order.
  virtual void copy(void* to, void const* from, std::size_t bytes) = 0;
  virtual void copy_from_host(void* to, void const* from, std::size_t bytes) = 0;
  /// Waits for the device's work so far, then copies.
  virtual void copy_to_host(void* to, void const* from, std::size_t bytes) = 0;
  /// Writes `count` copies of the `size` bytes at `pattern`.
  virtual void fill(void* to, void const* pattern, std::size_t size, std::size_t count) = 0;
  virtual void synchronize() = 0;
  /// CPU devices: calls body(context, step) for every step in [0, steps) on the device's threads, and waits.
  virtual void run(index steps, loop_body body, void* context) = 0;

  // What only GPUs do otherwise than here: on a CPU device everything has run when the call that asked for it returns.

  /// The point in the order of work that is reached now; nullptr: it is past.
  virtual counted_pointer<event_state> record() { return nullptr; }
  /// What is queued from now on comes after the event.
  virtual void wait(event_state const& e) { e.wait(); }
  /// Copies from another GPU, in the order of work of both.
  virtual void copy_from_device(void*, device_state& source, void const*, std::size_t) { throw_no_gpu(source.name); }
  /// Memory of the host that asynchronous copies read and write by themselves; nullptr when there is none.
  virtual void* allocate_host(std::size_t bytes) { return allocate(bytes); }
  virtual void deallocate_host(void* data, std::size_t bytes) noexcept { deallocate(data, bytes); }
  /// The host's memory is the caller's again when an event recorded after this has come.
  virtual void copy_from_host_async(void* to, void const* from, std::size_t bytes) { copy_from_host(to, from, bytes); }
  virtual void copy_to_host_async(void* to, void const* from, std::size_t bytes) { copy_to_host(to, from, bytes); }
  /// From begin to end, what would be queued is recorded.
  virtual bool is_recording() const { return false; }
  virtual void begin_capture() { throw_no_gpu(name); }
  virtual void abandon_capture() noexcept {}
  virtual counted_pointer<graph_state> end_capture() { throw_no_gpu(name); }

 private:
  [[noreturn, gnu::cold, gnu::noinline]] static void throw_no_gpu(std::string const& found) {
    throw device_error(found + ": found a CPU device, expected a GPU");
  }
};

/// Makes the state of GPU `number`; set at start-up by files compiled with nvcc.
using gpu_factory = device_state* (*)(int number);
inline gpu_factory& registered_gpu_factory() {
  static gpu_factory factory = nullptr;
  return factory;
}
/// The same for a GPU whose work is queued on a stream of the caller's.
using gpu_stream_factory = device_state* (*)(int number, CUstream_st* stream);
inline gpu_stream_factory& registered_gpu_stream_factory() {
  static gpu_stream_factory factory = nullptr;
  return factory;
}

/// How many GPUs the machine has.
using gpu_counter = int (*)();
inline gpu_counter& registered_gpu_counter() {
  static gpu_counter counter = nullptr;
  return counter;
}

/// Handle to a device. Copies refer to the same device; equal handles share memory and order of work.
class device {
 public:
  device() = default;
  explicit device(device_state* state) : state_(state) {}

  /// The CPU with `threads` threads of its own, 0 meaning all of the machine's. The same number gives the same device.
  template <class = void>
  static device cpu(std::size_t threads = 0);

  /// A CPU device unlike any other, for the `place`-th rank of a mesh.
  template <class = void>
  static device new_cpu(std::size_t threads, int place);

  /// GPU `number`. Throws device_error when the program holds no CUDA code or the machine no such GPU.
  static device gpu(int number = 0) {
    if (!registered_gpu_factory()) throw_without_cuda(number);
    return device(registered_gpu_factory()(number));
  }

  /// GPU `number`, with its work in the order of a CUDA stream of yours (nullptr: the legacy default stream), which
  /// must live until the device and its arrays are gone. The same stream gives the same device; devices of other
  /// streams are others, even on one GPU: array::to copies between them, wait() orders them. Throws device_error when
  /// the program holds no CUDA code, the machine no such GPU, or when the stream is another GPU's.
  static device gpu(int number, CUstream_st* stream) {
    if (!registered_gpu_stream_factory()) throw_without_cuda(number);
    return device(registered_gpu_stream_factory()(number, stream));
  }

  /// How many GPUs the machine has: 0 as well when the program holds no CUDA code.
  static int gpu_count() { return registered_gpu_counter() ? registered_gpu_counter()() : 0; }

  /// "cpu", "cpu:4" (threads), "gpu", "gpu:1" (number). Throws device_error for anything else.
  template <class = void>
  static device parse(std::string const& text);

  bool valid() const { return state_ != nullptr; }
  bool is_cpu() const { return state().kind == device_kind::cpu; }
  bool is_gpu() const { return state().kind == device_kind::gpu; }
  std::size_t threads() const { return state().threads; }
  int number() const { return state().number; }
  std::string const& name() const { return state().name; }
  void synchronize() const { state().synchronize(); }

  /// The point that the work queued so far reaches.
  event record() const { return event(state().record()); }
  /// What is queued on this device from now on runs after the event, of whatever device; the host does not wait, unless
  /// this is a CPU device.
  void wait(event const& e) const {
    if (e.state()) state().wait(*e.state());
  }

  /// CPU devices: calls f(step) for every step in [0, steps) on the device's threads and waits. The first exception
  /// thrown by a step is rethrown; steps that have not begun by then may be left out.
  template <class F>
  void run(index steps, F&& f) const {
    using body_type = std::remove_reference_t<F>;
    if (steps == 1) {
      f(index{0});
    } else if (steps > 1) {
      void* context = const_cast<void*>(static_cast<void const*>(std::addressof(f)));
      state().run(
          steps, [](void* c, index step) { (*static_cast<body_type*>(c))(step); }, context);
    }
  }

  /// The shared state; throws device_error for a default-constructed handle.
  device_state& state() const {
    if (!state_) throw_empty();
    return *state_;
  }

  friend bool operator==(device const& a, device const& b) { return a.state_ == b.state_; }

 private:
  [[noreturn, gnu::cold, gnu::noinline]] static void throw_without_cuda(int number) {
    throw device_error(text_of({"device::gpu(", number,
                                "): found a program without CUDA code; compile at least one of its files with nvcc as "
                                "CUDA and include <lockstep/lockstep.hpp> there"}));
  }
  [[noreturn, gnu::cold, gnu::noinline]] static void throw_empty() {
    throw_text<device_error>({"device: found an empty handle; use device::cpu(), device::gpu(i) or device::parse"});
  }

  counted_pointer<device_state> state_;
};

template <class>
[[gnu::cold]] device device::parse(std::string const& text) {
  std::size_t const colon = text.find(':');
  std::string const kind = text.substr(0, colon);
  std::string const digits = colon == std::string::npos ? "" : text.substr(colon + 1);
  bool good = (kind == "cpu" || kind == "gpu") && digits.size() <= 6 && (colon == std::string::npos || !digits.empty());
  for (char c : digits) good = good && c >= '0' && c <= '9';
  if (!good)
    throw device_error(text_of({"device::parse: found \"", text, "\", expected cpu, cpu:THREADS, gpu or gpu:NUMBER"}));
  int const number = digits.empty() ? 0 : std::stoi(digits);
  return kind == "cpu" ? cpu(static_cast<std::size_t>(number)) : gpu(number);
}

/// Where arrays go when no device is named: the CPU with all threads.
template <class = void>
device default_device() {
  return device::cpu();
}

}  // namespace lockstep

#include "cpu_device.hpp"
#if LOCKSTEP_CUDA
#include "gpu_device.cuh"
#endif
