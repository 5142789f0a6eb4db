// Which parts of the gradient travel together: buckets, in the order in which the backward pass completes them.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "../shape_check.hpp"

namespace lockstep::nn {

/// Sizes of gradient buckets in bytes. The first one is small so that communication starts early, the last one so that
/// little is left to send when the backward pass ends; between them, small layers share a bucket up to `cap`.
struct bucket_sizes {
  std::size_t first = std::size_t{256} << 10;
  std::size_t cap = std::size_t{4} << 20;
  std::size_t last = std::size_t{256} << 10;

  friend constexpr bool operator==(bucket_sizes const&, bucket_sizes const&) = default;
};

/// A part of the flat gradient that is reduced at once: the parameters [offset, offset + count). It is final when the
/// backward pass has finished layer `completed_by`, the first of its layers.
struct bucket {
  std::size_t offset = 0, count = 0, completed_by = 0;

  friend constexpr bool operator==(bucket const&, bucket const&) = default;
};

namespace detail {

/// The number of leading layers that share the last bucket: as many as fit `limit` bytes, at least one with parameters.
inline std::size_t layers_in_last_bucket(std::span<parameter_block const> blocks, std::size_t limit) {
  std::size_t layers = 0, bytes = 0;
  for (; layers < blocks.size(); ++layers) {
    std::size_t const more = blocks[layers].count * sizeof(float);
    if (bytes > 0 && bytes + more > limit) break;
    bytes += more;
  }
  return layers;
}

}  // namespace detail

/// The buckets of a network whose layers' parameters lie in `blocks`, last layer first. A layer is never divided; one
/// larger than a limit has a bucket of its own. How layers are put into buckets changes no result: sums are element by
/// element.
inline std::vector<bucket> make_buckets(std::span<parameter_block const> blocks, bucket_sizes const& sizes) {
  std::vector<bucket> buckets;
  std::size_t const tail = detail::layers_in_last_bucket(blocks, sizes.last);
  bool in_tail = false;
  for (std::size_t layer = blocks.size(); layer-- > 0;) {
    std::size_t const count = blocks[layer].count;
    if (count == 0) continue;
    std::size_t const limit = in_tail ? sizes.last : buckets.size() <= 1 ? sizes.first : sizes.cap;
    bool const enters_tail = layer < tail && !in_tail;
    in_tail = layer < tail;
    if (buckets.empty() || enters_tail || (buckets.back().count + count) * sizeof(float) > limit) buckets.push_back({});
    buckets.back() = {blocks[layer].offset, buckets.back().count + count, layer};
  }
  return buckets;
}

}  // namespace lockstep::nn
