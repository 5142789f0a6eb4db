// Reductions along one axis on a GPU, whichever axis it is, without transposing: rows by warps, columns by threads that
// read neighboring elements together. The order is that of algorithm/reduction_order.hpp.
#pragma once

#include "reduce.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

/// Blocks of lines that a thread of combine_lines_kernel combines.
inline constexpr index combine_blocks = 32;

template <class Part>
__device__ __forceinline__ void keep_lines(Part const& part, axis_split const& split, index blocks, index place,
                                           typename Part::accumulator const& all) {
  if (blocks == 1)
    part.result[place] =
        static_cast<std::remove_reference_t<decltype(*part.result)>>(part.reducer.finish(all, split.length));
  else
    part.partial[place] = all;
}

/// A thread combines the lines of one block in one column. Threads are numbered by (outer, block, column).
template <std::size_t R, class Part, class Evaluator>
__global__ void __launch_bounds__(block_threads, least_blocks)
    reduce_lines_kernel(Part part, Evaluator evaluator, index_space<R> space, axis_split split, index blocks) {
  using A = typename Part::accumulator;
  index const place = blockIdx.x * index{block_threads} + threadIdx.x;
  if (place >= split.outer * blocks * split.inner) return;
  index const column = place % split.inner, block = place / split.inner % blocks;
  index const outer = place / split.inner / blocks, begin = block * reduction_order::lines_per_block;
  index const last = begin + reduction_order::lines_per_block, end = last < split.length ? last : split.length;
  auto const value = [&](index line) {
    return lift_at(part.reducer, evaluator.at(space[(outer * split.length + line) * split.inner + column]), line);
  };
  constexpr int lines_at_once = items_at_once<Evaluator, A>();  // which it reads before it combines them
  A all = value(begin);
  index line = begin + 1;
  for (; line + lines_at_once <= end; line += lines_at_once) {
    A values[lines_at_once];
#pragma unroll
    for (int u = 0; u < lines_at_once; ++u) values[u] = value(line + u);
#pragma unroll
    for (int u = 0; u < lines_at_once; ++u) all = part.reducer.combine(all, values[u]);
  }
  for (; line < end; ++line) all = part.reducer.combine(all, value(line));
  keep_lines(part, split, blocks, place, all);
}

/// A thread combines up to combine_blocks neighboring blocks of one column. Partial results are those of `count`
/// blocks; those of `chunks` blocks follow.
template <class Part>
__global__ void __launch_bounds__(block_threads)
    combine_lines_kernel(Part part, axis_split split, index count, index chunks) {
  index const place = blockIdx.x * index{block_threads} + threadIdx.x;
  if (place >= split.outer * chunks * split.inner) return;
  index const column = place % split.inner, chunk = place / split.inner % chunks;
  index const outer = place / split.inner / chunks, first = chunk * combine_blocks;
  auto const* const from = part.partial + (outer * count + first) * split.inner + column;
  auto const all = combine_in_thread<combine_blocks>(
      from, split.inner, count - first, [&](auto const& a, auto const& b) { return part.reducer.combine(a, b); });
  part.partial += split.outer * count * split.inner;
  keep_lines(part, split, chunks, place, all);
}

template <std::size_t R, class Reducer, class Evaluator, class Result>
void reduce_columns(lowering& context, index_space<R> const& space, axis_split const& split,
                    reduction_part<Reducer, Evaluator> const& part, Result* results) {
  using A = typename Reducer::accumulator;
  index const blocks = ceil_div(split.length, reduction_order::lines_per_block), columns = split.outer * split.inner;
  index room = 0;
  for (index count = blocks; count > 1; count = ceil_div(count, combine_blocks)) room += count * columns;
  A* partial = nullptr;
  if (room != 0) {
    context.temporaries.push_back(make_storage(context.where, static_cast<std::size_t>(room), sizeof(A)));
    partial = static_cast<A*>(context.temporaries.back()->data);
  }
  using running = running_reduction<Reducer, Result>;
  launch(context.where, "reducing along an axis", reduce_lines_kernel<R, running, once_t<Evaluator>>,
         ceil_div(blocks * columns, block_threads), block_threads, running{part.reducer, partial, results},
         once(part.evaluator), space, split, blocks);
  for (index count = blocks; count > 1;) {
    index const chunks = ceil_div(count, combine_blocks);
    launch(context.where, "combining the blocks of a reduction", combine_lines_kernel<running>,
           ceil_div(chunks * columns, block_threads), block_threads, running{part.reducer, partial, results}, split,
           count, chunks);
    partial += count * columns;
    count = chunks;
  }
}

/// Reduces along `axis` of `extents`; one result for each index of the other axes, in row-major order. The evaluator
/// reads the index space in its row-major order, in any rank.
template <std::size_t R, std::size_t ReadRank, class Reducer, class Evaluator, class Result>
void reduce_axis(lowering& context, shape<R> const& extents, std::size_t axis, shape<ReadRank> const& read_extents,
                 reduction_part<Reducer, Evaluator> const& part, Result* results) {
  if constexpr (holds_host_function<Reducer> || holds_host_function<Evaluator>) {
    throw_host_only(context.where);
  } else {
    operation const here("reduce", extents);
    axis_split const split(extents, axis);
    index_space<ReadRank> const space(read_extents);
    if (split.inner == 1)
      reduce_rows(context, space, split.length, std::make_tuple(part), results);
    else
      reduce_columns(context, space, split, part, results);
  }
}

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
