// Philox4x32-10, a counter-based random function: the same words for the same counter on every device and partition.
#pragma once

#include <array>
#include <cstdint>

#include "../core/config.hpp"

namespace lockstep {

/// Four random 32-bit words, a counter, or both.
struct philox_words {
  std::uint32_t words[4];
  LOCKSTEP_FN constexpr std::uint32_t operator[](std::size_t i) const { return words[i]; }
  friend constexpr bool operator==(philox_words const&, philox_words const&) = default;
};

/// Philox4x32 with ten rounds: a bijection of the 128-bit counter chosen by the 64-bit key (low word first).
/// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
LOCKSTEP_FN constexpr philox_words philox4x32(philox_words counter, std::uint64_t key) {
  auto [a, b, c, d] = counter.words;
  auto low_key = static_cast<std::uint32_t>(key), high_key = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    std::uint64_t const left = std::uint64_t{0xD2511F53} * a, right = std::uint64_t{0xCD9E8D57} * c;
    a = static_cast<std::uint32_t>(right >> 32) ^ b ^ low_key;
    b = static_cast<std::uint32_t>(right);
    c = static_cast<std::uint32_t>(left >> 32) ^ d ^ high_key;
    d = static_cast<std::uint32_t>(left);
    low_key += 0x9E3779B9;
    high_key += 0xBB67AE85;
  }
  return {{a, b, c, d}};
}

/// The words of element `i` of the stream that `key` chooses.
LOCKSTEP_FN constexpr philox_words philox4x32(std::uint64_t i, std::uint64_t key) {
  return philox4x32(philox_words{{static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(i >> 32), 0, 0}}, key);
}

/// A double in the open interval (0, 1) from 32 bits: the middle of one of 2^32 equal parts, never 0 or 1.
LOCKSTEP_FN constexpr double unit_interval(std::uint32_t bits) { return (bits + 0.5) * 0x1p-32; }

}  // namespace lockstep
