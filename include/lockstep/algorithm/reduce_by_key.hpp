// reduce_by_key: the values of every run of equal keys combined, with the keys.
#pragma once

#include "bounded.hpp"
#include "segmented.hpp"
#include "unique.hpp"
#if LOCKSTEP_CUDA
#include "../backend/cuda/reduce_by_key.cuh"
#endif

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// What reduce_by_key returns: run i has the key keys[i], and its values combine to values[i].
template <class K, class T>
struct keyed_values {
  array<K> keys;
  array<T> values;
};

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

/// How runs of values are combined: by a reducer, as in sum(e).
template <class Reducer, class E>
struct run_reduction {
  using reducer_type = Reducer;
  using result = typename Reducer::accumulator;
  Reducer reducer;
  E operand;
};
template <template <class...> class Reducer, class... Extra, node V>
auto run_reduction_of(V const& values) {
  auto operand = as_number(values);
  using reducer = Reducer<value_t<decltype(operand)>, Extra...>;
  return run_reduction<reducer, decltype(operand)>{reducer{}, std::move(operand)};
}
/// The reduction of one-axis values that an operator stands for: that of the same name where there is one.
template <node V, class Op>
auto reduction_of_runs(V const& values, Op op) {
  using T = value_t<V>;
  if constexpr (std::is_same_v<Op, plus> && std::is_arithmetic_v<widened_t<T>>)
    return run_reduction_of<sum_reducer>(values);
  else if constexpr (std::is_same_v<Op, multiplies> && std::is_arithmetic_v<widened_t<T>>)
    return run_reduction_of<product_reducer>(values);
  else if constexpr (std::is_same_v<Op, minimum> && std::is_arithmetic_v<widened_t<T>>)
    return run_reduction_of<extremum_reducer, minimum>(values);
  else if constexpr (std::is_same_v<Op, maximum> && std::is_arithmetic_v<widened_t<T>>)
    return run_reduction_of<extremum_reducer, maximum>(values);
  else {
    using reducer = run_reducer<T, callable_t<Op>>;
    auto operand = as_node(values);
    return run_reduction<reducer, decltype(operand)>{reducer{callable(op)}, std::move(operand)};
  }
}

/// The keys of runs, then their values over the segments that the runs are.
template <class T, node K, class Reduction, class Equal>
keyed_values<value_t<K>, T> reduce_by_key_on_cpu(device const& where, K const& keys, Reduction const& reduction,
                                                 Equal const& equal) {
  using key = value_t<K>;
  keyed_values<key, T> result;
  array<index> bounds;  // where runs begin, and the last one ends
  with_run_starts(keys, equal, [&](device const&, index n, auto const& starts) {
    bounds = array<index>(where, shape<1>(n + 1));
    index* const at = bounds.data();
    result.keys = select_into_array<key>(where, n, [&](key* out) { return select_both(where, starts, n, out, at); });
    at[result.keys.extent(0)] = n;
  });
  auto along = segments(bounds.slice(0, result.keys.extent(0) + 1));
  along.none_empty = true;
  using operand = std::remove_cvref_t<decltype(reduction.operand)>;
  segmented_reduction<typename Reduction::reducer_type, operand, decltype(along.offsets)> const values(
      reduction.reducer, reduction.operand, along);
  result.values = evaluate_to_array<T>(where, values);
  return result;
}
/// Queues the kernel that writes runs and, twice, their number.
template <class T, node K, class Reduction, class Equal>
void queue_reduce_by_key(device const& where, K const& keys, Reduction const& reduction, Equal const& equal,
                         value_t<K>* run_keys, T* run_values, index* count, index* count_again) {
  lowering context{where, {}};
  auto const key_evaluator = keys.lower(context, keys.shape());
  auto const evaluator = reduction.operand.lower(context, keys.shape());
  using reducer = typename Reduction::reducer_type;
  reduction_part<reducer, std::remove_const_t<decltype(evaluator)>> const part{reduction.reducer, evaluator};
  using operand = std::remove_cvref_t<decltype(reduction.operand)>;
  cuda::reduce_by_key<value_t<K>, value_t<operand>>(context, callable(equal), key_evaluator, part, keys.shape(),
                                                    run_keys, run_values, count, count_again);
}
template <class T, node K, class Reduction, class Equal>
keyed_values<value_t<K>, T> reduce_by_key_on_gpu(device const& where, K const& keys, Reduction const& reduction,
                                                 Equal const& equal) {
  using key = value_t<K>;
  index const n = keys.shape()[0];
  if (n == 0) return {array<key>(where, shape<1>(0)), array<T>(where, shape<1>(0))};
  auto key_room = make_storage(where, static_cast<std::size_t>(n), sizeof(key));
  auto room = make_storage(where, static_cast<std::size_t>(n), sizeof(T));
  array<index> counts(where, shape<1>(2));
  auto* const run_keys = static_cast<key*>(key_room->data);
  auto* const run_values = static_cast<T*>(room->data);
  queue_reduce_by_key(where, keys, reduction, equal, run_keys, run_values, counts.data(), counts.data() + 1);
  index count;
  where.state().copy_to_host(&count, counts.data(), sizeof(index));
  if (keeps_room(count, n))
    return {array<key>(std::move(key_room), shape<1>(count)), array<T>(std::move(room), shape<1>(count))};
  keyed_values<key, T> result{array<key>(where, shape<1>(count)), array<T>(where, shape<1>(count))};
  cuda::copy_runs(where, static_cast<key const*>(run_keys), static_cast<T const*>(run_values), count,
                  result.keys.data(), result.values.data());
  return result;
}

template <node K, node V>
device require_keyed_values(char const* algorithm, K const& keys, V const& values) {
  static_assert(rank_v<K> == 1 && rank_v<V> == 1, "keys and values have one axis");
  if (!(keys.shape() == values.shape()))
    throw shape_error(text_of({algorithm, ": found keys of the shape ", to_string(keys.shape()),
                               " and values of the shape ", to_string(values.shape()), ", expected equal ones"}));
  return require_one_device(keys, values);
}

/// Combines the values of every run of consecutive equal keys by an associative operator; sums have the types of
/// sum(e), least and largest values those of min and max. A run ends where !equal(keys[i - 1], keys[i]); sort_by_key
/// first to bring all equal keys together. The same bits on any number of threads. Runs now; keys that are computed may
/// be computed twice. Throws shape_error when there are not as many values as keys.
///
///     auto [shops, revenue] = reduce_by_key(shop, price * count);
template <expression K, expression V, class Op = plus, class Equal = equal_to>
auto reduce_by_key(K const& keys, V const& values, Op op = {}, Equal equal = {}) {
  auto const& k = borrow_node(keys);
  auto const& v = borrow_node(values);
  device const where = require_keyed_values("reduce_by_key", k, v);
  auto const reduction = reduction_of_runs(v, op);
  using T = typename decltype(reduction)::result;
  return where.is_gpu() ? reduce_by_key_on_gpu<T>(where, k, reduction, equal)
                        : reduce_by_key_on_cpu<T>(where, k, reduction, equal);
}

/// What reduce_by_key_bounded returns: as keyed_values, with room for as many runs as there are keys.
template <class K, class T>
struct bounded_keyed_values {
  bounded<K> keys;
  bounded<T> values;
};
/// reduce_by_key without waiting: the number of runs stays on the device, as that of select_bounded. Takes memory for
/// as many runs as there are keys.
template <expression K, expression V, class Op = plus, class Equal = equal_to>
auto reduce_by_key_bounded(K const& keys, V const& values, Op op = {}, Equal equal = {}) {
  auto const& k = borrow_node(keys);
  auto const& v = borrow_node(values);
  device const where = require_keyed_values("reduce_by_key_bounded", k, v);
  auto const reduction = reduction_of_runs(v, op);
  using key = value_t<K>;
  using T = typename decltype(reduction)::result;
  index const n = k.shape()[0];
  bounded_keyed_values<key, T> result;
  result.keys = bounded_result<key>(where, n, [&](key* keys_to, index* count) {
    result.values = bounded_result<T>(where, n, [&](T* values_to, index* count_again) {
      if (where.is_gpu())
        return queue_reduce_by_key(where, k, reduction, equal, keys_to, values_to, count, count_again);
      auto const found = reduce_by_key_on_cpu<T>(where, k, reduction, equal);
      *count = *count_again = found.keys.extent(0);
      where.state().copy(keys_to, found.keys.data(), static_cast<std::size_t>(*count) * sizeof(key));
      where.state().copy(values_to, found.values.data(), static_cast<std::size_t>(*count) * sizeof(T));
    });
  });
  if (n == 0) result.values = bounded_result<T>(where, n, [](T*, index*) {});
  return result;
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
