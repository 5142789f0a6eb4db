// top_k, bottom_k, nth_element, median and quantile: the first values of an order, and one in the middle of it.
#pragma once

#include "../backend/cpu/top_k.hpp"
#include "gather.hpp"
#include "sort.hpp"
#if LOCKSTEP_CUDA
#include "../backend/cuda/top_k.cuh"
#endif

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// What top_k and bottom_k return.
template <class T, std::size_t Rank>
struct ranked {
  array<T, Rank> values;
  array<index, Rank> indices;
};

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_bad_k(char const* algorithm, index k, index n) {
  throw error(text_of({algorithm, ": found k = ", k, ", expected one from 0 to ", n, ", the number of values"}));
}
[[noreturn, gnu::cold, gnu::noinline]] inline void throw_no_values(char const* algorithm) {
  throw error(text_of({algorithm, ": found no values, expected at least one"}));
}

/// first_k of an expression on a GPU. Nothing of it makes the host wait. Many values are sorted.
template <class Order, expression E>
ranked<value_t<E>, 1> first_k_on_gpu(device const& where, E const& operand, index k) {
  using T = value_t<E>;
  if constexpr (natural_order<T, Order>) {
    if (k <= 1024) {  // what a block can keep and sort
      ranked<T, 1> result{array<T, 1>(where, shape<1>(k)), array<index, 1>(where, shape<1>(k))};
      if (k == 0) return result;
      lowering context{where, {}};
      auto const& e = borrow_node(operand);
      cuda::first_k<Order, T>(context, e.lower(context, e.shape()), e.shape(), k, result.values.data(),
                              result.indices.data());
      return result;
    }
  }
  array<index, 1> const places = argsort(operand, Order{}), first = places.slice(0, k);
  return {gather(operand, first), first};
}
template <class Order, expression E>
ranked<value_t<E>, 1> first_k(char const* name, E const& operand, index k) {
  static_assert(rank_v<E> == 1, "several axes need to know along which: top_k(e, k, axis(a))");
  using T = value_t<E>;
  device const where = require_one_device(operand);
  auto const& e = borrow_node(operand);
  if (k < 0 || k > e.shape()[0]) throw_bad_k(name, k, e.shape()[0]);
  if (where.is_gpu()) return first_k_on_gpu<Order>(where, operand, k);
  ranked<T, 1> result{array<T, 1>(where, shape<1>(k)), array<index, 1>(where, shape<1>(k))};
  lowering context{where, {}};
  auto const evaluator = e.lower(context, e.shape());
  cpu::first_k_of(where, evaluator, e.shape(), k, Order{}, result.values.data(), result.indices.data());
  return result;
}
template <class Order, expression E>
ranked<value_t<E>, rank_v<E>> first_k(char const* name, E const& operand, index k, axis along) {
  using T = value_t<E>;
  device const where = require_one_device(operand);
  if (along.number >= rank_v<E>) throw_no_axis(name, along.number, to_string(borrow_node(operand).shape()));
  auto extents = borrow_node(operand).shape();
  if (k < 0 || k > extents[along.number]) throw_bad_k(name, k, extents[along.number]);
  extents[along.number] = k;
  dense_values const values(where, operand);
  ranked<T, rank_v<E>> result{array<T, rank_v<E>>(where, extents), array<index, rank_v<E>>(where, extents)};
  if (extents.size() == 0) return result;
  if (where.is_gpu()) {
    array<index, rank_v<E>> places(where, values.shape());
    axis_split const split(values.shape(), along.number);
    cuda::argsort_lines(where, split, values.data(), Order{}, places.data());
    result.indices = places.slice(shape<rank_v<E>>(), extents);
    cuda::read_lines(where, split, k, values.data(), result.indices.data(), result.values.data());
    return result;
  }
  cpu::line_layout const lines(values.shape(), along.number), to(extents, along.number);
  cpu::for_each_line<false>(where, lines, values.data(), [&](device const& on, T const* line, index number) {
    cpu::scratch<T> best(on, k);
    cpu::scratch<index> places(on, k);
    cpu::first_k_of_row(on, line, lines.length, k, Order{}, best.data(), places.data());
    for (index i = 0; i < k; ++i) {
      index const at = to.start(number) + i * to.step;
      result.values.data()[at] = best.data()[i];
      result.indices.data()[at] = places.data()[i];
    }
  });
  return result;
}

/// The k largest values, from the largest down, and their places; of equal values the one at the smaller place comes
/// first, and NaNs last of all. Along an axis: of each line. Throws error when k is more than there are, shape_error
/// when there is no such axis. With one axis the expression is not stored: it is read once, and again, on the CPU,
/// where about k short blocks of it have large values. A GPU sorts all of it where k is more than 1024 or there are
/// several axes.
template <expression E, std::same_as<axis>... Axis>
requires(sizeof...(Axis) <= 1) auto top_k(E const& e, index k, Axis... along) {
  return first_k<greater>("top_k", e, k, along...);
}
/// The k smallest values, from the smallest up: see top_k.
template <expression E, std::same_as<axis>... Axis>
requires(sizeof...(Axis) <= 1) auto bottom_k(E const& e, index k, Axis... along) {
  return first_k<less>("bottom_k", e, k, along...);
}

/// Value number n, counted from 0, of the values in ascending order, NaNs last; all axes are one. O(size).
/// Throws error when there is none.
template <expression E>
requires std::is_arithmetic_v<value_t<E>> array < value_t<E>,
0 > nth_element(E const& e, index n) {
  device const where = require_one_device(e);
  auto const size = static_cast<index>(borrow_node(e).shape().size());
  if (n < 0 || n >= size)
    throw error(text_of({"nth_element: found n = ", n, ", expected one from 0 to less than ", size}));
  auto values = evaluate_to_array<value_t<E>>(where, borrow_node(e));
  if (where.is_gpu()) {
    array<value_t<E>, 0> found(where, shape<0>());
    cuda::sort_values(where, values.data(), size, less{});
    where.state().copy(found.data(), values.data() + n, sizeof(value_t<E>));
    return found;
  }
  value_t<E> const found = cpu::select_two(values.data(), size, n).first;
  return array<value_t<E>, 0>(where, shape<0>(), std::span<value_t<E> const>(&found, 1));
}

/// float for float, double for every other number.
template <class T>
using quantile_type = std::conditional_t<std::is_same_v<T, float>, float, double>;

/// values_around for values that lie on a GPU, which are sorted.
template <class R, class T>
std::pair<R, R> values_around_on_gpu(device const& where, T* values, index n, index place) {
  cuda::sort_values(where, values, n, less{});
  T around[2], last;
  index const next = std::min(place + 1, n - 1);
  where.state().copy_to_host(&around[0], values + place, sizeof(T));
  where.state().copy_to_host(&around[1], values + next, sizeof(T));
  where.state().copy_to_host(&last, values + (n - 1), sizeof(T));
  if (last != last) around[0] = around[1] = last;  // NaNs come last
  return {static_cast<R>(around[0]), static_cast<R>(around[1])};
}

/// The values at places floor(place) and the next, NaN and NaN when one is NaN.
template <expression E>
auto values_around(E const& e, index place) {
  using R = quantile_type<value_t<E>>;
  device const where = require_one_device(e);
  auto values = evaluate_to_array<value_t<E>>(where, borrow_node(e));
  auto const n = static_cast<index>(values.size());
  if (where.is_gpu()) return values_around_on_gpu<R>(where, values.data(), n, place);
  if constexpr (std::is_floating_point_v<value_t<E>>) {
    std::atomic<bool> any_nan{false};
    cpu::parallel_ranges(where, n, 4096, cpu::serial_below, [&](index begin, index end) {
      bool nan = false;
      for (index i = begin; i < end; ++i) nan |= values.data()[i] != values.data()[i];
      if (nan) any_nan = true;
    });
    constexpr R nan = std::numeric_limits<R>::quiet_NaN();
    if (any_nan) return std::pair<R, R>(nan, nan);
  }
  auto const [low, high] = cpu::select_two(values.data(), n, place);
  return std::pair<R, R>(static_cast<R>(low), static_cast<R>(high));
}

/// The value in the middle of all values in order, or the mean of the two there; NaN when one is NaN. float for float,
/// double for other numbers. Throws error for no values. O(n).
template <expression E>
requires std::is_arithmetic_v<value_t<E>>
auto median(E const& e) -> quantile_type<value_t<E>> {
  auto const n = static_cast<index>(borrow_node(e).shape().size());
  if (n == 0) throw_no_values("median");
  auto const [low, high] = values_around(e, (n - 1) / 2);
  using R = quantile_type<value_t<E>>;
  return n % 2 ? low : low == high ? low : low * R(0.5) + high * R(0.5);
}

/// The value below which the part q of all values lies: between the two that are nearest, linearly (as NumPy does);
/// NaN when one is NaN. Throws error for no values and for q outside [0, 1]. O(n).
template <expression E>
requires std::is_arithmetic_v<value_t<E>>
auto quantile(E const& e, double q) -> quantile_type<value_t<E>> {
  auto const n = static_cast<index>(borrow_node(e).shape().size());
  if (n == 0) throw_no_values("quantile");
  if (!(q >= 0 && q <= 1)) throw error("quantile: found q outside [0, 1] or NaN, expected a part of one");
  double const place = q * static_cast<double>(n - 1);
  index const whole = std::min(n - 1, static_cast<index>(place));
  auto const [low, high] = values_around(e, whole);
  using R = quantile_type<value_t<E>>;
  R const part = static_cast<R>(place - static_cast<double>(whole));
  return low == high || part == 0 ? low : low + (high - low) * part;
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
