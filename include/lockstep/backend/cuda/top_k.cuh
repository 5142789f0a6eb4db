// The first k values of an order on a GPU, for k up to a quarter of a tile: each block keeps the first k of its tile,
// in the order of their places, and the next launch does the same to what is left, until that is one tile, whose first
// k are sorted. What is selected from is read once; of values that are equal those at smaller places are kept.
#pragma once

#include "../../algorithm/sort_order.hpp"
#include "../../expression/device_function.hpp"
#include "cub.cuh"
#include "scan_tile.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

/// Numbers as unsigned keys: the first value of the order has the smallest. Zeros are one key, and all NaNs the last.
template <class T>
using selection_key = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;
template <class T, class Order>
LOCKSTEP_INLINE selection_key<T> key_of(T value) {
  using key = selection_key<T>;
  constexpr int bits = int{sizeof(T)} * 8;
  constexpr key all = static_cast<key>(~key{0}) >> (sizeof(key) * 8 - bits), top = key{1} << (bits - 1);
  key raw = 0;
  if constexpr (std::is_floating_point_v<T>) {
    if (value != value) return all;
    if (value == 0) value = 0;
    std::memcpy(&raw, &value, sizeof(T));
    raw = raw & top ? ~raw : raw | top;
  } else if constexpr (std::is_same_v<T, bool>) {
    raw = value;
  } else {
    raw = static_cast<key>(static_cast<std::make_unsigned_t<T>>(value)) ^ (std::is_signed_v<T> ? top : 0);
  }
  return is_descending<Order> ? ~raw & all : raw;
}

/// Values with their places: those of an expression, or what a launch before has kept.
template <class T, class Values>
struct placed_values {
  Values values;
  index const* places;  ///< null: their indices
  LOCKSTEP_INLINE T operator()(index i) const { return values(i); }
  LOCKSTEP_INLINE index place(index i) const { return places ? places[i] : i; }
};

/// How many values a block keeps at most.
inline constexpr index most_selected = 1024;
template <class T>
inline constexpr int selection_items = sizeof(T) <= 4 ? 16 : 8;
template <class T>
inline constexpr index selection_tile = index{block_threads} * selection_items<T>;
inline constexpr int digit_bits = 8, digits = 1 << digit_bits;
static_assert(digits == block_threads, "each thread has one digit");

/// Which keys are kept: those whose bits from `shift` on are below `prefix`, and the first `equal` of those where they
/// are the same.
template <class Key>
struct selection_bound {
  Key prefix;
  int shift, equal;
};

/// Inclusive sums of one number per thread over the block, whose last is returned in `total`. `sums` has scan_warps
/// numbers in shared memory.
__device__ __forceinline__ int block_sums(int mine, int* sums, int& total) {
  int const lane = threadIdx.x % warp_lanes, warp = threadIdx.x / warp_lanes;
  mine = scan_lanes(mine, lane, plus{});
  __syncthreads();  // of what was there before
  if (lane == warp_lanes - 1) sums[warp] = mine;
  __syncthreads();
  int before = 0;
  total = 0;
  for (int w = 0; w < scan_warps; ++w) {
    if (w == warp) before = total;
    total += sums[w];
  }
  return before + mine;
}

/// Adds the digits of a thread's keys that begin with the bound's prefix to the block's counts, those of neighbors that
/// are the same at once.
template <int Bits, int Items, class Key>
__device__ __forceinline__ void count_digits(Key const (&keys)[Items], int valid, selection_bound<Key> const& bound,
                                             int* counts) {
  int last = -1, run = 0;
#pragma unroll
  for (int k = 0; k < Items; ++k) {
    if (k >= valid || (bound.shift < Bits && keys[k] >> bound.shift != bound.prefix)) continue;
    int const digit = static_cast<int>(keys[k] >> (bound.shift - digit_bits)) & (digits - 1);
    if (digit != last) {
      if (run > 0) atomicAdd(&counts[last], run);
      last = digit, run = 0;
    }
    ++run;
  }
  if (run > 0) atomicAdd(&counts[last], run);
}

/// The bound of the first `wanted` keys of the block, at least one and no more than there are: digit by digit, from the
/// most significant on. Of each thread `valid` keys count.
template <int Bits, int Items, class Key>
__device__ __forceinline__ selection_bound<Key> find_bound(Key const (&keys)[Items], int valid, int wanted, int* sums) {
  __shared__ int counts[digits], digit, before, inside;
  selection_bound<Key> bound{0, Bits, wanted};
  while (bound.shift > 0) {
    counts[threadIdx.x] = 0;
    __syncthreads();
    count_digits<Bits>(keys, valid, bound, counts);
    __syncthreads();
    int total;
    int const mine = counts[threadIdx.x], up_to = block_sums(mine, sums, total);
    if (up_to >= bound.equal && up_to - mine < bound.equal) digit = threadIdx.x, before = up_to - mine, inside = mine;
    __syncthreads();
    bound = {static_cast<Key>(bound.prefix << digit_bits | static_cast<Key>(digit)), bound.shift - digit_bits,
             bound.equal - before};
    if (inside == bound.equal) break;  // all that are the same so far
  }
  return bound;
}

/// Sorts `count` keys with what belongs to them, which ascend by place, by looking for each where it belongs.
template <class Key, class T>
__device__ __forceinline__ void write_sorted(Key const* keys, T const* kept, index const* kept_places, int count,
                                             T* values, index* places) {
  for (int i = threadIdx.x; i < count; i += block_threads) {
    Key const mine = keys[i];
    int rank = 0;
    for (int j = 0; j < i; ++j) rank += keys[j] <= mine;
    for (int j = i + 1; j < count; ++j) rank += keys[j] < mine;
    values[rank] = kept[i];
    places[rank] = kept_places[i];
  }
}

/// Keeps the first k of each tile; a grid of one block sorts them.
template <class Order, class T, class Source>
__global__ void __launch_bounds__(block_threads, least_blocks)
    first_k_kernel(Source source, index total, int k, T* values, index* places) {
  using key = selection_key<T>;
  constexpr int items = selection_items<T>, bits = int{sizeof(T)} * 8;
  using exchange_t = scan_exchange<T, items>;
  __shared__ alignas(T) unsigned char raw_parts[scan_warps * exchange_t::places * sizeof(T)];
  __shared__ int sums[scan_warps];
  int const lane = threadIdx.x % warp_lanes, warp = threadIdx.x / warp_lanes;
  exchange_t const exchange{reinterpret_cast<T*>(raw_parts) + warp * exchange_t::places, lane};
  index const tile_first = blockIdx.x * selection_tile<T>, mine_first = tile_first + index{threadIdx.x} * items;
  int const size = static_cast<int>(std::min(total - tile_first, index{selection_tile<T>}));
  int const valid = static_cast<int>(std::min<index>(std::max<index>(total - mine_first, 0), items));

  T all[items];
  read_rows(all, source, tile_first + warp * (items * warp_lanes), total, [&](int row) { return exchange.place(row); });
  exchange.to_items(all);
  key keys[items];
#pragma unroll
  for (int i = 0; i < items; ++i) keys[i] = key_of<T, Order>(all[i]);
  auto const bound = find_bound<bits>(keys, valid, std::min(k, size), sums);

  int below = 0, same = 0;
#pragma unroll
  for (int i = 0; i < items; ++i) {
    key const begin = keys[i] >> bound.shift;
    below += i < valid && begin < bound.prefix;
    same += i < valid && begin == bound.prefix;
  }
  int total_counts;
  int const counted = block_sums(below << 16 | same, sums, total_counts) - (below << 16 | same);
  below = counted >> 16, same = counted & 0xffff;  // of the threads before
  bool const last = gridDim.x == 1;
  __shared__ key shared_keys[most_selected];
  __shared__ index shared_places[most_selected];
  __shared__ T shared_values[most_selected];
#pragma unroll
  for (int i = 0; i < items; ++i) {
    if (i >= valid) continue;
    key const begin = keys[i] >> bound.shift;
    bool const is_below = begin < bound.prefix, is_same = begin == bound.prefix;
    if (is_below || (is_same && same < bound.equal)) {
      int const slot = below + std::min(same, bound.equal);
      index const place = source.place(mine_first + i);
      if (last) {
        shared_keys[slot] = keys[i], shared_values[slot] = all[i], shared_places[slot] = place;
      } else {
        values[blockIdx.x * index{k} + slot] = all[i];
        places[blockIdx.x * index{k} + slot] = place;
      }
    }
    below += is_below, same += is_same;
  }
  if (!last) return;
  __syncthreads();
  write_sorted(shared_keys, shared_values, shared_places, std::min(k, size), values, places);
}

/// Writes the first k of an expression's values, from 1 to as many as there are, in their order, and where they are.
/// Does not wait.
template <class Order, class T, class Evaluator>
void first_k(lowering& context, Evaluator const& evaluator, shape<1> const& extents, index k, T* values,
             index* places) {
  if constexpr (holds_host_function<Evaluator>) {
    throw_host_only(context.where);
  } else {
    operation const here("top_k", extents);
    constexpr index tile = selection_tile<T>;
    auto const left_of = [&](index count) { return count / tile * k + std::min(count % tile, k); };
    auto const room = [&](index count) { return count > tile ? left_of(count) : 0; };
    index total = extents[0];
    index const left = room(total), next = room(left);
    temporary<T> const kept[] = {{context.where, left}, {context.where, next}};
    temporary<index> const kept_places[] = {{context.where, left}, {context.where, next}};
    auto const select = [&]<class Values>(placed_values<T, Values> const& from, int to) {
      bool const last = total <= tile;
      launch(context.where, "selecting", first_k_kernel<Order, T, placed_values<T, Values>>, ceil_div(total, tile),
             block_threads, from, total, static_cast<int>(k), last ? values : kept[to].data(),
             last ? places : kept_places[to].data());
      total = last ? 0 : left_of(total);
    };
    using expression_values = values_in_order<T, Evaluator, 1>;
    select(placed_values<T, expression_values>{expression_values(evaluator, extents), nullptr}, 0);
    for (int from = 0; total > 0; from = 1 - from)
      select(placed_values<T, values_in_memory<T>>{{kept[from].data()}, kept_places[from].data()}, 1 - from);
  }
}

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
