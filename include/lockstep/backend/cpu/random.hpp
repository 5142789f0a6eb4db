// random on CPU threads: every counter is computed once, several at a time in a vector, and gives several values.
#pragma once

#include "../../algorithm/distributions.hpp"
#include "../../array/view.hpp"
#include "rows.hpp"
#include "stream.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// Words of consecutive counters: words[k][i] is word k of counter i.
struct philox_block {
  /// Words, each in the lower half of its lane; what is in the upper half does not count.
  typedef std::uint64_t wide __attribute__((vector_size(vector_bytes)));
  typedef std::uint32_t narrow __attribute__((vector_size(vector_bytes / 2)));
  static constexpr index lanes = vector_bytes / 8;

  static constexpr index counters = 256;
  alignas(64) std::uint32_t words[4][counters];

  philox_words operator[](index i) const { return {{words[0][i], words[1][i], words[2][i], words[3][i]}}; }

  /// philox4x32 (core/philox.hpp) of the counters first, first + 1, ...
  [[gnu::noinline]] void compute(std::uint64_t first, std::uint64_t key) {
    constexpr index at_once = 4;  // independent vectors, for multiplication takes several cycles
    for (index i = 0; i < counters; i += at_once * lanes) {
      wide a[at_once], b[at_once], c[at_once], d[at_once];
      for (index v = 0; v < at_once; ++v) {
        std::uint64_t numbers[lanes];
        for (index l = 0; l < lanes; ++l) numbers[l] = first + static_cast<std::uint64_t>(i + lanes * v + l);
        __builtin_memcpy(&a[v], numbers, sizeof a[v]);
        b[v] = a[v] >> 32;
        c[v] = a[v] ^ a[v];
        d[v] = c[v];
      }
      std::uint64_t low_key = key & 0xffffffff, high_key = key >> 32;
      for (int round = 0; round < 10; ++round) {
        for (index v = 0; v < at_once; ++v) {
          wide const left = product(a[v], 0xD2511F53), right = product(c[v], 0xCD9E8D57);
          a[v] = (right >> 32) ^ b[v] ^ low_key;
          b[v] = right;
          c[v] = (left >> 32) ^ d[v] ^ high_key;
          d[v] = left;
        }
        low_key = (low_key + 0x9E3779B9) & 0xffffffff;
        high_key = (high_key + 0xBB67AE85) & 0xffffffff;
      }
      for (index v = 0; v < at_once; ++v) {
        store(words[0] + i + lanes * v, a[v]);
        store(words[1] + i + lanes * v, b[v]);
        store(words[2] + i + lanes * v, c[v]);
        store(words[3] + i + lanes * v, d[v]);
      }
    }
  }

 private:
  static wide product(wide x, std::uint64_t factor) {
#if defined(__AVX2__) && !defined(__clang__) && !defined(__CUDACC__)  // g++ makes three products of one otherwise
    typedef int ints __attribute__((vector_size(32)));
    return reinterpret_cast<wide>(
        __builtin_ia32_pmuludq256(reinterpret_cast<ints>(x), reinterpret_cast<ints>((x ^ x) + factor)));
#else
    return (x & 0xffffffff) * factor;
#endif
  }
  static void store(std::uint32_t* to, wide v) {
    narrow const low = __builtin_convertvector(v, narrow);
    __builtin_memcpy(to, &low, sizeof low);
  }
};

/// Writes the values of the whole counters of a block from the first on: count of them.
template <class Distribution, class T, int... K>
void spread_values(Distribution const& distribution, philox_block const& block, index count, T* out,
                   std::integer_sequence<int, K...>) {
  constexpr index each = sizeof...(K);
  LOCKSTEP_INDEPENDENT
  for (index i = 0; i < count; ++i) ((out[i * each + K] = distribution(block[i], K)), ...);
}

/// Writes the values of the elements [first, last) to out[0], out[1], ...
template <class Distribution, class T>
void draw(Distribution const& distribution, std::uint64_t key, index first, index last, T* out) {
  constexpr int each = Distribution::values_per_counter;
  auto const one_by_one = [&](index begin, index end) {
    philox_words const words = philox4x32(static_cast<std::uint64_t>(begin / each), key);
    for (index i = begin; i < end; ++i) *out++ = distribution(words, static_cast<int>(i % each));
  };
  index const begin = std::min(last, (first + each - 1) / each * each), end = std::max(begin, last / each * each);
  if (first < begin) one_by_one(first, begin);
  philox_block block;
  for (index at = begin; at < end; at += each * philox_block::counters) {
    index const count = std::min((end - at) / each, philox_block::counters);
    block.compute(static_cast<std::uint64_t>(at / each), key);
    spread_values(distribution, block, count, out, std::make_integer_sequence<int, each>{});
    out += count * each;
  }
  if (end < last) one_by_one(end, last);
}

/// Writes the values of the elements [0, total) in order.
template <class Distribution, class T>
void draw_all(device const& where, Distribution const& distribution, std::uint64_t key, T* out, index total) {
  parallel_ranges(where, total, Distribution::values_per_counter * philox_block::counters, serial_below / 8,
                  [&](index first, index last) { draw(distribution, key, first, last, out + first); });
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
