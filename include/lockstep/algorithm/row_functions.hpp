// What softmax and its relatives compute of a row's elements and of what is known of the row.
#pragma once

#include <limits>

#include "../core/math.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

namespace rows {

/// exp(x) for x <= 0. Below the smallest normal number the result is zero, which takes half the scaling of math::exp.
template <class T>
LOCKSTEP_INLINE T decay(T x) {
#if defined(__CUDA_ARCH__)
  return math::exp(x);
#else
  constexpr T lowest = sizeof(T) == 4 ? T(-87) : T(-708);
  auto const [rest, exponent] = math::detail::split_exp(math::detail::select<T>(x < lowest, lowest, x));
  T const scale = math::detail::power_of_two<T>(exponent);
  return math::detail::select<T>(x < lowest, T(0), math::detail::mad(rest, scale, scale));
#endif
}

struct shifted_exp {
  template <class T>
  LOCKSTEP_INLINE T operator()(T x, T peak) const {
    return decay(x - peak);
  }

  /// Part of a row may be summed by its own peak, and the sum rescaled to the row's.
  static constexpr bool rescales = true;
  /// What such a part subtracts: exp(-infinity - peak) is to be zero even where -infinity is all there is.
  template <class T>
  LOCKSTEP_INLINE static T origin(T peak) {
    constexpr T lowest = std::numeric_limits<T>::lowest();
    return peak < lowest ? lowest : peak;
  }
  template <class T>
  LOCKSTEP_INLINE static T rescale(T from, T to) {
    return decay(from - to);
  }
};
struct reciprocal {
  template <class T>
  LOCKSTEP_INLINE T operator()(T sum, index) const {
    return T(1) / sum;
  }
};
struct logarithm {
  template <class T>
  LOCKSTEP_INLINE T operator()(T sum, index) const {
    return math::log(sum);
  }
};
struct scaled {
  template <class T>
  LOCKSTEP_INLINE T operator()(T x, T, T factor) const {
    return x * factor;
  }
};
struct shifted_twice {
  template <class T>
  LOCKSTEP_INLINE T operator()(T x, T peak, T log_sum) const {
    return (x - peak) - log_sum;
  }
};
struct average {
  template <class T>
  LOCKSTEP_INLINE T operator()(T sum, index n) const {
    return sum / static_cast<T>(n);
  }
};
struct squared_deviation {
  static constexpr bool is_light = true;
  template <class T>
  LOCKSTEP_INLINE T operator()(T x, T mean) const {
    return (x - mean) * (x - mean);
  }
};
template <class T>
struct inverse_deviation {
  T epsilon;
  LOCKSTEP_INLINE T operator()(T squares, index n) const {
    return T(1) / math::sqrt(squares / static_cast<T>(n) + epsilon);
  }
};
struct standardized {
  template <class T>
  LOCKSTEP_INLINE T operator()(T x, T mean, T inverse) const {
    return (x - mean) * inverse;
  }
};

}  // namespace rows

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
