// The gradients of a convolution that feeds a max-pool. Only one pixel of each window, the chosen one, has a gradient,
// and none where relu cut it off: the products with all the zeros are left out.
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

#include "../../../core/algorithm.hpp"
#include "../nn/image.hpp"
#include "../nn/simd.hpp"

namespace lockstep::nn::cpu {
inline namespace LOCKSTEP_COMPILER {

/// One product of a sparse sum: a gradient, and where the vector begins that it multiplies.
template <class T>
struct sparse_term {
  T factor;
  std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t> offset;
};

/// The chosen pixels of one image that have a gradient other than zero, in two orders.
template <class T>
struct chosen_pixels {
  /// A list per filter, for the weights' gradient: which input each pixel's window begins at.
  sparse_term<T>* by_filter;
  index* counts;   // terms of each filter
  index capacity;  // places kept for each filter

  /// A list per pixel of the convolution's output, for the input's gradient: which weights each filter begins at.
  sparse_term<T>* by_pixel;  // lists follow each other
  index* ends;               // of each list, windows in order and the pixels of a window together
};

/// Bit i tells whether byte i of eight equals `value`.
inline std::uint64_t equal_bytes(std::uint8_t const* bytes, std::uint8_t value) {
  static_assert(std::endian::native == std::endian::little);
  std::uint64_t word;
  __builtin_memcpy(&word, bytes, 8);
  std::uint64_t const low = 0x7f7f7f7f7f7f7f7f, difference = word ^ (value * 0x0101010101010101u);
  std::uint64_t const equal = ~(((difference & low) + low) | difference) & ~low;  // the top bit of each equal byte
  return ((equal >> 7) * 0x0102040810204080u) >> 56;
}

inline constexpr std::uint8_t no_place = 255;

/// Calls f(i) for each of `count` bytes that equals `value`, or, for no_place, that does not; in order. Reads whole
/// groups of eight bytes.
template <class F>
LOCKSTEP_HOST_INLINE void each_place(std::uint8_t const* keys, index count, std::uint8_t value, F&& f) {
  for (index first = 0; first < count; first += 64) {
    index const some = std::min<index>(64, count - first);
    std::uint64_t mask = 0;
    for (index i = 0; i < some; i += 8) mask |= equal_bytes(keys + first + i, value) << i;
    if (value == no_place) mask = ~mask;
    if (some < 64) mask &= (std::uint64_t{1} << some) - 1;
    for (; mask != 0; mask &= mask - 1) f(first + std::countr_zero(mask));
  }
}

/// keys[i] = places[i], or no_place where there is no gradient.
template <class T>
void mark_chosen(T const* gradient, std::uint8_t const* places, index count, std::uint8_t* keys) {
  for (index i = 0; i < count; ++i) keys[i] = static_cast<std::uint8_t>(places[i] | -(gradient[i] == T(0)));
}

/// Makes the lists by filter. `gradient` and `keys` hold pooled pixels of s.filters values each.
template <class T>
void list_by_filter(convolution_sizes const& s, index window, T const* gradient, std::uint8_t const* keys,
                    chosen_pixels<T> const& to) {
  using offset_type = decltype(sparse_term<T>::offset);
  offset_type inside[256];
  for (index place = 0; place < window * window; ++place)
    inside[place] = static_cast<offset_type>(s.stride * (place / window * s.in.row() + place % window * s.in.channels));
  std::fill_n(to.counts, s.filters, index{0});
  for (index y = 0; y < s.out_height; y += window)
    for (index x = 0; x < s.out_width; x += window, gradient += s.filters, keys += s.filters) {
      auto const corner = static_cast<offset_type>(s.stride * (y * s.in.row() + x * s.in.channels));
      each_place(keys, s.filters, no_place, [&](index f) {
        to.by_filter[f * to.capacity + to.counts[f]++] = {gradient[f], corner + inside[keys[f]]};
      });
    }
}

/// Makes the lists by pixel; a filter's weights are `filter_step` elements from the next one's.
template <class T>
void list_by_pixel(convolution_sizes const& s, index window, T const* gradient, std::uint8_t const* keys,
                   index filter_step, chosen_pixels<T> const& to) {
  using offset_type = decltype(sparse_term<T>::offset);
  index const area = window * window, windows = s.out_pixels() / area;
  sparse_term<T>* end = to.by_pixel;
  for (index i = 0; i < windows; ++i, gradient += s.filters, keys += s.filters)
    for (index place = 0; place < area; ++place) {
      each_place(keys, s.filters, static_cast<std::uint8_t>(place), [&](index f) {
        *end++ = {gradient[f], static_cast<offset_type>(f * filter_step)};
      });
      to.ends[i * area + place] = end - to.by_pixel;
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

/// sums[line][vector] += sum over the list of factor * values[offset ...], for one block of taps.
template <class T, index Lines, index Vectors>
void add_sparse_block(sparse_term<T> const* list, index count, T const* values, index row, T* sums, index sums_row) {
  constexpr int block = Lines * Vectors, copies = block > 6 ? 1 : block > 3 ? 2 : block > 1 ? 3 : 8;
  vec<T> sum[copies][block];
  unroll<copies * block>([&](auto i) __attribute__((always_inline)) { sum[i / block][i % block] = vec<T>{}; });
  auto const add = [&](auto copy, sparse_term<T> const& term) __attribute__((always_inline)) {
    T const* from = values + term.offset;
    vec<T> const factor = splat(term.factor);
    unroll<block>([&](auto j) __attribute__((always_inline)) {
      sum[copy][j] += factor * load(from + j / Vectors * row + j % Vectors * width<T>);
    });
  };
  index i = 0;
#if defined(__clang__)
#pragma clang loop unroll(disable)  // unrolled, it runs out of registers
#endif
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
      add_sparse_block<T, blocks::lines, blocks::vectors>(
          chosen.by_filter + f * chosen.capacity, chosen.counts[f], in + line * s.in.row() + start, s.in.row(),
          sums + f * blocks::padded_taps + line * blocks::padded_run + start, blocks::padded_run);
  });
}

/// The input's gradient of one image, inside the input's border; `weights` are [filters][Kernel][padded_run], zeros
/// beyond each run. Writes `overrun` elements beyond the image.
template <class T, index Kernel, index Channels>
void pooled_input_gradient(convolution_sizes const& s, index window, chosen_pixels<T> const& chosen, T const* weights,
                           T* out) {
  using blocks = tap_blocks<T, Kernel, Channels>;
  std::fill_n(out, s.in.sample() + blocks::overrun, T(0));
  each_tap_block<blocks, Kernel, T>([&](index line, index start) {
    T const* const block = weights + line * blocks::padded_run + start;
    T* const origin = out + line * s.in.row() + start;
    index const row = s.stride * s.in.row(), column = s.stride * s.in.channels;  // from one output pixel to the next
    sparse_term<T> const* list = chosen.by_pixel;
    index const* end = chosen.ends;
    for (index y = 0; y < s.out_height; y += window)
      for (index x = 0; x < s.out_width; x += window)
        for (index dy = 0; dy < window; ++dy)
          for (index dx = 0; dx < window; ++dx, ++end) {
            index const count = chosen.by_pixel + *end - list;
            if (count > 0)
              add_sparse_block<T, blocks::lines, blocks::vectors>(
                  list, count, block, blocks::padded_run, origin + (y + dy) * row + (x + dx) * column, s.in.row());
            list += count;
          }
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
