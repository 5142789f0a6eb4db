// Covers: nn: linear conv2d max_pool2d flatten relu cross_entropy network; types: float double
// Layers on a GPU: forward against plain loops in double, gradients against the CPU layers, whose own tests compare
// them with central differences.
#include <doctest/doctest.h>

#include <lockstep/backend/cuda/nn/cross_entropy.cuh>
#include <lockstep/backend/cuda/nn/network.cuh>
#include <lockstep/lockstep.hpp>

#include "nn/reference.hpp"

namespace gpu_layer_tests {
namespace ls = lockstep;
namespace nn = lockstep::nn;
using lockstep::index;

namespace {

/// Every kernel, fused and not, with odd sizes, channels, strides and windows.
template <class Check>
void each_network(Check&& check) {
  using nn::conv2d, nn::flatten, nn::input, nn::linear, nn::max_pool2d, nn::relu, nn::same, nn::valid;
  check.template operator()<input<1>, linear<1>, relu, linear<2>>();
  check.template operator()<input<19>, relu, linear<33>, relu, linear<70>, linear<3>>();
  check.template operator()<input<5, 7, 3>, flatten, linear<4>, relu, relu, linear<300>>();
  check.template operator()<input<6, 6, 2>, relu, max_pool2d<3>, max_pool2d<1>, flatten, linear<3>>();
  check.template operator()<input<5, 6, 1>, conv2d<3, 3, same>, relu, conv2d<5, 2, valid>, relu, flatten, linear<4>>();
  check.template operator()<input<6, 5, 2>, conv2d<17, 2, same>, conv2d<3, 4, same>, flatten, linear<3>>();
  check.template operator()<input<8, 8, 1>, conv2d<4, 3, same>, relu, max_pool2d<2>, conv2d<6, 3, same>, relu,
                            max_pool2d<2>, flatten, linear<5>, relu, linear<3>>();
  check.template operator()<input<6, 6, 3>, conv2d<8, 3, same>, max_pool2d<2>, conv2d<66, 3, same>, max_pool2d<3>, relu,
                            flatten, linear<3>>();
  check.template operator()<input<7, 9, 2>, conv2d<5, 3, same, 2>, relu, conv2d<4, 3, valid, 2>, flatten, linear<3>>();
  check.template operator()<input<9, 8, 3>, conv2d<4, 3, same>, conv2d<6, 3, same, 2>, relu, max_pool2d<1>,
                            conv2d<3, 1, same, 3>, flatten, linear<3>>();
  check.template operator()<input<9, 9, 2>, conv2d<32, 2, valid, 2>, max_pool2d<2>, flatten, linear<2>>();
  check
      .template operator()<input<8, 8, 4>, conv2d<4, 1>, conv2d<8, 5, same>, relu, max_pool2d<4>, flatten, linear<2>>();
}

/// A network and a problem for it on the GPU.
template <class T, class Input, class... Layers>
struct on_gpu {
  using plan = nn::network_plan<Input, Layers...>;
  ls::device where = ls::device::gpu(0);
  ls::array<T> parameters, images;
  ls::array<std::uint8_t> labels;
  nn::gpu::network<T> network;

  on_gpu(reference::problem<T> const& p, index shards, index samples_per_shard)
      : parameters(where, p.parameters),
        images(where, p.images),
        labels(where, p.labels),
        network(where, nn::gpu::stages_of<T>(plan()), shards, samples_per_shard) {}

  /// The gradient of the sum of the shards' losses, and those sums.
  std::pair<std::vector<T>, nn::gpu::sample_result> gradient(nn::gpu::shard_samples const& shards) {
    index const samples = shards.samples();
    ls::array<T> result(where, static_cast<index>(parameters.size()));
    ls::array<nn::gpu::sample_result> each(where, samples), sums(where, static_cast<index>(shards.count));
    T const* const logits = network.forward(parameters.data(), images.data(), samples);
    nn::gpu::cross_entropy(where, logits, labels.data(), samples, network.classes(), network.logits_gradient(),
                           each.data());
    nn::gpu::sum_results(where, each.data(), shards, sums.data(), true);
    std::vector<std::size_t> layers;
    network.backward(
        parameters.data(), images.data(), shards,
        [&](std::size_t layer) { return result.data() + plan::parameter_blocks[layer].offset; },
        [&](std::size_t layer) { layers.push_back(layer); });
    std::vector<std::size_t> expected;
    for (std::size_t i = plan::layer_count; i-- > 0;)
      if (plan::parameter_blocks[i].count > 0) expected.push_back(i);
    CHECK(layers == expected);
    return {result.to_host(), sums.to_host()[0]};
  }
};

template <class T, class... Layers>
void check_forward(index samples, double tolerance) {
  using plan = nn::network_plan<Layers...>;
  reference::problem<T> const p(plan(), samples, static_cast<unsigned>(samples));
  on_gpu<T, Layers...> gpu(p, 1, samples + 1);
  index const classes = gpu.network.classes();
  T const* const at = gpu.network.forward(gpu.parameters.data(), gpu.images.data(), samples);
  std::vector<T> logits(static_cast<std::size_t>(samples * classes));
  gpu.where.state().copy_to_host(logits.data(), at, logits.size() * sizeof(T));
  reference::values const parameters(p.parameters.begin(), p.parameters.end());
  auto found = logits.begin();
  for (index n = 0; n < samples; ++n)
    for (double expected :
         reference::logits(plan(), p.sample(static_cast<std::size_t>(n), plan::shapes[0].size()), parameters.data()))
      REQUIRE(static_cast<double>(*found++) == doctest::Approx(expected).epsilon(tolerance).scale(1));
}

/// The gradient of all samples in double by the CPU's layers, and the sum of losses.
template <class... Layers>
std::pair<std::vector<double>, nn::batch_result> expected_gradient(reference::problem<double> const& p, index samples) {
  using network = nn::network<double, Layers...>;
  typename network::workspace memory(samples);
  std::vector<double> gradient(p.parameters.size());
  auto const result = network::forward_backward(p.parameters, p.images.data(), p.labels.data(), samples,
                                                nn::cross_entropy{}, memory, gradient.data(), [](std::size_t) {});
  return {gradient, result};
}

double distance(std::vector<double> const& found, std::vector<double> const& expected) {
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    difference += std::pow(found[i] - expected[i], 2);
    size += expected[i] * expected[i];
  }
  return std::sqrt(difference / size);
}

}  // namespace

TEST_CASE("nn on a GPU: forward equals plain loops for every layer") {
  each_network([]<class... Layers> {
    check_forward<double, Layers...>(7, 1e-12);
    check_forward<float, Layers...>(5, 2e-5);
  });
}

TEST_CASE("nn on a GPU: gradients are those of the CPU's layers, cut into shards or not") {
  each_network([]<class... Layers> {
    using plan = nn::network_plan<Layers...>;
    index const samples = 11;
    reference::problem<double> const p(plan(), samples, 3);
    auto const [expected, sums] = expected_gradient<Layers...>(p, samples);
    for (index shards : {1, 4, 16}) {
      on_gpu<double, Layers...> gpu(p, shards, (samples + shards - 1) / shards);
      auto const [gradient, result] = gpu.gradient({samples, 0, shards, static_cast<std::uint32_t>(shards)});
      CHECK(distance(gradient, expected) < 1e-12);
      CHECK(result.loss == doctest::Approx(sums.loss_sum).epsilon(1e-12));
      CHECK(result.correct == static_cast<double>(sums.correct));
    }
    reference::problem<float> rounded(plan(), samples, 3);
    on_gpu<float, Layers...> gpu(rounded, 4, 3);
    auto const found = gpu.gradient({samples, 0, 4, 4}).first;
    CHECK(distance(std::vector<double>(found.begin(), found.end()), expected) < 1e-4);
  });
}

}  // namespace gpu_layer_tests
