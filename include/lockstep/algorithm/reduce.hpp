// reduce: any expression to one value or along one axis; several reductions in one pass over memory (evaluate).
#pragma once

#include "../backend/cpu/reduce_axis.hpp"
#include "../expression/functions.hpp"
#include "map.hpp"
#include "reducers.hpp"
#if LOCKSTEP_CUDA
#include "../backend/cuda/reduce_axis.cuh"
#endif

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

template <>
inline constexpr bool is_light_function<functions::square_function> = true;
#if !defined(__CUDACC__)
template <>
inline constexpr bool cpu::takes_vectors<functions::square_function> = true;
#endif

/// Lowers an index space in the cheapest form that reads it in row-major order, and calls f(extents, evaluators...).
template <class F, node... Es>
void with_lowered(lowering& context, F&& f, Es const&... es) {
  auto const& extents = std::get<0>(std::tie(es...)).shape();
  if constexpr (((rank_v < Es >> 1 && can_flatten<Es>)&&...)) {
    if ((es.is_flat(extents) && ...)) {
      shape<1> const flat(extents.size());
      return f(flat, es.flatten().lower(context, flat)...);
    }
  }
  f(extents, es.lower(context, extents)...);
}

/// A whole reduction: a rank-0 expression. As a value on the host it is computed and waited for; inside an expression
/// or in an array<T, 0> it stays on the device.
template <class Reducer, class E>
struct [[nodiscard]] reduction : node_base<reduction<Reducer, E>, reduced_t<Reducer>, 0> {
  using result = reduced_t<Reducer>;
  Reducer reducer;
  E operand;

  reduction(Reducer r, E e) : reducer(r), operand(std::move(e)) {}
  lockstep::shape<0> shape() const { return {}; }

  template <class Visitor>
  void visit(Visitor&& visitor, bool = true) const {
    visit_pass(visitor, *this, false);
  }
  [[gnu::cold, gnu::noinline]] void describe(std::string& text) const {
    append_text(text, {Reducer::title, "("});
    operand.describe(text);
    append_text(text, {")"});
  }
  reduction flatten() const { return *this; }
  bool is_flat(lockstep::shape<0> const&) const { return true; }

  void write(lowering& context, view<result, 0> const& target) const {
    reduce_pass(context, std::tuple<result*>(target.data), *this);
  }

  /// Inside a larger expression the value is computed first and read from the device's memory.
  template <std::size_t R>
  shared_value_evaluator<result, R> lower(lowering& context, lockstep::shape<R> const&) const {
    auto const space = make_storage(context.where, 1, sizeof(result));
    context.temporaries.push_back(space);
    auto* value = static_cast<result*>(space->data);
    write(context, {value, {}});
    return {value};
  }
};

template <class Result, class Reducer>
void store_empty(lowering& context, Reducer const& reducer, Result* result) {
  Result const value = reducer.empty();
  context.where.state().fill(result, &value, sizeof(Result), 1);
}

template <class Reducer, class Evaluator>
reduction_part<Reducer, Evaluator> part_of(Reducer const& reducer, Evaluator const& evaluator) {
  return {reducer, evaluator};
}

/// Computes reductions of one index space in one pass and writes their values to memory of the device.
template <class... Reducers, class... Es>
void reduce_pass(lowering& context, std::tuple<reduced_t<Reducers>*...> const& results,
                 reduction<Reducers, Es> const&... reductions) {
  auto const& extents = std::get<0>(std::tie(reductions...)).operand.shape();
  if (extents.size() == 0) {
    std::apply([&](auto*... result) { (store_empty(context, reductions.reducer, result), ...); }, results);
    return;
  }
  auto const reducers = std::tie(reductions.reducer...);
  auto const run = [&](auto const& space, auto const&... evaluators) {
    auto const parts =
        std::apply([&](auto const&... r) { return std::make_tuple(part_of(r, evaluators)...); }, reducers);
    if (context.where.is_cpu()) {
      std::apply([&](auto*... result) { cpu::reduce(context.where, space, parts, result...); }, results);
    } else {
#if LOCKSTEP_CUDA
      std::apply([&](auto*... result) { cuda::reduce(context, space, parts, result...); }, results);
#else
      throw_needs_cuda(context.where);
#endif
    }
  };
  with_lowered(context, run, reductions.operand...);
}

/// A reduction along one axis: an expression without that axis.
template <class Reducer, class E>
struct [[nodiscard]] axis_reduction : node_base<axis_reduction<Reducer, E>, reduced_t<Reducer>, rank_v<E> - 1> {
  static constexpr std::size_t Rank = rank_v<E> - 1;
  using result = reduced_t<Reducer>;
  Reducer reducer;
  E operand;
  std::size_t along;
  lockstep::shape<Rank> extents;

  axis_reduction(Reducer r, E e, axis a) : reducer(r), operand(std::move(e)), along(a.number) {
    if (along > Rank)
      throw shape_error(text_of(
          {Reducer::title, ": found axis ", along, ", expected an axis of the shape ", to_string(operand.shape())}));
    for (std::size_t k = 0; k < Rank; ++k) extents[k] = operand.shape()[k < along ? k : k + 1];
  }
  lockstep::shape<Rank> const& shape() const { return extents; }

  template <class Visitor>
  void visit(Visitor&& visitor, bool = true) const {
    visit_pass(visitor, *this, false);
  }
  [[gnu::cold, gnu::noinline]] void describe(std::string& text) const {
    append_text(text, {Reducer::title, "("});
    operand.describe(text);
    append_text(text, {", axis ", along, ")"});
  }

  void write(lowering& context, view<result, Rank> const& target) const {
    if (!(target.strides == row_major_strides(target.extents))) return store_node(context, *this, target, false);
    if (operand.size() == 0) {
      result const value = reducer.empty();
      return context.where.state().fill(target.data, &value, sizeof(result), extents.size());
    }
    with_lowered(
        context,
        [&](auto const& space, auto const& evaluator) {
          reduction_part<Reducer, std::remove_cvref_t<decltype(evaluator)>> const part{reducer, evaluator};
          if (context.where.is_cpu()) {
            cpu::reduce_axis(context.where, operand.shape(), along, space, part, target.data);
          } else {
#if LOCKSTEP_CUDA
            cuda::reduce_axis(context, operand.shape(), along, space, part, target.data);
#else
            throw_needs_cuda(context.where);
#endif
          }
        },
        operand);
  }

  template <std::size_t R>
  auto lower(lowering& context, lockstep::shape<R> const& target) const {
    return computed_first(context, *this).lower(context, target);
  }
};

// --- whole reductions and reductions by axis ------------------------------------------------------------------------

template <template <class...> class Reducer, class... Extra, expression E>
auto reduction_of(E&& e) {
  auto operand = as_number(std::forward<E>(e));
  using reducer = Reducer<value_t<decltype(operand)>, Extra...>;
  return reduction<reducer, decltype(operand)>(reducer{}, std::move(operand));
}
template <template <class...> class Reducer, class... Extra, expression E>
auto reduction_of(E&& e, axis along) {
  static_assert(rank_v<E> > 0, "a rank-0 expression has no axis to reduce");
  auto operand = as_number(std::forward<E>(e));
  using reducer = Reducer<value_t<decltype(operand)>, Extra...>;
  return axis_reduction<reducer, decltype(operand)>(reducer{}, std::move(operand), along);
}

/// Sum of all elements, or along an axis. Integers and bools sum to 64 bits; floating types keep theirs and are summed
/// in a fixed tree: the same bits on any number of threads. 0 for no elements. One pass, nothing of size n is stored.
template <expression E, std::same_as<axis>... Axis>
requires(sizeof...(Axis) <= 1) auto sum(E&& e, Axis... along) {
  return reduction_of<sum_reducer>(std::forward<E>(e), along...);
}
/// Product, with the types of sum. 1 for no elements.
template <expression E, std::same_as<axis>... Axis>
requires(sizeof...(Axis) <= 1) auto product(E&& e, Axis... along) {
  return reduction_of<product_reducer>(std::forward<E>(e), along...);
}
/// Arithmetic mean; double for integers. NaN for no elements.
template <expression E, std::same_as<axis>... Axis>
requires(sizeof...(Axis) <= 1) auto mean(E&& e, Axis... along) {
  return reduction_of<mean_reducer>(std::forward<E>(e), along...);
}
/// Smallest element; NaN when one is NaN. Evaluating it over no elements throws error.
template <expression E, std::same_as<axis>... Axis>
requires(sizeof...(Axis) <= 1) auto min(E&& e, Axis... along) {
  return reduction_of<extremum_reducer, minimum>(std::forward<E>(e), along...);
}
/// Largest element; NaN when one is NaN. Evaluating it over no elements throws error.
template <expression E, std::same_as<axis>... Axis>
requires(sizeof...(Axis) <= 1) auto max(E&& e, Axis... along) {
  return reduction_of<extremum_reducer, maximum>(std::forward<E>(e), along...);
}
/// Index of the first smallest element in row-major order, or along an axis; of the first NaN when there is one.
template <expression E, std::same_as<axis>... Axis>
requires(sizeof...(Axis) <= 1) auto argmin(E&& e, Axis... along) {
  return reduction_of<position_reducer, minimum>(std::forward<E>(e), along...);
}
/// Index of the first largest element in row-major order, or along an axis; of the first NaN when there is one.
template <expression E, std::same_as<axis>... Axis>
requires(sizeof...(Axis) <= 1) auto argmax(E&& e, Axis... along) {
  return reduction_of<position_reducer, maximum>(std::forward<E>(e), along...);
}
/// True when an element is; false for no elements.
template <expression E, std::same_as<axis>... Axis>
requires(sizeof...(Axis) <= 1) auto any(E&& e, Axis... along) {
  auto operand = cast<bool>(std::forward<E>(e));
  return reduction_of<any_reducer>(std::move(operand), along...);
}
/// True when every element is; true for no elements.
template <expression E, std::same_as<axis>... Axis>
requires(sizeof...(Axis) <= 1) auto all(E&& e, Axis... along) {
  auto operand = cast<bool>(std::forward<E>(e));
  return reduction_of<all_reducer>(std::move(operand), along...);
}
/// Number of elements that are true.
template <expression E, std::same_as<axis>... Axis>
requires(sizeof...(Axis) <= 1) auto count(E&& e, Axis... along) {
  return reduction_of<count_reducer>(std::forward<E>(e), along...);
}
/// initial op e0 op e1 op ... for an associative operator, computed in the expression's own type (cast<T>(e) for a
/// wider one); `initial` enters once. Operators known to be commutative (see is_commutative) run on vector lanes.
template <expression E, class T, class Op>
requires std::convertible_to<T, value_t<E>>
auto reduce(E&& e, T initial, Op op) {
  auto operand = as_number(std::forward<E>(e));
  using V = value_t<decltype(operand)>;
  using reducer = operator_reducer<V, callable_t<Op>>;
  return reduction<reducer, decltype(operand)>(reducer{static_cast<V>(initial), callable(op)}, std::move(operand));
}

/// Computes several whole reductions; those given together over one shape take one pass over memory. Returns a tuple of
/// rank-0 arrays that stay on the device.
template <class... Reducers, class... Es>
auto evaluate(reduction<Reducers, Es> const&... reductions) {
  auto const& first = std::get<0>(std::tie(reductions...));
  device const where = device_or_default(first);
  (require_device(reductions, where), ...);
  auto results = std::make_tuple(array<reduced_t<Reducers>, 0>(where, shape<0>())...);
  lowering context{where, {}};
  constexpr bool same_rank = ((rank_v<Es> == rank_v<decltype(first.operand)>)&&...);
  if constexpr (same_rank) {
    if (((reductions.operand.shape() == first.operand.shape()) && ...)) {
      auto const targets = std::apply([](auto&... r) { return std::make_tuple(r.data()...); }, results);
      reduce_pass(context, targets, reductions...);
      return results;
    }
  }
  std::apply([&](auto&... r) { (reductions.write(context, r.view()), ...); }, results);
  return results;
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
