// Covers: nn: custom_layer custom_loss trainer; types: float double
// Layers and losses of a user's own on GPUs: the gradients of the CPU, from the same source, and training.
#include <doctest/doctest.h>

#include <lockstep/backend/cuda/nn/network.cuh>
#include <lockstep/lockstep.hpp>
#include <lockstep/nn.hpp>

#include "nn/custom_layers.hpp"
#include "nn/reference.hpp"
#include "nn/trainer_support.hpp"

namespace gpu_custom_layers_tests {
namespace ls = lockstep;
namespace nn = lockstep::nn;
using custom_layers::network;
using loss = nn::custom_loss<custom_layers::squared_distance>;

static_assert(nn::custom_layer<custom_layers::prelu>::biases({2, 2, 3, false}) == 3);

TEST_CASE("gradients of layers and losses of one's own are those of the CPU") {
  using exact = network::with<double>;
  using plan = exact::plan;
  ls::index const samples = 11;
  ls::device const gpu = ls::device::gpu(0);
  reference::problem<double> const p(plan(), samples, 3);
  exact::workspace memory(samples);
  std::vector<double> expected(p.parameters.size());
  auto const sums = exact::forward_backward(p.parameters, p.images.data(), p.labels.data(), samples, loss{}, memory,
                                            expected.data(), [](std::size_t) {});
  ls::array<double> const parameters(gpu, p.parameters), images(gpu, p.images);
  ls::array<std::uint8_t> const labels(gpu, p.labels);
  for (ls::index shards : {1, 4}) {
    nn::gpu::network<double> net(gpu, nn::gpu::stages_of<double>(plan()), shards, (samples + shards - 1) / shards);
    ls::array<double> gradient(gpu, static_cast<ls::index>(expected.size()));
    ls::array<nn::gpu::sample_result> each(gpu, samples);
    double const* const logits = net.forward(parameters.data(), images.data(), samples);
    nn::gpu::queue_loss(loss{}, gpu, logits, labels.data(), samples, net.classes(), net.logits_gradient(), each.data());
    net.backward(
        parameters.data(), images.data(), {samples, 0, shards, static_cast<std::uint32_t>(shards)},
        [&](std::size_t layer) { return gradient.data() + plan::parameter_blocks[layer].offset; }, [](std::size_t) {});
    std::vector<double> const found = gradient.to_host();
    for (std::size_t k = 0; k < found.size(); ++k)
      REQUIRE(found[k] == doctest::Approx(expected[k]).epsilon(1e-10).scale(1));
    double loss_sum = 0, correct = 0;
    for (nn::gpu::sample_result const& one : each.to_host()) loss_sum += one.loss, correct += one.correct;
    CHECK(loss_sum == doctest::Approx(sums.loss_sum).epsilon(1e-12));
    CHECK(correct == static_cast<double>(sums.correct));
  }
}

TEST_CASE("two GPUs: training with a layer and a loss of one's own has the same bits, near those of a CPU") {
  auto const data = training_test::striped(23);
  auto const train = [&](ls::mesh const& mesh) {
    nn::trainer trainer(network(ls::seed(2)), loss{}, nn::sgd{.momentum = 0.9f}, mesh,
                        {.batch = 10, .learning_rate = nn::constant(0.05f)});
    nn::history const epochs = trainer.fit(data, {.epochs = 2, .progress = false, .test = data});
    return std::pair(trainer.model().fingerprint(), epochs.back().test->loss);
  };
  auto const on_cpu = train(ls::mesh::cpu(1)), on_gpu = train(ls::mesh::gpus(1));
  CHECK(on_gpu.second == doctest::Approx(on_cpu.second).epsilon(1e-4));
  if (ls::device::gpu_count() > 1) CHECK(train(ls::mesh::gpus(2)) == on_gpu);
}

}  // namespace gpu_custom_layers_tests
