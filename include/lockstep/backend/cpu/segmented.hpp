// Reductions of segments on CPU threads: threads share the elements, not the segments, so that one long segment among
// many short ones holds nobody up. The order of combination depends on a segment's length alone.
#pragma once

#include <atomic>

#include "reduce_axis.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// Segments of at most this many elements are combined from first to last.
inline constexpr index short_segment = 16;

/// Longer segments are shared among threads, tile by tile.
inline constexpr index long_segment = 16 * tile;

/// The values of an expression of one axis as memory, up to a tile of them at a time.
template <class Evaluator>
class value_window {
 public:
  using value = std::remove_cvref_t<decltype(std::declval<Evaluator const&>().at(coordinates<1>{}))>;

  explicit value_window(reader<Evaluator, 1> const& from, index total) : from_(from), total_(total) {}

  /// The values at [first, first + count), count <= tile; good until the next call.
  pointer_row<value> get(index first, index count) {
    if constexpr (std::is_same_v<decltype(from_.fast_row()), pointer_row<value>>)
      if (from_.one_fast_row()) return {from_.fast_row().data + first};
    if (first < begin_ || first + count > end_) {
      begin_ = first;
      end_ = std::min(total_, first + tile);
      from_.read(begin_, end_, buffer_.data());
    }
    return {buffer_.data() + (first - begin_)};
  }

 private:
  reader<Evaluator, 1> const& from_;
  index total_, begin_ = 0, end_ = 0;
  local_values<value, tile> buffer_;
};

/// The tile `number` of the segment [first, last), at most a tile long from there.
template <class Reducer, class Evaluator>
auto reduce_segment_tile(Reducer const& reducer, value_window<Evaluator>& values, index first, index last,
                         index number) {
  index const at = number * tile, count = std::min(tile, last - first - at);
  auto const row = values.get(first + at, count);
  if (positional<Reducer> || count <= short_segment) {
    auto all = lift_at(reducer, row[0], at);
    for (index i = 1; i < count; ++i) all = reducer.combine(all, lift_at(reducer, row[i], at + i));
    return all;
  }
  return reduce_part_of_row(reducer, row, 0, at, count);
}

/// A segment of at least one and at most long_segment elements.
template <class Reducer, class Evaluator>
auto reduce_segment(Reducer const& reducer, value_window<Evaluator>& values, index first, index last) {
  index const tiles = (last - first + tile - 1) / tile;
  if (tiles == 1) return reduce_segment_tile(reducer, values, first, last, 0);
  typename Reducer::accumulator partial[long_segment / tile];
  for (index t = 0; t < tiles; ++t) partial[t] = reduce_segment_tile(reducer, values, first, last, t);
  return combine_tree(reducer, partial, tiles);
}

template <class Reducer, class Evaluator>
auto reduce_long_segment(device const& where, Reducer const& reducer, reader<Evaluator, 1> const& from, index total,
                         index first, index last) {
  using accumulator = typename Reducer::accumulator;
  index const tiles = (last - first + tile - 1) / tile;
  std::unique_ptr<accumulator[]> const partial(new accumulator[static_cast<std::size_t>(tiles)]);
  parallel_ranges(where, tiles, 1, 1, [&](index begin, index end) {
    value_window<Evaluator> values(from, total);
    for (index t = begin; t < end; ++t) partial[t] = reduce_segment_tile(reducer, values, first, last, t);
  });
  return combine_tree(reducer, partial.get(), tiles);
}

/// What is wrong with the offsets, if anything is.
enum class offset_fault { none, not_ascending, outside };
struct offset_survey {
  offset_fault fault = offset_fault::none;
  index at = 0;  ///< the offset that is wrong
  bool any_empty = false;
};
inline offset_survey survey_offsets(device const& where, index const* offsets, index segments, index total) {
  std::atomic<index> bad{-1};
  std::atomic<bool> empty{false};
  parallel_ranges(where, segments, buffer_length, serial_below, [&](index first, index last) {
    bool some_empty = false;
    for (index s = first; s < last; ++s) {
      some_empty |= offsets[s] == offsets[s + 1];
      if (offsets[s] > offsets[s + 1] || offsets[s] < 0 || offsets[s + 1] > total) bad = s;
    }
    if (some_empty) empty = true;
  });
  index const s = bad;
  if (s < 0) return {offset_fault::none, 0, empty};
  return {offsets[s] > offsets[s + 1] ? offset_fault::not_ascending : offset_fault::outside, s, empty};
}

/// results[s] = the reduction of [offsets[s], offsets[s + 1]), which lie within [0, total) and ascend; `nothing` for an
/// empty segment.
template <class Reducer, class Evaluator, class Result>
void reduce_segments(device const& where, shape<1> const& extents, reduction_part<Reducer, Evaluator> const& part,
                     index const* offsets, index segments, Result const& nothing, Result* results) {
  index const total = extents[0];
  reader<Evaluator, 1> const from(part.evaluator, extents);
  Reducer const& reducer = part.reducer;
  auto const finish = [&](auto const& all, index s) {
    results[s] = static_cast<Result>(reducer.finish(all, offsets[s + 1] - offsets[s]));
  };
  // A piece of the work is a range of elements and segment ends together: segment s ends at place offsets[s + 1] + s.
  index const places = offsets[segments] - offsets[0] + segments;
  auto const segment_at = [&](index place) {
    index low = 0, high = segments;
    while (low < high) {
      index const middle = (low + high) / 2;
      if (offsets[middle + 1] - offsets[0] + middle < place)
        low = middle + 1;
      else
        high = middle;
    }
    return low;
  };
  parallel_ranges(where, places, 1, serial_below, [&](index first, index last) {
    value_window<Evaluator> values(from, total);
    index const end = last == places ? segments : segment_at(last);
    for (index s = segment_at(first); s < end; ++s) {
      index const length = offsets[s + 1] - offsets[s];
      if (length == 0)
        results[s] = nothing;
      else if (length <= long_segment)
        finish(reduce_segment(reducer, values, offsets[s], offsets[s + 1]), s);
    }
  });
  if (places <= long_segment) return;
  for (index s = 0; s < segments; ++s)
    if (offsets[s + 1] - offsets[s] > long_segment)
      finish(reduce_long_segment(where, reducer, from, total, offsets[s], offsets[s + 1]), s);
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
