// Reductions over ranks on a GPU: the fixed tree over the ranks' elements as a kernel, and what NCCL calls the same.
#pragma once

#include <algorithm>
#include <type_traits>

#include "../../core/function_objects.hpp"
#include "../../mesh/rank_reduction.hpp"
#include "queue.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

/// Each thread combines the ranks' values of its elements. Neighbors meet first: after rank r, as many values of the
/// stack are combined as r + 1 has trailing zeros in binary.
template <class T, class Op>
__global__ void rank_tree_kernel(Op op, T const* parts, T const* own, std::size_t rank, std::size_t ranks, T* to,
                                 std::size_t count) {
  std::size_t const step = std::size_t{gridDim.x} * blockDim.x;
  for (std::size_t i = std::size_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += step) {
    T stack[32];
    int depth = 0;
    for (std::size_t r = 0; r < ranks; ++r) {
      T value = r == rank ? own[i] : parts[r * count + i];
      for (std::size_t k = r + 1; k % 2 == 0; k /= 2) value = static_cast<T>(op(stack[--depth], value));
      stack[depth++] = value;
    }
    T result = stack[--depth];
    while (depth > 0) result = static_cast<T>(op(stack[--depth], result));
    to[i] = result;
  }
}

template <class T, class Op>
void rank_tree(void const* op, void const* parts, void const* own, std::size_t rank, std::size_t ranks, void* to,
               std::size_t count, CUstream_st* stream) {
  if (count == 0) return;
  constexpr std::size_t threads = 256, most_blocks = 4096;
  auto const blocks = static_cast<unsigned>(std::min(most_blocks, (count + threads - 1) / threads));
  check(queue_kernel(stream, rank_tree_kernel<T, Op>, blocks, threads, 0, *static_cast<Op const*>(op),
                     static_cast<T const*>(parts), static_cast<T const*>(own), rank, ranks, static_cast<T*>(to), count),
        "the launch of rank_tree_kernel", "reducing over ranks");
}

template <class T>
constexpr gpu_reduction::number number_type() {
  using number = gpu_reduction::number;
  if constexpr (std::is_same_v<T, float>) return number::float32;
  if constexpr (std::is_same_v<T, double>) return number::float64;
  if constexpr (!std::is_integral_v<T> || std::is_same_v<T, bool>) return number::other;
  constexpr bool with_sign = std::is_signed_v<T>;
  if constexpr (sizeof(T) == 1) return with_sign ? number::int8 : number::uint8;
  if constexpr (sizeof(T) == 4) return with_sign ? number::int32 : number::uint32;
  if constexpr (sizeof(T) == 8) return with_sign ? number::int64 : number::uint64;
  return number::other;
}

template <class Op>
constexpr gpu_reduction::function reduction_function() {
  if constexpr (std::is_same_v<Op, plus>) return gpu_reduction::function::sum;
  if constexpr (std::is_same_v<Op, multiplies>) return gpu_reduction::function::product;
  return gpu_reduction::function::other;  // NCCL's least and greatest values pass over NaN
}

template <class Op>
struct ordered_operator {
  using type = Op;
};
template <class Op>
struct ordered_operator<any_order<Op>> {
  using type = Op;
};
template <class T, class Op>
inline constexpr gpu_reduction reduction_of{number_type<T>(), reduction_function<typename ordered_operator<Op>::type>(),
                                            takes_any_order<Op>, rank_tree<T, Op>};

/// Functions that have a name (lockstep's, and those of LOCKSTEP_FUNCTION) can be called by every device; others may
/// not be, and are called on the host.
template <class T, class Op>
constexpr gpu_reduction const* reduction_on_gpu() {
  using plain = typename ordered_operator<Op>::type;
  constexpr bool named = requires { static_cast<char const*>(plain::name); }
  || requires { static_cast<char const*>(plain::infix); };
  if constexpr (named && std::is_default_constructible_v<T>)
    return &reduction_of<T, Op>;
  else
    return nullptr;
}

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
