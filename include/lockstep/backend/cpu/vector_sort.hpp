// Quicksort of integer keys in vectors, on one thread (after Bramas, "A novel hybrid quicksort algorithm vectorized
// using AVX-512", and Blacher et al., "Vectorized and performance-portable quicksort").
#pragma once

#include <limits>

#include "../../core/algorithm.hpp"
#include "split_keys.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

#if defined(__AVX2__) && !defined(__CUDACC__)

/// About the median of n > 0 keys.
template <class Codec, class K = typename Codec::key>
K choose_pivot(K const* keys, index n) {
  constexpr index most = network_size<K>;
  index const samples = std::min(n, n < 1024 ? most / 8 : n < (index{1} << 17) ? most / 4 : most);
  alignas(64) K sample[most];
  index const step = n / samples;
  index const jitter = step < 2 ? 0 : step < 16 ? 1 : 15;  // periods of the keys may be a step's
  for (index i = 0; i < samples; ++i) sample[i] = keys[i * step + (i * 7 & jitter)];
  for (index i = 0; i < samples; ++i) sample[i] = Codec::encode(sample[i]);
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
    if (n > 8 * width) return sort_rows<From, 16>(keys, n);
    if (n > 4 * width) return sort_rows<From, 8>(keys, n);
    if (n > 2 * width) return sort_rows<From, 4>(keys, n);
    if (n > width) return sort_rows<From, 2>(keys, n);
    sort_rows<From, 1>(keys, n);
  }
  // Half of the rows are full. How many keys the others hold cannot be foreseen: no branch depends on it.
  template <class From, int Rows>
  [[gnu::noinline]] static void sort_rows(K* keys, index n) {
    using vector = typename lanes::vector;
    alignas(64) K near[Rows * width];
    vector const largest = vector{} + std::numeric_limits<K>::max();
    for (index i = 0; i < Rows / 2 * width; i += width) lanes::store(near + i, From::encode(lanes::load(keys + i)));
    for (index i = Rows / 2 * width; i < Rows * width; i += width)
      lanes::store(near + i, From::encode(lanes::load_some(keys + i, n - i, From::decode(largest))));
    row_sorter<K, Rows>::sort(near);
    for (index i = 0; i < Rows / 2 * width; i += width) lanes::store(keys + i, Codec::decode(lanes::load(near + i)));
    for (index i = Rows / 2 * width; i < Rows * width; i += width)
      lanes::store_some(keys + i, n - i, Codec::decode(lanes::load(near + i)));
  }
  [[gnu::cold, gnu::noinline]] static void sort_by_heap(K* keys, index n) {
    std::make_heap(keys, keys + n);
    std::sort_heap(keys, keys + n);
    for (index i = 0; i < n; ++i) keys[i] = Codec::decode(keys[i]);
  }
};

#else

// Where there are no vectors, the standard library does it.

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
