// Memory brought into the caches before it is read, where processors do not see it coming by themselves or see it late.
// What is fetched may lie outside of an array: nothing is read.
#pragma once

#include <cstdint>

#include "../../core/algorithm.hpp"
#include "../../core/config.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// How far before they are needed values are fetched from memory into the L2 cache, and from there into the L1 cache.
inline constexpr std::size_t fetch_ahead_bytes = 4096, fetch_near_bytes = 1024;

/// From arrays of more bytes, which few L2 caches hold, elements that are read in no order are fetched one by one.
inline constexpr std::size_t fetch_gathered_bytes = std::size_t{1} << 20;

// Whatever only fetches has to be inlined: g++ takes a function that does nothing else for one without effects, and
// drops its calls.

/// Starts to bring `Bytes` bytes that will be read soon into the cache of a level.
template <int Level, std::size_t Bytes>
[[gnu::always_inline]] inline void fetch(std::uintptr_t address) {
  LOCKSTEP_UNROLL
  for (std::size_t byte = 0; byte < Bytes; byte += 64)
    __builtin_prefetch(reinterpret_cast<void const*>(address + byte), 0, 4 - Level);
}

/// Starts to bring `count` values into the L1 cache, from so many bytes ahead on; Write: because they will be written.
template <bool Write = false, class T>
[[gnu::always_inline]] inline void fetch_values(T const* from, index count, std::size_t ahead = 0) {
  constexpr index step = std::max<index>(1, 64 / static_cast<index>(sizeof(T)));
  auto const address = reinterpret_cast<std::uintptr_t>(from) + ahead;
  for (index i = 0; i < count; i += step)
    __builtin_prefetch(reinterpret_cast<void const*>(address + static_cast<std::size_t>(i) * sizeof(T)), Write);
}

/// Starts to bring from[i], which may lie anywhere, into the L1 cache.
template <class T>
[[gnu::always_inline]] inline void fetch_one(T const* from, index i) {
  auto const address = reinterpret_cast<std::uintptr_t>(from) + static_cast<std::uintptr_t>(i) * sizeof(T);
  __builtin_prefetch(reinterpret_cast<void const*>(address));
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
