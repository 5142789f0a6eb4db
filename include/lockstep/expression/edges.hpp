// edges: the first and last elements of an expression along every axis, side by side; what is printed of a long one.
#pragma once

#include "views.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

template <class Inner, std::size_t R>
struct edges_evaluator {
  Inner inner;
  coordinates<R> edge, skipped;

  LOCKSTEP_INLINE auto at(coordinates<R> c) const {
    for (std::size_t axis = 0; axis < R; ++axis) c[axis] += c[axis] >= edge[axis] ? skipped[axis] : 0;
    return inner.at(c);
  }
  LOCKSTEP_INLINE bool unit() const { return true; }
  LOCKSTEP_INLINE interval interior(index n) const { return {0, n}; }
  LOCKSTEP_INLINE auto row(coordinates<R> const& c) const { return evaluated_row<edges_evaluator, R>{*this, c}; }
};

/// Element i along an axis is the operand's i before `edge`, and i + skipped from there on.
template <class E, std::size_t Rank>
struct [[nodiscard]] edges : reindexed<edges<E, Rank>, E, Rank> {
  static constexpr char const* title = "edges";
  lockstep::shape<Rank> edge, skipped;

  edges(E e, lockstep::shape<Rank> const& shown, lockstep::shape<Rank> const& edge_items,
        lockstep::shape<Rank> const& left_out)
      : reindexed<edges, E, Rank>(std::move(e), shown), edge(edge_items), skipped(left_out) {}
  template <class Inner>
  edges_evaluator<Inner, Rank> evaluator(Inner inner) const {
    return {inner, edge, skipped};
  }
};

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
