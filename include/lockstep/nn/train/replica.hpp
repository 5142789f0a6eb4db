// What one rank of a data-parallel trainer holds, and one step of it: its shards' gradients, the all-reduces that run
// while the backward pass goes on, and the update.
#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>
#include <span>
#include <vector>

#include "../../core/function_objects.hpp"
#include "../../mesh/spmd.hpp"
#include "../data/dataset.hpp"
#include "../sequential.hpp"
#include "buckets.hpp"
#include "gradient_tree.hpp"
#include "options.hpp"

namespace lockstep::nn {
inline namespace LOCKSTEP_COMPILER {

/// Sums over samples that all ranks agree on.
struct totals {
  double loss = 0, correct = 0;

  totals& operator+=(totals const& other) {
    loss += other.loss;
    correct += other.correct;
    return *this;
  }
};

/// Samples of a data set and how their bytes become numbers.
struct sample_source {
  data::dataset const& data;
  data::standardization const& how;
};

/// Consecutive numbers: those of a shard's samples in a batch, of a rank's chunks.
struct number_range {
  index begin = 0, end = 0;
  index count() const { return end - begin; }
};

/// The part of `total` numbers that belongs to piece `i` of `pieces`; sizes differ by at most one.
inline number_range part_of(index total, index i, index pieces) {
  return {total * i / pieces, total * (i + 1) / pieces};
}

/// A replica of the network on one rank.
template <class Network, class Loss, class Optimizer>
class replica {
 public:
  /// Copies the parameters and the velocity. Made on the rank's own thread, so that memory lies near it.
  replica(communicator& comm, Network const& model, std::span<float const> velocity, train_options const& options)
      : model_(model),
        velocity_(velocity.begin(), velocity.end()),
        shards_(part_of(options.shards, static_cast<index>(comm.rank()), static_cast<index>(comm.size()))),
        all_shards_(options.shards),
        chunk_(chunk_size(options)),
        buckets_(make_buckets(Network::parameter_blocks, options.buckets)),
        tree_(shards_.count(), Network::parameter_count, buckets_.size()),
        results_(static_cast<std::size_t>(shards_.count())),
        ready_(buckets_.size()),
        pending_(buckets_.size()) {
    auto const lanes = std::min<index>(static_cast<index>(comm.device().threads()), shards_.count());
    for (index i = 0; i < std::max<index>(1, lanes); ++i) lanes_.emplace_back(chunk_);
  }

  Network const& model() const { return model_; }
  std::span<float const> velocity() const { return velocity_; }

  /// Samples that are evaluated at once. Depends on the options alone, since results' bits may depend on it.
  static index chunk_size(train_options const& options) {
    return std::max<index>(16, (options.batch + options.shards - 1) / options.shards);
  }

  /// One step over the samples `batch` of `source`: all ranks call it with the same arguments, and end with the same
  /// parameters. Calls take(totals) with loss and right answers of the whole batch, before the update. When that loss
  /// is not finite, nothing is updated.
  template <class Take>
  void step(communicator& comm, Loss const& loss, Optimizer const& optimizer, sample_source const& source,
            std::span<index const> batch, float learning_rate, float gradient_scale, Take const& take) {
    next_bucket_ = 0;
    each_in_lanes(comm, shards_.count(), [&](lane& mine, index shard) {
      results_[static_cast<std::size_t>(shard)] = backward(comm, loss, source, batch, mine, shard);
    });
    totals sums = tree_sum(std::span<totals>(results_));
    agree(comm, sums);
    if (std::isfinite(sums.loss))
      update(comm, optimizer, learning_rate, gradient_scale);
    else
      for (pending& each : pending_) each.wait();
    take(sums);
  }
  /// Every step has ended when `step` returns.
  template <class Take>
  void finish_steps(Take const&) {}

  /// Sums over all samples of `source`, shared among the ranks; the same on every rank, whatever their number.
  totals evaluate(communicator& comm, Loss const& loss, sample_source const& source) {
    auto const samples = static_cast<index>(source.data.size()), chunks = (samples + chunk_ - 1) / chunk_;
    number_range const mine = part_of(chunks, static_cast<index>(comm.rank()), static_cast<index>(comm.size()));
    std::vector<double> sums(static_cast<std::size_t>(2 * chunks));
    each_in_lanes(comm, mine.count(), [&](lane& memory, index i) {
      index const chunk = mine.begin + i, first = chunk * chunk_, count = std::min(chunk_, samples - first);
      data::gather(
          source.data, source.how, count, [=](index s) { return first + s; }, memory.images.template at<float>(0),
          memory.labels.data());
      float const* logits = Network::forward(parameters(), memory.images.template at<float>(0), count, memory.work);
      batch_result const found = loss(logits, memory.labels.data(), count, classes);
      sums[static_cast<std::size_t>(2 * chunk)] = found.loss_sum;
      sums[static_cast<std::size_t>(2 * chunk + 1)] = static_cast<double>(found.correct);
    });
    comm.all_reduce(std::span<double>(sums), plus{});  // the others hold zeros there: exact
    totals result;
    for (std::size_t i = 0; i < sums.size(); i += 2) result += {sums[i], sums[i + 1]};
    return result;
  }

 private:
  static constexpr index classes = static_cast<index>(Network::output_shape.size());
  static constexpr std::size_t pixels = Network::input_shape.size();

  /// What one thread needs to work on a shard.
  struct lane {
    explicit lane(index samples)
        : work(samples),
          images(static_cast<std::size_t>(samples) * pixels * sizeof(float)),
          labels(static_cast<std::size_t>(samples)) {}
    typename Network::workspace work;
    arena images;
    std::vector<std::uint8_t> labels;
  };

  std::span<float const> parameters() const { return model_.parameters(); }

  /// f(lane, i) for i in [0, count), in order of i as threads become free.
  template <class F>
  void each_in_lanes(communicator& comm, index count, F const& f) {
    std::atomic<index> next{0};
    comm.device().run(std::min<index>(count, static_cast<index>(lanes_.size())), [&](index thread) {
      for (index i; (i = next.fetch_add(1, std::memory_order_relaxed)) < count;)
        f(lanes_[static_cast<std::size_t>(thread)], i);
    });
  }

  totals backward(communicator& comm, Loss const& loss, sample_source const& source, std::span<index const> batch,
                  lane& mine, index shard) {
    auto const size = static_cast<index>(batch.size());
    number_range const samples = part_of(size, shards_.begin + shard, all_shards_);
    float* const gradient = tree_.gradient(shard);
    if (samples.count() == 0) {  // fewer samples than shards
      std::fill_n(gradient, Network::parameter_count, 0.0f);
      for (std::size_t b = 0; b < buckets_.size(); ++b) finish(comm, shard, b);
      return {};
    }
    data::gather(
        source.data, source.how, samples.count(),
        [&](index i) { return batch[static_cast<std::size_t>(samples.begin + i)]; }, mine.images.template at<float>(0),
        mine.labels.data());
    std::size_t b = 0;
    batch_result const result =
        Network::forward_backward(parameters(), mine.images.template at<float>(0), mine.labels.data(), samples.count(),
                                  loss, mine.work, gradient, [&](std::size_t layer) {
                                    if (layer == buckets_[b].completed_by) finish(comm, shard, b++);
                                  });
    return {result.loss_sum, static_cast<double>(result.correct)};
  }

  /// Shard `shard` has finished bucket `b`: adds up what can be added, and starts the all-reduce of what is complete.
  /// Every rank starts them in the order of the buckets, since collectives are matched by their order.
  void finish(communicator& comm, index shard, std::size_t b) {
    if (!tree_.arrive(shard, b, buckets_[b]) || comm.size() == 1) return;
    std::lock_guard lock(mutex_);
    ready_[b] = true;
    for (; next_bucket_ < buckets_.size() && ready_[next_bucket_]; ++next_bucket_) {
      ready_[next_bucket_] = false;
      pending_[next_bucket_] = comm.start_all_reduce(summed(next_bucket_), plus{});
    }
  }

  std::span<float> summed(std::size_t b) { return {tree_.sum() + buckets_[b].offset, buckets_[b].count}; }

  void agree(communicator& comm, totals& sums) {
    if (comm.size() == 1) return;
    double values[2] = {sums.loss, sums.correct};
    comm.all_reduce(std::span<double>(values), plus{});
    sums = {values[0], values[1]};
  }

  void update(communicator& comm, Optimizer const& optimizer, float learning_rate, float gradient_scale) {
    for (std::size_t b = 0; b < buckets_.size(); ++b) {
      pending_[b].wait();
      update_bucket(comm, optimizer, b, learning_rate, gradient_scale);
    }
  }

  void update_bucket(communicator& comm, Optimizer const& optimizer, std::size_t b, float learning_rate,
                     float gradient_scale) {
    constexpr index enough = 1 << 14;  // fewer values are not worth another thread
    auto const count = static_cast<index>(buckets_[b].count);
    index const pieces = std::clamp<index>(count / enough, 1, static_cast<index>(comm.device().threads()));
    comm.device().run(pieces, [&](index i) {
      number_range const part = part_of(count, i, pieces);
      std::size_t const begin = buckets_[b].offset + static_cast<std::size_t>(part.begin);
      auto const size = static_cast<std::size_t>(part.count());
      optimizer.update(model_.parameters().subspan(begin, size), std::span<float const>(tree_.sum() + begin, size),
                       std::span<float>(velocity_).subspan(begin, size), learning_rate, gradient_scale);
    });
  }

  Network model_;
  std::vector<float> velocity_;
  number_range shards_;
  index all_shards_, chunk_;
  std::vector<bucket> buckets_;
  gradient_tree tree_;
  std::vector<lane> lanes_;
  std::vector<totals> results_;

  std::mutex mutex_;  // guards what follows
  std::vector<char> ready_;
  std::size_t next_bucket_ = 0;
  std::vector<pending> pending_;
};

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::nn
