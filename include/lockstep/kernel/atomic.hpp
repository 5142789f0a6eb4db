// Atomic updates of elements that several calls of a kernel write: the value before is returned. Relaxed order: they
// order nothing else. Sums of floating numbers depend on the order, so their last bits differ from run to run.
#pragma once

#include <type_traits>

#include "../core/config.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// Replaces x by f(x), whatever others do to it meanwhile. T has 4 or 8 bytes. Gives the value before.
template <class T, class F>
LOCKSTEP_FN T atomic_update(T& x, F f) {
  static_assert(std::is_trivially_copyable_v<T> && (sizeof(T) == 4 || sizeof(T) == 8),
                "atomic_update: T must be trivially copyable and have 4 or 8 bytes");
  using word = std::conditional_t<sizeof(T) == 4, unsigned, unsigned long long>;
  auto* const place = reinterpret_cast<word*>(&x);
  auto const as_word = [](T const& value) {
    word w;
    __builtin_memcpy(&w, &value, sizeof(T));
    return w;
  };
  auto const as_value = [](word w) {
    T value;
    __builtin_memcpy(&value, &w, sizeof(T));
    return value;
  };
#if defined(__CUDA_ARCH__)
  word before = *reinterpret_cast<word const volatile*>(place);
  for (word assumed = ~before; assumed != before;) {
    assumed = before;
    before = atomicCAS(place, assumed, as_word(f(as_value(assumed))));
  }
#else
  word before = __atomic_load_n(place, __ATOMIC_RELAXED);
  while (!__atomic_compare_exchange_n(place, &before, as_word(f(as_value(before))), true, __ATOMIC_RELAXED,
                                      __ATOMIC_RELAXED)) {
  }
#endif
  return as_value(before);
}

/// x += value.
template <class T>
LOCKSTEP_FN T atomic_add(T& x, std::type_identity_t<T> value) {
#if defined(__CUDA_ARCH__)
  if constexpr (std::is_same_v<T, int> || std::is_same_v<T, unsigned> || std::is_floating_point_v<T>)
    return atomicAdd(&x, value);
  else if constexpr (std::is_integral_v<T> && sizeof(T) == 8)
    return static_cast<T>(atomicAdd(reinterpret_cast<unsigned long long*>(&x), static_cast<unsigned long long>(value)));
  else
    return atomic_update(x, [=](T before) { return static_cast<T>(before + value); });
#else
  if constexpr (std::is_integral_v<T>)
    return __atomic_fetch_add(&x, value, __ATOMIC_RELAXED);
  else
    return atomic_update(x, [=](T before) { return static_cast<T>(before + value); });
#endif
}
/// x = min(x, value).
template <class T>
LOCKSTEP_FN T atomic_min(T& x, std::type_identity_t<T> value) {
  return atomic_update(x, [=](T before) { return value < before ? value : before; });
}
/// x = max(x, value).
template <class T>
LOCKSTEP_FN T atomic_max(T& x, std::type_identity_t<T> value) {
  return atomic_update(x, [=](T before) { return before < value ? value : before; });
}
/// x = value.
template <class T>
LOCKSTEP_FN T atomic_exchange(T& x, std::type_identity_t<T> value) {
  return atomic_update(x, [=](T) { return value; });
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
