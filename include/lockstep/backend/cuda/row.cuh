// Row kernels on a GPU. Rows along the last axis are read once, into the registers of a warp or of a block; longer
// ones, and rows along other axes, are read once per step. How a row is folded depends on the shape alone.
#pragma once

#include "../../algorithm/reducers.hpp"
#include "../../algorithm/reduction_order.hpp"
#include "../../algorithm/row_rule.hpp"
#include "cub.cuh"
#include "warp.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

template <class Op, class Value, class Finish, bool Replaces>
inline constexpr bool holds_host_function<row_fold<Op, Value, Finish, Replaces>> =
    holds_host_function<Op> || holds_host_function<Value> || holds_host_function<Finish>;

namespace cuda {

/// Blocks that a multiprocessor can hold, at least. Left to itself, ptxas takes 64 registers per thread and spills the
/// rest where this takes more registers and spills nothing.
inline constexpr unsigned row_blocks = 2;
/// Elements that each thread of a warp, and of a block, holds.
inline constexpr int warp_row_items = 8, block_row_items = 16;
/// Rows along other axes: columns and parts of a block.
inline constexpr int row_columns = warp_lanes, row_parts = block_threads / row_columns;

/// True when a step's operator must not take its operands in another order than the row's.
template <class Rule, std::size_t... K>
constexpr bool needs_order(std::index_sequence<K...>) {
  return !(is_commutative<decltype(Rule::template fold<K>::op), typename Rule::template accumulator<K>> && ...);
}

template <std::size_t Known, class Rule>
__device__ __forceinline__ auto combine_by(Rule const& rule) {
  using A = typename Rule::template accumulator<Known>;
  return [&rule](A const& a, A const& b) { return static_cast<A>(std::get<Known>(rule.folds).op(a, b)); };
}

/// The combination of the values of the first `active` threads of a warp or a block, in their order; all get it.
template <int Threads, class A, class Combine>
__device__ __forceinline__ A combine_over_team(A value, int rank, index active, Combine combine) {
  int const lane = rank % warp_lanes, warp = rank / warp_lanes;
  A all = combine_neighbors(value, lane, active - warp * warp_lanes, warp_lanes, combine);
  if constexpr (Threads == warp_lanes) {
    return shuffle_from(all, 0);
  } else {
    __shared__ alignas(A) unsigned char raw[Threads / warp_lanes * sizeof(A)];
    A* const shared = reinterpret_cast<A*>(raw);
    if (lane == 0) shared[warp] = all;
    __syncthreads();
    all = shared[0];
    for (int w = 1; w < ceil_div(active, warp_lanes); ++w) all = combine(all, shared[w]);
    __syncthreads();
    return all;
  }
}

/// Runs f(std::integral_constant<std::size_t, K>) for every step K of a rule.
template <class Rule, class F>
__device__ __forceinline__ void for_each_fold(F&& f) {
  [&]<std::size_t... K>(std::index_sequence<K...>) { (f(std::integral_constant<std::size_t, K>{}), ...); }
  (std::make_index_sequence<Rule::steps>{});
}

/// Rows of at most Threads * Items elements.
template <int Threads, int Items, class Rule, class Values, class T>
__global__ void __launch_bounds__(block_threads, row_blocks)
    row_registers_kernel(Rule rule, Values values, index rows, index length, T* target) {
  constexpr bool ordered = needs_order<Rule>(std::make_index_sequence<Rule::steps>{});
  int const rank = threadIdx.x % Threads;
  index const row = blockIdx.x * index{block_threads / Threads} + threadIdx.x / Threads;
  if (row >= rows) return;
  auto const place = [=](int item) { return ordered ? rank * index{Items} + item : item * index{Threads} + rank; };
  index const active = ordered ? ceil_div(length, Items) : length < Threads ? length : index{Threads};

  typename Rule::element x[Items];
#pragma unroll
  for (int item = 0; item < Items; ++item)
    if (place(item) < length) x[item] = values(row * length + place(item));
  typename Rule::results known{};
  for_each_fold<Rule>([&](auto k) {
    auto const& step = std::get<k>(rule.folds);
    auto const combine = combine_by<k>(rule);
    typename Rule::template accumulator<k> all{};
#pragma unroll
    for (int item = 0; item < Items; ++item) {
      if (place(item) >= length) continue;
      typename Rule::template accumulator<k> const value = Rule::template apply<k>(step.value, x[item], known);
      if constexpr (Rule::template fold<k>::replaces) x[item] = value;
      all = item == 0 ? value : combine(all, value);
    }
    std::get<k>(known) = step.finish(combine_over_team<Threads>(all, rank, active, combine), length);
  });
#pragma unroll
  for (int item = 0; item < Items; ++item)
    if (place(item) < length)
      target[row * length + place(item)] = static_cast<T>(Rule::template apply<Rule::steps>(rule.f, x[item], known));
}

/// An element as the first `Steps` steps leave it.
template <std::size_t Steps, class Rule>
__device__ __forceinline__ typename Rule::element replaced(Rule const& rule, typename Rule::element x,
                                                           typename Rule::results const& known) {
  for_each_fold<Rule>([&](auto k) {
    if constexpr (k < Steps && Rule::template fold<k>::replaces)
      x = Rule::template apply<k>(std::get<k>(rule.folds).value, x, known);
  });
  return x;
}

/// Folds and maps what a thread reads of a row: elements first, first + step, ... before `last`. `combine_team(value,
/// combine)` combines over the row's threads. `at(i)` is the row-major index of element i.
template <class Rule, class Values, class T, class At, class CombineTeam>
__device__ __forceinline__ void run_row(Rule const& rule, Values const& values, index length, T* target, index first,
                                        index last, index step, At const& at, CombineTeam const& combine_team) {
  typename Rule::results known{};
  for_each_fold<Rule>([&](auto k) {
    auto const& fold = std::get<k>(rule.folds);
    auto const combine = combine_by<k>(rule);
    typename Rule::template accumulator<k> all{};
    for (index i = first; i < last; i += step) {
      typename Rule::template accumulator<k> const value =
          Rule::template apply<k>(fold.value, replaced<k>(rule, values(at(i)), known), known);
      all = i == first ? value : combine(all, value);
    }
    std::get<k>(known) = fold.finish(combine_team(all, combine), length);
  });
  for (index i = first; i < last; i += step)
    target[at(i)] = static_cast<T>(
        Rule::template apply<Rule::steps>(rule.f, replaced<Rule::steps>(rule, values(at(i)), known), known));
}

/// A block for each row along the last axis.
template <class Rule, class Values, class T>
__global__ void __launch_bounds__(block_threads, row_blocks)
    long_row_kernel(Rule rule, Values values, index length, T* target) {
  constexpr bool ordered = needs_order<Rule>(std::make_index_sequence<Rule::steps>{});
  int const rank = threadIdx.x;
  index const share = ceil_div(length, block_threads), begin = blockIdx.x * length;
  index const first = ordered ? rank * share : rank, end = first + share;
  index const last = ordered && end < length ? end : length;
  index const active = ordered ? ceil_div(length, share) : length < block_threads ? length : index{block_threads};
  run_row(
      rule, values, length, target, first, last, ordered ? 1 : block_threads, [=](index i) { return begin + i; },
      [=](auto const& value, auto const& combine) {
        return combine_over_team<block_threads>(value, rank, active, combine);
      });
}

/// Rows along another axis: 32 of them side by side for each block, each cut into 8 parts.
template <class Rule, class Values, class T>
__global__ void __launch_bounds__(block_threads, row_blocks)
    columns_kernel(Rule rule, Values values, axis_split split, T* target) {
  int const column = threadIdx.x % row_columns, part = threadIdx.x / row_columns;
  index const groups = ceil_div(split.inner, row_columns);
  index const outer = blockIdx.x / groups, inner = blockIdx.x % groups * row_columns + column;
  index const share = ceil_div(split.length, row_parts), parts = ceil_div(split.length, share);
  index const first = part * share, end = first + share < split.length ? first + share : split.length;
  index const last = inner < split.inner ? end : first;  // threads beside the last row combine, but read nothing
  run_row(
      rule, values, split.length, target, first, last, 1,
      [=](index i) { return (outer * split.length + i) * split.inner + inner; },
      [=](auto value, auto const& combine) {
        using A = decltype(value);
        __shared__ alignas(A) unsigned char raw[block_threads * sizeof(A)];
        A* const shared = reinterpret_cast<A*>(raw);
        if (last > first) shared[part * row_columns + column] = value;
        __syncthreads();
        if (inner < split.inner) {
          value = shared[column];
          for (int p = 1; p < parts; ++p) value = combine(value, shared[p * row_columns + column]);
        }
        __syncthreads();
        return value;
      });
}

/// Runs a rule over the rows along an axis of an index space that is not empty, into dense memory in row-major order.
template <class Rule, std::size_t R, class Evaluator, class T>
void map_rows(device const& where, Rule const& rule, axis_split const& split, shape<R> const& extents,
              Evaluator const& evaluator, T* target) {
  if constexpr (holds_host_function<Rule> || holds_host_function<Evaluator>) {
    throw_host_only(where);
  } else {
    operation const here("map_rows", shape<3>(split.outer, split.length, split.inner));
    using values = values_in_order<typename Rule::element, Evaluator, R>;
    values const from(evaluator, extents);
    index const rows = split.outer, length = split.length;
    if (split.inner > 1)
      launch(where, "mapping rows", columns_kernel<Rule, values, T>, rows * ceil_div(split.inner, row_columns),
             block_threads, rule, from, split, target);
    else if (length <= warp_lanes * warp_row_items)
      launch(where, "mapping rows", row_registers_kernel<warp_lanes, warp_row_items, Rule, values, T>,
             ceil_div(rows * warp_lanes, block_threads), block_threads, rule, from, rows, length, target);
    else if (length <= block_threads * block_row_items)
      launch(where, "mapping rows", row_registers_kernel<block_threads, block_row_items, Rule, values, T>, rows,
             block_threads, rule, from, rows, length, target);
    else
      launch(where, "mapping rows", long_row_kernel<Rule, values, T>, rows, block_threads, rule, from, length, target);
  }
}

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
