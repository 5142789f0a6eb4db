// neighbor: an expression read at places beside its own, which stencils are made of; outside, a boundary rule holds.
#pragma once

#include "views.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// What lies outside an index space: zeros, the nearest element, or the other end.
enum class boundary { zero, clamp, wrap };

/// value, or zero where `keep` is false. (Of numbers by their bits: g++ would make a path of its own for each of
/// several conditions, and vectorize none.)
template <class T>
LOCKSTEP_INLINE T value_or_zero(T value, bool keep) {
  if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool> && sizeof(T) <= 8) {
    using narrow = std::conditional_t<sizeof(T) == 1, std::uint8_t, std::uint16_t>;
    using wide = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
    using word = std::conditional_t<sizeof(T) <= 2, narrow, wide>;
    word bits;
    __builtin_memcpy(&bits, &value, sizeof bits);
    bits = static_cast<word>(bits & (word{0} - static_cast<word>(keep)));
    __builtin_memcpy(&value, &bits, sizeof bits);
    return value;
  } else {
    return keep ? value : T{};
  }
}

/// Moves the coordinate x back inside [0, n), which has elements; false when a zero lies at x.
LOCKSTEP_INLINE bool bring_inside(index& x, index n, boundary outside) {
  if (x >= 0 && x < n) return true;
  x = outside == boundary::wrap ? (x % n + n) % n : x < 0 ? 0 : n - 1;
  return outside != boundary::zero;
}

template <class Row, class T>
struct neighbor_row {
  Row row;
  index shift;
  bool inside;
  LOCKSTEP_INLINE T operator[](index j) const { return value_or_zero<T>(row[j + shift], inside); }
};

template <class Row, class T>
LOCKSTEP_INLINE bool all_inside(neighbor_row<Row, T> const& row) {
  return row.inside && all_inside(row.row);
}
template <class Row, class T>
LOCKSTEP_INLINE auto unmasked(neighbor_row<Row, T> const& row) {
  auto inner = unmasked(row.row);
  return shifted_row<decltype(inner)>{inner, row.shift};
}

/// Not by bits: down a line the condition is always the same, and nothing is vectorized.
template <class Line, class T>
struct neighbor_line {
  Line line;
  bool inside;
  LOCKSTEP_INLINE T operator[](index i) const { return inside ? line[i] : T{}; }
};

template <class Inner, class T, std::size_t R>
struct neighbor_evaluator {
  Inner inner;
  coordinates<R> offset;
  shape<R> extents;
  boundary outside;

  LOCKSTEP_INLINE T at(coordinates<R> c) const {
    bool const inside = move(c, R);
    return inside ? inner.at(c) : T{};
  }
  LOCKSTEP_INLINE bool unit() const { return inner.unit(); }
  LOCKSTEP_INLINE interval interior(index n) const {
    interval const there = inner.interior(n);
    return intersection({0, n}, {there.begin - offset[R - 1], there.end - offset[R - 1]});
  }
  LOCKSTEP_INLINE auto row(coordinates<R> c) const {
    bool const inside = move(c, R - 1);
    auto row = inner.row(c);
    return neighbor_row<decltype(row), T>{row, offset[R - 1], inside};
  }
  LOCKSTEP_INLINE index steps(coordinates<R> c) const requires(R > 1) {
    index const x = c[R - 2] + offset[R - 2], n = extents[R - 2];
    if (x < 0 || x >= n) return 0;
    move(c, R - 1);
    return smaller(steps_of(inner, c), n - 1 - x);
  }
  template <class Row>
  LOCKSTEP_INLINE void advance(Row& row) const {
    advance_row(inner, row.row);
  }
  LOCKSTEP_INLINE auto line(coordinates<R> c) const {
    bool const inside = move(c, R);
    auto line = line_of(inner, c);
    return neighbor_line<decltype(line), T>{line, inside};
  }

 private:
  /// Moves the first `axes` coordinates by the offset and back inside; false when a zero lies there.
  LOCKSTEP_INLINE bool move(coordinates<R>& c, std::size_t axes) const {
    bool inside = true;
    LOCKSTEP_UNROLL
    for (std::size_t axis = 0; axis < axes; ++axis) {
      c[axis] += offset[axis];
      inside = bring_inside(c[axis], extents[axis], outside) && inside;
    }
    return inside;
  }
};

template <class Inner, class T, std::size_t R>
inline constexpr bool is_stencil<neighbor_evaluator<Inner, T, R>> = true;
template <class Inner, class T, std::size_t R>
LOCKSTEP_INLINE bool rows_continue(neighbor_evaluator<Inner, T, R> const& evaluator, index columns) {
  return rows_continue(evaluator.inner, columns);
}

template <class Inner, class T, std::size_t R, class Row>
LOCKSTEP_INLINE auto column_of(neighbor_evaluator<Inner, T, R> const& evaluator, neighbor_row<Row, T> const& row,
                               index j) {
  index there = j + evaluator.offset[R - 1];
  bool const inside = bring_inside(there, evaluator.extents[R - 1], evaluator.outside);
  auto column = column_of(evaluator.inner, row.row, there);
  return neighbor_row<decltype(column), T>{column, 0, inside && row.inside};
}

template <class E, std::size_t Rank>
struct [[nodiscard]] neighbor_node : reindexed<neighbor_node<E, Rank>, E, Rank> {
  static constexpr char const* title = "neighbor";
  lockstep::shape<Rank> offset;
  boundary outside;

  neighbor_node(E e, lockstep::shape<Rank> const& o, boundary b)
      : reindexed<neighbor_node, E, Rank>(std::move(e), {}), offset(o), outside(b) {
    this->extents = this->operand.shape();
  }
  template <class Inner>
  neighbor_evaluator<Inner, value_t<E>, Rank> evaluator(Inner inner) const {
    return {inner, offset, this->extents, outside};
  }
};

/// Offsets along every axis, of either sign.
template <std::size_t Rank>
struct offsets {
  shape<Rank> along;
  template <std::integral... Steps>
  requires(sizeof...(Steps) == Rank) constexpr offsets(Steps... steps) {
    std::size_t axis = 0;
    ((along[axis++] = static_cast<index>(steps)), ...);
  }
};

/// Element i is e[i + offset]. One pass, fused; assigning to an array that e reads is right (a temporary is used).
template <expression E>
auto neighbor(E&& e, offsets<rank_v<E>> const& offset, boundary outside = boundary::clamp) {
  auto operand = as_node(std::forward<E>(e));
  return neighbor_node<decltype(operand), rank_v<E>>(std::move(operand), offset.along, outside);
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
