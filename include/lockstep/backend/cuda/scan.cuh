// scan on a GPU in one pass over memory. Tiles are numbered in the order in which they begin; each publishes what it
// adds up to, and takes what lies before it in a fixed order: the whole of the super-groups before its own, then the
// groups before its own in the super-group, then the tiles before it in the group. So the bits of floating results
// never depend on timing, as they do with CUB's DeviceScan, whose look-back stops wherever it meets a finished prefix.
// The memory for that is zero between scans: the last block clears it, and a scan is one launch.
#pragma once

#include "../../algorithm/scan_rule.hpp"
#include "../../array/view.hpp"
#include "../../expression/host_only.hpp"
#include "repeats.cuh"
#include "warp.cuh"
#include "zeroed.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

inline constexpr int scan_warps = block_threads / warp_lanes;

/// Elements per thread: together they fill 64 bytes of registers.
template <class T>
inline constexpr int scan_items = sizeof(T) <= 4    ? 16
                                  : sizeof(T) <= 8  ? 8
                                  : sizeof(T) <= 16 ? 4
                                                    : 2;

/// Values that a block publishes once and others wait for. Flags are zero before the scan begins.
template <class T>
struct published {
  T* values;
  unsigned* ready;

  // Numbers are volatile: race checkers that order blocks by clocks take plain accesses for races, in spite of the
  // fences, where one block has much more to do than the other.
  using shared_value = std::conditional_t<std::is_arithmetic_v<T>, T volatile, T>;

  __device__ void publish(index i, T const& value) const {
    static_cast<shared_value*>(values)[i] = value;
    __threadfence();
    atomicExch(&ready[i], 1u);
  }
  __device__ T wait(index i) const {
    while (*static_cast<unsigned volatile*>(&ready[i]) == 0) {
    }
    __threadfence();
    return static_cast<shared_value*>(values)[i];
  }
};

/// What the blocks of one scan share. Groups are of warp_lanes tiles, super-groups of warp_lanes groups. Its words are
/// zero when a scan begins and when it has ended.
template <class T>
struct scan_state {
  published<T> tiles, groups, supers;
  unsigned* words;
  index word_count;

  /// The number of the tile that the block takes. Called by one thread.
  __device__ index take_tile() const {
    return static_cast<index>(atomicAdd(reinterpret_cast<unsigned long long*>(words), 1ull));
  }
  /// Called by one warp when its block waits for no other any more: the last one clears the words for the next scan,
  /// so that no pass of its own has to.
  __device__ void leave(int lane) const {
    bool last = false;
    if (lane == 0) {
      __threadfence();
      last = atomicAdd(&words[2], 1u) == gridDim.x - 1;
      __threadfence();
    }
    if (!__shfl_sync(0xffffffffu, last, 0)) return;
    for (index i = lane; i < word_count; i += warp_lanes) words[i] = 0;
  }
  static constexpr index counters = 4;  // words before the flags: the next tile (two of them), blocks that are done
};

/// A value or nothing: what lies before the first element is nothing, unless there is an initial value.
template <class T>
struct prefix {
  T value;
  bool there;
};
template <class T, class Op>
LOCKSTEP_INLINE T after(prefix<T> const& before, T const& value, Op const& op) {
  return before.there ? static_cast<T>(op(before.value, value)) : value;
}

/// The combination of `count` < warp_lanes published values from `first` on, waited for. Called by a whole warp; lane 0
/// has the result.
template <class T, class Op>
__device__ __forceinline__ prefix<T> combine_published(published<T> const& from, index first, int count, int lane,
                                                       Op const& op) {
  T value{};
  if (lane < count) value = from.wait(first + lane);
  __syncwarp();
  value = combine_neighbors(value, lane, count, warp_lanes,
                            [&](T const& a, T const& b) { return static_cast<T>(op(a, b)); });
  return {value, count > 0};
}

/// Publishes what a tile adds up to, and finds what lies before it. Called by one warp; lane 0 has the result.
template <class T, class Op>
__device__ prefix<T> look_back(scan_state<T> const& state, scan_rule<T, Op> const& rule, index tile, T const& total,
                               int lane) {
  index const group = tile / warp_lanes, super = group / warp_lanes;
  int const in_group = static_cast<int>(tile % warp_lanes), in_super = static_cast<int>(group % warp_lanes);
  bool const ends_group = in_group == warp_lanes - 1, ends_super = ends_group && in_super == warp_lanes - 1;

  if (lane == 0 && !ends_group) state.tiles.publish(tile, total);
  prefix<T> const tiles = combine_published(state.tiles, group * warp_lanes, in_group, lane, rule.op);
  T const group_total = after(tiles, total, rule.op);
  if (lane == 0 && ends_group && !ends_super) state.groups.publish(group, group_total);
  prefix<T> const groups = combine_published(state.groups, super * warp_lanes, in_super, lane, rule.op);
  if (lane != 0) return {};
  prefix<T> before{rule.initial, rule.has_initial};
  if (super > 0) before = {state.supers.wait(super - 1), true};
  if (ends_super) state.supers.publish(super, after(before, after(groups, group_total, rule.op), rule.op));
  if (groups.there) before = {after(before, groups.value, rule.op), true};
  if (tiles.there) before = {after(before, tiles.value, rule.op), true};
  return before;
}

/// Scans 32 values across a warp, inclusively; lanes from `count` on are not used.
template <class T, class Op>
__device__ __forceinline__ T scan_lanes(T value, int lane, Op const& op) {
#pragma unroll
  for (int step = 1; step < warp_lanes; step *= 2) {
    T const left = shuffle_up(value, step);
    if (lane >= step) value = static_cast<T>(op(left, value));
  }
  return value;
}

/// Elements of a tile, which one block scans.
template <class T>
inline constexpr index scan_tile = index{block_threads} * scan_items<T>;

template <class T>
struct scan_values {
  T items[scan_items<T>];
};

/// Reads a warp's part of a tile, rows of 32 neighbors, and scans it inclusively.
template <class T, class Op, class Evaluator>
__device__ __forceinline__ scan_values<T> scan_warp(Evaluator const& evaluator, Op const& op, index first, index total,
                                                    int lane) {
  scan_values<T> all;
#pragma unroll
  for (int row = 0; row < scan_items<T>; ++row) {
    index const i = first + row * warp_lanes + lane;
    all.items[row] = i < total ? static_cast<T>(evaluator.at(shape<1>(i))) : T{};
  }
#pragma unroll
  for (int row = 0; row < scan_items<T>; ++row) all.items[row] = scan_lanes(all.items[row], lane, op);
#pragma unroll
  for (int row = 1; row < scan_items<T>; ++row) {
    T const before = shuffle_from(all.items[row - 1], warp_lanes - 1);
    all.items[row] = static_cast<T>(op(before, all.items[row]));
  }
  return all;
}

/// Where results of a scan go: element after element of memory.
template <class T>
struct scan_target {
  T* data;
  __device__ void operator()(index i, T const& value) const { data[i] = value; }
};

/// Writes a warp's part of a tile behind what lies before it.
template <class T, class Op, class Target>
__device__ __forceinline__ void write_warp(scan_values<T> const& all, prefix<T> const& before,
                                           scan_rule<T, Op> const& rule, Target const& to, index first, index total,
                                           int lane) {
  T left = before.value;  // of the element before the row, for exclusive scans
#pragma unroll
  for (int row = 0; row < scan_items<T>; ++row) {
    index const i = first + row * warp_lanes + lane;
    T const here = after(before, all.items[row], rule.op);
    if (rule.inclusive) {
      if (i < total) to(i, here);
    } else {
      T const neighbor = shuffle_up(here, 1);
      if (i < total) to(i, lane == 0 ? left : neighbor);
      left = shuffle_from(here, warp_lanes - 1);
    }
  }
}

/// Targets that want to see each tile before it is read: to.prepare_tile<length>(its first element, total), called by
/// all threads of the block. What it leaves in shared memory can be read without another barrier.
template <class Target>
concept prepares_tiles = requires(Target const& to, index i) {
  to.template prepare_tile<32>(i, i);
};

template <class T, class Op, class Evaluator, class Target>
__global__ void __launch_bounds__(block_threads, least_blocks)
    scan_kernel(Evaluator evaluator, scan_rule<T, Op> rule, Target to, index total, scan_state<T> state) {
  __shared__ index shared_tile;
  __shared__ alignas(T) unsigned char raw_totals[scan_warps * sizeof(T)];
  __shared__ alignas(prefix<T>) unsigned char raw_before[sizeof(prefix<T>)];
  T* const totals = reinterpret_cast<T*>(raw_totals);
  auto* const shared_before = reinterpret_cast<prefix<T>*>(raw_before);
  int const lane = threadIdx.x % warp_lanes, warp = threadIdx.x / warp_lanes;

  if (threadIdx.x == 0) shared_tile = state.take_tile();
  __syncthreads();
  constexpr index warp_length = index{warp_lanes} * scan_items<T>;
  index const tile = shared_tile, tile_first = tile * scan_tile<T>;
  index const first = tile_first + warp * warp_length;
  if constexpr (prepares_tiles<Target>) to.template prepare_tile<scan_tile<T>>(tile_first, total);
  auto const all = scan_warp<T>(evaluator, rule.op, first, total, lane);
  if (lane == warp_lanes - 1) totals[warp] = all.items[scan_items<T> - 1];
  __syncthreads();
  if (warp == 0) {
    T sum = totals[0];
    for (int w = 1; w < scan_warps; ++w) sum = static_cast<T>(rule.op(sum, totals[w]));
    prefix<T> const before = look_back(state, rule, tile, sum, lane);
    if (lane == 0) *shared_before = before;
    __syncwarp();
    state.leave(lane);
  }
  __syncthreads();
  prefix<T> before = *shared_before;
  for (int w = 0; w < warp; ++w) before = {after(before, totals[w], rule.op), true};
  write_warp(all, before, rule, to, first, total, lane);
}

/// Tiles of a scan of `total` values.
template <class T>
index scan_tiles(index total) {
  return ceil_div(total, scan_tile<T>);
}
/// What a scan of `tiles` tiles shares, in memory of the device.
template <class T>
scan_state<T> scan_memory(lowering& context, index tiles) {
  constexpr index counters = scan_state<T>::counters;
  index const groups = tiles / warp_lanes, supers = groups / warp_lanes, all = tiles + groups + supers;
  auto const keep = [&](counted_pointer<storage> memory) {
    context.temporaries.push_back(std::move(memory));
    return context.temporaries.back()->data;
  };
  auto* const words = static_cast<unsigned*>(
      keep(zeroed_memory(context.where, static_cast<std::size_t>(counters + all) * sizeof(unsigned))));
  auto* const values = static_cast<T*>(keep(make_storage(context.where, static_cast<std::size_t>(all), sizeof(T))));
  auto const part = [&](index from) { return published<T>{values + from, words + counters + from}; };
  return {part(0), part(tiles), part(tiles + groups), words, counters + all};
}

/// Scans `total` values of an evaluator of one axis, at least one, and hands every result to `to`.
template <class T, class Op, class Evaluator, class Target>
void scan_to(lowering& context, scan_rule<T, Op> const& rule, Evaluator const& evaluator, index total,
             Target const& to) {
  if constexpr (holds_host_function<Op> || holds_host_function<Evaluator> || holds_host_function<Target>)
    throw_host_only(context.where);
  else
    launch(context.where, "scanning", scan_kernel<T, Op, once_t<Evaluator>, Target>, scan_tiles<T>(total),
           block_threads, once(evaluator), rule, to, total, scan_memory<T>(context, scan_tiles<T>(total)));
}

/// Scans into dense memory, which may be what is read element by element. Reads and writes memory once.
template <class T, class Op, class Evaluator>
void scan(lowering& context, scan_rule<T, Op> const& rule, Evaluator const& evaluator, view<T, 1> const& target) {
  operation const here("scan", target.extents);
  scan_to(context, rule, evaluator, target.extents[0], scan_target<T>{target.data});
}

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
