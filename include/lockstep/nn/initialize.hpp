// Initial weights: He or Xavier, drawn by counter, so that a seed gives the same network everywhere.
#pragma once

#include <cmath>
#include <span>

#include "../core/philox.hpp"
#include "../core/shape.hpp"
#include "extents.hpp"

namespace lockstep::nn {

/// Draws the weights of one layer; `first` is the index of its first weight among all of the network's parameters.
/// He: normal with variance 2 / inputs, for layers followed by relu.
/// Source: He, Zhang, Ren, Sun, "Delving deep into rectifiers", ICCV 2015.
template <class T>
void he_normal(std::span<T> weights, fans f, seed s, std::size_t first) {
  double const deviation = std::sqrt(2.0 / static_cast<double>(f.in)), turn = 6.283185307179586476925;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    philox_words const bits = philox4x32(first + i, s.value);
    double const radius = std::sqrt(-2 * std::log(unit_interval(bits[0])));  // Box-Muller
    weights[i] = static_cast<T>(deviation * radius * std::cos(turn * unit_interval(bits[1])));
  }
}

/// Xavier: uniform in +-sqrt(6 / (inputs + outputs)).
/// Source: Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010.
template <class T>
void xavier_uniform(std::span<T> weights, fans f, seed s, std::size_t first) {
  double const bound = std::sqrt(6.0 / static_cast<double>(f.in + f.out));
  for (std::size_t i = 0; i < weights.size(); ++i)
    weights[i] = static_cast<T>(bound * (2 * unit_interval(philox4x32(first + i, s.value)[0]) - 1));
}

/// FNV-1a over the bits of every value, 32 bits at a time: equal for equal bits, on every machine.
inline std::uint64_t fingerprint(std::span<float const> values) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (float value : values) {
    std::uint32_t bits;
    __builtin_memcpy(&bits, &value, sizeof bits);
    hash = (hash ^ bits) * 0x100000001b3;
  }
  return hash;
}

}  // namespace lockstep::nn
