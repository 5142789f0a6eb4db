// Factories: arrays that begin with a value, a progression, or the elements of another one.
#pragma once

#include "../algorithm/map.hpp"
#include "../expression/functions.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// An array of `value` everywhere.
template <class T, std::size_t Rank>
array<T, Rank> full(device const& where, shape<Rank> const& extents, T value) {
  array<T, Rank> result(where, extents);
  result = value;
  return result;
}
/// An array of n times `value`.
template <class T>
array<T, 1> full(device const& where, std::size_t n, T value) {
  return full<T>(where, shape<1>(n), value);
}
template <class T, std::size_t Rank>
array<T, Rank> zeros(device const& where, shape<Rank> const& extents) {
  return full<T>(where, extents, T(0));
}
template <class T>
array<T, 1> zeros(device const& where, std::size_t n) {
  return full<T>(where, shape<1>(n), T(0));
}
template <class T, std::size_t Rank>
array<T, Rank> ones(device const& where, shape<Rank> const& extents) {
  return full<T>(where, extents, T(1));
}
template <class T>
array<T, 1> ones(device const& where, std::size_t n) {
  return full<T>(where, shape<1>(n), T(1));
}

/// first, first + step, ...: n values.
template <class T>
array<T, 1> arange(device const& where, std::size_t n, T first = T(0), T step = T(1)) {
  array<T, 1> result(where, shape<1>(n));
  result = first + step * cast<T>(indices(result.shape()));
  return result;
}
/// n values from `first` to `last`, both included exactly, evenly spaced.
template <std::floating_point T>
array<T, 1> linspace(device const& where, std::size_t n, T first, T last) {
  T const step = n > 1 ? (last - first) / static_cast<T>(n - 1) : T(0);
  array<T, 1> result(where, shape<1>(n));
  auto const at = indices(result.shape());
  result = lockstep::where(at + 1 == static_cast<index>(n) && at > 0, last, first + step * cast<T>(at));
  return result;
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
