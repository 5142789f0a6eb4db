// What a trainer and a call of fit can be told.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "../data/dataset.hpp"
#include "../loss.hpp"
#include "../schedule.hpp"
#include "buckets.hpp"
#include "history.hpp"

namespace lockstep::nn {

/// In which order gradients are summed over GPUs: in that of the fixed tree, or in NCCL's own, which can be faster on
/// three GPUs and more, and whose bits may differ from run to run. CPUs always keep the tree.
enum class gradient_order { tree, any };

/// How a trainer makes steps; stored in its checkpoints.
struct train_options {
  /// Samples per step, over all devices together. The last batch of an epoch can be smaller.
  index batch = 128;
  /// The rate of each step; a position in training is counted in epochs.
  schedule learning_rate = constant(0.05f);
  /// What a step takes: the mean of the gradients of the samples that are in the batch, or their sum.
  nn::reduction reduction = nn::reduction::mean;
  /// Logical shards of a batch, a power of two: each one's gradient is computed for itself, and all are summed in one
  /// binary tree. As many devices (a power of two up to this) and threads as share the work, the bits are the same.
  /// A device uses at most as many threads as it has shards.
  index shards = 8;
  /// Which layers' gradients travel together; changes the speed, never the result.
  bucket_sizes buckets = {};
  /// What becomes of the promise that bits are the same on any number of GPUs.
  gradient_order order = gradient_order::tree;
};

/// One call of fit.
struct fit_options {
  /// Epochs to train, on top of those already done.
  index epochs = 1;
  /// Seed of the order of samples, new in every epoch; std::nullopt keeps the data set's order.
  std::optional<seed> shuffle = seed(0);
  /// Shows progress on standard output.
  bool progress = true;
  /// Evaluated after every epoch when it is not empty.
  data::dataset test = {};
  /// Saved to after every epoch when it is not empty.
  std::string checkpoint = {};
  /// Called after every epoch, with everything above done.
  std::function<void(epoch_summary const&)> on_epoch = {};
};

}  // namespace lockstep::nn
