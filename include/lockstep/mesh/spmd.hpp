// spmd: runs one function on every rank of a mesh at once, each with its communicator.
#pragma once

#include <exception>
#include <string>
#include <vector>

#include "../core/threads.hpp"
#include "communicator.hpp"
#include "local_engine.hpp"
#include "mesh.hpp"
#include "on_threads.hpp"
#if LOCKSTEP_NCCL
#include "nccl_ranks.cuh"
#endif

namespace lockstep {

/// What ranks on CPU devices share besides their group: nothing.
struct cpu_rank_links {
  template <class Engine>
  communicator connect(Engine engine, device const& where, std::size_t) {
    return communicator(std::move(engine), where);
  }
  void fail() {}
  std::size_t culprit(std::size_t first) const { return first; }
};

/// Calls f(context, communicator) on every rank of a mesh of this process alone. A template, so that only those who
/// call it pay for compiling the engine.
template <class Compilation, class Links>
void run_local_ranks(mesh const& devices, Links& links, void (*f)(void* context, communicator& comm), void* context) {
  std::size_t const ranks = devices.size();
  auto const world = std::make_shared<local_world<Compilation>>(ranks, devices.timeout());
  std::vector<std::size_t> everyone(ranks);
  for (std::size_t rank = 0; rank < ranks; ++rank) everyone[rank] = rank;
  auto const group = std::make_shared<local_group<Compilation>>(world, everyone);
  auto const thrown = on_threads(
      ranks,
      [&](std::size_t rank) {
        device const& where = devices.device(rank);
        communicator comm = links.connect(local_engine<Compilation>(group, rank, where), where, rank);
        f(context, comm);
      },
      [&](std::size_t rank, std::string const& why) {
        world->fail(rank, text_of({"rank ", rank, why}));
        links.fail();
      },
      [&](std::size_t rank) { world->leave(rank); });
  std::size_t const first = world->failed() ? links.culprit(world->first_failure().rank) : 0;
  if (thrown[first]) std::rethrow_exception(thrown[first]);
  for (std::exception_ptr const& each : thrown)
    if (each) std::rethrow_exception(each);
}

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_without_nccl(mesh const& devices) {
  throw device_error(
      text_of({"spmd: found a mesh of ", devices.device(devices.first_local_rank()).name(),
               " in a file that cannot run ranks on GPUs; compile it with nvcc, where NCCL is installed, "
               "and link lockstep::nccl"}));
}

/// Calls f(context, communicator) on every rank of this process.
template <class Compilation = compilation>
void run_ranks(mesh const& devices, void (*f)(void* context, communicator& comm), void* context) {
  if (devices.processes()) return devices.processes()->run(devices, f, context);
  if (devices.is_cpu()) {
    cpu_rank_links links;
    return run_local_ranks<Compilation>(devices, links, f, context);
  }
#if LOCKSTEP_NCCL
  cuda::device_scope const scope(devices.device(0).number());  // rank 0 runs in this thread
  cuda::gpu_rank_links links(devices);
  run_local_ranks<Compilation>(devices, links, f, context);
#else
  throw_without_nccl(devices);
#endif
}

inline namespace LOCKSTEP_COMPILER {

/// Runs f(communicator&) once per device of the mesh, at the same time: the first rank of a process on the calling
/// thread, its others on threads of their own. Every process of the mesh must call it. Returns when all ranks have
/// returned. When a rank throws, the others get communication_error from their pending or next collective, and what the
/// first rank threw is rethrown here, in its own process; other processes throw communication_error.
template <class F>
void spmd(mesh const& devices, F&& f) {
  using function = std::remove_reference_t<F>;
  run_ranks(
      devices, [](void* context, communicator& comm) { (*static_cast<function*>(context))(comm); },
      const_cast<void*>(static_cast<void const*>(std::addressof(f))));
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
