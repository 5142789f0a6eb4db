// How the result of a matrix product is cut into tiles, and long sums into parts; and a view of a function.
#pragma once

#include "../../core/algorithm.hpp"
#include "../../core/config.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// Tiles of a result, and parts of its sums, fixed by the shape alone. Every tile packs its operands anew, which costs
/// a few percent of its time at 256 rows and 1024 columns, and less where rows are cut than where columns are: large
/// products are cut into few tiles, those of little depth into tiles that stay in a cache until they are finished. Sums
/// much longer than the result's sides are cut themselves, in place of the result.
struct tile_grid {
  static constexpr index most_parts = 16, shortest_part = 1024;
  index rows, columns;  ///< of one tile
  index down, across;   ///< tiles
  index depth, parts;   ///< of one part of the sums, and their number

  tile_grid(index batch, index all_rows, index all_columns, index all_depth) : rows(all_rows), columns(all_columns) {
    double const size = static_cast<double>(all_rows) * static_cast<double>(all_columns);
    double const work = size * static_cast<double>(all_depth);
    double const most_elements = std::max(0x1p18, 0x1p10 * static_cast<double>(all_depth));
    double const least_tiles = work < 0x1p23 ? 1 : work < 0x1p27 ? 2 : work < 0x1p29 ? 4 : work < 0x1p32 ? 8 : 16;
    cut_depth(batch, all_depth, all_depth >= 16 * std::max(all_rows, all_columns) ? work : 0);
    double const wanted = std::max(least_tiles / static_cast<double>(parts), size / most_elements);
    count(all_rows, all_columns);
    while (static_cast<double>(down) * static_cast<double>(across) < wanted && std::max(rows, columns) > 64) {
      index& longer = columns <= 64 || (rows > 64 && 4 * rows > columns) ? rows : columns;
      longer = (longer / 2 + 31) / 32 * 32;
      count(all_rows, all_columns);
    }
  }

 private:
  void count(index all_rows, index all_columns) {
    down = (all_rows + rows - 1) / rows;
    across = (all_columns + columns - 1) / columns;
  }
  void cut_depth(index batch, index all_depth, double work) {
    depth = all_depth, parts = 1;
    index const most = std::min(most_parts / batch, all_depth / shortest_part);
    index const wanted = work * 0x1p-18 < static_cast<double>(most) ? static_cast<index>(work * 0x1p-18) : most;
    if (wanted < 2) return;
    depth = ((all_depth + wanted - 1) / wanted + 63) / 64 * 64;
    parts = (all_depth + depth - 1) / depth;
  }
};

/// A function that lives elsewhere, whatever its type: what calls it is compiled once.
template <class Result, class... Arguments>
class function_view {
 public:
  template <class F>
  function_view(F const& f)
      : f_(&f), call_([](void const* g, Arguments... arguments) -> Result {
          return (*static_cast<F const*>(g))(arguments...);
        }) {}
  Result operator()(Arguments... arguments) const { return call_(f_, arguments...); }

 private:
  void const* f_;
  Result (*call_)(void const*, Arguments...);
};

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
