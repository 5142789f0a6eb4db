// Sorting, ordering and selecting beside vqsort, std::, Thrust and OpenMP. Every contestant first restores its input.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <execution>
#include <lockstep/algorithm/search.hpp>
#include <lockstep/algorithm/sort.hpp>
#include <lockstep/algorithm/top_k.hpp>
#include <lockstep/lockstep.hpp>
#include <numeric>
#include <random>

#include "compare.hpp"

#if defined(PEER_HIGHWAY)
#include <hwy/contrib/sort/vqsort.h>
#endif
#if defined(PEER_THRUST)
#include <thrust/sort.h>
#include <thrust/system/tbb/execution_policy.h>
#endif

namespace {

using lockstep::array, lockstep::device;
using contestants = std::vector<bench::contestant>;

template <class T>
char const* name_of() {
  return lockstep::type_name<T>();
}
template <class T>
std::vector<T> random_values(std::size_t n) {
  std::mt19937_64 random(1);
  std::vector<T> values(n);
  for (T& v : values)
    v = std::is_integral_v<T> ? static_cast<T>(random())
                              : static_cast<T>(static_cast<double>(random() >> 11) * 0x1p-53);
  return values;
}
template <class T>
void restore(T* to, std::vector<T> const& from) {
  std::memcpy(to, from.data(), from.size() * sizeof(T));
}

template <class T>
void sort_row(std::size_t n, int threads) {
  auto const input = random_values<T>(n);
  auto work = input;
  array<T> x(device::cpu(static_cast<std::size_t>(threads)), input);
  contestants peers;
#if defined(PEER_HIGHWAY)
  hwy::Sorter const sorter;
  peers.push_back({"vqsort T1", [&] { restore(work.data(), input), sorter(work.data(), n, hwy::SortAscending()); }});
#endif
  if (n <= 1000000) {
    peers.push_back({"std", [&] { restore(work.data(), input), std::sort(work.begin(), work.end()); }});
#if defined(PEER_THRUST)
    if (std::is_same_v<T, float> && threads == 2)
      peers.push_back({"thrust tbb",
                       [&] { restore(work.data(), input), thrust::sort(thrust::tbb::par, work.begin(), work.end()); }});
#endif
  }
  bench::compare(
      {"sort", name_of<T>(), n, threads, static_cast<double>(2 * n * sizeof(T))},
      [&] { restore(x.data(), input), lockstep::sort(x); }, peers);
}

struct record {
  int key, value;
};
struct by_key {
  bool operator()(record const& a, record const& b) const { return a.key < b.key; }
};
void stable_row(std::size_t n, int threads) {
  auto const keys = random_values<int>(n);
  std::vector<record> input(n);
  for (std::size_t i = 0; i < n; ++i) input[i] = {keys[i], static_cast<int>(i)};
  auto work = input;
  array<record> x(device::cpu(static_cast<std::size_t>(threads)), input);
  contestants peers{
      {"std", [&] { restore(work.data(), input), std::stable_sort(work.begin(), work.end(), by_key()); }}};
  if (threads == 2) {
    peers.push_back({"par_unseq", [&] {
                       restore(work.data(), input);
                       std::stable_sort(std::execution::par_unseq, work.begin(), work.end(), by_key());
                     }});
#if defined(PEER_THRUST)
    peers.push_back({"thrust tbb", [&] {
                       restore(work.data(), input);
                       thrust::stable_sort(thrust::tbb::par, work.begin(), work.end(), by_key());
                     }});
#endif
  }
  bench::compare(
      {"stable_sort by own order", "record", n, threads, static_cast<double>(2 * n * sizeof(record))},
      [&] { restore(x.data(), input), lockstep::stable_sort(x, by_key()); }, peers);
}

/// Integers in the order of their floats.
[[maybe_unused]] std::uint64_t packed(float key, std::uint32_t value) {
  std::int32_t bits;
  std::memcpy(&bits, &key, 4);
  auto const ordered = static_cast<std::uint32_t>(bits < 0 ? ~bits : bits ^ INT32_MIN);
  return static_cast<std::uint64_t>(ordered) << 32 | value;
}
void argsort_row(std::size_t n, int threads) {
  auto const input = random_values<float>(n);
  std::vector<std::uint64_t> words(n);
  std::vector<std::int64_t> places(n);
  array<float> const x(device::cpu(static_cast<std::size_t>(threads)), input);
  contestants peers;
#if defined(PEER_HIGHWAY)
  hwy::Sorter const sorter;
  peers.push_back({"packed vqsort T1", [&] {
                     for (std::size_t i = 0; i < n; ++i) words[i] = packed(input[i], static_cast<std::uint32_t>(i));
                     sorter(words.data(), n, hwy::SortAscending());
                     for (std::size_t i = 0; i < n; ++i) places[i] = static_cast<std::uint32_t>(words[i]);
                   }});
#endif
  if (n <= 100000)
    peers.push_back({"std", [&] {
                       std::iota(places.begin(), places.end(), 0);
                       std::stable_sort(places.begin(), places.end(), [&](auto a, auto b) {
                         return input[static_cast<std::size_t>(a)] < input[static_cast<std::size_t>(b)];
                       });
                     }});
  bench::compare(
      {"argsort", "float", n, threads, static_cast<double>(12 * n)}, [&] { bench::keep(lockstep::argsort(x)); }, peers);
}
void argsort_wide_row(std::size_t n, int threads) {
  auto const input = random_values<double>(n);
  std::vector<std::int64_t> places(n);
  array<double> const x(device::cpu(static_cast<std::size_t>(threads)), input);
  bench::compare({"argsort", "double", n, threads, static_cast<double>(16 * n)},
                 [&] { bench::keep(lockstep::argsort(x)); },
                 {{"std", [&] {
                     std::iota(places.begin(), places.end(), 0);
                     std::stable_sort(places.begin(), places.end(), [&](auto a, auto b) {
                       return input[static_cast<std::size_t>(a)] < input[static_cast<std::size_t>(b)];
                     });
                   }}});
}
void by_key_row(std::size_t n, int threads) {
  auto const keys = random_values<int>(n);
  std::vector<std::uint32_t> values(n);
  std::iota(values.begin(), values.end(), 0u);
  device const dev = device::cpu(static_cast<std::size_t>(threads));
  array<int> k(dev, keys);
  array<std::uint32_t> v(dev, values);
  contestants peers;
#if defined(PEER_HIGHWAY)
  hwy::Sorter const sorter;
  std::vector<std::uint64_t> words(n);
  std::vector<int> k_out(n);
  std::vector<std::uint32_t> v_out(n);
  peers.push_back({"packed vqsort T1 (not stable)", [&] {
                     restore(k_out.data(), keys), restore(v_out.data(), values);
                     for (std::size_t i = 0; i < n; ++i)
                       words[i] = static_cast<std::uint64_t>(static_cast<std::uint32_t>(k_out[i]) ^ 0x80000000u) << 32 |
                                  v_out[i];
                     sorter(words.data(), n, hwy::SortAscending());
                     for (std::size_t i = 0; i < n; ++i) {
                       k_out[i] = static_cast<int>(static_cast<std::uint32_t>(words[i] >> 32) ^ 0x80000000u);
                       v_out[i] = static_cast<std::uint32_t>(words[i]);
                     }
                   }});
#endif
  bench::compare(
      {"sort_by_key", "int", n, threads, static_cast<double>(16 * n)},
      [&] { restore(k.data(), keys), restore(v.data(), values), lockstep::sort_by_key(k, v); }, peers);
}

void top_k_row(std::size_t n, lockstep::index k, int threads) {
  auto const input = random_values<float>(n);
  array<float> const x(device::cpu(static_cast<std::size_t>(threads)), input);
  std::vector<float> best(static_cast<std::size_t>(k));
  bench::compare(
      {"top_k(" + std::to_string(k) + ")", "float", n, threads, static_cast<double>(4 * n)},
      [&] { bench::keep(lockstep::top_k(x, k)); },
      {{"partial_sort_copy",
        [&] { std::partial_sort_copy(input.begin(), input.end(), best.begin(), best.end(), std::greater<float>()); }},
       {"limit (max)", [&] { bench::keep(float(lockstep::max(x))); }}});
}
void search_row(std::size_t n, int threads) {
  auto const input = random_values<float>(n);
  auto run = input;
  std::sort(run.begin(), run.end());
  device const dev = device::cpu(static_cast<std::size_t>(threads));
  array<float> const sorted(dev, run), values(dev, input);
  std::vector<std::int64_t> found(n);
  bench::compare({"lower_bound of n in n", "float", n, threads, static_cast<double>(16 * n)},
                 [&] { bench::keep(lockstep::lower_bound(sorted, values)); },
                 {{"std", [&] {
                     for (std::size_t i = 0; i < n; ++i)
                       found[i] = std::lower_bound(run.begin(), run.end(), input[i]) - run.begin();
                   }}});
}

}  // namespace

int main() {
  for (int threads : {1, 2}) {
    for (std::size_t n : {1000, 100000, 1000000, 10000000}) {
      sort_row<float>(n, threads);
      sort_row<int>(n, threads);
      sort_row<std::int64_t>(n, threads);
      argsort_row(n, threads);
      by_key_row(n, threads);
      if (n <= 1000000) {
        argsort_wide_row(n, threads);
        stable_row(n, threads);
        search_row(n, threads);
      }
    }
    top_k_row(1000000, 100, threads);
    top_k_row(30000000, 100, threads);
  }
}
