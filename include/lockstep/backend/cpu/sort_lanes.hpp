// The few vector operations that sorting keys takes: smaller and larger, exchanges of lanes, and the split of a vector
// by a pivot. Written with builtins: <immintrin.h> would double the time to compile a file that includes us.
#pragma once

#include <cstdint>
#include <cstring>
#include <limits>
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
template <class K>
struct sort_lanes {
  static constexpr int width = sort_vector_bytes / static_cast<int>(sizeof(K));
  typedef K vector __attribute__((vector_size(sort_vector_bytes)));
  typedef int words __attribute__((vector_size(32)));
  static constexpr auto all = std::make_integer_sequence<int, width>();

  [[gnu::always_inline]] static vector load(K const* from) {
    vector v;
    std::memcpy(&v, from, sizeof(v));
    return v;
  }
  [[gnu::always_inline]] static void store(K* to, vector v) { std::memcpy(to, &v, sizeof(v)); }

  /// The smaller of each pair of lanes goes to a, the larger to b.
  [[gnu::always_inline]] static void exchange(vector& a, vector& b) {
    vector const low = smaller(a, b);
    b = larger(a, b);
    a = low;
  }
  /// Sorts the pairs of lanes i and i ^ Distance within one vector.
  template <int Distance>
  [[gnu::always_inline]] static vector exchange_within(vector v) {
    vector const other = cross<Distance>(v);
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
    if constexpr (sizeof(K) == 4)
      return static_cast<unsigned>(__builtin_ia32_cmpd512_mask(as<int>(v), as<int>(pivot), 1, 0xffff));
    else
      return static_cast<unsigned>(__builtin_ia32_cmpq512_mask(as<long long>(v), as<long long>(pivot), 1, 0xff));
#else
    if constexpr (sizeof(K) == 4)
      return static_cast<unsigned>(__builtin_ia32_movmskps256(as<float>(v < pivot)));
    else
      return static_cast<unsigned>(__builtin_ia32_movmskpd256(as<double>(v < pivot)));
#endif
  }
  /// The lanes in the mask first, then the others.
  [[gnu::always_inline]] static vector split(vector v, unsigned mask) {
#if defined(__AVX512F__)
    unsigned const count = static_cast<unsigned>(__builtin_popcount(mask)), full = (1u << width) - 1;
    if constexpr (sizeof(K) == 4) {
      using mask_type = unsigned short;
      auto const in = as<int>(v);
      auto const last = __builtin_ia32_compresssi512_mask(in, in, static_cast<mask_type>(~mask & full));
      auto const first = __builtin_ia32_compresssi512_mask(in, in, static_cast<mask_type>(mask));
      return as<K>(__builtin_ia32_expandsi512_mask(last, first, static_cast<mask_type>((full << count) & full)));
    } else {
      using mask_type = unsigned char;
      auto const in = as<long long>(v);
      auto const last = __builtin_ia32_compressdi512_mask(in, in, static_cast<mask_type>(~mask & full));
      auto const first = __builtin_ia32_compressdi512_mask(in, in, static_cast<mask_type>(mask));
      return as<K>(__builtin_ia32_expanddi512_mask(last, first, static_cast<mask_type>((full << count) & full)));
    }
#else
    typedef unsigned unsigned_words __attribute__((vector_size(32)));
    unsigned_words const shifts = {0, 4, 8, 12, 16, 20, 24, 28};
    unsigned_words const order = (unsigned_words{} + split_orders<width>.order[mask]) >> shifts;
    return (vector)__builtin_ia32_permvarsi256((words)v, (words)order);
#endif
  }

 private:
  template <class X>
  [[gnu::always_inline]] static auto as(vector v) {
    typedef X other __attribute__((vector_size(sort_vector_bytes)));
    return (other)v;
  }
#if defined(__AVX512F__)
  template <class X, class V>
  [[gnu::always_inline]] static auto as(V v) {
    typedef X other __attribute__((vector_size(sort_vector_bytes)));
    return (other)v;
  }
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

#endif

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
