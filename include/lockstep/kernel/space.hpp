// What a custom kernel is launched over: elements (one call an index) or teams (one call a team, with shared memory).
#pragma once

#include "../core/shape.hpp"

namespace lockstep {

/// One call of the kernel per index: kernel(i, ...), kernel(i, j, ...) or kernel(i, j, k, ...), the last one fastest.
template <std::size_t Rank>
struct element_space {
  static_assert(Rank >= 1 && Rank <= 3, "elements(...): give one, two or three extents");
  shape<Rank> extents;
};

/// All indices below n, or all pairs or triples below the extents. Throws shape_error for a negative extent.
template <std::integral... Extents>
element_space<sizeof...(Extents)> elements(Extents... extents) {
  return {shape<sizeof...(Extents)>(static_cast<index>(extents)...)};
}

/// Teams of threads that share memory: CUDA blocks, or on a CPU one thread and its vector lanes. `Shared` are the types
/// of the arrays in shared memory whose sizes are known at run time only.
template <class... Shared>
struct team_space {
  index count;                              ///< teams
  int threads = 128;                        ///< per team, on a GPU
  index sizes[sizeof...(Shared) + 1] = {};  ///< elements of each array in shared memory

  /// Each team also has an array of `size` elements of T, which team.shared<T>() gives; one per type. Uninitialized.
  template <class T>
  team_space<Shared..., T> with_shared(std::integral auto size) const {
    static_assert((!std::is_same_v<T, Shared> && ...), "with_shared<T>: one array per type; wrap T in a struct");
    static_assert(std::is_trivially_copyable_v<T>, "with_shared<T>: T must be trivially copyable");
    team_space<Shared..., T> more{count, threads, {}};
    for (std::size_t k = 0; k < sizeof...(Shared); ++k) more.sizes[k] = sizes[k];
    more.sizes[sizeof...(Shared)] = static_cast<index>(size);
    return more;
  }
  /// The threads of a team on a GPU, instead of 128. A CPU's teams have one.
  team_space with_threads(int per_team) const {
    team_space same = *this;
    same.threads = per_team;
    return same;
  }
};

/// `count` teams: one call of the kernel each, kernel(team, ...).
inline team_space<> teams(std::integral auto count) { return {static_cast<index>(count)}; }

template <class S>
inline constexpr bool is_launch_space = false;
template <std::size_t Rank>
inline constexpr bool is_launch_space<element_space<Rank>> = true;
template <class... Shared>
inline constexpr bool is_launch_space<team_space<Shared...>> = true;
template <class S>
concept launch_space = is_launch_space<S>;

/// Where the arrays of a team's shared memory begin, in bytes from its start; each at a multiple of 64.
template <class... Shared>
struct shared_layout {
  index sizes[sizeof...(Shared) + 1] = {};
  std::size_t offsets[sizeof...(Shared) + 1] = {};  ///< the last one: bytes in all

  explicit shared_layout(team_space<Shared...> const& space) {
    std::size_t at = 0, k = 0;
    ((sizes[k] = space.sizes[k], offsets[k] = at,
      at += (static_cast<std::size_t>(sizes[k]) * sizeof(Shared) + 63) / 64 * 64, ++k),
     ...);
    offsets[k] = at;
  }
  /// Which of the arrays is of type T.
  template <class T>
  static constexpr std::size_t place() {
    static_assert((std::is_same_v<T, Shared> || ...),
                  "team.shared<T>(): the launch gave the teams no array of T; add .with_shared<T>(size), or use "
                  "team.shared<T[size]>() where the size is known at compile time");
    std::size_t found = 0, k = 0;
    ((found = std::is_same_v<T, Shared> ? k : found, ++k), ...);
    return found;
  }
};

}  // namespace lockstep
