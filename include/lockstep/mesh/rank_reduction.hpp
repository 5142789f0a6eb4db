// rank_reduction: an element type and an operator in the form that communication engines get, which know no templates.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

#include "../core/algorithm.hpp"
#include "../core/config.hpp"

struct CUstream_st;  // what CUDA's cudaStream_t points to

namespace lockstep {

/// What collectives know about the elements they move.
struct element_kind {
  std::size_t bytes;
  char const* name;  ///< as in C++, such as "float"; for messages, and to notice ranks that disagree
};

/// What GPUs know of an operator over one element type; made by files that nvcc compiles.
struct gpu_reduction {
  enum class number : unsigned char { other, int8, uint8, int32, uint32, int64, uint64, float32, float64 };
  enum class function : unsigned char { other, sum, product };

  number type;       ///< for libraries that have reductions of their own
  function combine;  ///< the same
  bool any_order;    ///< as any_order says, below
  /// Queues to[i] = the tree over the ranks' elements: this rank's are own[i], rank r's are parts[r * count + i].
  void (*tree)(void const* op, void const* parts, void const* own, std::size_t rank, std::size_t ranks, void* to,
               std::size_t count, CUstream_st* stream);

  /// Whether NCCL's reductions will do: any order of combination gives the bits of the tree, or the caller said that
  /// he takes any.
  bool order_free(std::size_t ranks) const {
    bool const rounds = (type == number::float32 || type == number::float64) && !any_order;
    return type != number::other && combine != function::other && (!rounds || ranks <= 2);
  }
};

/// An operator over one element type. Collectives combine the values of one element in one fixed binary tree over the
/// ranks, the lower rank always on the left: neighbors first, so ((r0 op r1) op (r2 op r3)) op ...; a rank without a
/// neighbor moves up a level unchanged. So bits depend neither on how data are cut into messages nor on timing, and 2^k
/// ranks continue a binary tree over contiguous shards.
struct rank_reduction {
  static constexpr std::size_t operator_bytes = 32;

  element_kind element;
  char const* name;  ///< of the operator
  /// to[o][i] = the tree over from[r][i], for i in [0, count). Outputs may be inputs, but must not overlap otherwise.
  void (*tree)(void const* op, void const* const* from, std::size_t ranks, void* const* to, std::size_t outputs,
               std::size_t count);
  alignas(16) unsigned char op[operator_bytes];  ///< the operator itself
  gpu_reduction const* on_gpu = nullptr;         ///< nullptr when GPUs cannot call the operator

  void operator()(void const* const* from, std::size_t ranks, void* const* to, std::size_t outputs,
                  std::size_t count) const {
    tree(op, from, ranks, to, outputs, count);
  }
};

/// The size of the left part of a tree over `ranks` ranks: the largest power of two below.
constexpr std::size_t left_ranks(std::size_t ranks) { return std::bit_floor(ranks - 1); }

inline namespace LOCKSTEP_COMPILER {

template <class T>
constexpr auto raw_spelling() {
  return std::string_view(__PRETTY_FUNCTION__);
}

template <class T>
struct spelling {
  static constexpr std::string_view raw = raw_spelling<T>();
  static constexpr std::size_t begin = raw.find("T = ") + 4, size = raw.rfind(']') - begin;
  struct text {
    char data[size + 1] = {};
  };
  static constexpr text value = [] {
    text t;
    for (std::size_t i = 0; i < size; ++i) t.data[i] = raw[begin + i];
    return t;
  }();
};

/// "float", "shop::price": null-terminated, for messages.
template <class T>
inline constexpr char const* spelled_name = spelling<T>::value.data;

template <class T>
inline constexpr element_kind element_of{sizeof(T), spelled_name<T>};

template <class Op>
constexpr char const* operator_name() {
  if constexpr (requires { static_cast<char const*>(Op::name); })
    return Op::name;
  else if constexpr (requires { static_cast<char const*>(Op::infix); })
    return Op::infix;
  else
    return spelled_name<Op>;
}

template <class T>
inline constexpr bool refers_elsewhere = std::is_pointer_v<T>;
template <class T, std::size_t N>
inline constexpr bool refers_elsewhere<std::span<T, N>> = true;

/// What collectives may move: any type whose bytes are its value.
template <class T>
concept communicable = std::is_trivially_copyable_v<T> && !std::is_const_v<T> && !refers_elsewhere<T>;

/// What reduces values of T: op(T, T) gives something that converts to T.
template <class Op, class T>
concept reduces = requires(Op const& op, T const& value) {
  static_cast<T>(op(value, value));
};

/// Elements that are reduced at a time, so that a tree's inner nodes stay in the nearest cache.
template <class T>
inline constexpr std::size_t tree_tile = std::max<std::size_t>(1, 4096 / sizeof(T));

template <class T, class Op>
void combine(Op const& op, T const* left, T const* right, T* to, std::size_t count) {
  LOCKSTEP_INDEPENDENT
  for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<T>(op(left[i], right[i]));
}

/// For two ranks that both want the result: one pass, and no copy afterwards.
template <class T, class Op>
void combine_pair(Op const& op, T const* left, T const* right, T* first, T* second, std::size_t count) {
  LOCKSTEP_INDEPENDENT
  for (std::size_t i = 0; i < count; ++i) {
    T const value = static_cast<T>(op(left[i], right[i]));
    first[i] = value;
    second[i] = value;
  }
}

/// The tree over one tile of `count` elements that begin at `offset`. Returns where the result is: in `scratch`, or in
/// the input when there is only one rank.
template <class T, class Op>
T const* reduce_tile(Op const& op, void const* const* from, std::size_t ranks, std::size_t offset, std::size_t count,
                     T* scratch) {
  if (ranks == 1) return static_cast<T const*>(from[0]) + offset;
  alignas(64) unsigned char space[tree_tile<T> * sizeof(T)];
  std::size_t const half = left_ranks(ranks);
  T const* const left = reduce_tile(op, from, half, offset, count, scratch);
  T const* const right = reduce_tile(op, from + half, ranks - half, offset, count, reinterpret_cast<T*>(space));
  combine(op, left, right, scratch, count);
  return scratch;
}

template <class T, class Op>
void reduce_tree(void const* erased, void const* const* from, std::size_t ranks, void* const* to, std::size_t outputs,
                 std::size_t count) {
  Op const& op = *static_cast<Op const*>(erased);
  if (ranks == 2 && outputs <= 2) {
    auto const *left = static_cast<T const*>(from[0]), *right = static_cast<T const*>(from[1]);
    if (outputs == 1) return combine(op, left, right, static_cast<T*>(to[0]), count);
    return combine_pair(op, left, right, static_cast<T*>(to[0]), static_cast<T*>(to[1]), count);
  }
  alignas(64) unsigned char space[tree_tile<T> * sizeof(T)];
  for (std::size_t offset = 0; offset < count; offset += tree_tile<T>) {
    std::size_t const size = std::min(tree_tile<T>, count - offset);
    T const* const result = reduce_tile(op, from, ranks, offset, size, reinterpret_cast<T*>(space));
    for (std::size_t o = 0; o < outputs; ++o)
      if (static_cast<T*>(to[o]) + offset != result)
        std::memcpy(static_cast<void*>(static_cast<T*>(to[o]) + offset), result, size * sizeof(T));
  }
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// An operator whose ranks may be combined in any order: comm.all_reduce(x, any_order(plus{})). Sums and products of
/// arrays on GPUs are then NCCL's own, whose order, and with it the rounding of floating numbers, follows from the
/// number of ranks, their wiring and NCCL's choice of algorithm, even from run to run. Everything else, and every CPU,
/// keeps the order of the tree.
template <class Op>
struct any_order : Op {
  static constexpr char const* name = spelled_name<any_order>;  // not the operator's: all ranks have to mean the same

  constexpr any_order() = default;
  explicit constexpr any_order(Op const& op) : Op(op) {}
  using Op::operator();
};
template <class Op>
inline constexpr bool takes_any_order = false;
template <class Op>
inline constexpr bool takes_any_order<any_order<Op>> = true;

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep

#if LOCKSTEP_CUDA
#include "../backend/cuda/rank_reduction.cuh"
#endif

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// The erased form of an operator over T.
template <class T, class Op>
rank_reduction make_reduction(Op const& op) {
  static_assert(std::is_trivially_copyable_v<Op> && sizeof(Op) <= rank_reduction::operator_bytes && alignof(Op) <= 16,
                "a collective's operator must be trivially copyable and at most 32 bytes large, since other ranks get "
                "copies of it");
  rank_reduction erased{element_of<T>, operator_name<Op>(), reduce_tree<T, Op>, {}};
  std::memcpy(erased.op, &op, sizeof(Op));
#if LOCKSTEP_CUDA
  erased.on_gpu = cuda::reduction_on_gpu<T, Op>();
#endif
  return erased;
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
