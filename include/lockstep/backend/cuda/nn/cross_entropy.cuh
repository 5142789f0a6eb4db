// Softmax, negative log likelihood and its gradient in one pass over the logits: a warp per sample.
#pragma once

#include "elementwise.cuh"

namespace lockstep::nn::gpu {
inline namespace LOCKSTEP_COMPILER {

/// What a sample gave.
struct sample_result {
  double loss, correct;
};

template <class T>
__global__ void __launch_bounds__(cuda::block_threads, 2)
    cross_entropy_kernel(T const* logits, std::uint8_t const* labels, index samples, int classes, T* gradient,
                         sample_result* results) {
  constexpr unsigned everyone = 0xffffffff;
  index const n = (index{blockIdx.x} * cuda::block_threads + threadIdx.x) / cuda::warp_lanes;
  int const lane = static_cast<int>(threadIdx.x) % cuda::warp_lanes;
  if (n >= samples) return;
  T const* const row = logits + n * classes;
  int greatest = lane < classes ? lane : 0;
  for (int i = lane + cuda::warp_lanes; i < classes; i += cuda::warp_lanes)
    if (row[i] > row[greatest]) greatest = i;
  for (int step = cuda::warp_lanes / 2; step > 0; step /= 2) {
    int const other = __shfl_xor_sync(everyone, greatest, step);
    if (row[other] > row[greatest] || (row[other] == row[greatest] && other < greatest)) greatest = other;
  }
  greatest = __shfl_sync(everyone, greatest, 0);  // with NaN among them, lanes may differ
  double const shift = static_cast<double>(row[greatest]);
  double sum = 0;
  for (int i = lane; i < classes; i += cuda::warp_lanes) sum += ::exp(static_cast<double>(row[i]) - shift);
  for (int step = cuda::warp_lanes / 2; step > 0; step /= 2) sum += __shfl_xor_sync(everyone, sum, step);
  int const label = labels[n];
  if (lane == 0)
    results[n] = {::log(sum) + shift - static_cast<double>(row[label]), static_cast<double>(greatest == label)};
  if (!gradient) return;
  for (int i = lane; i < classes; i += cuda::warp_lanes)
    gradient[n * classes + i] = static_cast<T>(::exp(static_cast<double>(row[i]) - shift) / sum - (i == label));
}

/// Writes loss and right answer of each sample, and d loss / d logits to `gradient` unless it is null. Labels must be
/// below `classes`.
template <class T>
void cross_entropy(device const& where, T const* logits, std::uint8_t const* labels, index samples, index classes,
                   T* gradient, sample_result* results) {
  launch(where, "the cross entropy", cross_entropy_kernel<T>,
         cuda::ceil_div(samples * cuda::warp_lanes, cuda::block_threads), cuda::block_threads, logits, labels, samples,
         static_cast<int>(classes), gradient, results);
}

/// One block. Each shard's results are summed in order, and those of the shards in a binary tree, neighbors first.
template <class Result>
__global__ void __launch_bounds__(cuda::block_threads)
    sum_results_kernel(Result const* results, shard_samples shards, Result* sums, bool tree) {
  for (index s = threadIdx.x; s < shards.count; s += cuda::block_threads) {
    Result sum{0, 0};
    for (index n = shards.begin(s); n < shards.begin(s + 1); ++n) {
      sum.loss += results[n].loss;
      sum.correct += results[n].correct;
    }
    sums[s] = sum;
  }
  for (index step = 1; tree && step < shards.count; step *= 2) {
    __syncthreads();
    for (index s = 2 * step * threadIdx.x; s + step < shards.count; s += 2 * step * cuda::block_threads) {
      sums[s].loss += sums[s + step].loss;
      sums[s].correct += sums[s + step].correct;
    }
  }
}

/// Sums of the shards to sums[0 ...]; with `tree`, sums[0] becomes their sum.
inline void sum_results(device const& where, sample_result const* results, shard_samples const& shards,
                        sample_result* sums, bool tree) {
  launch(where, "the cross entropy", sum_results_kernel<sample_result>, 1, cuda::block_threads, results, shards, sums,
         tree);
}

/// A thread per chunk of `chunk` samples, which it sums in order.
template <class Result>
struct sum_chunk {
  Result const* results;
  index samples, chunk;
  Result* sums;
  __device__ void operator()(index i) const {
    Result sum{0, 0};
    for (index n = i * chunk; n < samples && n < (i + 1) * chunk; ++n) {
      sum.loss += results[n].loss;
      sum.correct += results[n].correct;
    }
    sums[i] = sum;
  }
};
inline void sum_chunks(device const& where, sample_result const* results, index samples, index chunk,
                       sample_result* sums) {
  each_element(where, "the cross entropy", cuda::ceil_div(samples, chunk),
               sum_chunk<sample_result>{results, samples, chunk, sums});
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::nn::gpu
