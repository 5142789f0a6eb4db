// Losses: what training makes small, and how a batch's gradients become one.
#pragma once

#include "../backend/cpu/nn/cross_entropy.hpp"
#include "network.hpp"

namespace lockstep::nn {

/// What the gradients of a batch's samples become: their mean, or their sum (a step that grows with the batch).
enum class reduction { mean, sum };

inline namespace LOCKSTEP_COMPILER {

/// Softmax and negative log likelihood in one: loss = log(sum(exp(logits))) - logits[label].
struct cross_entropy {
  /// Sum of losses and number of right answers of a shard; writes d loss / d logits to `gradient` (null: not wanted).
  /// The sum is in double, in order of the samples. Throws error on a label that is not below `classes`.
  template <class T>
  batch_result operator()(T const* logits, std::uint8_t const* labels, index samples, index classes,
                          T* gradient = nullptr) const {
    batch_result result;
    result.loss_sum = cpu::cross_entropy(logits, labels, samples, classes, gradient, result.correct);
    return result;
  }
};

/// The first of the greatest logits of one sample, which is the class that the network answers.
template <class T>
LOCKSTEP_INLINE index greatest_logit(T const* logits, index classes) {
  index greatest = 0;
  for (index i = 1; i < classes; ++i)
    if (logits[i] > logits[greatest]) greatest = i;
  return greatest;
}

/// Makes a loss of `L`, from one source for CPUs and GPUs: an `L` is called with one sample's logits, as
/// double of_sample(T const* logits, index classes, index label, T* gradient), a LOCKSTEP_FN template; it returns the
/// loss, and writes d loss / d logits to `gradient` unless that is null.
template <class L>
struct custom_loss {
  L of_sample = {};

  /// As cross_entropy's.
  template <class T>
  batch_result operator()(T const* logits, std::uint8_t const* labels, index samples, index classes,
                          T* gradient = nullptr) const {
    batch_result result;
    for (index n = 0; n < samples; ++n, logits += classes) {
      index const label = labels[n];
      if (label >= classes) cpu::throw_bad_label("custom_loss", label, n, classes);
      result.loss_sum += of_sample(logits, classes, label, gradient ? gradient + n * classes : nullptr);
      result.correct += greatest_logit(logits, classes) == label;
    }
    return result;
  }
};

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::nn
