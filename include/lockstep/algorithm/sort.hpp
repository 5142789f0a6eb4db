// sort, stable_sort, sorted, argsort and sort_by_key: values brought into order, when called.
#pragma once

#include "../backend/cpu/argsort.hpp"
#include "../backend/cpu/sort_lines.hpp"
#include "map.hpp"
#if LOCKSTEP_CUDA
#include "../backend/cuda/sort_lines.cuh"
#endif

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

template <class T>
concept has_less = requires(T const& a, T const& b) {
  a < b;
};
template <class T>
concept has_greater = requires(T const& a, T const& b) {
  a > b;
};
// less and greater are not asked whether they can be called: what they return is known from their bodies alone.
template <class Order, class T>
struct is_order : std::is_invocable_r<bool, Order const&, T const&, T const&> {};
template <class T>
struct is_order<less, T> : std::bool_constant<has_less<T>> {};
template <class T>
struct is_order<greater, T> : std::bool_constant<has_greater<T>> {};
/// What compares two values of T.
template <class Order, class T>
concept order_of = is_order<Order, T>::value;

/// An array or a window that can be written to.
template <class X>
struct is_sortable : std::false_type {};
template <class T, std::size_t Rank>
struct is_sortable<array<T, Rank>> : std::true_type {};
template <class T, std::size_t Rank, layout Layout>
struct is_sortable<window<T, Rank, Layout>> : std::bool_constant<!std::is_const_v<T>> {};
template <class X>
concept sortable = is_sortable<std::remove_cvref_t<X>>::value &&
    !(is_array<std::remove_cvref_t<X>>::value && std::is_const_v<std::remove_reference_t<X>>);

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_no_axis(char const* algorithm, std::size_t along,
                                                                 std::string const& extents) {
  throw shape_error(text_of({algorithm, ": found axis ", along, ", expected an axis of the shape ", extents}));
}
inline void require_length(char const* algorithm, std::size_t found, std::size_t expected) {
  if (found != expected)
    throw shape_error(text_of({algorithm, ": found ", found, " values beside ", expected, " keys, expected as many"}));
}

/// The values of an expression in a row, for reading: where they lie, or else computed into an array of their own.
template <class T, std::size_t Rank>
class dense_values {
 public:
  template <expression E>
  explicit dense_values(device const& where, E const& e) {
    auto const& operand = borrow_node(e);
    require_device(operand, where);
    extents_ = operand.shape();
    if constexpr (requires { operand.elements.data; })
      if (operand.elements.strides == row_major_strides(extents_)) {
        data_ = operand.elements.data;
        return;
      }
    own_ = evaluate_to_array<T>(where, operand);
    data_ = own_.data();
  }
  T const* data() const { return data_; }
  index size() const { return static_cast<index>(extents_.size()); }
  lockstep::shape<Rank> const& shape() const { return extents_; }

 private:
  lockstep::shape<Rank> extents_;
  array<T, Rank> own_;
  T const* data_ = nullptr;
};
template <expression E>
dense_values(device const&, E const&) -> dense_values<value_t<E>, rank_v<E>>;

/// Calls f(pointer to the elements of x in a row), which may change them; a window with gaps is copied and written
/// back.
template <sortable X, class F>
void in_a_row(X&& x, F&& f) {
  using target = std::remove_cvref_t<X>;
  auto&& view = x.view();
  if (view.size() == 0) return;
  if (view.strides == row_major_strides(view.extents)) return f(view.data);
  array<typename target::value_type, target::rank> copy = x;
  f(copy.data());
  x = copy;
}

template <bool Stable, sortable X, class Order>
void sort_whole(X&& x, Order const& order) {
  static_assert(rank_v<X> == 1, "sorting several axes needs to know along which: sort(x, axis(k))");
  device const where = x.device();
  auto const n = static_cast<index>(x.size());
  in_a_row(x, [&](auto* values) {
    if (where.is_gpu())
      cuda::sort_values(where, values, n, order);
    else if constexpr (Stable)
      cpu::stable_sort_values(where, values, n, order);
    else
      cpu::sort_values(where, values, n, order);
  });
}
template <bool Stable, sortable X, class Order>
void sort_lines(char const* name, X&& x, axis along, Order const& order) {
  device const where = x.device();
  if (along.number >= rank_v<X>) throw_no_axis(name, along.number, to_string(x.shape()));
  cpu::line_layout const lines(x.shape(), along.number);
  in_a_row(x, [&](auto* values) {
    if (where.is_gpu()) return cuda::sort_lines(where, axis_split(x.shape(), along.number), values, order);
    cpu::for_each_line<true>(where, lines, values, [&](device const& on, auto* line, index) {
      if constexpr (Stable)
        cpu::stable_sort_values(on, line, lines.length, order);
      else
        cpu::sort_values(on, line, lines.length, order);
    });
  });
}

/// Sorts an array or a window of one axis in place. `order` is less{} or greater{}, or any strict weak order. With less
/// and greater NaNs come last (on a GPU without their payload), and -0 and 0 are equal; those two orders sort numbers
/// in vectors and are not stable between -0 and 0 or between NaNs. Other orders and structs are merged, stably, and
/// nothing is changed when the order throws. The result is the same on any number of threads. O(n log n); numbers in
/// place, others in twice the memory.
template <sortable X, order_of<value_t<X>> Order = less>
void sort(X&& x, Order order = {}) {
  sort_whole<false>(x, order);
}
/// Sorts each line along an axis. Throws shape_error when there is no such axis.
template <sortable X, order_of<value_t<X>> Order = less>
void sort(X&& x, axis along, Order order = {}) {
  sort_lines<false>("sort", x, along, order);
}

/// As sort, and equal values keep their order.
template <sortable X, order_of<value_t<X>> Order = less>
void stable_sort(X&& x, Order order = {}) {
  sort_whole<true>(x, order);
}
template <sortable X, order_of<value_t<X>> Order = less>
void stable_sort(X&& x, axis along, Order order = {}) {
  sort_lines<true>("stable_sort", x, along, order);
}

/// The values of an expression in order, as an array: see sort.
template <expression E, order_of<value_t<E>> Order = less>
array<value_t<E>, 1> sorted(E const& e, Order order = {}) {
  static_assert(rank_v<E> == 1, "sorting several axes needs to know along which: sorted(e, axis(k))");
  array<value_t<E>, 1> result = evaluate_to_array<value_t<E>>(require_one_device(e), borrow_node(e));
  sort(result, order);
  return result;
}
template <expression E, order_of<value_t<E>> Order = less>
array<value_t<E>, rank_v<E>> sorted(E const& e, axis along, Order order = {}) {
  device const where = require_one_device(e);
  if (along.number >= rank_v<E>) throw_no_axis("sorted", along.number, to_string(borrow_node(e).shape()));
  array<value_t<E>, rank_v<E>> result = evaluate_to_array<value_t<E>>(where, borrow_node(e));
  sort(result, along, order);
  return result;
}

/// The places of the values in their order: e[argsort(e)[0]] comes first. Stable: of equal values the one that comes
/// first in `e`. With less and greater NaNs come last.
template <expression E, order_of<value_t<E>> Order = less>
array<index, 1> argsort(E const& e, Order order = {}) {
  static_assert(rank_v<E> == 1, "ordering several axes needs to know along which: argsort(e, axis(k))");
  device const where = require_one_device(e);
  dense_values const values(where, e);
  array<index, 1> places(where, values.shape());
  if (where.is_gpu())
    cuda::argsort_values(where, values.data(), values.size(), order, places.data());
  else
    cpu::argsort_values(where, values.data(), values.size(), order, places.data());
  return places;
}
/// The same for each line along an axis; places are counted along it. Throws shape_error when there is no such axis.
template <expression E, order_of<value_t<E>> Order = less>
array<index, rank_v<E>> argsort(E const& e, axis along, Order order = {}) {
  device const where = require_one_device(e);
  if (along.number >= rank_v<E>) throw_no_axis("argsort", along.number, to_string(borrow_node(e).shape()));
  dense_values const values(where, e);
  array<index, rank_v<E>> places(where, values.shape());
  if (values.size() == 0) return places;
  if (where.is_gpu()) {
    cuda::argsort_lines(where, axis_split(values.shape(), along.number), values.data(), order, places.data());
    return places;
  }
  cpu::line_layout const lines(values.shape(), along.number);
  cpu::for_each_line<false>(where, lines, values.data(), [&](device const& on, auto const* line, index number) {
    index* const first = places.data() + lines.start(number);
    if (lines.step == 1) return cpu::argsort_values(on, line, lines.length, order, first);
    cpu::scratch<index> own(on, lines.length);
    cpu::argsort_values(on, line, lines.length, order, own.data());
    for (index i = 0; i < lines.length; ++i) first[i * lines.step] = own.data()[i];
  });
  return places;
}

/// The places of the elements of several keys of one length in lexicographic order: by the first key, of those that are
/// equal by the second, and so on, ascending and stable. Throws shape_error when the lengths differ.
template <expression First, expression... Others>
requires(rank_v<First> == 1 && ((rank_v<Others> == 1) && ...)) array<index, 1> argsort_by(First const& first,
                                                                                          Others const&... others) {
  if constexpr (sizeof...(Others) == 0) {
    return argsort(first);
  } else {
    device const where = require_one_device(first);
    dense_values const values(where, first);
    (require_length("argsort_by", borrow_node(others).shape().size(), values.shape().size()), ...);
    array<index, 1> const places = argsort_by(others...);  // the last key first: sorting by one before it is stable
    array<value_t<First>, 1> in_order(where, values.shape());
    auto const gather = [&](auto const& from, array<index, 1> const& at, auto& to) {
      if (where.is_gpu())
        cuda::gather_values(where, from.data(), values.size(), at.data(), to.data());
      else
        cpu::gather_values(where, from.data(), values.size(), at.data(), to.data());
    };
    gather(values, places, in_order);
    array<index, 1> result(where, values.shape());
    gather(places, argsort(in_order), result);
    return result;
  }
}

/// Orders keys and reorders values with them, in place and stably. Throws shape_error, changing nothing, when there are
/// not as many values as keys.
template <sortable Keys, sortable Values, order_of<value_t<Keys>> Order = less>
requires(rank_v<Keys> == 1 && rank_v<Values> == 1) void sort_by_key(Keys&& keys, Values&& values, Order order = {}) {
  device const where = keys.device();
  require_device(borrow_node(values), where);
  require_length("sort_by_key", values.size(), keys.size());
  auto const n = static_cast<index>(keys.size());
  in_a_row(keys, [&](auto* k) {
    in_a_row(values, [&](auto* v) {
      if (where.is_gpu())
        cuda::sort_by_key_values(where, k, v, n, order);
      else
        cpu::sort_by_key_values(where, k, v, n, order);
    });
  });
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
