// Stores past the caches: large outputs need not be read before they are written, nor push what is useful out.
#pragma once

#include <cstdint>
#include <cstring>

#include "../../core/algorithm.hpp"
#include "../../core/config.hpp"
#if defined(__CUDACC__)
#include <emmintrin.h>
#endif

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

// nvcc's front end does not know the builtins that vectors are used through (not the headers of intrinsics:
// <immintrin.h> doubles the time to compile a file that includes us).
#if defined(__AVX2__) && !defined(__CUDACC__)
inline constexpr std::size_t vector_bytes = 32;
#else
inline constexpr std::size_t vector_bytes = 16;
#endif

/// Outputs of at least this many bytes are written past the caches, which saves reading them first.
inline constexpr std::size_t stream_from_bytes = std::size_t{24} << 20;

/// How many devices, which share the caches, each write as large a part of one output as this thread.
inline constinit thread_local std::size_t output_parts = 1;
/// Whether a part of so many bytes belongs to an output that is large enough. (Small ones do not look at the thread's.)
inline bool is_large_output(std::size_t bytes) {
  return bytes >= stream_from_bytes || (bytes >= stream_from_bytes / 64 && bytes * output_parts >= stream_from_bytes);
}

/// The size of the largest vectors.
#if defined(__AVX512F__) && !defined(__CUDACC__)
inline constexpr std::size_t wide_vector_bytes = 64;
#else
inline constexpr std::size_t wide_vector_bytes = vector_bytes;
#endif

/// Writes one vector to an address aligned to its size.
template <class Vector>
[[gnu::always_inline]] inline void stream_store(void* to, Vector const& v) {
  static_assert(sizeof(Vector) == vector_bytes || sizeof(Vector) == wide_vector_bytes);
#if defined(__clang__)
  __builtin_nontemporal_store(v, static_cast<Vector*>(to));
#elif defined(__AVX2__) && !defined(__CUDACC__)
  typedef float floats __attribute__((vector_size(32)));
#if defined(__AVX512F__)
  typedef float wide_floats __attribute__((vector_size(64)));
  if constexpr (sizeof(Vector) == 64)
    __builtin_ia32_movntps512(static_cast<float*>(to), reinterpret_cast<wide_floats>(v));
  else
#endif
    __builtin_ia32_movntps256(static_cast<float*>(to), reinterpret_cast<floats>(v));
#elif !defined(__CUDACC__)
  typedef float floats __attribute__((vector_size(16)));
  __builtin_ia32_movntps(static_cast<float*>(to), reinterpret_cast<floats>(v));
#else
  __m128i bytes;
  __builtin_memcpy(&bytes, &v, sizeof(v));
  _mm_stream_si128(static_cast<__m128i*>(to), bytes);
#endif
}

/// Copies without leaving the destination in the caches.
inline void stream_copy(void* to, void const* from, std::size_t bytes) {
  typedef long long words __attribute__((vector_size(wide_vector_bytes)));
  auto* target = static_cast<char*>(to);
  auto const* source = static_cast<char const*>(from);
  std::size_t const head = std::min<std::size_t>(bytes, -reinterpret_cast<std::uintptr_t>(target) & 63);
  std::memcpy(target, source, head);
  std::size_t done = head;
  for (; done + 64 <= bytes; done += 64)
    for (std::size_t k = done; k < done + 64; k += wide_vector_bytes) {
      words v;
      __builtin_memcpy(&v, source + k, sizeof(v));
      stream_store(target + k, v);
    }
  std::memcpy(target + done, source + done, bytes - done);
}

/// Orders streamed writes before what this thread writes next.
inline void stream_fence() { __builtin_ia32_sfence(); }

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
