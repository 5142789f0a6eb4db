// Matrix products on one thread: panels of the right operand are packed into the first-level cache, then tiled.
#pragma once

#include "../../../core/algorithm.hpp"
#include "../nn/tile.hpp"

namespace lockstep::nn::cpu {
inline namespace LOCKSTEP_COMPILER {

/// A matrix in memory: element (i, j) is data[i * row + j * column].
template <class T>
struct strided_matrix {
  T const* data;
  index row, column;
};

/// Products summed before a partial sum returns to memory: a packed panel of them fills half of a 32 KiB cache.
template <class T>
inline constexpr index panel_depth = 16384 / (panel_columns<T> * static_cast<index>(sizeof(T)));

/// panel[k][0..panel_columns) = b(first_row + k, first_column + ...), with zeros beyond `columns` columns.
template <class T>
void pack_panel(strided_matrix<T> const& b, index first_row, index rows, index first_column, index columns, T* panel) {
  constexpr index full = panel_columns<T>;
  T const* from = b.data + first_row * b.row + first_column * b.column;
  if (columns < full) std::fill_n(panel, rows * full, T(0));
  if (b.column == 1 && columns == full) {
    for (index k = 0; k < rows; ++k, panel += full, from += b.row) {
      vec<T> const left = load(from), right = load(from + width<T>);
      store(panel, left);
      store(panel + width<T>, right);
    }
    return;
  }
  for (index j = 0; j < columns; ++j)
    for (index k = 0; k < rows; ++k) panel[k * full + j] = from[k * b.row + j * b.column];
}

/// Packs all of b, rows x columns: panel p holds its columns p * panel_columns and following.
template <class T>
void pack_panels(strided_matrix<T> const& b, index rows, index columns, T* panels) {
  for (index first = 0; first < columns; first += panel_columns<T>, panels += rows * panel_columns<T>)
    pack_panel(b, 0, rows, first, std::min(panel_columns<T>, columns - first), panels);
}

/// Elements that pack_panels writes.
template <class T>
constexpr index packed_size(index rows, index columns) {
  return (columns + panel_columns<T> - 1) / panel_columns<T> * panel_columns<T> * rows;
}

/// c (rows x columns, `c_row` elements between rows) = a (rows x depth) * b (depth x columns), ended by `end`.
/// Each element's sum runs over k in order, in blocks of panel_depth: its bits depend on its operands and depth alone.
template <class T>
void multiply(index rows, index columns, index depth, strided_matrix<T> const& a, strided_matrix<T> const& b, T* c,
              index c_row, finish<T> const& end) {
  alignas(64) T panel[panel_depth<T> * panel_columns<T>];
  for (index first = 0; first == 0 || first < depth; first += panel_depth<T>) {  // once at least: no products are 0
    index const length = std::min(panel_depth<T>, depth - first);
    walk const products{1, length, 0, a.column, 0, panel_columns<T>};
    for (index column = 0; column < columns; column += panel_columns<T>) {
      index const count = std::min(panel_columns<T>, columns - column);
      pack_panel(b, first, length, column, count, panel);
      finish<T> const part{first == 0 && end.bias ? end.bias + column : nullptr, first > 0 || end.accumulate,
                           end.relu && first + length == depth};
      for_each_tile(rows, [&](index row, index height) {
        tile_addresses<T> at;
        for (index i = 0; i < height; ++i) {
          at.a[i] = a.data + (row + i) * a.row + first * a.column;
          at.c[i] = c + (row + i) * c_row + column;
        }
        product_tile(height, at, panel, products, part, count);
      });
    }
  }
}

/// c (rows x columns) = a (rows x depth) * the transpose of b (columns x depth); all are dense. For few rows and many
/// columns: b is read in place, and it is the result that is turned, tile by tile.
template <class T>
void multiply_by_transpose(index rows, index columns, index depth, T const* a, T const* b, T* c) {
  constexpr index full = panel_columns<T>, block = 8 * tile_rows;
  alignas(64) T panel[panel_depth<T> * full], turned[block * full];
  for (index first = 0; first == 0 || first < depth; first += panel_depth<T>) {
    index const length = std::min(panel_depth<T>, depth - first);
    walk const products{1, length, 0, 1, 0, full};
    for (index row = 0; row < rows; row += full) {
      index const count = std::min(full, rows - row);
      pack_panel(strided_matrix<T>{a + first, 1, depth}, 0, length, row, count, panel);
      for (index column = 0; column < columns; column += block) {
        index const height = std::min(block, columns - column);
        for_each_tile(height, [&](index i, index tile) {
          tile_addresses<T> at;
          for (index j = 0; j < tile; ++j) {
            at.a[j] = b + (column + i + j) * depth + first;
            at.c[j] = turned + (i + j) * full;
          }
          product_tile(tile, at, static_cast<T const*>(panel), products, finish<T>{}, full);
        });
        for (index i = 0; i < count; ++i) {
          T* to = c + (row + i) * columns + column;
          if (first == 0)
            for (index j = 0; j < height; ++j) to[j] = turned[j * full + i];
          else
            for (index j = 0; j < height; ++j) to[j] += turned[j * full + i];
        }
      }
    }
  }
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::nn::cpu
