// select, partition and unique beside their peers and a loop written by hand with vector instructions ("limit").
#include <immintrin.h>
#include <omp.h>
#include <sched.h>

#include <atomic>
#include <cstring>
#include <execution>
#include <lockstep/algorithm/select.hpp>
#include <lockstep/algorithm/unique.hpp>
#include <lockstep/lockstep.hpp>
#include <memory>
#include <vector>
#if defined(PEER_THRUST)
#include <thrust/copy.h>
#include <thrust/partition.h>
#include <thrust/system/tbb/execution_policy.h>
#include <thrust/unique.h>
#endif

#include "compare.hpp"

namespace {

using lockstep::array, lockstep::device;

// --- by hand
// ----------------------------------------------------------------------------------------------------------

#if defined(__AVX512F__)
constexpr std::size_t lanes = 16;
using vector = __m512i;
unsigned larger(void const* p, float limit) {
  return _mm512_cmp_ps_mask(_mm512_loadu_ps(p), _mm512_set1_ps(limit), _CMP_GT_OQ);
}
unsigned differs(int const* p) { return _mm512_cmpneq_epi32_mask(_mm512_loadu_si512(p), _mm512_loadu_si512(p - 1)); }
std::size_t compress(void const* from, unsigned mask, void* to) {
  _mm512_storeu_si512(to, _mm512_maskz_compress_epi32(static_cast<__mmask16>(mask), _mm512_loadu_si512(from)));
  return static_cast<std::size_t>(_mm_popcnt_u32(mask));
}
#else
constexpr std::size_t lanes = 8;
struct permutations {
  alignas(32) int lane[256][8] = {};
  constexpr permutations() {
    for (int m = 0; m < 256; ++m)
      for (int l = 0, k = 0; l < 8; ++l)
        if (m >> l & 1) lane[m][k++] = l;
  }
};
constexpr permutations kept;
unsigned larger(float const* p, float limit) {
  return static_cast<unsigned>(
      _mm256_movemask_ps(_mm256_cmp_ps(_mm256_loadu_ps(p), _mm256_set1_ps(limit), _CMP_GT_OQ)));
}
unsigned differs(int const* p) {
  auto const here = _mm256_loadu_si256(reinterpret_cast<__m256i const*>(p));
  auto const before = _mm256_loadu_si256(reinterpret_cast<__m256i const*>(p - 1));
  return 255u ^ static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpeq_epi32(here, before))));
}
std::size_t compress(void const* from, unsigned mask, void* to) {
  auto const order = _mm256_load_si256(reinterpret_cast<__m256i const*>(kept.lane[mask]));
  auto const v = _mm256_loadu_si256(static_cast<__m256i const*>(from));
  _mm256_storeu_si256(static_cast<__m256i*>(to), _mm256_permutevar8x32_epi32(v, order));
  return static_cast<std::size_t>(_mm_popcnt_u32(mask));
}
#endif

struct above {
  float limit;
  unsigned mask(float const* p, std::size_t) const { return larger(p, limit); }
  bool one(float const* p, std::size_t) const { return *p > limit; }
};
struct run_start {
  unsigned mask(int const* p, std::size_t i) const {
    return i > 0 ? differs(p) : (unsigned(1) | [&] {
      unsigned m = 0;
      for (std::size_t l = 1; l < lanes; ++l) m |= unsigned(p[l] != p[l - 1]) << l;
      return m;
    }());
  }
  bool one(int const* p, std::size_t i) const { return i == 0 || p[0] != p[-1]; }
};

template <class T, class Keep>
std::size_t compress_range(T const* in, std::size_t first, std::size_t last, Keep const& keep, T* out) {
  std::size_t k = 0, i = first;
  for (; i + lanes <= last; i += lanes) k += compress(in + i, keep.mask(in + i, i), out + k);
  for (; i < last; ++i)
    if (keep.one(in + i, i)) out[k++] = in[i];
  return k;
}

/// One pass: blocks into a buffer in the L2 cache, offsets in turn, copied out.
template <class T, class Keep>
std::size_t limit_select(T const* in, std::size_t n, Keep const& keep, T* out, int threads) {
  constexpr std::size_t block = 16384;
  if (n <= 32768 || (threads == 1 && n <= 4000000)) return compress_range(in, 0, n, keep, out);
  std::atomic<std::size_t> next{0}, turn{0};
  std::size_t offset = 0;
  std::size_t const blocks = (n + block - 1) / block;
#pragma omp parallel num_threads(threads)
  {
    static thread_local std::vector<T> buffer(block);
    for (std::size_t b = next++; b < blocks; b = next++) {
      std::size_t const k = compress_range(in, b * block, std::min(n, (b + 1) * block), keep, buffer.data());
      for (int spins = 0; turn.load(std::memory_order_acquire) != b; ++spins)
        if (spins > 64) sched_yield();
      std::size_t const at = offset;
      offset += k;
      turn.store(b + 1, std::memory_order_release);
      if (k * blocks * sizeof(T) > (24u << 20))
        lockstep::cpu::stream_copy(out + at, buffer.data(), k * sizeof(T));
      else
        std::memcpy(out + at, buffer.data(), k * sizeof(T));
    }
  }
  return offset;
}

/// Counts, then writes pieces of both sides, each from a buffer in the L1 cache.
std::size_t limit_partition(float const* in, std::size_t n, float limit, float* out, int threads) {
  constexpr std::size_t piece = 2048;
  std::vector<std::size_t> selected(static_cast<std::size_t>(threads) + 1);
#pragma omp parallel num_threads(threads) if (threads > 1)
  {
    auto const t = static_cast<std::size_t>(omp_get_thread_num()),
               all = static_cast<std::size_t>(omp_get_num_threads());
    std::size_t const first = n * t / all, last = n * (t + 1) / all;
    std::size_t count = 0, i = first;
    for (; i + lanes <= last; i += lanes) count += static_cast<std::size_t>(_mm_popcnt_u32(larger(in + i, limit)));
    for (; i < last; ++i) count += in[i] > limit;
    selected[t + 1] = count;
#pragma omp barrier
#pragma omp single
    for (std::size_t k = 0; k < all; ++k) selected[k + 1] += selected[k];
    std::size_t front = selected[t], back = selected[all] + (first - selected[t]);
    alignas(64) float a[piece + lanes], b[piece + lanes];
    for (std::size_t at = first; at < last; at += piece) {
      std::size_t const end = std::min(last, at + piece);
      std::size_t ka = 0, kb = 0, j = at;
      for (; j + lanes <= end; j += lanes) {
        unsigned const m = larger(in + j, limit);
        ka += compress(in + j, m, a + ka);
        kb += compress(in + j, m ^ ((1u << lanes) - 1), b + kb);
      }
      for (; j < end; ++j) (in[j] > limit ? a[ka++] : b[kb++]) = in[j];
      auto const copy = n * sizeof(float) > (24u << 20)
                            ? lockstep::cpu::stream_copy
                            : +[](void* to, void const* from, std::size_t bytes) { std::memcpy(to, from, bytes); };
      copy(out + front, a, ka * sizeof(float));
      copy(out + back, b, kb * sizeof(float));
      front += ka, back += kb;
    }
  }
  return selected.back();
}

// --- peers
// ------------------------------------------------------------------------------------------------------------

template <class F>
std::function<void()> on_threads(int threads, F f) {
  auto const arena = std::make_shared<oneapi::tbb::task_arena>(threads);
  return [=] { arena->execute(f); };
}

std::size_t serial_select(float const* in, std::size_t n, float limit, float* out) {
  std::size_t k = 0;
  for (std::size_t i = 0; i < n; ++i) {
    out[k] = in[i];
    k += in[i] > limit;
  }
  return k;
}
std::size_t serial_unique(int const* in, std::size_t n, int* out) {
  std::size_t k = 0;
  int last = ~in[0];
  for (std::size_t i = 0; i < n; ++i) {
    out[k] = in[i];
    k += in[i] != last;
    last = in[i];
  }
  return k;
}
/// A branch-free loop per thread, counted first.
std::size_t omp_select(float const* in, std::size_t n, float limit, float* out, int threads) {
  std::vector<std::size_t> counts(static_cast<std::size_t>(threads) + 1);
#pragma omp parallel num_threads(threads)
  {
    auto const t = static_cast<std::size_t>(omp_get_thread_num()),
               all = static_cast<std::size_t>(omp_get_num_threads());
    std::size_t const first = n * t / all, last = n * (t + 1) / all;
    std::size_t count = 0;
    for (std::size_t i = first; i < last; ++i) count += in[i] > limit;
    counts[t + 1] = count;
#pragma omp barrier
    std::size_t k = 0;
    for (std::size_t before = 0; before <= t; ++before) k += counts[before];
    for (std::size_t i = first; i < last; ++i)
      if (in[i] > limit) out[k++] = in[i];
  }
  return counts.back();
}

void bench_select(array<float> const& x, float limit, char const* name, int threads, std::vector<float>& out) {
  std::size_t const n = x.size();
  float const* const in = x.data();
  float* const to = out.data();
  auto const found = lockstep::select(x, x > limit).size();
  std::vector<bench::contestant> peers{
      {"limit", [=] { bench::keep(limit_select(in, n, above{limit}, to, threads)); }},
      {"stdpar", on_threads(threads,
                            [=] {
                              auto const large = [limit](float v) { return v > limit; };
                              bench::keep(std::copy_if(std::execution::par_unseq, in, in + n, to, large));
                            })},
      {"omp", [=] { bench::keep(omp_select(in, n, limit, to, threads)); }},
  };
  if (threads == 1) peers.push_back({"loop", [=] { bench::keep(serial_select(in, n, limit, to)); }});
#if defined(PEER_THRUST)
  peers.push_back({"thrust", on_threads(threads, [=] {
                     auto const large = [limit](float v) { return v > limit; };
                     bench::keep(thrust::copy_if(thrust::tbb::par, in, in + n, to, large));
                   })});
#endif
  bench::compare(
      {name, "float", n, threads, double(4 * (n + found))}, [&] { bench::keep(lockstep::select(x, x > limit).data()); },
      peers);
}

void bench_partition(array<float> const& x, int threads, std::vector<float>& out) {
  std::size_t const n = x.size();
  float const* const in = x.data();
  float* const to = out.data();
  std::vector<float> copy(n);
  float* const other = copy.data();
  auto const large = [](float v) { return v > 0.5f; };
  std::vector<bench::contestant> peers{
      {"limit", [=] { bench::keep(limit_partition(in, n, 0.5f, to, threads)); }},
      {"stdpar", on_threads(threads, [=] {
         bench::keep(std::partition_copy(std::execution::par_unseq, in, in + n, to, other, large));
       })}};
#if defined(PEER_THRUST)
  peers.push_back({"thrust", on_threads(threads, [=] {
                     bench::keep(thrust::stable_partition_copy(thrust::tbb::par, in, in + n, to, other, large));
                   })});
#endif
  bench::compare(
      {"partition 50 %", "float", n, threads, double(8 * n)},
      [&] { bench::keep(lockstep::partition(x, x > 0.5f).selected); }, peers);
}

void bench_unique(array<int> const& x, int threads, std::vector<int>& out) {
  std::size_t const n = x.size();
  int const* const in = x.data();
  int* const to = out.data();
  auto const found = lockstep::unique(x).size();
  std::vector<bench::contestant> peers{{"limit", [=] { bench::keep(limit_select(in, n, run_start{}, to, threads)); }},
                                       {"stdpar", on_threads(threads, [=] {
                                          bench::keep(std::unique_copy(std::execution::par_unseq, in, in + n, to));
                                        })}};
  if (threads == 1) peers.push_back({"loop", [=] { bench::keep(serial_unique(in, n, to)); }});
#if defined(PEER_THRUST)
  peers.push_back(
      {"thrust", on_threads(threads, [=] { bench::keep(thrust::unique_copy(thrust::tbb::par, in, in + n, to)); })});
#endif
  bench::compare(
      {"unique, runs of 3", "int", n, threads, double(4 * (n + found))},
      [&] { bench::keep(lockstep::unique(x).data()); }, peers);
}

}  // namespace

int main() {
  for (std::size_t const n : {1000, 100000, 1000000, 10000000, 30000000})
    for (int const threads : {1, 2}) {
      if (n == 1000 && threads > 1) continue;
      device const dev = device::cpu(static_cast<std::size_t>(threads));
      std::vector<float> floats(n), out(n + lanes);
      std::vector<int> ints(n), int_out(n + lanes);
      unsigned state = 1;
      for (std::size_t i = 0, run = 0; i < n; ++i) {
        state = state * 1664525u + 1013904223u;
        floats[i] = static_cast<float>(state >> 8) * 0x1p-24f;
        run += (state >> 28) < 5;
        ints[i] = static_cast<int>(run);
      }
      array<float> const x(dev, floats);
      array<int> const runs(dev, ints);
      bench_select(x, 0.5f, "select 50 %", threads, out);
      bench_select(x, 0.95f, "select 5 %", threads, out);
      bench_partition(x, threads, out);
      bench_unique(runs, threads, int_out);
    }
}
