// Layers and losses of a user's own, from one source for CPUs and GPUs.
#pragma once

#include <cmath>
#include <lockstep/nn/loss.hpp>
#include <lockstep/nn/sequential.hpp>

namespace custom_layers {
inline namespace LOCKSTEP_COMPILER {

namespace ls = lockstep;
namespace nn = lockstep::nn;

/// x * sigmoid(x).
struct swish {
  static constexpr nn::extents output(nn::extents in) { return in; }
  static char const* name() { return "swish"; }
  template <class T>
  LOCKSTEP_FN static T value(nn::extents, T const*, T const* x, ls::index i) {
    return x[i] / (1 + std::exp(-x[i]));
  }
  template <class T>
  LOCKSTEP_FN static T input_gradient(nn::extents, T const*, T const* x, T const* g, ls::index i) {
    T const s = 1 / (1 + std::exp(-x[i]));
    return g[i] * s * (1 + x[i] * (1 - s));
  }
};

/// A learned slope for the negative values of each channel.
struct prelu {
  static constexpr nn::extents output(nn::extents in) { return in; }
  static char const* name() { return "prelu"; }
  static constexpr ls::index parameters(nn::extents in) { return in.channels; }
  static float initial(nn::extents, ls::index k) { return 0.25f + 0.01f * static_cast<float>(k); }
  template <class T>
  LOCKSTEP_FN static T value(nn::extents in, T const* p, T const* x, ls::index i) {
    return x[i] < 0 ? p[i % in.channels] * x[i] : x[i];
  }
  template <class T>
  LOCKSTEP_FN static T input_gradient(nn::extents in, T const* p, T const* x, T const* g, ls::index i) {
    return x[i] < 0 ? p[i % in.channels] * g[i] : g[i];
  }
  template <class T>
  LOCKSTEP_FN static T parameter_gradient(nn::extents in, T const*, T const* x, T const* g, ls::index k) {
    T sum = 0;
    for (ls::index i = k; i < in.height * in.width * in.channels; i += in.channels)
      if (x[i] < 0) sum += g[i] * x[i];
    return sum;
  }
};

/// The mean of each channel: an image becomes one value per channel, times a learned weight.
struct weighted_mean {
  static constexpr nn::extents output(nn::extents in) { return nn::flat_extents(in.channels); }
  static char const* name() { return "weighted_mean"; }
  static constexpr ls::index parameters(nn::extents in) { return in.channels; }
  static float initial(nn::extents, ls::index) { return 1; }
  template <class T>
  LOCKSTEP_FN static T mean(nn::extents in, T const* x, ls::index channel) {
    T sum = 0;
    for (ls::index i = channel; i < in.height * in.width * in.channels; i += in.channels) sum += x[i];
    return sum / static_cast<T>(in.height * in.width);
  }
  template <class T>
  LOCKSTEP_FN static T value(nn::extents in, T const* p, T const* x, ls::index i) {
    return p[i] * mean(in, x, i);
  }
  template <class T>
  LOCKSTEP_FN static T input_gradient(nn::extents in, T const* p, T const*, T const* g, ls::index i) {
    return p[i % in.channels] * g[i % in.channels] / static_cast<T>(in.height * in.width);
  }
  template <class T>
  LOCKSTEP_FN static T parameter_gradient(nn::extents in, T const*, T const* x, T const* g, ls::index k) {
    return g[k] * mean(in, x, k);
  }
};

/// Half the squared distance to the one-hot vector of the label, of which `smoothing` goes to all classes alike.
struct squared_distance {
  double smoothing = 0.1;

  template <class T>
  LOCKSTEP_FN double operator()(T const* logits, ls::index classes, ls::index label, T* gradient) const {
    double sum = 0;
    for (ls::index i = 0; i < classes; ++i) {
      double const target = smoothing / static_cast<double>(classes) + (i == label ? 1 - smoothing : 0);
      double const distance = static_cast<double>(logits[i]) - target;
      sum += distance * distance / 2;
      if (gradient) gradient[i] = static_cast<T>(distance);
    }
    return sum;
  }
};

/// Before a padded convolution, behind a pool, first, last.
using network =
    nn::sequential<nn::input<8, 6, 1>, nn::custom_layer<swish>, nn::conv2d<5, 3, nn::same>, nn::custom_layer<prelu>,
                   nn::max_pool2d<2>, nn::conv2d<6, 3, nn::same>, nn::relu, nn::custom_layer<weighted_mean>,
                   nn::linear<7>, nn::custom_layer<prelu>, nn::linear<4>, nn::custom_layer<prelu>>;

}  // namespace LOCKSTEP_COMPILER
}  // namespace custom_layers
