// relu: negative values become zero. After conv2d or linear it costs nothing: their kernels apply it.
#pragma once

#include "../../backend/cpu/nn/elementwise.hpp"
#include "../extents.hpp"

namespace lockstep::nn {
inline namespace LOCKSTEP_COMPILER {

/// max(x, 0), element by element; its derivative at 0 is 0. NaN stays NaN.
struct relu : without_parameters {
  template <extents In>
  static constexpr bool accepts() {
    return true;
  }
  static constexpr extents output(extents in) { return in; }
  static std::string name() { return "relu"; }

  /// Evaluates a relu that no layer before it applies.
  template <class T, extents In, bool, index>
  struct evaluator {
    static constexpr cpu::image_layout input_layout() { return cpu::dense_images(In.height, In.width, In.channels); }
    static constexpr index overrun = 0;
    static constexpr index saved_bytes = 0;  // per sample
    static constexpr index scratch = 0;

    static void forward(T const*, T const* in, T* out, cpu::image_layout const& out_layout, std::uint8_t*, T*,
                        index samples) {
      for (index n = 0; n < samples; ++n)
        for (index y = 0; y < In.height; ++y)
          cpu::rectify(in + n * In.size() + y * In.width * In.channels,
                       out + n * out_layout.sample() + out_layout.origin() + y * out_layout.row(),
                       In.width * In.channels);
    }

    static void backward(T const*, T const* in, T const*, cpu::image_layout const&, std::uint8_t const*,
                         T* out_gradient, T* in_gradient, T*, T*, index samples) {
      if (in_gradient) cpu::mask_by_output(out_gradient, in, in_gradient, samples * In.size());
    }
  };
};

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::nn
