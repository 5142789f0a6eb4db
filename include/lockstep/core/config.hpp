// The library's few macros: what a function needs to run on a GPU, and the tag that keeps translation units apart.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__CUDACC__)
#define LOCKSTEP_CUDA 1                  // this file is compiled by nvcc: expressions can run on GPUs
#define LOCKSTEP_FN __host__ __device__  // a function that kernels on every device may call
#define LOCKSTEP_INLINE __host__ __device__ __forceinline__
#else
#define LOCKSTEP_CUDA 0
#define LOCKSTEP_FN
#define LOCKSTEP_INLINE [[gnu::always_inline]] inline
#endif

// The same for functions that only CPUs call, because they work on vector registers.
#define LOCKSTEP_HOST_INLINE [[gnu::always_inline]] inline

// Whether ranks can be GPUs: where nvcc finds NCCL. Programs that run ranks then link it (lockstep::nccl); those that
// do without GPU ranks can define it as 0.
#if !defined(LOCKSTEP_NCCL)
#if LOCKSTEP_CUDA && defined(__has_include)
#if __has_include(<nccl.h>)
#define LOCKSTEP_NCCL 1
#endif
#endif
#if !defined(LOCKSTEP_NCCL)
#define LOCKSTEP_NCCL 0
#endif
#endif

// Templates that evaluate expressions are compiled differently by nvcc, by the host compiler, and for each instruction
// set. They live in an inline namespace named after the compilation, so that the linker never mixes two of them.
#if defined(__CUDACC__)
#define LOCKSTEP_COMPILER nvcc
#elif defined(__AVX512F__)
#define LOCKSTEP_COMPILER host_avx512
#elif defined(__AVX2__)
#define LOCKSTEP_COMPILER host_avx2
#else
#define LOCKSTEP_COMPILER host
#endif

// Tells the compiler that a loop's iterations are independent of each other, so that it may vectorize it.
#if defined(__clang__)
#define LOCKSTEP_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__) && !defined(__CUDACC__)
#define LOCKSTEP_INDEPENDENT _Pragma("GCC ivdep")
#else
#define LOCKSTEP_INDEPENDENT
#endif

// The same, unrolled: a loop of few instructions per vector should not depend on whether it lies across a boundary of
// what the processor decodes at once, which took twice the time. (clang unrolls such loops anyway.)
#if defined(__GNUC__) && !defined(__clang__) && !defined(__CUDACC__)
#define LOCKSTEP_INDEPENDENT_SHORT _Pragma("GCC ivdep") _Pragma("GCC unroll 4")
#else
#define LOCKSTEP_INDEPENDENT_SHORT LOCKSTEP_INDEPENDENT
#endif

// The same for a loop that may be as short as one vector: g++ would make separate scalars of it first.
#if defined(__GNUC__) && !defined(__clang__) && !defined(__CUDACC__)
#define LOCKSTEP_ONE_VECTOR _Pragma("GCC ivdep") _Pragma("GCC unroll 1")
#else
#define LOCKSTEP_ONE_VECTOR LOCKSTEP_INDEPENDENT
#endif

// Lets GCC use 64-byte vectors in a function's loops where they exist: tuned for most processors that have them, it
// uses 32 bytes only. What is inlined into the function follows it. (clang has no such attribute.)
#if defined(__AVX512F__) && defined(__GNUC__) && !defined(__clang__) && !defined(__CUDACC__)
#define LOCKSTEP_WIDE [[gnu::target("prefer-vector-width=512")]]
#else
#define LOCKSTEP_WIDE
#endif

// Unrolls a short loop of known length, so that the vectors it works on stay in registers.
#if defined(__GNUC__) && !defined(__CUDACC__)
#define LOCKSTEP_UNROLL _Pragma("GCC unroll 16")
#else
#define LOCKSTEP_UNROLL
#endif

// LOCKSTEP_FUNCTION(name, (x, y), expression): at namespace scope, makes `name` a function object of up to six
// arguments that every device can call, and that expressions print by its name.
#define LOCKSTEP_FUNCTION(NAME, PARAMETERS, ...)                                                            \
  struct NAME##_function {                                                                                  \
    static constexpr char const* name = #NAME;                                                              \
    LOCKSTEP_INLINE constexpr auto operator()(LOCKSTEP_PARAMETERS PARAMETERS) const { return __VA_ARGS__; } \
  };                                                                                                        \
  inline constexpr NAME##_function NAME {}
#define LOCKSTEP_PARAMETERS(...)                                                                                 \
  LOCKSTEP_PICK_7TH(__VA_ARGS__, LOCKSTEP_P6, LOCKSTEP_P5, LOCKSTEP_P4, LOCKSTEP_P3, LOCKSTEP_P2, LOCKSTEP_P1, ) \
  (__VA_ARGS__)
#define LOCKSTEP_PICK_7TH(A, B, C, D, E, F, G, ...) G
#define LOCKSTEP_P1(A) auto A
#define LOCKSTEP_P2(A, ...) auto A, LOCKSTEP_P1(__VA_ARGS__)
#define LOCKSTEP_P3(A, ...) auto A, LOCKSTEP_P2(__VA_ARGS__)
#define LOCKSTEP_P4(A, ...) auto A, LOCKSTEP_P3(__VA_ARGS__)
#define LOCKSTEP_P5(A, ...) auto A, LOCKSTEP_P4(__VA_ARGS__)
#define LOCKSTEP_P6(A, ...) auto A, LOCKSTEP_P5(__VA_ARGS__)

namespace lockstep {
/// Signed index and extent type of every array: 64 bits, so that arrays beyond 2^31 elements are ordinary.
using index = std::int64_t;

inline namespace LOCKSTEP_COMPILER {
/// A type that differs between compilations; a defaulted template argument of it keeps two instantiations apart.
struct compilation {};
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
