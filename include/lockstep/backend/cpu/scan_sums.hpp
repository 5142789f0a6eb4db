// Prefix sums of one block in vector registers. Every function adds in the same order, so that a block gives the same
// bits whether its prefix is known before it is scanned or only after.
#pragma once

#include <emmintrin.h>

#include <cstring>
#include <type_traits>
#include <utility>

#include "../../core/function_objects.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

#if defined(__AVX__)
inline constexpr std::size_t vector_bytes = 32;
#else
inline constexpr std::size_t vector_bytes = 16;
#endif

/// Sums of these types are scanned in vector registers.
template <class T, class Op>
inline constexpr bool scans_in_registers = std::is_same_v<Op, plus> &&
                                           (sizeof(T) == 4 || sizeof(T) == 8) && std::is_arithmetic_v<T>;

template <class T, class Lanes = std::make_index_sequence<vector_bytes / sizeof(T)>>
struct sum_scan;

template <class T, std::size_t... L>
struct sum_scan<T, std::index_sequence<L...>> {
  static constexpr int width = sizeof...(L);
  static constexpr int part = 16 / sizeof(T);  ///< lanes of 16 bytes, within which shifts are cheap
  typedef T vector __attribute__((vector_size(vector_bytes)));

  /// out[i] = carry + in[0] + ... + in[i]; returns the last. `in` may be `out`.
  static T scan(T const* in, T* out, index count, T carry) {
    return run<true, false>(
        in, out, count, carry, [](vector v) { return v; }, [](T v) { return v; });
  }

  /// out[i] = prefix + (carry + in[0] + ... + in[i]), or up to in[i - 1] when exclusive; returns the sum with in[count
  /// - 1] and without the prefix. `in` may be `out`; `past_caches` needs `out` aligned to 16 bytes.
  template <bool Inclusive>
  static T scan_and_add(T const* in, T* out, index count, T carry, T prefix, bool past_caches) {
    vector const prefixes = vector{} + prefix;
    auto const add = [=](vector v) { return prefixes + v; };
    auto const add_one = [=](T v) { return prefix + v; };
    return past_caches ? run<Inclusive, true>(in, out, count, carry, add, add_one)
                       : run<Inclusive, false>(in, out, count, carry, add, add_one);
  }

  /// out[i] = prefix + local[i].
  static void add(T const* local, T* out, index count, T prefix, bool past_caches) {
    vector const prefixes = vector{} + prefix;
    index i = 0;
    for (; past_caches && i + width <= count; i += width) store<true>(out + i, prefixes + load(local + i));
    LOCKSTEP_INDEPENDENT
    for (index k = i; k < count; ++k) out[k] = prefix + local[k];
  }

 private:
  static vector load(T const* from) {
    vector v;
    __builtin_memcpy(&v, from, sizeof(v));
    return v;
  }
  template <bool PastCaches>
  static void store(T* to, vector const& v) {
    if constexpr (PastCaches) {
      __m128i parts[vector_bytes / 16];
      __builtin_memcpy(parts, &v, sizeof(v));
      for (std::size_t k = 0; k < vector_bytes / 16; ++k)
        _mm_stream_si128(reinterpret_cast<__m128i*>(to) + k, parts[k]);
    } else {
      __builtin_memcpy(to, &v, sizeof(v));
    }
  }

  /// Lanes I of a and, counted from `width`, of b.
  template <int... I>
  static vector pick(vector a, vector b) {
#if defined(__CUDACC__)  // whose front end loses the pack among the builtin's arguments
    constexpr int from[] = {I...};
    vector picked = {};
    for (int l = 0; l < width; ++l) picked[l] = from[l] < width ? a[from[l]] : b[from[l] - width];
    return picked;
#else
    return __builtin_shufflevector(a, b, I...);
#endif
  }

  /// Inclusive sums of the lanes. Lane l takes an earlier lane of v, or zero where there is none (the lanes of `zero`
  /// are numbered from `width`).
  static vector scan_lanes(vector v) {
    vector const zero = {};
    if constexpr (part > 1) v += pick<(int(L) % part < 1 ? width + int(L) : int(L) - 1)...>(v, zero);
    if constexpr (part > 2) v += pick<(int(L) % part < 2 ? width + int(L) : int(L) - 2)...>(v, zero);
    if constexpr (part < width) v += pick<(int(L) < part ? width + int(L) : part - 1)...>(v, zero);
    return v;
  }

  template <bool Inclusive, bool PastCaches, class Finish, class FinishOne>
  static T run(T const* in, T* out, index count, T carry, Finish finish, FinishOne finish_one) {
    vector carries = vector{} + carry, before = carries;
    index i = 0;
    for (; i + width <= count; i += width) {
      vector v = scan_lanes(load(in + i));
      vector const total = pick<(int(L) * 0 + width - 1)...>(v, v);
      v += carries;
      carries += total;
      if constexpr (Inclusive) {
        store<PastCaches>(out + i, finish(v));
      } else {
        store<PastCaches>(out + i, finish(pick<(width - 1 + int(L))...>(before, v)));
        before = v;
      }
    }
    T last = carries[0];
    for (; i < count; ++i) {
      T const sum = last + in[i];
      out[i] = finish_one(Inclusive ? sum : last);
      last = sum;
    }
    return last;
  }
};

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
