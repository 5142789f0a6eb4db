// Expressions that read another expression's elements in another order along its axes: reverse, roll, tile, repeat,
// permute; and concatenate and split, which put expressions side by side and take them apart.
#pragma once

#include "views.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// A run-time axis, which for rank 1 can only be 0.
template <std::size_t R>
LOCKSTEP_INLINE index& along(coordinates<R>& c, std::size_t axis) {
  return c[R == 1 ? 0 : axis];
}

/// Neighbors along a row whose sources lie at `begin`, `begin + step`, ... of one source row; step 2 stands for none.
struct piece {
  index begin, length;
  int step;
};

/// Values in an order that a rule gives: source(c), where an element comes from, and piece_at(j, end), how far the row
/// goes on from j like that.
template <class T, class Inner, class Rule, std::size_t R>
struct rearranged_evaluator {
  using staged = T;
  Inner inner;
  Rule rule;
  index inner_row_length;

  LOCKSTEP_INLINE T at(coordinates<R> const& c) const { return inner.at(rule.source(c)); }
  LOCKSTEP_INLINE bool unit() const {
    if (!inner.unit()) return false;
    interval const there = inner.interior(inner_row_length);
    return there.begin <= 0 && there.end >= inner_row_length;
  }
  LOCKSTEP_INLINE interval interior(index n) const { return {0, n}; }
  LOCKSTEP_INLINE evaluated_row<rearranged_evaluator, R> row(coordinates<R> const& c) const { return {*this, c}; }

  void stage(coordinates<R> c, index begin, index end, T* out) const {
    while (begin < end) {
      piece const p = rule.piece_at(begin, end);
      c[R - 1] = begin;
      copy(p, c, out);
      begin += p.length;
      out += p.length;
    }
  }

 private:
  void copy(piece const& p, coordinates<R> c, T* out) const {
    coordinates<R> const from = rule.source(c);
    if (p.step == 1) {
      stage_space<Inner> space;
      auto const row = staged_row(inner, from, p.begin, p.begin + p.length, space);
      LOCKSTEP_INDEPENDENT
      for (index k = 0; k < p.length; ++k) out[k] = row[p.begin + k];
    } else if (p.step == -1) {
      stage_space<Inner> space;
      index const first = p.begin - p.length + 1;
      auto const row = staged_row(inner, from, first, p.begin + 1, space);
      LOCKSTEP_INDEPENDENT
      for (index k = 0; k < p.length; ++k) out[p.length - 1 - k] = row[first + k];
    } else if (p.step == 0) {
      T const value = inner.at(from);
      for (index k = 0; k < p.length; ++k) out[k] = value;
    } else {
      for (index k = 0; k < p.length; ++k, ++c[R - 1]) out[k] = inner.at(rule.source(c));
    }
  }
};

template <std::size_t R>
struct reverse_rule {
  static constexpr char const* title = "reverse";
  std::size_t axis;
  index last;
  LOCKSTEP_INLINE coordinates<R> source(coordinates<R> c) const {
    along(c, axis) = last - along(c, axis);
    return c;
  }
  piece piece_at(index j, index end) const {
    return axis + 1 == R ? piece{last - j, end - j, -1} : piece{j, end - j, 1};
  }
};

template <std::size_t R>
struct roll_rule {
  static constexpr char const* title = "roll";
  std::size_t axis;
  index extent, shift;  ///< 0 <= shift < extent
  LOCKSTEP_INLINE coordinates<R> source(coordinates<R> c) const {
    along(c, axis) += along(c, axis) < shift ? extent - shift : -shift;
    return c;
  }
  piece piece_at(index j, index end) const {
    if (axis + 1 != R) return {j, end - j, 1};
    return j < shift ? piece{j + extent - shift, (end < shift ? end : shift) - j, 1} : piece{j - shift, end - j, 1};
  }
};

template <std::size_t R>
struct tile_rule {
  static constexpr char const* title = "tile";
  shape<R> extents;
  LOCKSTEP_INLINE coordinates<R> source(coordinates<R> c) const {
    for (std::size_t axis = 0; axis < R; ++axis) c[axis] %= extents[axis];
    return c;
  }
  piece piece_at(index j, index end) const {
    index const begin = j % extents[R - 1], left = extents[R - 1] - begin;
    return {begin, left < end - j ? left : end - j, 1};
  }
};

template <std::size_t R>
struct repeat_rule {
  static constexpr char const* title = "repeat";
  std::size_t axis;
  index times;
  LOCKSTEP_INLINE coordinates<R> source(coordinates<R> c) const {
    along(c, axis) /= times;
    return c;
  }
  piece piece_at(index j, index end) const {
    if (axis + 1 != R) return {j, end - j, 1};
    index const left = times - j % times;
    return {j / times, left < end - j ? left : end - j, 0};
  }
};

template <std::size_t R>
struct permute_rule {
  static constexpr char const* title = "permute";
  shape<R> order;  ///< axis k of the result is axis order[k] of the operand
  LOCKSTEP_INLINE coordinates<R> source(coordinates<R> const& c) const {
    coordinates<R> from;
    for (std::size_t axis = 0; axis < R; ++axis) from[static_cast<std::size_t>(order[axis])] = c[axis];
    return from;
  }
  piece piece_at(index j, index end) const { return {j, end - j, order[R - 1] == index(R) - 1 ? 1 : 2}; }
};

template <class E, class Rule>
struct [[nodiscard]] rearranged : reindexed<rearranged<E, Rule>, E, rank_v<E>> {
  static constexpr std::size_t Rank = rank_v<E>;
  static constexpr char const* title = Rule::title;
  Rule rule;

  rearranged(E e, lockstep::shape<Rank> const& s, Rule r) : reindexed<rearranged, E, Rank>(std::move(e), s), rule(r) {}
  template <class Inner>
  rearranged_evaluator<value_t<E>, Inner, Rule, Rank> evaluator(Inner inner) const {
    return {inner, rule, this->operand.shape()[Rank - 1]};
  }
};
template <node E, class Rule>
rearranged<E, Rule> rearrange(E e, shape<rank_v<E>> const& extents, Rule rule) {
  return {std::move(e), extents, rule};
}

/// The number of an axis that is there. (Not inlined: g++ 12 would warn of axes that have just been refused.)
template <std::size_t R>
[[gnu::noinline]] std::size_t require_axis(char const* title, shape<R> const& extents, axis along) {
  static_assert(R > 0, "a rank-0 expression has no axes");
  if (along.number >= R)
    throw shape_error(
        text_of({title, ": found axis ", along.number, ", expected an axis of the shape ", to_string(extents)}));
  return along.number;
}

/// The elements from last to first along one axis.
template <expression E>
auto reverse(E&& e, axis along = axis(0)) {
  auto operand = as_node(std::forward<E>(e));
  auto const extents = operand.shape();
  auto const axis = require_axis("reverse", extents, along);
  return rearrange(std::move(operand), extents, reverse_rule<rank_v<E>>{axis, extents[axis] - 1});
}

/// The elements moved up by `shift` places along one axis (down where it is negative); what leaves at the end comes in
/// at the front.
template <expression E>
auto roll(E&& e, index shift, axis along = axis(0)) {
  auto operand = as_node(std::forward<E>(e));
  auto const extents = operand.shape();
  auto const axis = require_axis("roll", extents, along);
  index const extent = extents[axis] > 0 ? extents[axis] : 1;
  return rearrange(std::move(operand), extents, roll_rule<rank_v<E>>{axis, extent, (shift % extent + extent) % extent});
}

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_bad_count(char const* title, index found) {
  throw shape_error(text_of({title, ": found the count ", found, ", expected at least 0"}));
}

/// The whole expression side by side: counts[k] times along axis k.
template <expression E>
auto tile(E&& e, shape<rank_v<E>> const& counts) {
  auto operand = as_node(std::forward<E>(e));
  auto const inner = operand.shape();
  auto extents = inner;
  for (std::size_t axis = 0; axis < rank_v<E>; ++axis) extents[axis] *= counts[axis];
  return rearrange(std::move(operand), extents, tile_rule<rank_v<E>>{inner});
}

/// Every element, or every slice along the axis, `times` times in a row.
template <expression E>
auto repeat(E&& e, index times, axis along = axis(0)) {
  auto operand = as_node(std::forward<E>(e));
  auto extents = operand.shape();
  auto const axis = require_axis("repeat", extents, along);
  if (times < 0) throw_bad_count("repeat", times);
  extents[axis] *= times;
  return rearrange(std::move(operand), extents, repeat_rule<rank_v<E>>{axis, times > 0 ? times : 1});
}

/// The axes in another order: axis k of the result is axis order[k] of the expression. Throws shape_error where an axis
/// is missing.
template <expression E>
auto permute(E&& e, shape<rank_v<E>> const& order) {
  constexpr std::size_t R = rank_v<E>;
  auto operand = as_node(std::forward<E>(e));
  shape<R> extents;
  std::size_t seen = 0;
  for (std::size_t axis = 0; axis < R; ++axis) {
    if (order[axis] >= index(R) || (seen >> order[axis] & 1))
      throw shape_error(
          text_of({"permute: found the order ", to_string(order), ", expected each of 0 to ", R - 1, " once"}));
    seen |= std::size_t{1} << order[axis];
    extents[axis] = operand.shape()[static_cast<std::size_t>(order[axis])];
  }
  return rearrange(std::move(operand), extents, permute_rule<R>{order});
}

// --- concatenate ----------------------------------------------------------------------------------------------------

template <class T, class First, class Second, std::size_t R>
struct concatenated_evaluator {
  using staged = T;
  First first;
  Second second;
  index boundary, second_row_length;  ///< the extent of the first along the axis
  std::size_t axis;

  LOCKSTEP_INLINE T at(coordinates<R> c) const {
    if (along(c, axis) < boundary) return static_cast<T>(first.at(c));
    along(c, axis) -= boundary;
    return static_cast<T>(second.at(c));
  }
  LOCKSTEP_INLINE bool unit() const {
    index const first_row_length = axis + 1 == R ? boundary : second_row_length;
    return whole(first, first_row_length) && whole(second, second_row_length);
  }
  LOCKSTEP_INLINE interval interior(index n) const { return {0, n}; }
  LOCKSTEP_INLINE evaluated_row<concatenated_evaluator, R> row(coordinates<R> const& c) const { return {*this, c}; }

  void stage(coordinates<R> c, index begin, index end, T* out) const {
    if (axis + 1 == R) {
      index const middle = boundary < begin ? begin : boundary < end ? boundary : end;
      copy(first, c, begin, middle, out);
      copy(second, c, middle - boundary, end - boundary, out + (middle - begin));
    } else if (along(c, axis) < boundary) {
      copy(first, c, begin, end, out);
    } else {
      along(c, axis) -= boundary;
      copy(second, c, begin, end, out);
    }
  }

 private:
  template <class Inner>
  LOCKSTEP_INLINE static bool whole(Inner const& inner, index length) {
    if (!inner.unit()) return false;
    interval const there = inner.interior(length);
    return there.begin <= 0 && there.end >= length;
  }
  template <class Inner>
  static void copy(Inner const& inner, coordinates<R> const& c, index begin, index end, T* out) {
    if (begin >= end) return;
    stage_space<Inner> space;
    auto const row = staged_row(inner, c, begin, end, space);
    LOCKSTEP_INDEPENDENT
    for (index j = begin; j < end; ++j) out[j - begin] = static_cast<T>(row[j]);
  }
};

template <class A, class B>
struct [[nodiscard]] concatenated
    : node_base<concatenated<A, B>, std::common_type_t<value_t<A>, value_t<B>>, rank_v<A>> {
  static constexpr std::size_t Rank = rank_v<A>;
  using result = std::common_type_t<value_t<A>, value_t<B>>;
  A first;
  B second;
  std::size_t along;
  lockstep::shape<Rank> extents;

  concatenated(A a, B b, axis where)
      : first(std::move(a)),
        second(std::move(b)),
        along(require_axis("concatenate", first.shape(), where)),
        extents(first.shape()) {
    auto rest = second.shape();
    rest[along] = extents[along];
    if (!(rest == extents))
      throw shape_error(
          text_of({"concatenate: found the shapes ", to_string(extents), " and ", to_string(second.shape()),
                   ", expected ones that differ along axis ", along, " only"}));
    extents[along] += second.shape()[along];
  }
  lockstep::shape<Rank> const& shape() const { return extents; }

  template <class Visitor>
  void visit(Visitor&& visitor, bool = true) const {
    first.visit(visitor, false);
    second.visit(visitor, false);
  }
  [[gnu::cold, gnu::noinline]] void describe(std::string& text) const {
    append_text(text, {"concatenate("});
    first.describe(text);
    append_text(text, {", "});
    second.describe(text);
    append_text(text, {", axis ", along, ")"});
  }
  template <std::size_t R>
  auto lower(lowering& context, lockstep::shape<R> const& target) const {
    auto const a = first.lower(context, first.shape());
    auto const b = second.lower(context, second.shape());
    using own =
        concatenated_evaluator<result, std::remove_const_t<decltype(a)>, std::remove_const_t<decltype(b)>, Rank>;
    return repeated_evaluator<own, Rank, R>{
        {a, b, first.shape()[along], second.shape()[Rank - 1], along}, extents, target[R - 1]};
  }
};

/// Expressions one behind the other along an axis; their other extents agree, otherwise shape_error is thrown.
template <expression A, expression B>
auto concatenate(A&& a, B&& b, axis along = axis(0)) {
  static_assert(rank_v<A> == rank_v<B>, "concatenate(a, b): both must have the same number of axes");
  auto first = as_node(std::forward<A>(a));
  auto second = as_node(std::forward<B>(b));
  return concatenated<decltype(first), decltype(second)>(std::move(first), std::move(second), along);
}

/// The expression in `parts` slices along an axis, no copies: the first ones longer by one where it does not divide.
template <expression E>
auto split(E&& e, index parts, axis along = axis(0)) {
  auto const operand = as_node(std::forward<E>(e));
  auto const extents = operand.shape();
  auto const axis = require_axis("split", extents, along);
  if (parts < 1) throw shape_error(text_of({"split: found ", parts, " parts, expected at least 1"}));
  auto from = extents, to = extents;
  for (index& each : from.extents) each = 0;
  index const extent = extents[axis];
  std::vector<decltype(operand.slice(from, to))> slices;
  for (index part = 0; part < parts; ++part) {
    index const longer = part < extent % parts ? part : extent % parts;
    from[axis] = part * (extent / parts) + longer;
    to[axis] = from[axis] + extent / parts + (part < extent % parts);
    slices.push_back(operand.slice(from, to));
  }
  return slices;
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
