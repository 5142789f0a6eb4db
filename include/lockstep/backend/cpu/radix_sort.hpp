// Stable sorting by keys of up to 32 bits, each with 32 bits that it takes along: elements are put into buckets by the
// highest bits of their keys, then every bucket is sorted in the cache by what is left, lowest digits first.
#pragma once

#include <vector>

#include "../../core/owned_array.hpp"
#include "merge_sort.hpp"
#include "parallel_sort.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

inline int bits_of(std::uint64_t value) { return value == 0 ? 0 : 64 - __builtin_clzll(value); }

/// Sorts n elements: key(i) and payload(i) give element i, emit(i, key, payload) takes the one that comes to place i.
/// Every element is read before one is emitted.
template <class Key, class Payload, class Emit>
class radix_sorter {
  using word = std::uint64_t;  // the key above its least one, then the payload
  static constexpr int most_bits = 11;

 public:
  radix_sorter(device const& where, index n, Key const& key, Payload const& payload, Emit const& emit)
      : where_(where),
        n_(n),
        key_(key),
        payload_(payload),
        emit_(emit),
        pieces_(n <= serial_below ? 1 : static_cast<index>(where.threads())) {}

  void sort() {
    find_range();
    find_buckets();
    scratch<word> words(where_, n_);
    index largest = 0;
    for (index b = 0; b < buckets_; ++b) largest = std::max(largest, end_of(b) - begin_of(b));
    std::vector<owned_array<word>> spaces(static_cast<std::size_t>(pieces_));
    for (auto& space : spaces) space.reset(new word[static_cast<std::size_t>(low_bits_ > 0 ? largest : 0)]);
    fill_buckets(words.data());
    std::atomic<index> next{0};
    where_.run(pieces_, [&](index piece) {
      for (index b; (b = next.fetch_add(1, std::memory_order_relaxed)) < buckets_;)
        sort_bucket(words.data() + begin_of(b), begin_of(b), end_of(b) - begin_of(b),
                    spaces[static_cast<std::size_t>(piece)].get());
    });
  }

 private:
  template <class F>
  void for_each_piece(F const& f) const {
    where_.run(pieces_, [&](index p) { f(p, n_ * p / pieces_, n_ * (p + 1) / pieces_); });
  }
  // Where the elements of a bucket that a piece has go; those of piece 0 come first.
  index& start(index bucket, index piece) { return starts_[static_cast<std::size_t>(bucket * pieces_ + piece)]; }
  index end_of(index bucket) const { return ends_[static_cast<std::size_t>(bucket)]; }
  index begin_of(index bucket) const { return bucket == 0 ? 0 : end_of(bucket - 1); }

  void find_range() {
    std::vector<std::uint32_t> ends(static_cast<std::size_t>(2 * pieces_));
    for_each_piece([&](index p, index begin, index end) {
      std::uint32_t low = ~std::uint32_t{0}, high = 0;
      for (index i = begin; i < end; ++i) {
        std::uint32_t const k = key_(i);
        low = k < low ? k : low, high = k > high ? k : high;
      }
      ends[static_cast<std::size_t>(2 * p)] = low, ends[static_cast<std::size_t>(2 * p + 1)] = high;
    });
    std::uint32_t highest = 0;
    for (std::size_t i = 0; i < ends.size(); i += 2)
      lowest_ = std::min(lowest_, ends[i]), highest = std::max(highest, ends[i + 1]);
    int const bits = bits_of(highest - lowest_);
    int const high_bits = std::clamp(bits_of(static_cast<word>(n_)) - 13, 0, std::min(bits, most_bits));
    low_bits_ = bits - high_bits;
    buckets_ = static_cast<index>(word{highest - lowest_} >> low_bits_) + 1;
  }
  void find_buckets() {
    starts_.assign(static_cast<std::size_t>(buckets_ * pieces_), 0);
    ends_.resize(static_cast<std::size_t>(buckets_));
    if (buckets_ > 1)
      for_each_piece([&](index p, index begin, index end) {
        owned_array<index> const counts(new index[static_cast<std::size_t>(buckets_)]());
        for (index i = begin; i < end; ++i) ++counts[(key_(i) - lowest_) >> low_bits_];
        for (index b = 0; b < buckets_; ++b) start(b, p) = counts[static_cast<std::size_t>(b)];
      });
    else
      for (index p = 0; p < pieces_; ++p) start(0, p) = n_ * (p + 1) / pieces_ - n_ * p / pieces_;
    index before = 0;
    for (index b = 0; b < buckets_; ++b) {
      for (index p = 0; p < pieces_; ++p) before += std::exchange(start(b, p), before);
      ends_[static_cast<std::size_t>(b)] = before;
    }
  }
  void fill_buckets(word* words) {
    for_each_piece([&](index p, index begin, index end) {
      owned_array<index> const next(new index[static_cast<std::size_t>(buckets_)]);
      for (index b = 0; b < buckets_; ++b) next[static_cast<std::size_t>(b)] = start(b, p);
      for (index i = begin; i < end; ++i) {
        word const k = key_(i) - lowest_;
        words[next[k >> low_bits_]++] = k << 32 | payload_(i);
      }
    });
  }

  // Emits n words in order, the first of them to place `first`.
  void sort_bucket(word* words, index first, index n, word* space) const {
    int const digit = n < 1024 ? 8 : most_bits, passes = (low_bits_ + digit - 1) / digit;
    if (n < 48 || passes == 0) {
      if (passes > 0) insertion_sort(words, n, [](word a, word b) { return a >> 32 < b >> 32; });
      for (index i = 0; i < n; ++i) put(first + i, words[i]);
      return;
    }
    int const bits = (low_bits_ + passes - 1) / passes;
    index const values = index{1} << bits;
    word const mask = static_cast<word>(values - 1);
    std::uint32_t counts[4 << most_bits];
    std::fill_n(counts, passes * values, 0u);
    for (index i = 0; i < n; ++i) {
      word const k = words[i] >> 32;
      for (int pass = 0; pass < passes; ++pass) ++counts[pass * values + static_cast<index>(k >> pass * bits & mask)];
    }
    for (int pass = 0; pass < passes; ++pass) {
      std::uint32_t* const next = counts + pass * values;
      std::uint32_t before = 0;
      for (index v = 0; v < values; ++v) before += std::exchange(next[v], before);
      int const shift = 32 + pass * bits;
      if (pass + 1 < passes) {
        for (index i = 0; i < n; ++i) space[next[words[i] >> shift & mask]++] = words[i];
        std::swap(words, space);
      } else {
        for (index i = 0; i < n; ++i) put(first + next[words[i] >> shift & mask]++, words[i]);
      }
    }
  }
  void put(index place, word w) const {
    emit_(place, static_cast<std::uint32_t>(w >> 32) + lowest_, static_cast<std::uint32_t>(w));
  }

  device const& where_;
  index const n_;
  Key const& key_;
  Payload const& payload_;
  Emit const& emit_;
  index const pieces_;
  index buckets_ = 1;
  int low_bits_ = 0;
  std::uint32_t lowest_ = ~std::uint32_t{0};
  std::vector<index> starts_, ends_;
};

/// Up to so many elements are sorted as words of a key and a place by the vector quicksort: with vectors of 64 bytes it
/// is faster than the passes over buckets.
inline constexpr index packed_below = sort_vector_bytes == 64 ? index{1} << 19 : 0;

/// The same for few elements: what they take along is put aside, and found again by the places.
template <class Key, class Payload, class Emit>
void sort_packed(device const& where, index n, Key const& key, Payload const& payload, Emit const& emit) {
  constexpr std::uint64_t sign = std::uint64_t{1} << 63;
  scratch<index> packed(where, n);
  scratch<std::uint32_t> put_aside(where, n);
  index* const words = packed.data();
  std::uint32_t* const payloads = put_aside.data();
  parallel_ranges(where, n, 4096, serial_below, [&](index begin, index end) {
    LOCKSTEP_INDEPENDENT
    for (index i = begin; i < end; ++i) {
      words[i] = static_cast<index>((std::uint64_t{key(i)} << 32 | static_cast<std::uint64_t>(i)) ^ sign);
      payloads[i] = payload(i);
    }
  });
  parallel_sorter<plain_codec<index>>::sort(where, words, n);
  parallel_ranges(where, n, 4096, serial_below, [&](index begin, index end) {
    for (index i = begin; i < end; ++i) {
      auto const word = static_cast<std::uint64_t>(words[i]) ^ sign;
      emit(i, static_cast<std::uint32_t>(word >> 32), payloads[static_cast<std::uint32_t>(word)]);
    }
  });
}

/// Sorts n > 0 elements, less than 2^32.
template <class Key, class Payload, class Emit>
void radix_sort(device const& where, index n, Key const& key, Payload const& payload, Emit const& emit) {
  if (n <= packed_below) return sort_packed(where, n, key, payload, emit);
  radix_sorter<Key, Payload, Emit>(where, n, key, payload, emit).sort();
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
