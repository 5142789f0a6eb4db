// trainer: data-parallel training. Every device holds a replica, sees its part of each batch, and gradients are
// all-reduced during the backward pass; the bits are the same on any number of devices and threads.
#pragma once

#include <bit>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../../mesh/mesh.hpp"
#include "../data/shuffle.hpp"
#include "../optimizer.hpp"
#include "persistence.hpp"
#include "progress.hpp"
#include "replica.hpp"
#if LOCKSTEP_NCCL
#include "gpu_replica.cuh"
#endif

namespace lockstep::nn {
inline namespace LOCKSTEP_COMPILER {

#if LOCKSTEP_NCCL
template <class Network, class Loss, class Optimizer>
using replica_on_gpu = gpu_replica<Network, Loss, Optimizer>;
#else
/// In files that cannot run ranks on GPUs spmd throws before a replica is made.
template <class Network, class Loss, class Optimizer>
using replica_on_gpu = replica<Network, Loss, Optimizer>;
#endif

/// Trains a network on the devices of a mesh, CPUs or GPUs; on GPUs with cross_entropy and sgd, in files compiled by
/// nvcc. Bits are the same on any number of devices of one kind. Memory per device: a gradient for each of its shards,
/// parameters and velocity, and activations of a shard for each of its threads (GPUs: of all its shards).
template <class Network, class Loss = cross_entropy, class Optimizer = sgd>
class trainer {
 public:
  /// `model` is where training starts. Throws lockstep::error unless the batch is positive, the shards a power of two,
  /// and the devices a power of two that is not larger.
  trainer(Network model, Loss loss, Optimizer optimizer, mesh devices, train_options options = {})
      : mesh_(std::move(devices)), loss_(std::move(loss)), saved_{std::move(model), std::move(optimizer), options} {
    check_options();
  }

  /// Goes on where `save` stopped, on as many devices as `devices` has: the same bits as without the interruption.
  /// `learning_rate` replaces the stored schedule; one that is any function cannot be stored and must be given again.
  /// Throws lockstep::error when the file cannot be opened, format_error when it is damaged or of another network.
  static trainer resume(std::string const& path, mesh devices, std::optional<schedule> learning_rate = {},
                        Loss loss = {}) {
    return trainer(load_training<Network, Optimizer>(path, learning_rate), std::move(devices), std::move(loss));
  }

  /// Writes everything that `resume` needs to `path`, which is replaced whole or not at all.
  void save(std::string const& path) const { save_training(path, saved_); }

  /// Trains and returns what happened. Every process of the mesh must call it; the first shows progress and writes
  /// checkpoints. When an epoch fails, the trainer is as it was before that epoch.
  /// Throws shape_error when the data do not fit the network; lockstep::error, which names the epoch and the step, when
  /// the loss is no longer a finite number; and what the options' functions throw.
  history fit(data::dataset const& training, fit_options const& options = {}) {
    check(training);
    if (options.test.size() > 0) check(options.test);
    auto const samples = static_cast<index>(training.size());
    bool const reports = mesh_.is_local(0);  // of several processes, one
    progress shown(options.progress && reports, saved_.epochs_done + 1, saved_.epochs_done + options.epochs, samples);
    std::vector<index> order(training.size());
    std::iota(order.begin(), order.end(), index{0});
    history result;
    for (index i = 0; i < options.epochs; ++i) {
      if (options.shuffle) data::shuffle(order, *options.shuffle, static_cast<std::uint64_t>(saved_.epochs_done));
      epoch_summary summary = train_epoch(training, order, shown);
      if (options.test.size() > 0) summary.test = evaluate(options.test);
      if (!options.checkpoint.empty() && reports) save(options.checkpoint);
      shown.epoch(summary);
      result.push_back(summary);
      if (options.on_epoch) options.on_epoch(summary);
    }
    return result;
  }

  /// Mean loss and accuracy, with bytes standardized as those of the first training set (before any training: as those
  /// of `test` itself). The same bits on any number of devices. Throws shape_error when `test` does not fit or is
  /// empty.
  evaluation evaluate(data::dataset const& test) {
    check(test);
    data::standardization const how = saved_.how.scale.empty() ? data::standardization::of(test) : saved_.how;
    totals sums;
    on_every_rank([&](communicator& comm, auto& mine) {
      totals const found = mine.evaluate(comm, loss_, {test, how});  // the same on every rank
      if (is_first_here(comm)) sums = found;
    });
    return mean(sums, static_cast<double>(test.size()));
  }

  /// The network as it is now.
  Network const& model() const { return saved_.model; }
  /// Epochs trained so far, those before a resume included.
  index epochs_done() const { return saved_.epochs_done; }
  train_options const& options() const { return saved_.options; }

  /// The fingerprint of every device's replica; all are equal to the model's.
  std::vector<std::uint64_t> replica_fingerprints() {
    std::vector<std::uint64_t> found(mesh_.size());
    on_every_rank([&](communicator& comm, auto& mine) {
      std::uint64_t const own = mine.model().fingerprint();
      std::vector<std::uint64_t> all(comm.size());
      comm.all_gather(std::span(&own, 1), std::span(all));
      if (is_first_here(comm)) found = std::move(all);
    });
    return found;
  }

 private:
  template <class Replica>
  using replicas = std::vector<std::unique_ptr<Replica>>;

  trainer(training_state<Network, Optimizer> saved, mesh devices, Loss loss)
      : mesh_(std::move(devices)), loss_(std::move(loss)), saved_(std::move(saved)) {
    check_options();
  }

  void check_options() {
    auto const& options = saved_.options;
    auto const devices = static_cast<std::uint64_t>(mesh_.size()), shards = static_cast<std::uint64_t>(options.shards);
    if (options.batch < 1)
      throw error("trainer: found a batch of " + std::to_string(options.batch) + ", expected at least 1 sample");
    if (options.shards < 1 || !std::has_single_bit(shards))
      throw error("trainer: found " + std::to_string(options.shards) + " shards, expected a power of two");
    if (!std::has_single_bit(devices) || devices > shards)
      throw error("trainer: found " + std::to_string(devices) + " devices, expected a power of two up to the " +
                  std::to_string(shards) + " shards that a batch is split into (train_options.shards)");
  }

  void check(data::dataset const& data) const {
    constexpr auto expected = Network::input_shape;
    if (data.size() == 0) throw shape_error("trainer: found an empty data set, expected samples");
    bool const fits = [&] {
      if constexpr (expected.rank() == 3)
        return data.sample_shape() == expected;
      else
        return data.sample_shape().size() == expected.size();
    }();
    if (!fits)
      throw shape_error("trainer: found samples of the shape " + to_string(data.sample_shape()) +
                        ", expected what the network takes: " + to_string(expected));
    constexpr std::size_t classes = Network::output_shape.size();
    for (std::size_t i = 0; i < data.size(); ++i)
      if (data.labels()[i] >= classes)
        throw shape_error("trainer: found the label " + std::to_string(data.labels()[i]) + " at sample " +
                          std::to_string(i) + ", expected labels below the network's " + std::to_string(classes) +
                          " outputs");
  }

  static evaluation mean(totals const& sums, double samples) { return {sums.loss / samples, sums.correct / samples}; }

  bool is_first_here(communicator const& comm) const { return comm.rank() == mesh_.first_local_rank(); }

  /// f(communicator, replica) on every rank. After a failure replicas may differ, so they are made anew next time.
  template <class F>
  void on_every_rank(F const& f) {
    if (mesh_.is_cpu())
      run_on_ranks(cpu_replicas_, f);
    else
      run_on_ranks(gpu_replicas_, f);
  }
  template <class Replica, class F>
  void run_on_ranks(replicas<Replica>& all, F const& f) {
    all.resize(mesh_.local_ranks());
    try {
      spmd(mesh_, [&](communicator& comm) {
        std::unique_ptr<Replica>& mine = all[comm.rank() - mesh_.first_local_rank()];
        if (!mine) mine = std::make_unique<Replica>(comm, saved_.model, saved_.velocity, saved_.options);
        f(comm, *mine);
      });
    } catch (...) {
      all.clear();
      throw;
    }
  }

  epoch_summary train_epoch(data::dataset const& training, std::vector<index> const& order, progress& shown) {
    data::standardization const how = saved_.how.scale.empty() ? data::standardization::of(training) : saved_.how;
    epoch_summary summary;
    on_every_rank([&](communicator& comm, auto& mine) {
      epoch_summary found = steps(comm, mine, {training, how}, order, shown);
      communication_statistics const& spent = comm.statistics();
      double sums[] = {found.seconds, spent.seconds, static_cast<double>(spent.bytes)};
      comm.all_reduce(std::span(sums), plus{});
      found.communication_share = sums[1] / sums[0];
      found.arithmetic_share = 1 - found.communication_share;
      found.bytes_sent_per_step = static_cast<std::uint64_t>(sums[2]) / static_cast<std::uint64_t>(found.steps);
      if (is_first_here(comm)) summary = found;
    });
    keep(how);
    return summary;
  }

  /// The epoch has succeeded: what the replicas hold becomes the trainer's state.
  void keep(data::standardization const& how) {
    auto const take = [&](auto const& first) {  // both or none: copies from a GPU can fail
      Network model = first.model();
      auto const& velocity = first.velocity();
      saved_.velocity.assign(velocity.begin(), velocity.end());
      saved_.model = std::move(model);
    };
    mesh_.is_cpu() ? take(*cpu_replicas_.front()) : take(*gpu_replicas_.front());
    saved_.how = how;
    ++saved_.epochs_done;
  }

  /// One rank's steps through an epoch. A replica on a GPU tells what a step gave when a later one has been queued.
  template <class Replica>
  epoch_summary steps(communicator& comm, Replica& mine, sample_source const& source, std::vector<index> const& order,
                      progress& shown) const {
    train_options const& options = saved_.options;
    auto const samples = static_cast<index>(order.size());
    auto const begun = progress::clock::now();
    epoch_summary result;
    result.epoch = saved_.epochs_done + 1;
    index const steps_per_epoch = (samples + options.batch - 1) / options.batch;
    auto const rate = [&](index step) {
      return options.learning_rate(saved_.epochs_done * steps_per_epoch + step, steps_per_epoch);
    };
    totals sums;
    auto const take = [&](totals const& found) {
      result.learning_rate = rate(result.steps);
      check_finite(found, result);
      sums += found;
      index const seen = std::min(samples, ++result.steps * options.batch);
      auto const so_far = mean(sums, static_cast<double>(seen));
      result.loss = so_far.loss;
      result.accuracy = so_far.accuracy;
      if (comm.rank() == 0) shown.step(result.epoch, seen, so_far.loss, so_far.accuracy);
    };
    for (index step = 0; step < steps_per_epoch; ++step) {
      index const begin = step * options.batch, count = std::min(options.batch, samples - begin);
      float const scale = options.reduction == reduction::mean ? 1 / static_cast<float>(count) : 1.0f;
      mine.step(comm, loss_, saved_.optimizer, source,
                std::span(order).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(count)), rate(step),
                scale, take);
    }
    mine.finish_steps(take);
    result.seconds = std::chrono::duration<double>(progress::clock::now() - begun).count();
    result.images_per_second = static_cast<double>(samples) / result.seconds;
    return result;
  }

  static void check_finite(totals const& found, epoch_summary const& at) {
    if (std::isfinite(found.loss)) return;
    throw error("training diverged: the loss is " + std::to_string(found.loss) + " in epoch " +
                std::to_string(at.epoch) + ", step " + std::to_string(at.steps + 1) + " (learning rate " +
                std::to_string(at.learning_rate) + "), expected a finite number; a lower learning rate or a warm-up " +
                "usually helps");
  }

  mesh mesh_;
  Loss loss_;
  training_state<Network, Optimizer> saved_;  // as of the last epoch that succeeded
  replicas<replica<Network, Loss, Optimizer>> cpu_replicas_;
  replicas<replica_on_gpu<Network, Loss, Optimizer>> gpu_replicas_;
};

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::nn
