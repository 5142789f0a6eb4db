// Part of a reduction on CPU threads: the partial results of some tiles of an index space, of which this device has a
// range of elements. Combined with those of others they give the bits of one device that has everything.
#pragma once

#include "reduce.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// Reads an evaluator over the elements that this device has.
template <class Reducer, class Evaluator, std::size_t R>
class tile_partials {
 public:
  using accumulator = typename Reducer::accumulator;
  using value = std::remove_cvref_t<decltype(std::declval<Evaluator const&>().at(coordinates<R>{}))>;

  tile_partials(reduction_part<Reducer, Evaluator> const& part, shape<R> const& extents)
      : reducer_(part.reducer), reader_(part.evaluator, extents) {}

  /// The values at [first, first + count).
  void read(index first, index count, value* out) const { reader_.read(first, first + count, out); }

  /// partial[k] is that of the tile of 4096 elements that begins at first + 4096 k; the last one may be shorter.
  void run(device const& where, index first, index count, accumulator* partial) const {
    index const tiles = (count + tile - 1) / tile;
    parallel_ranges(where, tiles, 1, serial_below / tile, [&](index from, index to) {
      for (index t = from; t < to; ++t) {
        index const at = first + t * tile;
        if (t + 1 < to && first + (t + 2) * tile <= first + count && two(at, partial + t))
          ++t;
        else
          partial[t] = one(at, std::min(tile, first + count - at));
      }
    });
  }
  /// One of them.
  accumulator run_one(index first, index count, index t) const {
    return one(first + t * tile, std::min(tile, count - t * tile));
  }
  /// The partial result of a tile whose values have been read.
  accumulator of_values(value const* values, index count) const {
    return reduce_tile(reducer_, pointer_row<value>{values}, 0, count);
  }

 private:
  static constexpr bool direct =
      R == 1 && combines_directly<Reducer, decltype(std::declval<reader<Evaluator, R> const&>().fast_row()), value>;

  accumulator one(index at, index count) const {
    if constexpr (direct)
      if (reader_.one_fast_row()) return reduce_tile(reducer_, reader_.fast_row(), at, count);
    local_values<value, tile> buffer;
    read(at, count, buffer.data());
    return of_values(buffer.data(), count);
  }
  bool two([[maybe_unused]] index at, [[maybe_unused]] accumulator* partial) const {
    if constexpr (direct)
      if (reader_.one_fast_row()) return reduce_two_tiles<Reducer>(reader_.fast_row(), at, partial);
    return false;
  }

  Reducer reducer_;
  reader<Evaluator, R> reader_;
};

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
