// Covers: nn: trainer sgd cross_entropy; types: float
// Training on GPUs: the same bits on any number of them, and the numbers of a CPU up to rounding.
#include <doctest/doctest.h>

#include <lockstep/lockstep.hpp>
#include <lockstep/nn.hpp>

#include "io/temporary_folder.hpp"
#include "nn/trainer_support.hpp"

namespace gpu_training_tests {
namespace ls = lockstep;
namespace nn = lockstep::nn;
using training_test::striped, training_test::network;

namespace {

nn::sgd const usual{.momentum = 0.9f, .nesterov = true, .weight_decay = 1e-3f};

auto make_trainer(ls::mesh const& mesh, ls::index batch = 10, nn::bucket_sizes buckets = {}) {
  return nn::trainer(network(ls::seed(2)), nn::cross_entropy{}, usual, mesh,
                     {.batch = batch, .learning_rate = nn::step_decay(0.05f, 2, 0.5f), .buckets = buckets});
}

/// Meshes of 1, 2, 4 ... GPUs, as many as there are.
std::vector<ls::mesh> meshes() {
  std::vector<ls::mesh> all;
  for (int devices = 1; devices <= std::min(8, ls::device::gpu_count()); devices *= 2)
    all.push_back(ls::mesh::gpus(static_cast<std::size_t>(devices)));
  return all;
}

double distance(std::span<float const> a, std::span<float const> b) {
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference += std::pow(double{a[i]} - double{b[i]}, 2);
    size += std::pow(double{b[i]}, 2);
  }
  return std::sqrt(difference / size);
}

}  // namespace

TEST_CASE("two GPUs: training gives the same bits on any number of GPUs, near those of a CPU") {
  auto const data = striped(23), test = striped(37);
  nn::fit_options const options{.epochs = 2, .progress = false, .test = test};
  for (ls::index batch : {10, 5}) {  // whole and smaller last batches; fewer samples than shards
    auto on_cpu = make_trainer(ls::mesh::cpu(1), batch);
    nn::history const expected = on_cpu.fit(data, options);
    std::vector<std::uint64_t> fingerprints;
    std::vector<double> losses;
    for (ls::mesh const& mesh : meshes()) {
      auto trainer = make_trainer(mesh, batch, mesh.size() == 2 ? nn::bucket_sizes{1, 1, 1} : nn::bucket_sizes{});
      nn::history const found = trainer.fit(data, options);
      for (std::size_t e = 0; e < 2; ++e) {
        CHECK(found[e].loss == doctest::Approx(expected[e].loss).epsilon(1e-4));
        CHECK(found[e].test->loss == doctest::Approx(expected[e].test->loss).epsilon(1e-4));
        CHECK(found[e].test->accuracy == expected[e].test->accuracy);
        CHECK(found[e].learning_rate == expected[e].learning_rate);
        CHECK(found[e].steps == expected[e].steps);
      }
      CHECK(distance(trainer.model().parameters(), on_cpu.model().parameters()) < 1e-4);
      auto const replicas = trainer.replica_fingerprints();
      CHECK(replicas == std::vector<std::uint64_t>(mesh.size(), trainer.model().fingerprint()));
      fingerprints.push_back(replicas.front());
      losses.push_back(found.back().test->loss);
    }
    CHECK(fingerprints == std::vector<std::uint64_t>(fingerprints.size(), fingerprints.front()));
    CHECK(losses == std::vector<double>(losses.size(), losses.front()));
  }
}

TEST_CASE("two GPUs: it learns, and goes on from a checkpoint with the bits of a run that was not interrupted") {
  support::temporary_folder const folder;  // other tests run this program at the same time
  std::string const checkpoint = folder / "checkpoint";
  auto const data = striped(40);
  auto whole = make_trainer(ls::mesh::gpus(1));
  nn::history const epochs = whole.fit(data, {.epochs = 4, .progress = false});
  CHECK(epochs.back().loss < 0.7 * epochs.front().loss);
  auto half = make_trainer(meshes().back());
  half.fit(data, {.epochs = 2, .progress = false, .checkpoint = checkpoint});
  auto rest = nn::trainer<network>::resume(checkpoint, ls::mesh::gpus(1));
  rest.fit(data, {.epochs = 2, .progress = false});
  CHECK(rest.model().fingerprint() == whole.model().fingerprint());
  auto on_cpu = nn::trainer<network>::resume(checkpoint, ls::mesh::cpu(1));
  CHECK(on_cpu.evaluate(data).loss == doctest::Approx(half.evaluate(data).loss).epsilon(1e-5));
}

TEST_CASE("two GPUs: a loss that is not finite is reported for its step, and the trainer stays as it was") {
  auto const data = striped(40);
  nn::trainer trainer(network(ls::seed(2)), nn::cross_entropy{}, nn::sgd{}, meshes().back(),
                      {.batch = 8, .learning_rate = nn::schedule([](ls::index step, ls::index) {
                                     return step == 1 ? 3e38f : 0.01f;  // seen in the loss of the third step
                                   })});
  std::string message;
  try {
    trainer.fit(data, {.epochs = 1, .progress = false});
  } catch (ls::error const& e) {
    message = e.what();
  }
  CHECK(message.find("in epoch 1, step 3 (learning rate 0.01") != std::string::npos);
  CHECK(trainer.model().fingerprint() == network(ls::seed(2)).fingerprint());
  CHECK(trainer.epochs_done() == 0);
}

TEST_CASE("a loss of one's own has no kernels") {
  nn::trainer trainer(network(ls::seed(2)), training_test::faulty_loss{}, nn::sgd{}, ls::mesh::gpus(1), {.batch = 8});
  CHECK_THROWS_AS(trainer.fit(striped(40), {.epochs = 1, .progress = false}), ls::device_error);
}

}  // namespace gpu_training_tests
