// The order in which an epoch visits the samples: a permutation that depends on the seed and the epoch alone.
#pragma once

#include <cstdint>
#include <numeric>
#include <span>
#include <string>
#include <utility>

#include "../../core/error.hpp"
#include "../../core/philox.hpp"
#include "../../core/shape.hpp"

namespace lockstep::nn::data {

namespace detail {

// A number below `bound` < 2^32 from 64 random bits: the high part of their product, uniform but for 2^-32.
inline std::uint64_t below(std::uint64_t bound, philox_words const& random) {
  return (random[0] * bound + (random[1] * bound >> 32)) >> 32;
}

}  // namespace detail

/// Fills `order` with a permutation of 0 … n-1 chosen by `s` and `epoch`; each is equally likely. Counter-based, so
/// every rank computes the same one and nothing but the epoch's number has to be saved. Fisher-Yates, O(n).
/// Throws shape_error for 2^32 samples or more.
inline void shuffle(std::span<index> order, seed s, std::uint64_t epoch) {
  if (order.size() >> 32 != 0)
    throw shape_error("shuffle: found " + std::to_string(order.size()) + " samples, expected fewer than 4294967296");
  constexpr std::uint64_t purpose = 0x7368'7566'666c'65;  // keeps this stream apart from the initial parameters'
  std::iota(order.begin(), order.end(), index{0});
  for (std::size_t i = order.size(); i-- > 1;) {
    philox_words const counter{
        {static_cast<std::uint32_t>(i), 0, static_cast<std::uint32_t>(epoch), static_cast<std::uint32_t>(epoch >> 32)}};
    std::swap(order[i], order[detail::below(i + 1, philox4x32(counter, s.value ^ purpose))]);
  }
}

}  // namespace lockstep::nn::data
