// Buckets cover every parameter once, in the order of the backward pass; the gradient tree adds in one fixed order.
#include <doctest/doctest.h>

#include <lockstep/nn/train/gradient_tree.hpp>

#include <algorithm>
#include <array>
#include <numeric>
#include <thread>

namespace nn = lockstep::nn;

namespace {

std::vector<nn::parameter_block> blocks_of(std::vector<std::size_t> const& counts) {
  std::vector<nn::parameter_block> blocks;
  std::size_t offset = 0;
  for (std::size_t count : counts) {
    blocks.push_back({offset, count});
    offset += count;
  }
  return blocks;
}

std::vector<nn::bucket> buckets_of(std::vector<std::size_t> const& counts, nn::bucket_sizes const& sizes) {
  return nn::make_buckets(blocks_of(counts), sizes);
}

}  // namespace

TEST_CASE("buckets: the first and the last one are small, those between are full") {
  // In bytes: 4 times as much. Layers without parameters lie between.
  std::vector<std::size_t> const counts = {10, 0, 20, 0, 0, 500, 60, 60, 60, 0, 5};
  auto const found = buckets_of(counts, {.first = 100, .cap = 500, .last = 120});
  CHECK(found == std::vector<nn::bucket>{{710, 5, 10}, {590, 120, 7}, {530, 60, 6}, {30, 500, 5}, {0, 30, 0}});
}

TEST_CASE("buckets: limits that are too small give one layer each, large ones give two buckets or one") {
  std::vector<std::size_t> const counts = {0, 10, 20, 0, 30};
  CHECK(buckets_of(counts, {1, 1, 1}) == std::vector<nn::bucket>{{30, 30, 4}, {10, 20, 2}, {0, 10, 1}});
  CHECK(buckets_of(counts, {1000, 1000, 1}) == std::vector<nn::bucket>{{10, 50, 2}, {0, 10, 1}});
  CHECK(buckets_of(counts, {1000, 1000, 1000}) == std::vector<nn::bucket>{{0, 60, 1}});
  CHECK(buckets_of({0, 0}, {1, 1, 1}).empty());
}

TEST_CASE("buckets: whatever the limits, every parameter is in exactly one, later layers first") {
  for (std::size_t first : {1u, 100u, 4000u})
    for (std::size_t cap : {1u, 300u, 4000u})
      for (std::size_t last : {1u, 250u, 4000u})
        for (unsigned layout = 0; layout < 32; ++layout) {
          std::vector<std::size_t> counts;
          for (unsigned layer = 0; layer < 5; ++layer) counts.push_back(layout >> layer & 1 ? 10 + 17 * layer : 0);
          std::size_t end = std::accumulate(counts.begin(), counts.end(), std::size_t{0});
          auto const blocks = blocks_of(counts);
          for (nn::bucket const& b : nn::make_buckets(blocks, {first, cap, last})) {
            CHECK(b.count > 0);
            CHECK(b.offset + b.count == end);
            CHECK(blocks[b.completed_by].offset == b.offset);
            CHECK(blocks[b.completed_by].count > 0);
            end = b.offset;
          }
          CHECK(end == 0);
        }
}

TEST_CASE("gradient tree: neighbors are added first, whatever the order in which shards arrive") {
  constexpr std::size_t count = 3;
  std::array<nn::bucket, 2> const parts = {nn::bucket{1, 2, 1}, nn::bucket{0, 1, 0}};
  std::array<lockstep::index, 4> order = {0, 1, 2, 3};
  nn::gradient_tree tree(4, count, 2);
  auto const value = [](lockstep::index shard, std::size_t i) {  // sums of these depend on their order
    return (shard % 2 ? 1.0f : 1e8f) * static_cast<float>(1 + shard + static_cast<lockstep::index>(i));
  };
  do {
    for (lockstep::index shard : order)
      for (std::size_t i = 0; i < count; ++i) tree.gradient(shard)[i] = value(shard, i);
    for (std::size_t b : {0u, 1u}) {
      int completed = 0;
      for (lockstep::index shard : order) completed += tree.arrive(shard, b, parts[b]);
      CHECK(completed == 1);
    }
    for (std::size_t i = 0; i < count; ++i)
      CHECK(tree.sum()[i] == (value(0, i) + value(1, i)) + (value(2, i) + value(3, i)));
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("gradient tree: shards that arrive on several threads at once") {
  constexpr std::size_t count = 1000;
  nn::bucket const part{0, count, 0};
  nn::gradient_tree tree(8, count, 1);
  for (int round = 0; round < 50; ++round) {
    std::atomic<int> completed{0};
    std::vector<std::thread> threads;
    for (lockstep::index shard = 0; shard < 8; ++shard)
      threads.emplace_back([&, shard] {
        std::fill_n(tree.gradient(shard), count, static_cast<float>(shard + round));
        completed += tree.arrive(shard, 0, part);
      });
    for (std::thread& thread : threads) thread.join();
    CHECK(completed == 1);
    CHECK(
        std::all_of(tree.sum(), tree.sum() + count, [&](float v) { return v == static_cast<float>(28 + 8 * round); }));
  }
}

TEST_CASE("gradient tree: one shard is its own sum") {
  nn::gradient_tree tree(1, 4, 1);
  tree.gradient(0)[3] = 7;
  CHECK(tree.arrive(0, 0, {0, 4, 0}));
  CHECK(tree.sum()[3] == 7.0f);
  double values[] = {1, 2, 3, 4};
  CHECK(nn::tree_sum(std::span<double>(values)) == 10);
}
