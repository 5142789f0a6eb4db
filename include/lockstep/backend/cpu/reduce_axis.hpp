// Reductions along one axis on CPU threads, whichever axis it is, without transposing. As for whole reductions, the
// order of combination is fixed by the shape alone.
#pragma once

#include "reduce.hpp"
#include "turn.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// Reads values at [first, first + count) of the row-major index: from one fast row where there is one, through a
/// buffer otherwise. Calls f(row, offset), where row[offset + i] is value i.
template <class Evaluator, std::size_t R, class F>
void with_values(reader<Evaluator, R> const& from, index first, index count, F&& f) {
  using value = std::remove_cvref_t<decltype(std::declval<Evaluator const&>().at(coordinates<R>{}))>;
  if constexpr (R == 1 && !rounds_first<decltype(from.fast_row()), value>)
    if (from.one_fast_row()) return f(from.fast_row(), first);
  local_values<value, tile> buffer;
  from.read(first, first + count, buffer.data());
  f(pointer_row<value>{buffer.data()}, index{0});
}

/// Part of one row along the last axis.
template <class Reducer, class Row>
auto reduce_part_of_row(Reducer const& reducer, Row row, index offset, index at, index count) {
  if constexpr (positional<Reducer>) {
    auto best = lift_at(reducer, row[offset], at);
    for (index i = 1; i < count; ++i) best = reducer.combine(best, lift_at(reducer, row[offset + i], at + i));
    return best;
  } else {
    return reduce_tile(reducer, row, offset, count);
  }
}

/// Rows of at most this many elements are reduced side by side.
inline constexpr index short_row_length = 128;

/// Reducers whose combinations of many rows can be vectors.
template <class Reducer>
inline constexpr bool combines_rows_abreast = false;
template <class Reducer>
requires(!positional<Reducer> &&
         !looks_at_tiles<Reducer>) inline constexpr bool combines_rows_abreast<Reducer> = Reducer::commutative;

/// Reduces short rows: as many as a tile holds are turned, so that vector lanes belong to different rows. Each row is
/// combined in the order of reduce_tile.
template <class Reducer, class Evaluator, std::size_t R, class Result>
void reduce_short_rows(device const& where, axis_split const& split, Reducer const& reducer,
                       reader<Evaluator, R> const& from, Result* results) {
  using value = std::remove_cvref_t<decltype(std::declval<Evaluator const&>().at(coordinates<R>{}))>;
  index const length = split.length, used = std::min(length, lanes), abreast = tile / length;
  parallel_ranges(where, split.outer, abreast, std::max<index>(1, serial_below / length), [&](index first, index last) {
    local_values<value, tile> values, turned;
    local_values<typename Reducer::accumulator, tile> space;
    auto* const lane = space.data();
    value const* const row = turned.data();
    for (index at = first; at < last; at += abreast) {
      index const rows = std::min(abreast, last - at);
      from.read(at * length, (at + rows) * length, values.data());
      turn(values.data(), length, rows, length, turned.data(), abreast);
      for (index i = 0; i < used * abreast; ++i) lane[i] = reducer.lift(row[i]);
      for (index k = lanes; k < length; ++k) {
        auto* const into = lane + k % lanes * abreast;
        LOCKSTEP_INDEPENDENT
        for (index r = 0; r < rows; ++r) into[r] = reducer.combine(into[r], reducer.lift(row[k * abreast + r]));
      }
      for (index width = lanes / 2; width > 0; width /= 2)
        for (index l = 0; l < width && l + width < used; ++l) {
          auto *const into = lane + l * abreast, *const with = lane + (l + width) * abreast;
          LOCKSTEP_INDEPENDENT
          for (index r = 0; r < rows; ++r) into[r] = reducer.combine(into[r], with[r]);
        }
      for (index r = 0; r < rows; ++r) results[at + r] = static_cast<Result>(reducer.finish(lane[r], length));
    }
  });
}

template <class Reducer, class Evaluator, std::size_t R, class Result>
void reduce_last_axis(device const& where, axis_split const& split, Reducer const& reducer,
                      reader<Evaluator, R> const& from, Result* results) {
  using accumulator = typename Reducer::accumulator;
  if constexpr (combines_rows_abreast<Reducer>)
    if (split.length <= short_row_length && split.outer > 1)
      return reduce_short_rows(where, split, reducer, from, results);
  index const tiles = (split.length + tile - 1) / tile;
  std::unique_ptr<accumulator[]> partial(new accumulator[static_cast<std::size_t>(split.outer * tiles)]);
  index const serial = std::max<index>(1, serial_below / std::min(split.length, tile));
  parallel_ranges(where, split.outer * tiles, 1, serial, [&](index begin, index end) {
    for (index unit = begin; unit < end; ++unit) {
      index const at = unit % tiles * tile, count = std::min(tile, split.length - at);
      with_values(from, unit / tiles * split.length + at, count,
                  [&](auto row, index offset) { partial[unit] = reduce_part_of_row(reducer, row, offset, at, count); });
    }
  });
  parallel_ranges(where, split.outer, 1, serial_below, [&](index begin, index end) {
    for (index o = begin; o < end; ++o)
      results[o] = static_cast<Result>(reducer.finish(combine_tree(reducer, &partial[o * tiles], tiles), split.length));
  });
}

/// Lines [begin, end) of one outer index, columns [first, first + count), combined into `into`.
template <class Reducer, class Evaluator, std::size_t R, class A>
void reduce_lines(axis_split const& split, Reducer const& reducer, reader<Evaluator, R> const& from, index outer,
                  index begin, index end, index first, index count, A* into) {
  for (index line = begin; line < end; ++line)
    with_values(from, (outer * split.length + line) * split.inner + first, count, [&](auto row, index offset) {
      if (line == begin) {
        for (index j = 0; j < count; ++j) into[j] = lift_at(reducer, row[offset + j], line);
      } else {
        LOCKSTEP_INDEPENDENT
        for (index j = 0; j < count; ++j) into[j] = reducer.combine(into[j], lift_at(reducer, row[offset + j], line));
      }
    });
}

template <class Reducer, class Evaluator, std::size_t R, class Result>
void reduce_other_axis(device const& where, axis_split const& split, Reducer const& reducer,
                       reader<Evaluator, R> const& from, Result* results) {
  using accumulator = typename Reducer::accumulator;
  index const blocks = (split.length + lines_per_block - 1) / lines_per_block;
  index const pieces = (split.inner + tile - 1) / tile;
  std::unique_ptr<accumulator[]> partial(new accumulator[static_cast<std::size_t>(split.outer * blocks * split.inner)]);
  index const unit_work = lines_per_block * std::min(split.inner, tile);
  parallel_ranges(where, split.outer * blocks * pieces, 1, std::max<index>(1, serial_below / unit_work),
                  [&](index begin, index end) {
                    for (index unit = begin; unit < end; ++unit) {
                      index const first = unit % pieces * tile, block = unit / pieces % blocks;
                      index const outer = unit / pieces / blocks, line = block * lines_per_block;
                      reduce_lines(split, reducer, from, outer, line, std::min(split.length, line + lines_per_block),
                                   first, std::min(tile, split.inner - first),
                                   &partial[(outer * blocks + block) * split.inner + first]);
                    }
                  });
  parallel_ranges(where, split.outer * split.inner, tile, serial_below, [&](index begin, index end) {
    for (index width = 1; width < blocks; width *= 2)
      for (index b = 0; b + width < blocks; b += 2 * width)
        for (index i = begin; i < end; ++i) {
          accumulator* const left = &partial[(i / split.inner * blocks + b) * split.inner + i % split.inner];
          *left = reducer.combine(*left, left[width * split.inner]);
        }
    for (index i = begin; i < end; ++i)
      results[i] = static_cast<Result>(
          reducer.finish(partial[i / split.inner * blocks * split.inner + i % split.inner], split.length));
  });
}

/// Reduces along `axis`, which must not be empty; results are dense, in row-major order of the other axes. `from` reads
/// the index space in its row-major order, in any rank.
template <std::size_t R, class Reducer, std::size_t ReadRank, class Evaluator, class Result>
void reduce_axis(device const& where, shape<R> const& extents, std::size_t axis, shape<ReadRank> const& read_extents,
                 reduction_part<Reducer, Evaluator> const& part, Result* results) {
  axis_split const split(extents, axis);
  reader<Evaluator, ReadRank> const from(part.evaluator, read_extents);
  if (split.inner == 1)
    reduce_last_axis(where, split, part.reducer, from, results);
  else
    reduce_other_axis(where, split, part.reducer, from, results);
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
