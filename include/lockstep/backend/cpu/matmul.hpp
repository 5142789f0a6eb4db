// Matrix products on CPU threads: the result is cut into tiles, by its shape alone, and every tile is one serial call
// of the BLAS, or a loop of our own for types that it does not know. What follows a product is applied to each tile
// while it is in the cache.
#pragma once

#include "blas.hpp"
#include "rows.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// Types that a BLAS multiplies.
template <class T>
concept blas_number = std::is_same_v<T, float> || std::is_same_v<T, double>;

/// A matrix in memory: element (i, j) is data[i * row + j * column].
template <class T>
struct strided_matrix {
  T* data;
  index row, column;

  strided_matrix part(index i, index j) const { return {data + i * row + j * column, row, column}; }
  strided_matrix transposed() const { return {data, column, row}; }
};

/// True when a BLAS can read the matrix as it lies, or our loop can.
template <class T>
bool readable_in_place(index rows, index columns, index row, index column) {
  constexpr index most = index{1} << 30;
  if constexpr (!blas_number<T>) return column == 1 || columns == 1;
  if (row < 0 || column < 0 || row > most || column > most) return false;
  return (column == 1 && (row >= columns || rows == 1)) || (row == 1 && (column >= rows || columns == 1));
}

/// One product c = a b; c has unit stride along its rows, or a single column.
template <class T>
struct product {
  index rows, columns, depth;
  strided_matrix<T const> a, b;
  strided_matrix<T> c;

  product part(index i, index height, index j, index width) const {
    return {height, width, depth, a.part(i, 0), b.part(0, j), c.part(i, j)};
  }
};

/// The sums of a product that a BLAS takes at a time: its integers have 32 bits.
inline constexpr index most_depth = index{1} << 30;

/// How a BLAS is told of a matrix: whether it is to be turned, and the step from row to row as it lies.
struct blas_layout {
  int turn;
  index step;
  template <class T>
  blas_layout(strided_matrix<T> const& m, index rows, index columns) {
    bool const by_rows = m.column == 1 && (m.row >= columns || rows == 1);
    turn = by_rows ? blas::as_it_lies : blas::turned;
    step = by_rows ? std::max<index>(m.row, std::max<index>(columns, 1))
                   : std::max<index>(m.column, std::max<index>(rows, 1));
  }
};

/// y = m x, or y += m x.
template <class T>
void multiply_vector(strided_matrix<T const> const& m, index rows, index columns, T const* x, index x_step, bool add,
                     T* y, index y_step) {
  blas_layout const lies(m, rows, columns);
  bool const turned = lies.turn == blas::turned;
  blas::gemv(lies.turn, turned ? columns : rows, turned ? rows : columns, m.data, lies.step, x,
             std::max<index>(x_step, 1), add, y, std::max<index>(y_step, 1));
}

template <blas_number T>
void multiply(product<T> const& p) {
  for (index k = 0; k < p.depth; k += most_depth) {
    index const depth = std::min(most_depth, p.depth - k);
    auto const a = p.a.part(0, k), b = p.b.part(k, 0);
    if (p.columns == 1) {
      multiply_vector(a, p.rows, depth, b.data, b.row, k > 0, p.c.data, p.c.row);
    } else if (p.rows == 1) {
      multiply_vector(b.transposed(), p.columns, depth, a.data, a.column, k > 0, p.c.data, p.c.column);
    } else {
      blas_layout const la(a, p.rows, depth), lb(b, depth, p.columns);
      blas::gemm(la.turn, lb.turn, p.rows, p.columns, depth, a.data, la.step, b.data, lb.step, k > 0, p.c.data,
                 p.c.row);
    }
  }
}

/// Height rows of a product: every row of b is read once for all of them.
template <int Height, class T>
void multiply_rows(product<T> const& p, index i) {
  for (index k = 0; k < p.depth; ++k) {
    T factor[Height];
    T* row[Height];
    for (int h = 0; h < Height; ++h) factor[h] = p.a.data[(i + h) * p.a.row + k * p.a.column];
    for (int h = 0; h < Height; ++h) row[h] = p.c.data + (i + h) * p.c.row;
    T const* const right = p.b.data + k * p.b.row;
    LOCKSTEP_INDEPENDENT
    for (index j = 0; j < p.columns; ++j)
      for (int h = 0; h < Height; ++h) row[h][j] = static_cast<T>(row[h][j] + factor[h] * right[j]);
  }
}
template <class T>
void multiply(product<T> const& all) {
  constexpr index width = 256;
  for (index j = 0; j < all.columns; j += width) {
    product<T> const p = all.part(0, all.rows, j, std::min(width, all.columns - j));
    for (index i = 0; i < p.rows; ++i) std::fill_n(p.c.data + i * p.c.row, p.columns, T{});
    index i = 0;
    for (; i + 4 <= p.rows; i += 4) multiply_rows<4>(p, i);
    for (; i < p.rows; ++i) multiply_rows<1>(p, i);
  }
}

/// Tiles of a result, fixed by the shape alone. Every tile packs its operands anew, which costs a few percent of its
/// time at 512 rows and columns: large products are cut into few tiles, those of little depth into tiles that stay in a
/// cache until they are finished.
struct tile_grid {
  index rows, columns;  ///< of one tile

  tile_grid(index all_rows, index all_columns, index depth) : rows(all_rows), columns(all_columns) {
    double const size = static_cast<double>(all_rows) * static_cast<double>(all_columns);
    double const work = size * static_cast<double>(depth);
    double const most_elements = std::max(0x1p18, 0x1p10 * static_cast<double>(depth));
    double const least_tiles = work < 0x1p23 ? 1 : work < 0x1p27 ? 2 : work < 0x1p35 ? 4 : 16;
    double const wanted = std::max(least_tiles, size / most_elements);
    while (count(all_rows, all_columns) < wanted && std::max(rows, columns) > 64) {
      index& larger = rows >= columns ? rows : columns;
      larger = (larger / 2 + 31) / 32 * 32;
    }
  }
  double count(index all_rows, index all_columns) const {
    return static_cast<double>((all_rows + rows - 1) / rows) *
           static_cast<double>((all_columns + columns - 1) / columns);
  }
};

/// Computes `batch` products, all of one shape and none of its extents but the depth 0, on the device's threads:
/// product_at(i) says where the i-th lies. Calls finish(i, first row, last, first column, last) when a tile is there.
template <class T, class ProductAt, class Finish>
void multiply_all(device const& where, index batch, product<T> const& first, ProductAt const& product_at,
                  Finish const& finish) {
  if constexpr (blas_number<T>) blas::keep_serial<>();
  tile_grid const tile(first.rows, first.columns, first.depth);
  index const down = (first.rows + tile.rows - 1) / tile.rows;
  index const across = (first.columns + tile.columns - 1) / tile.columns;
  index const work = std::max<index>(1, tile.rows * tile.columns * std::max<index>(1, first.depth / 16));
  parallel_ranges(
      where, batch * down * across, 1, std::max<index>(1, serial_below / work), [&](index begin, index end) {
        for (index unit = begin; unit < end; ++unit) {
          index const i = unit / across % down * tile.rows, j = unit % across * tile.columns;
          index const height = std::min(tile.rows, first.rows - i), width = std::min(tile.columns, first.columns - j);
          product<T> const p = product_at(unit / across / down).part(i, height, j, width);
          if (p.depth > 0)
            multiply(p);
          else
            for (index r = 0; r < height; ++r)
              for (index c = 0; c < width; ++c) p.c.data[r * p.c.row + c * p.c.column] = T{};
          finish(unit / across / down, i, i + height, j, j + width);
        }
      });
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
