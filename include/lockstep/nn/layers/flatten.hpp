// flatten: an image becomes a vector, in memory order; it costs nothing.
#pragma once

#include "../../core/config.hpp"
#include "../extents.hpp"

namespace lockstep::nn {
inline namespace LOCKSTEP_COMPILER {

/// height x width x channels becomes one vector, channels fastest. Moves no data.
struct flatten : without_parameters {
  template <extents In>
  static constexpr bool accepts() {
    return true;
  }
  static constexpr extents output(extents in) { return flat_extents(in.size()); }
  static std::string name() { return "flatten"; }
};

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::nn
