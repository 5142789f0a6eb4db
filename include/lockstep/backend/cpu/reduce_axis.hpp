// Reductions along one axis on CPU threads, whichever axis it is, without transposing. As for whole reductions, the
// order of combination is fixed by the shape alone.
#pragma once

#include "../../core/owned_array.hpp"
#include "short_rows.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// Reads values at [first, first + count) of the row-major index: from one fast row where there is one, through a
/// buffer otherwise. Calls f(row, offset), where row[offset + i] is value i. `Reducer` is what f combines them with.
template <class Reducer = void, class Evaluator, std::size_t R, class F>
void with_values(reader<Evaluator, R> const& from, index first, index count, F&& f) {
  using value = std::remove_cvref_t<decltype(std::declval<Evaluator const&>().at(coordinates<R>{}))>;
  if constexpr (R == 1 && combines_directly<Reducer, decltype(from.fast_row()), value>)
    if (from.one_fast_row()) return f(from.fast_row(), first);
  local_values<value, tile> buffer;
  from.read(first, first + count, buffer.data());
  f(pointer_row<value>{buffer.data()}, index{0});
}

/// Reduces as many rows as can be reduced together in vectors, and returns their number.
template <class Reducer, class V, class Result>
[[gnu::noinline]] index reduce_rows_together([[maybe_unused]] Reducer const& reducer, [[maybe_unused]] V const* from,
                                             [[maybe_unused]] index length, [[maybe_unused]] index rows,
                                             [[maybe_unused]] Result* results) {
  index r = 0;
#if !defined(__CUDACC__)
  if constexpr (has_vectors<Reducer> && !positional<Reducer>) {
    using all = lanes_of<Reducer>;
    for (V found[all::rows]; r + all::rows <= rows; r += all::rows) {
      if (!all::reduce_rows(from + r * length, length, found)) break;
      for (index k = 0; k < all::rows; ++k) results[r + k] = static_cast<Result>(reducer.finish(found[k], length));
    }
  }
#endif
  return r;
}

/// Reduces rows of at most a tile one by one.
template <class Reducer, class Evaluator, std::size_t R, class Result>
void reduce_rows_of_one_tile(device const& where, axis_split const& split, Reducer const& reducer,
                             reader<Evaluator, R> const& from, Result* results) {
  using value = std::remove_cvref_t<decltype(std::declval<Evaluator const&>().at(coordinates<R>{}))>;
  index const length = split.length;
  parallel_ranges(where, split.outer, 1, serial_below / length, [&](index first, index last) {
    for_rows(from, length, tile, first, last, [&](index at, index rows, value const* values) {
      index r = reduce_rows_together(reducer, values, length, rows, results + at);
      for (; r < rows; ++r) {
        pointer_row<value> const row{values + r * length};
        results[at + r] = static_cast<Result>(reducer.finish(reduce_part_of_row(reducer, row, 0, 0, length), length));
      }
    });
  });
}

template <class Reducer, class Evaluator, std::size_t R, class Result>
void reduce_last_axis(device const& where, axis_split const& split, Reducer const& reducer,
                      reader<Evaluator, R> const& from, Result* results) {
  using accumulator = typename Reducer::accumulator;
  using value = std::remove_cvref_t<decltype(std::declval<Evaluator const&>().at(coordinates<R>{}))>;
  if constexpr (goes_abreast<Reducer, value>)
    if (split.length <= longest_row_abreast<Reducer> && split.outer > 1)
      return reduce_short_rows(where, split, reducer, from, results);
  if (split.length <= tile) return reduce_rows_of_one_tile(where, split, reducer, from, results);
  index const tiles = (split.length + tile - 1) / tile;
  owned_array<accumulator> partial(new accumulator[static_cast<std::size_t>(split.outer * tiles)]);
  parallel_ranges(where, split.outer * tiles, 1, serial_below / tile, [&](index begin, index end) {
    for (index unit = begin; unit < end; ++unit) {
      index const at = unit % tiles * tile, count = std::min(tile, split.length - at);
      with_values<Reducer>(from, unit / tiles * split.length + at, count, [&](auto row, index offset) {
        partial[unit] = reduce_part_of_row(reducer, row, offset, at, count);
      });
    }
  });
  parallel_ranges(where, split.outer, 1, serial_below, [&](index begin, index end) {
    for (index o = begin; o < end; ++o)
      results[o] = static_cast<Result>(reducer.finish(combine_tree(reducer, &partial[o * tiles], tiles), split.length));
  });
}

/// Combines the lines number `line`, `line` + 1, ... (as many as there are K), `stride` apart, with what `into` holds.
template <bool First, index... K, class Reducer, class V, class A>
[[gnu::always_inline]] inline void combine_some_lines(std::integer_sequence<index, K...>, Reducer const& reducer,
                                                      V const* from, index stride, index line, index count, A* into) {
  LOCKSTEP_INDEPENDENT
  for (index j = 0; j < count; ++j) {
    A all = First ? lift_at(reducer, from[j], line) : into[j];
    ((all = First && K == 0 ? all : reducer.combine(all, lift_at(reducer, from[K * stride + j], line + K))), ...);
    into[j] = all;
  }
}

/// Lines that are read together, so that `into` is touched less often; more of them are more streams to fetch ahead.
inline constexpr index lines_at_once = 4;

/// Combines `lines` > 0 lines, number `line` first, one after the other; `into` holds the lines before them, if any.
template <class Reducer, class V, class A>
[[gnu::noinline]] void combine_lines(Reducer const& reducer, V const* from, index stride, index line, index lines,
                                     index count, A* into, bool first) {
  using several = std::make_integer_sequence<index, lines_at_once>;
  using one = std::make_integer_sequence<index, 1>;
  index done = 0;
  if (first && lines >= lines_at_once)
    combine_some_lines<true>(several{}, reducer, from, stride, line, count, into), done = lines_at_once;
  else if (first)
    combine_some_lines<true>(one{}, reducer, from, stride, line, count, into), done = 1;
  for (; done + lines_at_once <= lines; done += lines_at_once)
    combine_some_lines<false>(several{}, reducer, from + done * stride, stride, line + done, count, into);
  for (; done < lines; ++done)
    combine_some_lines<false>(one{}, reducer, from + done * stride, stride, line + done, count, into);
}

/// Lines [begin, end) of one outer index, columns [first, first + count), combined into `into`.
template <class Reducer, class Evaluator, std::size_t R, class A>
void reduce_lines(axis_split const& split, Reducer const& reducer, reader<Evaluator, R> const& from, index outer,
                  index begin, index end, index first, index count, A* into) {
  using value = std::remove_cvref_t<decltype(std::declval<Evaluator const&>().at(coordinates<R>{}))>;
  index const start = outer * split.length * split.inner + first;
  if constexpr (reads_memory<R, Evaluator, value>)
    if (from.one_fast_row())
      return combine_lines(reducer, from.fast_row().data + start + begin * split.inner, split.inner, begin, end - begin,
                           count, into, true);
  local_values<value, tile> buffer;
  index const abreast = tile / count;
  for (index line = begin; line < end; line += abreast) {
    index const lines = std::min(abreast, end - line);
    if (count == split.inner)
      from.read(start + line * count, start + (line + lines) * count, buffer.data());
    else
      for (index l = 0; l < lines; ++l) {
        index const at = start + (line + l) * split.inner;
        from.read(at, at + count, buffer.data() + l * count);
      }
    combine_lines(reducer, static_cast<value const*>(buffer.data()), count, line, lines, count, into, line == begin);
  }
}

/// Columns that are combined together at most.
inline constexpr index columns_at_once = 1024;

template <class Reducer, class Evaluator, std::size_t R, class Result>
void reduce_other_axis(device const& where, axis_split const& split, Reducer const& reducer,
                       reader<Evaluator, R> const& from, Result* results) {
  using accumulator = typename Reducer::accumulator;
  index const inner = split.inner, blocks = (split.length + lines_per_block - 1) / lines_per_block;
  index const pieces = (inner + columns_at_once - 1) / columns_at_once;
  index const width = std::min(inner, columns_at_once);
  auto const finish = [&](accumulator const* all, index count, Result* out) {
    for (index j = 0; j < count; ++j) out[j] = static_cast<Result>(reducer.finish(all[j], split.length));
  };
  owned_array<accumulator> const partial(
      blocks == 1 ? nullptr : new accumulator[static_cast<std::size_t>(split.outer * blocks * inner)]);
  index const unit_work = std::min(split.length, lines_per_block) * width;
  parallel_ranges(where, split.outer * blocks * pieces, 1, serial_below / unit_work, [&](index begin, index end) {
    local_values<accumulator, columns_at_once> only;
    for (index unit = begin; unit < end; ++unit) {
      index const piece = unit % pieces, block = unit / pieces % blocks, outer = unit / pieces / blocks;
      index const first = piece * columns_at_once, count = std::min(columns_at_once, inner - first);
      index const line = block * lines_per_block, last = std::min(split.length, line + lines_per_block);
      accumulator* const into = blocks == 1 ? only.data() : &partial[(outer * blocks + block) * inner + first];
      reduce_lines(split, reducer, from, outer, line, last, first, count, into);
      if (blocks == 1) finish(into, count, results + outer * inner + first);
    }
  });
  if (blocks == 1) return;
  parallel_ranges(where, split.outer * pieces, 1, serial_below / (blocks * width), [&](index begin, index end) {
    for (index unit = begin; unit < end; ++unit) {
      index const first = unit % pieces * columns_at_once, count = std::min(columns_at_once, inner - first);
      accumulator* const all = &partial[unit / pieces * blocks * inner + first];
      for (index apart = 1; apart < blocks; apart *= 2)
        for (index b = 0; b + apart < blocks; b += 2 * apart) {
          accumulator *const left = all + b * inner, *const right = left + apart * inner;
          LOCKSTEP_INDEPENDENT
          for (index j = 0; j < count; ++j) left[j] = reducer.combine(left[j], right[j]);
        }
      finish(all, count, results + unit / pieces * inner + first);
    }
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
