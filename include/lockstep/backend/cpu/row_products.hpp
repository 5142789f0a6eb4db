// Products of the rows of a matrix with a vector: every element of the matrix is read once, and nothing else is far.
#pragma once

#include <cstddef>

#include "fold_vector.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

#if !defined(__CUDACC__)  // whose front end does not shuffle vectors
#if defined(__AVX512F__)
inline constexpr std::size_t product_vector_bytes = 64;
#elif defined(__AVX2__)
inline constexpr std::size_t product_vector_bytes = 32;
#else
inline constexpr std::size_t product_vector_bytes = 16;
#endif

/// How many rows are read together changes nothing about the order in which a row's products are added.
template <class T>
struct row_products {
  typedef T vector __attribute__((vector_size(product_vector_bytes)));
  static constexpr int width = static_cast<int>(product_vector_bytes / sizeof(T));

  /// y[i * y_step] = the sum of m[i * step + j] x[j] over j, or that much more than it is.
  [[gnu::noinline]] static void multiply(T const* m, index step, index rows, index columns, T const* x, bool add, T* y,
                                         index y_step) {
    constexpr int together = 4;
    index i = 0;
    for (; i + together <= rows; i += together)
      multiply_some<together>(m + i * step, step, columns, x, add, y + i * y_step, y_step);
    for (; i < rows; ++i) multiply_some<1>(m + i * step, step, columns, x, add, y + i * y_step, y_step);
  }

 private:
  template <int Rows>
  [[gnu::always_inline]] static void multiply_some(T const* m, index step, index columns, T const* x, bool add, T* y,
                                                   index y_step) {
    vector sums[Rows][2] = {};
    T rest[Rows] = {};
    index j = 0;
    for (; j + 2 * width <= columns; j += 2 * width) {
      vector const first = load(x + j), second = load(x + j + width);
      LOCKSTEP_UNROLL
      for (int r = 0; r < Rows; ++r) {
        sums[r][0] += load(m + r * step + j) * first;
        sums[r][1] += load(m + r * step + j + width) * second;
      }
    }
    for (; j < columns; ++j)
      for (int r = 0; r < Rows; ++r) rest[r] += m[r * step + j] * x[j];
    LOCKSTEP_UNROLL
    for (int r = 0; r < Rows; ++r) {
      T const sum = fold_vector<plus, T>(sums[r][0] + sums[r][1]) + rest[r];
      y[r * y_step] = add ? y[r * y_step] + sum : sum;
    }
  }
  [[gnu::always_inline]] static vector load(T const* from) {
    vector v;
    __builtin_memcpy(&v, from, sizeof(v));
    return v;
  }
};
#endif

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
