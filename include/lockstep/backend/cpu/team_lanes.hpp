// The lanes that the floating values of a team are reduced in: registers, from the first value to the last.
#pragma once

#include "stream.hpp"
#include "vector_lanes.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

#if !defined(__CUDACC__)
/// Sums, minima or maxima: lane l takes the values l, l + lanes, ..., and lanes are combined in the tree of
/// reduction_order.hpp. A NaN makes the result NaN.
template <class Op, class T>
class team_lanes {
 public:
  static constexpr int size = static_cast<int>(wide_vector_bytes / sizeof(T));  ///< values of a vector
  static constexpr int number = static_cast<int>(lanes) / size;                 ///< vectors that hold all lanes
  static constexpr T identity = vector_operation<Op, T>::identity;

  LOCKSTEP_INLINE team_lanes() {
    LOCKSTEP_UNROLL
    for (int k = 0; k < number; ++k) lane_[k] = identity - vector{}, nan_[k] = vector{};
  }
  /// Adds a vector of values to the k-th vector of lanes.
  LOCKSTEP_INLINE void take(int k, T const* values) {
    vector v;
    __builtin_memcpy(&v, values, sizeof v);
    asm("" : "+x"(v));  // a product is rounded before it is added, whatever the vectors' size
    lane_[k] = operation::combine(lane_[k], v);
    if constexpr (operation::picks) nan_[k] = v != v ? v : nan_[k];
  }
  LOCKSTEP_INLINE T total() {
    LOCKSTEP_UNROLL
    for (int half = number / 2; half > 0; half /= 2)
      for (int k = 0; k < half; ++k) {
        lane_[k] = operation::combine(lane_[k], lane_[k + half]);
        if constexpr (operation::picks) nan_[k] += nan_[k + half];
      }
    T const found = fold_vector<Op, T>(lane_[0]);
    if constexpr (!operation::picks) return found;
    T const lost = fold_vector<plus, T>(nan_[0]);
    return lost != lost ? lost : found;
  }

 private:
  using operation = vector_operation<Op, T>;
  typedef T vector __attribute__((vector_size(wide_vector_bytes)));

  vector lane_[number], nan_[number];
};
#endif

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
