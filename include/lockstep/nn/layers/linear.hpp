// linear: every output is a weighted sum of all inputs, plus a bias.
#pragma once

#include "../../backend/cpu/nn/elementwise.hpp"
#include "../../backend/cpu/nn/product.hpp"
#include "../extents.hpp"

namespace lockstep::nn {
inline namespace LOCKSTEP_COMPILER {

/// output = input * weights + bias. Parameters: weights [inputs][Width], then bias [Width].
template <index Width>
struct linear {
  static_assert(Width > 0, "linear: its width must be positive");
  static constexpr bool applies_relu = true, applies_pool = false;

  template <extents In>
  static constexpr bool accepts() {
    static_assert(In.flat, "linear: its input must be flat; put nn::flatten before it");
    return true;
  }
  static constexpr extents output(extents) { return flat_extents(Width); }
  static constexpr index weights(extents in) { return in.size() * Width; }
  static constexpr index biases(extents) { return Width; }
  static constexpr fans weight_fans(extents in) { return {in.size(), Width}; }
  static constexpr index multiply_adds(extents in) { return in.size() * Width; }
  static std::string name() { return "linear<" + std::to_string(Width) + ">"; }

  /// Evaluates linear, and the relu after it where there is one.
  template <class T, extents In, bool Relu, index>
  struct evaluator {
    static constexpr index inputs = In.size();
    static constexpr cpu::image_layout input_layout() { return cpu::dense_images(1, 1, inputs); }
    static constexpr index overrun = 0;
    static constexpr index saved_bytes = 0;
    static constexpr index scratch = 0;

    static void forward(T const* parameters, T const* in, T* out, cpu::image_layout const&, std::uint8_t*, T*,
                        index samples) {
      cpu::multiply<T>(samples, Width, inputs, {in, inputs, 1}, {parameters, Width, 1}, out, Width,
                       {parameters + inputs * Width, false, Relu});
    }

    static void backward(T const* parameters, T const* in, T const* out, cpu::image_layout const&, std::uint8_t const*,
                         T* out_gradient, T* in_gradient, T* gradient, T*, index samples) {
      if (Relu) cpu::mask_by_output(out_gradient, out, out_gradient, samples * Width);
      cpu::multiply<T>(inputs, Width, samples, {in, 1, inputs}, {out_gradient, Width, 1}, gradient, Width, {});
      T* bias = gradient + inputs * Width;
      std::fill_n(bias, Width, T(0));
      cpu::add_rows(out_gradient, samples, Width, bias);
      if (in_gradient) cpu::multiply_by_transpose<T>(samples, inputs, Width, out_gradient, parameters, in_gradient);
    }
  };
};

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::nn
