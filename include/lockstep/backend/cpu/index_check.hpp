// index_check: whether all of many indices lie in a range, in vectors.
#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>

#include "../../core/config.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// True when one of at[begin], ..., at[end - 1] lies outside of [0, extent).
template <class Row>
LOCKSTEP_INLINE bool any_outside(Row const& at, index begin, index end, index extent) {
  using number = std::remove_cvref_t<decltype(at[begin])>;
  using bits = std::make_unsigned_t<std::conditional_t<std::is_same_v<number, bool>, char, number>>;
  if (extent <= 0) return begin < end;
  auto const last = static_cast<std::uint64_t>(extent - 1);
  if constexpr (std::is_signed_v<number>) {
    constexpr auto largest = static_cast<std::uint64_t>(std::numeric_limits<number>::max());
    auto const most = static_cast<bits>(last < largest ? last : largest);
    bits outside = 0;  // its sign
    LOCKSTEP_INDEPENDENT
    for (index j = begin; j < end; ++j) {
      auto const v = static_cast<bits>(at[j]);
      outside |= static_cast<bits>(v | static_cast<bits>(most - v));
    }
    return outside > static_cast<bits>(largest);
  } else {
    bits most = 0;
    LOCKSTEP_INDEPENDENT
    for (index j = begin; j < end; ++j) {
      auto const v = static_cast<bits>(at[j]);
      most = v > most ? v : most;
    }
    return most > last;
  }
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
