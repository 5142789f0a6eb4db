// sequential: a network as a list of layer types, checked by the compiler, with its parameters in one flat vector.
#pragma once

#include <array>
#include <concepts>
#include <vector>

#include "initialize.hpp"
#include "layers/conv2d.hpp"
#include "layers/custom_layer.hpp"
#include "layers/linear.hpp"
#include "network.hpp"

namespace lockstep::nn {
inline namespace LOCKSTEP_COMPILER {

/// What a layer type must say about itself at least.
template <class Layer>
concept layer = requires(extents in) {
  { Layer::output(in) } -> std::same_as<extents>;
  { Layer::name() } -> std::convertible_to<std::string>;
  Layer::applies_relu;
};

/// The network that `Layers` make, or, where they are refused, a stand-in that compiles, so that the reason is the only
/// error.
template <bool Accepted, class Input, class... Layers>
struct network_choice {
  using plan = network_plan<Input, Layers...>;
  template <class T>
  using with = network<T, Input, Layers...>;
};
template <class Input, class... Layers>
struct network_choice<false, Input, Layers...> : network_choice<true, input<1>, relu> {};

template <class... Layers>
class sequential;

/// A network: nn::input, then layers. It owns the parameters; the arithmetic is in static functions that take them as
/// an argument, so that replicas share one code. Layers are counted from 0, the input not counted.
template <index... Extents, class... Layers>
class sequential<input<Extents...>, Layers...> {
  static constexpr bool has_layers = sizeof...(Layers) > 0, input_again = (is_input<Layers> || ...);
  static constexpr bool all_layers = ((layer<Layers> || is_input<Layers>)&&...);
  static_assert(has_layers, "sequential: needs layers after nn::input");
  static_assert(!input_again, "sequential: nn::input can only be the first layer");
  static_assert(all_layers, "sequential: nn::input must be followed by layers, found a type that is none");
  using choice = network_choice<has_layers && !input_again && all_layers, input<Extents...>, Layers...>;
  using plan = typename choice::plan;

 public:
  /// The same network with elements of type T (double for checks).
  template <class T>
  using with = typename choice::template with<T>;
  using evaluator = with<float>;
  using workspace = typename evaluator::workspace;

  static constexpr std::size_t layer_count = plan::layer_count;
  static constexpr std::size_t parameter_count = plan::parameter_count;
  static constexpr auto input_shape = as_shape<plan::shapes.front()>();
  static constexpr auto output_shape = as_shape<plan::shapes.back()>();
  /// Where each layer's parameters (weights, then bias) lie in the flat vector.
  static constexpr std::array<parameter_block, layer_count> parameter_blocks = plan::parameter_blocks;
  /// Multiply-adds of each layer per sample, forward.
  static constexpr std::array<index, layer_count> layer_multiply_adds = plan::multiply_adds;
  /// Multiply-adds of the whole network per sample, forward.
  static constexpr index multiply_adds = [] {
    index sum = 0;
    for (index layer : layer_multiply_adds) sum += layer;
    return sum;
  }();
  /// The shape that enters each layer, and the one that leaves the last.
  static constexpr std::array<extents, layer_count + 1> layer_shapes = plan::shapes;

  static std::array<std::string, layer_count> layer_names() { return {Layers::name()...}; }

  /// Weights before a relu are drawn from He's normal distribution, others from Xavier's uniform one, by counter;
  /// biases are zero. Layers of your own say themselves what their parameters are.
  explicit sequential(seed s) : parameters_(parameter_count) { initialize(s, std::make_index_sequence<layer_count>{}); }

  std::span<float> parameters() { return parameters_; }
  std::span<float const> parameters() const { return parameters_; }

  /// A hash of every parameter's bits.
  std::uint64_t fingerprint() const { return nn::fingerprint(parameters_); }

  /// network::forward with elements of type float.
  static float const* forward(std::span<float const> parameters, float const* images, index samples,
                              workspace& memory) {
    return evaluator::forward(parameters, images, samples, memory);
  }

  /// network::forward_backward with elements of type float.
  template <class Loss, class OnGradient>
  static batch_result forward_backward(std::span<float const> parameters, float const* images,
                                       std::uint8_t const* labels, index samples, Loss const& loss, workspace& memory,
                                       float* gradient, OnGradient&& on_layer_gradient) {
    return evaluator::forward_backward(parameters, images, labels, samples, loss, memory, gradient,
                                       static_cast<OnGradient&&>(on_layer_gradient));
  }

 private:
  template <std::size_t... I>
  void initialize(seed s, std::index_sequence<I...>) {
    (initialize_layer<Layers, I>(s), ...);
  }

  template <class Layer, std::size_t I>
  void initialize_layer(seed s) {
    constexpr extents in = plan::shapes[I];
    constexpr std::size_t offset = parameter_blocks[I].offset, weights = Layer::weights(in);
    if constexpr (requires { Layer::initialize(in, parameters()); })
      Layer::initialize(in, parameters().subspan(offset, parameter_blocks[I].count));
    if constexpr (weights > 0) {
      constexpr bool before_relu = I + 1 < layer_count && plan::is_relu[(I + 1) % layer_count];
      auto const values = parameters().subspan(offset, weights);
      if (before_relu)
        he_normal(values, Layer::weight_fans(in), s, offset);
      else
        xavier_uniform(values, Layer::weight_fans(in), s, offset);
    }
  }

  std::vector<float> parameters_;
};

/// Without nn::input in front it is no network; this only says so.
template <class... Layers>
class sequential : public sequential<input<1>, relu> {
  static_assert(sizeof...(Layers) < 0, "sequential: the first layer must be nn::input");
  using sequential<input<1>, relu>::sequential;
};

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::nn
