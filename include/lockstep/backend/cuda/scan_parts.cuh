// Scans on a GPU that begin anew at heads (of runs of equal keys, of segments, of lines), that go backward, or along an
// axis other than the last: the scan of scan.cuh with another operator, another order, or side by side.
#pragma once

#include "../../algorithm/reduction_order.hpp"
#include "tile_heads.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

/// Scans every run of equal keys.
template <class K, class V, class T, class Op, class Equal, class Keys, class Evaluator>
void scan_by_key(lowering& context, scan_rule<T, Op> const& rule, Equal const& equal, Keys const& keys,
                 Evaluator const& evaluator, view<T, 1> const& target) {
  if constexpr (holds_host_function<Equal> || holds_host_function<Keys> || holds_host_function<Op> ||
                holds_host_function<Evaluator>) {
    throw_host_only(context.where);
  } else {
    operation const here("scan_by_key", target.extents);
    using keys_in_order = values_in_order<K, Keys, 1>;
    key_heads<K, Equal, keys_in_order> const heads{equal, {keys, target.extents}};
    scan_to(context, rule, heads, values_in_order<V, Evaluator, 1>(evaluator, target.extents), target.extents[0],
            scan_target<T>{target.data});
  }
}

/// Scans every segment.
template <class V, class T, class Op, class Evaluator>
void scan_segments(lowering& context, scan_rule<T, Op> const& rule, index const* offsets, index segments,
                   Evaluator const& evaluator, view<T, 1> const& target) {
  if constexpr (holds_host_function<Op> || holds_host_function<Evaluator>) {
    throw_host_only(context.where);
  } else {
    operation const here("segmented scan", target.extents);
    scan_to(context, rule, segment_heads<scan_tile<T>>{offsets, segments},
            values_in_order<V, Evaluator, 1>(evaluator, target.extents), target.extents[0],
            scan_target<T>{target.data});
  }
}

/// The operator with its operands the other way round.
template <class Op>
struct turned_operator {
  Op op;
  template <class T>
  LOCKSTEP_INLINE T operator()(T const& a, T const& b) const {
    return static_cast<T>(op(b, a));
  }
};
template <class Evaluator>
struct backward_values {
  Evaluator evaluator;
  index last;
  LOCKSTEP_INLINE auto operator()(index i) const { return evaluator.at(shape<1>(last - i)); }
};
template <class T>
struct backward_target {
  T* data;
  index last;
  __device__ void operator()(index i, T const& value) const { data[last - i] = value; }
};
/// Scans from the last element to the first.
template <class T, class Op, class Evaluator>
void scan_backward(lowering& context, scan_rule<T, Op> const& rule, Evaluator const& evaluator,
                   view<T, 1> const& target) {
  if constexpr (holds_host_function<Op> || holds_host_function<Evaluator>) {
    throw_host_only(context.where);
  } else {
    operation const here("backward scan", target.extents);
    index const total = target.extents[0], last = total - 1;
    scan_rule<T, turned_operator<Op>> const turned{{rule.op}, rule.inclusive, rule.has_initial, rule.initial};
    scan_to(context, turned, no_heads{}, backward_values<once_t<Evaluator>>{once(evaluator), last}, total,
            backward_target<T>{target.data, last});
  }
}

// --- along an axis other than the last ------------------------------------------------------------------------------

/// Lines that one thread scans, where there are not columns enough for all threads.
inline constexpr index lines_per_scan = 64, columns_for_all = 16384;

/// One thread's part: elements of a column, `inner` apart.
template <class Values>
struct column_part {
  Values const& values;
  index first, count, step;
  LOCKSTEP_INLINE auto operator()(index i) const { return values(first + i * step); }
};
template <class Values>
__device__ __forceinline__ column_part<Values> part_of_column(Values const& values, axis_split const& split,
                                                              index lines, index place) {
  index const chunks = ceil_div(split.length, lines);
  index const column = place % split.inner, chunk = place / split.inner % chunks, outer = place / split.inner / chunks;
  index const left = split.length - chunk * lines;
  return {values, (outer * split.length + chunk * lines) * split.inner + column, left < lines ? left : lines,
          split.inner};
}

/// What each chunk of each column adds up to.
template <class T, class Op, class Values>
__global__ void __launch_bounds__(block_threads)
    combine_chunks_kernel(Values values, scan_rule<T, Op> rule, axis_split split, index threads, T* sums) {
  index const place = blockIdx.x * index{block_threads} + threadIdx.x;
  if (place >= threads) return;
  auto const part = part_of_column(values, split, lines_per_scan, place);
  T all = static_cast<T>(part(0));
  for (index i = 1; i < part.count; ++i) all = static_cast<T>(rule.op(all, static_cast<T>(part(i))));
  sums[place] = all;
}
/// Replaces what chunks add up to by what lies before them; the first of each column has nothing there.
template <class T, class Op>
__global__ void __launch_bounds__(block_threads)
    chain_chunks_kernel(T* sums, scan_rule<T, Op> rule, index chunks, axis_split split) {
  index const place = blockIdx.x * index{block_threads} + threadIdx.x;
  if (place >= split.outer * split.inner) return;
  T* const first = sums + (place / split.inner * chunks) * split.inner + place % split.inner;
  prefix<T> before{rule.initial, rule.has_initial};
  for (index chunk = 0; chunk < chunks; ++chunk) {
    T const sum = first[chunk * split.inner];
    first[chunk * split.inner] = before.value;
    before = {after(before, sum, rule.op), true};
  }
}
/// Scans the chunks, or whole columns where `before` is null.
template <class T, class Op, class Values>
__global__ void __launch_bounds__(block_threads)
    scan_chunks_kernel(Values values, scan_rule<T, Op> rule, axis_split split, index lines, index threads,
                       T const* before, T* target) {
  index const place = blockIdx.x * index{block_threads} + threadIdx.x;
  if (place >= threads) return;
  auto const part = part_of_column(values, split, lines, place);
  bool const begins = place / split.inner % ceil_div(split.length, lines) == 0;
  prefix<T> all = before && !begins ? prefix<T>{before[place], true} : prefix<T>{rule.initial, rule.has_initial};
  for (index i = 0; i < part.count; ++i) {
    prefix<T> const next{after(all, static_cast<T>(part(i)), rule.op), true};
    target[part.first + i * part.step] = rule.inclusive ? next.value : all.value;
    all = next;
  }
}

/// Scans along any axis but the last, one column per thread where there are many, chunks of columns where there are
/// few.
template <class T, class Op, class Values>
void scan_columns(lowering& context, scan_rule<T, Op> const& rule, Values const& values, axis_split const& split,
                  T* target) {
  index const columns = split.outer * split.inner;
  bool const whole = columns >= columns_for_all || split.length <= lines_per_scan;
  index const lines = whole ? split.length : lines_per_scan, chunks = ceil_div(split.length, lines);
  index const threads = columns * chunks, blocks = ceil_div(threads, block_threads);
  T* sums = nullptr;
  if (!whole) {
    context.temporaries.push_back(make_storage(context.where, static_cast<std::size_t>(threads), sizeof(T)));
    sums = static_cast<T*>(context.temporaries.back()->data);
    launch(context.where, "scanning", combine_chunks_kernel<T, Op, Values>, blocks, block_threads, values, rule, split,
           threads, sums);
    launch(context.where, "scanning", chain_chunks_kernel<T, Op>, ceil_div(columns, block_threads), block_threads, sums,
           rule, chunks, split);
  }
  launch(context.where, "scanning", scan_chunks_kernel<T, Op, Values>, blocks, block_threads, values, rule, split,
         lines, threads, static_cast<T const*>(sums), target);
}

/// Scans along an axis of an index space that is not empty, into dense memory.
template <class T, class Op, class Evaluator, std::size_t R>
void scan_lines(lowering& context, scan_rule<T, Op> const& rule, Evaluator const& evaluator, shape<R> const& extents,
                axis_split const& split, T* target) {
  if constexpr (holds_host_function<Op> || holds_host_function<Evaluator>) {
    throw_host_only(context.where);
  } else {
    operation const here("scan", extents);
    using value = std::remove_cvref_t<decltype(evaluator.at(coordinates<R>{}))>;
    values_in_order<value, Evaluator, R> const values(evaluator, extents);
    if (split.inner == 1)
      scan_to(context, rule, line_heads<scan_tile<T>>{split.length}, values, split.outer * split.length,
              scan_target<T>{target});
    else
      scan_columns(context, rule, values, split, target);
  }
}

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
