// select, partition and unique on a GPU: one-pass compaction of what an expression gives.
#pragma once

#include "compact.cuh"
#include "cub.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

// What is kept, as compact.cuh wants it.

/// Elements by a mask. What both name is read once.
template <class T, class Values, class Mask, std::size_t R>
struct masked_elements {
  using value_type = T;
  static constexpr bool compares = false;
  once_t<elementwise_evaluator<R, list_values, Values, Mask>> both;
  index_space<R> space;

  masked_elements(Values const& values, Mask const& mask, shape<R> const& extents)
      : both(once(together<R>(values, mask))), space(extents) {}

  LOCKSTEP_INLINE T value(index i) const { return static_cast<T>(get<0>(both.at(space[i]))); }
  LOCKSTEP_INLINE bool read(index i, T& value) const {
    auto const here = both.at(space[i]);
    value = static_cast<T>(get<0>(here));
    return static_cast<bool>(get<1>(here));
  }
};

/// Elements for which a predicate is `Wanted`.
template <bool Wanted, class T, class Values, class Predicate, std::size_t R>
struct filtered_elements {
  using value_type = T;
  static constexpr bool compares = false;
  values_in_order<T, Values, R> values;
  Predicate predicate;

  LOCKSTEP_INLINE T value(index i) const { return values(i); }
  LOCKSTEP_INLINE bool read(index i, T& value) const {
    value = values(i);
    return static_cast<bool>(predicate(static_cast<T const&>(value))) == Wanted;
  }
};

/// The first element of every run of equal ones.
template <class T, class Values, class Equal, std::size_t R>
struct run_starts {
  using value_type = T;
  static constexpr bool compares = true;
  values_in_order<T, Values, R> values;
  Equal equal;

  LOCKSTEP_INLINE T value(index i) const { return values(i); }
  LOCKSTEP_INLINE bool differs(T const& before, T const& value) const {
    return !static_cast<bool>(equal(before, value));
  }
};

/// The positions of elements that a mask selects.
template <class Mask, std::size_t R>
struct masked_positions {
  static constexpr bool compares = false;
  values_in_order<bool, Mask, R> mask;

  LOCKSTEP_INLINE bool read(index i, unsigned char&) const { return mask(i); }
};

/// Writes what the source keeps, and how many; does not wait.
template <class Source>
void queue_select(device const& where, Source const& source, index total, typename Source::value_type* target,
                  index* kept) {
  operation const here("select", shape<1>(total));
  compact<compaction::values>(where, "selecting", source, total, target, nullptr, kept);
}
template <class Source>
void queue_positions(device const& where, Source const& source, index total, index* target, index* kept) {
  operation const here("select", shape<1>(total));
  compact<compaction::places>(where, "selecting", source, total, static_cast<unsigned char*>(nullptr), target, kept);
}

/// Runs queue(kept) and waits for the number that it leaves there.
template <class F>
index waited_count(device const& where, F&& queue) {
  temporary<index> const kept(where, 1);
  queue(kept.data());
  return value_of(where, static_cast<index const*>(kept.data()));
}
/// Writes what the source keeps; returns how many.
template <class Source>
index select_values(device const& where, Source const& source, index total, typename Source::value_type* target) {
  return waited_count(where, [&](index* kept) { queue_select(where, source, total, target, kept); });
}
template <class Source>
index select_positions(device const& where, Source const& source, index total, index* target) {
  return waited_count(where, [&](index* kept) { queue_positions(where, source, total, target, kept); });
}

/// Also writes where, and behind the last place how many elements there are in all.
template <class Source>
index select_both(device const& where, Source const& source, index total, typename Source::value_type* target,
                  index* positions) {
  operation const here("unique", shape<1>(total));
  return waited_count(where, [&](index* kept) {
    compact<compaction::both>(where, "selecting", source, total, target, positions, kept);
  });
}

template <class T>
__global__ void __launch_bounds__(block_threads) turn_around_kernel(T* values, index count) {
  index const i = blockIdx.x * index{block_threads} + threadIdx.x;
  if (i >= count / 2) return;
  T const first = values[i];
  values[i] = values[count - 1 - i];
  values[count - 1 - i] = first;
}

/// Writes all elements, those that the mask selects first, both in order; returns how many it selects. The others are
/// written from the end on, and turned around when it is known how many they are.
template <class T, class Values, class Mask, std::size_t R>
index partition_values(device const& where, masked_elements<T, Values, Mask, R> const& source, index total, T* target) {
  operation const here("partition", shape<1>(total));
  index const selected = waited_count(where, [&](index* kept) {
    compact<compaction::partition>(where, "partitioning", source, total, target, nullptr, kept);
  });
  index const others = total - selected;
  launch(where, "partitioning", turn_around_kernel<T>, ceil_div(others / 2, block_threads), block_threads,
         target + selected, others);
  return selected;
}

template <std::size_t R>
__global__ void __launch_bounds__(block_threads)
    expand_positions_kernel(index_space<R> space, index const* positions, index count, index* coordinates) {
  index const i = blockIdx.x * index{block_threads} + threadIdx.x;
  if (i >= count) return;
  auto const c = space[positions[i]];
  for (std::size_t axis = 0; axis < R; ++axis) coordinates[i * static_cast<index>(R) + axis] = c[axis];
}
/// Writes the R coordinates of each position.
template <std::size_t R>
void expand_positions(device const& where, shape<R> const& extents, index const* positions, index count,
                      index* coordinates) {
  launch(where, "finding coordinates", expand_positions_kernel<R>, ceil_div(count, block_threads), block_threads,
         index_space<R>(extents), positions, count, coordinates);
}

template <class I>
__global__ void __launch_bounds__(block_threads)
    position_differences_kernel(I const* first, index count, index end, I* differences) {
  index const i = blockIdx.x * index{block_threads} + threadIdx.x;
  if (i < count) differences[i] = (i + 1 < count ? first[i + 1] : end) - first[i];
}
/// Writes how far each position is from the next one, the last one from `end`.
template <class I>
void position_differences(device const& where, I const* first, index count, index end, I* differences) {
  launch(where, "counting", position_differences_kernel<I>, ceil_div(count, block_threads), block_threads, first, count,
         end, differences);
}

/// The value whose part of the output, which ends before ends[k], holds place i.
template <class T>
__global__ void __launch_bounds__(block_threads)
    repeat_values_kernel(T const* values, index const* ends, index count, T* target, index total) {
  index const i = blockIdx.x * index{block_threads} + threadIdx.x;
  if (i >= total) return;
  index low = 0, high = count - 1;
  while (low < high) {
    index const middle = (low + high) / 2;
    if (ends[middle] <= i)
      low = middle + 1;
    else
      high = middle;
  }
  target[i] = values[low];
}
/// Writes values[k] to the places before ends[k] that none before it took.
template <class T>
void repeat_values(device const& where, T const* values, index const* ends, index count, T* target, index total) {
  launch(where, "repeating", repeat_values_kernel<T>, ceil_div(total, block_threads), block_threads, values, ends,
         count, target, total);
}

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
