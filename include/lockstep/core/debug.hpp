// Debug mode: define LOCKSTEP_DEBUG in every file of a program, and views check their indices, new memory is filled
// with NaN (all bits set), and what goes wrong in a kernel names the launch.
#pragma once

#include <cstdio>

#include "shape.hpp"

namespace lockstep::debug {

#if defined(LOCKSTEP_DEBUG)
inline constexpr bool on = true;
#else
inline constexpr bool on = false;
#endif

/// Which kernel runs, and where the memory of its arguments is.
struct kernel_note {
  static constexpr int most = 16;
  char const* kernel = nullptr;
  int count = 0;
  void const* memory[most] = {};

  /// The number of the argument whose first element is at `data`, counted from 1; 0 when it is none of them.
  int argument_at(void const* data) const {
    for (int k = 0; k < count && k < most; ++k)
      if (data && memory[k] == data) return k + 1;
    return 0;
  }
};

#if defined(LOCKSTEP_DEBUG)

inline thread_local kernel_note const* running = nullptr;

/// Says for a while that the calling thread runs a kernel.
class running_kernel {
 public:
  explicit running_kernel(kernel_note const& note) : before_(running) { running = &note; }
  running_kernel(running_kernel const&) = delete;
  running_kernel& operator=(running_kernel const&) = delete;
  ~running_kernel() { running = before_; }

 private:
  kernel_note const* before_;
};

std::string readable_kernel_name(std::string const& text);

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_out_of_bounds(void const* data, index const* extents,
                                                                       index const* at, std::size_t rank) {
  std::string const place = to_string(at, rank) + " of a view of the shape " + to_string(extents, rank);
  std::string who = "view";
  if (running) {
    int const number = running->argument_at(data);
    who = "kernel " + readable_kernel_name(running->kernel) + ", " +
          (number ? "argument " + std::to_string(number) : std::string("a view of its own"));
  }
  throw error(who + ": found the index " + place + ", expected one inside of it; check the kernel's indices");
}

/// Throws error (on a GPU: prints it and stops the program's work on that GPU) for an index that is not in the view.
LOCKSTEP_FN inline void require_inside([[maybe_unused]] void const* data, index const* extents, index const* at,
                                       std::size_t rank) {
  for (std::size_t axis = 0; axis < rank; ++axis)
    if (at[axis] < 0 || at[axis] >= extents[axis]) {
#if defined(__CUDA_ARCH__)
      printf("lockstep: a kernel found the index %lld along axis %d of a view, expected one in [0, %lld)\n",
             static_cast<long long>(at[axis]), static_cast<int>(axis), static_cast<long long>(extents[axis]));
      __trap();
#else
      throw_out_of_bounds(data, extents, at, rank);
#endif
    }
}

#else

struct running_kernel {
  explicit running_kernel(kernel_note const&) {}
};

#endif

/// The name of a kernel's type: the part of a function's name, as compilers print it, that says what Kernel is.
[[gnu::cold, gnu::noinline]] inline std::string readable_kernel_name(std::string const& text) {
  std::size_t const from = text.find("Kernel = ");
  if (from == std::string::npos) return text;
  std::size_t const end = text.find_first_of(";]", from);
  return text.substr(from + 9, end - from - 9);
}

}  // namespace lockstep::debug
