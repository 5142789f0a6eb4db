// Compression on one CPU thread: the elements whose flags are set are moved together, a vector at a time.
#pragma once

#include "fetch.hpp"
#include "flags.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// For every set of eight flags the numbers of those that are set, one per byte, in order.
struct lane_table {
  std::uint64_t lanes[256] = {};
  constexpr lane_table() {
    for (unsigned flags = 0; flags < 256; ++flags)
      for (unsigned lane = 0, kept = 0; lane < 8; ++lane)
        if (flags >> lane & 1) lanes[flags] |= std::uint64_t{lane} << (8 * kept++);
  }
};
inline constexpr lane_table kept_lanes;

/// Moves the flagged ones among `lanes` values of `Bytes` each together: reads and writes `lanes` of them, whatever
/// the flags. 0 lanes: this machine has no such instruction.
template <std::size_t Bytes>
struct compressor {
  static constexpr int lanes = 0;
};

#if defined(__AVX512F__) && !defined(__CUDACC__)
// The memory form of vpcompress is slow on some machines: compress into a register, and store all of it.
template <>
struct compressor<4> {
  static constexpr int lanes = 16;
  [[gnu::always_inline]] static void move(char const* from, std::uint64_t flags, char* to) {
    typedef int vector __attribute__((vector_size(64)));
    vector v;
    __builtin_memcpy(&v, from, sizeof(v));
    v = __builtin_ia32_compresssi512_mask(v, vector{}, static_cast<unsigned short>(flags));
    __builtin_memcpy(to, &v, sizeof(v));
  }
};
template <>
struct compressor<8> {
  static constexpr int lanes = 8;
  [[gnu::always_inline]] static void move(char const* from, std::uint64_t flags, char* to) {
    typedef long long vector __attribute__((vector_size(64)));
    vector v;
    __builtin_memcpy(&v, from, sizeof(v));
    v = __builtin_ia32_compressdi512_mask(v, vector{}, static_cast<unsigned char>(flags));
    __builtin_memcpy(to, &v, sizeof(v));
  }
};
#elif defined(__AVX2__) && !defined(__CUDACC__)
/// The same as permutations of eight 4-byte words, each value being `Words` of them. (Not widened from bytes when used:
/// g++ does that word by word.)
template <int Words>
struct word_table {
  alignas(32) int words[1 << (8 / Words)][8] = {};
  constexpr word_table() {
    for (int flags = 0; flags < 1 << (8 / Words); ++flags)
      for (int word = 0, kept = 0; word < 8; ++word)
        if (flags >> (word / Words) & 1) words[flags][kept++] = word;
  }
};
inline constexpr word_table<1> kept_words;
inline constexpr word_table<2> kept_word_pairs;

[[gnu::always_inline]] inline void permute_words(char const* from, int const* order, char* to) {
  typedef int vector __attribute__((vector_size(32)));
  vector v, lanes;
  __builtin_memcpy(&v, from, sizeof(v));
  __builtin_memcpy(&lanes, order, sizeof(lanes));
  v = __builtin_ia32_permvarsi256(v, lanes);
  __builtin_memcpy(to, &v, sizeof(v));
}
template <>
struct compressor<4> {
  static constexpr int lanes = 8;
  [[gnu::always_inline]] static void move(char const* from, std::uint64_t flags, char* to) {
    permute_words(from, kept_words.words[flags], to);
  }
};
template <>
struct compressor<8> {
  static constexpr int lanes = 4;
  [[gnu::always_inline]] static void move(char const* from, std::uint64_t flags, char* to) {
    permute_words(from, kept_word_pairs.words[flags], to);
  }
};
#endif
#if defined(__AVX2__) && !defined(__CUDACC__)
template <>
struct compressor<1> {
  static constexpr int lanes = 8;
  [[gnu::always_inline]] static void move(char const* from, std::uint64_t flags, char* to) {
    typedef long long words __attribute__((vector_size(16)));
    typedef char bytes __attribute__((vector_size(16)));
    long long eight;
    __builtin_memcpy(&eight, from, sizeof(eight));
    words const v{eight, 0}, order{static_cast<long long>(kept_lanes.lanes[flags]), 0};
    words const moved = words(__builtin_ia32_pshufb128(bytes(v), bytes(order)));
    eight = moved[0];
    __builtin_memcpy(to, &eight, sizeof(eight));
  }
};
template <>
struct compressor<2> {
  static constexpr int lanes = 8;
  [[gnu::always_inline]] static void move(char const* from, std::uint64_t flags, char* to) {
    typedef long long words __attribute__((vector_size(16)));
    typedef char bytes __attribute__((vector_size(16)));
    bytes v;
    __builtin_memcpy(&v, from, sizeof(v));
    bytes const lane = bytes(words{static_cast<long long>(kept_lanes.lanes[flags]), 0});
    bytes const twice = __builtin_shufflevector(lane, lane, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
    v = __builtin_ia32_pshufb128(v, twice + twice + bytes{0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1});
    __builtin_memcpy(to, &v, sizeof(v));
  }
};
#endif

/// Calls f(i) for every flag i of a word that is set, in order.
template <class F>
[[gnu::always_inline]] inline void for_each_flag(std::uint64_t word, F&& f) {
  for (; word != 0; word &= word - 1) f(static_cast<index>(__builtin_ctzll(word)));
}

/// Starts to bring 64 values that will be flagged soon into the L1 cache: flags are packed faster than memory is read.
/// (Not from caches: the few lines that a processor waits for at a time are then better left to its own prefetching.)
template <class T>
[[gnu::always_inline]] inline void fetch_ahead_of(T const* values) {
  constexpr std::size_t ahead = 8192;
  fetch<1, flags_per_word * sizeof(T)>(reinterpret_cast<std::uintptr_t>(values) + ahead);
}

/// Copies the flagged ones of 64 values to out[0], out[1], ..., which has room for all; flags(i) are those of a vector
/// of values from i on, as bits or as a mask.
template <class T, class Flags>
[[gnu::always_inline]] inline index compress_vectors(T const* values, Flags const& flags, T* out) {
  constexpr index lanes = compressor<sizeof(T)>::lanes;
  index kept = 0;
  LOCKSTEP_UNROLL
  for (index i = 0; i < flags_per_word; i += lanes) {
    auto const which = flags(i);
    compressor<sizeof(T)>::move(reinterpret_cast<char const*>(values + i), which, reinterpret_cast<char*>(out + kept));
    kept += __builtin_popcountll(as_flags(which));
  }
  return kept;
}

/// Copies the flagged ones of 64 values to `front`, the others to `back`, each of which has room for all; returns how
/// many are flagged.
template <class T>
[[gnu::always_inline]] inline index part_vectors(T const* values, std::uint64_t word, T* front, T* back) {
  constexpr index lanes = compressor<sizeof(T)>::lanes;
  constexpr std::uint64_t group = (std::uint64_t{1} << lanes) - 1;
  index kept = 0;
  LOCKSTEP_UNROLL
  for (index i = 0; i < flags_per_word; i += lanes) {
    auto const* const from = reinterpret_cast<char const*>(values + i);
    std::uint64_t const which = word >> i & group;
    compressor<sizeof(T)>::move(from, which, reinterpret_cast<char*>(front + kept));
    compressor<sizeof(T)>::move(from, which ^ group, reinterpret_cast<char*>(back + (i - kept)));
    kept += __builtin_popcountll(which);
  }
  return kept;
}

/// Copies the flagged ones of 64 values (of the first `count` where fewer are left) to out[0], out[1], ..., of which
/// `room` may be written; returns how many.
template <class T>
[[gnu::always_inline]] inline index compress_word(T const* values, std::uint64_t word, index count, T* out, index room,
                                                  bool fetches) {
  constexpr index lanes = compressor<sizeof(T)>::lanes;
  index kept = 0;
  if constexpr (lanes > 0) {
    constexpr std::uint64_t group = (std::uint64_t{1} << lanes) - 1;
    if (count >= flags_per_word && room >= flags_per_word) {
      if (fetches) fetch_ahead_of(values);
      return compress_vectors(
          values, [&](index i) { return word >> i & group; }, out);
    }
    for (index i = 0; i + lanes <= count && kept + lanes <= room; i += lanes) {
      std::uint64_t const flags = word & group;
      compressor<sizeof(T)>::move(reinterpret_cast<char const*>(values), flags, reinterpret_cast<char*>(out + kept));
      kept += __builtin_popcountll(flags);
      word >>= lanes;
      values += lanes;
    }
  } else if (count >= flags_per_word && room >= flags_per_word) {  // without branches: which flags are set is random
    for (index i = 0; i < flags_per_word; ++i) {
      out[kept] = values[i];
      kept += static_cast<index>(word >> i & 1);
    }
    return kept;
  }
  for_each_flag(word, [&](index i) { out[kept++] = values[i]; });
  return kept;
}

/// Copies the flagged ones of `count` values to out[0], out[1], ..., and returns how many. Up to `room` elements of
/// `out` may be written, at least as many as are flagged; the more, the faster. `fetches`: the values lie in memory.
template <class T>
index compress(T const* values, std::uint64_t const* words, index count, T* out, index room, bool fetches) {
  index kept = 0;
  for (index i = 0; i < count; i += flags_per_word)
    kept += compress_word(values + i, *words++, count - i, out + kept, room - kept, fetches);
  return kept;
}

/// The same with flags that are not stored: flags(i) are those of a vector of values from i on, one(i) that of one.
/// (Both by value: what they hold is then kept in registers, whatever is stored.)
template <class T, class Flags, class One>
[[gnu::always_inline]] inline index compress_straight(T const* values, index count, T* out, bool fetches,
                                                      Flags const flags, One const one) {
  index kept = 0, i = 0;
  for (; i + flags_per_word <= count; i += flags_per_word) {
    if (fetches) fetch_ahead_of(values + i);
    kept += compress_vectors(
        values + i, [&](index k) { return flags(i + k); }, out + kept);
  }
  for (; i < count; ++i)
    if (one(i)) out[kept++] = values[i];
  return kept;
}

/// The two sides of a partition while it runs: where their next elements go, and how many of them are left.
template <class T>
struct partition_sides {
  T *front, *back;
  index selected, others;
};

/// Copies the flagged ones of `count` values to the front, the others to the back; exactly as many as are left there.
template <class T>
void part(T const* values, std::uint64_t const* words, index count, partition_sides<T>& sides, bool fetches) {
  constexpr index lanes = compressor<sizeof(T)>::lanes;
  partition_sides<T> at = sides;
  for (index i = 0; i < count; i += flags_per_word) {
    std::uint64_t const word = *words++;
    index const some = std::min(count - i, flags_per_word);
    index kept = 0;
    if (lanes > 0 && some == flags_per_word && std::min(at.selected, at.others) >= flags_per_word) {
      if (fetches) fetch_ahead_of(values + i);
      if constexpr (lanes > 0) kept = part_vectors(values + i, word, at.front, at.back);
    } else {
      std::uint64_t const others = ~word & (~std::uint64_t{0} >> (flags_per_word - some));
      kept = compress_word(values + i, word, some, at.front, at.selected, false);
      compress_word(values + i, others, some, at.back, at.others, false);
    }
    at = {at.front + kept, at.back + (some - kept), at.selected - kept, at.others - (some - kept)};
  }
  sides = at;
}

/// Writes first + i for every flag i that is set to out[0], out[1], ..., and returns how many, as compress does.
inline index compress_positions(index first, std::uint64_t const* words, index count, index* out, index room) {
  index kept = 0;
  for (index i = 0; i < count; i += flags_per_word) {
    std::uint64_t word = *words++;
    index base = first + i;
    if (room - kept >= flags_per_word) {
      for (int byte = 0; byte < 8; ++byte, word >>= 8, base += 8) {
        std::uint64_t const lanes = kept_lanes.lanes[word & 255];
        for (int k = 0; k < 8; ++k) out[kept + k] = base + static_cast<index>(lanes >> (8 * k) & 7);
        kept += __builtin_popcountll(word & 255);
      }
    } else {
      for_each_flag(word, [&](index k) { out[kept++] = base + k; });
    }
  }
  return kept;
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
