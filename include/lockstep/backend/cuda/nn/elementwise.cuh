// The passes of a training step that are no products: relu, pools, the standardizing of bytes, sums over shards, steps
// of the optimizer. One thread per element.
#pragma once

#include "geometry.cuh"

namespace lockstep::nn::gpu {
inline namespace LOCKSTEP_COMPILER {

template <class F>
__global__ void __launch_bounds__(cuda::block_threads) each_element_kernel(F f, index count) {
  index const i = index{blockIdx.x} * cuda::block_threads + threadIdx.x;
  if (i < count) f(i);
}

/// f(i) for each i < count; f is a function object whose operator runs on the device.
template <class F>
void each_element(device const& where, char const* doing, index count, F const& f) {
  launch(where, doing, each_element_kernel<F>, cuda::ceil_div(count, cuda::block_threads), cuda::block_threads, f,
         count);
}

/// to[i] = max(from[i], 0), keeping NaN.
template <class T>
struct rectify {
  T const* from;
  T* to;
  __device__ void operator()(index i) const { to[i] = from[i] < T(0) ? T(0) : from[i]; }
};

template <class T>
struct copy_element {
  T const* from;
  T* to;
  __device__ void operator()(index i) const { to[i] = from[i]; }
};

/// The gradient where the rectified input is positive.
template <class T>
struct mask_by_input {
  T const *gradient, *input;
  T* to;
  __device__ void operator()(index i) const { to[i] = input[i] > T(0) ? gradient[i] : T(0); }
};

/// How the pixels under a pool lie: as an image, or window by window, as a convolution writes them.
struct pool_layout {
  int window, width, channels;  // of the input image
  bool grouped;                 // window by window
  divider by_channels, by_windows_across, by_windows_down, by_window;

  pool_layout(index image_height, index image_width, index image_channels, index pool, bool by_window_first)
      : window(static_cast<int>(pool)),
        width(static_cast<int>(image_width)),
        channels(static_cast<int>(image_channels)),
        grouped(by_window_first),
        by_channels(image_channels),
        by_windows_across(image_width / pool),
        by_windows_down(image_height / pool),
        by_window(pool) {}

  /// Where pixel `place` of the window lies that element i of the result belongs to.
  __device__ index pixel(std::uint32_t i, int place) const {
    std::uint32_t channel, across, dx;
    std::uint32_t const at = by_channels.split(i, channel);
    if (grouped) return (index{at} * window * window + place) * channels + channel;
    index const row = by_windows_across.split(at, across);  // of windows, over all images
    index const dy = by_window.split(place, dx);
    return ((row * window + dy) * width + across * window + dx) * channels + channel;
  }
};

/// The greatest of each window and its place; the first wins a tie, NaN wins over everything.
template <class T>
struct pool {
  pool_layout layout;
  T const* from;
  T* to;
  std::uint8_t* places;
  bool relu;

  __device__ void operator()(index i) const {
    T best = from[layout.pixel(i, 0)];
    int chosen = 0;
    for (int place = 1; place < layout.window * layout.window; ++place) {
      T const value = from[layout.pixel(i, place)];
      bool const better = value > best || value != value;
      best = better ? value : best;
      chosen = better ? place : chosen;
    }
    to[i] = relu && best < T(0) ? T(0) : best;
    places[i] = static_cast<std::uint8_t>(chosen);
  }
};

/// Spreads a pool's gradient: each window's chosen pixel receives it, the others zero.
template <class T>
struct unpool {
  pool_layout layout;
  T const* gradient;
  std::uint8_t const* places;
  T* to;

  __device__ void operator()(index i) const {
    for (int place = 0; place < layout.window * layout.window; ++place)
      to[layout.pixel(i, place)] = places[i] == place ? gradient[i] : T(0);
  }
};

/// Bytes of images to numbers, by channel.
template <class T>
struct standardize {
  std::uint8_t const* from;
  T* to;
  float const *scale, *shift;
  divider by_channels;

  __device__ void operator()(index i) const {
    std::uint32_t channel;
    by_channels.split(static_cast<std::uint32_t>(i), channel);
    to[i] = static_cast<T>(static_cast<float>(from[i]) * scale[channel] + shift[channel]);
  }
};

/// gradient[i] = the sum over the shards in a binary tree, neighbors first, of the sums over their pieces in order.
template <class T>
struct sum_shards {
  T const* partial;
  T* gradient;
  index count;
  int shards, pieces;

  __device__ void operator()(index i) const {
    T stack[32];
    int depth = 0;
    for (int s = 0; s < shards; ++s) {
      T sum = partial[index{s} * pieces * count + i];
      for (int p = 1; p < pieces; ++p) sum += partial[(index{s} * pieces + p) * count + i];
      for (int k = s + 1; k % 2 == 0; k /= 2) sum = stack[--depth] + sum;
      stack[depth++] = sum;
    }
    T sum = stack[--depth];
    while (depth > 0) sum = stack[--depth] + sum;
    gradient[i] = sum;
  }
};

/// A step of gradient descent: g = scale * gradient + decay * p; v = momentum * v + g;
/// p -= rate * (nesterov ? g + momentum * v : v).
template <class T>
struct descend {
  T* parameters;
  T const* gradient;
  T* velocity;
  T rate, scale, momentum, decay;
  bool nesterov;

  __device__ void operator()(index i) const {
    T const p = parameters[i], g = scale * gradient[i] + decay * p, v = momentum * velocity[i] + g;
    velocity[i] = v;
    parameters[i] = p - rate * (nesterov ? momentum * v + g : v);
  }
};

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::nn::gpu
