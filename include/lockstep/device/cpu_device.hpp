// The CPU as a device: a TBB arena with its own number of threads, and pooled, first-touched host memory.
#pragma once

#include <cstring>

#include "../backend/cpu/stream.hpp"
#include "../core/algorithm.hpp"
#include "../core/threads.hpp"
#include "device.hpp"
#include "memory_pool.hpp"
#include "parallel_loop.hpp"

namespace lockstep {
/// Bytes that each step of a parallel copy or fill handles.
inline constexpr std::size_t copy_grain_bytes = std::size_t{1} << 18;

/// TBB has as many workers as the machine has cores; a device asking for more threads than that raises the limit.
template <class = void>
void allow_threads(std::size_t threads) {
  using oneapi::tbb::global_control;
  static std::mutex mutex;
  static global_control* raised = nullptr;
  std::lock_guard lock(mutex);
  if (threads <= global_control::active_value(global_control::max_allowed_parallelism)) return;
  delete std::exchange(raised, nullptr);  // of several limits the smallest would hold
  raised = new global_control(global_control::max_allowed_parallelism, threads);
}

// Templates without need for a parameter: g++ takes every virtual function that it has compiled for what a call might
// end in, and files that make no devices would compile TBB's tasks and all that they call beside each expression. Their
// parameter is the same in every file, since the devices are.

// The functions of the table are cold, so that g++ does not guess that they are what a virtual call of a device_state
// ends in: it would compile a copy of them into every file, beside every call.
template <class = void>
class cpu_state final : public device_state {
 public:
  cpu_state(std::size_t threads, int place, std::string name)
      : device_state(device_kind::cpu, place, threads, std::move(name)), arena_(static_cast<int>(threads)) {
    allow_threads(threads);
  }

  [[gnu::cold]] void* allocate(std::size_t bytes) override {
    auto const [data, fresh] = pool_.allocate(bytes);
    if (data && fresh && bytes >= 2 * memory_pool::huge_page) touch(static_cast<char*>(data), bytes);
    return data;
  }

  [[gnu::cold]] void deallocate(void* data, std::size_t bytes) noexcept override { pool_.deallocate(data, bytes); }

  [[gnu::cold]] void copy(void* to, void const* from, std::size_t bytes) override {
    bool const past_caches = bytes >= cpu::stream_from_bytes;  // the C library sees pieces too small for that
    in_pieces(bytes, copy_grain_bytes, [=](std::size_t begin, std::size_t size) {
      char* const target = static_cast<char*>(to) + begin;
      char const* const source = static_cast<char const*>(from) + begin;
      if (!past_caches) return static_cast<void>(std::memmove(target, source, size));
      cpu::stream_copy(target, source, size);
      cpu::stream_fence();
    });
  }
  [[gnu::cold]] void copy_from_host(void* to, void const* from, std::size_t bytes) override { copy(to, from, bytes); }
  [[gnu::cold]] void copy_to_host(void* to, void const* from, std::size_t bytes) override { copy(to, from, bytes); }

  [[gnu::cold]] void fill(void* to, void const* pattern, std::size_t size, std::size_t count) override {
    std::size_t const grain = std::max<std::size_t>(1, copy_grain_bytes / size) * size;
    in_pieces(count * size, grain, [=](std::size_t first, std::size_t bytes) {
      char* const begin = static_cast<char*>(to) + first;
      std::memcpy(begin, pattern, size);
      for (std::size_t done = size; done < bytes; done *= 2)  // doubling: few calls, each long
        std::memcpy(begin + done, begin, std::min(done, bytes - done));
    });
  }

  [[gnu::cold]] void synchronize() override {}

  [[gnu::cold]] void run(index steps, loop_body body, void* context) override {
    if (threads == 1)
      for (index step = 0; step < steps; ++step) body(context, step);
    else if (steps > 0)
      parallel_loop<>(steps, static_cast<index>(threads), body, context).run(arena_);
  }

 private:
  /// A loop over `bytes` bytes by pieces of `grain`, and what it does with each: body(context, begin, size).
  struct piece_loop {
    std::size_t bytes, grain;
    void (*body)(void const* context, std::size_t begin, std::size_t size);
    void const* context;

    void operator()(index step) const {
      std::size_t const begin = static_cast<std::size_t>(step) * grain;
      body(context, begin, std::min(grain, bytes - begin));
    }
  };
  [[gnu::noinline]] void run_pieces(piece_loop const& loop) {
    auto const steps = static_cast<index>((loop.bytes + loop.grain - 1) / loop.grain);
    if (steps == 0) return;
    if (steps == 1) return loop(0);
    run(
        steps, [](void* c, index step) { (*static_cast<piece_loop const*>(c))(step); },
        const_cast<void*>(static_cast<void const*>(&loop)));
  }
  template <class F>
  void in_pieces(std::size_t bytes, std::size_t grain, F const& f) {
    run_pieces({bytes, grain,
                [](void const* context, std::size_t begin, std::size_t size) {
                  (*static_cast<F const*>(context))(begin, size);
                },
                &f});
  }

  // The thread that first writes a page decides where it lies, so the loop's own threads write them.
  void touch(char* data, std::size_t bytes) {
    in_pieces(bytes, copy_grain_bytes, [=](std::size_t begin, std::size_t size) {
      for (std::size_t at = 0; at < size; at += 4096) data[begin + at] = 0;
    });
  }

  oneapi::tbb::task_arena arena_;
  memory_pool pool_;
};

template <class>
device device::new_cpu(std::size_t threads, int place) {
  return device(new cpu_state<>(threads > 1 ? threads : 1, place, text_of({"cpu:", threads, "#", place})));
}

template <class>
[[gnu::cold]] device device::cpu(std::size_t threads) {
  struct known_device {
    device found;
    known_device* next;
  };
  static std::size_t const all = std::max(1, oneapi::tbb::info::default_concurrency());
  static std::mutex mutex;
  static known_device* first = nullptr;  // never freed: arrays may outlive every static object
  if (threads == 0) threads = all;
  std::lock_guard lock(mutex);
  for (known_device* known = first; known; known = known->next)
    if (known->found.threads() == threads) return known->found;
  first = new known_device{device(new cpu_state<>(threads, 0, text_of({"cpu:", threads}))), first};
  return first->found;
}

}  // namespace lockstep
