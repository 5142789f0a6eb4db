// Sums the gradients of a device's shards in a fixed binary tree, bucket by bucket, while other shards still compute.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "../workspace.hpp"
#include "buckets.hpp"

namespace lockstep::nn {
inline namespace LOCKSTEP_COMPILER {

/// Sums 2^k values in a balanced binary tree, neighbors first: the order of every sum that training makes.
template <class T>
T tree_sum(std::span<T> values) {
  for (std::size_t step = 1; step < values.size(); step *= 2)
    for (std::size_t i = 0; i + step < values.size(); i += 2 * step) values[i] += values[i + step];
  return values.front();
}

/// One gradient per shard of a device, and the tree over them. Every inner node of a bucket's tree counts arrivals: the
/// second child to be finished adds, right into left, and goes on upwards. So no thread ever waits for another.
class gradient_tree {
 public:
  /// `shards` is a power of two. Memory: one gradient of `parameters` values per shard.
  gradient_tree(index shards, std::size_t parameters, std::size_t buckets)
      : shards_(static_cast<std::size_t>(shards)),
        arrivals_(std::make_unique<std::atomic<unsigned char>[]>(shards_ * buckets)) {
    for (std::size_t i = 0; i < shards_; ++i) memory_.emplace_back(parameters * sizeof(float));
    for (std::size_t i = 0; i < shards_ * buckets; ++i) arrivals_[i] = 0;
  }

  /// Where shard `i` writes its gradient.
  float* gradient(index i) { return memory_[static_cast<std::size_t>(i)].at<float>(0); }
  /// Where the sum over all shards is once a bucket is complete.
  float* sum() { return gradient(0); }

  /// Says that shard `i` has finished its part of bucket number `b`; adds what can be added. Returns true to the one
  /// caller that completed the sum over all shards. Any thread, any order of shards.
  bool arrive(index i, std::size_t b, bucket const& part) {
    auto left = static_cast<std::size_t>(i);
    for (std::size_t width = 1; width < shards_; width *= 2) {
      left = left / (2 * width) * (2 * width);
      std::atomic<unsigned char>& node = arrivals_[b * shards_ + left / (2 * width) + shards_ / (2 * width)];
      if (node.fetch_xor(1, std::memory_order_acq_rel) == 0) return false;
      add(memory_[left].at<float>(0) + part.offset, memory_[left + width].at<float>(0) + part.offset, part.count);
    }
    return true;
  }

 private:
  static void add(float* left, float const* right, std::size_t count) {
    LOCKSTEP_INDEPENDENT
    for (std::size_t i = 0; i < count; ++i) left[i] += right[i];
  }

  std::size_t shards_;
  std::vector<arena> memory_;
  std::unique_ptr<std::atomic<unsigned char>[]> arrivals_;
};

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::nn
