// sort, stable_sort, sorted, argsort, sort_by_key and segmented_sort: values brought into order, when called.
#pragma once

#include "../backend/cpu/argsort.hpp"
#include "../backend/cpu/sort_lines.hpp"
#include "reduce.hpp"
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

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_bad_offsets(index at, index found, index low, index high) {
  throw error(text_of({"segmented_sort: found the offset ", found, " at ", at, ", expected one from ", low, " to ",
                       high, "; offsets begin with 0, never decrease and end with the number of values"}));
}

/// Throws error unless offsets on the host begin with 0, never decrease and end with n.
template <class I>
void require_offsets(I const* offsets, index segments, index n) {
  auto const bound = [&](index i) { return static_cast<index>(offsets[i]); };
  for (index i = 0; i <= segments; ++i) {
    index const low = i == 0 ? 0 : i == segments ? n : bound(i - 1), high = i == 0 && segments > 0 ? 0 : n;
    if (bound(i) < low || bound(i) > high) throw_bad_offsets(i, bound(i), low, high);
  }
}
/// The same for offsets on a GPU, which are copied to the host only to say what is wrong with them.
template <class T>
void require_offsets(array<T> const& offsets, index n) {
  index const segments = offsets.extent(0) - 1;
  auto const ends = [&](index i) { return offsets.slice(i, i + 1); };
  bool const good = all(ends(0) == index{0}) && all(ends(segments) == n) &&
                    all(offsets.slice(0, segments) <= offsets.slice(1, segments + 1));
  if (!good) require_offsets(offsets.to_host().data(), segments, n);
}

/// Sorts the segments of values in a row on a CPU device: large ones with all threads, the others dealt out to them.
template <class T, class I, class Order>
void sort_segments_on_cpu(device const& where, T* values, index n, I const* offsets, index segments,
                          Order const& order) {
  auto const bound = [&](index i) { return static_cast<index>(offsets[i]); };
  index const large = std::max(cpu::serial_below, n / static_cast<index>(2 * where.threads()));
  device const serial = device::cpu(1);
  for (index i = 0; i < segments; ++i)
    if (bound(i + 1) - bound(i) >= large) cpu::sort_values(where, values + bound(i), bound(i + 1) - bound(i), order);
  cpu::parallel_ranges(where, segments, 1, n < cpu::serial_below ? segments : 1, [&](index begin, index end) {
    for (index i = begin; i < end; ++i)
      if (index const size = bound(i + 1) - bound(i); size > 1 && size < large)
        cpu::sort_values(serial, values + bound(i), size, order);
  });
}

/// Sorts segments [offsets[i], offsets[i + 1]) of x, each by itself. `offsets` is an expression of integers that begins
/// with 0, never decreases and ends with the size of x; otherwise throws error, changing nothing.
template <sortable X, expression Offsets, order_of<value_t<X>> Order = less>
requires(rank_v<X> == 1 && rank_v<Offsets> == 1 &&
         std::is_integral_v<value_t<Offsets>>) void segmented_sort(X&& x, Offsets const& offsets, Order order = {}) {
  device const where = x.device();
  auto const n = static_cast<index>(x.size());
  auto const segments = static_cast<index>(borrow_node(offsets).shape().size()) - 1;
  if (segments < 0) throw error("segmented_sort: found no offsets, expected at least one");
  if (where.is_gpu()) {
    auto const bounds = evaluate_to_array<index>(where, borrow_node(offsets));
    require_offsets(bounds, n);
    return in_a_row(x, [&](auto* values) { cuda::segmented_sort(where, values, n, bounds.data(), segments, order); });
  }
  dense_values const bounds(where, offsets);
  require_offsets(bounds.data(), segments, n);
  in_a_row(x, [&](auto* values) { sort_segments_on_cpu(where, values, n, bounds.data(), segments, order); });
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
