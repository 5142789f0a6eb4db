// input: the first entry of a network says what one sample looks like.
#pragma once

#include "../../core/config.hpp"
#include "../extents.hpp"

namespace lockstep::nn {
inline namespace LOCKSTEP_COMPILER {

/// One sample of a network: input<height, width, channels>, channels last, or input<size> for a flat vector.
template <index... Extents>
struct input {
  static_assert(sizeof...(Extents) == 1 || sizeof...(Extents) == 3,
                "input: give height, width and channels, or one size");
  static_assert(((Extents > 0) && ...), "input: extents must be positive");

  static constexpr extents sample() {
    constexpr index e[] = {Extents..., 1, 1};
    if constexpr (sizeof...(Extents) == 1)
      return flat_extents(e[0]);
    else
      return {e[0], e[1], e[2], false};
  }
};

template <class Layer>
inline constexpr bool is_input = false;
template <index... Extents>
inline constexpr bool is_input<input<Extents...>> = true;

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::nn
