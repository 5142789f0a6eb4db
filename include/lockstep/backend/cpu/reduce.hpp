// reduce on CPU threads. The order of combination is fixed by tiles counted from the first element, so that the bits of
// the result depend neither on the number of threads nor on how the expression is read.
#pragma once

#include <tuple>
#include <vector>

#include "../../algorithm/reducers.hpp"
#include "deviations.hpp"
#include "local_values.hpp"
#include "rows.hpp"
#include "tile_lanes.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// The values of a row, each passed through a function.
template <class Row, class F>
struct viewed_row {
  Row row;
  F f;
  [[gnu::always_inline]] auto operator[](index j) const { return f(row[j]); }
};

/// True for reducers that run on vector_lanes.
#if defined(__CUDACC__)  // whose front end knows little of vectors
template <class Reducer>
inline constexpr bool has_vectors = false;
#else
template <class Reducer>
inline constexpr bool has_vectors = !std::is_void_v<typename vector_operator<Reducer>::type>;
template <positional Reducer>
inline constexpr bool has_vectors<Reducer> = has_vectors<typename Reducer::value_reducer>;

/// The lanes of a reducer's values.
template <class Reducer>
using lanes_of = vector_lanes<typename vector_operator<Reducer>::type, typename Reducer::accumulator>;
#endif

/// False for rows whose values have to be stored before they are combined: GCC would fuse a product that a row computes
/// with the addition that sums it, but cannot where the values come from a buffer, and the bits would differ.
template <class Reducer, class Row, class V>
inline constexpr bool combines_directly = !std::is_floating_point_v<V> || (has_vectors<Reducer> && is_light_row<Row>);
template <class Reducer, class T, class V>
inline constexpr bool combines_directly<Reducer, pointer_row<T>, V> = true;

/// Combines `count` > 0 values of one tile: on `lanes` lanes, then in a binary tree over the lanes.
template <class Reducer, class Row>
auto reduce_tile(Reducer const& reducer, Row row, index first, index count) {
  using accumulator = typename Reducer::accumulator;
#if !defined(__CUDACC__)
  if constexpr (has_vectors<Reducer> && is_light_row<Row>) {
    lanes_of<Reducer> all;
    all.add(row, first, count);
    if (!all.lost_nan()) return all.total();
  }
#endif
  if constexpr (!Reducer::commutative) {
    accumulator all = reducer.lift(row[first]);
    for (index i = first + 1; i < first + count; ++i) all = reducer.combine(all, reducer.lift(row[i]));
    return all;
  } else {
    accumulator lane[lanes];
    index const used = std::min(count, lanes);
    for (index l = 0; l < used; ++l) lane[l] = reducer.lift(row[first + l]);
    index i = lanes;
    for (; i + lanes <= count; i += lanes)
      for (index l = 0; l < lanes; ++l) lane[l] = reducer.combine(lane[l], reducer.lift(row[first + i + l]));
    for (index l = 0; i + l < count; ++l) lane[l] = reducer.combine(lane[l], reducer.lift(row[first + i + l]));
    for (index width = lanes / 2; width > 0; width /= 2)
      for (index l = 0; l < width; ++l)
        if (l + width < used) lane[l] = reducer.combine(lane[l], lane[l + width]);
    return lane[0];
  }
}
template <positional Reducer, class Row>
auto reduce_tile(Reducer const&, Row row, index first, index count) {
  return typename Reducer::accumulator{reduce_tile(typename Reducer::value_reducer{}, row, first, count), first};
}

/// One tile as reducers see it that look at it as a whole.
template <class Row>
struct tile_view {
  Row row;
  index first, count;

  /// What a reducer makes of f(value).
  template <class Reducer, class F>
  auto reduce(Reducer const& reducer, F f) const {
    return reduce_tile(reducer, viewed_row<Row, F>{row, f}, first, count);
  }
  /// The sums of value - center and of its square.
  template <class T>
  deviation_sums<T> deviations(T center) const {
    return sum_deviations<false>(row, first, count, center);
  }
  /// The mean of the first values, `lanes` at most.
  template <class T>
  T mean_of_first() const {
    index const used = std::min(count, lanes);
    T const share = T(1) / static_cast<T>(used);
    alignas(64) T part[lanes] = {};
    if (used == lanes) {
      for (index l = 0; l < lanes; ++l) part[l] = static_cast<T>(row[first + l]) * share;
    } else {
      for (index l = 0; l < used; ++l) part[l] = static_cast<T>(row[first + l]) * share;
    }
    return sum_of_all_lanes(part);
  }
};
/// The same, and the sum of the values is found on the way.
template <class Row, class T>
struct summed_tile_view : tile_view<Row> {
  T& plain;
  deviation_sums<T> deviations(T center) const {
    auto const found = sum_deviations<true>(this->row, this->first, this->count, center);
    plain = found.plain;
    return found;
  }
};
template <looks_at_tiles Reducer, class Row>
auto reduce_tile(Reducer const& reducer, Row row, index first, index count) {
  return reducer.tile(count, tile_view<Row>{row, first, count});
}

/// Two whole tiles at a time, where vectors combine them: true when `found` has the results.
template <class Reducer, class Row, class A>
bool reduce_two_tiles([[maybe_unused]] Row row, [[maybe_unused]] index first, [[maybe_unused]] A* found) {
#if !defined(__CUDACC__)
  if constexpr (positional<Reducer>) {
    typename Reducer::value_reducer::accumulator values[2];
    if (!reduce_two_tiles<typename Reducer::value_reducer>(row, first, values)) return false;
    found[0] = {values[0], first}, found[1] = {values[1], first + tile};
    return true;
  } else if constexpr (has_vectors<Reducer> && has_vector_rows<Row, A>) {
    return tile_lanes<typename vector_operator<Reducer>::type, A>::reduce(row, first, found);
  }
#endif
  return false;
}

/// Combines partial results in a binary tree fixed by their number; they are overwritten.
template <class Reducer, class A>
A combine_tree(Reducer const& reducer, A* partial, index count) {
  for (index width = 1; width < count; width *= 2)
    for (index i = 0; i + width < count; i += 2 * width) partial[i] = reducer.combine(partial[i], partial[i + width]);
  return partial[0];
}

/// True when the values may be read where they lie.
template <std::size_t R, class Evaluator, class V>
inline constexpr bool reads_memory = false;
template <class Evaluator, class V>
inline constexpr bool reads_memory<1, Evaluator, V> =
    std::is_same_v<decltype(std::declval<Evaluator const&>().row(coordinates<1>{})), pointer_row<V>>;

/// The place, counted from `first`, of the first value that is `best`, which is among row[first], row[first + 1], ...
template <class Reducer, class T, class Row>
index place_of(T const& best, Row row, index first, index count) {
  constexpr index step = 32;
  index place = 0;
  if (best == best) {
    for (; place + step < count; place += step) {
      int found = 0;
      for (index l = 0; l < step; ++l) found |= row[first + place + l] == best;
      if (found) break;
    }
  }
  while (place + 1 < count && !Reducer::same(row[first + place], best)) ++place;
  return place;
}

/// One reduction of a pass while it runs: reads tiles, keeps a partial result per tile.
template <class Reducer, class Evaluator, std::size_t R, class Result>
class tile_reducer {
 public:
  using accumulator = typename Reducer::accumulator;
  using evaluator = Evaluator;
  using value = std::remove_cvref_t<decltype(std::declval<Evaluator const&>().at(coordinates<R>{}))>;

  tile_reducer(reduction_part<Reducer, Evaluator> const& part, shape<R> const& extents, Result* result)
      : reducer_(part.reducer),
        reader_(part.evaluator, extents),
        total_(static_cast<index>(extents.size())),
        partial_((total_ + tile - 1) / tile),
        result_(result) {}

  void run(index tile_number) const {
    index const first = tile_number * tile, count = std::min(tile, total_ - first);
    if constexpr (R == 1 && combines_directly<Reducer, decltype(reader_.fast_row()), value>)
      if (reader_.one_fast_row()) {
        partial_[tile_number] = reduce_tile(reducer_, reader_.fast_row(), first, count);
        return;
      }
    if constexpr (R == 0) {
      value only;
      reader_.read(0, 1, &only);
      partial_[0] = reduce_tile(reducer_, constant_row<value>{only}, 0, 1);
      return;
    }
    local_values<value, tile> buffer;
    reader_.read(first, first + count, buffer.data());
    auto found = reduce_tile(reducer_, pointer_row<value>{buffer.data()}, 0, count);
    if constexpr (positional<Reducer>) found.at = first;
    partial_[tile_number] = found;
  }

  /// Runs two whole tiles. False when that has to be done one by one.
  bool run_two(index tile_number) const {
    if constexpr (R == 1 && combines_directly<Reducer, decltype(reader_.fast_row()), value>)
      if (reader_.one_fast_row() && (tile_number + 2) * tile <= total_)
        return reduce_two_tiles<Reducer>(reader_.fast_row(), tile_number * tile, partial_.data() + tile_number);
    return false;
  }

  /// One look at a tile serves reducers that take deviations and those that sum the same values in memory.
  static constexpr bool may_lead = takes_deviations<Reducer, value> && reads_memory<R, Evaluator, value>;
  static constexpr bool may_ride = sums_plainly<Reducer> && reads_memory<R, Evaluator, value>;
  template <class Leader>
  bool rides_with([[maybe_unused]] Leader const& leader) const {
    if constexpr (may_ride && std::is_same_v<value, typename Leader::value>)
      if (reader_.one_fast_row() && leader.reader_.one_fast_row())
        return reader_.fast_row().data == leader.reader_.fast_row().data;
    return false;
  }
  /// Runs a tile with its riders: returns the sum of its values.
  value run_and_sum(index tile_number) const {
    index const first = tile_number * tile, count = std::min(tile, total_ - first);
    value plain{};
    summed_tile_view<pointer_row<value>, value> const look{{reader_.fast_row(), first, count}, plain};
    partial_[tile_number] = reducer_.tile(count, look);
    return plain;
  }
  void ride(index tile_number, value sum) const { partial_[tile_number] = sum; }

  void write_result() const {
    index const tiles = R == 0 ? 1 : (total_ + tile - 1) / tile;
    auto all = combine_tree(reducer_, partial_.data(), tiles);
    if constexpr (positional<Reducer>) all.at += place_in_tile(all);
    *result_ = static_cast<Result>(reducer_.finish(all, total_));
  }

 private:
  index place_in_tile(accumulator const& best) const {
    if constexpr (R == 0) return 0;
    index const count = std::min(tile, total_ - best.at);
    if constexpr (R == 1 && reads_memory<R, Evaluator, value>)
      if (reader_.one_fast_row()) return place_of<Reducer>(best.value, reader_.fast_row(), best.at, count);
    local_values<value, tile> buffer;
    reader_.read(best.at, best.at + count, buffer.data());
    return place_of<Reducer>(best.value, pointer_row<value>{buffer.data()}, 0, count);
  }

  template <class, class, std::size_t, class>
  friend class tile_reducer;

  Reducer reducer_;
  reader<Evaluator, R> reader_;
  index total_;
  few_or_many<accumulator> partial_;
  Result* result_;
};

/// Every reduction of a pass over one tile.
template <class... Running>
void run_tile(index t, Running const&... running) {
  constexpr bool leads[] = {Running::may_lead...};
  constexpr std::size_t leader = static_cast<std::size_t>(std::find(leads, leads + sizeof...(Running), true) - leads);
  if constexpr (leader < sizeof...(Running) && (Running::may_ride || ...)) {
    auto const& first = std::get<leader>(std::tie(running...));
    if ((running.rides_with(first) || ...)) {
      auto const sum = first.run_and_sum(t);
      auto const run_other = [&](auto const& each) {
        if constexpr (std::remove_cvref_t<decltype(each)>::may_ride)
          if (each.rides_with(first)) return each.ride(t, sum);
        if (static_cast<void const*>(&each) != &first) each.run(t);
      };
      return (run_other(running), ...);
    }
  }
  (running.run(t), ...);
}

/// Reduces every part over the same index space, which must not be empty, in one parallel pass: tile by tile, so that
/// what the parts share is read from memory once. Writes one result each.
template <std::size_t R, class... Reducers, class... Evaluators, class... Results>
void reduce(device const& where, shape<R> const& extents,
            std::tuple<reduction_part<Reducers, Evaluators>...> const& parts, Results*... results) {
  std::apply(
      [&](auto const&... part) {
        auto const pass = [&](auto const&... running) {
          index const tiles = (static_cast<index>(extents.size()) + tile - 1) / tile;
          parallel_ranges(where, tiles, 1, serial_below / tile, [&](index first, index last) {
            for (index t = first; t < last; ++t) {
              if constexpr (sizeof...(running) == 1)
                if (t + 1 < last && (running.run_two(t) && ...)) {
                  ++t;
                  continue;
                }
              run_tile(t, running...);
            }
          });
          (running.write_result(), ...);
        };
        pass(tile_reducer<Reducers, Evaluators, R, Results>(part, extents, results)...);
      },
      parts);
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
