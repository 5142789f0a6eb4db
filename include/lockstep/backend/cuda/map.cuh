// map on a GPU: one kernel writes the values of one evaluator, or of several that are fused. Contiguous memory is read
// and written 16 bytes at a time; anything else element by element, in the order of memory across the threads.
#pragma once

#include "../../array/view.hpp"
#include "../../expression/host_only.hpp"
#include "flat.cuh"
#include "launch.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

/// One output of a pass: where to and from what.
template <class T, std::size_t R, class Evaluator>
struct output {
  view<T, R> target;
  Evaluator evaluator;
};

/// Elements that a thread evaluates before it writes the first of them, so that their loads overlap.
inline constexpr int indexed_items = 4;
inline constexpr int packs_per_thread = 2;

template <class T, class Tree>
struct flat_output {
  T* target;
  Tree tree;

  template <int N>
  LOCKSTEP_INLINE pack<T, N> evaluate(index i) const {
    auto const values = tree.template load<N>(i);
    pack<T, N> results;
    for (int k = 0; k < N; ++k) results.values[k] = static_cast<T>(values.values[k]);
    return results;
  }
  template <int N>
  LOCKSTEP_INLINE void store(index i, pack<T, N> const& values) const {
    *reinterpret_cast<pack<T, N>*>(target + i) = values;
  }
};

/// What one thread writes to one output.
template <class Value, int Count>
struct held {
  Value values[Count];
};

template <int N, class T, class Tree>
__device__ __forceinline__ auto evaluate_packs(flat_output<T, Tree> const& out, index first, index step) {
  held<pack<T, N>, packs_per_thread> all;
#pragma unroll
  for (int u = 0; u < packs_per_thread; ++u) all.values[u] = out.template evaluate<N>(first + u * step);
  return all;
}
template <int N, class T, class Tree>
__device__ __forceinline__ void store_packs(flat_output<T, Tree> const& out, index first, index step,
                                            held<pack<T, N>, packs_per_thread> const& all) {
#pragma unroll
  for (int u = 0; u < packs_per_thread; ++u) out.template store<N>(first + u * step, all.values[u]);
}

/// Blocks of packs_per_thread packs of N elements per thread; the last one element by element.
template <int N, class... Outputs>
__global__ void __launch_bounds__(block_threads) store_flat_kernel(slots<Outputs...> outputs, index total) {
  index const tile = index{block_threads} * N * packs_per_thread, begin = blockIdx.x * tile;
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    if (begin + tile <= total) {
      index const first = begin + static_cast<index>(threadIdx.x) * N, step = index{block_threads} * N;
      auto const values = make_slots(evaluate_packs<N>(get<I>(outputs), first, step)...);
      (store_packs<N>(get<I>(outputs), first, step, get<I>(values)), ...);
    } else {
      for (index i = begin + threadIdx.x; i < total; i += block_threads) {
        auto const values = make_slots(get<I>(outputs).template evaluate<1>(i)...);
        (get<I>(outputs).template store<1>(i, get<I>(values)), ...);
      }
    }
  }
  (std::index_sequence_for<Outputs...>{});
}

template <class T, std::size_t R, class Evaluator>
__device__ __forceinline__ auto evaluate_items(output<T, R, Evaluator> const& out, index_space<R> const& space,
                                               index first) {
  held<T, indexed_items> all;
#pragma unroll
  for (int u = 0; u < indexed_items; ++u) {
    index const i = first + u * index{block_threads};
    if (i < space.total) all.values[u] = static_cast<T>(out.evaluator.at(space[i]));
  }
  return all;
}
template <class T, std::size_t R, class Evaluator>
__device__ __forceinline__ void store_items(output<T, R, Evaluator> const& out, index_space<R> const& space,
                                            index first, held<T, indexed_items> const& all) {
#pragma unroll
  for (int u = 0; u < indexed_items; ++u) {
    index const i = first + u * index{block_threads};
    if (i >= space.total) return;
    auto const c = space[i];
    T* place = out.target.data;
    for (std::size_t axis = 0; axis < R; ++axis) place += c[axis] * out.target.strides[axis];
    *place = all.values[u];
  }
}

template <std::size_t R, class... Outputs>
__global__ void __launch_bounds__(block_threads) store_indexed_kernel(slots<Outputs...> outputs, index_space<R> space) {
  index const first = blockIdx.x * (index{block_threads} * indexed_items) + threadIdx.x;
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    auto const values = make_slots(evaluate_items(get<I>(outputs), space, first)...);
    (store_items(get<I>(outputs), space, first, get<I>(values)), ...);
  }
  (std::index_sequence_for<Outputs...>{});
}

template <int N, class T, std::size_t R, class Evaluator>
bool lies_flat(output<T, R, Evaluator> const& out) {
  return out.target.strides[0] == 1 && is_aligned_for_packs<T, N>(out.target.data) &&
         flat_form<Evaluator>::template holds<N>(out.evaluator);
}

/// Evaluates every output, all of one shape, in one kernel: what they share is read once.
template <class... Ts, std::size_t... Rs, class... Evaluators>
void store(device const& where, output<Ts, Rs, Evaluators> const&... outputs) {
  if constexpr ((holds_host_function<Evaluators> || ...)) {
    throw_host_only(where);
  } else {
    index_space const space(std::get<0>(std::tie(outputs...)).target.extents);
    operation const here("map", space.extents);
    if constexpr (((Rs == 1) && ...) && (flat_form<Evaluators>::possible && ...)) {
      constexpr int N = pack_length<Evaluators...>(static_cast<slots<Ts...>*>(nullptr));
      if ((lies_flat<N>(outputs) && ...)) {
        auto const flat = make_slots(flat_output<Ts, decltype(flat_form<Evaluators>::make(outputs.evaluator))>{
            outputs.target.data, flat_form<Evaluators>::make(outputs.evaluator)}...);
        auto const run = [&]<class... Outputs>(slots<Outputs...> const& all) {
          launch(where, "evaluating an expression", store_flat_kernel<N, Outputs...>,
                 ceil_div(space.total, index{block_threads} * N * packs_per_thread), block_threads, all, space.total);
        };
        return run(flat);
      }
    }
    constexpr std::size_t R = std::max({Rs...});
    launch(where, "evaluating an expression", store_indexed_kernel<R, output<Ts, Rs, Evaluators>...>,
           ceil_div(space.total, index{block_threads} * indexed_items), block_threads, make_slots(outputs...), space);
  }
}

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
