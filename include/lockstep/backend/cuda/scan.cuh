// scan on a GPU in one pass over memory: a block takes a tile, which its warps scan as scan_tile.cuh says, and what
// lies before a tile is found as look_back.cuh says. A scan may begin anew at heads, of tile_heads.cuh.
#pragma once

#include "../../array/view.hpp"
#include "../../expression/host_only.hpp"
#include "cub.cuh"
#include "scan_tile.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

/// Heads and targets that want to see each tile before it is read: x.prepare_tile<length>(its first element, total),
/// called by all threads of the block. What it leaves in shared memory can be read without another barrier by the warp
/// whose part it is.
template <class X>
concept prepares_tiles = requires(X const& x, index i) {
  x.template prepare_tile<32>(i, i);
};
template <index Length, class X>
__device__ __forceinline__ void prepare_tile(X const& x, index first, index total) {
  if constexpr (prepares_tiles<X>) x.template prepare_tile<Length>(first, total);
}
/// A bit for each of the lane's items that is a head. Tiles are prepared.
template <int Items, class Heads>
__device__ __forceinline__ unsigned heads_of_lane(Heads const& heads, index tile_first, index total) {
  if constexpr (!Heads::any)
    return 0;
  else if constexpr (requires { heads.template of_lane<Items>(tile_first, total); })
    return heads.template of_lane<Items>(tile_first, total);
  else
    return Heads::bits::template some<Items>(static_cast<int>(threadIdx.x) * Items);
}

/// Puts results where they belong: element after element of memory.
template <class T>
struct scan_target {
  T* data;
  __device__ void operator()(index i, T const& value) const { data[i] = value; }
};

/// What lies before each warp's part of the tile, and clears what is shared when no block waits any more. Called by one
/// warp.
template <class S, class Op>
__device__ __forceinline__ void find_before(scan_state<S> const& state, scan_rule<S, Op> const& rule, index tile,
                                            S const* totals, prefix<S>* found, int lane) {
  S sum = totals[0];
  for (int w = 1; lane == 0 && w < scan_warps; ++w) sum = static_cast<S>(rule.op(sum, totals[w]));
  prefix<S> before = look_back(state, rule, tile, sum, lane);
  for (int w = 0; lane == 0 && w < scan_warps; ++w) {
    found[w] = before;
    before = {after(before, totals[w], rule.op), true};
  }
  __syncwarp();
  state.leave(lane);
}

template <class T, class Op, class Heads, class Values, class Target>
__global__ void __launch_bounds__(block_threads, least_blocks)
    scan_kernel(Values values, Heads heads, scan_rule<T, Op> rule, Target to, index total,
                scan_state<scan_sum<T, Heads>> state) {
  using S = scan_sum<T, Heads>;
  using exchange_t = scan_exchange<T>;
  constexpr int items = exchange_t::items;
  __shared__ index shared_tile;
  __shared__ alignas(S) unsigned char raw_totals[scan_warps * sizeof(S)];
  __shared__ alignas(prefix<S>) unsigned char raw_before[scan_warps * sizeof(prefix<S>)];
  __shared__ alignas(T) unsigned char raw_parts[exchange_t::needed ? scan_warps * exchange_t::places * sizeof(T) : 1];
  S* const totals = reinterpret_cast<S*>(raw_totals);
  auto* const shared_before = reinterpret_cast<prefix<S>*>(raw_before);
  int const lane = threadIdx.x % warp_lanes, warp = threadIdx.x / warp_lanes;
  exchange_t const exchange{reinterpret_cast<T*>(raw_parts) + warp * exchange_t::places, lane};

  if (threadIdx.x == 0) shared_tile = state.take_tile();
  __syncthreads();
  index const tile = shared_tile, tile_first = tile * scan_tile<T>;
  index const first = tile_first + warp * (warp_lanes * items);
  prepare_tile<scan_tile<T>>(heads, tile_first, total);
  prepare_tile<scan_tile<T>>(to, tile_first, total);
  unsigned const begins = heads_of_lane<items>(heads, tile_first, total);
  T all[items];
  read_rows(all, values, first, total, [&](int row) { return exchange.place(row); });
  exchange.to_items(all);
  scan_lane<Heads>(all, begins, rule);
  auto const sums = rule_of_sums<Heads>(rule);
  S here;
  if constexpr (Heads::any)
    here = {all[items - 1], begins != 0};
  else
    here = all[items - 1];
  here = scan_lanes(here, lane, sums.op);
  if (lane == warp_lanes - 1) totals[warp] = here;
  __syncthreads();
  if (warp == 0) find_before(state, sums, tile, totals, shared_before, lane);
  __syncthreads();
  prefix<S> before = shared_before[warp];
  S const left = shuffle_up(here, 1);  // of the lanes before
  if (lane > 0) before = {after(before, left, sums.op), true};
  if constexpr (Heads::any)
    finish_lane<Heads>(all, begins, prefix<T>{before.value.value, before.there}, rule);
  else
    finish_lane<Heads>(all, begins, before, rule);
  exchange.to_rows(all);
  write_rows(all, to, first, total, [&](int row) { return exchange.place(row); });
}

/// Scans values(0) to values(total - 1), at least one, and hands every result to `to`, anew at every head; results
/// before the first are of no use. What is written may be what the values are read from, element by element, but not
/// what the heads are found from.
template <class T, class Op, class Heads, class Values, class Target>
void scan_to(lowering& context, scan_rule<T, Op> const& rule, Heads const& heads, Values const& values, index total,
             Target const& to) {
  index const tiles = ceil_div(total, scan_tile<T>);
  launch(context.where, "scanning", scan_kernel<T, Op, Heads, Values, Target>, tiles, block_threads, values, heads,
         rule, to, total, scan_memory<scan_sum<T, Heads>>(context, tiles));
}

/// Scans into dense memory, which may be what is read element by element. Reads and writes memory once.
template <class T, class Op, class Evaluator>
void scan(lowering& context, scan_rule<T, Op> const& rule, Evaluator const& evaluator, view<T, 1> const& target) {
  if constexpr (holds_host_function<Op> || holds_host_function<Evaluator>) {
    throw_host_only(context.where);
  } else {
    operation const here("scan", target.extents);
    using value = std::remove_cvref_t<decltype(evaluator.at(shape<1>(0)))>;
    scan_to(context, rule, no_heads{}, values_in_order<value, Evaluator, 1>(evaluator, target.extents),
            target.extents[0], scan_target<T>{target.data});
  }
}

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
