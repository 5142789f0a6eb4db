// Operators on expressions: element-wise, broadcast by NumPy's rule, with scalars of the expression's own kind.
#pragma once

#include "../core/function_objects.hpp"
#include "elementwise.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

template <class A, class B>
requires operands_of_elementwise<A, B>
auto operator+(A&& a, B&& b) { return apply_elementwise(plus{}, std::forward<A>(a), std::forward<B>(b)); }

template <class A, class B>
requires operands_of_elementwise<A, B>
auto operator-(A&& a, B&& b) { return apply_elementwise(minus{}, std::forward<A>(a), std::forward<B>(b)); }

template <class A, class B>
requires operands_of_elementwise<A, B>
auto operator*(A&& a, B&& b) { return apply_elementwise(multiplies{}, std::forward<A>(a), std::forward<B>(b)); }

template <class A, class B>
requires operands_of_elementwise<A, B>
auto operator/(A&& a, B&& b) { return apply_elementwise(divides{}, std::forward<A>(a), std::forward<B>(b)); }

template <class A, class B>
requires operands_of_elementwise<A, B>
auto operator%(A&& a, B&& b) { return apply_elementwise(modulus{}, std::forward<A>(a), std::forward<B>(b)); }

template <class A, class B>
requires operands_of_elementwise<A, B>
auto operator==(A&& a, B&& b) { return apply_elementwise(equal_to{}, std::forward<A>(a), std::forward<B>(b)); }

template <class A, class B>
requires operands_of_elementwise<A, B>
auto operator!=(A&& a, B&& b) { return apply_elementwise(not_equal_to{}, std::forward<A>(a), std::forward<B>(b)); }

template <class A, class B>
requires operands_of_elementwise<A, B>
auto operator<(A&& a, B&& b) { return apply_elementwise(less{}, std::forward<A>(a), std::forward<B>(b)); }

template <class A, class B>
requires operands_of_elementwise<A, B>
auto operator<=(A&& a, B&& b) { return apply_elementwise(less_equal{}, std::forward<A>(a), std::forward<B>(b)); }

template <class A, class B>
requires operands_of_elementwise<A, B>
auto operator>(A&& a, B&& b) { return apply_elementwise(greater{}, std::forward<A>(a), std::forward<B>(b)); }

template <class A, class B>
requires operands_of_elementwise<A, B>
auto operator>=(A&& a, B&& b) { return apply_elementwise(greater_equal{}, std::forward<A>(a), std::forward<B>(b)); }

template <class A, class B>
requires operands_of_elementwise<A, B>
auto operator&(A&& a, B&& b) { return apply_elementwise(bit_and{}, std::forward<A>(a), std::forward<B>(b)); }

template <class A, class B>
requires operands_of_elementwise<A, B>
auto operator|(A&& a, B&& b) { return apply_elementwise(bit_or{}, std::forward<A>(a), std::forward<B>(b)); }

template <class A, class B>
requires operands_of_elementwise<A, B>
auto operator^(A&& a, B&& b) { return apply_elementwise(bit_xor{}, std::forward<A>(a), std::forward<B>(b)); }

/// `&&` and `||` are element-wise when an operand has a rank above 0; rank-0 expressions convert to their value
/// instead.
template <class... Es>
concept has_axes = operands_of_elementwise<Es...> &&((rank_v<Es> > 0) || ...);

template <class A, class B>
requires has_axes<A, B>
auto operator&&(A&& a, B&& b) { return apply_elementwise(logical_and{}, std::forward<A>(a), std::forward<B>(b)); }

template <class A, class B>
requires has_axes<A, B>
auto operator||(A&& a, B&& b) { return apply_elementwise(logical_or{}, std::forward<A>(a), std::forward<B>(b)); }

template <class A>
requires expression<A>
auto operator-(A&& a) { return apply_elementwise(negate{}, std::forward<A>(a)); }

template <class A>
requires expression<A>
auto operator~(A&& a) { return apply_elementwise(bit_not{}, std::forward<A>(a)); }

template <class A>
requires has_axes<A>
auto operator!(A&& a) { return apply_elementwise(logical_not{}, std::forward<A>(a)); }

/// Something that can be assigned to: an array or a window.
template <class T>
struct is_assignable_target : is_array<T> {};
template <class T, std::size_t Rank, layout Layout>
struct is_assignable_target<window<T, Rank, Layout>> : std::bool_constant<!std::is_const_v<T>> {};
template <class T>
concept assignable_target = is_assignable_target<std::remove_cvref_t<T>>::value;

template <assignable_target X, operand E>
X&& operator+=(X&& x, E const& e) {
  x = x + e;
  return std::forward<X>(x);
}

template <assignable_target X, operand E>
X&& operator-=(X&& x, E const& e) {
  x = x - e;
  return std::forward<X>(x);
}

template <assignable_target X, operand E>
X&& operator*=(X&& x, E const& e) {
  x = x * e;
  return std::forward<X>(x);
}

template <assignable_target X, operand E>
X&& operator/=(X&& x, E const& e) {
  x = x / e;
  return std::forward<X>(x);
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
