// The gradients of a convolution that feeds a max-pool. Only one pixel of each window, the chosen one, has a gradient,
// and none where relu cut it off: the products with all the zeros are left out.
#pragma once

#include <algorithm>
#include <type_traits>

#include "../nn/image.hpp"
#include "../nn/simd.hpp"

namespace lockstep::nn::cpu {
inline namespace LOCKSTEP_COMPILER {

/// A pixel with a gradient: its window's first input element, counted from the image's, and the gradient.
template <class T>
struct chosen_pixel {
  T gradient;
  std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t> offset;
};

/// The chosen pixels of one image, a list per filter. `lists` has room for `capacity` entries per filter.
template <class T>
struct chosen_pixels {
  chosen_pixel<T>* lists;
  index* counts;
  index capacity;
};

/// Lists the pixels that have a gradient other than zero. `gradient` and `places` hold rows x columns pooled pixels of
/// s.filters values each.
template <class T>
void list_chosen(convolution_sizes const& s, index window, T const* gradient, std::uint8_t const* places,
                 chosen_pixels<T> const& to) {
  using offset_type = decltype(chosen_pixel<T>::offset);
  index const rows = s.out_height / window, columns = s.out_width / window;
  offset_type inside[256];
  for (index place = 0; place < window * window; ++place)
    inside[place] = static_cast<offset_type>(s.stride * (place / window * s.in.row() + place % window * s.in.channels));
  std::fill_n(to.counts, s.filters, index{0});
  for (index y = 0; y < rows; ++y)
    for (index x = 0; x < columns; ++x, gradient += s.filters, places += s.filters) {
      auto const corner = static_cast<offset_type>(s.stride * window * (y * s.in.row() + x * s.in.channels));
      chosen_pixel<T>* list = to.lists;
      for (index f = 0; f < s.filters; ++f, list += to.capacity) {  // no branch: a zero is overwritten by the next
        index const count = to.counts[f];
        list[count] = {gradient[f], corner + inside[places[f]]};
        to.counts[f] = count + (gradient[f] != T(0));
      }
    }
}

/// How the taps of a `Kernel` x `Kernel` window over `Channels` channels are cut into what registers can hold: `lines`
/// rows of the window at a time when it is small, else `vectors` vectors of one row.
template <class T, index Kernel, index Channels>
struct tap_blocks {
  static constexpr index registers = 12;
  static constexpr index run = Kernel * Channels;
  static constexpr index run_vectors = (run + width<T> - 1) / width<T>;
  static constexpr index lines = Kernel * run_vectors <= registers ? Kernel : 1;
  static constexpr index pieces = (run_vectors + registers - 1) / registers;  // of each row
  static constexpr index vectors = (run_vectors + pieces - 1) / pieces;
  static constexpr index padded_run = pieces * vectors * width<T>;  // elements kept per row of the window
  static constexpr index padded_taps = Kernel * padded_run;
  static constexpr index overrun = padded_run - run;  // elements read or written beyond a run
};

/// sums[line][vector] += sum over the list of gradient * input, for one block of taps of one filter.
template <class T, index Lines, index Vectors>
void add_weight_block(chosen_pixel<T> const* list, index count, T const* in, index in_row, T* sums, index sums_row) {
  constexpr int block = Lines * Vectors, copies = block > 6 ? 1 : block > 3 ? 2 : block > 1 ? 3 : 8;
  vec<T> sum[copies][block];
  unroll<copies * block>([&](auto i) __attribute__((always_inline)) { sum[i / block][i % block] = vec<T>{}; });
  index i = 0;
  auto const add = [&](auto copy, chosen_pixel<T> const& pixel) __attribute__((always_inline)) {
    T const* from = in + pixel.offset;
    vec<T> const gradient = splat(pixel.gradient);
    unroll<block>([&](auto j) __attribute__((always_inline)) {
      sum[copy][j] += gradient * load(from + j / Vectors * in_row + j % Vectors * width<T>);
    });
  };
  for (; i + copies <= count; i += copies)
    unroll<copies>([&](auto copy) __attribute__((always_inline)) { add(copy, list[i + copy]); });
  for (; i < count; ++i) add(std::integral_constant<int, 0>{}, list[i]);
  unroll<block>([&](auto j) __attribute__((always_inline)) {
    T* to = sums + j / Vectors * sums_row + j % Vectors * width<T>;
    vec<T> total = load(static_cast<T const*>(to));
    unroll<copies>([&](auto copy) __attribute__((always_inline)) { total += sum[copy][j]; });
    store(to, total);
  });
}

/// out[pixel + taps] += gradient * weights, for one block of taps of one filter and every pixel of its list.
template <class T, index Lines, index Vectors>
void scatter_weight_block(chosen_pixel<T> const* list, index count, T const* weights, index weights_row, T* out,
                          index out_row) {
  constexpr int block = Lines * Vectors;
  vec<T> weight[block];
  unroll<block>([&](auto j) __attribute__((always_inline)) {
    weight[j] = load(weights + j / Vectors * weights_row + j % Vectors * width<T>);
  });
  for (index i = 0; i < count; ++i) {
    T* to = out + list[i].offset;
    vec<T> const gradient = splat(list[i].gradient);
    unroll<block>([&](auto j) __attribute__((always_inline)) {
      T* at = to + j / Vectors * out_row + j % Vectors * width<T>;
      store(at, load(static_cast<T const*>(at)) + gradient * weight[j]);
    });
  }
}

/// Calls f(first line, first element of its run) for every block of taps of a window.
template <class Blocks, index Kernel, class T, class F>
void each_tap_block(F&& f) {
  for (index line = 0; line < Kernel; line += Blocks::lines)
    for (index piece = 0; piece < Blocks::pieces; ++piece) f(line, piece * Blocks::vectors * width<T>);
}

/// Adds one image's part of the weights' gradient to `sums`, [filters][Kernel][padded_run]. Reads
/// `overrun` elements beyond the image.
template <class T, index Kernel, index Channels>
void add_pooled_weight_gradient(convolution_sizes const& s, chosen_pixels<T> const& chosen, T const* in, T* sums) {
  using blocks = tap_blocks<T, Kernel, Channels>;
  each_tap_block<blocks, Kernel, T>([&](index line, index start) {
    for (index f = 0; f < s.filters; ++f)
      add_weight_block<T, blocks::lines, blocks::vectors>(
          chosen.lists + f * chosen.capacity, chosen.counts[f], in + line * s.in.row() + start, s.in.row(),
          sums + f * blocks::padded_taps + line * blocks::padded_run + start, blocks::padded_run);
  });
}

/// The input's gradient of one image, inside the input's border; `weights` are [filters][Kernel][padded_run], zeros
/// beyond each run. Writes `overrun` elements beyond the image.
template <class T, index Kernel, index Channels>
void pooled_input_gradient(convolution_sizes const& s, chosen_pixels<T> const& chosen, T const* weights, T* out) {
  using blocks = tap_blocks<T, Kernel, Channels>;
  std::fill_n(out, s.in.sample(), T(0));
  each_tap_block<blocks, Kernel, T>([&](index line, index start) {
    for (index f = 0; f < s.filters; ++f)
      scatter_weight_block<T, blocks::lines, blocks::vectors>(
          chosen.lists + f * chosen.capacity, chosen.counts[f],
          weights + f * blocks::padded_taps + line * blocks::padded_run + start, blocks::padded_run,
          out + line * s.in.row() + start, s.in.row());
  });
}

/// Weights [Kernel][run][filters] to [filters][Kernel][padded_run], with zeros after each run.
template <class T, index Kernel, index Channels>
void filters_first(T const* weights, index filters, T* to) {
  using blocks = tap_blocks<T, Kernel, Channels>;
  std::fill_n(to, filters * blocks::padded_taps, T(0));
  for (index tap = 0; tap < Kernel * blocks::run; ++tap)
    for (index f = 0; f < filters; ++f)
      to[f * blocks::padded_taps + tap / blocks::run * blocks::padded_run + tap % blocks::run] =
          weights[tap * filters + f];
}

/// The reverse of filters_first.
template <class T, index Kernel, index Channels>
void filters_last(T const* from, index filters, T* weights) {
  using blocks = tap_blocks<T, Kernel, Channels>;
  for (index tap = 0; tap < Kernel * blocks::run; ++tap)
    for (index f = 0; f < filters; ++f)
      weights[tap * filters + f] =
          from[f * blocks::padded_taps + tap / blocks::run * blocks::padded_run + tap % blocks::run];
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::nn::cpu
