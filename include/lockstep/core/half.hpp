// half and bfloat16: floating types of 16 bits to store values in. Arithmetic is done in float.
#pragma once

#include <type_traits>

#include "../core/config.hpp"

namespace lockstep {

namespace detail {
LOCKSTEP_INLINE std::uint32_t bits_of(float value) {
  std::uint32_t bits;
  __builtin_memcpy(&bits, &value, sizeof bits);
  return bits;
}
LOCKSTEP_INLINE float float_of(std::uint32_t bits) {
  float value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

// Without branches, so that loops over them vectorize: floating operations in the arms of a choice would stay there.
LOCKSTEP_INLINE std::uint32_t choose(bool first, std::uint32_t a, std::uint32_t b) {
  std::uint32_t const mask = 0u - static_cast<std::uint32_t>(first);
  return (a & mask) | (b & ~mask);
}
LOCKSTEP_INLINE float half_to_float(std::uint16_t half) {
  std::uint32_t const rest = half & 0x7fffu, sign = static_cast<std::uint32_t>(half & 0x8000u) << 16;
  std::uint32_t const rebias = 112u << 23;
  std::uint32_t const normal = (rest << 13) + rebias, special = normal + rebias;
  std::uint32_t const tiny = bits_of(static_cast<float>(static_cast<std::int32_t>(rest)) * 0x1p-24f);
  std::uint32_t const found = choose(rest >= 0x7c00u, special, choose(rest >= 0x0400u, normal, tiny));
  return float_of(found | sign);
}
LOCKSTEP_INLINE std::uint16_t float_to_half(float value) {
  std::uint32_t const bits = bits_of(value), rest = bits & 0x7fffffffu;
  std::uint32_t const normal = (rest - (112u << 23) + 0xfffu + ((rest >> 13) & 1u)) >> 13;
  std::uint32_t const tiny = bits_of(float_of(rest) + 0.5f) - bits_of(0.5f);  // the addition rounds
  std::uint32_t const special = rest > 0x7f800000u ? 0x7e00u : 0x7c00u;
  std::uint32_t const found = choose(rest >= 0x47800000u, special, choose(rest >= 0x38800000u, normal, tiny));
  return static_cast<std::uint16_t>(found | ((bits >> 16) & 0x8000u));
}
LOCKSTEP_INLINE std::uint16_t float_to_bfloat16(float value) {
  std::uint32_t const bits = bits_of(value);
  std::uint32_t const rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16, quiet = (bits >> 16) | 0x40u;
  return static_cast<std::uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? quiet : rounded);
}
}  // namespace detail

/// IEEE 754 binary16: 11 significant bits, up to 65504. Conversions from float round to nearest even.
struct half {
  std::uint16_t bits;

  half() = default;
  LOCKSTEP_INLINE half(float value) : bits(detail::float_to_half(value)) {}
  LOCKSTEP_INLINE operator float() const { return detail::half_to_float(bits); }
};

/// The upper half of a float: 8 significant bits, the range of float. Conversions from float round to nearest even.
struct bfloat16 {
  std::uint16_t bits;

  bfloat16() = default;
  LOCKSTEP_INLINE bfloat16(float value) : bits(detail::float_to_bfloat16(value)) {}
  LOCKSTEP_INLINE operator float() const { return detail::float_of(static_cast<std::uint32_t>(bits) << 16); }
};

/// Types that values are stored in only: expressions compute with them as floats.
template <class T>
inline constexpr bool is_storage_float = std::is_same_v<T, half> || std::is_same_v<T, bfloat16>;

}  // namespace lockstep
