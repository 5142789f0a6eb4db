// Where the images of a batch lie in memory, and the sizes of a convolution over them: channels last.
#pragma once

#include "../../../core/config.hpp"

namespace lockstep::nn::cpu {

/// The batch of images between two layers: height x width x channels each, maybe inside a border of zeros.
struct image_layout {
  index height = 1, width = 1, channels = 1;
  index before_y = 0, before_x = 0;  // border above and to the left
  index padded_height = 1, padded_width = 1;

  constexpr index row() const { return padded_width * channels; }   // elements from one row to the next
  constexpr index sample() const { return padded_height * row(); }  // elements from one image to the next
  constexpr index origin() const { return before_y * row() + before_x * channels; }  // offset of the first pixel
  constexpr index size() const { return height * width * channels; }  // elements of one image without its border
  constexpr bool dense() const { return sample() == size(); }
  friend constexpr bool operator==(image_layout const&, image_layout const&) = default;
};

/// Images without a border.
constexpr image_layout dense_images(index height, index width, index channels) {
  return {height, width, channels, 0, 0, height, width};
}

/// A square window of `kernel` x `kernel` pixels that moves by `stride` over a padded input.
struct convolution_sizes {
  image_layout in;
  index filters, kernel, stride, out_height, out_width;

  constexpr index run() const { return kernel * in.channels; }  // contiguous products of one row of the window
  constexpr index taps() const { return kernel * run(); }       // products of one output
  constexpr index weights() const { return taps() * filters; }
  constexpr index out_pixels() const { return out_height * out_width; }
  constexpr index out_size() const { return out_pixels() * filters; }

  /// The gradient of the output inside the border that the gradient of the input is convolved from (stride 1).
  constexpr image_layout out_gradient() const {
    return {out_height,
            out_width,
            filters,
            kernel - 1 - in.before_y,
            kernel - 1 - in.before_x,
            in.height + kernel - 1,
            in.width + kernel - 1};
  }
};

}  // namespace lockstep::nn::cpu
