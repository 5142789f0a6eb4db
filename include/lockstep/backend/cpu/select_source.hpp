// What a selection reads: pieces of an expression's values, and flags that say which of them are kept.
#pragma once

#include <type_traits>

#include "compress.hpp"
#include "local_values.hpp"
#include "rows.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// Elements whose flags are computed at a time; they and a buffer of their values stay in an L1 cache.
inline constexpr index selection_piece = 2048;
/// Bytes of one block; a few of them stay in an L2 cache.
inline constexpr index selection_block_bytes = 65536;

template <class T>
constexpr index selection_block() {
  return std::max<index>(1, selection_block_bytes / static_cast<index>(sizeof(T)) / selection_piece) * selection_piece;
}

/// Room for a piece's values when they are computed, and for the one before them.
template <class T>
struct piece_space {
  static constexpr index front = sizeof(T) < 64 ? static_cast<index>(64 / sizeof(T)) : 1;
  local_values<T, front + selection_piece> all;
  T* values() { return all.data() + front; }
};
using piece_flags = std::uint64_t[selection_piece / flags_per_word];

/// Reads an evaluator's values by ranges: in place where they lie in memory one after another.
template <class T, class Evaluator, std::size_t R>
class value_source {
 public:
  value_source(Evaluator const& evaluator, shape<R> const& extents) : reader_(evaluator, extents) {
    if constexpr (std::is_same_v<decltype(reader_.fast_row()), pointer_row<T>>)
      if (reader_.one_fast_row()) memory_ = reader_.fast_row().data;
  }
  /// The values at [first, last), computed into `space` where they lie nowhere.
  T const* read(index first, index last, T* space) const {
    if (memory_) return memory_ + first;
    reader_.read(first, last, space);
    return space;
  }
  T const* memory() const { return memory_; }
  /// The evaluator's row, where it is one.
  auto row() const { return reader_.fast_row(); }
  bool is_row() const { return reader_.one_fast_row(); }
  /// The values at [first, last) as flags.
  void pack(index first, index last, std::uint64_t* words) const requires std::is_same_v<T, bool> {
    using row = decltype(reader_.fast_row());
    if constexpr (has_sign_masks && straight_bytes<row> != 0 && std::is_same_v<decltype(std::declval<row>()[0]), bool>)
      if (reader_.one_fast_row()) return pack_row(reader_.fast_row(), first, last, words);
    local_values<bool, selection_piece> flags;
    pack_flags(read(first, last, flags.data()), last - first, words);
  }
  /// The same values, preceded by the one before.
  T const* read_with_last(index first, index last, T* space) const {
    return first > 0 ? read(first - 1, last, space - 1) + 1 : read(first, last, space);
  }

 private:
  reader<Evaluator, R> reader_;
  T const* memory_ = nullptr;
};

// What is kept. Each has `load(first, last, space, words)`: the flags of a piece, and where its values are. Some have
// `compress(first, last, out, fetches)` besides, for which no flags are stored, where `compresses(first)`.

/// Elements by a mask.
template <class T, class Values, class Mask, std::size_t R>
struct masked_elements {
  using value_type = T;
  value_source<T, Values, R> values;
  value_source<bool, Mask, R> mask;

  T const* load(index first, index last, T* space, std::uint64_t* words) const {
    mask.pack(first, last, words);
    return values.read(first, last, space);
  }

#if LOCKSTEP_WIDE_VECTORS
  using mask_row = decltype(mask.row());
  static constexpr bool compresses_straight =
      compared_row<mask_row>::value && straight_bytes<mask_row> == sizeof(T) && compressor<sizeof(T)>::lanes > 0;
  bool compresses(index) const requires compresses_straight { return values.memory() && mask.is_row(); }
  [[gnu::noinline]] index compress(index first, index last, T* out, bool fetches) const requires compresses_straight {
    auto const row = mask.row();
    return compress_straight(
        values.memory() + first, last - first, out, fetches,
        [=](index i) { return compared_row<mask_row>::flags(row, first + i); },
        [=](index i) { return row[first + i]; });
  }
#endif
};

/// Elements for which a predicate is `Wanted`.
template <bool Wanted, class T, class Values, class Predicate, std::size_t R>
struct filtered_elements {
  using value_type = T;
  value_source<T, Values, R> values;
  Predicate const& predicate;

  T const* load(index first, index last, T* space, std::uint64_t* words) const {
    T const* const read = values.read(first, last, space);
    local_values<bool, selection_piece> local;
    bool* const flags = local.data();
    LOCKSTEP_INDEPENDENT
    for (index i = 0; i < last - first; ++i) flags[i] = static_cast<bool>(predicate(read[i])) == Wanted;
    pack_flags(flags, last - first, words);
    return read;
  }
};

/// The first element of every run of equal ones.
template <class T, class Values, class Equal, std::size_t R>
struct run_starts {
  using value_type = T;
  value_source<T, Values, R> values;
  Equal const& equal;

  T const* load(index first, index last, T* space, std::uint64_t* words) const {
    T const* const read = values.read_with_last(first, last, space);
    if constexpr (has_sign_masks && std::is_same_v<Equal, equal_to> && straight_bytes<pointer_row<T>> != 0) {
      if (first > 0) pack_differences(read, 0, last - first, words);
      if (first > 0) return read;
    }
    local_values<bool, selection_piece> local;
    bool* const flags = local.data();
    flags[0] = first == 0 || !static_cast<bool>(equal(read[-1], read[0]));
    LOCKSTEP_INDEPENDENT
    for (index i = 1; i < last - first; ++i) flags[i] = !static_cast<bool>(equal(read[i - 1], read[i]));
    pack_flags(flags, last - first, words);
    return read;
  }

#if LOCKSTEP_WIDE_VECTORS
  static constexpr bool compresses_straight =
      std::is_same_v<Equal, equal_to> && straight_bytes<pointer_row<T>> != 0 && compressor<sizeof(T)>::lanes > 0;
  bool compresses(index first) const requires compresses_straight { return first > 0 && values.memory(); }
  [[gnu::noinline]] index compress(index first, index last, T* out, bool fetches) const requires compresses_straight {
    value_differences<T> const differ{values.memory() + first};
    return compress_straight(differ.values, last - first, out, fetches, differ, [=](index i) { return differ.one(i); });
  }
#endif
};

/// The positions of elements that a mask selects.
template <class Mask, std::size_t R>
struct masked_positions {
  using value_type = char;  // nobody asks for values
  value_source<bool, Mask, R> mask;

  char const* load(index first, index last, char*, std::uint64_t* words) const {
    mask.pack(first, last, words);
    return nullptr;
  }
};

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
