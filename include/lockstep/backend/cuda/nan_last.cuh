// Floating keys of which CUB's radix sort puts every NaN last. By their bits alone, as CUB takes float and double, NaNs
// with a sign come first; these keys tell CUB the order as it reads them, which needs no pass of its own.
#pragma once

#include <cub/util_type.cuh>
#include <type_traits>

#include "../../core/config.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

/// CUB's sorts of short segments compare keys, those of long ones take their bits: < ascending, > descending.
template <class T, bool Descending>
struct nan_last {
  T value;

  LOCKSTEP_INLINE bool is_nan() const { return value != value; }
  LOCKSTEP_INLINE friend bool operator<(nan_last const& a, nan_last const& b) {
    return a.value < b.value || (b.is_nan() && !a.is_nan());
  }
  LOCKSTEP_INLINE friend bool operator>(nan_last const& a, nan_last const& b) {
    return a.value > b.value || (b.is_nan() && !a.is_nan());
  }
  LOCKSTEP_INLINE friend bool operator==(nan_last const& a, nan_last const& b) {
    return a.value == b.value || (a.is_nan() && b.is_nan());
  }
};

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep

/// So that CUB sorts zeros of both signs as equal.
template <class T, bool Descending>
inline constexpr bool cuda::is_floating_point_v<lockstep::cuda::nan_last<T, Descending>> = true;

/// As for T itself, but for NaNs, which all become one.
template <class T, bool Descending>
struct cub::NumericTraits<lockstep::cuda::nan_last<T, Descending>> {
  using UnsignedBits = std::conditional_t<sizeof(T) == 4, unsigned, unsigned long long>;
  static constexpr bool is_primitive = true;
  static constexpr UnsignedBits HIGH_BIT = UnsignedBits{1} << (sizeof(T) * 8 - 1);
  static constexpr UnsignedBits LOWEST_KEY = ~UnsignedBits{0}, MAX_KEY = LOWEST_KEY ^ HIGH_BIT;
  static constexpr UnsignedBits infinity = sizeof(T) == 4 ? UnsignedBits{0x7f800000} : UnsignedBits{0x7ff} << 20 << 32;

  LOCKSTEP_INLINE static UnsignedBits TwiddleIn(UnsignedBits key) {
    if ((key & ~HIGH_BIT) > infinity) key = Descending ? LOWEST_KEY : MAX_KEY;
    return key ^ (key & HIGH_BIT ? LOWEST_KEY : HIGH_BIT);
  }
  LOCKSTEP_INLINE static UnsignedBits TwiddleOut(UnsignedBits key) {
    return key ^ (key & HIGH_BIT ? HIGH_BIT : LOWEST_KEY);
  }
};
