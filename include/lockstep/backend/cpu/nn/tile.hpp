// The register tile of every matrix product and convolution: a few rows times two vectors of columns.
#pragma once

#include "../../../core/algorithm.hpp"
#include "../nn/simd.hpp"

namespace lockstep::nn::cpu {
inline namespace LOCKSTEP_COMPILER {

/// How a tile's sum runs through its two operands: `segments` runs of `length` products, with steps in elements.
/// A matrix product has one segment; a convolution has one per row of its window.
struct walk {
  index segments, length;
  index a_segment, a_step;  // in the operand whose elements are broadcast
  index b_segment, b_step;  // in the operand that is read as vectors
};

/// What a tile starts from and how it ends.
template <class T>
struct finish {
  T const* bias = nullptr;  // one value per column, or null
  bool accumulate = false;  // add to what the output holds
  bool relu = false;        // negative sums become zero
};

/// Rows that a tile reads and writes; each row has its own address, so that images can wrap anywhere.
template <class T>
struct tile_addresses {
  T const* a[tile_rows];
  T* c[tile_rows];
};

template <class T>
LOCKSTEP_HOST_INLINE vec<T> rectify(vec<T> v) {
#if defined(__CUDACC__)
  return v.each(v, [](T x, T) { return x < T(0) ? T(0) : x; });
#else
  return v < vec<T>{} ? vec<T>{} : v;  // keeps NaN, as the scalar form does
#endif
}

/// c[row][0..panel_columns) = sum over the walk of a[row] * b[0..panel_columns), for `Rows` rows. The order of each sum
/// depends on the walk alone.
template <class T, int Rows>
[[gnu::noinline]] void whole_tile(tile_addresses<T> const& at, T const* b, walk const& w, finish<T> const& end) {
  constexpr index lanes = width<T>;
  T const* a[Rows];
  vec<T> sum[Rows][2];
  unroll<Rows>([&](auto row) __attribute__((always_inline)) {
    a[row] = at.a[row];
    T const* from = end.accumulate ? at.c[row] : end.bias;
    sum[row][0] = from ? load(from) : vec<T>{};
    sum[row][1] = from ? load(from + lanes) : vec<T>{};
  });
  index const a_step = w.a_step, b_step = w.b_step, length = w.length;
  for (index segment = 0; segment < w.segments; ++segment) {
    T const* from = b + segment * w.b_segment;
    index offset = segment * w.a_segment;
#if defined(__clang__)
#pragma clang loop unroll(disable)  // unrolled, it runs out of registers
#endif
    for (index k = 0; k < length; ++k, offset += a_step, from += b_step) {
      vec<T> const b0 = load(from), b1 = load(from + lanes);
      unroll<Rows>([&](auto row) __attribute__((always_inline)) {
        vec<T> const value = splat(a[row][offset]);
        sum[row][0] += value * b0;
        sum[row][1] += value * b1;
      });
    }
  }
  unroll<Rows>([&](auto row) __attribute__((always_inline)) {
    store(at.c[row], end.relu ? rectify<T>(sum[row][0]) : sum[row][0]);
    store(at.c[row] + lanes, end.relu ? rectify<T>(sum[row][1]) : sum[row][1]);
  });
}

/// whole_tile for the first `columns` columns of a panel; `b` is still read in whole panels.
template <class T, int Rows>
void product_tile(tile_addresses<T> const& at, T const* b, walk const& w, finish<T> const& end, index columns) {
  if (columns == panel_columns<T>) return whole_tile<T, Rows>(at, b, w, end);
  T output[Rows][panel_columns<T>] = {}, bias[panel_columns<T>] = {};
  tile_addresses<T> inner = at;
  finish<T> whole = end;
  for (int row = 0; row < Rows; ++row) {
    inner.c[row] = output[row];
    if (end.accumulate) std::copy_n(at.c[row], columns, output[row]);
  }
  if (end.bias) whole.bias = std::copy_n(end.bias, columns, bias) - columns;
  whole_tile<T, Rows>(inner, b, w, whole);
  for (int row = 0; row < Rows; ++row) std::copy_n(output[row], columns, at.c[row]);
}

/// product_tile for a number of rows known at run time, at most tile_rows.
template <class T>
inline void product_tile(index rows, tile_addresses<T> const& at, T const* b, walk const& w, finish<T> const& end,
                         index columns) {
  switch (rows) {
    case 1:
      return product_tile<T, 1>(at, b, w, end, columns);
    case 2:
      return product_tile<T, 2>(at, b, w, end, columns);
    case 3:
      return product_tile<T, 3>(at, b, w, end, columns);
    case 4:
      return product_tile<T, 4>(at, b, w, end, columns);
    case 5:
      return product_tile<T, 5>(at, b, w, end, columns);
    case 6:
      return product_tile<T, 6>(at, b, w, end, columns);
#if defined(__AVX512F__)
    case 7:
      return product_tile<T, 7>(at, b, w, end, columns);
    default:
      return product_tile<T, 8>(at, b, w, end, columns);
#else
    default:
      return;
#endif
  }
}

/// Cuts `rows` rows into the fewest tiles, as equal as can be, and calls tile(first row, rows) for each.
template <class Tile>
inline void for_each_tile(index rows, Tile&& tile) {
  if (rows == 0) return;
  index const tiles = (rows + tile_rows - 1) / tile_rows, least = rows / tiles, larger = rows - least * tiles;
  index first = 0;
  for (index i = 0; i < tiles; ++i) {
    index const height = least + (i < larger);
    tile(first, height);
    first += height;
  }
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::nn::cpu
