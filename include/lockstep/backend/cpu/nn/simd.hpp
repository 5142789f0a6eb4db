// The widest vectors of the instruction set that is compiled for, as compiler vector extensions: no intrinsics. In
// files compiled by nvcc, whose front end fails on them, plain arrays take their place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "../../../core/config.hpp"

namespace lockstep::nn::cpu {
inline namespace LOCKSTEP_COMPILER {

#if defined(__CUDACC__)
inline constexpr int vector_bytes = 16;
inline constexpr int tile_rows = 6;
#elif defined(__AVX512F__)
inline constexpr int vector_bytes = 64;
inline constexpr int tile_rows = 8;  // 8 x 2 accumulators of 32 registers
#elif defined(__AVX__)
inline constexpr int vector_bytes = 32;
inline constexpr int tile_rows = 6;  // 6 x 2 accumulators of 16 registers
#else
inline constexpr int vector_bytes = 16;
inline constexpr int tile_rows = 6;
#endif

#if !defined(__CUDACC__)
template <class T>
struct vector_of;
template <>
struct vector_of<float> {
  using type [[gnu::vector_size(vector_bytes)]] = float;
  using mask [[gnu::vector_size(vector_bytes)]] = std::int32_t;
};
template <>
struct vector_of<double> {
  using type [[gnu::vector_size(vector_bytes)]] = double;
  using mask [[gnu::vector_size(vector_bytes)]] = std::int64_t;
};

/// A register full of T.
template <class T>
using vec = typename vector_of<T>::type;

/// What comparing two `vec<T>` gives: integers of the same width, all bits set where true.
template <class T>
using vec_mask = typename vector_of<T>::mask;

#else
/// A register full of T.
template <class T>
struct vec {
  static constexpr int count = vector_bytes / static_cast<int>(sizeof(T));
  T lane[count];

  T& operator[](index i) { return lane[i]; }
  T operator[](index i) const { return lane[i]; }
  template <class F>
  vec& each(vec const& other, F const& f) {
    for (int i = 0; i < count; ++i) lane[i] = f(lane[i], other.lane[i]);
    return *this;
  }
  vec& operator+=(vec const& b) {
    return each(b, [](T x, T y) { return x + y; });
  }
  vec& operator-=(vec const& b) {
    return each(b, [](T x, T y) { return x - y; });
  }
  friend vec operator+(vec a, vec const& b) { return a += b; }
  friend vec operator*(vec a, vec const& b) {
    return a.each(b, [](T x, T y) { return x * y; });
  }
};
template <class T>
using vec_mask = vec<std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>>;
#endif

/// Elements of T in a register.
template <class T>
inline constexpr index width = vector_bytes / static_cast<index>(sizeof(T));

/// Columns of a register tile of a matrix product: two registers.
template <class T>
inline constexpr index panel_columns = 2 * width<T>;

template <class T>
LOCKSTEP_HOST_INLINE vec<T> load(T const* p) {
  vec<T> v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

template <class T>
LOCKSTEP_HOST_INLINE void store(T* p, vec<T> v) {
  __builtin_memcpy(p, &v, sizeof v);
}

/// The same value in every lane.
template <class T>
LOCKSTEP_HOST_INLINE vec<T> splat(T value) {
#if defined(__CUDACC__)
  vec<T> v;
  for (T& each : v.lane) each = value;
  return v;
#else
  return value - vec<T>{};
#endif
}

/// The first `count` elements at `from`, the other lanes zero.
template <class T>
inline vec<T> load_some(T const* from, index count) {
  vec<T> v{};
  for (index i = 0; i < count; ++i) v[i] = from[i];
  return v;
}

/// Stores the first `count` elements.
template <class T>
inline void store_some(T* to, vec<T> v, index count) {
  for (index i = 0; i < count; ++i) to[i] = v[i];
}

/// f(0), f(1), … f(N - 1) with each number a constant, so that arrays indexed by it stay in registers.
template <int N, class F>
LOCKSTEP_HOST_INLINE void unroll(F&& f) {
  [&]<int... I>(std::integer_sequence<int, I...>) __attribute__((always_inline)) {
    (f(std::integral_constant<int, I>{}), ...);
  }
  (std::make_integer_sequence<int, N>{});
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::nn::cpu
