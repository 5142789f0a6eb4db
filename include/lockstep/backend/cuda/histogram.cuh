// Counting on a GPU: each block counts in its own shared memory, and adds to the counts of all blocks at its end.
#pragma once

#include "cub.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

/// The bin of a value by the exact rule of CPU devices; `bins` where none is right.
template <class V>
struct even_rule {
  double low, high, per_unit;
  std::int32_t bins;

  LOCKSTEP_INLINE std::int32_t operator()(V const& value) const {
    auto const v = static_cast<double>(value);
    double const at = (v - low) * per_unit, last = bins - 1;
    return (v >= low) & (v <= high) ? static_cast<std::int32_t>(at < last ? at : last) : bins;
  }
};

/// Ascending edges, bins + 1 of them.
template <class V>
struct edge_rule {
  V const* edges;
  std::int32_t bins;

  LOCKSTEP_INLINE std::int32_t operator()(V const& value) const {
    if (!((value >= edges[0]) & (value <= edges[bins]))) return bins;
    std::int32_t low = 0, high = bins - 1;
    while (low < high) {
      std::int32_t const middle = low + (high - low + 1) / 2;
      if (edges[middle] <= value)
        low = middle;
      else
        high = middle - 1;
    }
    return low;
  }
};

/// Integers that number their bins themselves.
template <class V>
struct own_rule {
  std::int32_t bins;

  LOCKSTEP_INLINE std::int32_t operator()(V const& value) const {
    auto const number = static_cast<std::make_unsigned_t<V>>(value);  // negative ones become large
    return number < static_cast<std::uint64_t>(bins) ? static_cast<std::int32_t>(number) : bins;
  }
};

inline constexpr index most_counting_blocks = 1024, counted_per_thread = 16;

/// `Room` is how many counts a block has of its own; with none all blocks count in the device's memory.
template <int Room, class Values, class Rule>
__global__ void __launch_bounds__(block_threads)
    count_kernel(Values values, Rule rule, index total, unsigned long long* counts) {
  __shared__ unsigned own[Room > 0 ? Room : 1];
  if constexpr (Room > 0) {
    for (int bin = threadIdx.x; bin < rule.bins; bin += block_threads) own[bin] = 0;
    __syncthreads();
  }
  index const step = gridDim.x * index{block_threads};
  for (index i = blockIdx.x * index{block_threads} + threadIdx.x; i < total; i += step) {
    std::int32_t const bin = rule(values(i));
    if (bin >= rule.bins) continue;
    if constexpr (Room > 0)
      atomicAdd(&own[bin], 1u);
    else
      atomicAdd(&counts[bin], 1ull);
  }
  if constexpr (Room > 0) {
    __syncthreads();
    for (int bin = threadIdx.x; bin < rule.bins; bin += block_threads)
      if (own[bin] != 0) atomicAdd(&counts[bin], static_cast<unsigned long long>(own[bin]));
  }
}

/// Writes how many values of an evaluator fall into each bin.
template <class V, class Evaluator, std::size_t R, class Rule>
void histogram(device const& where, shape<R> const& extents, Evaluator const& evaluator, Rule const& rule,
               index* counts) {
  if constexpr (holds_host_function<Evaluator>) {
    throw_host_only(where);
  } else {
    operation const here("histogram", extents);
    using values = values_in_order<V, Evaluator, R>;
    auto const total = static_cast<index>(extents.size());
    unsigned char const zero = 0;
    where.state().fill(counts, &zero, 1, static_cast<std::size_t>(rule.bins) * sizeof(index));
    index const blocks = std::min(most_counting_blocks, ceil_div(total, block_threads * counted_per_thread));
    auto const kernel = rule.bins <= 1024   ? count_kernel<1024, values, Rule>
                        : rule.bins <= 8192 ? count_kernel<8192, values, Rule>
                                            : count_kernel<0, values, Rule>;
    launch(where, "counting", kernel, blocks, block_threads, values(evaluator, extents), rule, total,
           reinterpret_cast<unsigned long long*>(counts));
  }
}

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
