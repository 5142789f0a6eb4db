// Reductions of segments on CPU threads: threads share the elements, not the segments, so that one long segment among
// many short ones holds nobody up. The order of combination depends on a segment's length alone.
#pragma once

#include <atomic>
#include <cstdint>

#include "../../core/owned_array.hpp"
#include "fetch.hpp"
#include "light_evaluator.hpp"
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

  bool in_memory() const {
    if constexpr (std::is_same_v<decltype(from_.fast_row()), pointer_row<value>>) return from_.one_fast_row();
    return false;
  }
  bool holds(index first, index count) const { return first >= begin_ && first + count <= end_; }
  bool has(index first, index count) const { return first + count <= total_; }
  /// The values at [first, first + count), count <= tile; good until the next call. What lies further on is fetched:
  /// the ends of segments keep the processor from running ahead to it.
  [[gnu::always_inline]] pointer_row<value> get(index first, index count) {
    if constexpr (std::is_same_v<decltype(from_.fast_row()), pointer_row<value>>)
      if (from_.one_fast_row()) {
        value const* const at = from_.fast_row().data + first;
        fetch_values(at, count, fetch_ahead_bytes);
        return {at};
      }
    if (!holds(first, count)) [[unlikely]]
      fill(first);
    return {buffer_.data() + (first - begin_)};
  }

 private:
  [[gnu::noinline]] void fill(index first) {
    begin_ = first;
    end_ = std::min(total_, first + tile);
    from_.read(begin_, end_, buffer_.data());
  }

  reader<Evaluator, 1> const& from_;
  index total_, begin_ = 0, end_ = 0;
  local_values<value, tile> buffer_;
};

/// A value as it is where it comes from a buffer: a product is rounded before it is added.
template <class T>
LOCKSTEP_INLINE T rounded(T value) {
#if defined(__x86_64__) && !defined(__CUDACC__)
  if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double>) asm("" : "+x"(value));
#endif
  return value;
}

/// The values of a row from `first` on, each computed where it is asked for.
template <class Row>
struct rounded_row {
  Row const& row;
  index first;
  LOCKSTEP_INLINE auto operator[](index i) const { return rounded(row[first + i]); }
};

/// True for evaluators whose values cost as little one by one as they do in vectors.
template <class Evaluator>
#if defined(__x86_64__) && !defined(__CUDACC__)
inline constexpr bool is_light_alone = is_light_evaluator<Evaluator>;
#else
inline constexpr bool is_light_alone = false;
#endif

/// True for values gathered and used as they are: gathered into a buffer, they are reduced side by side.
template <class Evaluator>
inline constexpr bool only_gathers = false;
template <class Evaluator>
requires(Evaluator::gathers) inline constexpr bool only_gathers<Evaluator> = true;

/// `count` > 0 values from first to last; the first one is at `at` of its segment.
template <class Reducer, class Row>
[[gnu::always_inline]] inline auto reduce_in_order(Reducer const& reducer, Row const& row, index at, index count) {
  auto all = lift_at(reducer, row[0], at);
  for (index i = 1; i < count; ++i) all = reducer.combine(all, lift_at(reducer, row[i], at + i));
  return all;
}

/// The tile `number` of the segment [first, last), at most a tile long from there.
template <class Reducer, class Evaluator>
auto reduce_segment_tile(Reducer const& reducer, value_window<Evaluator>& values, index first, index last,
                         index number) {
  index const at = number * tile, count = std::min(tile, last - first - at);
  auto const row = values.get(first + at, count);
  if (count <= short_segment) return reduce_in_order(reducer, row, at, count);
  return reduce_part_of_row(reducer, row, 0, at, count);
}

/// How many short segments are reduced side by side, each in a lane of a vector.
template <class Reducer>
inline constexpr index segments_together = 1;
#if !defined(__CUDACC__)
template <class Reducer>
requires(has_vectors<Reducer> &&
         !positional<Reducer>) inline constexpr index segments_together<Reducer> = lanes_of<Reducer>::rows;
#endif

/// Reduces as many, where all are short. False, with nothing written, where it cannot be done.
template <class Reducer, class Evaluator, class Offset, class Result>
bool reduce_short_segments([[maybe_unused]] Reducer const& reducer, [[maybe_unused]] value_window<Evaluator>& values,
                           [[maybe_unused]] Offset const* from_offsets, [[maybe_unused]] Result const& nothing,
                           [[maybe_unused]] Result* results) {
#if !defined(__CUDACC__)
  constexpr index together = segments_together<Reducer>;
  if constexpr (together > 1) {
    index offsets[together + 1], longest = 0;
    for (index k = 0; k <= together; ++k) offsets[k] = static_cast<index>(from_offsets[k]);
    for (index k = 0; k < together; ++k) longest = std::max(longest, offsets[k + 1] - offsets[k]);
    index const reach = offsets[together] - offsets[0] + short_segment;
    if (longest > short_segment || !values.has(offsets[0], reach)) return false;
    typename Reducer::accumulator found[together];
    auto const* const from = values.get(offsets[0], reach).data - offsets[0];
    if (!lanes_of<Reducer>::reduce_segments(from, offsets, longest, found)) return false;
    for (index k = 0; k < together; ++k) {
      index const length = offsets[k + 1] - offsets[k];
      Result const result = static_cast<Result>(reducer.finish(found[k], length));
      results[k] = length == 0 ? nothing : result;
    }
    return true;
  }
#endif
  return false;
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
  owned_array<accumulator> const partial(new accumulator[static_cast<std::size_t>(tiles)]);
  parallel_ranges(where, tiles, 1, 1, [&](index begin, index end) {
    value_window<Evaluator> values(from, total);
    for (index t = begin; t < end; ++t) partial[t] = reduce_segment_tile(reducer, values, first, last, t);
  });
  return combine_tree(reducer, partial.get(), tiles);
}

/// Where segments begin and end, as integers of any type.
template <class Offset>
struct offset_row {
  Offset const* data;
  LOCKSTEP_INLINE index operator[](index s) const { return static_cast<index>(data[s]); }
};

/// What is wrong with the offsets, if anything is.
enum class offset_fault { none, not_ascending, outside };
struct offset_survey {
  offset_fault fault = offset_fault::none;
  index at = 0;  ///< the offset that is wrong
  bool any_empty = false, any_long = false;
};
template <class Offset>
offset_survey survey_offsets(device const& where, offset_row<Offset> offsets, index segments, index total) {
  std::atomic<index> bad{-1};
  std::atomic<bool> empty{false}, some_long{false};
  parallel_ranges(where, segments, buffer_length, serial_below, [&](index first, index last) {
    index shortest = 1, longest = 0, lowest = 0, highest = 0;  // no branches: vectors
    for (index s = first; s < last; ++s) {
      index const begin = offsets[s], end = offsets[s + 1];
      auto const length =
          static_cast<index>(static_cast<std::uint64_t>(end) - static_cast<std::uint64_t>(begin));  // may wrap
      shortest = length < shortest ? length : shortest;
      longest = length > longest ? length : longest;
      lowest = begin < lowest ? begin : lowest;
      highest = end > highest ? end : highest;
    }
    bool const some_bad = shortest < 0 || lowest < 0 || highest > total;
    if (shortest == 0) empty = true;
    if (longest > long_segment) some_long = true;
    for (index s = first; some_bad && s < last; ++s)
      if (offsets[s] > offsets[s + 1] || offsets[s] < 0 || offsets[s + 1] > total) bad = s;
  });
  index const s = bad;
  if (s < 0) return {offset_fault::none, 0, empty, some_long};
  return {offsets[s] > offsets[s + 1] ? offset_fault::not_ascending : offset_fault::outside, s, empty};
}

/// The first segment whose end, counted among elements and segment ends together, is not before `place`: segment s ends
/// at place offsets[s + 1] - offsets[0] + s.
template <class Offset>
index segment_at(offset_row<Offset> offsets, index segments, index place) {
  index low = 0, high = segments;
  while (low < high) {
    index const middle = (low + high) / 2;
    if (offsets[middle + 1] - offsets[0] + middle < place)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/// The segments [first, last) that are not long. (Its arguments are copies, to which writing results cannot write.)
template <class Reducer, class Evaluator, class Row, class Offset, class Result>
void reduce_some_segments(Reducer const reducer, value_window<Evaluator>& values, [[maybe_unused]] Row const row,
                          [[maybe_unused]] bool const alone, offset_row<Offset> const offsets, index first,
                          index const last, Result const nothing, Result* const results) {
  constexpr index together = segments_together<Reducer>;
  constexpr bool one_by_one = is_light_alone<Evaluator> && !(only_gathers<Evaluator> && together > 1);
  bool const side_by_side = together > 1 && (!one_by_one || values.in_memory());
  for (index next_try = first; first < last; ++first) {
    if (side_by_side && first >= next_try) {
      while (last - first >= together &&
             reduce_short_segments(reducer, values, offsets.data + first, nothing, results + first))
        first += together;
      if (first >= last) return;
      next_try = first + together;
    }
    index const begin = offsets[first], end = offsets[first + 1], length = end - begin;
    auto const finish = [&](auto const& all) { results[first] = static_cast<Result>(reducer.finish(all, length)); };
    if (length == 0) {
      results[first] = nothing;
    } else if (length <= short_segment) {
      if constexpr (one_by_one) {
        if (alone && !values.holds(begin, length)) {
          finish(reduce_in_order(reducer, rounded_row<Row>{row, begin}, 0, length));
          continue;
        }
      }
      finish(reduce_in_order(reducer, values.get(begin, length), 0, length));
    } else if (length <= long_segment) {
      finish(reduce_segment(reducer, values, begin, end));
    }
  }
}

/// results[s] = the reduction of [offsets[s], offsets[s + 1]), which lie within [0, total) and ascend; `nothing` for an
/// empty segment.
template <class Reducer, class Evaluator, class Offset, class Result>
void reduce_segments(device const& where, shape<1> const& extents, reduction_part<Reducer, Evaluator> const& part,
                     offset_row<Offset> offsets, index segments, bool any_long, Result const& nothing,
                     Result* results) {
  index const total = extents[0];
  reader<Evaluator, 1> const from(part.evaluator, extents);
  index const places = offsets[segments] - offsets[0] + segments;  // threads share elements and segment ends
  parallel_ranges(where, places, 1, serial_below, [&](index first, index last) {
    value_window<Evaluator> values(from, total);
    index const stop = last == places ? segments : segment_at(offsets, segments, last);
    reduce_some_segments(part.reducer, values, part.evaluator.row(coordinates<1>{}), part.evaluator.unit(), offsets,
                         segment_at(offsets, segments, first), stop, nothing, results);
  });
  for (index s = 0; any_long && s < segments; ++s)
    if (index const length = offsets[s + 1] - offsets[s]; length > long_segment) {
      auto const all = reduce_long_segment(where, part.reducer, from, total, offsets[s], offsets[s + 1]);
      results[s] = static_cast<Result>(part.reducer.finish(all, length));
    }
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
