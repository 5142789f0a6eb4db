// Covers: nn: linear conv2d max_pool2d flatten relu cross_entropy sequential; types: float
// What a network says about itself, how it starts, in which order gradients become final, and what it refuses.
#include <doctest/doctest.h>

#include <cstring>
#include <set>

#include "reference.hpp"

namespace sequential_tests {
namespace nn = lockstep::nn;
using lockstep::index, lockstep::seed, lockstep::shape;

namespace {

using network = nn::sequential<nn::input<28, 28, 1>, nn::conv2d<32, 3, nn::same>, nn::relu, nn::max_pool2d<2>,
                               nn::conv2d<64, 3, nn::same>, nn::relu, nn::max_pool2d<2>, nn::flatten, nn::linear<128>,
                               nn::relu, nn::linear<10>>;
using small = nn::sequential<nn::input<6, 6, 2>, nn::conv2d<8, 3>, nn::relu, nn::max_pool2d<2>, nn::flatten,
                             nn::linear<5>, nn::relu, nn::linear<3>>;

auto const ignore = [](std::size_t) {};

/// The gradient of a shard, and what else it gave, as bytes that can be compared.
std::vector<float> gradient_of(reference::problem<float> const& p, index samples, index room, std::size_t shift) {
  small::workspace memory(room);
  std::vector<float> images(p.images.size() + shift), gradient(p.parameters.size() + shift + 1);
  std::vector<float> parameters(p.parameters.size() + shift);
  std::copy(p.images.begin(), p.images.end(), images.begin() + static_cast<std::ptrdiff_t>(shift));
  std::copy(p.parameters.begin(), p.parameters.end(), parameters.begin() + static_cast<std::ptrdiff_t>(shift));
  auto const result =
      small::forward_backward(std::span(parameters).subspan(shift), images.data() + shift, p.labels.data(), samples,
                              nn::cross_entropy{}, memory, gradient.data() + shift, ignore);
  gradient.back() = static_cast<float>(result.loss_sum);
  gradient.erase(gradient.begin(), gradient.begin() + static_cast<std::ptrdiff_t>(shift));
  return gradient;
}

bool same_bits(std::vector<float> const& a, std::vector<float> const& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace

TEST_CASE("a network's counts and shapes are constants") {
  static_assert(network::parameter_count == 421'642);
  static_assert(network::layer_count == 10);
  static_assert(network::input_shape == shape{28, 28, 1});
  static_assert(network::output_shape == shape{10});
  static_assert(nn::sequential<nn::input<784>, nn::linear<3>>::input_shape == shape{784});
  static_assert(nn::sequential<nn::input<8, 6, 2>, nn::max_pool2d<2>>::output_shape == shape{4, 3, 2});
  static_assert(network::multiply_adds == 28 * 28 * 32 * 9 + 14 * 14 * 64 * 9 * 32 + 3136 * 128 + 128 * 10);
  static_assert(network::layer_multiply_adds[7] == 3136 * 128);
  static_assert(network::parameter_blocks[0].offset == 0 && network::parameter_blocks[0].count == 320);
  static_assert(network::parameter_blocks[1].count == 0);
  static_assert(network::parameter_blocks[3].offset == 320 && network::parameter_blocks[3].count == 18'496);
  static_assert(network::parameter_blocks[9].offset == 421'642 - 1290 && network::parameter_blocks[9].count == 1290);
  auto const names = network::layer_names();
  CHECK(names[0] == "conv2d<32, 3, same>");
  CHECK(names[2] == "max_pool2d<2>");
  CHECK(names[6] == "flatten");
  CHECK(names[9] == "linear<10>");
  CHECK(nn::conv2d<4, 5, nn::valid, 2>::name() == "conv2d<4, 5, valid, 2>");
  CHECK(to_string(network::layer_shapes[0]) == "28 x 28 x 1");
  CHECK(to_string(network::layer_shapes[7]) == "3136");
}

TEST_CASE("initial weights follow He before relu and Xavier elsewhere, biases are zero") {
  network const net(seed(1));
  auto const values = net.parameters();
  CHECK(values.size() == network::parameter_count);
  auto const block = [&](std::size_t layer, std::size_t biases) {
    return values.subspan(network::parameter_blocks[layer].offset, network::parameter_blocks[layer].count - biases);
  };
  auto const check_normal = [](std::span<float const> weights, double variance) {
    double mean = 0, square = 0;
    for (float w : weights) mean += static_cast<double>(w), square += static_cast<double>(w) * static_cast<double>(w);
    double const n = static_cast<double>(weights.size());
    CHECK(std::abs(mean / n) < 5 * std::sqrt(variance / n));  // five standard deviations
    CHECK(std::abs(square / n - variance) < 5 * variance * std::sqrt(2 / n));
  };
  check_normal(block(3, 64), 2.0 / 288);
  check_normal(block(7, 128), 2.0 / 3136);
  double const bound = std::sqrt(6.0 / 138);
  float least = 1, greatest = -1;
  for (float w : block(9, 10)) least = std::min(least, w), greatest = std::max(greatest, w);
  CHECK(static_cast<double>(least) >= -bound);
  CHECK(static_cast<double>(greatest) <= bound);
  CHECK(static_cast<double>(greatest - least) > 1.9 * bound);
  for (std::size_t layer : {0, 3, 7, 9}) {
    nn::parameter_block const b = network::parameter_blocks[layer];
    std::size_t const biases = layer == 0 ? 32 : layer == 3 ? 64 : layer == 7 ? 128 : 10;
    for (std::size_t i = b.offset + b.count - biases; i < b.offset + b.count; ++i) CHECK(values[i] == 0);
  }
  CHECK(std::set<float>(values.begin(), values.end()).size() > 300'000);  // not the same numbers again and again
}

TEST_CASE("a seed decides the weights, and the fingerprint sees every bit") {
  small net(seed(3));
  std::uint64_t const fingerprint = net.fingerprint();
  CHECK(small(seed(3)).fingerprint() == fingerprint);
  CHECK(small(seed(4)).fingerprint() != fingerprint);
  CHECK(small(seed(3 + (std::uint64_t{1} << 40))).fingerprint() != fingerprint);
  for (std::size_t i = 0; i < small::parameter_count; ++i) {
    float const kept = net.parameters()[i];
    net.parameters()[i] = std::nextafter(kept, 1e9f);
    CHECK(net.fingerprint() != fingerprint);
    net.parameters()[i] = kept;
  }
  std::vector<float> zero{0.0f}, minus_zero{-0.0f};
  CHECK(nn::fingerprint(zero) != nn::fingerprint(minus_zero));
  CHECK(nn::fingerprint({}) == 0xcbf29ce484222325);  // FNV-1a of nothing
}

TEST_CASE("the bits of a shard do not depend on alignment, on the workspace, nor on what was computed before") {
  for (index samples : {1, 2, 7, 16, 33}) {
    reference::problem<float> const p(small::with<float>::plan{}, samples, 5);
    auto const expected = gradient_of(p, samples, samples, 0);
    for (std::size_t shift : {0, 1, 3, 8}) CHECK(same_bits(gradient_of(p, samples, samples + 5, shift), expected));
  }
}

TEST_CASE("a workspace forgets the shard before") {
  reference::problem<float> const p(small::with<float>::plan{}, 9, 6);
  small::workspace memory(20);
  std::vector<float> first(small::parameter_count), again(small::parameter_count);
  auto const run = [&](index samples, std::vector<float>& gradient) {
    return small::forward_backward(p.parameters, p.images.data(), p.labels.data(), samples, nn::cross_entropy{}, memory,
                                   gradient.data(), ignore);
  };
  auto const a = run(4, first);
  run(9, again);
  auto const b = run(4, again);
  CHECK(same_bits(first, again));
  CHECK(a.loss_sum == b.loss_sum);
  CHECK(a.correct == b.correct);
}

TEST_CASE("each layer's gradient is final when it is announced, the last layer first") {
  reference::problem<float> const p(small::with<float>::plan{}, 4, 8);
  small::workspace memory(4);
  std::vector<float> gradient(small::parameter_count, NAN), announced(small::parameter_count, NAN);
  std::vector<std::size_t> order;
  small::forward_backward(p.parameters, p.images.data(), p.labels.data(), 4, nn::cross_entropy{}, memory,
                          gradient.data(), [&](std::size_t layer) {
                            order.push_back(layer);
                            auto const [offset, count] = small::parameter_blocks[layer];
                            std::copy_n(gradient.data() + offset, count, announced.data() + offset);
                          });
  CHECK(order == std::vector<std::size_t>{6, 4, 0});
  CHECK(same_bits(announced, gradient));
}

TEST_CASE("cross entropy: loss, right answers and gradient") {
  std::vector<float> const logits{1, 2, 3, 0, 0, 0, 1000, -1000, 0, -5, 4, 4};
  std::vector<std::uint8_t> const labels{2, 0, 1, 2};
  std::vector<float> gradient(logits.size());
  nn::batch_result const result = nn::cross_entropy{}(logits.data(), labels.data(), 4, 3, gradient.data());
  double expected = 0;
  for (std::size_t n = 0; n < 4; ++n) {
    reference::values const row(logits.begin() + static_cast<std::ptrdiff_t>(3 * n),
                                logits.begin() + static_cast<std::ptrdiff_t>(3 * n + 3));
    expected += reference::loss(row, labels[n]);
    for (std::size_t i = 0; i < 3; ++i) {
      double const softmax = std::exp(-reference::loss(row, i));
      CHECK(static_cast<double>(gradient[3 * n + i]) == doctest::Approx(softmax - (i == labels[n])).epsilon(1e-6));
    }
  }
  CHECK(result.loss_sum == doctest::Approx(expected).epsilon(1e-12));
  CHECK(result.correct == 2);  // of equal logits the first one is the answer
}

TEST_CASE("a network refuses what does not fit") {
  CHECK_THROWS_WITH_AS(small::workspace(0), "workspace: found room for 0 samples, expected at least 1",
                       lockstep::shape_error);
  reference::problem<float> p(small::with<float>::plan{}, 3, 8);
  small::workspace memory(2);
  CHECK_THROWS_WITH_AS(small::forward(p.parameters, p.images.data(), 3, memory),
                       "sequential: found a shard of 3 samples, expected at most the workspace's 2",
                       lockstep::shape_error);
  CHECK_THROWS_WITH_AS(small::forward(std::span(p.parameters).first(7), p.images.data(), 2, memory),
                       "sequential: found 7 parameters, expected 335", lockstep::shape_error);
  p.labels[1] = 3;
  std::vector<float> gradient(p.parameters.size());
  CHECK_THROWS_WITH_AS(small::forward_backward(p.parameters, p.images.data(), p.labels.data(), 2, nn::cross_entropy{},
                                               memory, gradient.data(), ignore),
                       "cross_entropy: found the label 3 of sample 1, expected one below the network's 3 outputs",
                       lockstep::error);
}

TEST_CASE("a shard without samples has no loss and a gradient of zeros") {
  reference::problem<float> const p(small::with<float>::plan{}, 1, 8);
  small::workspace memory(1);
  std::vector<float> gradient(p.parameters.size(), NAN);
  auto const result = small::forward_backward(p.parameters, p.images.data(), p.labels.data(), 0, nn::cross_entropy{},
                                              memory, gradient.data(), ignore);
  CHECK(result.loss_sum == 0);
  CHECK(result.correct == 0);
  CHECK(std::all_of(gradient.begin(), gradient.end(), [](float g) { return g == 0; }));
}

TEST_CASE("training a small network makes its loss fall") {
  small net(seed(1));
  reference::problem<float> const p(small::with<float>::plan{}, 32, 2);
  small::workspace memory(32);
  std::vector<float> gradient(small::parameter_count), velocity(small::parameter_count);
  double first = 0, last = 0;
  for (int step = 0; step < 60; ++step) {
    last = small::forward_backward(net.parameters(), p.images.data(), p.labels.data(), 32, nn::cross_entropy{}, memory,
                                   gradient.data(), ignore)
               .loss_sum;
    if (step == 0) first = last;
    for (std::size_t i = 0; i < gradient.size(); ++i) {
      velocity[i] = 0.9f * velocity[i] + gradient[i] / 32;
      net.parameters()[i] -= 0.05f * velocity[i];
    }
  }
  CHECK(last < 0.67 * first);
}

}  // namespace sequential_tests
