// Convolutions and linear layers as products: what their rows, columns and depths are in memory. Parameters are weights
// [kernel][kernel][channels][filters], then the bias, which is one row more: of an input that is always 1.
#pragma once

#include <algorithm>

#include "product.cuh"

namespace lockstep::nn::gpu {
inline namespace LOCKSTEP_COMPILER {

/// The inputs under a convolution's window: a pixel of the output by a tap of the window.
template <class T>
struct patches {
  geometry g;
  T const* in;

  struct pixel {
    T const* image;
    int y, x;  // of the window's first tap; may lie outside
  };
  struct tap {
    int dy, dx, channel;  // dy < 0: the bias
  };
  __device__ pixel pixel_at(std::uint32_t number) const {
    out_pixel const p = find_pixel(g, number);
    return {in + p.sample * g.in_size(), p.y * g.stride - g.before_y, p.x * g.stride - g.before_x};
  }
  __device__ tap tap_at(std::uint32_t number) const {
    if (number == g.taps()) return {-1, 0, 0};
    std::uint32_t c, dx;
    std::uint32_t const dy = g.by_kernel.split(g.by_channels.split(number, c), dx);
    return {static_cast<int>(dy), static_cast<int>(dx), static_cast<int>(c)};
  }
  __device__ T value_at(pixel const& p, tap const& k) const {
    if (k.dy < 0) return T(1);
    int const y = p.y + k.dy, x = p.x + k.dx;
    bool const inside = y >= 0 && y < g.height && x >= 0 && x < g.width;
    return inside ? p.image[(index{y} * g.width + x) * g.channels + k.channel] : T(0);
  }
};

template <class T>
struct patches_by_pixel : patches<T> {
  static constexpr bool depth_first = true;
  using row_state = typename patches<T>::pixel;
  using depth_state = typename patches<T>::tap;
  __device__ row_state row(std::uint32_t number) const { return this->pixel_at(number); }
  __device__ depth_state depth(std::uint32_t number) const { return this->tap_at(number); }
  __device__ T value(row_state const& p, depth_state const& k) const { return this->value_at(p, k); }
};
template <class T>
struct patches_by_tap : patches<T> {
  static constexpr bool depth_first = false;
  using row_state = typename patches<T>::tap;
  using depth_state = typename patches<T>::pixel;
  __device__ row_state row(std::uint32_t number) const { return this->tap_at(number); }
  __device__ depth_state depth(std::uint32_t number) const { return this->pixel_at(number); }
  __device__ T value(row_state const& k, depth_state const& p) const { return this->value_at(p, k); }
};

/// A row-major matrix with `columns` columns.
template <class T>
struct dense_matrix {
  static constexpr bool depth_first = false;
  T const* data;
  index columns;
  using depth_state = T const*;
  using column_state = std::uint32_t;
  __device__ depth_state depth(std::uint32_t number) const { return data + number * columns; }
  __device__ column_state column(std::uint32_t number) const { return number; }
  __device__ T value(depth_state row, column_state i) const { return row[i]; }
};

/// The gradient of a convolution's output before relu and pool, from that of what left the stage: zero where relu cut
/// off, and for pixels that the pool did not choose.
template <class T>
struct output_gradient {
  geometry g;
  T const* gradient;
  T const* result;             ///< null: there is no relu
  std::uint8_t const* places;  ///< null: there is no pool

  __device__ T value_at(index at, int place) const {
    if (places && places[at] != place) return T(0);
    if (result && !(result[at] > T(0))) return T(0);
    return gradient[at];
  }
};

/// By pixel and filter, for the gradient of the weights.
template <class T>
struct gradient_by_filter : output_gradient<T> {
  static constexpr bool depth_first = false;
  struct depth_state {
    index at;
    int place;
  };
  using column_state = std::uint32_t;
  __device__ depth_state depth(std::uint32_t pixel) const {
    std::uint32_t place;
    index const window = this->g.by_area.split(pixel, place);
    return {window * this->g.filters, static_cast<int>(place)};
  }
  __device__ column_state column(std::uint32_t filter) const { return filter; }
  __device__ T value(depth_state const& p, column_state filter) const { return this->value_at(p.at + filter, p.place); }
};

/// By pixel of the input, and tap and filter, for the gradient of the input.
template <class T>
struct gradient_by_input : output_gradient<T> {
  static constexpr bool depth_first = true;
  struct row_state {
    index first;  // of the sample's windows
    int y, x;     // of the pixel, counted from where the first window begins
  };
  struct depth_state {
    int dy, dx, filter;
  };
  __device__ row_state row(std::uint32_t number) const {
    geometry const& g = this->g;
    std::uint32_t at, x;
    index const sample = g.by_image.split(number, at);
    int const y = static_cast<int>(g.by_width.split(at, x));
    return {sample * g.windows(), y + g.before_y, static_cast<int>(x) + g.before_x};
  }
  __device__ depth_state depth(std::uint32_t number) const {
    std::uint32_t filter, dx;
    std::uint32_t const dy = this->g.by_kernel.split(this->g.by_filters.split(number, filter), dx);
    return {static_cast<int>(dy), static_cast<int>(dx), static_cast<int>(filter)};
  }
  __device__ T value(row_state const& p, depth_state const& k) const {
    geometry const& g = this->g;
    int const from_y = p.y - k.dy, from_x = p.x - k.dx;
    if (from_y < 0 || from_x < 0) return T(0);
    std::uint32_t rest_y, rest_x, dy, dx;
    std::uint32_t const y = g.by_stride.split(from_y, rest_y), x = g.by_stride.split(from_x, rest_x);
    if (rest_y != 0 || rest_x != 0 || y >= g.out_height || x >= g.out_width) return T(0);
    index const window = p.first + g.by_window.split(y, dy) * g.by_windows_across.by + g.by_window.split(x, dx);
    return this->value_at(window * g.filters + k.filter, static_cast<int>(dy * g.window + dx));
  }
};

/// The weights by tap and filter, and channel.
template <class T>
struct weights_by_channel {
  static constexpr bool depth_first = true;
  geometry g;
  T const* weights;
  using depth_state = T const*;
  using column_state = index;
  __device__ depth_state depth(std::uint32_t number) const {
    std::uint32_t filter;
    index const tap = g.by_filters.split(number, filter);
    return weights + tap * g.channels * g.filters + filter;
  }
  __device__ column_state column(std::uint32_t channel) const { return index{channel} * g.filters; }
  __device__ T value(depth_state at, column_state offset) const { return at[offset]; }
};

/// to = the convolution of `samples` images plus bias, then relu. Without `places` its pixels lie window by window;
/// with them, which needs windows of four pixels, the pool is applied as well.
template <class T>
void convolve(device const& where, geometry const& g, T const* parameters, T const* in, T* to, bool relu,
              std::uint8_t* places, index samples) {
  index const depth = g.taps() + 1;
  multiply<T>(where, "a convolution", patches_by_pixel<T>{{g, in}}, dense_matrix<T>{parameters, g.filters},
              {.whole = static_cast<std::uint32_t>(depth)}, {to, relu, places}, samples * g.out_pixels(), g.filters);
}

/// The sums of a shard's gradient are cut into so many pieces that its tiles occupy a GPU, by sizes alone that do not
/// depend on the number of devices.
inline index gradient_pieces(geometry const& g, index samples_per_shard) {
  index const tiles = product_tiles(g.taps() + 1, g.filters);
  return std::clamp<index>(std::min(32 / tiles, samples_per_shard * g.out_pixels() / 64), 1, 32);
}

/// Writes the gradient of weights and bias of every piece of every shard to `partial`.
template <class T>
void convolve_gradient_of_parameters(device const& where, output_gradient<T> const& out, T const* in,
                                     shard_samples const& shards, index pieces, T* partial) {
  geometry const& g = out.g;
  require_countable(shards.samples() * g.out_pixels(), "a convolution's gradient");
  multiply<T>(where, "a convolution's gradient", patches_by_tap<T>{{g, in}}, gradient_by_filter<T>{out},
              {0, static_cast<std::uint32_t>(pieces), static_cast<std::uint32_t>(g.out_pixels()), shards}, {partial},
              g.taps() + 1, g.filters);
}

/// Writes the gradient of the input.
template <class T>
void convolve_gradient_of_input(device const& where, output_gradient<T> const& out, T const* parameters, T* to,
                                index samples) {
  geometry const& g = out.g;
  index const depth = index{g.kernel} * g.kernel * g.filters;
  multiply<T>(where, "a convolution's gradient", gradient_by_input<T>{out}, weights_by_channel<T>{g, parameters},
              {.whole = static_cast<std::uint32_t>(depth)}, {to}, samples * g.height * g.width, g.channels);
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::nn::gpu
