// partition on CPU threads: the flags are computed and counted first, then every block knows where both of its parts
// go.
#pragma once

#include <utility>

#include "../../core/owned_array.hpp"
#include "select.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// One stable partition while it runs.
template <class T, class Values, class Mask, std::size_t R>
class partitioner {
 public:
  partitioner(device const& where, masked_elements<T, Values, Mask, R> const& source, index total, T* target)
      : where_(where),
        source_(source),
        total_(total),
        target_(target),
        past_caches_(static_cast<std::size_t>(total) * sizeof(T) >= stream_from_bytes),
        words_(new std::uint64_t[static_cast<std::size_t>(flag_words(total))]),
        offsets_(new index[static_cast<std::size_t>(blocks_ + 1)]) {}

  /// Returns how many elements the mask selects.
  index run() {
    for_each_block([&](index first, index last) { count(first, last); });
    index selected = 0;
    for (index b = 0; b < blocks_; ++b) selected += std::exchange(offsets_[b], selected);
    offsets_[blocks_] = selected;
    for_each_block([&](index first, index last) { move(first, last); });
    return selected;
  }

 private:
  static constexpr index block = selection_block<T>();

  template <class F>
  void for_each_block(F const& f) {
    parallel_ranges(where_, total_, block, serial_below, [&](index first, index last) {
      for (index at = first; at < last; at += block) f(at, std::min(last, at + block));
    });
  }

  void count(index first, index last) {
    index kept = 0;
    for (index at = first; at < last; at += selection_piece) {
      index const size = std::min(last - at, selection_piece);
      std::uint64_t* const words = words_.get() + at / flags_per_word;
      source_.mask.pack(at, at + size, words);
      kept += count_flags(words, size);
    }
    offsets_[first / block] = kept;
  }

  void move(index first, index last) {
    index const b = first / block, selected = offsets_[b + 1] - offsets_[b];
    T* const front = target_ + offsets_[b];
    T* const back = target_ + offsets_[blocks_] + (first - offsets_[b]);
    if (!past_caches_) return split_pieces(first, last, front, back);
    auto const space = make_storage(where_, static_cast<std::size_t>(last - first), sizeof(T));
    T* const local = static_cast<T*>(space->data);
    split(first, last, local, selected, local + selected);
    stream_copy(front, local, static_cast<std::size_t>(selected) * sizeof(T));
    stream_copy(back, local + selected, static_cast<std::size_t>(last - first - selected) * sizeof(T));
    stream_fence();
  }

  // Pieces are parted in the L1 cache first: vectors that are not full are stored several times.
  void split_pieces(index first, index last, T* front, T* back) const {
    piece_space<T> space;
    local_values<T, selection_piece + flags_per_word> fronts, backs;
    for (index at = first; at < last; at += selection_piece) {
      index const size = std::min(last - at, selection_piece), room = size + flags_per_word;
      T const* const values = source_.values.read(at, at + size, space.values());
      partition_sides<T> sides{fronts.data(), backs.data(), room, room};
      part(values, words_.get() + at / flags_per_word, size, sides, false);
      index const kept = room - sides.selected;
      front = std::copy_n(fronts.data(), kept, front);
      back = std::copy_n(backs.data(), size - kept, back);
    }
  }
  // Writes exactly the block's own elements: what lies beyond belongs to other threads.
  void split(index first, index last, T* front, index selected, T* back) const {
    piece_space<T> space;
    partition_sides<T> sides{front, back, selected, last - first - selected};
    for (index at = first; at < last; at += selection_piece) {
      index const end = std::min(last, at + selection_piece);
      T const* const values = source_.values.read(at, end, space.values());
      part(values, words_.get() + at / flags_per_word, end - at, sides, past_caches_);
    }
  }

  device const& where_;
  masked_elements<T, Values, Mask, R> const& source_;
  index total_;
  T* target_;
  bool past_caches_;
  index blocks_ = (total_ + block - 1) / block;
  owned_array<std::uint64_t> words_;
  owned_array<index> offsets_;  // selected before each block, and in all
};

/// Writes all elements, those that the mask selects first, both in order; returns how many it selects.
template <class T, class Values, class Mask, std::size_t R>
index partition_values(device const& where, masked_elements<T, Values, Mask, R> const& source, index total, T* target) {
  return partitioner<T, Values, Mask, R>(where, source, total, target).run();
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
