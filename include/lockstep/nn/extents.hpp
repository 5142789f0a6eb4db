// The shape of one sample between two layers, and what every layer type says about itself.
#pragma once

#include <string>

#include "../core/shape.hpp"

namespace lockstep::nn {

/// One sample: an image of height x width x channels (channels last), or a flat vector of `channels` values.
struct extents {
  index height = 1, width = 1, channels = 1;
  bool flat = false;

  constexpr index size() const { return height * width * channels; }
  friend constexpr bool operator==(extents const&, extents const&) = default;
};

constexpr extents flat_extents(index size) { return {1, 1, size, true}; }

/// The same as a lockstep::shape: one axis when flat, else height, width, channels.
template <extents E>
constexpr auto as_shape() {
  if constexpr (E.flat)
    return shape{E.channels};
  else
    return shape{E.height, E.width, E.channels};
}

/// "784" or "28 x 28 x 1".
inline std::string to_string(extents const& e) {
  if (e.flat) return std::to_string(e.channels);
  return std::to_string(e.height) + " x " + std::to_string(e.width) + " x " + std::to_string(e.channels);
}

/// How many inputs an output of a layer sums, and how many outputs an input reaches: what initialization needs.
struct fans {
  index in = 0, out = 0;
};

/// What a layer without parameters says about itself; a layer type inherits nothing but these constants.
struct without_parameters {
  static constexpr bool applies_relu = false, applies_pool = false;
  static constexpr index weights(extents) { return 0; }
  static constexpr index biases(extents) { return 0; }
  static constexpr fans weight_fans(extents) { return {}; }
  static constexpr index multiply_adds(extents) { return 0; }
};

}  // namespace lockstep::nn
