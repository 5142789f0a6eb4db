// Matrix products whose operands are computed where they are loaded: convolutions without im2col, masked gradients. One
// kernel for all. Every element's sum runs over the depth in order, whatever the tiles are, so its bits depend on its
// operands alone; a BLAS would choose its order by the number of rows, and that by the number of devices.
#pragma once

#include "../flat.cuh"
#include "geometry.cuh"

namespace lockstep::nn::gpu {
inline namespace LOCKSTEP_COMPILER {

inline constexpr int product_threads = 256, product_depth = 16;

/// The part of the depth that a block sums: all of it, or that of one piece of one shard's samples.
struct depth_parts {
  std::uint32_t whole = 0, pieces = 0;  ///< pieces of each shard; 0: there are no parts
  std::uint32_t pixels = 0;             ///< of each sample
  shard_samples shards = {};

  __device__ std::uint32_t bound(std::uint32_t part, std::uint32_t offset) const {
    std::uint32_t const shard = part / pieces, piece = part % pieces + offset;
    index const begin = shards.begin(shard) * pixels, size = shards.begin(shard + 1) * pixels - begin;
    return static_cast<std::uint32_t>(begin + size * piece / pieces);
  }
  __device__ std::uint32_t begin(std::uint32_t part) const { return pieces == 0 ? 0 : bound(part, 0); }
  __device__ std::uint32_t end(std::uint32_t part) const { return pieces == 0 ? whole : bound(part, 1); }
  std::uint32_t parts() const { return pieces == 0 ? 1 : shards.count * pieces; }
};

/// Where a product's elements go: rows x columns, one such matrix per part.
template <class T>
struct product_end {
  T* to;
  bool relu = false;
  std::uint8_t* places = nullptr;  ///< not null: of four rows only the greatest goes on, and its place is noted

  __device__ void store(std::uint32_t part, std::uint32_t row, std::uint32_t column, T const (&sums)[4][4],
                        std::uint32_t rows, std::uint32_t columns) const {
    for (int j = 0; j < 4; ++j) {
      if (column + j >= columns || row >= rows) return;
      if (places) {
        pool(index{row / 4} * columns + column + j, sums[0][j], sums[1][j], sums[2][j], sums[3][j]);
        continue;
      }
      T* at = to + (index{part} * rows + row) * columns + column + j;
      for (int i = 0; i < 4 && row + i < rows; ++i) at[index{i} * columns] = rectified(sums[i][j]);
    }
  }

 private:
  __device__ T rectified(T value) const { return relu && value < T(0) ? T(0) : value; }
  __device__ void pool(index at, T a, T b, T c, T d) const {
    T const values[] = {a, b, c, d};
    T best = a;
    int place = 0;
    for (int i = 1; i < 4; ++i) {
      bool const better = values[i] > best || values[i] != values[i];  // as on the CPU: NaN wins, the first wins a tie
      best = better ? values[i] : best;
      place = better ? i : place;
    }
    to[at] = rectified(best);
    places[at] = static_cast<std::uint8_t>(place);
  }
};

/// Blocks of Rows x Columns elements, four times four for each thread. What a row, a column or a step of the depth
/// means is worked out once and kept beside the tiles.
template <int Rows, int Columns, class T, class Left, class Right>
__global__ void __launch_bounds__(product_threads, 2)
    product_kernel(Left left, Right right, depth_parts depth, product_end<T> end, std::uint32_t rows,
                   std::uint32_t columns, std::uint32_t across, std::uint32_t tiles) {
  static_assert(Rows * Columns == 16 * product_threads);
  constexpr int pad = 4;
  using cuda_pack = lockstep::cuda::pack<T, 4>;
  __shared__ alignas(16) T a[product_depth][Rows + pad], b[product_depth][Columns + pad];
  __shared__ typename Left::row_state row_states[Rows];
  __shared__ typename Right::column_state column_states[Columns];
  __shared__ typename Left::depth_state a_states[2][product_depth];
  __shared__ typename Right::depth_state b_states[2][product_depth];

  int const t = static_cast<int>(threadIdx.x);
  std::uint32_t const part = blockIdx.x / tiles, tile = blockIdx.x % tiles;
  std::uint32_t const first_row = tile / across * Rows, first_column = tile % across * Columns;
  std::uint32_t const begin = depth.begin(part), stop = depth.end(part);
  auto const find_depths = [&](std::uint32_t k, int buffer) {
    if (t < product_depth && k + t < stop) a_states[buffer][t] = left.depth(k + t);
    int const u = t - product_depth;
    if (u >= 0 && u < product_depth && k + u < stop) b_states[buffer][u] = right.depth(k + u);
  };
  for (int i = t; i < Rows; i += product_threads)
    if (first_row + i < rows) row_states[i] = left.row(first_row + i);
  for (int i = t; i < Columns; i += product_threads)
    if (first_column + i < columns) column_states[i] = right.column(first_column + i);
  find_depths(begin, 0);

  T sums[4][4] = {};
  int const y = t / (Columns / 4) * 4, x = t % (Columns / 4) * 4;
  int buffer = 0;
  for (std::uint32_t k = begin; k < stop; k += product_depth, buffer ^= 1) {
    __syncthreads();
    for (int e = t; e < Rows * product_depth; e += product_threads) {
      int const d = Left::depth_first ? e % product_depth : e / Rows,
                i = Left::depth_first ? e / product_depth : e % Rows;
      bool const inside = k + d < stop && first_row + i < rows;
      a[d][i] = inside ? left.value(row_states[i], a_states[buffer][d]) : T(0);
    }
    for (int e = t; e < Columns * product_depth; e += product_threads) {
      int const d = Right::depth_first ? e % product_depth : e / Columns,
                i = Right::depth_first ? e / product_depth : e % Columns;
      bool const inside = k + d < stop && first_column + i < columns;
      b[d][i] = inside ? right.value(b_states[buffer][d], column_states[i]) : T(0);
    }
    if (k + product_depth < stop) find_depths(k + product_depth, buffer ^ 1);
    __syncthreads();
#pragma unroll
    for (int d = 0; d < product_depth; ++d) {
      cuda_pack const p = *reinterpret_cast<cuda_pack const*>(&a[d][y]);
      cuda_pack const q = *reinterpret_cast<cuda_pack const*>(&b[d][x]);
#pragma unroll
      for (int i = 0; i < 4; ++i)
#pragma unroll
        for (int j = 0; j < 4; ++j) sums[i][j] += p.values[i] * q.values[j];
    }
  }
  end.store(part, first_row + y, first_column + x, sums, rows, columns);
}

template <int Rows, int Columns, class T, class Left, class Right>
void launch_product(device const& where, char const* doing, Left const& left, Right const& right,
                    depth_parts const& depth, product_end<T> const& end, index rows, index columns) {
  index const across = cuda::ceil_div(columns, Columns), tiles = across * cuda::ceil_div(rows, Rows);
  launch(where, doing, product_kernel<Rows, Columns, T, Left, Right>, tiles * depth.parts(), product_threads, left,
         right, depth, end, static_cast<std::uint32_t>(rows), static_cast<std::uint32_t>(columns),
         static_cast<std::uint32_t>(across), static_cast<std::uint32_t>(tiles));
}

/// Queues the product, in tiles that fit its columns.
template <class T, class Left, class Right>
void multiply(device const& where, char const* doing, Left const& left, Right const& right, depth_parts const& depth,
              product_end<T> const& end, index rows, index columns) {
  require_countable(rows, doing);
  if (columns <= 16)
    launch_product<256, 16>(where, doing, left, right, depth, end, rows, columns);
  else if (columns <= 32)
    launch_product<128, 32>(where, doing, left, right, depth, end, rows, columns);
  else
    launch_product<64, 64>(where, doing, left, right, depth, end, rows, columns);
}

/// The number of tiles of such a product.
inline index product_tiles(index rows, index columns) {
  index const width = columns <= 16 ? 16 : columns <= 32 ? 32 : 64;
  return cuda::ceil_div(columns, width) * cuda::ceil_div(rows, 16 * product_threads / width);
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::nn::gpu
