// max_pool2d: the greatest of each window. After conv2d it rides along with the convolution, row by row.
#pragma once

#include "../../backend/cpu/nn/elementwise.hpp"
#include "../extents.hpp"

namespace lockstep::nn {
inline namespace LOCKSTEP_COMPILER {

/// The greatest of each window of `Window` x `Window` pixels, windows side by side. The first pixel (row-major) wins
/// a tie and receives the gradient; NaN wins over everything.
template <index Window>
struct max_pool2d : without_parameters {
  static_assert(Window >= 1 && Window <= 15, "max_pool2d: the window must be from 1 to 15 pixels wide");
  static constexpr index step = std::max<index>(Window, 1);  // so that a refused window is the only error

  template <extents In>
  static constexpr bool accepts() {
    static_assert(!In.flat, "max_pool2d: its input must be an image, but a layer before it made it flat");
    static_assert(In.flat || (In.height % step == 0 && In.width % step == 0),
                  "max_pool2d: its window must divide the height and the width of its input");
    return true;
  }
  static constexpr extents output(extents in) {
    return in.flat ? in : extents{in.height / step, in.width / step, in.channels, false};
  }
  static std::string name() { return "max_pool2d<" + std::to_string(Window) + ">"; }

  /// Evaluates a pool that does not follow a convolution.
  template <class T, extents In, bool, index>
  struct evaluator {
    static constexpr extents out = output(In);
    static constexpr index in_row = In.width * In.channels, out_row = out.width * out.channels;
    static constexpr cpu::image_layout input_layout() { return cpu::dense_images(In.height, In.width, In.channels); }
    static constexpr index overrun = 0;
    static constexpr index saved_bytes = out.size();  // per sample: each window's chosen pixel
    static constexpr index scratch = 0;

    static void forward(T const*, T const* in, T* to, cpu::image_layout const& layout, std::uint8_t* saved, T*,
                        index samples) {
      for (index n = 0; n < samples; ++n)
        for (index y = 0; y < out.height; ++y)
          cpu::pool_row(in + n * In.size() + y * Window * in_row, in_row, Window, out.width, out.channels, false,
                        to + n * layout.sample() + layout.origin() + y * layout.row(),
                        saved + n * out.size() + y * out_row);
    }

    static void backward(T const*, T const*, T const*, cpu::image_layout const&, std::uint8_t const* saved,
                         T* out_gradient, T* in_gradient, T*, T*, index samples) {
      if (!in_gradient) return;
      for (index row = 0; row < samples * out.height; ++row)
        cpu::unpool_row(out_gradient + row * out_row, saved + row * out_row, Window, out.width, out.channels,
                        in_gradient + row * Window * in_row, in_row);
    }
  };
};

template <class Layer>
inline constexpr index pool_window = 0;
template <index Window>
inline constexpr index pool_window<max_pool2d<Window>> = Window;

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::nn
