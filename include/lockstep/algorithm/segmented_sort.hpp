// segmented_sort: the segments of an array or a window sorted, each by itself.
#pragma once

#include "sort.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

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
/// with 0, never decreases and ends with the size of x; otherwise throws error, changing nothing. A GPU does not wait
/// to check them, unless LOCKSTEP_DEBUG is defined: where they are wrong, the values that come out mean nothing.
template <sortable X, expression Offsets, order_of<value_t<X>> Order = less>
requires(rank_v<X> == 1 && rank_v<Offsets> == 1 &&
         std::is_integral_v<value_t<Offsets>>) void segmented_sort(X&& x, Offsets const& offsets, Order order = {}) {
  device const where = x.device();
  auto const n = static_cast<index>(x.size());
  auto const segments = static_cast<index>(borrow_node(offsets).shape().size()) - 1;
  if (segments < 0) throw error("segmented_sort: found no offsets, expected at least one");
  if (where.is_gpu()) {
    if constexpr (!std::is_same_v<value_t<Offsets>, index>) {
      return segmented_sort(std::forward<X>(x), evaluate_to_array<index>(where, borrow_node(offsets)), order);
    } else {
      dense_values const bounds(where, offsets);
      if (debug::on && cuda::has_bad_offsets(where, bounds.data(), segments, n))
        require_offsets(evaluate_to_array<index>(where, borrow_node(offsets)).to_host().data(), segments, n);
      return in_a_row(x, [&](auto* values) { cuda::segmented_sort(where, values, n, bounds.data(), segments, order); });
    }
  }
  dense_values const bounds(where, offsets);
  require_offsets(bounds.data(), segments, n);
  in_a_row(x, [&](auto* values) { sort_segments_on_cpu(where, values, n, bounds.data(), segments, order); });
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
