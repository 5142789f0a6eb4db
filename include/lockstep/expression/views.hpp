// Expressions that read another expression at other indices: slice, transpose, reshape, broadcast_to and column; and
// indices, which reads nothing.
#pragma once

#include "elementwise.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// Shared by every node that re-indexes one operand: where it lies, what it reads, how it is placed into a larger
/// space. Derived has `evaluator(inner)`, which wraps the operand's evaluator, and `title`.
template <class Derived, class E, std::size_t Rank>
struct reindexed : node_base<Derived, value_t<E>, Rank> {
  E operand;
  lockstep::shape<Rank> extents;

  reindexed(E e, lockstep::shape<Rank> const& s) : operand(std::move(e)), extents(s) {}
  lockstep::shape<Rank> const& shape() const { return extents; }

  template <class Visitor>
  void visit(Visitor&& visitor, bool = true) const {
    operand.visit(visitor, false);
  }
  [[gnu::cold, gnu::noinline]] void describe(std::string& text) const {
    append_text(text, {Derived::title, "("});
    operand.describe(text);
    append_text(text, {")"});
  }
  template <std::size_t R>
  auto lower(lowering& context, lockstep::shape<R> const& target) const {
    auto own = static_cast<Derived const&>(*this).evaluator(operand.lower(context, operand.shape()));
    return repeated_evaluator<decltype(own), Rank, R>{own, extents, R == 0 ? 1 : target[R - 1]};
  }
};

template <class Inner, std::size_t R>
struct evaluated_row {
  Inner inner;
  coordinates<R> c;
  LOCKSTEP_INLINE auto operator[](index j) const {
    coordinates<R> here = c;
    here[R - 1] = j;
    return inner.at(here);
  }
};

template <class Row>
struct shifted_row {
  Row row;
  index shift;
  LOCKSTEP_INLINE auto operator[](index j) const { return row[j + shift]; }
};

// --- slice ----------------------------------------------------------------------------------------------------------

template <class Inner, std::size_t R>
struct slice_evaluator {
  Inner inner;
  coordinates<R> from;
  index inner_row_length;

  LOCKSTEP_INLINE auto at(coordinates<R> const& c) const { return inner.at(moved(c)); }
  LOCKSTEP_INLINE bool unit() const { return inner.unit(); }
  LOCKSTEP_INLINE interval interior(index n) const {
    interval const there = inner.interior(inner_row_length);
    return intersection({0, n}, {there.begin - from[R - 1], there.end - from[R - 1]});
  }
  LOCKSTEP_INLINE auto row(coordinates<R> const& c) const {
    auto row = inner.row(moved(c));
    return shifted_row<decltype(row)>{row, from[R - 1]};
  }
  LOCKSTEP_INLINE index steps(coordinates<R> const& c) const { return steps_of(inner, moved(c)); }
  template <class Row>
  LOCKSTEP_INLINE void advance(Row& row) const {
    advance_row(inner, row.row);
  }
  LOCKSTEP_INLINE auto line(coordinates<R> const& c) const { return line_of(inner, moved(c)); }

 private:
  LOCKSTEP_INLINE coordinates<R> moved(coordinates<R> c) const {
    LOCKSTEP_UNROLL
    for (std::size_t axis = 0; axis < R; ++axis) c[axis] += from[axis];
    return c;
  }
};
template <class Inner, std::size_t R>
inline constexpr bool has_edges<slice_evaluator<Inner, R>> = has_edges<Inner>;

template <class E, std::size_t Rank>
struct [[nodiscard]] sliced : reindexed<sliced<E, Rank>, E, Rank> {
  static constexpr char const* title = "slice";
  lockstep::shape<Rank> from;

  sliced(E e, lockstep::shape<Rank> const& f, lockstep::shape<Rank> const& s)
      : reindexed<sliced, E, Rank>(std::move(e), s), from(f) {}
  template <class Inner>
  slice_evaluator<Inner, Rank> evaluator(Inner inner) const {
    return {inner, from, this->operand.shape()[Rank - 1]};
  }
};

/// The elements from index `from` up to but not including `to` along every axis. Throws shape_error outside the shape.
template <node E, std::size_t Rank>
auto slice_of(E const& e, shape<Rank> const& from, shape<Rank> const& to) {
  require_range(e.shape(), from, to);
  shape<Rank> extents;
  for (std::size_t axis = 0; axis < Rank; ++axis) extents[axis] = to[axis] - from[axis];
  return sliced<E, Rank>(e, from, extents);
}

// --- transpose ------------------------------------------------------------------------------------------------------

template <class Inner, std::size_t R>
struct transpose_evaluator {
  Inner inner;

  LOCKSTEP_INLINE auto at(coordinates<R> const& c) const {
    coordinates<R> turned;
    LOCKSTEP_UNROLL
    for (std::size_t axis = 0; axis < R; ++axis) turned[axis] = c[R - 1 - axis];
    return inner.at(turned);
  }
  LOCKSTEP_INLINE bool unit() const { return true; }
  LOCKSTEP_INLINE interval interior(index n) const { return {0, n}; }
  LOCKSTEP_INLINE auto row(coordinates<R> const& c) const { return evaluated_row<transpose_evaluator, R>{*this, c}; }
};
template <class Inner, std::size_t R>
inline constexpr bool has_edges<transpose_evaluator<Inner, R>> = false;

template <class E, std::size_t Rank>
struct [[nodiscard]] transposed : reindexed<transposed<E, Rank>, E, Rank> {
  static constexpr char const* title = "transpose";
  using reindexed<transposed<E, Rank>, E, Rank>::reindexed;
  template <class Inner>
  transpose_evaluator<Inner, Rank> evaluator(Inner inner) const {
    return {inner};
  }
};

template <node E>
auto transpose_of(E const& e) {
  constexpr std::size_t Rank = rank_v<E>;
  shape<Rank> extents;
  for (std::size_t axis = 0; axis < Rank; ++axis) extents[axis] = e.shape()[Rank - 1 - axis];
  return transposed<E, Rank>(e, extents);
}

/// The axes in reverse order; rows become columns.
template <expression E>
auto transpose(E&& e) {
  return as_node(std::forward<E>(e)).transpose();
}

// --- reshape --------------------------------------------------------------------------------------------------------

template <class Inner, std::size_t Old, std::size_t R>
struct reshape_evaluator {
  Inner inner;
  shape<Old> from;
  shape<R> strides;

  LOCKSTEP_INLINE auto at(coordinates<R> const& c) const {
    index linear = 0;
    LOCKSTEP_UNROLL
    for (std::size_t axis = 0; axis < R; ++axis) linear += c[axis] * strides[axis];
    coordinates<Old> old;
    for (std::size_t axis = Old; axis-- > 0; linear /= from[axis]) old[axis] = linear % from[axis];
    return inner.at(old);
  }
  LOCKSTEP_INLINE bool unit() const { return true; }
  LOCKSTEP_INLINE interval interior(index n) const { return {0, n}; }
  LOCKSTEP_INLINE auto row(coordinates<R> const& c) const { return evaluated_row<reshape_evaluator, R>{*this, c}; }
};
template <class Inner, std::size_t Old, std::size_t R>
inline constexpr bool has_edges<reshape_evaluator<Inner, Old, R>> = false;

template <class E, std::size_t Rank>
struct [[nodiscard]] reshaped : reindexed<reshaped<E, Rank>, E, Rank> {
  static constexpr char const* title = "reshape";
  using reindexed<reshaped<E, Rank>, E, Rank>::reindexed;
  template <class Inner>
  reshape_evaluator<Inner, rank_v<E>, Rank> evaluator(Inner inner) const {
    return {inner, this->operand.shape(), row_major_strides(this->extents)};
  }
};

/// The same elements, in row-major order, under another shape. Throws shape_error when the sizes differ.
template <node E, std::size_t Rank>
auto reshape_of(E const& e, shape<Rank> const& extents) {
  require_same_size(e.shape(), extents);
  return reshaped<E, Rank>(e, extents);
}

// --- broadcast ------------------------------------------------------------------------------------------------------

template <class E, std::size_t Rank>
struct [[nodiscard]] broadcasted : node_base<broadcasted<E, Rank>, value_t<E>, Rank> {
  E operand;
  lockstep::shape<Rank> extents;

  broadcasted(E e, lockstep::shape<Rank> const& s) : operand(std::move(e)), extents(s) {}
  lockstep::shape<Rank> const& shape() const { return extents; }
  template <class Visitor>
  void visit(Visitor&& visitor, bool = true) const {
    operand.visit(visitor, false);
  }
  [[gnu::cold, gnu::noinline]] void describe(std::string& text) const {
    append_text(text, {"broadcast_to("});
    operand.describe(text);
    append_text(text, {")"});
  }
  template <std::size_t R>
  auto lower(lowering& context, lockstep::shape<R> const& target) const {
    return operand.lower(context, target);
  }
};

template <node E, std::size_t Rank>
auto broadcast_of(E const& e, shape<Rank> const& extents) {
  static_assert(rank_v<E> <= Rank, "broadcast_to: the new shape must have at least as many axes as the expression");
  shape<Rank> common = extents;
  if (!broadcast_into(common, e.shape()) || !(common == extents))
    throw shape_error(text_of({"broadcast_to: found the shape ", to_string(e.shape()),
                               ", expected extents that are 1 or equal to those of ", to_string(extents)}));
  return broadcasted<E, Rank>(e, extents);
}

// --- column ---------------------------------------------------------------------------------------------------------

template <class Inner, std::size_t R>
struct column_evaluator {
  Inner inner;

  LOCKSTEP_INLINE auto at(coordinates<R> const& c) const { return inner.at(coordinates<1>(c[R - 2])); }
  LOCKSTEP_INLINE bool unit() const { return true; }
  LOCKSTEP_INLINE interval interior(index n) const { return {0, n}; }
  LOCKSTEP_INLINE auto row(coordinates<R> const& c) const {
    auto const value = at(c);
    return constant_row<std::remove_const_t<decltype(value)>>{value};
  }
};
template <class Inner, std::size_t R>
inline constexpr bool has_edges<column_evaluator<Inner, R>> = false;

/// A vector of n values as a matrix of shape (n, 1), so that it broadcasts along rows.
template <class E>
struct [[nodiscard]] column_node : node_base<column_node<E>, value_t<E>, 2> {
  E operand;
  lockstep::shape<2> extents;

  explicit column_node(E e) : operand(std::move(e)), extents(operand.shape()[0], 1) {}
  lockstep::shape<2> const& shape() const { return extents; }
  template <class Visitor>
  void visit(Visitor&& visitor, bool = true) const {
    operand.visit(visitor, false);
  }
  [[gnu::cold, gnu::noinline]] void describe(std::string& text) const {
    append_text(text, {"column("});
    operand.describe(text);
    append_text(text, {")"});
  }
  template <std::size_t R>
  auto lower(lowering& context, lockstep::shape<R> const& target) const {
    auto inner = operand.lower(context, lockstep::shape<1>(target[R - 2]));
    return column_evaluator<decltype(inner), R>{inner};
  }
};

template <expression E>
auto column(E&& e) {
  static_assert(rank_v<E> == 1, "column(v): v must have one axis");
  return column_node(as_node(std::forward<E>(e)));
}

// --- indices --------------------------------------------------------------------------------------------------------

template <std::size_t R>
struct index_row {
  index constant;  ///< the coordinate, when it does not change along the row
  bool along;
  LOCKSTEP_INLINE index operator[](index j) const { return along ? j : constant; }
};

template <std::size_t R>
struct index_evaluator {
  std::size_t axis;

  LOCKSTEP_INLINE index at(coordinates<R> const& c) const { return c[axis]; }
  LOCKSTEP_INLINE bool unit() const { return true; }
  LOCKSTEP_INLINE interval interior(index n) const { return {0, n}; }
  LOCKSTEP_INLINE index_row<R> row(coordinates<R> const& c) const { return {c[axis], axis == R - 1}; }
};
template <std::size_t R>
inline constexpr bool has_edges<index_evaluator<R>> = false;

/// The index along an axis of whatever index space the expression ends up in.
struct [[nodiscard]] indices_node : node_base<indices_node, index, 0> {
  std::size_t along;

  explicit indices_node(std::size_t a) : along(a) {}
  lockstep::shape<0> shape() const { return {}; }
  template <class Visitor>
  void visit(Visitor&&, bool = true) const {}
  [[gnu::cold, gnu::noinline]] void describe(std::string& text) const {
    append_text(text, {"indices(axis ", along, ")"});
  }
  template <std::size_t R>
  index_evaluator<R> lower(lowering&, lockstep::shape<R> const& target) const {
    if (along >= R)
      throw shape_error(
          text_of({"indices: found axis ", along, ", expected an axis of the shape ", to_string(target)}));
    return {along};
  }
};

/// Element i, j, ... is the index along `along` of the index space that the whole expression ends up in, counted from
/// its first axis: `y = x + indices(axis(0))`. Evaluating it throws shape_error where there is no such axis.
inline indices_node indices(axis along = axis(0)) { return indices_node(along.number); }

/// The same over an index space of its own, which broadcasts as arrays do: its axes stay where they are counted.
template <std::size_t Rank>
struct [[nodiscard]] index_space : node_base<index_space<Rank>, index, Rank> {
  lockstep::shape<Rank> extents;
  std::size_t along;

  index_space(lockstep::shape<Rank> const& s, std::size_t a) : extents(s), along(a) {}
  lockstep::shape<Rank> const& shape() const { return extents; }
  template <class Visitor>
  void visit(Visitor&&, bool = true) const {}
  [[gnu::cold, gnu::noinline]] void describe(std::string& text) const {
    append_text(text, {"indices(", to_string(extents), ", axis ", along, ")"});
  }
  template <std::size_t R>
  auto lower(lowering&, lockstep::shape<R> const& target) const {
    return repeated_evaluator<index_evaluator<Rank>, Rank, R>{{along}, extents, target[R - 1]};
  }
};

/// Element i, j, ... of an index space of this shape is the index along `along`. Throws shape_error when there is no
/// such axis.
template <std::size_t Rank>
requires(Rank > 0) index_space<Rank> indices(shape<Rank> const& extents, axis along = axis(0)) {
  if (along.number >= Rank)
    throw shape_error(
        text_of({"indices: found axis ", along.number, ", expected an axis of the shape ", to_string(extents)}));
  return {extents, along.number};
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
