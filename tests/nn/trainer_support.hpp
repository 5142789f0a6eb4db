// What the tests of the trainer share: a small network, data for it, and losses that watch or disturb training.
#pragma once

#include <array>
#include <atomic>
#include <limits>
#include <lockstep/nn/train/trainer.hpp>
#include <memory>
#include <string>
#include <vector>

namespace training_test {
inline namespace LOCKSTEP_COMPILER {

namespace ls = lockstep;
namespace nn = lockstep::nn;

/// Every kind of layer, a few hundred parameters.
using network = nn::sequential<nn::input<8, 6, 1>, nn::conv2d<5, 3, nn::same>, nn::relu, nn::max_pool2d<2>, nn::flatten,
                               nn::linear<9>, nn::relu, nn::linear<4>>;

/// Images of four classes, each with its own bright row, under noise that is the same every time.
inline nn::data::dataset striped(std::size_t samples, ls::shape<3> shape = ls::shape{8, 6, 1}) {
  std::vector<std::uint8_t> images, labels;
  for (std::size_t i = 0; i < samples; ++i) {
    auto const label = static_cast<std::uint8_t>(i * 7 % 4);
    labels.push_back(label);
    for (std::size_t p = 0; p < shape.size(); ++p) {
      bool const bright = static_cast<ls::index>(p) / (shape[1] * shape[2]) == 2 * label;
      std::uint32_t const noise = ls::philox4x32(i * shape.size() + p, 99)[0] >> 25;
      images.push_back(static_cast<std::uint8_t>(noise + (bright ? 100 : 0)));
    }
  }
  return nn::data::dataset(shape, images, labels);
}

/// A loss that counts how often it sees each label.
struct counting_loss {
  nn::cross_entropy inner = {};
  std::shared_ptr<std::array<std::atomic<int>, 256>> seen = std::make_shared<std::array<std::atomic<int>, 256>>();

  template <class T>
  nn::batch_result operator()(T const* logits, std::uint8_t const* labels, ls::index samples, ls::index classes,
                              T* gradient = nullptr) const {
    for (ls::index i = 0; i < samples; ++i) ++(*seen)[labels[i]];
    return inner(logits, labels, samples, classes, gradient);
  }
};

/// A loss that is not a number for one label; with another one it throws.
struct faulty_loss {
  int nan_label = -1, throw_label = -1;

  template <class T>
  nn::batch_result operator()(T const* logits, std::uint8_t const* labels, ls::index samples, ls::index classes,
                              T* gradient = nullptr) const {
    nn::batch_result result = nn::cross_entropy()(logits, labels, samples, classes, gradient);
    for (ls::index i = 0; i < samples; ++i) {
      if (labels[i] == nan_label) result.loss_sum = std::numeric_limits<double>::quiet_NaN();
      if (labels[i] == throw_label) throw std::domain_error("this label is not liked");
    }
    return result;
  }
};

}  // namespace LOCKSTEP_COMPILER
}  // namespace training_test
