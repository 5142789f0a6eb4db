// Covers: nn: custom_layer custom_loss; types: float double
// Layers and losses of a user's own on a CPU: gradients against central differences, and training.
#include "custom_layers.hpp"

#include <doctest/doctest.h>

#include <lockstep/nn/train/trainer.hpp>

#include "reference.hpp"
#include "trainer_support.hpp"

namespace custom_layers_test {
namespace ls = lockstep;
namespace nn = lockstep::nn;
using custom_layers::network, custom_layers::squared_distance;

static_assert(nn::custom_layer<custom_layers::prelu>::biases({2, 2, 3, false}) == 3);

namespace {

using exact = network::with<double>;
using loss = nn::custom_loss<squared_distance>;

double loss_of(std::vector<double> const& parameters, reference::problem<double> const& p, ls::index samples) {
  exact::workspace memory(samples);
  double const* const logits = exact::forward(parameters, p.images.data(), samples, memory);
  return loss{}(logits, p.labels.data(), samples, 4).loss_sum;
}

}  // namespace

TEST_CASE("gradients of layers and losses of one's own are those of central differences") {
  ls::index const samples = 3;
  reference::problem<double> const p(exact::plan(), samples, 5);
  exact::workspace memory(samples);
  std::vector<double> gradient(p.parameters.size());
  auto const found = exact::forward_backward(p.parameters, p.images.data(), p.labels.data(), samples, loss{}, memory,
                                             gradient.data(), [](std::size_t) {});
  CHECK(found.loss_sum == doctest::Approx(loss_of(p.parameters, p, samples)).epsilon(1e-12));
  for (std::size_t k = 0; k < gradient.size(); ++k) {
    double const step = 1e-6;
    std::vector<double> above = p.parameters, below = p.parameters;
    above[k] += step, below[k] -= step;
    double const expected = (loss_of(above, p, samples) - loss_of(below, p, samples)) / (2 * step);
    INFO("parameter ", k);
    CHECK(gradient[k] == doctest::Approx(expected).epsilon(1e-5).scale(1));
  }
}

TEST_CASE("parameters of a layer of one's own begin as it says") {
  network const model(ls::seed(1));
  auto const block = network::parameter_blocks[2];
  for (std::size_t k = 0; k < block.count; ++k)
    CHECK(model.parameters()[block.offset + k] == 0.25f + 0.01f * static_cast<float>(k));
  CHECK(network::layer_names()[0] == "swish");
}

TEST_CASE("training with a layer and a loss of one's own learns, with the same bits on any number of devices") {
  auto const data = training_test::striped(40);
  std::vector<std::uint64_t> fingerprints;
  for (std::size_t devices : {1, 2}) {
    nn::trainer trainer(network(ls::seed(2)), loss{}, nn::sgd{.momentum = 0.9f}, ls::mesh::cpu(devices),
                        {.batch = 10, .learning_rate = nn::constant(0.05f)});
    nn::history const epochs = trainer.fit(data, {.epochs = 6, .progress = false});
    CHECK(epochs.back().loss < 0.7 * epochs.front().loss);
    fingerprints.push_back(trainer.model().fingerprint());
  }
  CHECK(fingerprints[0] == fingerprints[1]);
}

TEST_CASE("a loss of one's own names a label that is too large") {
  float const logits[2] = {0, 0};
  std::uint8_t const label = 2;
  CHECK_THROWS_WITH_AS(loss{}(logits, &label, 1, 2), doctest::Contains("custom_loss: found the label 2 of sample 0"),
                       ls::error);
}

}  // namespace custom_layers_test
