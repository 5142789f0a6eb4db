// Numbers as sorts use them: signed integers, as wide as a value, that lie in the same order as the values do.
#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>

#include "../../algorithm/sort_order.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

template <std::size_t Bytes>
using signed_of = std::conditional_t<
    Bytes == 8, std::int64_t,
    std::conditional_t<Bytes == 4, std::int32_t, std::conditional_t<Bytes == 2, std::int16_t, std::int8_t>>>;

/// The same memory, from now on read and written as another type: the compiler moves no access across this.
template <class To, class From>
To* seen_as(From* values) {
  To* seen = reinterpret_cast<To*>(values);
  asm volatile("" : "+r"(seen) : : "memory");
  return seen;
}

/// Values of T as keys: signed integers of the same size, ascending as the values go up, or down. Keys of floating
/// values order all bit patterns: -NaN, -inf, ..., -0, 0, ..., inf, NaN. Works on numbers and vectors of them alike.
template <class T, bool Descending>
struct key_codec {
  using key = signed_of<sizeof(T)>;
  static constexpr key lowest = std::numeric_limits<key>::min();
  static constexpr bool identity = std::is_integral_v<T> && std::is_signed_v<T> && !Descending;

  template <class X>
  [[gnu::always_inline]] static X encode(X bits) {
    X const ascending = flip(bits);
    return Descending ? ~ascending : ascending;
  }
  template <class X>
  [[gnu::always_inline]] static X decode(X k) {
    return flip(Descending ? ~k : k);
  }

 private:
  template <class X>
  [[gnu::always_inline]] static X flip(X bits) {
    if constexpr (std::is_floating_point_v<T>)
      return bits ^ ((bits >> static_cast<int>(sizeof(T) * 8 - 1)) & std::numeric_limits<key>::max());
    else if constexpr (std::is_signed_v<T>)
      return bits;
    else
      return bits ^ lowest;
  }
};

/// Keys that are keys already.
template <class K>
struct plain_codec {
  using key = K;
  static constexpr bool identity = true;
  template <class X>
  [[gnu::always_inline]] static X encode(X k) {
    return k;
  }
  template <class X>
  [[gnu::always_inline]] static X decode(X k) {
    return k;
  }
};

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
