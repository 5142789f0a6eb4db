// The sizes of a convolution and of the max-pool behind it as kernels need them, and fast division by them.
#pragma once

#include <cstdint>

#include "../../cpu/nn/image.hpp"
#include "../launch.cuh"

namespace lockstep::nn::gpu {
inline namespace LOCKSTEP_COMPILER {

using lockstep::cuda::launch;

/// Division by a number that a whole launch shares: a multiplication and a shift, for numerators below 2^31.
/// Source: Granlund, Montgomery, "Division by invariant integers using multiplication", PLDI 1994.
struct divider {
  std::uint32_t by = 1, factor = 1, shift = 0;

  divider() = default;
  explicit divider(index d) : by(static_cast<std::uint32_t>(d)) {
    while ((std::uint64_t{1} << shift) < by) ++shift;
    factor = static_cast<std::uint32_t>((std::uint64_t{1} << 32) * ((std::uint64_t{1} << shift) - by) / by + 1);
  }
  __device__ std::uint32_t quotient(std::uint32_t n) const { return (__umulhi(n, factor) + n) >> shift; }
  /// Returns the quotient; `rest` becomes what is left.
  __device__ std::uint32_t split(std::uint32_t n, std::uint32_t& rest) const {
    std::uint32_t const q = quotient(n);
    rest = n - q * by;
    return q;
  }
};

/// A convolution over dense images, channels last, and the square max-pool after it (window 1: none). The pixels of its
/// output are counted window by window, and row-major within a window, so that those of a window are neighbors.
/// A linear layer is the convolution of a 1 x 1 image.
struct geometry {
  int height, width, channels, filters, kernel, stride, before_y, before_x, out_height, out_width, window;
  divider by_channels, by_filters, by_kernel, by_stride, by_width, by_image, by_window, by_area, by_windows_across,
      by_windows;

  explicit geometry(cpu::convolution_sizes const& s, index pool = 1)
      : height(static_cast<int>(s.in.height)),
        width(static_cast<int>(s.in.width)),
        channels(static_cast<int>(s.in.channels)),
        filters(static_cast<int>(s.filters)),
        kernel(static_cast<int>(s.kernel)),
        stride(static_cast<int>(s.stride)),
        before_y(static_cast<int>(s.in.before_y)),
        before_x(static_cast<int>(s.in.before_x)),
        out_height(static_cast<int>(s.out_height)),
        out_width(static_cast<int>(s.out_width)),
        window(static_cast<int>(pool)),
        by_channels(s.in.channels),
        by_filters(s.filters),
        by_kernel(s.kernel),
        by_stride(s.stride),
        by_width(s.in.width),
        by_image(s.in.height * s.in.width),
        by_window(pool),
        by_area(pool * pool),
        by_windows_across(s.out_width / pool),
        by_windows(s.out_height / pool * (s.out_width / pool)) {}

  LOCKSTEP_INLINE index in_size() const { return index{height} * width * channels; }
  LOCKSTEP_INLINE index taps() const { return index{kernel} * kernel * channels; }
  LOCKSTEP_INLINE index out_pixels() const { return index{out_height} * out_width; }
  LOCKSTEP_INLINE index windows() const { return out_pixels() / (window * window); }
  LOCKSTEP_INLINE index out_size() const { return windows() * filters; }  // per sample, after the pool
};

/// A pixel of a convolution's output: of which sample and where.
struct out_pixel {
  std::uint32_t sample;
  int y, x;
};
__device__ __forceinline__ out_pixel find_pixel(geometry const& g, std::uint32_t number) {
  std::uint32_t place, at, column, dx;
  std::uint32_t const sample = g.by_windows.split(g.by_area.split(number, place), at);
  std::uint32_t const row = g.by_windows_across.split(at, column), dy = g.by_window.split(place, dx);
  return {sample, static_cast<int>(row * g.window + dy), static_cast<int>(column * g.window + dx)};
}

/// Throws shape_error when a stage has more elements of one kind than kernels count.
inline void require_countable(index elements, char const* what) {
  if (elements > INT32_MAX)
    throw shape_error(text_of({what, " on a GPU: found ", elements,
                               " pixels or rows in one launch, expected at most 2^31 - 1; take smaller batches"}));
}

/// The samples of a batch that a rank sees, cut into logical shards: shard i has the samples
/// [batch * (first + i) / all, batch * (first + i + 1) / all) of the whole batch, counted from the rank's first.
struct shard_samples {
  index batch, first, all;
  std::uint32_t count;  ///< shards of this rank

  LOCKSTEP_INLINE index begin(index shard) const { return batch * (first + shard) / all - batch * first / all; }
  LOCKSTEP_INLINE index samples() const { return begin(count); }
};

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::nn::gpu
