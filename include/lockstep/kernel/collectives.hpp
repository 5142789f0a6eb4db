// What the teams of both kinds of device agree on: checks of their sizes, and what reductions of nothing give.
#pragma once

#include <limits>
#include "../core/debug.hpp"
#include "../core/function_objects.hpp"
#include "../device/device.hpp"
#include "space.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// An array in a team's shared memory.
template <class T>
struct shared_array {
  using value_type = T;
  T* data;
  index length;

  LOCKSTEP_FN index size() const { return length; }
  LOCKSTEP_INLINE T& operator[](index i) const {
#if defined(LOCKSTEP_DEBUG)
    debug::require_inside({}, &length, &i, 1);
#endif
    return data[i];
  }
  LOCKSTEP_FN T* begin() const { return data; }
  LOCKSTEP_FN T* end() const { return data + length; }
};

/// The value that changes nothing when an operator combines it; T{} for operators that lockstep does not know.
template <class Op, class T>
LOCKSTEP_INLINE constexpr T neutral_value() {
  constexpr bool infinite = std::numeric_limits<T>::has_infinity;
  if constexpr (std::is_same_v<Op, multiplies>)
    return T(1);
  else if constexpr (std::is_same_v<Op, maximum>)
    return infinite ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::lowest();
  else if constexpr (std::is_same_v<Op, minimum>)
    return infinite ? std::numeric_limits<T>::infinity() : std::numeric_limits<T>::max();
  else
    return T{};
}

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_teams(device const& where, char const* kernel,
                                                               char const* what, index found, index least, index most) {
  throw shape_error(text_of({"launch of ", debug::readable_kernel_name(kernel), " on ", where.name(), ": found ", found,
                             " ", what, ", expected ", least, " to ", most, "; change teams(...)"}));
}

/// Throws shape_error for numbers that no device can have.
template <class... Shared>
void require_teams(device const& where, char const* kernel, team_space<Shared...> const& space) {
  if (space.count < 0) throw_teams(where, kernel, "teams", space.count, 0, INT64_MAX);
  if (space.threads < 1 || space.threads > 1024) throw_teams(where, kernel, "threads a team", space.threads, 1, 1024);
  std::size_t k = 0;
  ((space.sizes[k] < 0 || space.sizes[k] > INT64_MAX / static_cast<index>(sizeof(Shared))
        ? throw_teams(where, kernel, "elements of shared memory", space.sizes[k], 0,
                      INT64_MAX / static_cast<index>(sizeof(Shared)))
        : static_cast<void>(++k)),
   ...);
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
