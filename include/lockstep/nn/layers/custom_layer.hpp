// custom_layer: a layer of your own from functions of one value, which the CPU calls in loops and a GPU from threads.
#pragma once

#include <algorithm>
#include <span>

#include "../../backend/cpu/nn/image.hpp"
#include "../extents.hpp"

namespace lockstep::nn {
inline namespace LOCKSTEP_COMPILER {

/// Makes a layer of `L`, whose static functions see one sample and compute one value each, from one source for CPUs and
/// GPUs. `in` is the shape of what enters the layer, x points to it (channels last), p to the layer's parameters, g to
/// d loss / d output; T is float or double. Those that kernels call are LOCKSTEP_FN:
///
///     extents output(extents in)                                   the shape that leaves the layer
///     char const* name()
///     T value(extents in, T const* p, T const* x, index i)         output i
///     T input_gradient(extents in, T const* p, T const* x, T const* g, index i)      d loss / d x[i]
///   and, for layers with parameters,
///     index parameters(extents in)                                 how many
///     float initial(extents in, index k)                           what parameter k is before training
///     T parameter_gradient(extents in, T const* p, T const* x, T const* g, index k)  d loss / d p[k], of this sample
///
/// The gradient of a parameter is summed over the samples of a shard in their order. A function that visits every x
/// makes its pass quadratic in the size of a sample.
template <class L>
struct custom_layer : without_parameters {
  static constexpr bool has_parameters = requires(extents in) { L::parameters(in); };

  template <extents In>
  static constexpr bool accepts() {
    static_assert(L::output(In).size() > 0, "custom_layer: its output must not be empty");
    return true;
  }
  static constexpr extents output(extents in) { return L::output(in); }
  static constexpr index biases(extents in) {
    if constexpr (has_parameters)
      return L::parameters(in);
    else
      return 0;
  }
  static void initialize(extents in, std::span<float> parameters) {
    if constexpr (has_parameters)
      for (std::size_t k = 0; k < parameters.size(); ++k) parameters[k] = L::initial(in, static_cast<index>(k));
  }
  static std::string name() { return L::name(); }

  /// Evaluates the layer on a CPU.
  template <class T, extents In, bool, index>
  struct evaluator {
    static constexpr extents out = L::output(In);
    static constexpr cpu::image_layout input_layout() { return cpu::dense_images(In.height, In.width, In.channels); }
    static constexpr index overrun = 0;
    static constexpr index saved_bytes = 0;
    static constexpr index scratch = 0;

    static void forward(T const* parameters, T const* in, T* to, cpu::image_layout const& layout, std::uint8_t*, T*,
                        index samples) {
      constexpr index row = out.width * out.channels;
      for (index n = 0; n < samples; ++n, in += In.size())
        for (index y = 0; y < out.height; ++y) {
          T* const line = to + n * layout.sample() + layout.origin() + y * layout.row();
          for (index i = 0; i < row; ++i) line[i] = L::value(In, parameters, in, y * row + i);
        }
    }

    static void backward(T const* parameters, T const* in, T const*, cpu::image_layout const&, std::uint8_t const*,
                         T* out_gradient, T* in_gradient, T* gradient, T*, index samples) {
      std::fill_n(gradient, biases(In), T(0));
      for (index n = 0; n < samples; ++n) {
        T const *x = in + n * In.size(), *g = out_gradient + n * out.size();
        if constexpr (has_parameters)
          for (index k = 0; k < biases(In); ++k) gradient[k] += L::parameter_gradient(In, parameters, x, g, k);
        if (!in_gradient) continue;
        for (index i = 0; i < In.size(); ++i)
          in_gradient[n * In.size() + i] = L::input_gradient(In, parameters, x, g, i);
      }
    }
  };
};

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::nn
