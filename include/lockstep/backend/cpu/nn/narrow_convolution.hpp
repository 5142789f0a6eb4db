// Convolutions with few taps, such as 3 x 3 over one channel, before a 2 x 2 max-pool: all pixels of a window stay in
// registers, so that neither the convolution's output nor the gradient of it is ever stored.
#pragma once

#include "../nn/image.hpp"
#include "../nn/simd.hpp"

namespace lockstep::nn::cpu {
inline namespace LOCKSTEP_COMPILER {

/// Whether the functions below serve a convolution before a pool of `window`.
template <class T>
constexpr bool is_narrow([[maybe_unused]] convolution_sizes const& s, [[maybe_unused]] index window) {
#if defined(__CUDACC__)  // without compiler vectors
  return false;
#else
  return window == 2 && s.taps() <= 9 && s.filters % panel_columns<T> == 0;
#endif
}

/// As many bytes as a register of T has lanes.
template <class T>
using lane_bytes [[gnu::vector_size(width<T>)]] = std::uint8_t;

/// As many 16-bit numbers: compilers convert between 8 and 32 bits well only by way of them.
template <class T>
using lane_shorts [[gnu::vector_size(2 * width<T>)]] = std::int16_t;

template <class T>
LOCKSTEP_HOST_INLINE void store_bytes(std::uint8_t* to, vec_mask<T> v) {
  auto const bytes = __builtin_convertvector(__builtin_convertvector(v, lane_shorts<T>), lane_bytes<T>);
  __builtin_memcpy(to, &bytes, sizeof bytes);
}

template <class T>
LOCKSTEP_HOST_INLINE vec_mask<T> load_bytes(std::uint8_t const* from) {
  lane_bytes<T> bytes;
  __builtin_memcpy(&bytes, from, sizeof bytes);
  return __builtin_convertvector(__builtin_convertvector(bytes, lane_shorts<T>), vec_mask<T>);
}

/// Offsets from the first tap of a window's first pixel.
template <convolution_sizes S>
struct narrow_offsets {
  static constexpr index tap(index t) { return t / S.run() * S.in.row() + t % S.run(); }
  static constexpr index pixel(index place) { return S.stride * (place / 2 * S.in.row() + place % 2 * S.in.channels); }
};

/// The convolution of one image with bias, pool and, if wanted, relu, and the place of each chosen pixel. `weights` are
/// taps x filters, rows of `out` are `out_row` elements apart.
template <class T, convolution_sizes S>
void convolve_and_pool_narrow(T const* in, T const* weights, T const* bias, bool relu, T* out, index out_row,
                              std::uint8_t* places) {
  constexpr index columns = S.out_width / 2;
  constexpr int taps = static_cast<int>(S.taps());
  using offsets = narrow_offsets<S>;
  for (index f = 0; f < S.filters; f += panel_columns<T>)
    for (index y = 0; y < S.out_height / 2; ++y)
      for (index x = 0; x < columns; ++x) {
        T const* corner = in + 2 * S.stride * (y * S.in.row() + x * S.in.channels);
        vec<T> sum[4][2];
        unroll<8>([&](auto i)
                      __attribute__((always_inline)) { sum[i / 2][i % 2] = load(bias + f + i % 2 * width<T>); });
        unroll<taps>([&](auto tap) __attribute__((always_inline)) {
          T const* w = weights + tap * S.filters + f;
          vec<T> const left = load(w), right = load(w + width<T>);
          unroll<4>([&](auto place) __attribute__((always_inline)) {
            vec<T> const value = splat(corner[offsets::pixel(place) + offsets::tap(tap)]);
            sum[place][0] += value * left;
            sum[place][1] += value * right;
          });
        });
        T* to = out + y * out_row + x * S.filters + f;
        std::uint8_t* chosen = places + (y * columns + x) * S.filters + f;
        unroll<2>([&](auto half) __attribute__((always_inline)) {
          vec<T> best = sum[0][half];
          vec_mask<T> where{};
          unroll<3>([&](auto i) __attribute__((always_inline)) {
            vec<T> const value = sum[i + 1][half];
            vec_mask<T> const better = (value > best) | (value != value);
            best = better ? value : best;
            where = better ? vec_mask<T>{} + (i + 1) : where;
          });
          store(to + half * width<T>, relu && best < vec<T>{} ? vec<T>{} : best);
          store_bytes<T>(chosen + half * width<T>, where);
        });
      }
}

/// Adds one image's part to the weights' gradient (taps x filters); `out_gradient` and `places` hold the pooled pixels.
template <class T, convolution_sizes S>
void add_narrow_weight_gradient(T const* in, T const* out_gradient, std::uint8_t const* places, T* gradient) {
  constexpr int taps = static_cast<int>(S.taps());
  using offsets = narrow_offsets<S>;
  for (index f = 0; f < S.filters; f += width<T>) {
    vec<T> sum[taps];
    unroll<taps>([&](auto tap) __attribute__((always_inline)) { sum[tap] = load(gradient + tap * S.filters + f); });
    index pooled = f;
    for (index y = 0; y < S.out_height; y += 2)
      for (index x = 0; x < S.out_width; x += 2, pooled += S.filters) {
        T const* corner = in + S.stride * (y * S.in.row() + x * S.in.channels);
        vec_mask<T> const where = load_bytes<T>(places + pooled);
        vec<T> const all = load(out_gradient + pooled);
        unroll<4>([&](auto place) __attribute__((always_inline)) {
          vec<T> const part = where == vec_mask<T>{} + place.value ? all : vec<T>{};
          unroll<taps>([&](auto tap) __attribute__((always_inline)) {
            sum[tap] += part * splat(corner[offsets::pixel(place) + offsets::tap(tap)]);
          });
        });
      }
    unroll<taps>([&](auto tap) __attribute__((always_inline)) { store(gradient + tap * S.filters + f, sum[tap]); });
  }
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::nn::cpu
