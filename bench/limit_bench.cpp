// Fused map, reduction and scan against hand-written loops with the same memory traffic, paired in one run.
#include <immintrin.h>
#include <lockstep/lockstep.hpp>

#include <cmath>
#include <cstdlib>
#include <cstring>

#include "paired.hpp"

namespace ls = lockstep;

namespace {

#if defined(__AVX__)
// y = sqrt(a a + b b) 2 + 1 past the caches, eight floats at a time.
void hand_map(float const* a, float const* b, float* y, ls::index n) {
  __m256 const two = _mm256_set1_ps(2), one = _mm256_set1_ps(1);
  for (ls::index i = 0; i < n; i += 8) {
    __m256 const p = _mm256_loadu_ps(a + i), q = _mm256_loadu_ps(b + i);
    __m256 const root = _mm256_sqrt_ps(_mm256_add_ps(_mm256_mul_ps(p, p), _mm256_mul_ps(q, q)));
    _mm256_stream_ps(y + i, _mm256_add_ps(_mm256_mul_ps(root, two), one));
  }
  _mm_sfence();
}
float hand_sum(float const* a, ls::index n) {
  __m256 sums[8] = {};
  for (ls::index i = 0; i < n; i += 64)
    for (int k = 0; k < 8; ++k) sums[k] = _mm256_add_ps(sums[k], _mm256_loadu_ps(a + i + 8 * k));
  float total = 0;
  for (__m256 s : sums)
    for (int l = 0; l < 8; ++l) total += s[l];
  return total;
}
// A scan reads and writes what a copy does.
void hand_copy(float const* a, float* y, ls::index n) {
  for (ls::index i = 0; i < n; i += 8) _mm256_stream_ps(y + i, _mm256_loadu_ps(a + i));
  _mm_sfence();
}
#else
void hand_map(float const* a, float const* b, float* y, ls::index n) {
  for (ls::index i = 0; i < n; ++i) y[i] = std::sqrt(a[i] * a[i] + b[i] * b[i]) * 2 + 1;
}
float hand_sum(float const* a, ls::index n) {
  float sums[64] = {};
  for (ls::index i = 0; i < n; i += 64)
    for (int l = 0; l < 64; ++l) sums[l] += a[i + l];
  float total = 0;
  for (float s : sums) total += s;
  return total;
}
void hand_copy(float const* a, float* y, ls::index n) {
  std::memcpy(y, a, static_cast<std::size_t>(n) * sizeof(float));
}
#endif

/// Cuts [0, n) into one range per thread, in multiples of 64.
template <class F>
void on_threads(ls::device const& dev, ls::index n, F&& f) {
  auto const threads = static_cast<ls::index>(dev.threads());
  dev.run(threads, [&](ls::index t) {
    ls::index const first = n / 64 * t / threads * 64, last = n / 64 * (t + 1) / threads * 64;
    f(t, first, last - first);
  });
}

void large(ls::device const& dev, std::size_t n) {
  ls::array<float> a = ls::full<float>(dev, n, 0.5f), b = ls::full<float>(dev, n, 0.25f), y(dev, n);
  auto const size = static_cast<ls::index>(n);
  float volatile sink = 0;
  std::printf("%s, %zu floats\n", dev.name().c_str(), n);
  bench::report("fused map  y = sqrt(a*a + b*b)*2 + 1", 12 * n,
                bench::paired([&] { y = ls::sqrt(a * a + b * b) * 2.0f + 1.0f; },
                              [&] {
                                on_threads(dev, size, [&](ls::index, ls::index first, ls::index count) {
                                  hand_map(a.data() + first, b.data() + first, y.data() + first, count);
                                });
                              }));
  bench::report("reduction  sum(a)", 4 * n,
                bench::paired([&] { sink = float(ls::sum(a)); },
                              [&] {
                                float parts[256] = {};
                                on_threads(dev, size, [&](ls::index t, ls::index first, ls::index count) {
                                  parts[t] = hand_sum(a.data() + first, count);
                                });
                                sink = parts[0] + parts[1];
                              }));
  bench::report("scan       y = inclusive_scan(a)", 8 * n,
                bench::paired([&] { y = ls::inclusive_scan(a); },
                              [&] {
                                on_threads(dev, size, [&](ls::index, ls::index first, ls::index count) {
                                  hand_copy(a.data() + first, y.data() + first, count);
                                });
                              }));
}

void small(ls::device const& dev, std::size_t n) {
  ls::array<float> a = ls::full<float>(dev, n, 0.5f), b = ls::full<float>(dev, n, 0.25f), y(dev, n);
  std::printf("%s, %zu floats\n", dev.name().c_str(), n);
  auto const plain = [&] {
    float const *p = a.data(), *q = b.data();
    float* r = y.data();
    for (std::size_t i = 0; i < n; ++i) r[i] = p[i] * 2.0f + q[i];
    asm volatile("" : : "r"(r) : "memory");
  };
  bench::report("fused map  y = a*2 + b", 12 * n, bench::paired([&] { y = a * 2.0f + b; }, plain, 31, 20000));
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t const n = argc > 1 ? std::strtoull(argv[1], nullptr, 10) / 64 * 64 : 30'000'000 / 64 * 64;
  for (char const* name : {"cpu:1", "cpu"}) {
    ls::device const dev = ls::device::parse(name);
    large(dev, n);
    small(dev, 1000);
  }
}
