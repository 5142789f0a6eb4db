// Reductions of short rows on CPU threads: many rows are turned, so that vector lanes belong to different rows, and
// each is combined in the order of reduce_tile.
#pragma once

#include "reduce.hpp"
#include "turn.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// Part of one row along the last axis.
template <class Reducer, class Row>
auto reduce_part_of_row(Reducer const& reducer, Row row, index offset, index at, index count) {
  auto all = reduce_tile(reducer, row, offset, count);
  if constexpr (positional<Reducer>) all.at = at + place_of<Reducer>(all.value, row, offset, count);
  return all;
}

/// Rows of at most this many elements are reduced side by side.
inline constexpr index short_row_length = 128;
/// Rows of fewer elements are too short for vectors of their own.
inline constexpr index shortest_vector_row = 7;
/// Elements of the rows that are side by side.
inline constexpr index short_row_elements = 1024;
/// How many rows that makes: whole vectors of them.
constexpr index rows_of_length(index length) { return short_row_elements / length / 8 * 8; }

/// Reducers of values V whose rows can be reduced side by side.
template <class Reducer, class V>
inline constexpr bool goes_abreast = Reducer::commutative;
template <class Reducer, class V>
requires looks_at_tiles<Reducer> || positional<Reducer>
inline constexpr bool goes_abreast<Reducer, V> =
#if defined(__CUDACC__)
    false;
#else
    takes_deviations<Reducer, V> || has_vectors<Reducer>;
#endif
template <class Reducer>
inline constexpr index longest_row_abreast = looks_at_tiles<Reducer>                        ? short_row_length / 2
                                             : has_vectors<Reducer> && !positional<Reducer> ? shortest_vector_row - 1
                                                                                            : short_row_length;

/// Calls f(first row, number of rows, their values, which lie one after the other) for parts of the rows [begin, end),
/// of at most `most` elements, which are read where they lie or into a buffer.
template <class Evaluator, std::size_t R, class F>
void for_rows(reader<Evaluator, R> const& from, index length, index most, index begin, index end, F&& f) {
  using value = std::remove_cvref_t<decltype(std::declval<Evaluator const&>().at(coordinates<R>{}))>;
  index const rows_at_once = most / length;
  if constexpr (reads_memory<R, Evaluator, value>)
    if (from.one_fast_row()) {
      for (index at = begin; at < end; at += rows_at_once)
        f(at, std::min(rows_at_once, end - at), from.fast_row().data + at * length);
      return;
    }
  local_values<value, tile> buffer;
  for (index at = begin; at < end; at += rows_at_once) {
    index const rows = std::min(rows_at_once, end - at);
    from.read(at * length, (at + rows) * length, buffer.data());
    f(at, rows, static_cast<value const*>(buffer.data()));
  }
}

/// Values of rows side by side: value k of row r is at(k)[r].
template <class T>
struct turned_rows {
  local_values<T, short_row_elements> space;
  index stride, rows;

  turned_rows(index length, index count) : stride(rows_of_length(length)), rows(count) {}
  T* at(index k) { return space.data() + k * stride; }

  /// Combines line `from` into line `into`.
  template <class F>
  [[gnu::always_inline]] void combine(index into, index from, F const& f) {
    T *const left = at(into), *const right = at(from);
    LOCKSTEP_INDEPENDENT
    for (index r = 0; r < rows; ++r) left[r] = f(left[r], right[r]);
  }
  /// The tree over the first `used` lines: its result is line 0.
  template <class F>
  [[gnu::always_inline]] void fold(index used, F const& f) {
    for (index width = lanes / 2; width > 0; width /= 2)
      for (index l = 0; l < width && l + width < used; ++l) combine(l, l + width, f);
  }
};

template <class Reducer, class V, class Result>
void reduce_turned(Reducer const& reducer, index length, V const*, turned_rows<V>& from, Result* results) {
  using accumulator = typename Reducer::accumulator;
  index const used = std::min(length, lanes), rows = from.rows;
  turned_rows<accumulator> lane(length, rows);
  for (index k = 0; k < length; ++k) {
    V const* const row = from.at(k);
    accumulator* const into = lane.at(k % lanes);
    if (k < lanes) {
      LOCKSTEP_INDEPENDENT
      for (index r = 0; r < rows; ++r) into[r] = reducer.lift(row[r]);
    } else {
      LOCKSTEP_INDEPENDENT
      for (index r = 0; r < rows; ++r) into[r] = reducer.combine(into[r], reducer.lift(row[r]));
    }
  }
  lane.fold(used, [&](accumulator const& a, accumulator const& b) { return reducer.combine(a, b); });
  for (index r = 0; r < rows; ++r) results[r] = static_cast<Result>(reducer.finish(lane.at(0)[r], length));
}

#if !defined(__CUDACC__)
/// Calls f(first row of a vector of rows, row) for all rows, where row(k) are their values k.
template <class V, class F>
[[gnu::always_inline]] inline void for_row_vectors(turned_rows<V>& from, F const& f) {
  typedef V vector __attribute__((vector_size(vector_bytes)));
  for (index r = 0; r < from.rows; r += static_cast<index>(vector_bytes / sizeof(V)))
    f(r, [&, r](index k) {
      vector v;
      __builtin_memcpy(&v, from.at(k) + r, sizeof v);
      return v;
    });
}

/// The places of values: first the values, then the first place of each.
template <positional Reducer, class V, class Result>
void reduce_turned(Reducer const& reducer, index length, V const* values, turned_rows<V>& from, Result* results) {
  using operation = vector_operation<typename vector_operator<typename Reducer::value_reducer>::type, V>;
  for_row_vectors(from, [&](index first, auto const& row) {
    auto best = row(0), poison = best;  // NaN where a row may have one, of which the operation knows nothing
    for (index k = 1; k < length; ++k) {
      auto const v = row(k);
      best = operation::combine(best, v);
      poison += v;
    }
    auto at = best == best;
    using word = std::remove_reference_t<decltype(at[0])>;
    for (auto k = static_cast<word>(length - 1); k >= 0; --k) at = row(k) == best ? k - decltype(at){} : at;
    constexpr index together = static_cast<index>(sizeof(best) / sizeof(V));
    word places[together];
    V poisons[together];
    __builtin_memcpy(places, &at, sizeof at);
    __builtin_memcpy(poisons, &poison, sizeof poison);
    index const rows = std::min(together, from.rows - first);
    int nan = 0;
    for (index l = 0; l < together; ++l) nan |= poisons[l] != poisons[l];
    Result* const to = results + first;
    if (nan == 0 && rows == together) {
      for (index l = 0; l < together; ++l) to[l] = static_cast<Result>(reducer.finish({V(0), places[l]}, length));
      return;
    }
    for (index l = 0; l < rows; ++l) {
      pointer_row<V> const own{values + (first + l) * length};
      to[l] = static_cast<Result>(reducer.finish(reduce_part_of_row(reducer, own, 0, 0, length), length));
    }
  });
}

/// A row whose first look was taken beside those of other rows.
template <class T>
struct known_row : tile_view<pointer_row<T>> {
  T center;
  deviation_sums<T> found;

  template <class>
  T mean_of_first() const {
    return center;
  }
  deviation_sums<T> deviations(T around) const {
    if (around == center || around != around) return found;
    return tile_view<pointer_row<T>>::deviations(around);
  }
};

/// Combines `used` values in the tree of reduction_order.hpp.
template <class T>
[[gnu::always_inline]] inline T sum_of_lanes(T* lane, index used) {
  for (index width = lanes / 2; width > 0; width /= 2)
    for (index l = 0; l < width && l + width < used; ++l) lane[l] += lane[l + width];
  return lane[0];
}

template <class Reducer, class V, class Result>
requires takes_deviations<Reducer, V>
void reduce_turned(Reducer const& reducer, index length, V const* values, turned_rows<V>& from, Result* results) {
  index const used = std::min(length, lanes);
  V const share = V(1) / static_cast<V>(used);
  for_row_vectors(from, [&](index first, auto const& row) {
    using vector = decltype(row(0));
    vector sums[lanes], squares[lanes];
    for (index k = 0; k < used; ++k) sums[k] = row(k) * share;
    vector const center = sum_of_lanes(sums, used);
    for (index k = 0; k < used; ++k) {
      sums[k] = row(k) - center;
      squares[k] = sums[k] * sums[k];
    }
    for (index k = lanes; k < length; ++k) {
      vector const apart = row(k) - center;
      sums[k % lanes] += apart;
      squares[k % lanes] += apart * apart;
    }
    vector const sum = sum_of_lanes(sums, used), square = sum_of_lanes(squares, used);
    for (int l = 0; l < static_cast<int>(sizeof(vector) / sizeof(V)) && first + l < from.rows; ++l) {
      known_row<V> const look{{{values}, (first + l) * length, length}, center[l], {sum[l], square[l], V(0)}};
      results[first + l] = static_cast<Result>(reducer.finish(reducer.tile(length, look), length));
    }
  });
}
#endif

/// Reduces rows of at most short_row_length elements.
template <class Reducer, class Evaluator, std::size_t R, class Result>
void reduce_short_rows(device const& where, axis_split const& split, Reducer const& reducer,
                       reader<Evaluator, R> const& from, Result* results) {
  using value = std::remove_cvref_t<decltype(std::declval<Evaluator const&>().at(coordinates<R>{}))>;
  index const length = split.length, at_once = rows_of_length(length);
  parallel_ranges(where, split.outer, at_once, serial_below / length, [&](index first, index last) {
    for_rows(from, length, at_once * length, first, last, [&](index at, index rows, value const* values) {
      turned_rows<value> turned(length, rows);
      turn(values, length, rows, length, turned.at(0), turned.stride);
      reduce_turned(reducer, length, values, turned, results + at);
    });
  });
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
