// Saving and resuming: training goes on with the same bits, and nothing damaged or foreign is ever taken.
#include <doctest/doctest.h>

#include "../io/temporary_folder.hpp"
#include "trainer_support.hpp"

using namespace training_test;
using support::contains;
using support::message_of;

namespace {

using trainer_type = nn::trainer<network>;

nn::train_options const options{.batch = 12,
                                .learning_rate = nn::warm_up(1.5, nn::cosine(0.07f, 4, 0.001f)),
                                .reduction = nn::reduction::sum,
                                .shards = 4,
                                .buckets = {64, 128, 64}};
nn::sgd const optimizer{.momentum = 0.8f, .nesterov = true, .weight_decay = 0.01f};

trainer_type make(std::size_t devices, nn::train_options const& with = options) {
  return {network(ls::seed(4)), nn::cross_entropy{}, optimizer, ls::mesh::cpu(devices), with};
}

nn::fit_options epochs(ls::index count, std::string const& checkpoint = {}) {
  return {.epochs = count, .shuffle = ls::seed(3), .progress = false, .test = striped(20), .checkpoint = checkpoint};
}

}  // namespace

TEST_CASE("checkpoint: an interrupted run ends with the same bits as one without interruption") {
  support::temporary_folder folder;
  std::string const path = folder / "run.lockstep";
  auto whole = make(1);
  nn::history const expected = whole.fit(striped(50), epochs(4));
  for (ls::index stop : {1, 2, 3}) {
    make(2).fit(striped(50), epochs(stop, path));
    auto resumed = trainer_type::resume(path, ls::mesh::cpu(4));
    CHECK(resumed.epochs_done() == stop);
    CHECK(resumed.options().batch == 12);
    CHECK(resumed.options().reduction == nn::reduction::sum);
    CHECK(resumed.options().shards == 4);
    CHECK(resumed.options().buckets == options.buckets);
    CHECK(resumed.options().learning_rate.parameters() == options.learning_rate.parameters());
    nn::history const rest = resumed.fit(striped(50), epochs(4 - stop));
    CHECK(resumed.model().fingerprint() == whole.model().fingerprint());
    for (std::size_t i = 0; i < rest.size(); ++i) {
      nn::epoch_summary const &found = rest[i], &wanted = expected[i + static_cast<std::size_t>(stop)];
      CHECK(found.epoch == wanted.epoch);
      CHECK(found.loss == wanted.loss);
      CHECK(found.test->loss == wanted.test->loss);
      CHECK(found.learning_rate == wanted.learning_rate);
    }
    resumed.save(folder / "again");
    whole.save(folder / "whole");
    CHECK(support::read_file(folder / "again") == support::read_file(folder / "whole"));
  }
}

TEST_CASE("checkpoint: one that was never trained, and evaluation after resuming") {
  support::temporary_folder folder;
  auto fresh = make(1);
  fresh.save(folder / "fresh");
  auto resumed = trainer_type::resume(folder / "fresh", ls::mesh::cpu(2));
  CHECK(resumed.model().fingerprint() == network(ls::seed(4)).fingerprint());
  CHECK(resumed.evaluate(striped(33)).loss == fresh.evaluate(striped(33)).loss);
  fresh.fit(striped(50), epochs(1));
  fresh.save(folder / "trained");
  auto trained = trainer_type::resume(folder / "trained", ls::mesh::cpu(4));
  CHECK(trained.evaluate(striped(33)).loss == fresh.evaluate(striped(33)).loss);
  CHECK(trained.evaluate(striped(33)).accuracy == fresh.evaluate(striped(33)).accuracy);
}

TEST_CASE("checkpoint: damage anywhere is refused") {
  support::temporary_folder folder;
  auto trainer = make(1);
  trainer.fit(striped(30), epochs(1, folder / "good"));
  support::bytes const good = support::read_file(folder / "good");
  std::string const path = folder / "bad";
  for (std::size_t at = 0; at < good.size(); at += 29) {
    support::bytes damaged = good;
    damaged[at] ^= static_cast<unsigned char>(1u << at % 8);
    support::write_file(path, damaged);
    CHECK_THROWS_AS(trainer_type::resume(path, ls::mesh::cpu(1)), ls::format_error);
  }
  for (std::size_t size = 0; size < good.size(); size += size < 64 ? 5 : 97) {
    support::write_file(path, support::bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)));
    CHECK(contains(message_of<ls::format_error>([&] { trainer_type::resume(path, ls::mesh::cpu(1)); }), path));
  }
}

TEST_CASE("checkpoint: files of something else are refused and named") {
  support::temporary_folder folder;
  using other = nn::sequential<nn::input<8, 6, 1>, nn::flatten, nn::linear<4>>;
  nn::trainer(other(ls::seed(1)), nn::cross_entropy{}, optimizer, ls::mesh::cpu(1)).save(folder / "other");
  std::string const message =
      message_of<ls::format_error>([&] { trainer_type::resume(folder / "other", ls::mesh::cpu(1)); });
  CHECK(contains(message, folder / "other"));
  CHECK(contains(message, "found \"8 x 6 x 1, flatten, linear<4>\", expected \"8 x 6 x 1, conv2d<5, 3, same>"));

  lockstep::io::checkpoint foreign;
  foreign.write(folder / "foreign");
  CHECK(contains(message_of<ls::format_error>([&] { trainer_type::resume(folder / "foreign", ls::mesh::cpu(1)); }),
                 "found no note named \"content\""));
  support::write_packed(folder / "labels.gz", {0, 0, 8, 1, 0, 0, 0, 1, 7});
  CHECK(contains(message_of<ls::format_error>([&] { trainer_type::resume(folder / "labels.gz", ls::mesh::cpu(1)); }),
                 "this is not a checkpoint"));
  CHECK(contains(message_of<ls::error>([&] { trainer_type::resume(folder / "absent", ls::mesh::cpu(1)); }),
                 "cannot open " + (folder / "absent")));
  make(1).save(folder / "four shards");
  CHECK(contains(message_of<ls::error>([&] { trainer_type::resume(folder / "four shards", ls::mesh::cpu(8)); }),
                 "found 8 devices, expected a power of two up to the 4 shards"));
}

TEST_CASE("checkpoint: a learning rate that is a function must be given again") {
  support::temporary_folder folder;
  nn::schedule const custom([](ls::index step, ls::index) { return step < 3 ? 0.01f : 0.02f; });
  auto whole = make(1, {.batch = 10, .learning_rate = custom});
  whole.fit(striped(30), epochs(2));
  auto half = make(2, {.batch = 10, .learning_rate = custom});
  half.fit(striped(30), epochs(1, folder / "half"));
  CHECK(contains(message_of<ls::error>([&] { trainer_type::resume(folder / "half", ls::mesh::cpu(1)); }),
                 "give it again: resume(path, mesh, learning_rate)"));
  auto resumed = trainer_type::resume(folder / "half", ls::mesh::cpu(1), custom);
  resumed.fit(striped(30), epochs(1));
  CHECK(resumed.model().fingerprint() == whole.model().fingerprint());
}

TEST_CASE("checkpoint: one that cannot be written is an error, and the run's state stays") {
  support::temporary_folder folder;
  auto trainer = make(1);
  CHECK_THROWS_AS(trainer.fit(striped(30), epochs(3, folder / "no/such/folder")), ls::error);
  CHECK(trainer.epochs_done() == 1);
  CHECK(folder.files() == 0);
}
