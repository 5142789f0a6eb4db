// fill on a GPU: a pattern of any size, repeated.
#pragma once

#include <algorithm>
#include <cstring>

#include "queue.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

/// A pattern that travels with the launch.
template <class Word>
struct fill_pattern {
  static constexpr std::size_t most_words = 256 / sizeof(Word);
  Word words[most_words];
  unsigned count;
};

template <class Word>
__global__ void fill_kernel(Word* to, fill_pattern<Word> pattern, std::size_t total) {
  std::size_t const step = std::size_t{gridDim.x} * blockDim.x;
  for (std::size_t i = std::size_t{blockIdx.x} * blockDim.x + threadIdx.x; i < total; i += step)
    to[i] = pattern.words[i % pattern.count];
}

template <class Word>
struct alignas(16) fill_pack {
  Word words[16 / sizeof(Word)];
};
/// One word, 16 bytes at a time but for the two ends.
template <class Word>
__global__ void __launch_bounds__(256) fill_word_kernel(Word* to, Word word, std::size_t total) {
  constexpr std::size_t length = 16 / sizeof(Word);
  std::size_t const shift = reinterpret_cast<std::uintptr_t>(to) % 16 / sizeof(Word), end = shift + total;
  Word* const aligned = to - shift;
  fill_pack<Word> all;
#pragma unroll
  for (std::size_t k = 0; k < length; ++k) all.words[k] = word;
  for (std::size_t i = (std::size_t{blockIdx.x} * blockDim.x + threadIdx.x) * length; i < end;
       i += std::size_t{gridDim.x} * blockDim.x * length) {
    if (i >= shift && i + length <= end) {
      *reinterpret_cast<fill_pack<Word>*>(aligned + i) = all;
    } else {
      for (std::size_t k = i < shift ? shift : i; k < i + length && k < end; ++k) aligned[k] = word;
    }
  }
}

/// The widest word that divides both the pattern and its place in memory.
template <class Word>
void fill_words(void* to, void const* pattern, std::size_t size, std::size_t count, cudaStream_t stream) {
  constexpr std::size_t threads = 256, most_blocks = 4096;
  auto const blocks = [&](std::size_t work) {
    return static_cast<unsigned>(std::min(most_blocks, (work + threads - 1) / threads));
  };
  if (size == sizeof(Word)) {
    Word word;
    std::memcpy(&word, pattern, size);
    check(queue_kernel(stream, fill_word_kernel<Word>, blocks(count * sizeof(Word) / 16 + 2), threads, 0,
                       static_cast<Word*>(to), word, count),
          "the launch of fill_word_kernel", "filling memory");
    return;
  }
  fill_pattern<Word> words{};
  words.count = static_cast<unsigned>(size / sizeof(Word));
  std::memcpy(words.words, pattern, size);
  std::size_t const total = count * words.count;
  check(queue_kernel(stream, fill_kernel<Word>, blocks(total), threads, 0, static_cast<Word*>(to), words, total),
        "the launch of fill_kernel", "filling memory");
}

inline bool all_bytes_equal(void const* pattern, std::size_t size) {
  auto const* bytes = static_cast<unsigned char const*>(pattern);
  return std::all_of(bytes, bytes + size, [=](unsigned char byte) { return byte == bytes[0]; });
}

/// Writes `count` copies of the `size` bytes at `pattern`, in stream order. The pattern may change afterwards.
inline void fill(void* to, void const* pattern, std::size_t size, std::size_t count, cudaStream_t stream) {
  if (size == 0 || count == 0) return;
  auto const fits = [&](std::size_t word) {
    return size % word == 0 && size <= 256 && reinterpret_cast<std::uintptr_t>(to) % word == 0;
  };
  if (all_bytes_equal(pattern, size)) {
    check(cudaMemsetAsync(to, *static_cast<unsigned char const*>(pattern), size * count, stream), "cudaMemsetAsync",
          "filling memory");
  } else if (fits(8)) {
    fill_words<std::uint64_t>(to, pattern, size, count, stream);
  } else if (fits(4)) {
    fill_words<std::uint32_t>(to, pattern, size, count, stream);
  } else if (fits(2)) {
    fill_words<std::uint16_t>(to, pattern, size, count, stream);
  } else if (fits(1)) {
    fill_words<std::uint8_t>(to, pattern, size, count, stream);
  } else {  // a pattern too long for a kernel's parameters: written once piece by piece, then doubled
    for (std::size_t begin = 0; begin < size; begin += 256)
      fill_words<std::uint8_t>(static_cast<char*>(to) + begin, static_cast<char const*>(pattern) + begin,
                               std::min<std::size_t>(256, size - begin), 1, stream);
    for (std::size_t done = 1; done < count; done *= 2)
      check(cudaMemcpyAsync(static_cast<char*>(to) + done * size, to, std::min(done, count - done) * size,
                            cudaMemcpyDeviceToDevice, stream),
            "cudaMemcpyAsync", "filling memory");
  }
}

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
