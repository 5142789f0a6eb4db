// What the lanes of a warp do with their part of a tile of a scan: each combines neighbors in its registers, values
// pass through shared memory to get there and back, and runs begin anew at heads.
#pragma once

#include <bit>

#include "look_back.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

/// Elements of a tile, which one block scans.
template <class T>
inline constexpr index scan_tile = index{block_threads} * scan_items<T>;

/// What lanes, warps and tiles add up to is plain values where there are no heads.
struct no_heads {
  static constexpr bool any = false;
  std::uint64_t no_padding = 0;  ///< see read_once
};

/// A value, and whether nothing before it counts, in a number so wide that no padding is copied.
template <class T>
struct headed {
  T value;
  std::conditional_t<alignof(T) >= 8, std::uint64_t,
                     std::conditional_t<alignof(T) == 4, std::uint32_t,
                                        std::conditional_t<alignof(T) == 2, std::uint16_t, std::uint8_t>>>
      head;
};
/// Associative as Op is, and never commutative.
template <class T, class Op>
struct combine_headed {
  Op op;
  LOCKSTEP_INLINE headed<T> operator()(headed<T> const& a, headed<T> const& b) const {
    headed<T> both = b;
    if (!b.head) both.value = static_cast<T>(op(a.value, b.value));
    both.head |= a.head;
    return both;
  }
};
template <class T, class Heads>
using scan_sum = std::conditional_t<Heads::any, headed<T>, T>;
template <class Heads, class T, class Op>
__device__ __forceinline__ auto rule_of_sums(scan_rule<T, Op> const& rule) {
  if constexpr (Heads::any)
    return scan_rule<headed<T>, combine_headed<T, Op>>{{rule.op}, rule.inclusive, false, {}};
  else
    return rule;
}

/// Scans 32 values across a warp, inclusively.
template <class T, class Op>
__device__ __forceinline__ T scan_lanes(T value, int lane, Op const& op) {
#pragma unroll
  for (int step = 1; step < warp_lanes; step *= 2) {
    T const left = shuffle_up(value, step);
    if (lane >= step) value = static_cast<T>(op(left, value));
  }
  return value;
}
/// The same with heads: a vote finds where each lane's run begins, so that only values are passed.
template <class T, class Op>
__device__ __forceinline__ headed<T> scan_lanes(headed<T> item, int lane, combine_headed<T, Op> const& combine) {
  unsigned const heads = __ballot_sync(0xffffffffu, item.head != 0) & (0xffffffffu >> (warp_lanes - 1 - lane));
  int const before = heads ? lane - (warp_lanes - 1 - __clz(static_cast<int>(heads))) : lane;  // lanes of the same run
#pragma unroll
  for (int step = 1; step < warp_lanes; step *= 2) {
    T const left = shuffle_up(item.value, step);
    if (step <= before) item.value = static_cast<T>(combine.op(left, item.value));
  }
  item.head = heads != 0;
  return item;
}

/// How a warp's part of a tile passes between rows of neighboring lanes, as memory is read and written, and items of
/// one lane that are neighbors. Larger values are read and written as items: sectors are of their size.
template <class T, int Items = scan_items<T>>
struct scan_exchange {
  static constexpr int items = Items;
  static constexpr bool needed = sizeof(T) <= 16;
  /// A place is left out behind as many, so that lanes which are `items` apart meet no bank twice.
  static constexpr int line = std::bit_floor(static_cast<unsigned>(std::min<std::size_t>(warp_lanes, 128 / sizeof(T))));
  static constexpr int row_places = warp_lanes + warp_lanes / line, places = items * row_places;

  T* part;  ///< the warp's places in shared memory
  int lane;

  /// Where in the warp's part what the lane reads or writes lies.
  __device__ __forceinline__ int place(int row) const { return needed ? row * warp_lanes + lane : lane * items + row; }
  __device__ __forceinline__ void to_items(T (&all)[items]) const {
    if constexpr (needed) {
#pragma unroll
      for (int row = 0; row < items; ++row) of_row()[row * row_places] = all[row];
      __syncwarp();
#pragma unroll
      for (int k = 0; k < items; ++k) all[k] = of_items()[k + k / line];
    }
  }
  __device__ __forceinline__ void to_rows(T (&all)[items]) const {
    if constexpr (needed) {
#pragma unroll
      for (int k = 0; k < items; ++k) of_items()[k + k / line] = all[k];
      __syncwarp();
#pragma unroll
      for (int row = 0; row < items; ++row) all[row] = of_row()[row * row_places];
    }
  }

 private:
  static_assert(!needed || items % line == 0 || line % items == 0);
  __device__ __forceinline__ T* of_row() const { return part + lane + lane / line; }
  __device__ __forceinline__ T* of_items() const { return part + lane * items + lane * items / line; }
};

/// all[row] = values(first + place(row)), of which there are `total`, for places in N rows. Behind the last one it is
/// read again; results there are of no use. Where none is behind it, no place is compared with it.
template <class T, int N, class Values, class Place>
__device__ __forceinline__ void read_rows(T (&all)[N], Values const& values, index first, index total,
                                          Place const& place) {
  if (first + N * warp_lanes <= total) {
#pragma unroll
    for (int row = 0; row < N; ++row) all[row] = static_cast<T>(values(first + place(row)));
  } else {
    index const last = total - 1;
#pragma unroll
    for (int row = 0; row < N; ++row) {
      index const i = first + place(row);
      all[row] = static_cast<T>(values(i < last ? i : last));
    }
    keep_apart();
  }
}
/// to(first + place(row), all[row]), of which there are `total`.
template <class T, int N, class Target, class Place>
__device__ __forceinline__ void write_rows(T const (&all)[N], Target const& to, index first, index total,
                                           Place const& place) {
  if (first + N * warp_lanes <= total) {
#pragma unroll
    for (int row = 0; row < N; ++row) to(first + place(row), all[row]);
  } else {
#pragma unroll
    for (int row = 0; row < N; ++row)
      if (first + place(row) < total) to(first + place(row), all[row]);
    keep_apart();
  }
}

/// Scans what a lane holds, inclusively; every run begins with the initial value where there is one.
template <class Heads, class T, class Op, int N>
__device__ __forceinline__ void scan_lane(T (&all)[N], unsigned heads, scan_rule<T, Op> const& rule) {
  if constexpr (!Heads::any) {
#pragma unroll
    for (int k = 1; k < N; ++k) all[k] = static_cast<T>(rule.op(all[k - 1], all[k]));
  } else if (rule.has_initial) {
    if (heads & 1u) all[0] = static_cast<T>(rule.op(rule.initial, all[0]));
#pragma unroll
    for (int k = 1; k < N; ++k) {
      T const before = heads >> k & 1u ? rule.initial : all[k - 1];
      all[k] = static_cast<T>(rule.op(before, all[k]));
    }
  } else {
#pragma unroll
    for (int k = 1; k < N; ++k)
      if (!(heads >> k & 1u)) all[k] = static_cast<T>(rule.op(all[k - 1], all[k]));
  }
}

/// What a lane holds becomes the results, behind what lies before it.
template <class Heads, class T, class Op, int N>
__device__ __forceinline__ void finish_lane(T (&all)[N], unsigned heads, prefix<T> const& before,
                                            scan_rule<T, Op> const& rule) {
  if (before.there) {
    int const run = heads == 0 ? N : __ffs(static_cast<int>(heads)) - 1;  // of the run that began before
#pragma unroll
    for (int k = 0; k < N; ++k)
      if (!Heads::any || k < run) all[k] = static_cast<T>(rule.op(before.value, all[k]));
  }
  if (rule.inclusive) return;
#pragma unroll
  for (int k = N - 1; k > 0; --k) all[k] = Heads::any && (heads >> k & 1u) ? rule.initial : all[k - 1];
  all[0] = Heads::any && (heads & 1u) ? rule.initial : before.value;
}

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
