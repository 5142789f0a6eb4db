// What lies before each tile of a scan on a GPU. Tiles are numbered in the order in which they begin; each publishes
// what it adds up to, and takes what lies before it in a fixed order: the whole of the super-groups before its own,
// then the groups before its own in the super-group, then the tiles before it in the group. So the bits of floating
// results never depend on timing, as they do with CUB's DeviceScan, whose look-back stops wherever it meets a finished
// prefix. The memory for that is zero between scans: the last block clears it, and a scan is one launch.
#pragma once

#include "../../algorithm/scan_rule.hpp"
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
  if (count == 0) return {};
  T value{};
  if (lane < count) value = from.wait(first + lane);
  __syncwarp();
  value = combine_neighbors(value, lane, count, warp_lanes,
                            [&](T const& a, T const& b) { return static_cast<T>(op(a, b)); });
  return {value, true};
}

/// Publishes what a tile adds up to, which lane 0 knows, and finds what lies before it. Called by one warp; lane 0 has
/// the result.
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

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
