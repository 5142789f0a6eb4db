// Convolutions on one thread as implicit matrix products: the tile reads the image in place, no im2col is stored.
#pragma once

#include "../../../core/algorithm.hpp"
#include "../nn/image.hpp"
#include "../nn/product.hpp"

namespace lockstep::nn::cpu {
inline namespace LOCKSTEP_COMPILER {

/// Output rows [first_row, first_row + rows) of one image. `in` points at the padded image, `panels` holds the packed
/// weights (taps x filters), `out` points at the first of these rows, which are `out_row` elements apart.
template <class T>
void convolve_rows(convolution_sizes const& s, T const* in, T const* panels, index first_row, index rows, T* out,
                   index out_row, finish<T> const& end) {
  walk const products{s.kernel, s.run(), s.in.row(), 1, s.run() * panel_columns<T>, panel_columns<T>};
  index const a_pixel = s.stride * s.in.channels, a_wrap = s.stride * s.in.row() - s.out_width * a_pixel;
  index const c_wrap = out_row - s.out_width * s.filters;
  for (index column = 0; column < s.filters; column += panel_columns<T>, panels += s.taps() * panel_columns<T>) {
    index const count = std::min(panel_columns<T>, s.filters - column);
    finish<T> const part{end.bias ? end.bias + column : nullptr, end.accumulate, end.relu};
    T const* from = in + first_row * s.stride * s.in.row();
    T* to = out + column;
    index left = s.out_width;  // pixels of this row
    for_each_tile(rows * s.out_width, [&](index, index pixels) {
      tile_addresses<T> at;
      for (index i = 0; i < pixels; ++i) {
        at.a[i] = from;
        at.c[i] = to;
        from += a_pixel, to += s.filters;
        if (--left == 0) from += a_wrap, to += c_wrap, left = s.out_width;
      }
      product_tile(pixels, at, panels, products, part, count);
    });
  }
}

/// Adds to `gradient` (taps x filters) what one image contributes: sum over pixels of input tap times output gradient.
/// `out_gradient` points at the first pixel, rows are `out_row` elements apart; `panel` is scratch memory for
/// out_pixels x panel_columns.
template <class T>
void add_weight_gradient(convolution_sizes const& s, T const* in, T const* out_gradient, index out_row, T* panel,
                         T* gradient) {
  constexpr index full = panel_columns<T>;
  walk const products{s.out_height,       s.out_width, s.stride * s.in.row(), s.stride * s.in.channels,
                      s.out_width * full, full};
  for (index column = 0; column < s.filters; column += full) {
    index const count = std::min(full, s.filters - column);
    for (index y = 0; y < s.out_height; ++y)
      pack_panel(strided_matrix<T>{out_gradient + y * out_row, s.filters, 1}, 0, s.out_width, column, count,
                 panel + y * s.out_width * full);
    for_each_tile(s.taps(), [&](index first, index taps) {
      tile_addresses<T> at;
      for (index i = 0; i < taps; ++i) {
        index const tap = first + i;
        at.a[i] = in + tap / s.run() * s.in.row() + tap % s.run();
        at.c[i] = gradient + tap * s.filters + column;
      }
      product_tile(taps, at, static_cast<T const*>(panel), products, finish<T>{nullptr, true, false}, count);
    });
  }
}

/// The convolution that takes the output's gradient, inside its border, to the input's: stride 1.
constexpr convolution_sizes transposed(convolution_sizes const& s) {
  return {s.out_gradient(), s.in.channels, s.kernel, 1, s.in.height, s.in.width};
}

/// Packs the weights (taps x filters) turned by 180 degrees, with channels and filters exchanged, for transposed(s).
template <class T>
void pack_transposed(convolution_sizes const& s, T const* weights, T* panels) {
  index const squares = s.kernel * s.kernel, part = s.filters * panel_columns<T>;
  for (index first = 0; first < s.in.channels; first += panel_columns<T>)
    for (index square = 0; square < squares; ++square, panels += part)
      pack_panel(strided_matrix<T>{weights + (squares - 1 - square) * s.in.channels * s.filters, 1, s.filters}, 0,
                 s.filters, first, std::min(panel_columns<T>, s.in.channels - first), panels);
}

/// The input's gradient of one image for any stride, inside the input's border (which receives values to be ignored).
/// `panels` packs the weights' transpose (filters x taps); `runs` is scratch memory for out_width x taps.
template <class T>
void scatter_input_gradient(convolution_sizes const& s, T const* out_gradient, index out_row, T const* panels, T* runs,
                            T* in_gradient) {
  std::fill_n(in_gradient, s.in.sample(), T(0));
  for (index y = 0; y < s.out_height; ++y) {
    convolution_sizes const pixels{dense_images(1, s.out_width, s.filters), s.taps(), 1, 1, 1, s.out_width};
    convolve_rows(pixels, out_gradient + y * out_row, panels, 0, 1, runs, s.taps(), finish<T>{});
    T const* from = runs;
    for (index x = 0; x < s.out_width; ++x)
      for (index dy = 0; dy < s.kernel; ++dy, from += s.run()) {
        T* to = in_gradient + (y * s.stride + dy) * s.in.row() + x * s.stride * s.in.channels;
        for (index i = 0; i < s.run(); ++i) to[i] += from[i];
      }
  }
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::nn::cpu
