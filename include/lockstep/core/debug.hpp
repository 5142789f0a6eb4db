// Debug mode: define LOCKSTEP_DEBUG in every file of a program, and views check their indices, new memory is filled
// with NaN (all bits set), and what goes wrong in a kernel names the launch.
#pragma once

#include <cstdio>

#include "shape.hpp"

namespace lockstep::debug {

/// The name of a kernel's type: the part of a function's name, as compilers print it, that says what Kernel is.
template <class = void>
[[gnu::cold, gnu::noinline]] std::string readable_kernel_name(std::string const& text) {
  std::size_t const from = text.find("Kernel = ");
  if (from == std::string::npos) return text;
  std::size_t const end = text.find_first_of(";]", from);
  return text.substr(from + 9, end - from - 9);
}

#if defined(LOCKSTEP_DEBUG)
inline constexpr bool on = true;
#else
inline constexpr bool on = false;
#endif

/// Which argument of a launch a view is, counted from 1; 0 for a view that the kernel made itself.
struct argument_number {
  int value = 0;
};

#if defined(LOCKSTEP_DEBUG)

inline thread_local char const* running = nullptr;

/// Says for a while that the calling thread runs a kernel.
class running_kernel {
 public:
  explicit running_kernel(char const* kernel) : before_(running) { running = kernel; }
  running_kernel(running_kernel const&) = delete;
  running_kernel& operator=(running_kernel const&) = delete;
  ~running_kernel() { running = before_; }

 private:
  char const* before_;
};

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_out_of_bounds(argument_number argument, index const* extents,
                                                                       index const* at, std::size_t rank) {
  std::string const place = to_string(at, rank) + " of a view of the shape " + to_string(extents, rank);
  std::string who = "view";
  if (running)
    who = "kernel " + readable_kernel_name(running) + ", " +
          (argument.value ? "argument " + std::to_string(argument.value) : std::string("a view of its own"));
  throw error(who + ": found the index " + place + ", expected one inside of it; check the kernel's indices");
}

#if defined(__CUDACC__)
/// The launch, which the host waits for, then fails with an error that names the kernel.
__device__ inline void print_out_of_bounds(argument_number argument, index at, int axis, index extent) {
  auto const found = static_cast<long long>(at), end = static_cast<long long>(extent);
  if (argument.value > 0)
    printf("lockstep: a kernel, argument %d: found the index %lld along axis %d, expected one in [0, %lld)\n",
           argument.value, found, axis, end);
  else
    printf("lockstep: a kernel, a view of its own: found the index %lld along axis %d, expected one in [0, %lld)\n",
           found, axis, end);
}
#endif

/// Throws error (on a GPU: prints it and stops the program's work on that GPU) for an index that is not in the view.
LOCKSTEP_FN inline void require_inside(argument_number argument, index const* extents, index const* at,
                                       std::size_t rank) {
  for (std::size_t axis = 0; axis < rank; ++axis)
    if (at[axis] < 0 || at[axis] >= extents[axis]) {
#if defined(__CUDA_ARCH__)
      print_out_of_bounds(argument, at[axis], static_cast<int>(axis), extents[axis]);
      __trap();
#else
      throw_out_of_bounds(argument, extents, at, rank);
#endif
    }
}

#else

struct running_kernel {
  explicit running_kernel(char const*) {}
};

#endif

}  // namespace lockstep::debug
