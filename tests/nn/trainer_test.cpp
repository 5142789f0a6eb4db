// Covers: nn: trainer; types: float
// Training on several devices: the same bits on any number of them, every sample once per epoch, the right numbers.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

#include "trainer_support.hpp"

using namespace training_test;

namespace {

nn::sgd const usual{.momentum = 0.9f, .nesterov = true, .weight_decay = 1e-3f};

struct outcome {
  std::uint64_t parameters = 0;
  double loss = 0, test_loss = 0;

  friend bool operator==(outcome const&, outcome const&) = default;
};

outcome train(ls::mesh const& devices, std::size_t samples, nn::train_options const& options) {
  nn::trainer trainer(network(ls::seed(1)), nn::cross_entropy{}, usual, devices, options);
  nn::history const epochs =
      trainer.fit(striped(samples), {.epochs = 2, .shuffle = ls::seed(5), .progress = false, .test = striped(37)});
  for (std::uint64_t replica : trainer.replica_fingerprints()) CHECK(replica == trainer.model().fingerprint());
  CHECK(trainer.model().fingerprint() != network(ls::seed(1)).fingerprint());
  return {trainer.model().fingerprint(), epochs.back().loss, epochs.back().test->loss};
}

}  // namespace

TEST_CASE("trainer: the same bits on 1, 2, 4 and 8 devices, whatever the threads and buckets") {
  struct setting {
    std::size_t samples;
    ls::index batch;
  };
  // divisible; an uneven last batch; batches that no shard count divides; batches smaller than the shards; one sample
  for (setting const s : {setting{64, 16}, {70, 16}, {50, 13}, {23, 5}, {3, 1}, {20, 100}}) {
    CAPTURE(s.samples);
    CAPTURE(s.batch);
    nn::train_options const options{.batch = s.batch, .learning_rate = nn::constant(0.05f)};
    nn::train_options tiny = options, whole = options;
    tiny.buckets = {1, 1, 1};
    whole.buckets = {1 << 20, 1 << 20, 1 << 20};
    outcome const expected = train(ls::mesh::cpu(1), s.samples, options);
    for (std::size_t devices : {1u, 2u, 4u, 8u}) {
      CAPTURE(devices);
      CHECK(train(ls::mesh::cpu(devices), s.samples, tiny) == expected);
      CHECK(train(ls::mesh::cpu(devices), s.samples, whole) == expected);
    }
    for (std::size_t threads : {1u, 3u, 8u}) {
      CAPTURE(threads);
      CHECK(train(ls::mesh::cpu(1, threads), s.samples, tiny) == expected);
      CHECK(train(ls::mesh::cpu(2, threads), s.samples, options) == expected);
    }
  }
}

TEST_CASE("trainer: another number of shards can be chosen, and allows as many devices") {
  nn::train_options const options{.batch = 30, .learning_rate = nn::constant(0.05f), .shards = 16};
  outcome const expected = train(ls::mesh::cpu(1), 60, options);
  CHECK(train(ls::mesh::cpu(16), 60, options) == expected);
  nn::train_options const one{.batch = 30, .learning_rate = nn::constant(0.05f), .shards = 1};
  CHECK(std::abs(train(ls::mesh::cpu(1), 60, one).loss - expected.loss) < 1e-4 * expected.loss);
}

TEST_CASE("trainer: every sample is seen exactly once per epoch") {
  using wide = nn::sequential<nn::input<2, 2, 1>, nn::flatten, nn::linear<256>>;
  for (std::size_t const samples : {200u, 256u, 7u}) {
    std::vector<std::uint8_t> labels(samples);
    for (std::size_t i = 0; i < samples; ++i) labels[i] = static_cast<std::uint8_t>(i);
    nn::data::dataset const numbered(ls::shape{2, 2, 1}, std::vector<std::uint8_t>(4 * samples, 1), labels);
    for (std::size_t const devices : {1u, 2u, 8u}) {
      counting_loss const loss;
      nn::trainer trainer(wide(ls::seed(1)), loss, nn::sgd{}, ls::mesh::cpu(devices), {.batch = 33});
      for (int epoch = 1; epoch <= 3; ++epoch) {
        trainer.fit(numbered, {.epochs = 1, .progress = false});
        for (std::size_t i = 0; i < 256; ++i) CHECK((*loss.seen)[i] == (i < samples ? epoch : 0));
      }
      trainer.evaluate(numbered);
      for (std::size_t i = 0; i < 256; ++i) CHECK((*loss.seen)[i] == (i < samples ? 4 : 0));
    }
  }
}

TEST_CASE("trainer: shuffling matters, and its seed decides") {
  auto const after = [](std::optional<ls::seed> shuffle) {
    nn::trainer trainer(network(ls::seed(1)), nn::cross_entropy{}, usual, ls::mesh::cpu(2), {.batch = 16});
    trainer.fit(striped(64), {.epochs = 1, .shuffle = shuffle, .progress = false});
    return trainer.model().fingerprint();
  };
  CHECK(after(ls::seed(1)) == after(ls::seed(1)));
  CHECK(after(ls::seed(1)) != after(ls::seed(2)));
  CHECK(after(std::nullopt) != after(ls::seed(1)));
}

namespace {

using two_layers = nn::sequential<nn::input<3, 2, 1>, nn::flatten, nn::linear<5>, nn::relu, nn::linear<3>>;

/// The same network in plain loops and double precision: weights [6][5], 5 biases, weights [5][3], 3 biases.
struct reference {
  std::vector<double> p, gradient = std::vector<double>(p.size());
  double loss = 0, correct = 0;
  double *w1 = p.data(), *b1 = w1 + 30, *w2 = b1 + 5, *b2 = w2 + 15;
  double *dw1 = gradient.data(), *db1 = dw1 + 30, *dw2 = db1 + 5, *db2 = dw2 + 15;

  void add(double const* x, int label) {
    double h[5], z[3], d[3], total = 0;
    for (int j = 0; j < 5; ++j) {
      h[j] = b1[j];
      for (int i = 0; i < 6; ++i) h[j] += x[i] * w1[i * 5 + j];
      h[j] = h[j] > 0 ? h[j] : 0;
    }
    for (int k = 0; k < 3; ++k) {
      z[k] = b2[k];
      for (int j = 0; j < 5; ++j) z[k] += h[j] * w2[j * 3 + k];
      total += std::exp(z[k]);
    }
    loss += std::log(total) - z[label];
    correct += z[label] >= z[0] && z[label] >= z[1] && z[label] >= z[2];
    for (int k = 0; k < 3; ++k) d[k] = std::exp(z[k]) / total - (k == label);
    for (int k = 0; k < 3; ++k) db2[k] += d[k];
    for (int j = 0; j < 5; ++j) {
      double dh = 0;
      for (int k = 0; k < 3; ++k) {
        dw2[j * 3 + k] += h[j] * d[k];
        dh += d[k] * w2[j * 3 + k];
      }
      if (h[j] <= 0) continue;
      db1[j] += dh;
      for (int i = 0; i < 6; ++i) dw1[i * 5 + j] += x[i] * dh;
    }
  }
};

/// 11 samples, and the same standardized in double precision.
nn::data::dataset const& samples() {
  static nn::data::dataset const data = [] {
    std::vector<std::uint8_t> images, labels;
    for (int i = 0; i < 66; ++i) images.push_back(static_cast<std::uint8_t>(i * i * 13 % 256));
    for (int i = 0; i < 11; ++i) labels.push_back(static_cast<std::uint8_t>(i * 5 % 3));
    return nn::data::dataset(ls::shape{3, 2, 1}, images, labels);
  }();
  return data;
}

std::vector<double> standardized() {
  double sum = 0, square = 0;
  for (int i = 0; i < 66; ++i) {
    sum += samples().image(0)[i];
    square += double(samples().image(0)[i]) * samples().image(0)[i];
  }
  double const mean = sum / 66, deviation = std::sqrt(square / 66 - mean * mean);
  std::vector<double> x;
  for (int i = 0; i < 66; ++i) x.push_back((samples().image(0)[i] - mean) / deviation);
  return x;
}

}  // namespace

TEST_CASE("trainer: steps are those of plain loops in double precision") {
  for (nn::reduction const reduction : {nn::reduction::mean, nn::reduction::sum}) {
    double const rate = 0.05, momentum = 0.9, decay = 0.01;
    two_layers const start(ls::seed(3));
    nn::trainer trainer(start, nn::cross_entropy{}, nn::sgd{.momentum = 0.9f, .weight_decay = 0.01f}, ls::mesh::cpu(2),
                        {.batch = 7, .learning_rate = nn::constant(0.05f), .reduction = reduction});
    nn::history const epochs = trainer.fit(samples(), {.epochs = 2, .shuffle = std::nullopt, .progress = false});

    std::vector<double> const x = standardized();
    std::vector<double> p(start.parameters().begin(), start.parameters().end()), velocity(p.size());
    double loss = 0, correct = 0;
    for (int step = 0; step < 4; ++step) {  // batches of 7 and 4, twice
      int const begin = step % 2 * 7, end = step % 2 == 0 ? 7 : 11;
      if (step == 2) loss = correct = 0;
      reference batch{p};
      for (int i = begin; i < end; ++i) batch.add(&x[static_cast<std::size_t>(6 * i)], samples().label(i));
      loss += batch.loss;
      correct += batch.correct;
      double const scale = reduction == nn::reduction::mean ? 1.0 / (end - begin) : 1.0;
      for (std::size_t i = 0; i < p.size(); ++i) {
        velocity[i] = momentum * velocity[i] + scale * batch.gradient[i] + decay * p[i];
        p[i] -= rate * velocity[i];
      }
    }
    for (std::size_t i = 0; i < p.size(); ++i)
      CHECK(std::abs(trainer.model().parameters()[i] - p[i]) < 1e-5 * std::max(1.0, std::abs(p[i])));
    CHECK(std::abs(epochs.back().loss - loss / 11) < 1e-5);
    CHECK(epochs.back().accuracy == correct / 11);

    reference after{p};
    for (int i = 0; i < 11; ++i) after.add(&x[static_cast<std::size_t>(6 * i)], samples().label(i));
    CHECK(std::abs(trainer.evaluate(samples()).loss - after.loss / 11) < 1e-5);
    CHECK(trainer.evaluate(samples()).accuracy == after.correct / 11);
  }
}

TEST_CASE("trainer: it learns, and says what it did") {
  for (std::size_t const devices : {1u, 4u}) {
    nn::trainer trainer(network(ls::seed(2)), nn::cross_entropy{}, nn::sgd{.momentum = 0.9f}, ls::mesh::cpu(devices),
                        {.batch = 10, .learning_rate = nn::step_decay(0.05f, 4, 0.5f)});
    ls::index called = 0;
    nn::history const epochs =
        trainer.fit(striped(101), {.epochs = 5, .progress = false, .test = striped(40), .on_epoch = [&](auto const& e) {
                                     CHECK(e.epoch == ++called);
                                     CHECK(trainer.epochs_done() == called);
                                   }});
    CHECK(called == 5);
    REQUIRE(epochs.size() == 5);
    CHECK(epochs.back().accuracy > 0.95);
    CHECK(epochs.back().loss < 0.5 * epochs.front().loss);
    CHECK(epochs.back().test->accuracy > 0.95);
    CHECK(epochs.back().test->loss == trainer.evaluate(striped(40)).loss);
    CHECK(epochs.front().learning_rate == 0.05f);
    CHECK(epochs.back().learning_rate == 0.025f);
    std::uint64_t const per_step = 4 * network::parameter_count + 2 * sizeof(double);
    for (nn::epoch_summary const& e : epochs) {
      CHECK(e.steps == 11);
      CHECK(e.seconds > 0);
      CHECK(e.images_per_second > 0);
      CHECK(e.arithmetic_share > 0);
      CHECK(std::abs(e.arithmetic_share + e.communication_share - 1) < 1e-12);
      CHECK((e.communication_share > 0) == (devices > 1));
      CHECK(e.bytes_sent_per_step == 2 * (devices - 1) * per_step);
    }
    CHECK(trainer.fit(striped(101), {.epochs = 1, .progress = false}).front().epoch == 6);
  }
}

TEST_CASE("trainer: test sets are standardized as the training set was") {
  nn::trainer trainer(network(ls::seed(2)), nn::cross_entropy{}, usual, ls::mesh::cpu(1), {.batch = 16});
  nn::data::dataset const all = striped(64);
  double const before = trainer.evaluate(all).loss;
  CHECK(before == trainer.evaluate(all).loss);
  trainer.fit(all, {.epochs = 1, .progress = false});
  // The loss over a set is the mean over its samples only when each is standardized alike, alone or among others.
  double sum = 0;
  for (std::size_t i = 0; i < 64; i += 16) sum += trainer.evaluate(all.slice(i, i + 16)).loss * 16;
  CHECK(std::abs(sum / 64 - trainer.evaluate(all).loss) < 1e-6);
}
