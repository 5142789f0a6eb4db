// What this machine's memory gives at most: the rates of reading, writing and copying by so many threads, in four
// sizes of working set, each measured when it is first asked for.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <map>
#include <memory>
#include <thread>
#include <utility>
#include <vector>
#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "../backend/cpu/stream.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace bench {

/// Bytes per second.
struct rates {
  double read = 0, write = 0, copy = 0;  ///< of a copy, both what is read and what is written count
};

namespace limits {

#if defined(__CUDACC__)  // whose front end cannot name vectors in templates
struct words {
  long long first, second;
  words& operator|=(words const& other) { return first |= other.first, second |= other.second, *this; }
};
#else
typedef long long words __attribute__((vector_size(lockstep::cpu::vector_bytes)));
#endif
constexpr std::size_t group = 8;  ///< vectors in flight

inline void read(words const* from, words*, std::size_t n) {
  words sums[group] = {};
  for (std::size_t i = 0; i < n; i += group)
    for (std::size_t k = 0; k < group; ++k) sums[k] |= from[i + k];
  for (std::size_t k = 1; k < group; ++k) sums[0] |= sums[k];
  asm volatile("" : : "m"(sums[0]));
}
inline void write(words const*, words* to, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) to[i] = words{};
  asm volatile("" : : "r"(to) : "memory");
}
inline void stream_write(words const*, words* to, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) lockstep::cpu::stream_store(to + i, words{});
  lockstep::cpu::stream_fence();
}
inline void copy(words const* from, words* to, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) to[i] = from[i];
  asm volatile("" : : "r"(to) : "memory");
}
inline void stream_copy(words const* from, words* to, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) lockstep::cpu::stream_store(to + i, from[i]);
  lockstep::cpu::stream_fence();
}
using kernel = void (*)(words const*, words*, std::size_t);

struct release {
  void operator()(words* memory) const { std::free(memory); }
};
/// Memory in large pages, as the library's arrays are, and touched.
inline std::unique_ptr<words[], release> touched(std::size_t bytes) {
  std::size_t const page = std::size_t{2} << 20, whole = (bytes + page - 1) / page * page;
  std::unique_ptr<words[], release> memory(static_cast<words*>(std::aligned_alloc(page, whole)));
  if (!memory) std::abort();
#if defined(__linux__)
  madvise(memory.get(), whole, MADV_HUGEPAGE);
#endif
  std::fill_n(memory.get(), bytes / sizeof(words), words{});
  return memory;
}

using buffers = std::vector<std::pair<std::unique_ptr<words[], release>, std::unique_ptr<words[], release>>>;

/// The most of several tries: all threads start together, each runs the kernel on buffers of its own again and again;
/// bytes per second from the first start to the last end.
inline double rate(kernel run, buffers const& memory, std::size_t bytes) {
  using clock = std::chrono::steady_clock;
  std::size_t const threads = memory.size(), repeats = std::max<std::size_t>(1, (std::size_t{16} << 20) / bytes);
  double best = 0;
  for (int tries = 0; tries < 7; ++tries) {
    std::atomic<std::size_t> ready{0};
    std::vector<clock::time_point> begins(threads), ends(threads);
    auto const work = [&](std::size_t t) {
      for (++ready; ready < threads;) std::this_thread::yield();
      begins[t] = clock::now();
      for (std::size_t r = 0; r < repeats; ++r)
        run(memory[t].first.get(), memory[t].second.get(), bytes / sizeof(words));
      ends[t] = clock::now();
    };
    std::vector<std::thread> others;
    for (std::size_t t = 1; t < threads; ++t) others.emplace_back(work, t);
    work(0);
    for (std::thread& each : others) each.join();
    std::chrono::duration<double> const taken =
        *std::max_element(ends.begin(), ends.end()) - *std::min_element(begins.begin(), begins.end());
    best = std::max(best, static_cast<double>(bytes * repeats * threads) / taken.count());
  }
  return best;
}

/// A kernel's buffers hold `bytes` per thread together.
inline rates measure(std::size_t bytes, std::size_t threads) {
  buffers memory(threads);
  for (auto& [from, to] : memory) from = touched(bytes), to = touched(bytes / 2);
  return {rate(read, memory, bytes), std::max(rate(write, memory, bytes / 2), rate(stream_write, memory, bytes / 2)),
          2 * std::max(rate(copy, memory, bytes / 2), rate(stream_copy, memory, bytes / 2))};
}

}  // namespace limits

/// The rates for a task that touches `bytes` in all: those of a working set of 16 KB, 384 KB or 4 MB per thread (the
/// caches of three levels), or of one that fits into none.
inline rates const& limit_of(double bytes, int threads) {
  static std::map<std::pair<int, int>, rates> known;
  std::array<double, 4> const measured{16e3, 384e3, 4e6, 128e6};
  double const share = bytes / threads;
  int const level = share <= 32e3 ? 0 : share <= 768e3 ? 1 : bytes <= 24e6 ? 2 : 3;
  rates& found = known[{level, threads}];
  if (found.read == 0)
    found = limits::measure(static_cast<std::size_t>(measured[static_cast<std::size_t>(level)]) / 4096 * 4096,
                            static_cast<std::size_t>(threads));
  return found;
}

}  // namespace bench
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
