// conv2d: a square window of weights slides over the image. The relu and max_pool2d after it are applied row by row,
// while the row is in the first-level cache.
#pragma once

#include "../../backend/cpu/nn/convolution.hpp"
#include "../../backend/cpu/nn/convolution_gradients.hpp"
#include "../../backend/cpu/nn/elementwise.hpp"
#include "../../backend/cpu/nn/narrow_convolution.hpp"
#include "../extents.hpp"

namespace lockstep::nn {
inline namespace LOCKSTEP_COMPILER {

/// Padding with zeros so that stride 1 keeps height and width; with a stride, the output is ceil(input / stride).
struct same {
  static constexpr index output(index in, index, index stride) { return (in + stride - 1) / stride; }
  static constexpr char const* name = "same";
};

/// No padding: the window stays inside the image.
struct valid {
  static constexpr index output(index in, index kernel, index stride) { return (in - kernel) / stride + 1; }
  static constexpr char const* name = "valid";
};

/// `Filters` sums over a window of `Kernel` x `Kernel` pixels and all channels, plus a bias per filter.
/// Parameters: weights [Kernel][Kernel][channels][Filters], then bias [Filters].
template <index Filters, index Kernel, class Padding = valid, index Stride = 1>
struct conv2d {
  static_assert(Filters > 0 && Kernel > 0 && Stride > 0, "conv2d: filters, kernel and stride must be positive");
  static constexpr bool applies_relu = true, applies_pool = true;

  template <extents In>
  static constexpr bool accepts() {
    static_assert(!In.flat, "conv2d: its input must be an image, but a layer before it made it flat");
    static_assert(In.flat || std::is_same_v<Padding, same> || (In.height >= Kernel && In.width >= Kernel),
                  "conv2d: its window is larger than its input; use nn::same or a smaller kernel");
    return true;
  }
  static constexpr extents output(extents in) {
    index const step = std::max<index>(Stride, 1);
    return {Padding::output(in.height, Kernel, step), Padding::output(in.width, Kernel, step), Filters, false};
  }
  static constexpr index taps(extents in) { return Kernel * Kernel * in.channels; }
  static constexpr index weights(extents in) { return taps(in) * Filters; }
  static constexpr index biases(extents) { return Filters; }
  static constexpr fans weight_fans(extents in) { return {taps(in), Kernel * Kernel * Filters}; }
  static constexpr index multiply_adds(extents in) { return taps(in) * output(in).size(); }
  static std::string name() {
    std::string const stride = Stride == 1 ? "" : ", " + std::to_string(Stride);
    return "conv2d<" + std::to_string(Filters) + ", " + std::to_string(Kernel) + ", " + Padding::name + stride + ">";
  }

  /// Geometry of this layer over images of `in`.
  static constexpr cpu::convolution_sizes sizes(extents in) {
    extents const out = output(in);
    // As many zeros as the last window needs, half of them (rounded down) before the image; none are ever cut off.
    index const need_y = (out.height - 1) * Stride + Kernel, need_x = (out.width - 1) * Stride + Kernel;
    index const extra_y = need_y > in.height ? need_y - in.height : 0;
    index const extra_x = need_x > in.width ? need_x - in.width : 0;
    return {{in.height, in.width, in.channels, extra_y / 2, extra_x / 2, in.height + extra_y, in.width + extra_x},
            Filters,
            Kernel,
            Stride,
            out.height,
            out.width};
  }

  template <class T, extents In, bool Relu, index Window>
  struct evaluator;
};

/// Evaluates conv2d with the relu and the pool (Window > 0) that follow it.
template <index Filters, index Kernel, class Padding, index Stride>
template <class T, extents In, bool Relu, index Window>
struct conv2d<Filters, Kernel, Padding, Stride>::evaluator {
  static constexpr cpu::convolution_sizes s = sizes(In);
  static constexpr bool pooled = Window > 0;
  static constexpr index window = pooled ? Window : 1;
  static constexpr index rows = s.out_height / window, columns = s.out_width / window;  // of what leaves this stage
  static constexpr index out_row = columns * Filters, out_size = rows * out_row;
  static constexpr index whole_row = s.out_width * Filters;
  static constexpr index weight_panels = cpu::packed_size<T>(s.taps(), Filters);
  using gradients = std::conditional_t<(Window > 1), cpu::pooled_convolution_gradients<T, s, Window>,
                                       cpu::convolution_gradients<T, s>>;

  static constexpr cpu::image_layout input_layout() { return s.in; }
  static constexpr index overrun = gradients::overrun;         // elements that must be readable beyond the input
  static constexpr index saved_bytes = pooled ? out_size : 0;  // per sample: each window's chosen pixel
  static constexpr index scratch =
      std::max(weight_panels + window * whole_row, cpu::whole_lines<T>(out_size) + gradients::scratch);

  static void forward(T const* parameters, T const* in, T* out, cpu::image_layout const& layout, std::uint8_t* saved,
                      T* scratch_memory, index samples) {
    T *panels = scratch_memory, *block = panels + weight_panels;
    T const* bias = parameters + s.weights();
    cpu::pack_panels<T>({parameters, Filters, 1}, s.taps(), Filters, panels);
    for (index n = 0; n < samples; ++n, in += s.in.sample(), out += layout.sample(), saved += saved_bytes) {
      T* to = out + layout.origin();
      if constexpr (cpu::is_narrow<T>(s, Window)) {
        cpu::convolve_and_pool_narrow<T, s>(in, parameters, bias, Relu, to, layout.row(), saved);
      } else if constexpr (!pooled) {
        cpu::convolve_rows<T>(s, in, panels, 0, rows, to, layout.row(), {bias, false, Relu});
      } else {
        for (index y = 0; y < rows; ++y) {
          cpu::convolve_rows<T>(s, in, panels, y * window, window, block, whole_row, {bias, false, false});
          cpu::pool_row(block, whole_row, window, columns, Filters, Relu, to + y * layout.row(), saved + y * out_row);
        }
      }
    }
  }

  static void backward(T const* parameters, T const* in, T const* out, cpu::image_layout const& layout,
                       std::uint8_t const* saved, T* out_gradient, T* in_gradient, T* gradient, T* scratch_memory,
                       index samples) {
    T* masked = scratch_memory;
    gradients parts(parameters, in_gradient != nullptr, gradient, scratch_memory + cpu::whole_lines<T>(out_size));
    std::fill_n(gradient + s.weights(), Filters, T(0));
    for (index n = 0; n < samples; ++n, in += s.in.sample(), saved += saved_bytes, out_gradient += out_size) {
      T const* result = out + n * layout.sample() + layout.origin();
      for (index y = 0; y < rows; ++y) {
        T const* from = out_gradient + y * out_row;
        if (Relu)
          cpu::mask_by_output(from, result + y * layout.row(), masked + y * out_row, out_row);
        else
          std::copy_n(from, out_row, masked + y * out_row);
      }
      cpu::add_rows(masked, rows * columns, Filters, gradient + s.weights());
      parts.add_image(in, masked, saved, in_gradient ? in_gradient + n * In.size() : nullptr);
    }
    parts.finish(gradient);
  }
};

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::nn
