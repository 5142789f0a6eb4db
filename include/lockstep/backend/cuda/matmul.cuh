// Matrix products on a GPU: cuBLAS for float and double, a tiled kernel of our own for types that it does not know.
#pragma once

#include <cublas_v2.h>

#include <mutex>

#include "launch.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

inline void check_blas(cublasStatus_t status, device const& where) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  static_cast<void>(cudaGetLastError());
  std::string const text = text_of({where.name(), ", multiplying matrices", operation::text(), ": cuBLAS gave ",
                                    cublasGetStatusName(status), " (", cublasGetStatusString(status), ")"});
  if (status == CUBLAS_STATUS_ALLOC_FAILED) throw out_of_memory(text + "; release arrays and try again");
  throw device_error(text);
}

/// Calls f(handle) with the device's cuBLAS, whose calls go to the device's stream. One host thread at a time.
template <class F>
void with_blas(device const& where, F&& f) {
  auto& state = static_cast<gpu_state&>(where.state());
  device_scope const scope(where.number());
  std::lock_guard const lock(state.library_mutex);
  if (!state.library) {
    relaxed_capture const relaxed;  // what cuBLAS sets up is no part of a graph that is being recorded
    cublasHandle_t made = nullptr;
    check_blas(cublasCreate(&made), where);
    std::shared_ptr<void> const owner(made, [](void* h) { cublasDestroy(static_cast<cublasHandle_t>(h)); });
    check_blas(cublasSetStream(made, stream_of(where)), where);
    state.library = owner;
  }
  f(static_cast<cublasHandle_t>(state.library.get()));
}

/// Products of one shape, and how far apart their operands lie.
template <class Product>
struct product_stack {
  Product first;
  index count, a_step, b_step, c_step;
};

/// How cuBLAS, whose matrices lie by columns, is told of one that lies by rows: as its transpose.
struct turned_layout {
  cublasOperation_t turn;
  index step;
  template <class Matrix>
  turned_layout(Matrix const& m, index rows, index columns) {
    bool const by_rows = m.column == 1 && (m.row >= columns || rows == 1);
    turn = by_rows ? CUBLAS_OP_N : CUBLAS_OP_T;
    step = by_rows ? std::max<index>(m.row, std::max<index>(columns, 1))
                   : std::max<index>(m.column, std::max<index>(rows, 1));
  }
};

/// c = a b, of matrices that lie by columns.
template <class T>
cublasStatus_t gemm(cublasHandle_t blas, cublasOperation_t a_turn, cublasOperation_t b_turn, index m, index n, index k,
                    T const* a, index a_row, T const* b, index b_row, T* c, index c_row) {
  T const one = 1, zero = 0;
  auto const call = [&](auto* f) {
    return f(blas, a_turn, b_turn, m, n, k, &one, a, a_row, b, b_row, &zero, c, c_row);
  };
  if constexpr (std::is_same_v<T, float>)
    return call(cublasSgemm_64);
  else
    return call(cublasDgemm_64);
}
/// `count` such products, whose matrices lie `*_step` apart.
template <class T>
cublasStatus_t gemm_stack(cublasHandle_t blas, cublasOperation_t a_turn, cublasOperation_t b_turn, int m, int n, int k,
                          T const* a, int a_row, index a_step, T const* b, int b_row, index b_step, T* c, int c_row,
                          index c_step, int count) {
  T const one = 1, zero = 0;
  auto const call = [&](auto* f) {
    return f(blas, a_turn, b_turn, m, n, k, &one, a, a_row, a_step, b, b_row, b_step, &zero, c, c_row, c_step, count);
  };
  if constexpr (std::is_same_v<T, float>)
    return call(cublasSgemmStridedBatched);
  else
    return call(cublasDgemmStridedBatched);
}

template <class Product>
void multiply_by_blas(device const& where, product_stack<Product> const& stack) {
  auto const& p = stack.first;
  turned_layout const a(p.a, p.rows, p.depth), b(p.b, p.depth, p.columns);
  index const c_row = std::max(p.c.row, p.columns), most = INT32_MAX;
  bool const narrow = p.rows <= most && p.columns <= most && p.depth <= most && a.step <= most && b.step <= most &&
                      c_row <= most && stack.count <= most;
  auto const small = [](index i) { return static_cast<int>(i); };
  with_blas(where, [&](cublasHandle_t blas) {
    if (stack.count > 1 && narrow)
      return check_blas(gemm_stack(blas, b.turn, a.turn, small(p.columns), small(p.rows), small(p.depth), p.b.data,
                                   small(b.step), stack.b_step, p.a.data, small(a.step), stack.a_step, p.c.data,
                                   small(c_row), stack.c_step, small(stack.count)),
                        where);
    for (index i = 0; i < stack.count; ++i)
      check_blas(gemm(blas, b.turn, a.turn, p.columns, p.rows, p.depth, p.b.data + i * stack.b_step, b.step,
                      p.a.data + i * stack.a_step, a.step, p.c.data + i * stack.c_step, c_row),
                 where);
  });
}

inline constexpr int product_tile = 16;

/// A block computes a tile of 16 x 16 elements, one per thread, in the order of the sums.
template <class Stack>
__global__ void __launch_bounds__(product_tile* product_tile) multiply_kernel(Stack stack, index across, index tiles) {
  using T = std::remove_cvref_t<decltype(*stack.first.c.data)>;
  __shared__ alignas(T) unsigned char raw[2][product_tile][product_tile][sizeof(T)];
  auto& left = reinterpret_cast<T(&)[product_tile][product_tile]>(raw[0]);
  auto& right = reinterpret_cast<T(&)[product_tile][product_tile]>(raw[1]);
  auto const& p = stack.first;
  index const number = blockIdx.x / tiles, tile = blockIdx.x % tiles;
  int const y = threadIdx.x / product_tile, x = threadIdx.x % product_tile;
  index const i = tile / across * product_tile + y, j = tile % across * product_tile + x;
  T const* const a = p.a.data + number * stack.a_step;
  T const* const b = p.b.data + number * stack.b_step;
  T sum{};
  for (index k = 0; k < p.depth; k += product_tile) {
    left[y][x] = i < p.rows && k + x < p.depth ? a[i * p.a.row + (k + x) * p.a.column] : T{};
    right[y][x] = k + y < p.depth && j < p.columns ? b[(k + y) * p.b.row + j * p.b.column] : T{};
    __syncthreads();
    int const here = p.depth - k < product_tile ? static_cast<int>(p.depth - k) : product_tile;
    for (int s = 0; s < here; ++s) sum = static_cast<T>(sum + left[y][s] * right[s][x]);
    __syncthreads();
  }
  if (i < p.rows && j < p.columns) p.c.data[number * stack.c_step + i * p.c.row + j * p.c.column] = sum;
}

/// Multiplies the matrices of a stack.
template <class T, class Product>
void multiply(device const& where, product_stack<Product> const& stack) {
  auto const& p = stack.first;
  if (stack.count == 0 || p.rows == 0 || p.columns == 0) return;
  operation const here("matmul", shape<4>(stack.count, p.rows, p.depth, p.columns));
  if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double>) {
    multiply_by_blas(where, stack);
  } else {
    index const across = ceil_div(p.columns, product_tile);
    index const tiles = ceil_div(p.rows, product_tile) * across;
    launch(where, "multiplying matrices", multiply_kernel<product_stack<Product>>, stack.count * tiles,
           product_tile * product_tile, stack, across, tiles);
  }
}

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
