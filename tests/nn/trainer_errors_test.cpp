// What a trainer refuses, and that it is as it was after an epoch that failed.
#include <doctest/doctest.h>

#include "../io/temporary_folder.hpp"
#include "trainer_support.hpp"

using namespace training_test;
using support::contains;
using support::message_of;

namespace {

template <class Loss = nn::cross_entropy>
auto make(std::size_t devices, nn::train_options const& options = {.batch = 8}, Loss const& loss = {}) {
  return nn::trainer(network(ls::seed(1)), loss, nn::sgd{.momentum = 0.9f}, ls::mesh::cpu(devices), options);
}

}  // namespace

TEST_CASE("trainer: devices, shards and batch must fit together") {
  CHECK(contains(message_of<ls::error>([] { make(3); }),
                 "found 3 devices, expected a power of two up to the 8 shards that a batch is split into"));
  CHECK(contains(message_of<ls::error>([] { make(16); }), "found 16 devices"));
  CHECK(contains(message_of<ls::error>([] { make(1, {.shards = 6}); }), "found 6 shards, expected a power of two"));
  CHECK_THROWS_AS(make(1, {.shards = 0}), ls::error);
  CHECK_THROWS_AS(make(1, {.shards = -8}), ls::error);
  CHECK(contains(message_of<ls::error>([] { make(1, {.batch = 0}); }), "found a batch of 0, expected at least 1"));
}

TEST_CASE("trainer: data must fit the network") {
  auto trainer = make(2);
  auto const fit = [&](nn::data::dataset const& data) { trainer.fit(data, {.progress = false}); };
  CHECK(contains(message_of<ls::shape_error>([&] {
                   fit(striped(9, ls::shape{6, 8, 1}));
                 }),
                 "found samples of the shape (6, 8, 1), expected what the network takes: (8, 6, 1)"));
  CHECK(contains(message_of<ls::shape_error>([&] { fit(striped(0)); }), "found an empty data set"));
  nn::data::dataset const labels(ls::shape{8, 6, 1}, std::vector<std::uint8_t>(96), {3, 4});
  CHECK(contains(message_of<ls::shape_error>([&] { fit(labels); }),
                 "found the label 4 at sample 1, expected labels below the network's 4 outputs"));
  CHECK_THROWS_AS(trainer.evaluate(labels), ls::shape_error);
  CHECK_THROWS_AS(trainer.evaluate(nn::data::dataset()), ls::shape_error);
  CHECK_THROWS_AS(trainer.fit(striped(8), {.progress = false, .test = labels}), ls::shape_error);
  CHECK(trainer.model().fingerprint() == network(ls::seed(1)).fingerprint());
  CHECK(trainer.epochs_done() == 0);
}

TEST_CASE("trainer: a loss that is not a number names epoch and step, and the trainer keeps the epoch before") {
  nn::data::dataset const good = striped(64);
  std::vector<std::uint8_t> images(good.image(0), good.image(0) + 64 * 48), labels(64, 0);
  labels[42] = 3;  // in batches of 8, in the order of the data: step 6
  nn::data::dataset const bad(ls::shape{8, 6, 1}, images, labels);
  for (std::size_t const devices : {1u, 4u}) {
    auto trainer = make(devices, {.batch = 8}, faulty_loss{.nan_label = 3});
    trainer.fit(bad.first(40), {.epochs = 2, .progress = false});
    std::uint64_t const before = trainer.model().fingerprint();
    std::string const message =
        message_of<ls::error>([&] { trainer.fit(bad, {.epochs = 2, .shuffle = std::nullopt, .progress = false}); });
    CHECK(contains(message, "training diverged: the loss is nan in epoch 3, step 6 (learning rate 0.05"));
    CHECK(trainer.model().fingerprint() == before);
    CHECK(trainer.epochs_done() == 2);

    auto other = make(1, {.batch = 8}, faulty_loss{.nan_label = 3});  // the same, without the failure between
    other.fit(bad.first(40), {.epochs = 2, .progress = false});
    trainer.fit(bad.first(40), {.epochs = 1, .progress = false});
    other.fit(bad.first(40), {.epochs = 1, .progress = false});
    CHECK(trainer.model().fingerprint() == other.model().fingerprint());
  }
}

TEST_CASE("trainer: a learning rate far too high stops with an error, not with nonsense") {
  auto trainer = make(2, {.batch = 8, .learning_rate = nn::constant(1e30f)});
  CHECK(contains(message_of<ls::error>([&] { trainer.fit(striped(64), {.epochs = 3, .progress = false}); }),
                 "training diverged: the loss is"));
}

TEST_CASE("trainer: an exception on one rank's thread comes out, and training can go on") {
  for (std::size_t const devices : {1u, 2u, 8u}) {
    auto trainer = make(devices, {.batch = 8}, faulty_loss{.throw_label = 2});
    nn::data::dataset const data = striped(32);
    CHECK_THROWS_WITH_AS(trainer.fit(data, {.progress = false}), "this label is not liked", std::domain_error);
    CHECK_THROWS_AS(trainer.evaluate(data), std::domain_error);
    CHECK(trainer.model().fingerprint() == network(ls::seed(1)).fingerprint());
    CHECK(trainer.fit(data.first(1), {.progress = false}).size() == 1);
  }
}

TEST_CASE("trainer: an exception from a callback leaves the epoch done") {
  auto trainer = make(2);
  auto const stop = [](nn::epoch_summary const& e) {
    if (e.epoch == 2) throw std::runtime_error("enough");
  };
  CHECK_THROWS_WITH(trainer.fit(striped(32), {.epochs = 5, .progress = false, .on_epoch = stop}), "enough");
  CHECK(trainer.epochs_done() == 2);
  auto same = make(1);
  same.fit(striped(32), {.epochs = 2, .progress = false});
  CHECK(trainer.model().fingerprint() == same.model().fingerprint());
}
