// reduce on a GPU: whole reductions, several in one pass, and reductions of rows along the last axis. A warp takes a
// tile, or several short rows; the partial results of tiles are combined by later kernels in a tree of neighbors. The
// order is that of algorithm/reduction_order.hpp: the same bits on every GPU, and as on CPUs when the operator
// commutes. CUB's DeviceReduce fits neither: its order follows from tuning per architecture, and it takes one reduction
// at a time.
#pragma once

#include <algorithm>
#include <tuple>

#include "../../algorithm/reducers.hpp"
#include "../../algorithm/reduction_order.hpp"
#include "../../expression/host_only.hpp"
#include "repeats.cuh"
#include "warp.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

static_assert(reduction_order::lanes == warp_lanes, "a lane of a tile is a lane of a warp");

/// Bytes of what a tree reads of memory for one element.
template <class Tree>
inline constexpr std::size_t bytes_read =
    []<class... Ts>(type_list<Ts...>) { return (sizeof(Ts) + ... + 0); }(leaves_t<Tree>{});
template <class Tree>
inline constexpr std::size_t bytes_read<read_once<Tree>> = bytes_read<Tree>;

/// Values that a lane reads before it combines them, so that their loads overlap: fewer where together, or what they
/// are made of, they would fill more than a quarter of the registers that a thread can have.
template <class Source, class... Accumulators>
constexpr int items_at_once() {
  int items = 8;
  while (items > 1 && items * std::max(bytes_read<Source>, (sizeof(Accumulators) + ... + 0)) > 256) items /= 2;
  return items;
}

/// One reduction of a pass as its kernels see it.
template <class Reducer, class Result>
struct running_reduction {
  using accumulator = typename Reducer::accumulator;
  Reducer reducer;
  accumulator* partial;  ///< one per row and tile, unused when a row is one tile; those of the next level follow
  Result* result;        ///< one per row
};

/// An index space as rows of the same length, each cut into tiles; `group` lanes share a tile.
struct row_tiles {
  index rows, length, tiles;
  int group;
};

template <class Reducer>
constexpr bool combines_in_any_order() {
  if constexpr (positional<Reducer>)
    return true;
  else
    return Reducer::commutative;
}

/// Combines values whose places are not in order: of equal ones, a positional reducer wants the first.
template <class Reducer, class A>
LOCKSTEP_INLINE A combine_lanes(Reducer const& reducer, A const& a, A const& b) {
  if constexpr (positional<Reducer>)
    if (Reducer::same(a.value, b.value)) return a.at < b.at ? a : b;
  return reducer.combine(a, b);
}

/// What a lane knows of its tile.
struct lane_of_tile {
  int lane, group;
  index first, at, count;  ///< of the tile: row-major index, index along the axis, elements
};

/// Combines values that follow one another in a tile, from `begin` on, of which lanes before `count` have one each. A
/// lane's own places are in order.
template <class Part, class A>
__device__ __forceinline__ void take_value(Part const& part, lane_of_tile const& t, index begin, index count, A value,
                                           A& all) {
  if constexpr (combines_in_any_order<decltype(part.reducer)>()) {
    if (t.lane < count) all = begin == 0 ? value : part.reducer.combine(all, value);
  } else {
    auto const combine = [&](A const& a, A const& b) { return part.reducer.combine(a, b); };
    value = combine_neighbors(value, t.lane, count, t.group, combine);
    if (count > 0) all = begin == 0 ? value : part.reducer.combine(all, value);
  }
}

/// What the elements of Count groups, `step` apart, are for each reduction; those from `count` on are nothing.
template <int Count, std::size_t R, class Source, class... Parts>
__device__ __forceinline__ void take_values(slots<Parts...> const& parts, Source const& source,
                                            index_space<R> const& space, lane_of_tile const& t, index begin,
                                            slots<typename Parts::accumulator...>& all) {
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    slots<typename Parts::accumulator...> values[Count];
#pragma unroll
    for (int u = 0; u < Count; ++u) {
      index const mine = begin + u * warp_lanes + t.lane;
      if (Count == 1 && mine >= t.count) continue;
      auto const read = source.at(space[t.first + mine]);
      ((modify<I>(values[u]) = lift_at(get<I>(parts).reducer, get<I>(read), t.at + mine)), ...);
    }
#pragma unroll
    for (int u = 0; u < Count; ++u)
      (take_value(get<I>(parts), t, begin + u, Count == 1 ? t.count - begin : index{warp_lanes}, get<I>(values[u]),
                  modify<I>(all)),
       ...);
  }
  (std::index_sequence_for<Parts...>{});
}

/// Lane 0 of every group keeps the result of its tile, or of its row when that is one tile.
template <class Part, class A>
__device__ __forceinline__ void keep_tile(Part const& part, row_tiles const& rows, lane_of_tile const& t, index unit,
                                          A all) {
  if constexpr (combines_in_any_order<decltype(part.reducer)>())
    all = combine_halves(all, t.lane, t.count, t.group,
                         [&](A const& a, A const& b) { return combine_lanes(part.reducer, a, b); });
  if (t.lane != 0 || t.count == 0) return;
  if (rows.tiles == 1)
    part.result[unit] =
        static_cast<std::remove_reference_t<decltype(*part.result)>>(part.reducer.finish(all, rows.length));
  else
    part.partial[unit] = all;
}

template <std::size_t R, class Source, class... Parts>
__global__ void __launch_bounds__(block_threads, least_blocks)
    reduce_tiles_kernel(slots<Parts...> parts, Source source, index_space<R> space, row_tiles rows) {
  index const thread = blockIdx.x * index{block_threads} + threadIdx.x, unit = thread / rows.group;
  lane_of_tile t{static_cast<int>(thread % rows.group), rows.group, 0, 0, 0};
  if (unit < rows.rows * rows.tiles) {
    t.at = unit % rows.tiles * reduction_order::tile;
    t.first = unit / rows.tiles * rows.length + t.at;
    t.count = rows.length - t.at < reduction_order::tile ? rows.length - t.at : reduction_order::tile;
  }
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    constexpr int items = items_at_once<Source, typename Parts::accumulator...>();
    slots<typename Parts::accumulator...> all{};
    index begin = 0;
    for (; begin + items * warp_lanes <= t.count; begin += items * warp_lanes)
      take_values<items>(parts, source, space, t, begin, all);
    // Rows that share a warp are of one length, so that its lanes stay together up to here.
    index const end = rows.group < warp_lanes ? rows.group : t.count;
    for (; begin < end; begin += t.group) take_values<1>(parts, source, space, t, begin, all);
    (keep_tile(get<I>(parts), rows, t, unit, get<I>(all)), ...);
  }
  (std::index_sequence_for<Parts...>{});
}

/// Partial results that a thread of combine_tiles_kernel combines.
inline constexpr index combine_items = 8;

/// A block takes combine_items neighbors per thread of one row, and leaves one: the row's result where `chunks` is 1.
template <class Part>
__device__ __forceinline__ void combine_chunk(Part const& part, index rows, index count, index chunks, index length) {
  using A = typename Part::accumulator;
  __shared__ alignas(A) unsigned char raw[warp_lanes * sizeof(A)];
  A* const shared = reinterpret_cast<A*>(raw);
  auto const combine = [&](A const& a, A const& b) { return part.reducer.combine(a, b); };
  index const row = blockIdx.x / chunks, first = blockIdx.x % chunks * blockDim.x * combine_items;
  index const here = count - first, mine = static_cast<index>(threadIdx.x) * combine_items;
  index const used = here < blockDim.x * combine_items ? ceil_div(here, combine_items) : index{blockDim.x};
  int const lane = threadIdx.x % warp_lanes, warp = threadIdx.x / warp_lanes;

  A all{};
  if (mine < here)
    all = combine_in_thread<combine_items>(part.partial + row * count + first + mine, 1, here - mine, combine);
  all = combine_neighbors(all, lane, used - warp * warp_lanes, warp_lanes, combine);
  if (lane == 0) shared[warp] = all;
  __syncthreads();
  if (warp != 0) return;
  index const warps = ceil_div(used, warp_lanes);
  all = lane < warps ? shared[lane] : A{};
  all = combine_neighbors(all, lane, warps, warp_lanes, combine);
  if (lane != 0) return;
  if (chunks == 1)
    part.result[row] = static_cast<std::remove_reference_t<decltype(*part.result)>>(part.reducer.finish(all, length));
  else
    part.partial[rows * count + row * chunks + blockIdx.x % chunks] = all;
}

template <class... Parts>
__global__ void combine_tiles_kernel(slots<Parts...> parts, index rows, index count, index chunks, index length) {
  [&]<std::size_t... I>(std::index_sequence<I...>) { (combine_chunk(get<I>(parts), rows, count, chunks, length), ...); }
  (std::index_sequence_for<Parts...>{});
}

/// Threads of a block that combines `count` partial results per row, and how many of its size that leaves.
struct combination {
  unsigned threads;
  index chunks;
  explicit combination(index count)
      : threads(static_cast<unsigned>(
            std::min<index>(1024, ceil_div(ceil_div(count, combine_items), warp_lanes) * warp_lanes))),
        chunks(ceil_div(count, threads * combine_items)) {}
};

/// Room for the partial results of one reduction, and of all levels that combine them.
template <class A>
A* partial_results(lowering& context, index rows, index tiles) {
  if (tiles == 1) return nullptr;
  index total = tiles;
  for (index count = combination(tiles).chunks; count > 1; count = combination(count).chunks) total += count;
  context.temporaries.push_back(make_storage(context.where, static_cast<std::size_t>(rows * total), sizeof(A)));
  return static_cast<A*>(context.temporaries.back()->data);
}

inline int lanes_for(index length) {
  int lanes = 1;
  while (lanes < length && lanes < warp_lanes) lanes *= 2;
  return lanes;
}

template <class... Parts>
void combine_tiles(device const& where, row_tiles const& rows, Parts... parts) {
  for (index count = rows.tiles; count > 1;) {
    combination const next(count);
    launch(where, "combining the tiles of a reduction", combine_tiles_kernel<Parts...>, rows.rows * next.chunks,
           next.threads, make_slots(parts...), rows.rows, count, next.chunks, rows.length);
    ((parts.partial += rows.rows * count), ...);
    count = next.chunks;
  }
}

/// Reduces every part along rows of `length` consecutive elements, not 0, of the index space. One result per row.
template <std::size_t R, class... Reducers, class... Evaluators, class... Results>
void reduce_rows(lowering& context, index_space<R> const& space, index length,
                 std::tuple<reduction_part<Reducers, Evaluators>...> const& parts, Results*... results) {
  row_tiles const rows{space.total / length, length, ceil_div(length, reduction_order::tile), lanes_for(length)};
  std::apply(
      [&](auto const&... part) {
        auto const run = [&](auto const&... running) {
          auto const source = once(together<R>(part.evaluator...));
          launch(
              context.where, "reducing",
              reduce_tiles_kernel<R, std::remove_const_t<decltype(source)>, std::remove_cvref_t<decltype(running)>...>,
              ceil_div(rows.rows * rows.tiles * rows.group, block_threads), block_threads, make_slots(running...),
              source, space, rows);
          combine_tiles(context.where, rows, running...);
        };
        run(running_reduction<Reducers, Results>{
            part.reducer, partial_results<typename Reducers::accumulator>(context, rows.rows, rows.tiles), results}...);
      },
      parts);
}

/// Reduces every part over the same index space, which must not be empty, reading what they share once. One result
/// each, in the device's memory.
template <std::size_t R, class... Reducers, class... Evaluators, class... Results>
void reduce(lowering& context, shape<R> const& extents,
            std::tuple<reduction_part<Reducers, Evaluators>...> const& parts, Results*... results) {
  if constexpr ((holds_host_function<Reducers> || ...) || (holds_host_function<Evaluators> || ...)) {
    throw_host_only(context.where);
  } else {
    operation const here("reduce", extents);
    index_space<R> const space(extents);
    reduce_rows(context, space, space.total, parts, results...);
  }
}

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
