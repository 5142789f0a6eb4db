// Scans on a GPU that begin anew at heads (of runs of equal keys, of segments, of lines), that go backward, or along an
// axis other than the last: the scan of scan.cuh with another operator, another order, or side by side.
#pragma once

#include "../../algorithm/reduction_order.hpp"
#include "tile_heads.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

/// A value, and whether nothing before it counts, in a number so wide that no padding is copied.
template <class T>
struct headed {
  T value;
  std::conditional_t<alignof(T) >= 8, std::uint64_t,
                     std::conditional_t<alignof(T) == 4, std::uint32_t,
                                        std::conditional_t<alignof(T) == 2, std::uint16_t, std::uint8_t>>>
      head;
};
/// Associative as Op is, and never commutative.
template <class T, class Op>
struct combine_headed {
  Op op;
  LOCKSTEP_INLINE headed<T> operator()(headed<T> const& a, headed<T> const& b) const {
    headed<T> both = b;
    if (!b.head) both.value = static_cast<T>(op(a.value, b.value));
    both.head |= a.head;
    return both;
  }
};
/// scan_lanes of scan.cuh for them: a vote finds where each lane's run begins, so that only values are passed.
template <class T, class Op>
__device__ __forceinline__ headed<T> scan_lanes(headed<T> item, int lane, combine_headed<T, Op> const& combine) {
  unsigned const heads = __ballot_sync(0xffffffffu, item.head != 0) & (0xffffffffu >> (warp_lanes - 1 - lane));
  int const before = heads ? lane - (warp_lanes - 1 - __clz(static_cast<int>(heads))) : lane;  // lanes of the same run
#pragma unroll
  for (int step = 1; step < warp_lanes; step *= 2) {
    T const left = shuffle_up(item.value, step);
    if (step <= before) item.value = static_cast<T>(combine.op(left, item.value));
  }
  item.head = heads != 0;
  return item;
}
/// The values with their heads; what an exclusive scan begins with is part of each head.
template <class T, class Op, class Heads, class Values>
struct headed_values {
  scan_rule<T, Op> rule;
  Heads heads;
  Values values;

  __device__ __forceinline__ headed<T> at(shape<1> const& c) const {
    T const value = static_cast<T>(values(c[0]));
    headed<T> found{value, heads(c[0])};
    if (found.head && rule.has_initial) found.value = static_cast<T>(rule.op(rule.initial, value));
    return found;
  }
};
template <class T, class Heads>
struct headed_target {
  T* data;
  Heads heads;
  T initial;
  bool inclusive;
  __device__ void operator()(index i, headed<T> const& result) const {
    data[i] = !inclusive && heads(i) ? initial : result.value;
  }
  template <index Length>
  __device__ void prepare_tile(index first, index total) const {
    heads.template prepare_tile<Length>(first, total);
  }
};

/// Elements of a tile of a scan of values of T with heads.
template <class T>
inline constexpr index headed_tile = scan_tile<headed<T>>;

/// Scans values(0) to values(total - 1), anew wherever heads(i), of tile_heads.cuh; heads(0) must be true. The memory
/// may be what the values are read from, element by element, but not what the heads are.
template <class T, class Op, class Heads, class Values>
void scan_from_heads(lowering& context, scan_rule<T, Op> const& rule, Heads const& heads, Values const& values,
                     index total, T* target) {
  if constexpr (holds_host_function<Op> || holds_host_function<Heads> || holds_host_function<Values>) {
    throw_host_only(context.where);
  } else {
    scan_rule<headed<T>, combine_headed<T, Op>> const pairs{{rule.op}, rule.inclusive, false, {}};
    scan_to(context, pairs, headed_values<T, Op, Heads, Values>{rule, heads, values}, total,
            headed_target<T, Heads>{target, heads, rule.initial, rule.inclusive});
  }
}

/// Scans every run of equal keys.
template <class K, class V, class T, class Op, class Equal, class Keys, class Evaluator>
void scan_by_key(lowering& context, scan_rule<T, Op> const& rule, Equal const& equal, Keys const& keys,
                 Evaluator const& evaluator, view<T, 1> const& target) {
  if constexpr (holds_host_function<Equal>) {
    throw_host_only(context.where);
  } else {
    operation const here("scan_by_key", target.extents);
    using keys_in_order = values_in_order<K, Keys, 1>;
    key_heads<headed_tile<T>, K, Equal, keys_in_order> const heads{equal, {keys, target.extents}};
    scan_from_heads(context, rule, heads, values_in_order<V, Evaluator, 1>(evaluator, target.extents),
                    target.extents[0], target.data);
  }
}

/// Scans every segment.
template <class V, class T, class Op, class Evaluator>
void scan_segments(lowering& context, scan_rule<T, Op> const& rule, index const* offsets, index segments,
                   Evaluator const& evaluator, view<T, 1> const& target) {
  operation const here("segmented scan", target.extents);
  scan_from_heads(context, rule, segment_heads<headed_tile<T>>{offsets, segments},
                  values_in_order<V, Evaluator, 1>(evaluator, target.extents), target.extents[0], target.data);
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
  LOCKSTEP_INLINE auto at(shape<1> const& c) const { return evaluator.at(shape<1>(last - c[0])); }
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
  operation const here("backward scan", target.extents);
  index const total = target.extents[0], last = total - 1;
  scan_rule<T, turned_operator<Op>> const turned{{rule.op}, rule.inclusive, rule.has_initial, rule.initial};
  scan_to(context, turned, backward_values<Evaluator>{evaluator, last}, total, backward_target<T>{target.data, last});
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
      scan_from_heads(context, rule, line_heads<headed_tile<T>>{split.length}, values, split.outer * split.length,
                      target);
    else
      scan_columns(context, rule, values, split, target);
  }
}

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
