// elementwise: a function applied to the elements of its operands, broadcast against each other.
#pragma once

#include "../core/algorithm.hpp"
#include "../core/function_objects.hpp"
#include "window.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// A flat list of values by position; usable in kernels, which std::tuple is not everywhere.
template <std::size_t I, class T>
struct slot {
  T value;
};
template <class Indices, class... Ts>
struct slots_base;
template <std::size_t... I, class... Ts>
struct slots_base<std::index_sequence<I...>, Ts...> : slot<I, Ts>... {};
template <class... Ts>
struct slots : slots_base<std::index_sequence_for<Ts...>, Ts...> {
  static constexpr std::size_t count = sizeof...(Ts);
};
template <class... Ts>
LOCKSTEP_INLINE slots<Ts...> make_slots(Ts... values) {
  return {{{std::move(values)}...}};
}
template <std::size_t I, class T>
LOCKSTEP_INLINE T const& get(slot<I, T> const& s) {
  return s.value;
}
template <std::size_t I, class T>
LOCKSTEP_INLINE T& modify(slot<I, T>& s) {
  return s.value;
}

/// Calls f(operand...) with every value in the list.
template <class F, class... Ts>
decltype(auto) unpack(F&& f, slots<Ts...> const& list) {
  return [&]<std::size_t... I>(std::index_sequence<I...>)->decltype(auto) { return f(get<I>(list)...); }
  (std::index_sequence_for<Ts...>{});
}

template <class F, class... Rows>
struct elementwise_row {
  F function;
  slots<Rows...> rows;

  LOCKSTEP_INLINE auto operator[](index j) const { return call(j, std::index_sequence_for<Rows...>{}); }

 private:
  template <std::size_t... I>
  LOCKSTEP_INLINE auto call(index j, std::index_sequence<I...>) const {
    return function(get<I>(rows)[j]...);
  }
};

template <class F>
inline constexpr bool is_near_function = requires(float x, std::uint32_t far) {
  F::near(x, far);
};
template <class F, class... Rows>
inline constexpr bool has_near_way<elementwise_row<F, Rows...>> = is_near_function<F> || (has_near_way<Rows> || ...);

template <class F, class... Rows>
LOCKSTEP_INLINE auto near_value(elementwise_row<F, Rows...> const& row, index j, std::uint32_t& far) {
  if constexpr (is_near_function<F>) {
    auto const x = near_value(get<0>(row.rows), j, far);
    if constexpr (std::is_same_v<decltype(x), float const>)
      return F::near(x, far);
    else
      return row.function(x);
  } else {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return row.function(near_value(get<I>(row.rows), j, far)...);
    }
    (std::index_sequence_for<Rows...>{});
  }
}

template <class F, class... Rows>
LOCKSTEP_INLINE bool all_inside(elementwise_row<F, Rows...> const& row) {
  return [&]<std::size_t... I>(std::index_sequence<I...>) { return (all_inside(get<I>(row.rows)) && ...); }
  (std::index_sequence_for<Rows...>{});
}
template <class F, class... Rows>
LOCKSTEP_INLINE auto unmasked(elementwise_row<F, Rows...> const& row) {
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    return elementwise_row<F, decltype(unmasked(get<I>(row.rows)))...>{row.function,
                                                                       make_slots(unmasked(get<I>(row.rows))...)};
  }
  (std::index_sequence_for<Rows...>{});
}

template <std::size_t R, class F, class... Evaluators>
struct elementwise_evaluator {
  F function;
  slots<Evaluators...> operands;
  using positions = std::index_sequence_for<Evaluators...>;

  LOCKSTEP_INLINE auto at(coordinates<R> const& c) const { return at(c, positions{}); }
  LOCKSTEP_INLINE bool unit() const { return unit(positions{}); }
  LOCKSTEP_INLINE interval interior(index n) const { return interior(n, positions{}); }
  LOCKSTEP_INLINE auto row(coordinates<R> const& c) const { return row(c, positions{}); }
  LOCKSTEP_INLINE index steps(coordinates<R> const& c) const { return steps(c, positions{}); }
  template <class Row>
  LOCKSTEP_INLINE void advance(Row& row) const {
    advance(row, positions{});
  }
  LOCKSTEP_INLINE auto line(coordinates<R> const& c) const { return line(c, positions{}); }
  template <class Space>
  auto staged_row(coordinates<R> const& c, index begin, index end, Space& space) const {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return make_row(lockstep::staged_row(get<I>(operands), c, begin, end, modify<I>(space.operands))...);
    }
    (positions{});
  }

 private:
  template <std::size_t... I>
  LOCKSTEP_INLINE auto at(coordinates<R> const& c, std::index_sequence<I...>) const {
    return function(get<I>(operands).at(c)...);
  }
  template <std::size_t... I>
  LOCKSTEP_INLINE bool unit(std::index_sequence<I...>) const {
    return (get<I>(operands).unit() && ...);
  }
  template <std::size_t... I>
  LOCKSTEP_INLINE interval interior(index n, std::index_sequence<I...>) const {
    interval all{0, n};
    ((all = intersection(all, get<I>(operands).interior(n))), ...);
    return all;
  }
  template <std::size_t... I>
  LOCKSTEP_INLINE index steps(coordinates<R> const& c, std::index_sequence<I...>) const {
    index least = any_steps;
    ((least = smaller(least, steps_of(get<I>(operands), c))), ...);
    return least;
  }
  template <class Row, std::size_t... I>
  LOCKSTEP_INLINE void advance(Row& row, std::index_sequence<I...>) const {
    (advance_row(get<I>(operands), modify<I>(row.rows)), ...);
  }
  template <std::size_t... I>
  LOCKSTEP_INLINE auto line(coordinates<R> const& c, std::index_sequence<I...>) const {
    return make_row(line_of(get<I>(operands), c)...);
  }
  template <std::size_t... I>
  LOCKSTEP_INLINE auto row(coordinates<R> const& c, std::index_sequence<I...>) const {
    return make_row(get<I>(operands).row(c)...);
  }
  template <class... Rows>
  LOCKSTEP_INLINE elementwise_row<F, Rows...> make_row(Rows... rows) const {
    return {function, make_slots(rows...)};
  }
};

template <std::size_t R, class F, class... Evaluators>
inline constexpr bool has_edges<elementwise_evaluator<R, F, Evaluators...>> = (has_edges<Evaluators> || ...);
template <std::size_t R, class F, class... Evaluators>
inline constexpr bool is_stencil<elementwise_evaluator<R, F, Evaluators...>> = (is_stencil<Evaluators> || ...);
template <class F>
inline constexpr bool is_arithmetic_function =
    std::is_same_v<F, plus> || std::is_same_v<F, minus> || std::is_same_v<F, multiplies> ||
    std::is_same_v<F, divides> || std::is_same_v<F, negate>;
template <std::size_t R, class F, class... Evaluators>
LOCKSTEP_INLINE bool rows_continue(elementwise_evaluator<R, F, Evaluators...> const& evaluator, index columns) {
  if constexpr (!is_arithmetic_function<F>)
    return false;
  else
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return (rows_continue(get<I>(evaluator.operands), columns) && ...);
    }
  (std::index_sequence_for<Evaluators...>{});
}
template <std::size_t R, class F, class... Evaluators, class... Rows>
LOCKSTEP_INLINE auto column_of(elementwise_evaluator<R, F, Evaluators...> const& evaluator,
                               elementwise_row<F, Rows...> const& row, index j) {
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    return elementwise_row<F, decltype(column_of(get<I>(evaluator.operands), get<I>(row.rows), j))...>{
        row.function, make_slots(column_of(get<I>(evaluator.operands), get<I>(row.rows), j)...)};
  }
  (std::index_sequence_for<Rows...>{});
}
template <std::size_t R, class F, class... Evaluators>
inline constexpr bool is_staged<elementwise_evaluator<R, F, Evaluators...>> = (is_staged<Evaluators> || ...);
template <std::size_t R, class F, class... Evaluators>
struct stage_space<elementwise_evaluator<R, F, Evaluators...>> {
  slots<stage_space<Evaluators>...> operands;
};

template <class E>
concept can_flatten = requires(E const& e) {
  e.flatten();
};

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_mismatch(any_node const& e,
                                                                  std::initializer_list<extents_of> shapes) {
  auto const write = [](std::string& to, void const* first, text_piece::number count) {
    auto const* const each = static_cast<extents_of const*>(first);
    for (std::size_t i = 0; i < count; ++i) append_text(to, {i == 0 ? "" : " and ", each[i]});
  };
  throw_text<shape_error>({e, ": found the shapes ", text_piece(write, shapes.begin(), shapes.size()),
                           ", expected extents that are equal or 1, aligned at the last axis"});
}

/// f(e...) for every index of the operands' common shape.
template <class F, class... Es>
struct [[nodiscard]] elementwise
    : node_base<elementwise<F, Es...>, std::remove_cvref_t<std::invoke_result_t<F const&, value_t<Es>...>>,
                std::max({rank_v<Es>...})> {
  static constexpr std::size_t Rank = std::max({rank_v<Es>...});
  /// Operands that are computed tile by tile and can be followed by element-wise work on each tile.
  static constexpr int tile_sources = (0 + ... + Es::tile_sources);
  static constexpr bool lies_on_device = (Es::lies_on_device || ...);

  [[no_unique_address]] F function;
  slots<Es...> operands;
  lockstep::shape<Rank> extents;

  /// Throws shape_error, naming the shapes and the expression, when the operands do not broadcast.
  elementwise(F f, Es&&... es) : function(std::move(f)), operands{{{std::move(es)}...}} { broadcast(positions{}); }

  lockstep::shape<Rank> const& shape() const { return extents; }

  template <class Visitor>
  void visit(Visitor&& visitor, bool pointwise = true) const {
    visit(visitor, pointwise, positions{});
  }
  [[gnu::cold, gnu::noinline]] void describe(std::string& text) const {
    if constexpr (requires { F::infix; } && sizeof...(Es) == 2) {
      append_text(text, {"("});
      get<0>(operands).describe(text);
      append_text(text, {" ", F::infix, " "});
      get<1>(operands).describe(text);
    } else {
      if constexpr (requires { F::name; })
        append_text(text, {F::name});
      else
        append_text(text, {"map"});
      describe(text, positions{});
    }
    append_text(text, {")"});
  }

  /// The only such operand: its tiles are computed where the tree is written to, and finished there.
  auto const& tile_source() const requires(tile_sources == 1) { return tile_source(positions{}); }

  bool is_flat(lockstep::shape<Rank> const& target) const requires(can_flatten<Es>&&...) {
    return is_flat(target, positions{});
  }
  auto flatten() const requires(can_flatten<Es>&&...) { return flatten(positions{}); }
  template <std::size_t R>
  auto lower(lowering& context, lockstep::shape<R> const& target) const {
    return lower(context, target, positions{});
  }

 private:
  using positions = std::index_sequence_for<Es...>;

  template <std::size_t... I>
  void broadcast(std::index_sequence<I...>) {
    for (std::size_t axis = 0; axis < Rank; ++axis) extents[axis] = 1;
    constexpr std::size_t with_axes = (std::size_t{rank_v<Es> != 0} + ...);
    bool const good = (broadcast_into(extents, get<I>(operands).shape()) && ...);
    if constexpr (with_axes > 1)  // otherwise every shape is good
      if (!good) throw_mismatch(*this, {extents_of(get<I>(operands).shape())...});
  }
  template <std::size_t I, std::size_t... Rest>
  auto const& tile_source(std::index_sequence<I, Rest...>) const {
    auto const& operand = get<I>(operands);
    if constexpr (std::remove_cvref_t<decltype(operand)>::tile_sources == 1)
      return operand.tile_source();
    else
      return tile_source(std::index_sequence<Rest...>{});
  }
  template <class Visitor, std::size_t... I>
  void visit(Visitor&& visitor, bool pointwise, std::index_sequence<I...>) const {
    (get<I>(operands).visit(visitor, pointwise), ...);
  }
  template <std::size_t... I>
  void describe(std::string& text, std::index_sequence<I...>) const {
    ((append_text(text, {I == 0 ? "(" : ", "}), get<I>(operands).describe(text)), ...);
  }
  template <std::size_t... I>
  bool is_flat(lockstep::shape<Rank> const& target, std::index_sequence<I...>) const {
    return (flat_beside(get<I>(operands), target) && ...);
  }
  template <std::size_t... I>
  auto flatten(std::index_sequence<I...>) const {
    return elementwise<F, decltype(get<I>(operands).flatten())...>(function, get<I>(operands).flatten()...);
  }
  template <std::size_t R, std::size_t... I>
  auto lower(lowering& context, lockstep::shape<R> const& target, std::index_sequence<I...>) const {
    return elementwise_evaluator<R, F, decltype(get<I>(operands).lower(context, target))...>{
        function, {{{get<I>(operands).lower(context, target)}...}}};
  }

  template <class E>
  static bool flat_beside(E const& e, lockstep::shape<Rank> const& target) {
    if constexpr (rank_v<E> == 0)
      return true;
    else if constexpr (rank_v<E> == Rank)
      return e.is_flat(target);
    else
      return false;
  }
};

/// True when an integer of the width of T holds the value; wrapping a negative one to unsigned, as C++ does, is fine.
template <std::integral T, std::integral S>
constexpr bool holds(S value) {
  auto const wrapped = static_cast<T>(value);
  return static_cast<S>(wrapped) == value || static_cast<S>(static_cast<std::make_signed_t<T>>(wrapped)) == value;
}

template <class T>
[[noreturn, gnu::cold, gnu::noinline]] void throw_scalar_too_wide(std::string const& value) {
  throw error(text_of({"found the scalar ", value, " beside an expression of ", type_name<T>(), ", expected one that ",
                       type_name<T>(), " holds; convert the expression to a wider type first: cast<T>(e)"}));
}

/// A scalar beside an expression of values T takes the type T, unless that would lose its kind: an integer array beside
/// 0.5 is a double expression, a float array beside 0.5 stays float. Throws error for an integer that T cannot hold.
template <class T, scalar S>
constexpr auto scalar_for(S value) {
  if constexpr (std::is_integral_v<T> && std::is_integral_v<S> && !std::is_same_v<T, bool>)
    if (!holds<T>(value)) throw_scalar_too_wide<T>(text_of({value}));
  if constexpr (std::is_arithmetic_v<T> && !(std::is_floating_point_v<S> && std::is_integral_v<T>)&&!(
                                               std::is_same_v<T, bool> && !std::is_same_v<S, bool>))
    return static_cast<T>(value);
  else
    return value;
}

template <class E>
concept operand = expression<E> || scalar<E>;

/// Operands of an element-wise operation: expressions and scalars, at least one of them an expression.
template <class... Es>
concept operands_of_elementwise = (operand<Es> && ...) && (expression<Es> || ...);

/// The type that values of T are computed with.
template <class T>
using widened_t = std::conditional_t<is_storage_float<T>, float, T>;
struct widen {
  static constexpr char const* name = "float";
  template <class T>
  LOCKSTEP_INLINE float operator()(T x) const {
    return x;
  }
};

/// The value type that scalars adapt to: that of the first expression.
template <class First, class... Rest>
struct leading_value : leading_value<Rest...> {};
template <expression First, class... Rest>
struct leading_value<First, Rest...> {
  using type = widened_t<value_t<First>>;
};

/// An operand that is computed with: half and bfloat16 become float where they are read.
template <expression E>
[[gnu::always_inline]] inline auto as_number(E&& e) {
  auto node = as_node(std::forward<E>(e));
  if constexpr (is_storage_float<value_t<E>>)
    return elementwise<widen, decltype(node)>(widen{}, std::move(node));
  else
    return node;
}

template <class Leading, class E>
[[gnu::always_inline]] inline auto operand_node(E&& e) {
  if constexpr (scalar<E>) {
    auto const value = scalar_for<Leading>(e);
    return constant<std::remove_cvref_t<decltype(value)>>(value);
  } else {
    return as_number(std::forward<E>(e));
  }
}

template <class E>
struct value_or_self_of {
  using type = E;
};
template <expression E>
struct value_or_self_of<E> {
  using type = value_t<E>;
};
/// The value type of an expression; a scalar's own type.
template <class E>
using value_or_self = typename value_or_self_of<std::remove_cvref_t<E>>::type;

/// The node that applies `f` to the elements of nodes.
template <class F, node... Es>
elementwise<F, Es...> apply_nodes(F f, Es&&... es) {
  return {std::move(f), std::move(es)...};
}

/// The node that applies `f` to the elements of expressions and scalars.
template <class F, class... Es>
requires operands_of_elementwise<Es...>
auto apply_elementwise(F f, Es&&... es) {
  using leading = typename leading_value<std::remove_cvref_t<Es>...>::type;
  return apply_nodes(std::move(f), operand_node<leading>(std::forward<Es>(es))...);
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
