// launch: a custom kernel over elements or over teams, on CPU threads or on a GPU, from one source.
#pragma once

#include "../backend/cpu/launch.hpp"
#include "../expression/device_function.hpp"
#include "arguments.hpp"
#include "atomic.hpp"
#if LOCKSTEP_CUDA
#include "../backend/cuda/custom.cuh"
#endif

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// Thrown by launches on a GPU from a file compiled without CUDA.
[[noreturn, gnu::cold, gnu::noinline]] inline void throw_kernel_needs_cuda(launch_info const& launch) {
  throw device_error(text_of({"launch of ", debug::readable_kernel_name(launch.kernel), ": found ", launch.where.name(),
                              " in a file compiled without CUDA; compile this file with nvcc as CUDA, or launch on a "
                              "CPU device"}));
}

template <class Space, class Kernel, class... Arguments>
void launch_lowered(launch_info const& info, Space const& space, Kernel const& kernel, Arguments const&... arguments) {
  if (info.where.is_cpu()) {
    cpu::launch(info.where, space, kernel, info.kernel, make_slots(arguments...));
  } else {
#if LOCKSTEP_CUDA
    cuda::launch_custom(info, space, kernel, make_slots(arguments...));
#else
    throw_kernel_needs_cuda(info);
#endif
  }
}

/// Calls the kernel for every element or every team of `space`, in no order: what one call writes, no other call may
/// read or write, except through atomic_add and its like. Array arguments become views (of const elements, when the
/// array is const), windows too, other expressions something with the same operator() and extent() that computes its
/// values, everything else is copied and must be trivially copyable.
///
/// The kernel is a function object whose operator() is const and marked LOCKSTEP_FN; on CPU devices also any lambda
/// (in files that nvcc compiles: host_only(lambda)). On a GPU the launch is queued on the device's stream.
///
/// Throws device_error for arguments on another device, and, before anything runs, for teams that the device cannot
/// have: too many threads, too much shared memory. What a kernel throws on a CPU device is rethrown when all calls that
/// had begun are over; what they wrote stays.
template <launch_space Space, class Kernel, class... Arguments>
void launch(device const& where, Space const& space, Kernel const& kernel, Arguments&&... arguments) {
  launch_info const info{kernel_name<Kernel>(), where};
  lowering context{where, {}};  // what it holds lives until the kernel has run, or on a GPU has been queued
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    launch_lowered(info, space, callable(kernel),
                   kernel_argument(info, context, static_cast<int>(I) + 1, std::forward<Arguments>(arguments))...);
  }
  (std::index_sequence_for<Arguments...>{});
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
