// Orders as sorts use them, on every device: which comparison a natural order stands for.
#pragma once

#include <type_traits>

#include "../core/function_objects.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

template <class Order>
inline constexpr bool is_descending = std::is_same_v<Order, greater>;
/// True when sorts know the order of T: numbers by < or >.
template <class T, class Order>
inline constexpr bool natural_order = std::is_arithmetic_v<T> && sizeof(T) <= 8 &&
                                      (std::is_same_v<Order, less> || std::is_same_v<Order, greater>);

/// The comparison that an order stands for: the order itself, except that NaNs come last in natural ones.
template <class T, class Order>
struct comparison {
  Order order;
  LOCKSTEP_INLINE bool operator()(T const& a, T const& b) const {
    if constexpr (natural_order<T, Order> && std::is_floating_point_v<T>)
      return static_cast<bool>(order(a, b)) | ((b != b) & (a == a));
    else
      return static_cast<bool>(order(a, b));
  }
};

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
