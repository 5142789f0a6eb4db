// A team of a custom kernel on a GPU: a block of threads, whose members call every function together.
#pragma once

#include "../../kernel/collectives.hpp"
#include "warp.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

inline constexpr int most_warps = 32;  // of a block

/// Memory of a block for values of any type, one per warp.
template <class T>
__device__ __forceinline__ T* warp_values() {
  __shared__ alignas(16) unsigned char memory[most_warps * sizeof(T)];
  return reinterpret_cast<T*>(memory);
}

/// See docs/kernels.md. Every member is for all threads of the team to call together, and ends with a barrier.
template <class... Shared>
class team {
 public:
  LOCKSTEP_INLINE team(lockstep::index count, unsigned char* memory, shared_layout<Shared...> const& layout)
      : count_(count), memory_(memory), layout_(layout) {}

  __device__ __forceinline__ lockstep::index index() const { return blockIdx.x; }
  __device__ __forceinline__ lockstep::index count() const { return count_; }
  __device__ __forceinline__ int rank() const { return static_cast<int>(threadIdx.x); }
  __device__ __forceinline__ int size() const { return static_cast<int>(blockDim.x); }
  __device__ __forceinline__ void barrier() const { __syncthreads(); }

  template <class T>
  __device__ __forceinline__ auto shared() const {
    if constexpr (std::is_array_v<T>) {
      __shared__ alignas(16) unsigned char memory[sizeof(T)];
      return shared_array<std::remove_extent_t<T>>{reinterpret_cast<std::remove_extent_t<T>*>(memory),
                                                   static_cast<lockstep::index>(std::extent_v<T>)};
    } else {
      constexpr std::size_t k = shared_layout<Shared...>::template place<T>();
      return shared_array<T>{reinterpret_cast<T*>(memory_ + layout_.offsets[k]), layout_.sizes[k]};
    }
  }

  template <class F>
  __device__ __forceinline__ void for_each(lockstep::index n, F f) const {
    for (lockstep::index j = threadIdx.x; j < n; j += blockDim.x) f(j);
    barrier();
  }

  template <class T, class F>
  requires(!std::is_const_v<T>) __device__ __forceinline__ void store(view<T> to, F f) const {
    for_each(to.extent(0), [&](lockstep::index j) { to[j] = f(j); });
  }

  template <class Op, class F>
  __device__ __forceinline__ auto reduce(lockstep::index n, Op op, F f) const {
    using T = std::remove_cvref_t<decltype(f(lockstep::index{}))>;
    T value = neutral_value<Op, T>();
    lockstep::index const first = threadIdx.x;
    if (first < n) value = f(first);
    for (lockstep::index j = first + blockDim.x; j < n; j += blockDim.x) value = op(value, f(j));
    return combined(value, n < size() ? static_cast<int>(n) : size(), op);
  }

  template <class T, class Op, class F, class Write>
  __device__ __forceinline__ T exclusive_scan(lockstep::index n, T initial, Op op, F f, Write write) const {
    T before = initial;  // of the block of elements that is scanned
    for (lockstep::index begin = 0; begin < n; begin += blockDim.x) {
      lockstep::index const j = begin + threadIdx.x;
      prefix<T> const found = scanned<T>(begin, n, op, f);
      if (j < n) write(j, found.any_before ? static_cast<T>(op(before, found.exclusive)) : before);
      before = op(before, found.all);
      barrier();
    }
    return before;
  }
  template <class Op, class F, class Write>
  __device__ __forceinline__ void inclusive_scan(lockstep::index n, Op op, F f, Write write) const {
    using T = std::remove_cvref_t<decltype(f(lockstep::index{}))>;
    T before{};
    for (lockstep::index begin = 0; begin < n; begin += blockDim.x) {
      lockstep::index const j = begin + threadIdx.x;
      prefix<T> const found = scanned<T>(begin, n, op, f);
      if (j < n) write(j, begin == 0 ? found.inclusive : static_cast<T>(op(before, found.inclusive)));
      before = begin == 0 ? found.all : static_cast<T>(op(before, found.all));
      barrier();
    }
  }

  /// Merge exchange (Knuth, The Art of Computer Programming 3, 5.2.2, algorithm M): any n, a barrier per round.
  template <class Range, class Less = less>
  __device__ __forceinline__ void sort(Range const& range, lockstep::index n, Less before = {}) const {
    lockstep::index top = 1;
    while (2 * top < n) top *= 2;
    for (lockstep::index p = n > 1 ? top : 0; p > 0; p /= 2) {
      lockstep::index q = top, r = 0, d = p;
      for (bool more = true; more;) {
        barrier();
        for (lockstep::index i = threadIdx.x; i < n - d; i += blockDim.x)
          if ((i & p) == r && before(range[i + d], range[i])) {
            auto const larger = range[i];
            range[i] = range[i + d];
            range[i + d] = larger;
          }
        more = q != p;
        d = q - p;
        q /= 2;
        r = p;
      }
    }
    barrier();
  }

 private:
  template <class T>
  struct prefix {
    T inclusive, exclusive, all;
    bool any_before;  ///< exclusive holds a value
  };

  // Teams are whole warps, so every lane takes part in shuffles.
  __device__ __forceinline__ int lane() const { return static_cast<int>(threadIdx.x) % warp_lanes; }
  __device__ __forceinline__ int warp() const { return static_cast<int>(threadIdx.x) / warp_lanes; }

  /// The combination of the first `used` threads' values; every thread gets it.
  template <class T, class Op>
  __device__ __forceinline__ T combined(T value, int used, Op op) const {
    T* const values = warp_values<T>();
    int const here = used - warp() * warp_lanes;
    auto const combine = [&](T const& a, T const& b) { return static_cast<T>(op(a, b)); };
    value = combine_halves(value, lane(), here, warp_lanes, combine);
    if (lane() == 0) values[warp()] = value;
    barrier();
    int const warps = (used + warp_lanes - 1) / warp_lanes;
    T all = values[0];
    for (int w = 1; w < warps; ++w) all = op(all, values[w]);
    barrier();
    return all;
  }

  /// The scan of f(begin), f(begin + 1), ..., one value per thread, as far as there are any below n.
  template <class T, class Op, class F>
  __device__ __forceinline__ prefix<T> scanned(lockstep::index begin, lockstep::index n, Op op, F& f) const {
    T* const values = warp_values<T>();
    int const used = n - begin < size() ? static_cast<int>(n - begin) : size(), thread = rank();
    T value{};
    if (thread < used) value = f(begin + thread);
    for (int step = 1; step < warp_lanes; step *= 2) {
      T const other = shuffle_up(value, step);
      if (lane() >= step) value = op(other, value);
    }
    prefix<T> found{value, shuffle_up(value, 1), {}, thread > 0};
    if (thread < used && (lane() == warp_lanes - 1 || thread == used - 1)) values[warp()] = value;
    barrier();
    int const warps = (used + warp_lanes - 1) / warp_lanes;
    T all = values[0];
    for (int w = 1; w < warps; ++w) {
      if (w == warp()) {
        found.inclusive = op(all, value);
        found.exclusive = lane() == 0 ? all : static_cast<T>(op(all, found.exclusive));
      }
      all = op(all, values[w]);
    }
    found.all = all;
    barrier();
    return found;
  }

  lockstep::index count_;
  unsigned char* memory_;
  shared_layout<Shared...> const& layout_;
};

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
