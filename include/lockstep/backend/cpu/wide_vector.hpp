// Vectors of 64 bytes, which can be loaded and stored in part.
#pragma once

#include <type_traits>

#include "../../core/config.hpp"

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && !defined(__CUDACC__)
#define LOCKSTEP_WIDE_VECTORS 1

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// What 64-byte vectors of T need beyond the operators of the language.
template <class T>
struct wide_vector {
  static constexpr int width = static_cast<int>(64 / sizeof(T));
  typedef T vector __attribute__((vector_size(64)));
  typedef long long words __attribute__((vector_size(64)));
  typedef int halves __attribute__((vector_size(64)));
  typedef float floats __attribute__((vector_size(64)));
  typedef double doubles __attribute__((vector_size(64)));
  using mask = std::conditional_t<sizeof(T) == 4, unsigned short, unsigned char>;

  /// The lanes of `which`; those of `others` elsewhere, where nothing is read.
  [[gnu::always_inline]] static vector load(T const* from, vector others, mask which) {
    if constexpr (sizeof(T) == 4)
      return (vector)__builtin_ia32_loaddqusi512_mask(reinterpret_cast<int const*>(from), (halves)others, which);
    else
      return (vector)__builtin_ia32_loaddqudi512_mask(reinterpret_cast<long long const*>(from), (words)others, which);
  }
  [[gnu::always_inline]] static void store(T* to, vector v, mask which) {
    if constexpr (sizeof(T) == 4)
      __builtin_ia32_storedqusi512_mask(reinterpret_cast<int*>(to), (halves)v, which);
    else
      __builtin_ia32_storedqudi512_mask(reinterpret_cast<long long*>(to), (words)v, which);
  }
  [[gnu::always_inline]] static void stream(T* to, vector v) {
#if defined(__clang__)
    __builtin_nontemporal_store(v, reinterpret_cast<vector*>(to));
#else
    __builtin_ia32_movntps512(reinterpret_cast<float*>(to), (floats)v);
#endif
  }
  /// Lanes in which a and b compare as C++'s operators say.
  enum class comparison { equal, less, less_equal, not_equal, greater_equal, greater };
  template <comparison How>
  [[gnu::always_inline]] static mask compare(vector a, vector b) {
    constexpr int of_floats[] = {0, 1, 2, 4, 13, 14}, of_integers[] = {0, 1, 2, 4, 5, 6}, current_rounding = 4;
    constexpr int floats_how = of_floats[static_cast<int>(How)], integers_how = of_integers[static_cast<int>(How)];
    constexpr mask all = static_cast<mask>(-1);
    if constexpr (std::is_same_v<T, float>)
      return __builtin_ia32_cmpps512_mask(a, b, floats_how, all, current_rounding);
    else if constexpr (std::is_same_v<T, double>)
      return __builtin_ia32_cmppd512_mask(a, b, floats_how, all, current_rounding);
    else if constexpr (sizeof(T) == 4 && std::is_signed_v<T>)
      return __builtin_ia32_cmpd512_mask((halves)a, (halves)b, integers_how, all);
    else if constexpr (sizeof(T) == 4)
      return __builtin_ia32_ucmpd512_mask((halves)a, (halves)b, integers_how, all);
    else if constexpr (std::is_signed_v<T>)
      return __builtin_ia32_cmpq512_mask((words)a, (words)b, integers_how, all);
    else
      return __builtin_ia32_ucmpq512_mask((words)a, (words)b, integers_how, all);
  }
  /// Lanes in which a or b is NaN.
  [[gnu::always_inline]] static mask unordered(vector a, vector b) {
    constexpr int is_unordered = 3, current_rounding = 4;
    if constexpr (std::is_same_v<T, float>)
      return __builtin_ia32_cmpps512_mask(a, b, is_unordered, mask(-1), current_rounding);
    else if constexpr (std::is_same_v<T, double>)
      return __builtin_ia32_cmppd512_mask(a, b, is_unordered, mask(-1), current_rounding);
    else
      return 0;
  }
};

/// The bits of a mask of lanes as a number. (By the instruction itself: where g++ 12 has put a mask of one or two bytes
/// aside, it may count or shift the four or eight bytes that it finds there.)
[[gnu::always_inline]] inline unsigned as_flags(unsigned short mask) {
  unsigned bits;
  asm("kmovw %1, %0" : "=r"(bits) : "k"(mask));
  return bits;
}
[[gnu::always_inline]] inline unsigned as_flags(unsigned char mask) {
  unsigned bits;
  asm("kmovb %1, %0" : "=r"(bits) : "k"(mask));
  return bits;
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
#else
#define LOCKSTEP_WIDE_VECTORS 0
#endif
