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

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::nn
