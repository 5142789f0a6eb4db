// Quicksort of integer keys in vectors, on one thread (after Bramas, "A novel hybrid quicksort algorithm vectorized
// using AVX-512", and Blacher et al., "Vectorized and performance-portable quicksort").
#pragma once

#include <algorithm>
#include <limits>

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
  using lanes = sort_lanes<K>;
  using vector = typename lanes::vector;
  static constexpr int vectors = 8;
  static constexpr index width = lanes::width, block = vectors * width;

 public:
  /// The fewest keys that can be split.
  static constexpr index fewest = 2 * block;

  /// Encodes all n keys and puts those below the pivot first; returns how many there are.
  [[gnu::noinline]] static index split(K* keys, index n, K pivot) {
    index const whole = n / block * block, rest = n - whole;
    alignas(64) K held[2 * block], tail[block];
    std::memcpy(held, keys, sizeof(K) * block);
    std::memcpy(held + block, keys + whole - block, sizeof(K) * block);
    std::memcpy(tail, keys + whole, static_cast<std::size_t>(rest) * sizeof(K));
    ends write{keys, keys + n, vector{} + pivot};
    K const *from = keys + block, *to = keys + whole - block;
    while (from < to) {  // reads where there is less room, so that there is room at both ends for a whole block
      bool const low = from - write.left <= write.right - to;
      K const* const source = low ? from : to - block;
      from += low ? block : 0;
      to -= low ? 0 : block;
      write.split_block(source);
    }
    // Whole vectors come last: the stores of one vector may overlap only where it fills the room exactly.
    index const odd = rest % width;
    for (index at = 0; at < odd; ++at) write.split_one(tail[at], pivot);
    for (index at = odd; at < rest; at += width) write.split_vector(lanes::load(tail + at));
    write.split_block(held);
    write.split_block(held + block);
    return write.left - keys;
  }

 private:
  // A local variable that is never taken the address of: members would be stored and loaded again for every vector.
  struct ends {
    K *left, *right;  // where keys below the pivot and the others are written
    vector pivots;

    [[gnu::always_inline]] void split_block(K const* source) {
      vector v[vectors];
      LOCKSTEP_UNROLL
      for (int i = 0; i < vectors; ++i) v[i] = lanes::load(source + i * width);
      LOCKSTEP_UNROLL
      for (int i = 0; i < vectors; ++i) split_vector(v[i]);
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
    [[gnu::always_inline]] void split_one(K raw, K pivot) {
      K const key = Codec::encode(raw);
      *left = right[-1] = key;
      left += key < pivot;
      right -= !(key < pivot);
    }
  };
};

/// About the median of n > 0 keys.
template <class Codec, class K = typename Codec::key>
K choose_pivot(K const* keys, index n) {
  constexpr index most = network_size<K>;
  index const samples = std::min(n, n < 1024 ? most / 8 : n < (index{1} << 17) ? most / 4 : most);
  alignas(64) K sample[most];
  index const step = n / samples;
  for (index i = 0; i < samples; ++i) sample[i] = Codec::encode(keys[i * step + (i * 7 & 15) % step]);
  sort_by_network(sample, samples);
  return sample[samples / 2];
}

/// Sorts keys of a codec: they are encoded by the first split and decoded by the last step.
template <class Codec>
class vector_sorter {
  using K = typename Codec::key;
  using plain = plain_codec<K>;
  using lanes = sort_lanes<K>;
  static constexpr index leaf = network_size<K>, width = lanes::width;

 public:
  static void sort(K* keys, index n) {
    if (n <= leaf) return sort_leaf<Codec>(keys, n);
    divide<Codec>(keys, n, choose_pivot<Codec>(keys, n), std::numeric_limits<K>::min(), depth_of(n));
  }
  /// The same for keys that are encoded, none of them less than `lowest`; they are decoded.
  static void sort_encoded(K* keys, index n, K lowest) { sort_encoded(keys, n, lowest, depth_of(n)); }

 private:
  static int depth_of(index n) { return 2 * (64 - __builtin_clzll(static_cast<unsigned long long>(n))); }

  static void sort_encoded(K* keys, index n, K lowest, int depth) {
    if (n <= leaf) return sort_leaf<plain>(keys, n);
    if (depth == 0) return sort_by_heap(keys, n);
    divide<plain>(keys, n, choose_pivot<plain>(keys, n), lowest, depth);
  }
  template <class From>
  static void divide(K* keys, index n, K pivot, K lowest, int depth) {
    if (pivot == lowest) {  // nothing is less: what equals it is done
      index const equal =
          pivot == std::numeric_limits<K>::max() ? n : splitter<From>::split(keys, n, static_cast<K>(pivot + 1));
      std::fill(keys, keys + equal, Codec::decode(pivot));
      if (equal < n) sort_encoded(keys + equal, n - equal, static_cast<K>(pivot + 1), depth - 1);
      return;
    }
    index const below = splitter<From>::split(keys, n, pivot);
    sort_encoded(keys, below, lowest, depth - 1);
    sort_encoded(keys + below, n - below, pivot, depth - 1);
  }

  template <class From>
  static void sort_leaf(K* keys, index n) {
    alignas(64) K near[leaf];
    index i = 0;
    for (; i + width <= n; i += width) lanes::store(near + i, From::encode(lanes::load(keys + i)));
    for (; i < n; ++i) near[i] = From::encode(keys[i]);
    sort_by_network(near, n);
    for (i = 0; i + width <= n; i += width) lanes::store(keys + i, Codec::decode(lanes::load(near + i)));
    for (; i < n; ++i) keys[i] = Codec::decode(near[i]);
  }
  [[gnu::cold, gnu::noinline]] static void sort_by_heap(K* keys, index n) {
    std::make_heap(keys, keys + n);
    std::sort_heap(keys, keys + n);
    for (index i = 0; i < n; ++i) keys[i] = Codec::decode(keys[i]);
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
};

template <class Codec, class K = typename Codec::key>
K choose_pivot(K const* keys, index n) {
  K sample[31];
  for (index i = 0; i < 31; ++i) sample[i] = Codec::encode(keys[i * (n - 1) / 30]);
  std::nth_element(sample, sample + 15, sample + 31);
  return sample[15];
}

template <class Codec>
struct vector_sorter {
  using K = typename Codec::key;
  static void sort(K* keys, index n) {
    for (index i = 0; i < n; ++i) keys[i] = Codec::encode(keys[i]);
    sort_encoded(keys, n, 0);
  }
  static void sort_encoded(K* keys, index n, K) {
    std::sort(keys, keys + n);
    for (index i = 0; i < n; ++i) keys[i] = Codec::decode(keys[i]);
  }
};

#endif

/// The key at place k of the n keys in order, without sorting them all: keys before place k are then not greater, and
/// keys after it not less.
template <class K>
K select_key(K* keys, index n, index k) {
  using plain = plain_codec<K>;
  K lowest = std::numeric_limits<K>::min();
  for (int depth = 0; n > 512; ++depth) {
    if (depth == 128) {
      std::nth_element(keys, keys + k, keys + n);
      return keys[k];
    }
    K pivot = choose_pivot<plain>(keys, n);
    bool const least = pivot == lowest;
    if (least && pivot == std::numeric_limits<K>::max()) return pivot;
    if (least) ++pivot;
    index const below = splitter<plain>::split(keys, n, pivot);
    if (k < below) {
      if (least) return lowest;
      n = below;
    } else {
      keys += below, k -= below, n -= below;
      lowest = pivot;
    }
  }
  vector_sorter<plain>::sort(keys, n);
  return keys[k];
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
