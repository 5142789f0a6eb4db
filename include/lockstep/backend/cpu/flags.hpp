// Flags of elements as bits, a word of 64 at a time, from bytes or straight from comparisons.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "../../core/algorithm.hpp"
#include "../../core/function_objects.hpp"
#include "../../expression/evaluator.hpp"
#include "wide_vector.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
template <class F, class... Rows>
struct elementwise_row;

namespace cpu {

/// Flags are kept as bits, 64 to a word, the first in the lowest bit.
inline constexpr index flags_per_word = 64;
constexpr index flag_words(index count) { return (count + flags_per_word - 1) / flags_per_word; }

/// The bits of 64 flags, each a byte that is 0 or 1.
[[gnu::always_inline]] inline std::uint64_t pack_word(void const* flags) {
  std::uint64_t word = 0;
#if defined(__AVX2__) && !defined(__CUDACC__)
  typedef char bytes __attribute__((vector_size(32)));
  for (int half = 0; half < 2; ++half) {
    bytes v;
    __builtin_memcpy(&v, static_cast<char const*>(flags) + 32 * half, sizeof(v));
    auto const bits = static_cast<std::uint32_t>(__builtin_ia32_pmovmskb256(bytes(v != 0)));
    word |= std::uint64_t{bits} << (32 * half);
  }
#else
  for (int byte = 0; byte < 8; ++byte) {
    std::uint64_t eight;
    std::memcpy(&eight, static_cast<char const*>(flags) + 8 * byte, sizeof(eight));
    word |= (eight * 0x0102040810204080u >> 56) << (8 * byte);  // flag k moves to bit k of the highest byte
  }
#endif
  return word;
}

/// Packs flags into words, the bits past the last being 0.
inline void pack_flags(bool const* flags, index count, std::uint64_t* words) {
  for (; count >= flags_per_word; count -= flags_per_word, flags += flags_per_word) *words++ = pack_word(flags);
  if (count == 0) return;
  alignas(32) bool last[flags_per_word] = {};
  std::copy_n(flags, count, last);
  *words = pack_word(last);
}

inline index count_flags(std::uint64_t const* words, index count) {
  index sum = 0;
  for (index w = 0; w < flag_words(count); ++w) sum += __builtin_popcountll(words[w]);
  return sum;
}

/// Flags that already are a number, as masks of lanes (wide_vector.hpp) are not.
template <class Bits>
requires(std::is_same_v<Bits, bool> || std::is_same_v<Bits, unsigned> || std::is_same_v<Bits, std::uint64_t>)
    [[gnu::always_inline]] constexpr Bits as_flags(Bits flags) {
  return flags;
}

// --- straight from comparisons
// ----------------------------------------------------------------------------------------

/// How many bytes each of a row's operands has, where its values come of a few arithmetic operations without a branch,
/// all on operands of one width of 4 or 8 bytes: compilers make vector instructions of eight or four of them in a row.
/// 0 for every other row.
template <class Row>
inline constexpr std::size_t straight_bytes = 0;
template <class T>
inline constexpr std::size_t straight_bytes<pointer_row<T>> = std::is_arithmetic_v<T> &&
                                                                      (sizeof(T) == 4 || sizeof(T) == 8)
                                                                  ? sizeof(T)
                                                                  : 0;
template <class T>
inline constexpr std::size_t straight_bytes<constant_row<T>> = straight_bytes<pointer_row<T>>;

template <class F, class... Fs>
inline constexpr bool is_one_of = (std::is_same_v<F, Fs> || ...);
template <class F, class First, class... Rest>
inline constexpr std::size_t straight_bytes<elementwise_row<F, First, Rest...>> =
    is_one_of<F, less, less_equal, greater, greater_equal, equal_to, not_equal_to, plus, minus, multiplies> &&
            ((straight_bytes<Rest> == straight_bytes<First>)&&...)
        ? straight_bytes<First>
        : 0;

#if defined(__AVX2__) && !defined(__CUDACC__)
inline constexpr bool has_sign_masks = true;
/// Vectors of 32 bytes, and their sign bits.
template <std::size_t Bytes>
struct sign_mask {
  typedef int vector __attribute__((vector_size(32)));
  typedef float floats __attribute__((vector_size(32)));
  static unsigned of(vector v) { return static_cast<unsigned>(__builtin_ia32_movmskps256(floats(v))); }
};
template <>
struct sign_mask<8> {
  typedef long long vector __attribute__((vector_size(32)));
  typedef double floats __attribute__((vector_size(32)));
  static unsigned of(vector v) { return static_cast<unsigned>(__builtin_ia32_movmskpd256(floats(v))); }
};
#else
inline constexpr bool has_sign_masks = false;
#endif

/// The flags of [first, last), groups of `Lanes` of which group(j) gives as bits or as a mask, and one(j) each alone.
template <index Lanes, class Group, class One>
[[gnu::always_inline]] inline void pack_groups(index first, index last, std::uint64_t* words, Group const& group,
                                               One const& one) {
  index j = first;
  for (; j + flags_per_word <= last; j += flags_per_word) {
    std::uint64_t word = 0;
    LOCKSTEP_UNROLL
    for (index i = 0; i < flags_per_word; i += Lanes) word |= std::uint64_t{as_flags(group(j + i))} << i;
    *words++ = word;
  }
  if (j == last) return;
  std::uint64_t word = 0;
  for (index i = 0; j + i < last; ++i) word |= std::uint64_t{one(j + i)} << i;
  *words = word;
}

#if defined(__AVX2__) && !defined(__CUDACC__)
/// Rows that compare two operands of one type, each in memory or a constant, and the same in vectors. (Most masks are
/// such; g++ makes no vectors of some groups of more general rows.)
template <class Row>
struct compared_row {
  static constexpr bool value = false;
};
template <class F, class A, class B>
requires(is_one_of<F, less, less_equal, greater, greater_equal, equal_to, not_equal_to>&&
             is_one_of<A, pointer_row<decltype(A{}[0])>, constant_row<decltype(A{}[0])>>&&
                 is_one_of<B, pointer_row<decltype(A{}[0])>,
                           constant_row<decltype(A{}[0])>>) struct compared_row<elementwise_row<F, A, B>> {
  using T = decltype(A{}[0]);
  static constexpr bool value = true;
  typedef T vector __attribute__((vector_size(LOCKSTEP_WIDE_VECTORS ? 64 : 32)));

  [[gnu::always_inline]] static vector load(pointer_row<T> const& row, index j) {
    vector v;
    __builtin_memcpy(&v, row.data + j, sizeof(v));
    return v;
  }
  [[gnu::always_inline]] static vector load(constant_row<T> const& row, index) { return row.value - vector{}; }
  /// As a mask of lanes, or as bits.
  template <class Row>
  [[gnu::always_inline]] static auto flags(Row const& row, index j) {
    vector const a = load(get<0>(row.rows), j), b = load(get<1>(row.rows), j);
#if LOCKSTEP_WIDE_VECTORS
    using wide = wide_vector<T>;
    using how = typename wide::comparison;
    return wide::template compare < std::is_same_v<F, less> ? how::less
           : std::is_same_v<F, less_equal>                  ? how::less_equal
           : std::is_same_v<F, greater>                     ? how::greater
           : std::is_same_v<F, greater_equal>               ? how::greater_equal
           : std::is_same_v<F, equal_to>                    ? how::equal
                                                            : how::not_equal > (a, b);
#else
    using mask = sign_mask<sizeof(T)>;
    using bits = typename mask::vector;
    if constexpr (std::is_same_v<F, less>)
      return mask::of(bits(a < b));
    else if constexpr (std::is_same_v<F, less_equal>)
      return mask::of(bits(a <= b));
    else if constexpr (std::is_same_v<F, greater>)
      return mask::of(bits(a > b));
    else if constexpr (std::is_same_v<F, greater_equal>)
      return mask::of(bits(a >= b));
    else if constexpr (std::is_same_v<F, equal_to>)
      return mask::of(bits(a == b));
    else
      return mask::of(bits(a != b));
#endif
  }
};
#endif

/// The flags row[first], row[first + 1], ... of a straight row.
template <class Row>
[[gnu::noinline]] void pack_row(Row const row, index first, index last, std::uint64_t* words) {
#if defined(__AVX2__) && !defined(__CUDACC__)
  using mask = sign_mask<straight_bytes<Row>>;
  using lane = std::conditional_t<straight_bytes<Row> == 8, long long, int>;
  constexpr index bytes = LOCKSTEP_WIDE_VECTORS && compared_row<Row>::value ? 64 : 32, lanes = bytes / sizeof(lane);
  auto const group = [&](index j) {
    if constexpr (compared_row<Row>::value) {
      return compared_row<Row>::flags(row, j);
    } else {
      lane each[lanes];  // one vector: never stored
      LOCKSTEP_UNROLL
      for (index k = 0; k < lanes; ++k) each[k] = -static_cast<lane>(row[j + k]);
      typename mask::vector v;
      __builtin_memcpy(&v, each, sizeof(v));
      return mask::of(v);
    }
  };
  pack_groups<lanes>(first, last, words, group, [&](index j) { return row[j]; });
#else
  pack_groups<1>(
      first, last, words, [&](index j) { return row[j]; }, [&](index j) { return row[j]; });
#endif
}

/// Neighboring values that differ, `step` flags at a time; a NaN differs from every value.
template <class T>
struct value_differences {
  T const* values;

  static constexpr index step = (LOCKSTEP_WIDE_VECTORS ? 64 : has_sign_masks ? 32 : sizeof(T)) / sizeof(T);

  /// values[i - 1] != values[i].
  bool one(index i) const { return !(values[i - 1] == values[i]); }
  /// The same for i, i + 1, ..., as a mask of lanes or as bits.
  [[gnu::always_inline]] auto operator()(index i) const {
#if LOCKSTEP_WIDE_VECTORS
    using wide = wide_vector<T>;
    typename wide::vector before, here;
    __builtin_memcpy(&before, values + i - 1, sizeof(before));
    __builtin_memcpy(&here, values + i, sizeof(here));
    return wide::template compare<wide::comparison::not_equal>(before, here);
#elif defined(__AVX2__) && !defined(__CUDACC__)
    typedef T vector __attribute__((vector_size(32)));
    using mask = sign_mask<sizeof(T)>;
    vector before, here;
    __builtin_memcpy(&before, values + i - 1, sizeof(before));
    __builtin_memcpy(&here, values + i, sizeof(here));
    return mask::of(typename mask::vector(before != here));
#else
    return one(i);
#endif
  }
};

/// The flags values[i - 1] != values[i] for i in [first, last).
template <class T>
void pack_differences(T const* values, index first, index last, std::uint64_t* words) {
  value_differences<T> const differ{values};
  pack_groups<differ.step>(first, last, words, differ, [&](index i) { return differ.one(i); });
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
