// What is done with sorted values: is_sorted, lower_bound, upper_bound, searchsorted, merge, and set operations.
#pragma once

#include "../backend/cpu/search.hpp"
#include "select.hpp"
#include "sort.hpp"
#if LOCKSTEP_CUDA
#include "../backend/cuda/search.cuh"
#endif

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// True when no value of an expression of one axis comes before the one in front of it. With less and greater NaNs
/// belong at the end.
template <expression E, order_of<value_t<E>> Order = less>
requires(rank_v<E> == 1) bool is_sorted(E const& e, Order order = {}) {
  device const where = require_one_device(e);
  dense_values const values(where, e);
  if (values.size() < 2) return true;
  if (where.is_gpu()) return cuda::is_sorted(where, values.data(), values.size(), order);
  return cpu::is_sorted(where, values.data(), values.size(), comparison<value_t<E>, Order>{order});
}

template <bool Upper, expression Sorted, expression Values, class Order>
array<index, rank_v<Values>> places_in(Sorted const& sorted, Values const& operand, Order const& order) {
  using T = value_t<Sorted>;
  device const where = require_one_device(sorted);
  dense_values const run(where, sorted);
  auto const& values = borrow_node(operand);
  require_device(values, where);
  array<index, rank_v<Values>> found(where, values.shape());
  if (found.size() == 0) return found;
  lowering context{where, {}};
  auto const evaluator = values.lower(context, values.shape());
  if (where.is_gpu())
    cuda::search<Upper>(where, run.data(), run.size(), evaluator, values.shape(), order, found.data());
  else
    cpu::search<Upper>(where, run.data(), run.size(), evaluator, values.shape(), comparison<T, Order>{order},
                       found.data());
  return found;
}

/// For each value the number of sorted values that come before it: where it could be inserted first. Values are
/// converted to the type of the sorted ones. `sorted` must be in the order; this is not checked. O(m log n).
template <expression Sorted, expression Values, order_of<value_t<Sorted>> Order = less>
requires(rank_v<Sorted> == 1) auto lower_bound(Sorted const& sorted, Values const& values, Order order = {}) {
  return places_in<false>(sorted, values, order);
}
/// For each value the number of sorted values that do not come after it: where it could be inserted last.
template <expression Sorted, expression Values, order_of<value_t<Sorted>> Order = less>
requires(rank_v<Sorted> == 1) auto upper_bound(Sorted const& sorted, Values const& values, Order order = {}) {
  return places_in<true>(sorted, values, order);
}

/// On which side of equal values searchsorted inserts.
enum class side { left, right };

/// lower_bound (left) or upper_bound (right), under NumPy's name.
template <expression Sorted, expression Values>
requires(rank_v<Sorted> == 1) auto searchsorted(Sorted const& sorted, Values const& values, side where = side::left) {
  return where == side::left ? lower_bound(sorted, values) : upper_bound(sorted, values);
}

/// Two expressions of one axis and one type.
template <class A, class B>
concept two_sequences = expression<A> && expression<B> && rank_v<A>
== 1 && rank_v<B> == 1 && std::is_same_v<value_t<A>, value_t<B>>;

/// Merges two sorted expressions into an array, stably: of equal values those of `a` come first. O(n).
template <class A, class B, class Order = less>
requires two_sequences<A, B> array < value_t<A>,
1 > merge(A const& a, B const& b, Order order = {}) {
  using T = value_t<A>;
  device const where = require_one_device(a);
  dense_values const left(where, a);
  dense_values const right(where, b);
  array<T, 1> result(where, shape<1>(left.size() + right.size()));
  if (result.size() == 0) return result;
  if (where.is_gpu())
    cuda::merge(where, left.data(), left.size(), right.data(), right.size(), result.data(), order);
  else
    cpu::merge(where, cpu::merge_part<T>{left.data(), left.size(), right.data(), right.size(), result.data()},
               comparison<T, Order>{order});
  return result;
}

template <class A, class B, class Order, class Operation>
array<value_t<A>, 1> combine_sorted(device const& where, A const& a, B const& b, Order const& order,
                                    Operation const& operation) {
  using T = value_t<A>;
  dense_values const left(where, a);
  dense_values const right(where, b);
  array<T, 1> result(where, shape<1>(0));
  index const room = left.size() + right.size();
  if (room == 0) return result;
  comparison<T, Order> const before{order};
  cpu::scratch<T> space(where, room);
  cpu::combine_runs(
      where, cpu::two_runs<T>{left.data(), left.size(), right.data(), right.size()}, before, space.data(),
      [&](T const* a_begin, T const* a_end, T const* b_begin, T const* b_end, T* out) {
        return operation(a_begin, a_end, b_begin, b_end, out, before);
      },
      [&](index total) {
        result = array<T, 1>(where, shape<1>(total));
        return result.data();
      });
  return result;
}

/// On a GPU: what a has in common with b, or the rest of a.
template <bool Common, class A, class B, class Order>
array<value_t<A>, 1> compare_sorted(device const& where, A const& a, B const& b, Order const& order) {
  using T = value_t<A>;
  dense_values const left(where, a);
  dense_values const right(where, b);
  return select_into_array<T>(where, left.size(), [&](T* out) {
    return cuda::compare_runs<Common>(where, left.data(), left.size(), right.data(), right.size(), out, order);
  });
}

/// The values of two sorted expressions, those in both once: a value that is m times in a and n times in b is
/// max(m, n) times in the result, as with std::set_union. O(n), on a GPU O(n log n).
template <class A, class B, class Order = less>
requires two_sequences<A, B>
auto set_union(A const& a, B const& b, Order order = {}) {
  device const where = require_one_device(a);
  if (where.is_gpu()) return merge(a, compare_sorted<false>(where, b, a, order), order);
  return combine_sorted(where, a, b, order, [](auto... arguments) { return std::set_union(arguments...); });
}
/// The values that are in both of two sorted expressions: min(m, n) times, from a, as with std::set_intersection. O(n),
/// on a GPU O(n log n).
template <class A, class B, class Order = less>
requires two_sequences<A, B>
auto set_intersection(A const& a, B const& b, Order order = {}) {
  device const where = require_one_device(a);
  if (where.is_gpu()) return compare_sorted<true>(where, a, b, order);
  return combine_sorted(where, a, b, order, [](auto... arguments) { return std::set_intersection(arguments...); });
}
/// The values of a sorted expression that are not in another: max(m - n, 0) times, as with std::set_difference. O(n),
/// on a GPU O(n log n).
template <class A, class B, class Order = less>
requires two_sequences<A, B>
auto set_difference(A const& a, B const& b, Order order = {}) {
  device const where = require_one_device(a);
  if (where.is_gpu()) return compare_sorted<false>(where, a, b, order);
  return combine_sorted(where, a, b, order, [](auto... arguments) { return std::set_difference(arguments...); });
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
