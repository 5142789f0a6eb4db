// The peers that run any loop: a plain serial one, OpenMP, the standard library's parallel algorithms and Thrust on
// TBB, given what to do with one element or one row. Those without threads run on one thread and where a task is small,
// those with threads on several.
#pragma once

#include <execution>
#include <functional>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include <tbb/task_arena.h>

#include "compare.hpp"
#if defined(PEER_THRUST)
#include <thrust/execution_policy.h>
#include <thrust/for_each.h>
#include <thrust/iterator/counting_iterator.h>
#include <thrust/system/cpp/execution_policy.h>
#include <thrust/system/tbb/execution_policy.h>
#include <thrust/tabulate.h>
#include <thrust/transform_reduce.h>
#endif

namespace bench {

using contestants = std::vector<contestant>;

/// Whether a peer without threads takes part.
inline bool takes_serial(std::size_t n, int threads) { return threads == 1 || n <= 100000; }

/// Runs with so many of TBB's threads.
template <class F>
auto with_threads(int threads, F f) {
  auto const arena = std::make_shared<tbb::task_arena>(threads);
  return [=] { arena->execute(f); };
}

/// out[i] = f(i) for every i below n.
template <class T, class F>
void add_map_peers(contestants& peers, T* out, std::size_t n, int threads, F f) {
  if (takes_serial(n, threads)) {
    peers.push_back({"serial", [=] {
                       for (std::size_t i = 0; i < n; ++i) out[i] = f(i);
                       keep(out);
                     }});
  }
  if (threads > 1) {
    peers.push_back({"stdpar", with_threads(threads, [=] {
                       std::for_each(std::execution::par_unseq, out, out + n,
                                     [=](T& v) { v = f(static_cast<std::size_t>(&v - out)); });
                     })});
#if defined(PEER_THRUST)
    peers.push_back({"thrust", with_threads(threads, [=] { thrust::tabulate(thrust::tbb::par, out, out + n, f); })});
#endif
  }
#if defined(PEER_OPENMP)
  peers.push_back({"omp", [=] {
#pragma omp parallel for simd num_threads(threads) schedule(static)
                     for (std::size_t i = 0; i < n; ++i) out[i] = f(i);
                   }});
#endif
}

/// The sum of f(i) over all i below n; `first` is where memory begins that the standard library iterates over.
template <class T, class F>
void add_sum_peers(contestants& peers, T const* first, std::size_t n, int threads, F f) {
  if (takes_serial(n, threads)) {
    peers.push_back({"serial", [=] {
                       T sum = 0;
                       for (std::size_t i = 0; i < n; ++i) sum += f(i);
                       keep(sum);
                     }});
  }
  if (threads > 1) {
    peers.push_back({"stdpar", with_threads(threads, [=] {
                       keep(std::transform_reduce(std::execution::par_unseq, first, first + n, T(0), std::plus<>{},
                                                  [=](T const& v) { return f(static_cast<std::size_t>(&v - first)); }));
                     })});
#if defined(PEER_THRUST)
    peers.push_back({"thrust", with_threads(threads, [=] {
                       thrust::counting_iterator<std::size_t> const begin(0);
                       keep(thrust::transform_reduce(thrust::tbb::par, begin, begin + static_cast<long>(n), f, T(0),
                                                     std::plus<T>{}));
                     })});
#endif
  }
#if defined(PEER_OPENMP)
  peers.push_back({"omp", [=] {
                     T sum = 0;
#pragma omp parallel for simd num_threads(threads) schedule(static) reduction(+ : sum)
                     for (std::size_t i = 0; i < n; ++i) sum += f(i);
                     keep(sum);
                   }});
#endif
}

/// f(r) for every row below `rows`.
template <class F>
void add_row_peers(contestants& peers, std::size_t rows, int threads, F f) {
  if (threads == 1 || rows <= 1000)
    peers.push_back({"serial", [=] {
                       for (std::size_t r = 0; r < rows; ++r) f(r);
                     }});
  if (threads == 1) return;
#if defined(PEER_OPENMP)
  peers.push_back({"omp", [=] {
#pragma omp parallel for num_threads(threads) schedule(static)
                     for (std::size_t r = 0; r < rows; ++r) f(r);
                   }});
#endif
#if defined(PEER_THRUST)
  peers.push_back({"thrust", with_threads(threads, [=] {
                     thrust::counting_iterator<std::size_t> const begin(0);
                     thrust::for_each(thrust::tbb::par, begin, begin + static_cast<long>(rows), f);
                   })});
#endif
  std::vector<std::size_t> numbers(rows);
  std::iota(numbers.begin(), numbers.end(), std::size_t{0});
  peers.push_back({"stdpar", with_threads(threads, [=] {
                     std::for_each(std::execution::par_unseq, numbers.begin(), numbers.end(), f);
                   })});
}

}  // namespace bench
