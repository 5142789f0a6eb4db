// reduce_by_key on a GPU in one pass over memory: blocks take tiles of keys and values, lanes combine what is between
// heads, and what began before a tile is found as look_back.cuh says, with the number of runs. A run's value is written
// where the next one begins, or behind the last element.
#pragma once

#include "../../algorithm/reducers.hpp"
#include "segmented.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

/// What elements combine to from the last head on, or all of them, and how many heads there are; without padding.
template <class A>
struct run_sum {
  alignas(std::max<std::size_t>(alignof(A), 4)) std::uint32_t raw[(sizeof(A) + 3) / 4];
  std::uint32_t heads[alignof(A) > 8 ? alignof(A) / 4 : 2];

  static LOCKSTEP_INLINE run_sum of(A const& value, std::uint64_t count) {
    run_sum all{};
    std::memcpy(all.raw, &value, sizeof(A));
    all.heads[0] = static_cast<std::uint32_t>(count);
    all.heads[1] = static_cast<std::uint32_t>(count >> 32);
    return all;
  }
  LOCKSTEP_INLINE A value() const {
    A result;
    std::memcpy(&result, raw, sizeof(A));
    return result;
  }
  LOCKSTEP_INLINE std::uint64_t count() const { return heads[0] | std::uint64_t{heads[1]} << 32; }
};
template <class A, class Op>
struct combine_runs {
  Op op;
  LOCKSTEP_INLINE run_sum<A> operator()(run_sum<A> const& a, run_sum<A> const& b) const {
    A const last = b.count() > 0 ? b.value() : static_cast<A>(op(a.value(), b.value()));
    return run_sum<A>::of(last, a.count() + b.count());
  }
};

/// Elements per thread.
template <class K, class A>
inline constexpr int run_items = std::min(scan_items<K>, scan_items<A>);

/// Places for the items of a block in shared memory, where they pass through it.
template <class T, int Items>
struct block_places {
  using exchange = scan_exchange<T, Items>;
  static constexpr int of_warp = exchange::needed ? exchange::places : 0;
  static constexpr std::size_t bytes = std::max<std::size_t>(of_warp * scan_warps * sizeof(T), 1);
};

/// What lies before a lane: the combination of the run that it continues, and how many heads, in all and in its tile.
template <class A>
struct before_lane {
  A value{};
  std::uint64_t heads_before_tile = 0;
  int heads_in_tile = 0;
};

/// `sum` is what the lane's items combine to from its last head on, or all of them.
template <class A, class Op>
__device__ __forceinline__ before_lane<A> look_before(scan_state<run_sum<A>> const& state, Op const& op, index tile,
                                                      A const& sum, unsigned heads) {
  using S = run_sum<A>;
  __shared__ alignas(S) unsigned char raw_totals[scan_warps * sizeof(S)];
  __shared__ alignas(prefix<S>) unsigned char raw_before[scan_warps * sizeof(prefix<S>)];
  S* const totals = reinterpret_cast<S*>(raw_totals);
  auto* const found = reinterpret_cast<prefix<S>*>(raw_before);
  int const lane = threadIdx.x % warp_lanes, warp = threadIdx.x / warp_lanes;

  headed<A> here{sum, heads != 0};
  here = scan_lanes(here, lane, combine_headed<A, Op>{op});
  int const counted = scan_lanes(__popc(heads), lane, plus{});
  if (lane == warp_lanes - 1) totals[warp] = S::of(here.value, static_cast<unsigned>(counted));
  __syncthreads();
  scan_rule<S, combine_runs<A, Op>> const rule{{op}, true, false, {}};
  if (warp == 0) find_before(state, rule, tile, totals, found, lane);
  __syncthreads();
  prefix<S> const before = found[warp];
  before_lane<A> result;
  if (found[0].there) result.heads_before_tile = found[0].value.count();
  if (before.there) {
    result.value = before.value.value();
    result.heads_in_tile = static_cast<int>(before.value.heads[0] - static_cast<unsigned>(result.heads_before_tile));
  }
  headed<A> const left = shuffle_up(here, 1);
  if (lane > 0) result.value = left.head || !before.there ? left.value : static_cast<A>(op(result.value, left.value));
  result.heads_in_tile += counted - __popc(heads);
  return result;
}

/// Where runs are written: key s of those that begin in the tile, and the value of the run before it. Small ones are
/// gathered in shared memory first.
template <class K, class A, int Items>
struct runs_of_tile {
  static constexpr bool gathers_keys = scan_exchange<K, Items>::needed, gathers_sums = scan_exchange<A, Items>::needed;
  K *gathered_keys, *keys;
  A *gathered_values, *values;
  index before;  ///< runs that began before the tile

  __device__ __forceinline__ void put_key(index s, K const& key) const { keys[before + s] = key; }
  __device__ __forceinline__ void put_value(index s, A const& value) const {
    if (before + s > 0) values[before + s - 1] = value;
  }
  /// `end`: behind the last element.
  __device__ __forceinline__ void gather(int s, K const& key, A const& value, bool end) const {
    if constexpr (gathers_keys)
      gathered_keys[s] = key;
    else if (!end)
      put_key(s, key);
    if constexpr (gathers_sums)
      gathered_values[s] = value;
    else
      put_value(s, value);
  }
  __device__ __forceinline__ void write(int heads, bool with_end) const {
    for (int s = threadIdx.x; s < heads; s += block_threads) {
      if constexpr (gathers_keys)
        if (!with_end || s < heads - 1) put_key(s, gathered_keys[s]);
      if constexpr (gathers_sums) put_value(s, gathered_values[s]);
    }
  }
};

/// `counts[0]` and `counts[1]` get the number of runs.
template <class K, class A, class Op, class Equal, class Keys, class Values>
__global__ void __launch_bounds__(block_threads, least_blocks)
    reduce_by_key_kernel(Keys keys, Equal equal, Values values, Op op, index total, K* run_keys, A* run_values,
                         index* count, index* count_again, scan_state<run_sum<A>> state) {
  constexpr int items = run_items<K, A>, tile_length = items * static_cast<int>(block_threads);
  using key_places = block_places<K, items>;
  using value_places = block_places<A, items>;
  __shared__ index shared_tile;
  __shared__ int shared_heads;
  __shared__ alignas(K) unsigned char raw_keys[key_places::bytes];
  __shared__ alignas(A) unsigned char raw_values[value_places::bytes];
  K* const shared_keys = reinterpret_cast<K*>(raw_keys);
  A* const shared_values = reinterpret_cast<A*>(raw_values);
  int const lane = threadIdx.x % warp_lanes, warp = threadIdx.x / warp_lanes;

  if (threadIdx.x == 0) shared_tile = state.take_tile();
  __syncthreads();
  index const tile = shared_tile, tile_first = tile * tile_length;
  auto const mine = read_keys<items, true, K>(keys, equal, tile_first, total, shared_keys + warp * key_places::of_warp);
  scan_exchange<A, items> const exchange{shared_values + warp * value_places::of_warp, lane};
  A all[items];
  read_rows(all, values, tile_first + warp * (items * warp_lanes), total, [&](int row) { return exchange.place(row); });
  exchange.to_items(all);
  A sum = all[0];
#pragma unroll
  for (int k = 1; k < items; ++k) sum = mine.heads >> k & 1u ? all[k] : static_cast<A>(op(sum, all[k]));

  auto const before = look_before(state, op, tile, sum, mine.heads);
  runs_of_tile<K, A, items> const to{shared_keys, run_keys, shared_values, run_values,
                                     static_cast<index>(before.heads_before_tile)};
  index const behind = total - (tile_first + static_cast<index>(threadIdx.x) * items);  // place of the end
  int slot = before.heads_in_tile;
  sum = before.value;
#pragma unroll
  for (int k = 0; k < items; ++k) {
    if (mine.heads >> k & 1u) {
      to.gather(slot++, mine.all[k], sum, behind == k);
      sum = all[k];
    } else {
      sum = static_cast<A>(op(sum, all[k]));
    }
  }
  if (threadIdx.x == block_threads - 1) shared_heads = slot;
  __syncthreads();
  bool const with_end = tile_first + tile_length > total;
  to.write(shared_heads, with_end);
  if (with_end && threadIdx.x == 0) *count = *count_again = to.before + shared_heads - 1;
}

/// Writes the key and the combined values of every run of equal keys, of which there is at least one; the number of
/// runs is left in the device's memory, twice. Does not wait.
template <class K, class V, class Reducer, class Equal, class Keys, class Evaluator>
void reduce_by_key(lowering& context, Equal const& equal, Keys const& keys,
                   reduction_part<Reducer, Evaluator> const& part, shape<1> const& extents, K* run_keys,
                   typename Reducer::accumulator* run_values, index* count, index* count_again) {
  if constexpr (holds_host_function<Equal> || holds_host_function<Keys> || holds_host_function<Reducer> ||
                holds_host_function<Evaluator>) {
    throw_host_only(context.where);
  } else {
    operation const here("reduce_by_key", extents);
    using A = typename Reducer::accumulator;
    using op = combine_by_reducer<Reducer>;
    using keys_in_order = values_in_order<K, Keys, 1>;
    using values = lifted_values<Reducer, V, values_in_order<V, Evaluator, 1>>;
    index const tiles = ceil_div(extents[0] + 1, index{block_threads} * run_items<K, A>);  // with a place for the end
    launch(context.where, "reducing", reduce_by_key_kernel<K, A, op, Equal, keys_in_order, values>, tiles,
           block_threads, keys_in_order(keys, extents), equal, values{part.reducer, {part.evaluator, extents}},
           op{part.reducer}, extents[0], run_keys, run_values, count, count_again,
           scan_memory<run_sum<A>>(context, tiles));
  }
}

template <class K, class A>
__global__ void __launch_bounds__(block_threads)
    copy_runs_kernel(K const* keys, A const* values, index count, K* to_keys, A* to_values) {
  index const i = blockIdx.x * index{block_threads} + threadIdx.x;
  if (i >= count) return;
  to_keys[i] = keys[i];
  to_values[i] = values[i];
}
template <class K, class A>
void copy_runs(device const& where, K const* keys, A const* values, index count, K* to_keys, A* to_values) {
  launch(where, "reducing", copy_runs_kernel<K, A>, ceil_div(count, block_threads), block_threads, keys, values, count,
         to_keys, to_values);
}

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
