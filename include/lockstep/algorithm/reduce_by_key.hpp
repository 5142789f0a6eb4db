// reduce_by_key: the values of every run of equal keys combined, with the keys.
#pragma once

#include "segmented.hpp"
#include "unique.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// What reduce_by_key returns: run i has the key keys[i], and its values combine to values[i].
template <class K, class T>
struct keyed_values {
  array<K> keys;
  array<T> values;
};

/// Runs of equal keys: the key of each, and where they begin, and the last one ends, at the front of `bounds`.
template <class K>
struct key_runs {
  array<K> keys;
  array<index> bounds;
};
template <expression E, class Equal>
key_runs<value_t<E>> runs_of(E const& keys, Equal const& equal) {
  using K = value_t<E>;
  key_runs<K> runs;
  with_run_starts(borrow_node(keys), equal, [&](device const& where, index n, auto const& starts) {
    runs.bounds = array<index>(where, shape<1>(n + 1));
    index* const bounds = runs.bounds.data();
    runs.keys = select_into_array<K>(where, n, [&](K* out) { return select_both(where, starts, n, out, bounds); });
    if (where.is_cpu()) bounds[runs.keys.extent(0)] = n;  // which a GPU has written
  });
  return runs;
}

/// Combines what is there by an operator: for segments that are never empty.
template <class V, class Op>
struct run_reducer {
  static constexpr char const* title = "reduce_by_key";
  static constexpr bool commutative = is_commutative<Op, V>;
  using accumulator = V;
  Op op;
  LOCKSTEP_INLINE V lift(V v) const { return v; }
  LOCKSTEP_INLINE V combine(V a, V b) const { return static_cast<V>(op(a, b)); }
  LOCKSTEP_INLINE V finish(V a, index) const { return a; }
  V empty() const { return V{}; }
};

/// The reduction of one-axis values over segments that an operator stands for: that of the same name where there is
/// one.
template <expression V, class O, class Op>
auto reduce_run(V const& values, segment_bounds<O> const& along, Op op) {
  using T = value_t<V>;
  if constexpr (std::is_same_v<Op, plus> && std::is_arithmetic_v<widened_t<T>>)
    return sum(values, along);
  else if constexpr (std::is_same_v<Op, multiplies> && std::is_arithmetic_v<widened_t<T>>)
    return product(values, along);
  else if constexpr (std::is_same_v<Op, minimum> && std::is_arithmetic_v<widened_t<T>>)
    return min(values, along);
  else if constexpr (std::is_same_v<Op, maximum> && std::is_arithmetic_v<widened_t<T>>)
    return max(values, along);
  else {
    using reducer = run_reducer<T, callable_t<Op>>;
    auto operand = as_node(values);
    return segmented_reduction<reducer, decltype(operand), O>(reducer{callable(op)}, std::move(operand), along);
  }
}

/// Combines the values of every run of consecutive equal keys by an associative operator; sums have the types of
/// sum(e), least and largest values those of min and max. A run ends where !equal(keys[i - 1], keys[i]); sort_by_key
/// first to bring all equal keys together. The same bits on any number of threads. Runs now; keys that are computed may
/// be computed twice. Throws shape_error when there are not as many values as keys.
///
///     auto [shops, revenue] = reduce_by_key(shop, price * count);
template <expression K, expression V, class Op = plus, class Equal = equal_to>
auto reduce_by_key(K const& keys, V const& values, Op op = {}, Equal equal = {}) {
  static_assert(rank_v<K> == 1 && rank_v<V> == 1, "reduce_by_key takes keys and values of one axis");
  auto const& k = borrow_node(keys);
  auto const& v = borrow_node(values);
  if (!(k.shape() == v.shape()))
    throw shape_error(text_of({"reduce_by_key: found keys of the shape ", to_string(k.shape()),
                               " and values of the shape ", to_string(v.shape()), ", expected equal ones"}));
  device const where = require_one_device(k, v);
  auto runs = runs_of(k, equal);
  auto along = segments(runs.bounds.slice(0, runs.keys.extent(0) + 1));
  along.none_empty = true;
  auto const reduced = reduce_run(v, along, op);
  using T = value_t<decltype(reduced)>;
  return keyed_values<value_t<K>, T>{std::move(runs.keys), evaluate_to_array<T>(where, reduced)};
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
