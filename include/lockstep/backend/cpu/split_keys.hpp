// The step that quicksort is made of, in vectors: keys below a pivot go to one end, the others to the other end.
#pragma once

#include <limits>

#include "../../core/algorithm.hpp"
#include "sort_keys.hpp"
#include "sort_network.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

#if defined(__AVX2__) && !defined(__CUDACC__)

/// Splits keys in place by a pivot, the lanes of every vector at both ends at once.
template <class Codec>
class splitter {
  using K = typename Codec::key;
  using lanes = split_lanes<K>;
  using vector = typename lanes::vector;
  static constexpr int vectors = 4;
  static constexpr index width = lanes::width, group = vectors * width;
  static constexpr index small_block = network_size<K> / 2, large_block = 4 * small_block;

  // A local variable that is never taken the address of: members would be stored and loaded again for every vector.
  struct ends {
    K *left, *right;  // where keys below the pivot and the others are written
    vector pivots;

    // A block of `count` keys, whose vectors lie `step` keys from each other.
    [[gnu::always_inline]] void split_block(K const* source, index step, index count) {
      // What is read 2 KB later is brought into the cache. It may lie outside of the keys: nothing is read.
      std::uintptr_t const ahead = step > 0 ? 2048 : 0 - std::uintptr_t{2048};
      for (index at = 0; at < count; at += group, source += vectors * step) {
        vector v[vectors];
        LOCKSTEP_UNROLL
        for (int i = 0; i < vectors; ++i) {
          v[i] = lanes::load(source + i * step);
          if (i * sizeof(vector) % 64 == 0)
            __builtin_prefetch(
                reinterpret_cast<void const*>(reinterpret_cast<std::uintptr_t>(source + i * step) + ahead));
        }
        LOCKSTEP_UNROLL
        for (int i = 0; i < vectors; ++i) split_vector(v[i]);
      }
    }
    [[gnu::always_inline]] void split_vector(vector raw) {
      vector const v = Codec::encode(raw);
      unsigned const mask = lanes::below(v, pivots);
      vector const parts = lanes::split(v, mask);
      lanes::store(left, parts);
      lanes::store(right - width, parts);
      index const count = __builtin_popcount(mask);
      left += count;
      right += count - width;
    }
    // The last `count` lanes alone.
    [[gnu::always_inline]] void split_some(vector raw, index count) {
      vector const v = Codec::encode(raw);
      unsigned const others = (1u << (width - count)) - 1, mask = lanes::below(v, pivots);
      lanes::store(left, lanes::split(v, mask & ~others));
      lanes::store(right - width, lanes::split(v, mask | others));
      index const low = __builtin_popcount(mask & ~others);
      left += low;
      right -= count - low;
    }
  };

 public:
  /// The fewest keys that can be split.
  static constexpr index fewest = 2 * small_block;

  /// Encodes all n keys and puts those below the pivot first; returns how many there are.
  [[gnu::noinline]] static index split(K* keys, index n, K pivot) {
    // Which end is read next is known only after a block is split, so blocks are large where there are many.
    index const block = n < 8 * large_block ? small_block : large_block;
    index const whole = n / block * block, rest = n - whole, odd = rest % width;
    alignas(64) K held[3 * large_block];
    K* const tail = held + 3 * block - rest;
    copy_block(held, keys, block);
    copy_block(held + block, keys + whole - block, block);
    copy_block(held + 2 * block, keys + n - block, block);
    ends write{keys, keys + n, vector{} + pivot};
    K const *from = keys + block, *to = keys + whole - block;
    while (from < to) {  // reads where there is less room, so that there is room at both ends for a whole block
      bool const low = from - write.left <= write.right - to;
      // From the outside in: what a vector's stores cover beyond its keys was read before.
      write.split_block(low ? from : to - width, low ? width : -width, block);
      from += low ? block : 0;
      to -= low ? 0 : block;
    }
    // Whole vectors come last: the stores of one vector may overlap only where it fills the room exactly.
    write.split_some(lanes::load(tail + odd - width), odd);
    for (index at = odd; at < rest; at += width) write.split_vector(lanes::load(tail + at));
    write.split_block(held, width, 2 * block);
    return write.left - keys;
  }

  /// Splits keys while they are copied, piece by piece: take_odd for every piece, then take_whole for every piece.
  class copier {
   public:
    /// There is room for all pieces together from `to` on.
    copier(K* to, index room, K pivot) : write_{to, to + room, vector{} + pivot}, pivot_(pivot) {}

    /// The keys that fill no vector.
    void take_odd(K const* keys, index n) {
      for (index i = 0; i < n % width; ++i) {
        K const key = Codec::encode(keys[i]);
        if (key < pivot_)
          *write_.left++ = key;
        else
          *--write_.right = key;
      }
    }
    /// All others.
    void take_whole(K const* keys, index n) {
      ends write = write_;
      K const* at = keys + n % width;
      index const whole = (keys + n - at) / group * group;
      write.split_block(at, width, whole);
      for (at += whole; at < keys + n; at += width) write.split_vector(lanes::load(at));
      write_ = write;
    }
    /// Where the keys end that are below the pivot.
    K* middle() const { return write_.left; }

   private:
    ends write_;
    K pivot_;
  };

 private:
  [[gnu::always_inline]] static void copy_block(K* to, K const* from, index block) {
    for (index i = 0; i < block; i += width) lanes::store(to + i, lanes::load(from + i));
  }
};

#else

// Where there are no vectors, the standard library does it.

template <class Codec>
struct splitter {
  using K = typename Codec::key;
  static constexpr index fewest = 0;
  static index split(K* keys, index n, K pivot) {
    for (index i = 0; i < n; ++i) keys[i] = Codec::encode(keys[i]);
    return std::partition(keys, keys + n, [=](K k) { return k < pivot; }) - keys;
  }
  class copier {
   public:
    copier(K* to, index room, K pivot) : left_(to), right_(to + room), pivot_(pivot) {}
    void take_odd(K const*, index) {}
    void take_whole(K const* keys, index n) {
      for (index i = 0; i < n; ++i) {
        K const key = Codec::encode(keys[i]);
        if (key < pivot_)
          *left_++ = key;
        else
          *--right_ = key;
      }
    }
    K* middle() const { return left_; }

   private:
    K *left_, *right_;
    K pivot_;
  };
};

#endif

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
