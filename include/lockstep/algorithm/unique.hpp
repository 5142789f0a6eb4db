// unique: one element of every run of equal ones, also with the runs' lengths, and back (run-length coding).
#pragma once

#include "../backend/cpu/unique.hpp"
#include "scan.hpp"
#include "select.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// Calls f(where, n, source) with the elements that begin a run.
template <node E, class Equal, class F>
void with_run_starts(E const& e, Equal const& equal, F&& f) {
  device const where = require_one_device(e);
  lowering context{where, {}};
  with_lowered(
      context,
      [&]<class Values, std::size_t R>(shape<R> const& extents, Values const& values) {
        auto const n = static_cast<index>(extents.size());
        if (where.is_cpu()) return f(where, n, cpu::run_starts<value_t<E>, Values, Equal, R>{{values, extents}, equal});
#if LOCKSTEP_CUDA
        using function = callable_t<Equal>;
        if constexpr (holds_host_function<Values> || holds_host_function<function>)
          throw_host_only(where);
        else
          f(where, n, cuda::run_starts<value_t<E>, Values, function, R>{{values, extents}, callable(equal)});
#else
        throw_needs_cuda(where);
#endif
      },
      e);
}

/// One element, the first, of every run of consecutive elements that are equal, each to the one before it, in row-major
/// order: an array of one axis. A NaN differs from every other. `equal(a, b)` may replace `a == b`; it is called by
/// several threads. Runs now, in one pass over memory. Elements that are computed may be computed twice.
template <expression E, class Equal = equal_to>
requires std::predicate < Equal const&, value_t<E>
const&, value_t<E> const& > array<value_t<E>> unique(E const& e, Equal const& equal = {}) {
  using T = value_t<E>;
  array<T> result;
  with_run_starts(borrow_node(e), equal, [&](device const& where, index n, auto const& starts) {
    result = select_into_array<T>(where, n, [&](T* out) { return select_values(where, starts, n, out); });
  });
  return result;
}

/// Runs of equal elements: element i stands `counts[i]` times one after another.
template <class T>
struct runs {
  array<T> values;
  array<index> counts;
};

/// unique, and how many elements every run has (run-length encoding). Runs now, in one pass over memory.
template <expression E, class Equal = equal_to>
requires std::predicate < Equal const&, value_t<E>
const&, value_t<E> const& > runs<value_t<E>> unique_with_counts(E const& e, Equal const& equal = {}) {
  using T = value_t<E>;
  runs<T> result;
  with_run_starts(borrow_node(e), equal, [&](device const& where, index n, auto const& starts) {
    auto const positions = make_storage(where, static_cast<std::size_t>(n) + 1, sizeof(index));
    auto* const first = static_cast<index*>(positions->data);
    result.values = select_into_array<T>(where, n, [&](T* out) { return select_both(where, starts, n, out, first); });
    index const found = result.values.extent(0);
    result.counts = array<index>(where, shape<1>(found));
    if (where.is_cpu()) {
      cpu::position_differences(where, first, found, n, result.counts.data());
    } else {
#if LOCKSTEP_CUDA
      cuda::position_differences<index>(where, first, found, n, result.counts.data());
#endif
    }
  });
  return result;
}

/// Replaces counts by where the parts that they count end; returns the last end, or -1 when a count is negative.
template <class T>
index add_up_counts(array<T>& counts) {
  if (counts.device().is_cpu()) return cpu::add_up_counts(counts.data(), counts.extent(0));
  index const n = counts.extent(0);
  if (n == 0) return 0;
  index const total = where(min(counts) < index{0}, index{-1}, sum(counts));  // one value: the host waits once
  if (total >= 0) counts = inclusive_scan(counts);
  return total;
}

/// The reverse of unique_with_counts: values[i] repeated counts[i] times, for every i in order. Throws shape_error when
/// there are not as many counts as values, error when a count is negative.
template <expression V, expression C>
requires(rank_v<V> == 1 && rank_v<C> == 1 &&
         std::integral<value_t<C>>) array<value_t<V>> run_length_decode(V const& values, C const& counts) {
  using T = value_t<V>;
  auto const& v = borrow_node(values);
  auto const& c = borrow_node(counts);
  device const where = require_one_device(v, c);
  if (!(v.shape() == c.shape()))
    throw shape_error(text_of({"run_length_decode: found ", c.shape()[0], " counts for ", v.shape()[0],
                               " values, expected one count per value"}));
  auto const each = evaluate_to_array<T>(where, v);
  array<index> ends = evaluate_to_array<index>(where, c);
  index const total = add_up_counts(ends);
  if (total < 0) throw error("run_length_decode: found a negative count, expected counts of at least 0");
  array<T> result(where, shape<1>(total));
  if (where.is_cpu()) {
    cpu::repeat_values(where, each.data(), ends.data(), ends.extent(0), result.data(), total);
  } else {
#if LOCKSTEP_CUDA
    cuda::repeat_values(where, each.data(), ends.data(), ends.extent(0), result.data(), total);
#endif
  }
  return result;
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
