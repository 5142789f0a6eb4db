// The element-wise and pooling passes of a training step on one thread, channels last.
#pragma once

#include <cstdint>

#include "../../../core/algorithm.hpp"
#include "../nn/image.hpp"
#include "../nn/simd.hpp"

namespace lockstep::nn::cpu {
inline namespace LOCKSTEP_COMPILER {

/// Copies images from one layout to another of the same extents; borders are left as they are.
template <class T>
void copy_images(T const* from, image_layout const& source, T* to, image_layout const& target, index samples) {
  index const row = source.width * source.channels;
  for (index n = 0; n < samples; ++n)
    for (index y = 0; y < source.height; ++y)
      std::copy_n(from + n * source.sample() + source.origin() + y * source.row(), row,
                  to + n * target.sample() + target.origin() + y * target.row());
}

/// to[i] = max(from[i], 0), keeping NaN.
template <class T>
void rectify(T const* from, T* to, index count) {
  for (index i = 0; i < count; ++i) to[i] = from[i] < T(0) ? T(0) : from[i];
}

/// to[i] = gradient[i] where the rectified output is positive, 0 elsewhere. The gradient is read in either case: of a
/// load under a condition g++ 12 makes a masked one, and at -O3 then mixed up the values of rows that were inlined.
template <class T>
void mask_by_output(T const* gradient, T const* output, T* to, index count) {
  for (index i = 0; i < count; ++i) {
    T const value = gradient[i];
    to[i] = output[i] > T(0) ? value : T(0);
  }
}

/// sums[j] += rows[i][j] for each of `count` rows of `columns` elements, in order.
template <class T>
void add_rows(T const* rows, index count, index columns, T* sums) {
  for (index i = 0; i < count; ++i, rows += columns)
    for (index j = 0; j < columns; ++j) sums[j] += rows[j];
}

/// The greatest of each window of `window` x `window` pixels along one row of windows, and its place in the window
/// (row-major; the first wins a tie; NaN wins over all). Rows of `in` are `in_row` elements apart.
template <class T>
void pool_row(T const* in, index in_row, index window, index out_width, index channels, bool relu, T* out,
              std::uint8_t* places) {
  for (index x = 0; x < out_width; ++x, out += channels, places += channels) {
    T const* corner = in + x * window * channels;
    for (index c = 0; c < channels; ++c) {
      T best = corner[c];
      int place = 0;
      for (index dy = 0, i = 0; dy < window; ++dy)
        for (index dx = 0; dx < window; ++dx, ++i) {
          T const value = corner[dy * in_row + dx * channels + c];
          bool const better = value > best || value != value;
          best = better ? value : best;
          place = better ? static_cast<int>(i) : place;
        }
      out[c] = relu && best < T(0) ? T(0) : best;
      places[c] = static_cast<std::uint8_t>(place);
    }
  }
}

/// Spreads the gradient of one row of windows: each window's chosen pixel receives it, the others receive zero.
template <class T>
void unpool_row(T const* gradient, std::uint8_t const* places, index window, index out_width, index channels, T* to,
                index to_row) {
  for (index dy = 0; dy < window; ++dy)
    for (index x = 0; x < out_width; ++x)
      for (index dx = 0; dx < window; ++dx) {
        T* pixel = to + dy * to_row + (x * window + dx) * channels;
        T const* from = gradient + x * channels;
        std::uint8_t const* chosen = places + x * channels;
        int const place = static_cast<int>(dy * window + dx);
        for (index c = 0; c < channels; ++c) pixel[c] = chosen[c] == place ? from[c] : T(0);
      }
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::nn::cpu
