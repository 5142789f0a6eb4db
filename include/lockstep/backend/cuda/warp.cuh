// What the lanes of a warp do together: passing values of any type, and combining them in fixed trees.
#pragma once

#include <cstring>

#include "launch.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

/// Passes a value of any trivially copyable type through a shuffle of 32-bit words.
template <class T, class Shuffle>
__device__ __forceinline__ T shuffle_words(T const& value, Shuffle shuffle) {
  constexpr int words = (sizeof(T) + 3) / 4;
  unsigned raw[words] = {};
  std::memcpy(raw, &value, sizeof(T));
  for (int w = 0; w < words; ++w) raw[w] = shuffle(raw[w]);
  T result;
  std::memcpy(&result, raw, sizeof(T));
  return result;
}

/// The value that the lane `step` above has, within groups of `width` lanes. All lanes of the warp must call it.
template <class T>
__device__ __forceinline__ T shuffle_down(T const& value, int step, int width = warp_lanes) {
  return shuffle_words(value, [=](unsigned word) { return __shfl_down_sync(0xffffffffu, word, step, width); });
}
template <class T>
__device__ __forceinline__ T shuffle_up(T const& value, int step) {
  return shuffle_words(value, [=](unsigned word) { return __shfl_up_sync(0xffffffffu, word, step); });
}
template <class T>
__device__ __forceinline__ T shuffle_from(T const& value, int lane) {
  return shuffle_words(value, [=](unsigned word) { return __shfl_sync(0xffffffffu, word, lane); });
}

/// Ends a branch that shares no code with the other one: compilers would join the ends of both, and what is known in
/// one branch alone (that no place is behind the end) would be lost.
__device__ __forceinline__ void keep_apart() { asm volatile(""); }

/// Combines the first `count` lanes of a group, from left to right, in a tree of neighbors. Lane 0 has the result.
template <class A, class Combine>
__device__ __forceinline__ A combine_neighbors(A value, int lane, index count, int width, Combine combine) {
  for (int step = 1; step < width; step *= 2) {
    A const other = shuffle_down(value, step, width);
    if (lane % (2 * step) == 0 && lane + step < count) value = combine(value, other);
  }
  return value;
}

/// Combines the first `count` lanes of a group: l with l + width / 2, and so on by halves. Lane 0 has the result.
template <class A, class Combine>
__device__ __forceinline__ A combine_halves(A value, int lane, index count, int width, Combine combine) {
  for (int step = width / 2; step > 0; step /= 2) {
    A const other = shuffle_down(value, step, width);
    if (lane < step && lane + step < count) value = combine(value, other);
  }
  return value;
}

/// Combines the first min(count, Width) values at data[0], data[stride], ... in a tree of neighbors. count > 0.
template <int Width, class A, class Combine>
__device__ __forceinline__ A combine_in_thread(A const* data, index stride, index count, Combine combine) {
  if constexpr (Width == 1) {
    return *data;
  } else {
    A all = combine_in_thread<Width / 2>(data, stride, count, combine);
    if (count > Width / 2)
      all = combine(all, combine_in_thread<Width / 2>(data + Width / 2 * stride, stride, count - Width / 2, combine));
    return all;
  }
}

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
