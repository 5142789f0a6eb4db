// spmd: runs one function on every rank of a mesh at once, each with its communicator.
#pragma once

#include <exception>
#include <string>
#include <thread>
#include <vector>

#include "communicator.hpp"
#include "local_engine.hpp"
#include "mesh.hpp"

namespace lockstep {

/// Calls f(context, communicator) on every rank: rank 0 in this thread, every other in a thread of its own. A template,
/// so that only those who call it pay for compiling the engine.
template <class Compilation = compilation>
void run_ranks(mesh const& devices, void (*f)(void* context, communicator& comm), void* context) {
  if (!devices.is_cpu())
    throw device_error(text_of({"spmd: found a mesh of ", devices.device(0).name(),
                                " and others, expected CPU devices: GPUs need an engine that reaches them"}));
  std::size_t const ranks = devices.size();
  auto const world = std::make_shared<local_world<Compilation>>(ranks, devices.timeout());
  std::vector<std::size_t> everyone(ranks);
  for (std::size_t rank = 0; rank < ranks; ++rank) everyone[rank] = rank;
  auto const group = std::make_shared<local_group<Compilation>>(world, everyone);
  std::vector<std::exception_ptr> thrown(ranks);

  auto const failed = [&](std::size_t rank, char const* why, char const* what = "") {
    thrown[rank] = std::current_exception();
    world->fail(rank, text_of({"rank ", rank, " failed", why, what}));
  };
  auto const run = [&](std::size_t rank) noexcept {
    try {
      communicator comm(local_engine<Compilation>(group, rank, devices.device(rank)), devices.device(rank));
      f(context, comm);
    } catch (std::exception const& e) {
      failed(rank, ": ", e.what());
    } catch (...) {
      failed(rank, " with an exception that is not a std::exception");
    }
    world->leave(rank);
  };
  std::vector<std::thread> threads;
  try {
    threads.reserve(ranks);
    for (std::size_t rank = 1; rank < ranks; ++rank) threads.emplace_back(run, rank);
    run(0);
  } catch (std::exception const& e) {  // no thread for a rank
    failed(0, ": ", e.what());
  }
  for (std::thread& thread : threads) thread.join();
  std::size_t const first = world->failed() ? world->first_failure().rank : 0;
  if (thrown[first]) std::rethrow_exception(thrown[first]);
  for (std::exception_ptr const& each : thrown)
    if (each) std::rethrow_exception(each);
}

inline namespace LOCKSTEP_COMPILER {

/// Runs f(communicator&) once per device of the mesh, at the same time: rank 0 on the calling thread, the others on
/// threads of their own. Returns when all have returned. When a rank throws, the others get communication_error from
/// their pending or next collective, and what the first rank threw is rethrown here.
template <class F>
void spmd(mesh const& devices, F&& f) {
  using function = std::remove_reference_t<F>;
  run_ranks(
      devices, [](void* context, communicator& comm) { (*static_cast<function*>(context))(comm); },
      const_cast<void*>(static_cast<void const*>(std::addressof(f))));
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
