// Distributions: how the words of one Philox counter become values. They know nothing of where they run.
//
// A distribution has: value_type; values_per_counter (4 for values of one word, 2 for values of two); and operator()
// (words, k), value k of a counter, which never branches, so that loops over it vectorize.
#pragma once

#include "../core/math.hpp"
#include "../core/philox.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace random {

/// Word k of four, without a table in memory.
LOCKSTEP_INLINE std::uint32_t word(philox_words const& w, int k) {
  std::uint32_t const low = k & 1 ? w[1] : w[0], high = k & 1 ? w[3] : w[2];
  return k & 2 ? high : low;
}

/// Words per value: one where 32 bits hold all that T can tell apart.
template <class T>
inline constexpr int values_per_counter_of = sizeof(T) <= 4 ? 4 : 2;

/// Evenly spread over [low, high): of float 2^24, of double 2^53 steps.
template <class T>
struct uniform_real {
  static constexpr char const* name = "random::uniform";
  static constexpr int values_per_counter = values_per_counter_of<T>;
  using value_type = T;
  T low, width;

  LOCKSTEP_INLINE T operator()(philox_words const& w, int k) const {
    if constexpr (values_per_counter == 4) {
      return low + width * (static_cast<T>(static_cast<std::int32_t>(word(w, k) >> 8)) * T(0x1p-24));
    } else {
      std::uint64_t const bits = (static_cast<std::uint64_t>(word(w, 2 * k + 1)) << 32 | word(w, 2 * k)) >> 11;
      return low + width * (static_cast<T>(static_cast<std::int64_t>(bits)) * T(0x1p-53));
    }
  }
};

/// Integers of [low, low + count), each as probable as the next one to within count / 2^64 (count 0: 2^64).
template <class T>
struct uniform_integer {
  static constexpr char const* name = "random::uniform";
  static constexpr int values_per_counter = 2;
  using value_type = T;
  T low;
  std::uint64_t count;

  LOCKSTEP_INLINE T operator()(philox_words const& w, int k) const {
    std::uint64_t const bottom = word(w, 2 * k), top = word(w, 2 * k + 1);
    std::uint64_t const bits = top << 32 | bottom;
    std::uint64_t const high = count >> 32, rest = count & 0xffffffff;  // the upper half of bits * count
    std::uint64_t const low_low = (bottom * rest) >> 32, middle = top * rest + low_low;
    std::uint64_t const crossed = bottom * high + (middle & 0xffffffff);
    std::uint64_t const drawn = count == 0 ? bits : top * high + (middle >> 32) + (crossed >> 32);
    return static_cast<T>(static_cast<std::uint64_t>(low) + drawn);
  }
};

/// Normal by Box and Muller's transform: two values share two uniform numbers, one as a cosine, one as a sine.
/// Source: Box, Muller, "A note on the generation of random normal deviates", Annals of Mathematical Statistics 1958.
template <class T>
struct normal_real {
  static constexpr char const* name = "random::normal";
  static constexpr int values_per_counter = values_per_counter_of<T>;
  using value_type = T;
  T mean, deviation;

  /// Of half turns.
  LOCKSTEP_INLINE static T sine(T x) {
#if defined(__CUDA_ARCH__)
    return ::sinpi(x);
#else
    return math::detail::sin_half_turns(x);
#endif
  }
  LOCKSTEP_INLINE T operator()(philox_words const& w, int k) const {
    T for_radius, for_angle;  // in (0, 1] and in [0, 1)
    if constexpr (values_per_counter == 4) {
      for_radius = (static_cast<T>(word(w, k & 2)) + T(0.5)) * T(0x1p-32);
      for_angle = static_cast<T>(static_cast<std::int32_t>(word(w, (k & 2) + 1) >> 8)) * T(0x1p-24);
    } else {
      std::uint64_t const a = (static_cast<std::uint64_t>(w[1]) << 32 | w[0]) >> 11;
      std::uint64_t const b = (static_cast<std::uint64_t>(w[3]) << 32 | w[2]) >> 11;
      for_radius = (static_cast<T>(static_cast<std::int64_t>(a)) + T(0.5)) * T(0x1p-53);
      for_angle = static_cast<T>(static_cast<std::int64_t>(b)) * T(0x1p-53);
    }
    T const radius = math::sqrt(T(-2) * math::log(for_radius));
    return mean + deviation * radius * sine(2 * for_angle + (k & 1 ? T(0) : T(0.5)));
  }
};

/// True with a given probability, a multiple of 2^-32.
struct coin {
  static constexpr char const* name = "random::bernoulli";
  static constexpr int values_per_counter = 4;
  using value_type = bool;
  std::uint64_t below;  ///< the probability times 2^32

  LOCKSTEP_INLINE bool operator()(philox_words const& w, int k) const { return word(w, k) < below; }
};

}  // namespace random
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
