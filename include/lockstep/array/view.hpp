// view: the trivially copyable, non-owning form of an array or a window, which kernels and evaluators get.
#pragma once

#include <type_traits>

#include "../core/debug.hpp"

namespace lockstep {

/// Memory seen as an index space: element (i, j, ...) lies at data[i * strides[0] + j * strides[1] + ...].
template <class T, std::size_t Rank = 1>
struct view {
  using value_type = std::remove_const_t<T>;

  T* data = nullptr;
  shape<Rank> extents;
  shape<Rank> strides;  ///< in elements
#if defined(LOCKSTEP_DEBUG)
  debug::argument_number argument;
#endif

  view() = default;
  LOCKSTEP_FN view(T* d, shape<Rank> const& e) : data(d), extents(e), strides(row_major_strides(e)) {}
  LOCKSTEP_FN view(T* d, shape<Rank> const& e, shape<Rank> const& s) : data(d), extents(e), strides(s) {}
  /// A view to write through is also one to read through.
  template <class U>
  requires(std::is_same_v<U const, T>) LOCKSTEP_FN view(view<U, Rank> const& other)
      : data(other.data), extents(other.extents), strides(other.strides) {
#if defined(LOCKSTEP_DEBUG)
    argument = other.argument;
#endif
  }

  LOCKSTEP_FN index extent(std::size_t axis) const { return extents[axis]; }
  LOCKSTEP_FN std::size_t size() const { return extents.size(); }
  /// What lies at i along the first axis: of a matrix, a row.
  LOCKSTEP_FN view<T, Rank - 1> row(index i) const requires(Rank > 1) {
#if defined(LOCKSTEP_DEBUG)
    debug::require_inside(argument, extents.extents, &i, 1);
#endif
    view<T, Rank - 1> part;
    part.data = data + i * strides[0];
    for (std::size_t axis = 1; axis < Rank; ++axis) {
      part.extents[axis - 1] = extents[axis];
      part.strides[axis - 1] = strides[axis];
    }
#if defined(LOCKSTEP_DEBUG)
    part.argument = argument;
#endif
    return part;
  }
  /// Debug mode: throws error for indices that are not inside of the view.
  LOCKSTEP_FN T& operator[](index i) const requires(Rank == 1) { return (*this)(i); }

  template <class... Indices>
  requires(sizeof...(Indices) == Rank) LOCKSTEP_FN T& operator()(Indices... indices) const {
#if defined(LOCKSTEP_DEBUG)
    index const at[Rank == 0 ? 1 : Rank] = {static_cast<index>(indices)...};
    debug::require_inside(argument, extents.extents, at, Rank);
#endif
    index offset = 0;
    std::size_t axis = 0;
    ((offset += static_cast<index>(indices) * strides[axis++]), ...);
    return data[offset];
  }
};

}  // namespace lockstep
