// scatter on a GPU. Values for one place are combined in their order: elements are sorted by place, stably, and one
// thread goes through those of each place. Integers that are added, and least and largest ones, need no order: atomics.
// Indices outside of the target are left out.
#pragma once

#include "sort.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

/// What a scatter reads and where it goes.
template <class T, class Indices, class Values>
struct scatter_task {
  T* target;
  index extent;
  Indices indices;
  Values values;
  index total;

  LOCKSTEP_INLINE bool holds(index place) const { return place >= 0 && place < extent; }
};

/// Integers for which CUDA has atomics, as what those take.
template <class T>
using atomic_integer =
    std::conditional_t<sizeof(T) == 8, std::conditional_t<std::is_signed_v<T>, long long, unsigned long long>,
                       std::conditional_t<std::is_signed_v<T>, int, unsigned>>;
/// Operators on them whose order does not matter.
template <class T, class Op>
inline constexpr bool combines_unordered = std::is_integral_v<T> && sizeof(T) >= 4 &&
                                           (std::is_same_v<Op, plus> || std::is_same_v<Op, minimum> ||
                                            std::is_same_v<Op, maximum>);

/// Combines at once what other threads may be combining as well.
template <class Op, class T>
__device__ __forceinline__ void combine_at_once(T* place, T value) {
  using number = atomic_integer<T>;
  using bits = std::make_unsigned_t<number>;
  if constexpr (std::is_same_v<Op, plus>)
    atomicAdd(reinterpret_cast<bits*>(place), static_cast<bits>(value));
  else if constexpr (std::is_same_v<Op, minimum>)
    atomicMin(reinterpret_cast<number*>(place), static_cast<number>(value));
  else
    atomicMax(reinterpret_cast<number*>(place), static_cast<number>(value));
}

template <class T, class Op, class Task>
__global__ void __launch_bounds__(block_threads) combine_unordered_kernel(Task task) {
  index const i = blockIdx.x * index{block_threads} + threadIdx.x;
  if (i >= task.total) return;
  index const place = task.indices(i);
  if (task.holds(place)) combine_at_once<Op>(task.target + place, static_cast<T>(task.values(i)));
}

template <class Combine, class Task>
__global__ void __launch_bounds__(block_threads) write_distinct_kernel(Task task, Combine combine) {
  index const i = blockIdx.x * index{block_threads} + threadIdx.x;
  if (i >= task.total) return;
  index const place = task.indices(i);
  if (task.holds(place)) combine(task.target[place], task.values(i));
}

/// Places as numbers to sort by, those outside of the target as its extent, and elements numbered.
template <class Task>
__global__ void __launch_bounds__(block_threads)
    number_places_kernel(Task task, short_place* places, short_place* elements) {
  index const i = blockIdx.x * index{block_threads} + threadIdx.x;
  if (i >= task.total) return;
  index const place = task.indices(i);
  places[i] = static_cast<short_place>(task.holds(place) ? place : task.extent);
  elements[i] = static_cast<short_place>(i);
}

/// The thread of the first element of a place, in the sorted order, combines all of them.
template <class Combine, class Task>
__global__ void __launch_bounds__(block_threads)
    combine_runs_kernel(Task task, short_place const* places, short_place const* elements, Combine combine) {
  index i = blockIdx.x * index{block_threads} + threadIdx.x;
  if (i >= task.total) return;
  short_place const place = places[i];
  if (place >= task.extent || (i > 0 && places[i - 1] == place)) return;
  auto held = task.target[place];
  for (; i < task.total && places[i] == place; ++i) combine(held, task.values(elements[i]));
  task.target[place] = held;
}

template <class Task, class Combine>
void combine_in_order(device const& where, Task const& task, Combine const& combine) {
  index const most = index{1} << 32, n = task.total;
  if (task.extent >= most || n > most) throw_too_many_places(where, std::max(task.extent, n));
  temporary<short_place> const places(where, n), elements(where, n);
  launch(where, "scattering", number_places_kernel<Task>, ceil_div(n, block_threads), block_threads, task,
         places.data(), elements.data());
  two_buffers<short_place> sorted(where, places.data(), n), moved(where, elements.data(), n);
  int bits = 1;
  while (task.extent >> bits != 0) ++bits;
  run_cub(where, "scattering", [&](void* memory, std::size_t& bytes) {
    return cub::DeviceRadixSort::SortPairs(memory, bytes, sorted.cub(), moved.cub(), n, 0, bits, stream_of(where));
  });
  launch(where, "scattering", combine_runs_kernel<Combine, Task>, ceil_div(n, block_threads), block_threads, task,
         static_cast<short_place const*>(sorted.cub().Current()),
         static_cast<short_place const*>(moved.cub().Current()), combine);
}

/// target[indices[i]] = combined with values[i], in the order of i.
template <class T, class Op, class Combine, class Indices, class Values, std::size_t R>
void scatter(device const& where, T* target, index extent, shape<R> const& extents, Values const& values,
             Indices const& indices, Combine const& combine) {
  if constexpr (holds_host_function<Op> || holds_host_function<Values> || holds_host_function<Indices>) {
    throw_host_only(where);
  } else {
    operation const here("scatter", extents);
    using element = std::remove_cvref_t<decltype(values.at(coordinates<R>{}))>;
    using places = values_in_order<index, Indices, R>;
    using elements = values_in_order<element, Values, R>;
    auto const total = static_cast<index>(extents.size());
    using task_type = scatter_task<T, places, elements>;
    task_type const task{target, extent, places(indices, extents), elements(values, extents), total};
    index const blocks = ceil_div(total, block_threads);
    if constexpr (combines_unordered<T, Op>)
      launch(where, "scattering", combine_unordered_kernel<T, Op, task_type>, blocks, block_threads, task);
    else if constexpr (Combine::is_distinct)
      launch(where, "scattering", write_distinct_kernel<Combine, task_type>, blocks, block_threads, task, combine);
    else
      combine_in_order(where, task, combine);
  }
}

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
