// The few vector operations that sorting keys takes: smaller and larger, exchanges of lanes, and the split of a vector
// by a pivot. Written with builtins: <immintrin.h> would double the time to compile a file that includes us.
#pragma once

#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "../../core/config.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

// nvcc's front end does not know the builtins.
#if defined(__AVX512F__) && !defined(__CUDACC__)
inline constexpr int sort_vector_bytes = 64;
#elif defined(__AVX2__) && !defined(__CUDACC__)
inline constexpr int sort_vector_bytes = 32;
#else
inline constexpr int sort_vector_bytes = 0;
#endif
/// True when keys of 4 and 8 bytes are sorted in vectors; elsewhere std::sort does it.
inline constexpr bool sorts_in_vectors = sort_vector_bytes > 0;

#if defined(__AVX2__) && !defined(__CUDACC__)

/// For each mask of `Lanes` lanes the numbers of their 4-byte words, 4 bits each: the lanes in the mask first, then the
/// others.
template <int Lanes>
struct split_table {
  std::uint32_t order[1 << Lanes];
  constexpr split_table() : order{} {
    constexpr unsigned words = 8 / Lanes;
    for (unsigned mask = 0; mask < 1u << Lanes; ++mask) {
      int at = 0;
      for (unsigned wanted : {1u, 0u})
        for (unsigned word = 0; word < 8; ++word)
          if ((mask >> word / words & 1u) == wanted) order[mask] |= word << (4 * at++);
    }
  }
};
template <int Lanes>
inline constexpr split_table<Lanes> split_orders;

/// Vectors of keys K, which are signed integers of 4 or 8 bytes.
template <class K, int Bytes = sort_vector_bytes>
struct sort_lanes {
  static constexpr int width = Bytes / static_cast<int>(sizeof(K));
  typedef K vector __attribute__((vector_size(Bytes)));
  typedef int words __attribute__((vector_size(32)));
  static constexpr auto all = std::make_integer_sequence<int, width>();

  [[gnu::always_inline]] static vector load(K const* from) {
    vector v;
    std::memcpy(&v, from, sizeof(v));
    return v;
  }
  [[gnu::always_inline]] static void store(K* to, vector v) { std::memcpy(to, &v, sizeof(v)); }

  /// The first `count` lanes, which may be none or more than all; the others are those of `rest`.
  [[gnu::always_inline]] static vector load_some(K const* from, index count, vector rest) {
    vector v = rest;
#if defined(__AVX512F__)
    if constexpr (Bytes == 64) return load_masked(from, first_lanes(count), rest);
#endif
    if (count > 0) std::memcpy(&v, from, sizeof(K) * static_cast<std::size_t>(count < width ? count : width));
    return v;
  }
  [[gnu::always_inline]] static void store_some(K* to, index count, vector v) {
#if defined(__AVX512F__)
    if constexpr (Bytes == 64) return store_masked(to, first_lanes(count), v);
#endif
    if (count > 0) std::memcpy(to, &v, sizeof(K) * static_cast<std::size_t>(count < width ? count : width));
  }

  /// The smaller of each pair of lanes goes to a, the larger to b.
  [[gnu::always_inline]] static void exchange(vector& a, vector& b) {
    if constexpr (has_masks && sizeof(K) == 8) return exchange_by_mask(a, b);  // half as long as two of its minima
    vector const low = smaller(a, b);
    b = larger(a, b);
    a = low;
  }
  /// The same, where shuffles leave the unit idle that compares: minima and comparisons run in different ones.
  [[gnu::always_inline]] static void exchange_rows(vector& a, vector& b) {
    if constexpr (has_masks)
      exchange_by_mask(a, b);
    else
      exchange(a, b);
  }
  /// Sorts the pairs of lanes i and i ^ Distance within one vector.
  template <int Distance>
  [[gnu::always_inline]] static vector exchange_within(vector v) {
    vector const other = cross<Distance>(v);
#if defined(__AVX512DQ__)
    if constexpr (has_masks && sizeof(K) == 8) {  // where the order is wrong, which is the other way for upper lanes
      constexpr auto upper = static_cast<unsigned char>(lanes_with(top_bit(Distance)));
      auto const less = static_cast<unsigned char>(below_mask(other, v));
      return choose(__builtin_ia32_kxorqi(less, upper), other, v);
    }
#endif
    return pick<top_bit(Distance)>(smaller(v, other), larger(v, other), all);
  }
  /// Lane i of the result is lane i ^ Distance.
  template <int Distance>
  [[gnu::always_inline]] static vector cross(vector v) {
    return cross<Distance>(v, all);
  }

  /// A bit for each lane that is less than the pivot's.
  [[gnu::always_inline]] static unsigned below(vector v, vector pivot) {
#if defined(__AVX512F__)
    if constexpr (Bytes == 64) {
      unsigned bits = below_mask(v, pivot);
      asm("" : "+r"(bits));  // g++ 12 with the thread sanitizer stores a mask of one byte and loads four
      return bits;
    } else
#endif
        if constexpr (sizeof(K) == 4) {
      return static_cast<unsigned>(__builtin_ia32_movmskps256((floats)(v < pivot)));
    } else {
      return static_cast<unsigned>(__builtin_ia32_movmskpd256((doubles)(v < pivot)));
    }
  }
  /// The lanes in the mask first, then the others: one permutation, by a table. (AVX-512's compressions and expansion
  /// would keep the only unit that moves lanes busy for six cycles.)
  [[gnu::always_inline]] static vector split(vector v, unsigned mask) {
    unsigned const entry = split_orders<width>.order[mask];
#if defined(__AVX512F__)
    if constexpr (Bytes == 64) {  // eight lanes of 8 bytes; the permutation reads the low 3 bits of each number
      wide_longs const order = (wide_longs)((wide_numbers)(wide_words{} + entry) >> wide_shifts);
#if defined(__clang__)
      return (vector)__builtin_ia32_permvardi512((wide_longs)v, order);
#else
      return __builtin_shuffle(v, (vector)order);
#endif
    } else
#endif
    {
      unsigned_words const order = (unsigned_words{} + entry) >> shifts;
      return (vector)__builtin_ia32_permvarsi256((words)v, (words)order);
    }
  }

 private:
  typedef unsigned unsigned_words __attribute__((vector_size(32)));
  typedef float floats __attribute__((vector_size(32)));
  typedef double doubles __attribute__((vector_size(32)));
  static constexpr unsigned_words shifts = {0, 4, 8, 12, 16, 20, 24, 28};
#if defined(__AVX512F__)
  typedef long long wide_longs __attribute__((vector_size(64)));
  typedef unsigned long long wide_numbers __attribute__((vector_size(64)));
  typedef unsigned wide_words __attribute__((vector_size(64)));
  typedef int wide_ints __attribute__((vector_size(64)));
  static constexpr wide_numbers wide_shifts = {0, 4, 8, 12, 16, 20, 24, 28};
  static constexpr bool has_masks = Bytes == 64;
  using mask = std::conditional_t<sizeof(K) == 8, unsigned char, unsigned short>;

  [[gnu::always_inline]] static mask below_mask(vector a, vector b) {
    if constexpr (sizeof(K) == 8)
      return static_cast<mask>(__builtin_ia32_cmpq512_mask((wide_longs)a, (wide_longs)b, 1, 0xff));
    else
      return static_cast<mask>(__builtin_ia32_cmpd512_mask((wide_ints)a, (wide_ints)b, 1, 0xffff));
  }
  /// Lanes of a that are in the mask, of b the others.
  [[gnu::always_inline]] static vector choose(mask m, vector a, vector b) {
#if defined(__clang__)
    if constexpr (sizeof(K) == 8)
      return (vector)__builtin_ia32_selectq_512(m, (wide_longs)a, (wide_longs)b);
    else
      return (vector)__builtin_ia32_selectd_512(m, (wide_ints)a, (wide_ints)b);
#else
    if constexpr (sizeof(K) == 8)
      return (vector)__builtin_ia32_blendmq_512_mask((wide_longs)b, (wide_longs)a, m);
    else
      return (vector)__builtin_ia32_blendmd_512_mask((wide_ints)b, (wide_ints)a, m);
#endif
  }
  [[gnu::always_inline]] static void exchange_by_mask(vector& a, vector& b) {
    mask const wrong = below_mask(b, a);
    vector const low = choose(wrong, b, a);
    b = choose(wrong, a, b);
    a = low;
  }
  [[gnu::always_inline]] static mask first_lanes(index count) {
    index const some = count < 0 ? 0 : count > width ? width : count;
    return static_cast<mask>((1u << some) - 1);
  }
  [[gnu::always_inline]] static vector load_masked(K const* from, mask m, vector rest) {
    if constexpr (sizeof(K) == 8)
      return (vector)__builtin_ia32_loaddqudi512_mask(reinterpret_cast<long long const*>(from), (wide_longs)rest, m);
    else
      return (vector)__builtin_ia32_loaddqusi512_mask(from, (wide_ints)rest, m);
  }
  [[gnu::always_inline]] static void store_masked(K* to, mask m, vector v) {
    if constexpr (sizeof(K) == 8)
      __builtin_ia32_storedqudi512_mask(reinterpret_cast<long long*>(to), (wide_longs)v, m);
    else
      __builtin_ia32_storedqusi512_mask(to, (wide_ints)v, m);
  }
  static constexpr unsigned lanes_with(int bit) {
    unsigned set = 0;
    for (int lane = 0; lane < width; ++lane) set |= lane & bit ? 1u << lane : 0u;
    return set;
  }
#else
  static constexpr bool has_masks = false;
  static void exchange_by_mask(vector&, vector&) {}
#endif
  static constexpr int top_bit(int n) { return n < 2 ? n : 2 * top_bit(n / 2); }
  [[gnu::always_inline]] static vector smaller(vector a, vector b) { return a < b ? a : b; }
  [[gnu::always_inline]] static vector larger(vector a, vector b) { return a < b ? b : a; }
  template <int Distance, int... Lane>
  [[gnu::always_inline]] static vector cross(vector v, std::integer_sequence<int, Lane...>) {
    return __builtin_shufflevector(v, v, (Lane ^ Distance)...);
  }
  // `high` in the lanes that have Bit in their number, `low` in the others.
  template <int Bit, int... Lane>
  [[gnu::always_inline]] static vector pick(vector low, vector high, std::integer_sequence<int, Lane...>) {
    return __builtin_shufflevector(low, high, (Lane & Bit ? width + Lane : Lane)...);
  }
};

/// The vectors in which keys are split by a pivot. Of 4-byte keys eight at a time, even where a vector holds 16: the
/// table for 16 lanes would fill the L2 cache.
template <class K>
using split_lanes = sort_lanes<K, sizeof(K) == 8 ? sort_vector_bytes : 32>;

#endif

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
