// Reductions of segments on a GPU: one scan that begins anew with every segment, of which only the last elements are
// kept. Segments may have any lengths; the order of combination depends on where they lie alone.
#pragma once

#include "../../algorithm/reducers.hpp"
#include "scan_parts.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

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
  Values values;

  __device__ __forceinline__ typename Reducer::accumulator operator()(index i) const {
    return lift_at(reducer, static_cast<V>(values(i)), i);
  }
};

/// Keeps what the last element of each segment has combined; empty segments get `nothing`.
template <class Reducer, class Heads, class T>
struct segment_results {
  Reducer reducer;
  Heads heads;
  T nothing;
  T* target;

  __device__ void operator()(index i, typename Reducer::accumulator const& all) const {
    if (!heads.ends_at(i)) return;
    index const segment = heads.holding(i);
    if (segment < 0 || segment >= heads.segments) return;  // elements before the first or behind the last
    index const begin = heads.offsets[segment];
    auto result = reducer.finish(all, i + 1 - begin);
    if constexpr (positional<Reducer>) result -= begin;
    target[segment] = static_cast<T>(result);
  }

  /// The tile in which an empty segment would begin writes its result, the last one those behind it. Heads are found.
  template <index Length>
  __device__ void prepare_tile(index first, index total) const {
    bool const last = first + Length >= total;
    for (index k = heads.in_tile().first + threadIdx.x; k < (last ? heads.segments : heads.in_tile().last);
         k += block_threads) {
      if (k == heads.segments) break;
      index const begin = heads.offsets[k];
      if (heads.offsets[k + 1] <= begin && (last || begin < first + Length)) target[k] = nothing;
    }
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
    using heads = segment_heads<scan_tile<A>>;
    scan_rule<A, combine_by_reducer<Reducer>> const rule{{part.reducer}, true, false, {}};
    heads const begins{offsets, segments};
    scan_to(context, rule, begins, lifted_values<Reducer, V, values>{part.reducer, {part.evaluator, shape<1>(total)}},
            total, segment_results<Reducer, heads, T>{part.reducer, begins, nothing, target});
  }
}

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
