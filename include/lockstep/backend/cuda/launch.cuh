// Launching kernels: on the device's stream, checked, with the shape of the grid worked out from the work.
#pragma once

#include "../../core/shape.hpp"
#include "../../device/device.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

/// Threads of every block whose size does not follow from the work.
inline constexpr unsigned block_threads = 256;
inline constexpr int warp_lanes = 32;
/// Said of kernels that need many registers: ptxas then takes them, where it would spill to have more blocks at a time.
inline constexpr unsigned least_blocks = 1;

LOCKSTEP_INLINE constexpr index ceil_div(index a, index b) { return (a + b - 1) / b; }

/// Queues a kernel on the device's stream. Throws device_error, saying what was being done, when CUDA refuses it.
template <class... Parameters, class... Arguments>
void launch(device const& where, char const* doing, void (*kernel)(Parameters...), index blocks, unsigned threads,
            Arguments const&... arguments) {
  if (blocks == 0) return;
  if (blocks > INT32_MAX)
    throw device_error(text_of({where.name(), ", ", doing, operation::text(), ": found work for ", blocks,
                                " blocks, expected at most 2^31 - 1; split the arrays"}));
  device_scope const scope(where.number());
  cudaStream_t const stream = stream_of(where);
  check(queue_kernel(stream, kernel, static_cast<unsigned>(blocks), threads, 0, arguments...), "the launch of a kernel",
        where.name(), ", ", doing);
  wait_in_debug_mode(stream, where.name(), ", ", doing);
}

/// An index space walked by its row-major index; with 32-bit division where every index fits.
template <std::size_t R>
struct index_space {
  shape<R> extents;
  index total;
  bool narrow;

  explicit index_space(shape<R> const& e)
      : extents(e), total(static_cast<index>(e.size())), narrow(total <= INT32_MAX) {}

  LOCKSTEP_INLINE shape<R> operator[](index i) const {
    if constexpr (R == 0)
      return {};
    else if constexpr (R == 1)
      return shape<1>(i);
    else
      return narrow ? unravel(static_cast<std::uint32_t>(i)) : unravel(static_cast<std::uint64_t>(i));
  }

 private:
  template <class I>
  LOCKSTEP_INLINE shape<R> unravel(I i) const {
    shape<R> c;
    for (std::size_t axis = R - 1; axis > 0; --axis) {
      I const extent = static_cast<I>(extents[axis]), above = i / extent;
      c[axis] = static_cast<index>(i - above * extent);
      i = above;
    }
    c[0] = static_cast<index>(i);
    return c;
  }
};

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
