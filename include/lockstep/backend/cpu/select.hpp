// select on CPU threads: in one pass over memory, blocks of elements are compressed in the cache, chained by how many
// they keep, and copied to where they belong.
#pragma once

#include "../../array/storage.hpp"
#include "compress.hpp"
#include "prefix_chain.hpp"
#include "select_source.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// Where a selection goes: the values, their positions, or both.
template <class T>
struct selection_target {
  T* values = nullptr;
  index* positions = nullptr;

  selection_target at(index offset) const {
    return {values ? values + offset : nullptr, positions ? positions + offset : nullptr};
  }
};

/// One selection while it runs. `Values` and `Positions` say which of both is wanted.
template <class Source, bool Values, bool Positions>
class selector {
  using T = typename Source::value_type;
  using target_type = selection_target<T>;

 public:
  selector(device const& where, Source const& source, index total, target_type const& target)
      : where_(where), source_(source), total_(total), target_(target) {}

  /// Returns how many elements were kept.
  index run() {
    bool const one_thread = total_ <= serial_below || where_.threads() == 1;
    if (one_thread && total_ * bytes_each < static_cast<index>(stream_from_bytes))
      return compress_range(0, total_, target_);
    prefix_chain<index> chain(blocks_);
    chain.publish(0, 0);
    if (one_thread)
      work(chain);
    else
      where_.run(static_cast<index>(where_.threads()), [&](index) { work(chain); });
    index kept = 0;
    chain.wait(blocks_, kept);
    return kept;
  }

 private:
  static constexpr index bytes_each = (Values ? sizeof(T) : 0) + (Positions ? sizeof(index) : 0);
  static constexpr index block = std::min(Values ? selection_block<T>() : selection_block<index>(),
                                          Positions ? selection_block<index>() : selection_block<T>());

  // A block's results before it is known where they belong. From the device's pool: fresh pages would cost more than
  // all the rest of a short selection.
  struct block_space {
    counted_pointer<storage> values, positions;

    explicit block_space(device const& where) {
      if constexpr (Values) values = make_storage(where, block, sizeof(T));
      if constexpr (Positions) positions = make_storage(where, block, sizeof(index));
    }
    target_type target() const {
      return {Values ? static_cast<T*>(values->data) : nullptr,
              Positions ? static_cast<index*>(positions->data) : nullptr};
    }
  };

  /// Compresses the elements at [first, last); the target has room for as many.
  index compress_range(index first, index last, target_type const& target) const {
    piece_space<T> space;
    piece_flags words;
    index kept = 0;
    for (index at = first; at < last; at += selection_piece) {
      index const end = std::min(last, at + selection_piece), room = last - first - kept;
      if constexpr (Values && !Positions && requires { source_.compresses(at); })
        if (source_.compresses(at)) {
          kept += source_.compress(at, end, target.values + kept, fetches_);
          continue;
        }
      T const* const values = source_.load(at, end, space.values(), words);
      index found = 0;
      if constexpr (Values) found = compress(values, words, end - at, target.values + kept, room, fetches_);
      if constexpr (Positions) found = compress_positions(at, words, end - at, target.positions + kept, room);
      kept += found;
    }
    return kept;
  }

  /// Takes blocks in order until none is left.
  void work(prefix_chain<index>& chain) const {
    try {
      block_space const space(where_);
      target_type const local = space.target();
      for (index b = chain.claim(); b < blocks_; b = chain.claim()) {
        index const kept = compress_range(b * block, std::min(total_, (b + 1) * block), local);
        index offset = 0;
        if (!chain.wait(b, offset)) return;
        chain.publish(b + 1, offset + kept);
        // As large as the result will be, if every block keeps as many as this one.
        bool const past_caches = static_cast<std::size_t>(kept * blocks_ * bytes_each) >= stream_from_bytes;
        if constexpr (Values) copy_out(target_.values + offset, local.values, kept, past_caches);
        if constexpr (Positions) copy_out(target_.positions + offset, local.positions, kept, past_caches);
      }
      stream_fence();
    } catch (...) {
      chain.fail();
      throw;
    }
  }
  template <class V>
  static void copy_out(V* to, V const* from, index count, bool past_caches) {
    auto const bytes = static_cast<std::size_t>(count) * sizeof(V);
    if (past_caches)
      stream_copy(to, from, bytes);
    else
      std::memcpy(to, from, bytes);
  }

  device const& where_;
  Source const& source_;
  index total_;
  target_type target_;
  bool fetches_ = static_cast<std::size_t>(total_) * sizeof(T) >= stream_from_bytes;
  index blocks_ = (total_ + block - 1) / block;
};

/// Writes the kept elements' values, in order, and returns how many. There must be room for all.
template <class Source>
index select_values(device const& where, Source const& source, index total, typename Source::value_type* values) {
  return selector<Source, true, false>(where, source, total, {values, nullptr}).run();
}
/// Writes the kept elements' positions in row-major order, and returns how many.
template <class Source>
index select_positions(device const& where, Source const& source, index total, index* positions) {
  return selector<Source, false, true>(where, source, total, {nullptr, positions}).run();
}
/// Writes both.
template <class Source>
index select_both(device const& where, Source const& source, index total, typename Source::value_type* values,
                  index* positions) {
  return selector<Source, true, true>(where, source, total, {values, positions}).run();
}

/// The first two as work that is queued, which on CPU devices has run when they return.
template <class Source>
void queue_select(device const& where, Source const& source, index total, typename Source::value_type* values,
                  index* kept) {
  *kept = select_values(where, source, total, values);
}
template <class Source>
void queue_positions(device const& where, Source const& source, index total, index* positions, index* kept) {
  *kept = select_positions(where, source, total, positions);
}

/// Turns positions in row-major order, ascending, into coordinates, one row of R per position.
template <std::size_t R>
void expand_positions(device const& where, shape<R> const& extents, index const* positions, index count, index* out) {
  parallel_ranges(where, count, selection_piece, serial_below, [&](index first, index last) {
    for (index i = first; i < last; ++i) {
      index rest = positions[i];
      for (std::size_t axis = R; axis-- > 0; rest /= extents[axis]) out[i * R + axis] = rest % extents[axis];
    }
  });
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
