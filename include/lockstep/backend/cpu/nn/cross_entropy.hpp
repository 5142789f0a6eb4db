// Softmax, negative log likelihood and its gradient in one pass over the logits, on one thread.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>

#include "../../../core/config.hpp"
#include "../../../core/error.hpp"

namespace lockstep::nn::cpu {
inline namespace LOCKSTEP_COMPILER {

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_bad_label(char const* loss, index label, index sample,
                                                                   index classes) {
  throw error(std::string(loss) + ": found the label " + std::to_string(label) + " of sample " +
              std::to_string(sample) + ", expected one below the network's " + std::to_string(classes) + " outputs");
}

/// Sum of the losses of `samples` rows of logits; counts in `correct` the rows whose greatest logit (the first of
/// equals) is the label's. Writes softmax - one_hot(label) to `gradient` unless it is null. Throws error on a label
/// that is not below `classes`.
template <class T>
double cross_entropy(T const* logits, std::uint8_t const* labels, index samples, index classes, T* gradient,
                     index& correct) {
  double total = 0;
  for (index n = 0; n < samples; ++n, logits += classes) {
    index const label = labels[n];
    if (label >= classes) throw_bad_label("cross_entropy", label, n, classes);
    index greatest = 0;
    for (index i = 1; i < classes; ++i)
      if (logits[i] > logits[greatest]) greatest = i;
    correct += greatest == label;
    double const shift = static_cast<double>(logits[greatest]);
    double sum = 0;
    for (index i = 0; i < classes; ++i) sum += std::exp(static_cast<double>(logits[i]) - shift);
    total += std::log(sum) + shift - static_cast<double>(logits[label]);
    if (!gradient) continue;
    for (index i = 0; i < classes; ++i)
      gradient[i] = static_cast<T>(std::exp(static_cast<double>(logits[i]) - shift) / sum - (i == label));
    gradient += classes;
  }
  return total;
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::nn::cpu
