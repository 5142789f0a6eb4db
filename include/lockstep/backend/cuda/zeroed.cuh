// Words that kernels find zero and leave zero: one block of memory per device serves all of them, one after another,
// and none needs a pass that clears it.
#pragma once

#include <bit>

#include "../../array/storage.hpp"
#include "launch.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

inline counted_pointer<storage> newly_zeroed(device const& where, std::size_t bytes) {
  auto memory = make_storage(where, bytes, 1);
  unsigned char const zero = 0;
  where.state().fill(memory->data, &zero, 1, bytes);
  return memory;
}

/// At least `bytes` bytes that are zero when the next kernel runs, which has to leave them so. What a graph uses
/// belongs to that graph; and on a stream of the caller's, which may be replaced by another without our knowing, memory
/// is taken and cleared anew each time. Throws out_of_memory.
inline counted_pointer<storage> zeroed_memory(device const& where, std::size_t bytes) {
  auto& state = static_cast<gpu_state&>(where.state());
  if (!state.keeps_zeroed()) return newly_zeroed(where, bytes);
  std::lock_guard const lock(state.zeroed_mutex);
  auto* const kept = static_cast<storage*>(state.zeroed.get());
  if (kept && kept->bytes >= bytes) return counted_pointer<storage>(kept);
  auto grown = newly_zeroed(where, std::bit_ceil(std::max<std::size_t>(bytes, 4096)));
  state.zeroed = grown;
  return grown;
}

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
