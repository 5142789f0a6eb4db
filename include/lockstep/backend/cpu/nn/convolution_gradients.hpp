// How a convolution sends gradients back over the images of a shard: densely, or through the pool that follows it.
#pragma once

#include "../../../core/algorithm.hpp"
#include "../nn/convolution.hpp"
#include "../nn/elementwise.hpp"
#include "../nn/narrow_convolution.hpp"
#include "../nn/pooled_gradient.hpp"

namespace lockstep::nn::cpu {
inline namespace LOCKSTEP_COMPILER {

/// Elements rounded up to whole cache lines.
template <class T>
constexpr index whole_lines(index elements) {
  index const line = 64 / static_cast<index>(sizeof(T));
  return (elements + line - 1) / line * line;
}

/// Elements of T that take as much room as `count` of U, in whole cache lines.
template <class T, class U>
constexpr index room_for(index count) {
  return whole_lines<T>((count * static_cast<index>(sizeof(U)) + static_cast<index>(sizeof(T)) - 1) /
                        static_cast<index>(sizeof(T)));
}

/// Gradients of a convolution whose output's gradient is dense.
template <class T, convolution_sizes S>
class convolution_gradients {
 public:
  static constexpr index overrun = 0;

 private:
  static constexpr image_layout input = dense_images(S.in.height, S.in.width, S.in.channels);
  static constexpr image_layout spread =
      S.stride == 1 ? S.out_gradient() : dense_images(S.out_height, S.out_width, S.filters);
  static constexpr index panels_size = S.stride == 1 ? packed_size<T>(S.kernel * S.kernel * S.filters, S.in.channels)
                                                     : packed_size<T>(S.filters, S.taps());
  static constexpr index pixels_size = packed_size<T>(S.out_pixels(), 1);
  static constexpr index strided_size = S.stride == 1 ? 0 : S.in.sample() + S.out_width * S.taps();

 public:
  static constexpr index scratch =
      whole_lines<T>(spread.sample()) + whole_lines<T>(panels_size) + pixels_size + strided_size;

  /// `parameters` begin with the weights, `gradient` with theirs; `memory` has room for `scratch` elements.
  convolution_gradients(T const* parameters, bool wants_input, T* gradient, T* memory)
      : spread_(memory),
        panels_(spread_ + whole_lines<T>(spread.sample())),
        pixels_(panels_ + whole_lines<T>(panels_size)),
        strided_(pixels_ + pixels_size),
        gradient_(gradient) {
    std::fill_n(gradient, S.weights(), T(0));
    std::fill_n(spread_, spread.sample(), T(0));
    if (!wants_input) return;
    if constexpr (S.stride == 1)
      pack_transposed(S, parameters, panels_);
    else
      pack_panels<T>({parameters, 1, S.filters}, S.filters, S.taps(), panels_);
  }

  /// Adds one image's part to the weights' gradient, and writes its input's (dense) unless `in_gradient` is null.
  void add_image(T const* in, T const* out_gradient, std::uint8_t const*, T* in_gradient) {
    copy_images(out_gradient, dense_images(S.out_height, S.out_width, S.filters), spread_, spread, 1);
    add_weight_gradient(S, in, static_cast<T const*>(spread_ + spread.origin()), spread.row(), pixels_, gradient_);
    if (!in_gradient) return;
    if constexpr (S.stride == 1) {
      convolve_rows<T>(transposed(S), spread_, panels_, 0, S.in.height, in_gradient, input.row(), {});
    } else {
      scatter_input_gradient<T>(S, spread_, spread.row(), panels_, strided_ + S.in.sample(), strided_);
      copy_images(static_cast<T const*>(strided_), S.in, in_gradient, input, 1);
    }
  }

  void finish(T*) {}

 private:
  T *spread_, *panels_, *pixels_, *strided_, *gradient_;
};

/// Gradients of a convolution whose output goes through a max-pool: the same sums without their zeros.
template <class T, convolution_sizes S, index Window>
class pooled_convolution_gradients {
  using blocks = tap_blocks<T, S.kernel, S.in.channels>;
  static constexpr bool narrow = is_narrow<T>(S, Window);
  static constexpr index pixels = S.out_pixels() / (Window * Window);
  static constexpr index weights_size = whole_lines<T>(S.filters * blocks::padded_taps);
  static constexpr index input_size = whole_lines<T>(S.in.sample() + blocks::overrun);
  static constexpr index list_size = room_for<T, sparse_term<T>>(S.filters * pixels);
  static constexpr index counts_size = room_for<T, index>(S.filters), ends_size = room_for<T, index>(S.out_pixels());
  static constexpr index keys_size = room_for<T, std::uint8_t>(S.filters * pixels + 8);

 public:
  static constexpr index overrun = blocks::overrun;
  static constexpr index scratch = 2 * weights_size + input_size + 2 * list_size + counts_size + ends_size + keys_size;

  /// `parameters` begin with the weights; `memory` has room for `scratch` elements.
  pooled_convolution_gradients(T const* parameters, bool wants_input, T* gradient, T* memory)
      : gradient_(gradient), weights_(memory), sums_(weights_ + weights_size), input_(sums_ + weights_size) {
    T *by_filter = input_ + input_size, *by_pixel = by_filter + list_size, *counts = by_pixel + list_size;
    T *ends = counts + counts_size, *keys = ends + ends_size;
    chosen_ = {reinterpret_cast<sparse_term<T>*>(by_filter), reinterpret_cast<index*>(counts), pixels,
               reinterpret_cast<sparse_term<T>*>(by_pixel), reinterpret_cast<index*>(ends)};
    keys_ = reinterpret_cast<std::uint8_t*>(keys);
    if constexpr (narrow)
      std::fill_n(gradient, S.weights(), T(0));
    else
      std::fill_n(sums_, weights_size, T(0));
    if (wants_input) filters_first<T, S.kernel, S.in.channels>(parameters, S.filters, weights_);
  }

  /// Takes in one image; `out_gradient` is that of the pooled pixels, `places` their choices.
  void add_image(T const* in, T const* out_gradient, std::uint8_t const* places, T* in_gradient) {
    if constexpr (narrow) add_narrow_weight_gradient<T, S>(in, out_gradient, places, gradient_);
    if (narrow && !in_gradient) return;
    mark_chosen(out_gradient, places, S.filters * pixels, keys_);
    if constexpr (!narrow) {
      list_by_filter(S, Window, out_gradient, keys_, chosen_);
      add_pooled_weight_gradient<T, S.kernel, S.in.channels>(S, chosen_, in, sums_);
    }
    if (!in_gradient) return;
    list_by_pixel(S, Window, out_gradient, keys_, blocks::padded_taps, chosen_);
    pooled_input_gradient<T, S.kernel, S.in.channels>(S, Window, chosen_, weights_, input_);
    copy_images(static_cast<T const*>(input_), S.in, in_gradient, dense_images(S.in.height, S.in.width, S.in.channels),
                1);
  }

  /// Writes the weights' gradient of all images taken in.
  void finish(T* gradient) {
    if constexpr (!narrow) filters_last<T, S.kernel, S.in.channels>(sums_, S.filters, gradient);
  }

 private:
  T *gradient_, *weights_, *sums_, *input_;
  std::uint8_t* keys_;
  chosen_pixels<T> chosen_;
};

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::nn::cpu
