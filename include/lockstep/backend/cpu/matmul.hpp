// Matrix products on CPU threads: the result is cut into tiles, by its shape alone, and every tile is one serial call
// of the BLAS, or a loop of our own for types that it does not know. What follows a product is applied to each tile
// while it is in the cache.
#pragma once

#include "../../core/owned_array.hpp"
#include "blas.hpp"
#include "matmul_tiles.hpp"
#include "row_products.hpp"
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

/// The sums of a product that a BLAS takes at a time: its integers have 32 bits.
inline constexpr index most_depth = index{1} << 30;
/// The longest rows of a matrix, for the same reason.
inline constexpr index longest_row = index{1} << 30;

/// True when a BLAS can read the matrix as it lies, or our loop can.
template <class T>
bool readable_in_place(index rows, index columns, index row, index column) {
  if constexpr (!blas_number<T>) return column == 1 || columns == 1;
  if (row < 0 || column < 0 || row > longest_row || column > longest_row) return false;
  return (column == 1 && (row >= columns || rows == 1)) || (row == 1 && (column >= rows || columns == 1));
}

/// One product c = a b; c has unit stride along its rows, or a single column.
template <class T>
struct product {
  index rows, columns, depth;
  strided_matrix<T const> a, b;
  strided_matrix<T> c;

  product part(index i, index height, index j, index width) const {
    if (depth == 0) return {height, width, 0, a, b, c.part(i, j)};  // there is nothing to point into
    return {height, width, depth, a.part(i, 0), b.part(0, j), c.part(i, j)};
  }
  /// The part of the sums over [k, k + count), to be written to `to`.
  product part_of_depth(index k, index count, strided_matrix<T> const& to) const {
    return {rows, columns, count, a.part(0, k), b.part(k, 0), to};
  }
};

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
#if !defined(__CUDACC__)
  if (!turned && (x_step == 1 || columns == 1))
    return row_products<T>::multiply(m.data, m.row, rows, columns, x, add, y, y_step);
#endif
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

/// Calls f(first, last) for ranges of `units` steps that each take about `work` multiplications, in parallel.
template <class F>
void for_each_unit(device const& where, index units, index work, F const& f) {
  parallel_ranges(where, units, 1, std::max<index>(1, serial_below / std::max<index>(1, work / 16)), f);
}

/// Products of one shape, none of whose extents but the depth is 0, while they are computed. product_at(i) says where
/// the i-th lies; finish(i, first row, last, first column, last) is called when a tile is there.
template <class T>
class multiplication {
 public:
  using locate = function_view<product<T>, index>;
  using finisher = function_view<void, index, index, index, index, index>;

  multiplication(device const& where, index batch, product<T> const& first, locate product_at, finisher finish)
      : where_(where),
        first_(first),
        product_at_(product_at),
        finish_(finish),
        grid_(batch, first.rows, first.columns, first.depth),
        tiles_(batch * grid_.down * grid_.across),
        elements_(std::min(grid_.rows, first.rows) * std::min(grid_.columns, first.columns)) {}

  void run() const {
    if constexpr (blas_number<T>) blas::keep_serial<>();
    if (grid_.parts > 1) return run_in_parts();
    for_each_unit(where_, tiles_, elements_ * std::max<index>(16, first_.depth), [&](index begin, index end) {
      for (index t = begin; t < end; ++t) {
        product<T> const p = tile_at(t);
        if (p.depth > 0)
          multiply(p);
        else
          for (index i = 0; i < p.rows; ++i)
            for (index j = 0; j < p.columns; ++j) *p.c.part(i, j).data = T{};
        finish_tile(t);
      }
    });
  }

 private:
  product<T> tile_at(index t) const {
    index const i = t / grid_.across % grid_.down * grid_.rows, j = t % grid_.across * grid_.columns;
    return product_at_(t / grid_.across / grid_.down)
        .part(i, std::min(grid_.rows, first_.rows - i), j, std::min(grid_.columns, first_.columns - j));
  }
  void finish_tile(index t) const {
    index const i = t / grid_.across % grid_.down * grid_.rows, j = t % grid_.across * grid_.columns;
    finish_(t / grid_.across / grid_.down, i, std::min(first_.rows, i + grid_.rows), j,
            std::min(first_.columns, j + grid_.columns));
  }
  /// Every part of the sums of a tile apart, then all in turn.
  void run_in_parts() const {
    index const parts = grid_.parts;
    owned_array<T> const space(new T[static_cast<std::size_t>(tiles_ * parts * elements_)]);
    for_each_unit(where_, tiles_ * parts, elements_ * grid_.depth, [&](index begin, index end) {
      for (index unit = begin; unit < end; ++unit) {
        product<T> const p = tile_at(unit / parts);
        index const k = unit % parts * grid_.depth;
        multiply(p.part_of_depth(k, std::min(grid_.depth, first_.depth - k), {&space[unit * elements_], p.columns, 1}));
      }
    });
    for_each_unit(where_, tiles_, elements_ * parts * 16, [&](index begin, index end) {
      for (index t = begin; t < end; ++t) {
        add_parts(tile_at(t), &space[t * parts * elements_]);
        finish_tile(t);
      }
    });
  }
  void add_parts(product<T> const& p, T* sums) const {
    index const count = p.rows * p.columns;
    for (index part = 1; part < grid_.parts; ++part) {
      T const* const more = sums + part * elements_;
      LOCKSTEP_INDEPENDENT
      for (index i = 0; i < count; ++i) sums[i] = static_cast<T>(sums[i] + more[i]);
    }
    for (index i = 0; i < p.rows; ++i)
      for (index j = 0; j < p.columns; ++j) *p.c.part(i, j).data = sums[i * p.columns + j];
  }

  device const& where_;
  product<T> first_;
  locate product_at_;
  finisher finish_;
  tile_grid grid_;
  index tiles_, elements_;
};

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
