// turn: transposes small blocks that lie in the cache, in vector registers where elements have 4 or 8 bytes.
#pragma once

#include <type_traits>
#include <utility>

#include "stream.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

#if !defined(__CUDACC__)
/// A square of as many vectors as each has elements.
template <class Word, std::size_t Bytes = vector_bytes>
struct square_block {
  static constexpr int size = static_cast<int>(Bytes / sizeof(Word));
  typedef Word vector __attribute__((vector_size(Bytes)));
  using places = std::make_integer_sequence<int, size>;

  template <int Step, int... L>
  [[gnu::always_inline]] static void exchange(vector& a, vector& b, std::integer_sequence<int, L...>) {
    vector const first = __builtin_shufflevector(a, b, (L & Step ? size + L - Step : L)...);
    b = __builtin_shufflevector(a, b, (L & Step ? size + L : L + Step)...);
    a = first;
  }
  template <int Step>
  [[gnu::always_inline]] static void exchange_all(vector* v) {
    if constexpr (Step < size) {
      for (int i = 0; i < size; ++i)
        if ((i & Step) == 0) exchange<Step>(v[i], v[i + Step], places{});
      exchange_all<2 * Step>(v);
    }
  }
  [[gnu::always_inline]] static void turn(void const* in, std::size_t in_bytes, void* out, std::size_t out_bytes) {
    vector v[size];
    LOCKSTEP_UNROLL
    for (int i = 0; i < size; ++i)
      __builtin_memcpy(&v[i], static_cast<char const*>(in) + static_cast<std::size_t>(i) * in_bytes, sizeof(vector));
    exchange_all<1>(v);
    LOCKSTEP_UNROLL
    for (int i = 0; i < size; ++i)
      __builtin_memcpy(static_cast<char*>(out) + static_cast<std::size_t>(i) * out_bytes, &v[i], sizeof(vector));
  }
};
#endif

/// The same as turn() of so few columns without gaps.
template <index Columns, class T>
void turn_columns(T const* in, index rows, T* out, index out_stride) {
  LOCKSTEP_INDEPENDENT
  for (index r = 0; r < rows; ++r)
    for (index c = 0; c < Columns; ++c) out[c * out_stride + r] = in[r * Columns + c];
}

#if !defined(__CUDACC__)
/// turn() of rows [0, rows) and columns [0, columns), which are whole blocks.
template <class Block, class T>
[[gnu::always_inline]] inline void turn_blocks(T const* in, index in_stride, index rows, index columns, T* out,
                                               index out_stride) {
  auto const turn_strips = [&](index row, auto strip) {
    for (; row + strip <= rows; row += strip)
      for (index c = 0; c < columns; c += Block::size)
        for (index r = row; r < row + strip; r += Block::size)
          Block::turn(in + r * in_stride + c, static_cast<std::size_t>(in_stride) * sizeof(T), out + c * out_stride + r,
                      static_cast<std::size_t>(out_stride) * sizeof(T));
    return row;
  };
  // Where rows of the output share sets of the cache, lines leave it soon: they are written whole.
  constexpr index per_line = static_cast<index>(64 / sizeof(T)), line = std::max<index>(2 * per_line, Block::size);
  index row = 0;
  if (static_cast<std::size_t>(out_stride) * sizeof(T) % 1024 == 0)
    row = turn_strips(row, std::integral_constant<index, line>());
  turn_strips(row, std::integral_constant<index, Block::size>());
}
#endif

/// out[c * out_stride + r] = in[r * in_stride + c] for `rows` x `columns` elements.
template <class T>
[[gnu::noinline]] void turn(T const* in, index in_stride, index rows, index columns, T* out, index out_stride) {
  if (in_stride == columns) {
    if (columns == 2) return turn_columns<2>(in, rows, out, out_stride);
    if (columns == 3) return turn_columns<3>(in, rows, out, out_stride);
    if (columns == 4) return turn_columns<4>(in, rows, out, out_stride);
  }
  index full_rows = 0, full_columns = 0;
#if !defined(__CUDACC__)
  if constexpr (sizeof(T) == 4 || sizeof(T) == 8) {
    using word = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
    using block = square_block<word>;
    using wide = square_block<word, wide_vector_bytes>;
    full_rows = rows / block::size * block::size;
    full_columns = columns / block::size * block::size;
    // (Not where lines lie apart: eight of them at a time are fetched sooner than sixteen.)
    if (in_stride == columns && full_rows % wide::size == 0 && full_columns % wide::size == 0)
      turn_blocks<wide>(in, in_stride, full_rows, full_columns, out, out_stride);
    else
      turn_blocks<block>(in, in_stride, full_rows, full_columns, out, out_stride);
  }
#endif
  for (index r = 0; r < rows; ++r)
    for (index c = r < full_rows ? full_columns : 0; c < columns; ++c) out[c * out_stride + r] = in[r * in_stride + c];
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
