// Custom kernels on a GPU: a thread per element, a block per team.
#pragma once

#include "../../expression/host_only.hpp"
#include "../../kernel/arguments.hpp"
#include "team.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

template <class Kernel, std::size_t R, class... As>
__global__ void __launch_bounds__(block_threads)
    elements_kernel(Kernel kernel, index_space<R> space, slots<As...> arguments) {
  index const i = blockIdx.x * index{block_threads} + threadIdx.x;
  if (i >= space.total) return;
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    auto const c = space[i];
    if constexpr (R == 1)
      kernel(c[0], get<I>(arguments)...);
    else if constexpr (R == 2)
      kernel(c[0], c[1], get<I>(arguments)...);
    else
      kernel(c[0], c[1], c[2], get<I>(arguments)...);
  }
  (std::index_sequence_for<As...>{});
}

template <class Kernel, class... Shared, class... As>
__device__ __forceinline__ void run_team(Kernel const& kernel, index count, unsigned char* memory,
                                         shared_layout<Shared...> const& layout, slots<As...> const& arguments) {
  team<Shared...> one(count, memory, layout);
  [&]<std::size_t... I>(std::index_sequence<I...>) { kernel(one, get<I>(arguments)...); }
  (std::index_sequence_for<As...>{});
}
template <class Kernel, class Layout, class Arguments>
__global__ void teams_kernel(Kernel kernel, index count, Layout layout, Arguments arguments) {
  extern __shared__ __align__(128) unsigned char memory[];
  run_team(kernel, count, memory, layout, arguments);
}

inline int attribute_of(device const& where, cudaDeviceAttr attribute) {
  int value = 0;
  check(cudaDeviceGetAttribute(&value, attribute, where.number()), "cudaDeviceGetAttribute", where.name());
  return value;
}

/// Queues a kernel with `bytes` of shared memory per block; throws device_error when the GPU has not as much.
template <class... Parameters, class... Arguments>
void launch_named(launch_info const& info, void (*kernel)(Parameters...), index blocks, unsigned threads,
                  std::size_t bytes, Arguments const&... arguments) {
  if (blocks == 0) return;
  auto const doing = [&] {  // names are long, and needed only when something goes wrong
    return "launch of " + debug::readable_kernel_name(info.kernel) + " on " + info.where.name();
  };
  auto const require = [&](cudaError_t status, char const* call) {
    if (status != cudaSuccess) throw_failed(status, call, doing());
  };
  if (blocks > INT32_MAX)
    throw device_error(doing() + ": found work for " + std::to_string(blocks) +
                       " blocks, expected at most 2^31 - 1; launch it in parts");
  device_scope const scope(info.where.number());
  if (bytes > 0) {
    auto const most = static_cast<std::size_t>(attribute_of(info.where, cudaDevAttrMaxSharedMemoryPerBlockOptin));
    if (bytes > most)
      throw device_error(doing() + ": found " + std::to_string(bytes) +
                         " bytes of shared memory a team, expected at most " + std::to_string(most) +
                         "; give with_shared smaller sizes, or keep the data in arrays");
    require(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes)),
            "cudaFuncSetAttribute");
  }
  cudaStream_t const stream = stream_of(info.where);
  require(queue_kernel(stream, kernel, static_cast<unsigned>(blocks), threads, bytes, arguments...), "the launch");
  if constexpr (debug::on) wait_in_debug_mode(stream, doing());
}

template <std::size_t R, class Kernel, class... As>
void launch_custom(launch_info const& info, element_space<R> const& space, Kernel const& kernel,
                   slots<As...> const& arguments) {
  if constexpr (holds_host_function<Kernel>) {
    throw_host_only(info.where);
  } else {
    operation const here("launch", space.extents);
    index_space<R> const indices(space.extents);
    launch_named(info, elements_kernel<Kernel, R, As...>, ceil_div(indices.total, index{block_threads}), block_threads,
                 0, kernel, indices, arguments);
  }
}

template <class... Shared, class Kernel, class... As>
void launch_custom(launch_info const& info, team_space<Shared...> const& space, Kernel const& kernel,
                   slots<As...> const& arguments) {
  if constexpr (holds_host_function<Kernel>) {
    throw_host_only(info.where);
  } else {
    require_teams(info.where, info.kernel, space);
    operation const here("launch of teams", shape<1>(space.count));
    shared_layout<Shared...> const layout(space);
    auto const threads = static_cast<unsigned>((space.threads + warp_lanes - 1) / warp_lanes * warp_lanes);
    launch_named(info, teams_kernel<Kernel, shared_layout<Shared...>, slots<As...>>, space.count, threads,
                 layout.offsets[sizeof...(Shared)], kernel, space.count, layout, arguments);
  }
}

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
