// Sizes that the CPU backend's loops use. Those that shape results never depend on the number of threads.
#pragma once

#include "../../algorithm/reduction_order.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

using reduction_order::lanes;
using reduction_order::lines_per_block;
using reduction_order::tile;

/// Elements of one block of a scan; fixes the order of floating-point prefix sums. Two of them stay in an L2 cache.
inline constexpr index scan_block = 16384;

/// Loops of fewer elements run in the caller: below this, waking a thread costs more than it brings.
inline constexpr index serial_below = 32768;

/// Parallel loops are cut into this many pieces per thread, so that a thread that was held up delays little.
inline constexpr index pieces_per_thread = 4;

/// Elements evaluated at a time into a buffer in the L1 cache before they are written past the caches.
inline constexpr index buffer_length = 1024;
inline constexpr index stream_length = 256;

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
