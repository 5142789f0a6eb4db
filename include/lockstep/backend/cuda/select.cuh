// select, partition and unique on a GPU: CUB's one-pass compaction of what an expression gives.
#pragma once

#include <cub/device/device_partition.cuh>
#include <cub/device/device_select.cuh>

#include "cub.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

// What is kept: `values(i)`, and `keeps(i)` that says which.

/// Elements by a mask.
template <class T, class Values, class Mask, std::size_t R>
struct masked_elements {
  using value_type = T;
  values_in_order<T, Values, R> values;
  values_in_order<bool, Mask, R> mask;

  LOCKSTEP_INLINE bool keeps(index i) const { return mask(i); }
};

/// Elements for which a predicate is `Wanted`.
template <bool Wanted, class T, class Values, class Predicate, std::size_t R>
struct filtered_elements {
  using value_type = T;
  values_in_order<T, Values, R> values;
  Predicate predicate;

  LOCKSTEP_INLINE bool operator()(T const& value) const { return static_cast<bool>(predicate(value)) == Wanted; }
};

/// The first element of every run of equal ones.
template <class T, class Values, class Equal, std::size_t R>
struct run_starts {
  using value_type = T;
  values_in_order<T, Values, R> values;
  Equal equal;

  LOCKSTEP_INLINE bool keeps(index i) const { return i == 0 || !static_cast<bool>(equal(values(i - 1), values(i))); }
};

/// The positions of elements that a mask selects.
template <class Mask, std::size_t R>
struct masked_positions {
  values_in_order<bool, Mask, R> mask;

  LOCKSTEP_INLINE bool keeps(index i) const { return mask(i); }
};

template <class Source>
struct flags_of {
  Source source;
  LOCKSTEP_INLINE bool operator()(index i) const { return source.keeps(i); }
};

/// Writes the values(i) that the source keeps, and how many; does not wait.
template <class Source, class Values, class T>
void compact(device const& where, Source const& source, Values const& values, index total, T* target, index* kept) {
  operation const here("select", shape<1>(total));
  run_cub(where, "selecting", [&](void* memory, std::size_t& bytes) {
    return cub::DeviceSelect::Flagged(memory, bytes, iterate<T>(values), iterate<bool>(flags_of<Source>{source}),
                                      target, kept, total, stream_of(where));
  });
}

template <class Source>
void queue_select(device const& where, Source const& source, index total, typename Source::value_type* target,
                  index* kept) {
  compact(where, source, source.values, total, target, kept);
}
/// The predicate is asked once per element.
template <bool Wanted, class T, class Values, class Predicate, std::size_t R>
void queue_select(device const& where, filtered_elements<Wanted, T, Values, Predicate, R> const& source, index total,
                  T* target, index* kept) {
  operation const here("select", shape<1>(total));
  run_cub(where, "selecting", [&](void* memory, std::size_t& bytes) {
    return cub::DeviceSelect::If(memory, bytes, iterate<T>(source.values), target, kept, total, source,
                                 stream_of(where));
  });
}
template <class Source>
void queue_positions(device const& where, Source const& source, index total, index* target, index* kept) {
  compact(where, source, own_index{}, total, target, kept);
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

template <class Source>
index select_both(device const& where, Source const& source, index total, typename Source::value_type* target,
                  index* positions) {
  operation const here("unique", shape<1>(total));
  index const kept = select_positions(where, source, total, positions);
  read_places(where, source.values, positions, kept, target);
  return kept;
}

template <class T>
__global__ void __launch_bounds__(block_threads) turn_around_kernel(T* values, index count) {
  index const i = blockIdx.x * index{block_threads} + threadIdx.x;
  if (i >= count / 2) return;
  T const first = values[i];
  values[i] = values[count - 1 - i];
  values[count - 1 - i] = first;
}

/// Writes all elements, those that the mask selects first, both in order; returns how many it selects. CUB writes the
/// others from the end on.
template <class T, class Values, class Mask, std::size_t R>
index partition_values(device const& where, masked_elements<T, Values, Mask, R> const& source, index total, T* target) {
  operation const here("partition", shape<1>(total));
  temporary<index> const count(where, 1);
  run_cub(where, "partitioning", [&](void* memory, std::size_t& bytes) {
    return cub::DevicePartition::Flagged(memory, bytes, iterate<T>(source.values), iterate<bool>(source.mask), target,
                                         count.data(), total, stream_of(where));
  });
  index const selected = value_of(where, count.data()), others = total - selected;
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
