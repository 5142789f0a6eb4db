// Scans by key, by segment, along an axis and backward, beside their peers and loops written by hand ("limit").
#include <immintrin.h>
#include <omp.h>

#include <cstring>
#include <lockstep/algorithm/scan_backward.hpp>
#include <lockstep/algorithm/scan_by_key.hpp>
#include <lockstep/algorithm/scan_lines.hpp>
#include <lockstep/array/factories.hpp>
#include <lockstep/expression/operators.hpp>
#include <memory>
#include <numeric>
#include <vector>
#if defined(PEER_THRUST)
#include <tbb/global_control.h>
#include <thrust/scan.h>
#include <thrust/system/tbb/execution_policy.h>
#endif

#include "compare.hpp"

namespace {

using lockstep::array, lockstep::axis, lockstep::backward, lockstep::device, lockstep::index, lockstep::shape;

// --- by hand --------------------------------------------------------------------------------------------------------

/// One after the other; returns the sum since the last head.
float serial_by_key(int const* keys, float const* in, float* out, std::size_t first, std::size_t last) {
  float sum = 0;
  for (std::size_t i = first; i < last; ++i) {
    sum = i > 0 && keys[i] == keys[i - 1] ? sum + in[i] : in[i];
    out[i] = sum;
  }
  return sum;
}

#if defined(__AVX2__)
template <int N>
__m256 shifted(__m256 v) {
  return _mm256_castsi256_ps(_mm256_slli_si256(_mm256_castps_si256(v), 4 * N));
}
__m256 low_last(__m256 v) {  // the last lane of the lower half in the upper one
  return _mm256_permute2f128_ps(_mm256_permute_ps(v, 255), v, 0x08);
}
/// Eight at a time from `first` on, without a prefix.
float fast_by_key(int const* keys, float const* in, float* out, std::size_t first, std::size_t last) {
  std::size_t i = first;
  float sum = i > 0 ? 0 : in[0];
  if (i == 0 && last > 0) out[i++] = sum;
  __m256 carry = _mm256_set1_ps(sum);
  __m256i const seven = _mm256_set1_epi32(7);
  for (; i + 8 <= last; i += 8) {
    __m256i const same = _mm256_cmpeq_epi32(_mm256_loadu_si256(reinterpret_cast<__m256i const*>(keys + i)),
                                            _mm256_loadu_si256(reinterpret_cast<__m256i const*>(keys + i - 1)));
    __m256 v = _mm256_loadu_ps(in + i);
    if (_mm256_movemask_ps(_mm256_castsi256_ps(same)) == 255) {
      v = _mm256_add_ps(v, shifted<1>(v));
      v = _mm256_add_ps(v, shifted<2>(v));
      v = _mm256_add_ps(v, low_last(v));
      _mm256_storeu_ps(out + i, _mm256_add_ps(v, carry));
      carry = _mm256_add_ps(carry, _mm256_permutevar8x32_ps(v, seven));
      continue;
    }
    sum = _mm256_cvtss_f32(carry);
    for (std::size_t k = i; k < i + 8; ++k) out[k] = sum = keys[k] == keys[k - 1] ? sum + in[k] : in[k];
    carry = _mm256_set1_ps(sum);
  }
  sum = _mm256_cvtss_f32(carry);
  for (; i < last; ++i) out[i] = sum = keys[i] == keys[i - 1] ? sum + in[i] : in[i];
  return sum;
}
#else
constexpr auto fast_by_key = serial_by_key;
#endif

/// A part per thread, whose beginning is put right at the end.
void hand_by_key(int const* keys, float const* in, float* out, std::size_t n, int threads) {
  if (threads == 1 || n < 20000) {
    fast_by_key(keys, in, out, 0, n);
    return;
  }
  std::vector<float> sums(static_cast<std::size_t>(threads));
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int t = 0; t < threads; ++t)
    sums[std::size_t(t)] = fast_by_key(keys, in, out, n * std::size_t(t) / std::size_t(threads),
                                       n * std::size_t(t + 1) / std::size_t(threads));
  for (int t = 1; t < threads; ++t)
    for (std::size_t i = n * std::size_t(t) / std::size_t(threads); i < n && keys[i] == keys[i - 1]; ++i)
      out[i] += sums[std::size_t(t) - 1];
}

void copy_all(float const* in, float* out, std::size_t n, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
  for (std::size_t part = 0; part < std::size_t(threads); ++part) {
    std::size_t const a = n * part / std::size_t(threads), b = n * (part + 1) / std::size_t(threads);
    std::memcpy(out + a, in + a, (b - a) * sizeof(float));
  }
}

// --- tasks ----------------------------------------------------------------------------------------------------------

struct run_data {
  std::vector<int> keys;
  std::vector<float> values;
  std::vector<index> offsets;
  run_data(std::size_t n, std::uint32_t mean) : keys(n), values(n) {
    std::uint32_t state = 1;
    auto const next = [&] { return state = state * 1664525u + 1013904223u; };
    for (std::size_t i = 0; i < n; ++i) {
      bool const head = i == 0 || (next() >> 8) % mean == 0;
      keys[i] = i == 0 ? 0 : keys[i - 1] + head;
      values[i] = float(next() >> 8) * 0x1p-24f;
      if (head) offsets.push_back(index(i));
    }
    offsets.push_back(index(n));
  }
};

void by_key(std::size_t n, std::uint32_t mean, int threads) {
  run_data const data(n, mean);
  device const dev = device::cpu(threads);
  array<int> const keys(dev, data.keys);
  array<float> const x(dev, data.values);
  array<index> const offsets(dev, data.offsets);
  array<float> out(dev, n), theirs(dev, n);
  int const* const k = keys.data();
  float const* const v = x.data();
  float* const to = theirs.data();
  std::vector<bench::contestant> peers;
  if (threads == 1) peers.push_back({"serial", [=] { serial_by_key(k, v, to, 0, n); }});
#if defined(PEER_THRUST)
  tbb::global_control const limit(tbb::global_control::max_allowed_parallelism, std::size_t(threads));
  peers.push_back({"thrust", [=] { thrust::inclusive_scan_by_key(thrust::tbb::par, k, k + n, v, to); }});
#endif
  peers.push_back({"limit", [=] { hand_by_key(k, v, to, n, threads); }});
  std::string const runs = " runs of " + std::to_string(mean);
  double const bytes = 12.0 * double(n);
  bench::compare(
      {"by key," + runs, "float", n, threads, bytes}, [&] { out = lockstep::inclusive_scan_by_key(keys, x); }, peers);
  if (mean != 100) return;
  bench::compare({"exclusive by key," + runs, "float", n, threads, bytes},
                 [&] { out = lockstep::exclusive_scan_by_key(keys, x); }, {peers.back()});
  bench::compare({"by key max," + runs, "float", n, threads, bytes},
                 [&] { out = lockstep::inclusive_scan_by_key(keys, x, lockstep::maximum{}); }, {peers.back()});
  bench::compare({"by segment," + runs, "float", n, threads, 8.0 * double(n)},
                 [&] { out = lockstep::inclusive_scan(x, lockstep::segments(offsets)); }, {peers.back()});
}

void back(std::size_t n, int threads) {
  device const dev = device::cpu(threads);
  array<float> const x(dev, run_data(n, 100).values);
  array<float> out(dev, n), theirs(dev, n);
  bench::compare({"backward", "float", n, threads, 8.0 * double(n)},
                 [&] { out = lockstep::inclusive_scan(x, backward{}); },
                 {{"forward", [&] { theirs = lockstep::inclusive_scan(x); }},
                  {"serial",
                   [&] {
                     std::inclusive_scan(std::make_reverse_iterator(x.data() + n), std::make_reverse_iterator(x.data()),
                                         std::make_reverse_iterator(theirs.data() + n));
                   }},
                  {"copy", [&] { copy_all(x.data(), theirs.data(), n, threads); }}});
}

void serial_lines(float const* in, float* out, index rows, index columns, bool down) {
  if (down) {
    for (index j = 0; j < columns; ++j) out[j] = in[j];
    for (index i = columns; i < rows * columns; ++i) out[i] = out[i - columns] + in[i];
  } else {
    for (index i = 0; i < rows; ++i) std::inclusive_scan(in + i * columns, in + (i + 1) * columns, out + i * columns);
  }
}

void lines(index rows, index columns, int threads) {
  auto const n = std::size_t(rows * columns);
  device const dev = device::cpu(threads);
  array<float, 2> const x(dev, shape{rows, columns}, run_data(n, 100).values);
  array<float, 2> out(dev, x.shape()), theirs(dev, x.shape()), copied(dev, x.shape());
  for (bool const down : {true, false}) {
    std::string const name =
        std::to_string(rows) + "x" + std::to_string(columns) + (down ? " along axis 0" : " along axis 1");
    std::vector<bench::contestant> const peers{
        {"serial", [&] { serial_lines(x.data(), theirs.data(), rows, columns, down); }},
        {"our copy", [&] { copied = x * 1.0f; }},
        {"memcpy", [&] { copy_all(x.data(), theirs.data(), n, threads); }}};
    bench::compare(
        {name, "float", n, threads, 8.0 * double(n)}, [&] { out = lockstep::inclusive_scan(x, axis(down ? 0 : 1)); },
        peers);
    bench::compare(
        {name + ", max", "float", n, threads, 8.0 * double(n)},
        [&] { out = lockstep::inclusive_scan(x, axis(down ? 0 : 1), lockstep::maximum{}); }, peers);
  }
}

}  // namespace

int main() {
  for (int const threads : {1, 2}) {
    for (std::size_t const n : {1000, 100'000, 1'000'000, 10'000'000, 30'000'000}) by_key(n, 100, threads);
    for (std::uint32_t const mean : {1, 4, 1'000'000}) by_key(1'000'000, mean, threads);
    for (std::size_t const n : {1000, 100'000, 1'000'000, 10'000'000}) back(n, threads);
    lines(4096, 4096, threads);
    lines(256, 256, threads);
    lines(100'000, 16, threads);
    lines(16, 100'000, threads);
  }
}
