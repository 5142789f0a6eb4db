// shape: the extents of an array or an expression, row-major; strides and broadcasting over them.
#pragma once

#include <concepts>
#include <string>

#include "../core/config.hpp"
#include "../core/error.hpp"

namespace lockstep {

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_negative_extent(index extent) {
  throw_text<shape_error>({"shape: found the extent ", extent, ", expected at least 0"});
}

/// The extents of an index space of `Rank` axes, the last of which is contiguous in arrays.
template <std::size_t Rank>
struct shape {
  index extents[Rank == 0 ? 1 : Rank] = {};

  constexpr shape() = default;

  /// One integer per axis. Throws shape_error when one is negative.
  template <std::integral... Extents>
  requires(sizeof...(Extents) == Rank && Rank > 0) LOCKSTEP_FN constexpr shape(Extents... values)
      : extents{static_cast<index>(values)...} {
#if !defined(__CUDA_ARCH__)
    for (index extent : extents)
      if (extent < 0) throw_negative_extent(extent);
#endif
  }

  static constexpr std::size_t rank() { return Rank; }
  LOCKSTEP_FN constexpr index& operator[](std::size_t axis) { return extents[axis]; }
  LOCKSTEP_FN constexpr index operator[](std::size_t axis) const { return extents[axis]; }

  /// Number of elements: the product of all extents, 1 for rank 0.
  LOCKSTEP_FN constexpr std::size_t size() const {
    std::size_t product = 1;
    for (std::size_t axis = 0; axis < Rank; ++axis) product *= static_cast<std::size_t>(extents[axis]);
    return product;
  }

  LOCKSTEP_FN friend constexpr bool operator==(shape const& a, shape const& b) {
    for (std::size_t axis = 0; axis < Rank; ++axis)
      if (a.extents[axis] != b.extents[axis]) return false;
    return true;
  }
};

template <std::integral... Extents>
shape(Extents...) -> shape<sizeof...(Extents)>;

/// The extents of a shape of any rank, for messages: "(300, 401)"; "()" for rank 0.
struct extents_of {
  index const* extents;
  std::size_t rank;

  extents_of(index const* e, std::size_t r) : extents(e), rank(r) {}
  template <std::size_t Rank>
  explicit extents_of(shape<Rank> const& s) : extents(s.extents), rank(Rank) {}
  operator text_piece() const { return {append, extents, rank}; }

  [[gnu::cold, gnu::noinline]] static void append(std::string& to, void const* extents, text_piece::number rank) {
    for (std::size_t axis = 0; axis < rank; ++axis)
      append_text(to, {axis == 0 ? "(" : ", ", static_cast<index const*>(extents)[axis]});
    append_text(to, {rank == 0 ? "()" : rank == 1 ? ",)" : ")"});
  }
};
inline std::string to_string(index const* extents, std::size_t rank) { return text_of({extents_of(extents, rank)}); }
template <std::size_t Rank>
std::string to_string(shape<Rank> const& s) {
  return to_string(s.extents, Rank);
}

/// Steps in elements from one index to the next along each axis of a dense row-major array.
template <std::size_t Rank>
LOCKSTEP_FN constexpr shape<Rank> row_major_strides(shape<Rank> const& extents) {
  shape<Rank> strides;
  index step = 1;
  for (std::size_t axis = Rank; axis-- > 0; step *= extents[axis]) strides[axis] = step;
  return strides;
}

/// Names one axis of an expression, counted from 0; in a call such as `sum(e, axis(1))`.
struct axis {
  std::size_t number;
  constexpr explicit axis(std::size_t n) : number(n) {}
};

/// Seed of a counter-based random stream.
struct seed {
  std::uint64_t value;
  constexpr explicit seed(std::uint64_t v) : value(v) {}
};

}  // namespace lockstep
