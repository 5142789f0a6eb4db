// Row kernels: softmax, log_softmax, standardize, and map_rows for any functions that reduce the rows of an expression
// along one axis and map their elements by what was found, reading each row from memory once.
#pragma once

#include "../backend/cpu/row.hpp"
#include "reduce.hpp"
#include "row_functions.hpp"
#if LOCKSTEP_CUDA
#include "../backend/cuda/row.cuh"
#endif

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// The rows of an expression along one axis, folded and mapped: an expression of the same shape.
template <class Rule, class E>
struct [[nodiscard]] row_node : node_base<row_node<Rule, E>, typename Rule::value, rank_v<E>> {
  static constexpr std::size_t Rank = rank_v<E>;
  using value = typename Rule::value;
  Rule rule;
  E operand;
  std::size_t along;
  char const* title;

  row_node(Rule r, E e, axis a, char const* t) : rule(std::move(r)), operand(std::move(e)), along(a.number), title(t) {
    if (along >= Rank)
      throw shape_error(
          text_of({title, ": found axis ", along, ", expected an axis of the shape ", to_string(operand.shape())}));
  }
  auto const& shape() const { return operand.shape(); }

  // A row is read before it is written, so a row kernel may replace what it reads element by element.
  template <class Visitor>
  void visit(Visitor&& visitor, bool pointwise = true) const {
    visit_pass(visitor, *this, pointwise);
  }
  [[gnu::cold, gnu::noinline]] void describe(std::string& text) const {
    append_text(text, {title, "("});
    operand.describe(text);
    append_text(text, {", axis ", along, ")"});
  }

  void write(lowering& context, view<value, Rank> const& target) const {
    if (!(target.strides == row_major_strides(target.extents))) return store_node(context, *this, target, false);
    if (operand.size() == 0) return;
    bool const past_caches = overlap_of(operand, target) == overlap::none;
    with_lowered(
        context,
        [&](auto const& space, auto const& evaluator) {
          if (context.where.is_cpu())
            return cpu::map_rows(context.where, rule, operand.shape(), along, space, evaluator, target.data,
                                 past_caches);
#if LOCKSTEP_CUDA
          cuda::map_rows(context.where, rule, axis_split(operand.shape(), along), space, evaluator, target.data);
#else
          throw_needs_cuda(context.where);
#endif
        },
        operand);
  }

  template <std::size_t R>
  auto lower(lowering& context, lockstep::shape<R> const& target) const {
    return computed_first(context, *this).lower(context, target);
  }
};

/// A step of map_rows: combines `value(x, earlier results...)` over the row's elements x by an associative operator;
/// the step's result is `finish(combined, number of elements)`. `value` may also take x alone.
template <class Op, class Value = row_element, class Finish = as_combined>
auto fold(Op op, Value value = {}, Finish finish = {}) {
  return row_fold<callable_t<Op>, callable_t<Value>, callable_t<Finish>, false>{
      callable(std::move(op)), callable(std::move(value)), callable(std::move(finish))};
}
/// The same, and the values take the places of the elements for what follows: what is costly is computed once.
template <class Op, class Value, class Finish = as_combined>
auto fold_in_place(Op op, Value value, Finish finish = {}) {
  return row_fold<callable_t<Op>, callable_t<Value>, callable_t<Finish>, true>{
      callable(std::move(op)), callable(std::move(value)), callable(std::move(finish))};
}

template <expression E, class F, class... Folds>
auto make_rows(E&& e, axis along, char const* title, F f, Folds... folds) {
  static_assert(rank_v<E> > 0, "a rank-0 expression has no rows");
  using rule = row_rule<value_t<E>, F, Folds...>;
  auto operand = as_node(std::forward<E>(e));
  return row_node<rule, decltype(operand)>(rule{std::move(f), {std::move(folds)...}}, std::move(operand), along, title);
}
template <class E>
inline constexpr std::size_t last_axis = rank_v<E> == 0 ? 0 : rank_v<E> - 1;

/// Every element x of the rows along an axis becomes f(x, results...), where each step (see fold and fold_in_place)
/// folds the row to one result and may use the results of the steps before it. f may also take x alone.
///
///     map_rows(e, axis(1), [](float x, float peak) { return x / peak; }, fold(maximum{}))
///
/// A row is evaluated once into the cache, then folded, mapped and written (rows of more than 65536 elements are
/// evaluated once per step; on a GPU those of more than 4096 and those along another axis than the last). Elements keep
/// their type, results and f's values have the types that the functions return. The order of combination depends on the
/// shape alone: the same bits on any number of threads. A lazy expression of the same shape. Throws shape_error when
/// there is no such axis.
template <expression E, class F, class... Folds>
auto map_rows(E&& e, axis along, F f, Folds... folds) {
  return make_rows(std::forward<E>(e), along, "map_rows", callable(std::move(f)), std::move(folds)...);
}

// --- the kernels of networks ----------------------------------------------------------------------------------------

namespace rows {

/// Expressions of integers as double, of half and bfloat16 as float, others as they are.
template <expression E>
auto as_floating(E&& e) {
  if constexpr (std::is_floating_point_v<widened_t<value_t<E>>>)
    return as_number(std::forward<E>(e));
  else
    return cast<double>(std::forward<E>(e));
}

}  // namespace rows

/// exp(x) over the sum of exp along an axis, by default the last, without overflow: the row's largest element is
/// subtracted first. Probabilities below about 1e-38 (float) or 1e-307 (double) of the largest are zero. A row that
/// holds a NaN or +infinity, or nothing but -infinity, becomes NaN. Integers give double. See map_rows for the rest.
template <expression E>
auto softmax(E&& e, axis along = axis(last_axis<E>)) {
  return make_rows(rows::as_floating(std::forward<E>(e)), along, "softmax", rows::scaled{}, fold(maximum{}),
                   fold_in_place(plus{}, rows::shifted_exp{}, rows::reciprocal{}));
}
/// The logarithm of softmax, computed without rounding small probabilities to zero. Same special cases as softmax.
template <expression E>
auto log_softmax(E&& e, axis along = axis(last_axis<E>)) {
  return make_rows(rows::as_floating(std::forward<E>(e)), along, "log_softmax", rows::shifted_twice{}, fold(maximum{}),
                   fold(plus{}, rows::shifted_exp{}, rows::logarithm{}));
}
/// (x - mean) / sqrt(variance + epsilon) along an axis, by default the last; the variance divides by n (layer
/// normalization). A row with a NaN or an infinity becomes NaN. Integers give double. See map_rows for the rest.
template <expression E>
auto standardize(E&& e, axis along, double epsilon = 1e-5) {
  auto operand = rows::as_floating(std::forward<E>(e));
  using T = value_t<decltype(operand)>;
  return make_rows(std::move(operand), along, "standardize", rows::standardized{},
                   fold(plus{}, row_element{}, rows::average{}),
                   fold(plus{}, rows::squared_deviation{}, rows::inverse_deviation<T>{static_cast<T>(epsilon)}));
}
template <expression E>
auto standardize(E&& e, double epsilon = 1e-5) {
  return standardize(std::forward<E>(e), axis(last_axis<E>), epsilon);
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
