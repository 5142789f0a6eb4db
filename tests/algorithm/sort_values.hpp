// Values to sort, of kinds that are hard in different ways.
#pragma once

#include <algorithm>
#include <type_traits>

#include "support/values.hpp"

namespace lockstep::test {

/// Of one kind: 0 all over the type, 1 few values, 2 one value, 3 ascending, 4 descending, 5 up and down.
template <class T>
std::vector<T> values_of_kind(std::size_t n, int kind) {
  generator random(n + static_cast<std::size_t>(kind));
  std::vector<T> values(n);
  for (std::size_t i = 0; i < n; ++i) {
    double const place = static_cast<double>(kind == 3 ? i : kind == 4 ? n - i : std::min(i, n - i));
    if (kind == 0 && std::is_integral_v<T>)
      values[i] = static_cast<T>(random.next());
    else if (kind == 0)
      values[i] = static_cast<T>(random.between(-1e3, 1e3));
    else if (kind <= 2)
      values[i] = static_cast<T>(kind == 1 ? random.below(5) : 3);
    else
      values[i] = static_cast<T>(std::is_floating_point_v<T> || sizeof(T) > 2 ? place : place / 400);
  }
  return values;
}

}  // namespace lockstep::test
