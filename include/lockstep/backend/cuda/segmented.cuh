// Reductions of segments on a GPU: one scan that begins anew with every segment, of which only the last elements are
// kept. Segments may have any lengths; the order of combination depends on where they lie alone.
#pragma once

#include "../../algorithm/reducers.hpp"
#include "scan_parts.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

/// Where a segment begins: elements that are in no segment are parts of one that nobody asks for.
struct segment_begins {
  flagged_heads flags;
  LOCKSTEP_INLINE bool operator()(index i) const { return i == 0 || flags(i); }
};

template <class Reducer>
struct combine_by_reducer {
  Reducer reducer;
  template <class A>
  LOCKSTEP_INLINE A operator()(A const& a, A const& b) const {
    return reducer.combine(a, b);
  }
};
template <class Reducer, class V, class Values>
struct lifted_values {
  Reducer reducer;
  segment_begins begins;
  Values values;

  LOCKSTEP_INLINE headed<typename Reducer::accumulator> at(shape<1> const& c) const {
    return {lift_at(reducer, static_cast<V>(values(c[0])), c[0]), begins(c[0])};
  }
};

/// Keeps what the last element of each segment has combined.
template <class Reducer, class T>
struct segment_results {
  Reducer reducer;
  flagged_heads flags;
  index const* offsets;
  index segments, total;
  T* target;

  __device__ void operator()(index i, headed<typename Reducer::accumulator> const& all) const {
    if (i + 1 < total ? !flags(i + 1) : offsets[segments] < total) return;
    if (i < offsets[0] || i >= offsets[segments]) return;
    index low = 0, high = segments - 1;  // the last segment that begins at i or before is the one that holds it
    while (low < high) {
      index const middle = low + (high - low + 1) / 2;
      if (offsets[middle] <= i)
        low = middle;
      else
        high = middle - 1;
    }
    index const begin = offsets[low];
    auto result = reducer.finish(all.value, i + 1 - begin);
    if constexpr (positional<Reducer>) result -= begin;
    target[low] = static_cast<T>(result);
  }
};

template <class Offset>
struct is_empty_segment {
  Offset const* offsets;
  LOCKSTEP_INLINE bool operator()(index i) const { return offsets[i] >= offsets[i + 1]; }
};
/// Waits to hear whether a segment is empty.
template <class Offset>
bool any_empty(device const& where, Offset const* offsets, index segments) {
  return holds_anywhere(where, "looking for empty segments", segments, is_empty_segment<Offset>{offsets});
}

/// Sets the flags of where segments begin and the last one ends; the empty ones get their results.
template <class T>
__global__ void __launch_bounds__(block_threads)
    begin_segments_kernel(index const* offsets, index segments, index total, unsigned* flags, T nothing, T* target) {
  index const i = blockIdx.x * index{block_threads} + threadIdx.x;
  if (i > segments) return;
  index const begin = offsets[i];
  if (begin < total) atomicOr(&flags[begin / 32], 1u << (begin % 32));
  if (i < segments && offsets[i + 1] <= begin) target[i] = nothing;
}

/// Reduces the segments of `total` values; empty ones give `nothing`.
template <class V, class Reducer, class Evaluator, class T>
void reduce_segments(lowering& context, reduction_part<Reducer, Evaluator> const& part, index total,
                     index const* offsets, index segments, T const& nothing, T* target) {
  if constexpr (holds_host_function<Reducer> || holds_host_function<Evaluator>) {
    throw_host_only(context.where);
  } else {
    operation const here("segmented reduce", shape<1>(total));
    if (segments == 0) return;
    if (total == 0) return context.where.state().fill(target, &nothing, sizeof(T), static_cast<std::size_t>(segments));
    using A = typename Reducer::accumulator;
    using values = values_in_order<V, Evaluator, 1>;
    using combine = combine_headed<A, combine_by_reducer<Reducer>>;
    scan_memory<headed<A>> const memory(context, scan_tiles<headed<A>>(total), flag_words(total));
    launch(context.where, "finding segments", begin_segments_kernel<T>, ceil_div(segments + 1, block_threads),
           block_threads, offsets, segments, total, memory.more, nothing, target);
    flagged_heads const flags{memory.more};
    scan_rule<headed<A>, combine> const rule{{{part.reducer}}, true, false, {}};
    scan_to(context, rule, lifted_values<Reducer, V, values>{part.reducer, {flags}, {part.evaluator, shape<1>(total)}},
            total, segment_results<Reducer, T>{part.reducer, flags, offsets, segments, total, target}, memory.state);
  }
}

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
