// map on a GPU: one kernel writes the values of one evaluator, or of several that are fused. Contiguous memory is read
// and written 16 bytes at a time; anything else element by element, in the order of memory across the threads.
#pragma once

#include "../../array/view.hpp"
#include "../../expression/host_only.hpp"
#include "launch.cuh"
#include "repeats.cuh"

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

/// What one thread holds of one or more results.
template <class Value, int Count>
struct held {
  Value values[Count];
};

/// Output K of N elements, whose values are lists of one for each output.
template <std::size_t K, int N, class T, class Values>
__device__ __forceinline__ void store_pack(T* target, Values const& all) {
  pack<T, N> results;
#pragma unroll
  for (int k = 0; k < N; ++k) results.values[k] = static_cast<T>(get<K>(all.values[k]));
  *reinterpret_cast<pack<T, N>*>(target) = results;
}

/// Blocks of packs_per_thread packs of N elements per thread; the last one element by element.
template <int N, class Tree, class... Ts>
__global__ void __launch_bounds__(block_threads, least_blocks)
    store_flat_kernel(slots<Ts*...> targets, Tree tree, index total) {
  index const tile = index{block_threads} * N * packs_per_thread, begin = blockIdx.x * tile;
  [&]<std::size_t... K>(std::index_sequence<K...>) {
    if (begin + tile <= total) {
      index const first = begin + static_cast<index>(threadIdx.x) * N, step = index{block_threads} * N;
      held<decltype(tree.template load<N>(first)), packs_per_thread> all;
#pragma unroll
      for (int u = 0; u < packs_per_thread; ++u) all.values[u] = tree.template load<N>(first + u * step);
#pragma unroll
      for (int u = 0; u < packs_per_thread; ++u)
        (store_pack<K, N>(get<K>(targets) + first + u * step, all.values[u]), ...);
    } else {
      for (index i = begin + threadIdx.x; i < total; i += block_threads) {
        auto const values = tree.template load<1>(i);
        (store_pack<K, 1>(get<K>(targets) + i, values), ...);
      }
    }
  }
  (std::index_sequence_for<Ts...>{});
}

template <class T, std::size_t R>
__device__ __forceinline__ T& place_in(view<T, R> const& target, coordinates<R> const& c) {
  T* place = target.data;
  for (std::size_t axis = 0; axis < R; ++axis) place += c[axis] * target.strides[axis];
  return *place;
}

template <std::size_t R, class Tree, class... Ts>
__global__ void __launch_bounds__(block_threads, least_blocks)
    store_indexed_kernel(slots<view<Ts, R>...> targets, Tree tree, index_space<R> space) {
  index const first = blockIdx.x * (index{block_threads} * indexed_items) + threadIdx.x;
  held<decltype(tree.at(space[first])), indexed_items> all;
#pragma unroll
  for (int u = 0; u < indexed_items; ++u) {
    index const i = first + u * index{block_threads};
    if (i < space.total) all.values[u] = tree.at(space[i]);
  }
  [&]<std::size_t... K>(std::index_sequence<K...>) {
#pragma unroll
    for (int u = 0; u < indexed_items; ++u) {
      index const i = first + u * index{block_threads};
      if (i >= space.total) return;
      auto const c = space[i];
      ((place_in(get<K>(targets), c) = static_cast<Ts>(get<K>(all.values[u]))), ...);
    }
  }
  (std::index_sequence_for<Ts...>{});
}

template <int N, class T, std::size_t R>
bool lies_flat(view<T, R> const& target) {
  return target.strides[0] == 1 && is_aligned_for_packs<T, N>(target.data);
}

/// Evaluates every output, all of one shape, in one kernel: what they share is read once.
template <class... Ts, std::size_t... Rs, class... Evaluators>
void store(device const& where, output<Ts, Rs, Evaluators> const&... outputs) {
  if constexpr ((holds_host_function<Evaluators> || ...)) {
    throw_host_only(where);
  } else {
    index_space const space(std::get<0>(std::tie(outputs...)).target.extents);
    operation const here("map", space.extents);
    constexpr std::size_t R = std::max({Rs...});
    auto const all = together<R>(outputs.evaluator...);
    using form = flat_form<std::remove_const_t<decltype(all)>>;
    if constexpr (R == 1 && form::possible) {
      constexpr int N = pack_length<Evaluators...>(static_cast<slots<Ts...>*>(nullptr));
      if ((lies_flat<N>(outputs.target) && ...) && form::template holds<N>(all)) {
        auto const tree = once(form::make(all));
        return launch(where, "evaluating an expression",
                      store_flat_kernel<N, std::remove_const_t<decltype(tree)>, Ts...>,
                      ceil_div(space.total, index{block_threads} * N * packs_per_thread), block_threads,
                      make_slots(outputs.target.data...), tree, space.total);
      }
    }
    auto const tree = once(all);
    launch(where, "evaluating an expression", store_indexed_kernel<R, std::remove_const_t<decltype(tree)>, Ts...>,
           ceil_div(space.total, index{block_threads} * indexed_items), block_threads, make_slots(outputs.target...),
           tree, space);
  }
}

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
