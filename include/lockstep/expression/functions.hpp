// Functions on expressions, named as in <cmath>, and where, cast and map.
#pragma once

#include "../core/math.hpp"
#include "../core/user_sqrt.hpp"
#include "device_function.hpp"
#include "operators.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

// Each function is an object, which kernels call, and a template, which argument-dependent lookup finds.
namespace functions {

LOCKSTEP_FUNCTION(sqrt, (x), math::sqrt(x));
LOCKSTEP_FUNCTION(rsqrt, (x), math::rsqrt(x));
LOCKSTEP_FUNCTION(cbrt, (x), math::cbrt(x));
LOCKSTEP_FUNCTION(exp, (x), math::exp(x));
LOCKSTEP_FUNCTION(exp2, (x), math::exp2(x));
LOCKSTEP_FUNCTION(expm1, (x), math::expm1(x));
LOCKSTEP_FUNCTION(log, (x), math::log(x));
LOCKSTEP_FUNCTION(log2, (x), math::log2(x));
LOCKSTEP_FUNCTION(log10, (x), math::log10(x));
LOCKSTEP_FUNCTION(log1p, (x), math::log1p(x));
LOCKSTEP_FUNCTION(tan, (x), math::tan(x));
LOCKSTEP_FUNCTION(asin, (x), math::asin(x));
LOCKSTEP_FUNCTION(acos, (x), math::acos(x));
LOCKSTEP_FUNCTION(atan, (x), math::atan(x));
LOCKSTEP_FUNCTION(sinh, (x), math::sinh(x));
LOCKSTEP_FUNCTION(cosh, (x), math::cosh(x));
LOCKSTEP_FUNCTION(tanh, (x), math::tanh(x));
LOCKSTEP_FUNCTION(asinh, (x), math::asinh(x));
LOCKSTEP_FUNCTION(acosh, (x), math::acosh(x));
LOCKSTEP_FUNCTION(atanh, (x), math::atanh(x));
LOCKSTEP_FUNCTION(erf, (x), math::erf(x));
LOCKSTEP_FUNCTION(erfc, (x), math::erfc(x));
LOCKSTEP_FUNCTION(tgamma, (x), math::tgamma(x));
LOCKSTEP_FUNCTION(lgamma, (x), math::lgamma(x));
LOCKSTEP_FUNCTION(floor, (x), math::floor(x));
LOCKSTEP_FUNCTION(ceil, (x), math::ceil(x));
LOCKSTEP_FUNCTION(trunc, (x), math::trunc(x));
LOCKSTEP_FUNCTION(round, (x), math::round(x));
LOCKSTEP_FUNCTION(rint, (x), math::rint(x));
LOCKSTEP_FUNCTION(isnan, (x), math::isnan(x));
LOCKSTEP_FUNCTION(isinf, (x), math::isinf(x));
LOCKSTEP_FUNCTION(isfinite, (x), math::isfinite(x));
LOCKSTEP_FUNCTION(signbit, (x), math::signbit(x));
LOCKSTEP_FUNCTION(sigmoid, (x), math::sigmoid(x));
LOCKSTEP_FUNCTION(atan2, (x, y), math::atan2(x, y));
LOCKSTEP_FUNCTION(pow, (x, y), math::pow(x, y));
LOCKSTEP_FUNCTION(hypot, (x, y), math::hypot(x, y));
LOCKSTEP_FUNCTION(fmod, (x, y), math::fmod(x, y));
LOCKSTEP_FUNCTION(remainder, (x, y), math::remainder(x, y));
LOCKSTEP_FUNCTION(copysign, (x, y), math::copysign(x, y));
LOCKSTEP_FUNCTION(fmin, (x, y), math::fmin(x, y));
LOCKSTEP_FUNCTION(fmax, (x, y), math::fmax(x, y));
LOCKSTEP_FUNCTION(square, (x), x* x);

#if defined(__FMA__) && !defined(__CUDACC__)
#define LOCKSTEP_NEAR(NAME)                                              \
  LOCKSTEP_INLINE static float near(float x, std::uint32_t& far) {       \
    return far |= math::detail::is_far(x), math::detail::near_##NAME(x); \
  }
#else
#define LOCKSTEP_NEAR(NAME)
#endif
struct sin_function {
  static constexpr char const* name = "sin";
  LOCKSTEP_INLINE constexpr auto operator()(auto x) const { return math::sin(x); }
  LOCKSTEP_NEAR(sin)
};
inline constexpr sin_function sin{};
struct cos_function {
  static constexpr char const* name = "cos";
  LOCKSTEP_INLINE constexpr auto operator()(auto x) const { return math::cos(x); }
  LOCKSTEP_NEAR(cos)
};
inline constexpr cos_function cos{};
#undef LOCKSTEP_NEAR

struct abs_function {
  static constexpr char const* name = "abs";
  template <class X>
  LOCKSTEP_INLINE auto operator()(X x) const {
    if constexpr (std::is_floating_point_v<X>)
      return math::abs(x);
    else if constexpr (std::is_unsigned_v<X>)
      return x;
    else
      return static_cast<X>(x < 0 ? -x : x);
  }
};
struct fma_function {
  static constexpr char const* name = "fma";
  template <class X, class Y, class Z>
  LOCKSTEP_INLINE auto operator()(X x, Y y, Z z) const {
    using common = std::common_type_t<X, Y, Z>;
    return math::fma(static_cast<common>(x), static_cast<common>(y), static_cast<common>(z));
  }
};
struct where_function {
  static constexpr char const* name = "where";
  template <class C, class X, class Y>
  LOCKSTEP_INLINE std::common_type_t<X, Y> operator()(C condition, X x, Y y) const {
    std::common_type_t<X, Y> const yes = x, no = y;
    return condition ? yes : no;
  }
};
struct clamp_function {
  static constexpr char const* name = "clamp";
  template <class X, class L, class H>
  LOCKSTEP_INLINE X operator()(X x, L low, H high) const {
    X const l = static_cast<X>(low), h = static_cast<X>(high);
    X const raised = x < l ? l : x;
    return h < raised ? h : raised;
  }
};
template <class T>
struct cast_function {
  static constexpr char const* name = "cast";
  template <class X>
  LOCKSTEP_INLINE T operator()(X x) const {
    return static_cast<T>(x);
  }
};

}  // namespace functions

template <expression A>
auto sqrt(A&& a) {
  return apply_elementwise(functions::sqrt, std::forward<A>(a));
}

/// 1 / sqrt(x)
template <expression A>
auto rsqrt(A&& a) {
  return apply_elementwise(functions::rsqrt, std::forward<A>(a));
}

template <expression A>
auto cbrt(A&& a) {
  return apply_elementwise(functions::cbrt, std::forward<A>(a));
}

template <expression A>
auto exp(A&& a) {
  return apply_elementwise(functions::exp, std::forward<A>(a));
}

template <expression A>
auto exp2(A&& a) {
  return apply_elementwise(functions::exp2, std::forward<A>(a));
}

template <expression A>
auto expm1(A&& a) {
  return apply_elementwise(functions::expm1, std::forward<A>(a));
}

template <expression A>
auto log(A&& a) {
  return apply_elementwise(functions::log, std::forward<A>(a));
}

template <expression A>
auto log2(A&& a) {
  return apply_elementwise(functions::log2, std::forward<A>(a));
}

template <expression A>
auto log10(A&& a) {
  return apply_elementwise(functions::log10, std::forward<A>(a));
}

template <expression A>
auto log1p(A&& a) {
  return apply_elementwise(functions::log1p, std::forward<A>(a));
}

template <expression A>
auto sin(A&& a) {
  return apply_elementwise(functions::sin, std::forward<A>(a));
}

template <expression A>
auto cos(A&& a) {
  return apply_elementwise(functions::cos, std::forward<A>(a));
}

template <expression A>
auto tan(A&& a) {
  return apply_elementwise(functions::tan, std::forward<A>(a));
}

template <expression A>
auto asin(A&& a) {
  return apply_elementwise(functions::asin, std::forward<A>(a));
}

template <expression A>
auto acos(A&& a) {
  return apply_elementwise(functions::acos, std::forward<A>(a));
}

template <expression A>
auto atan(A&& a) {
  return apply_elementwise(functions::atan, std::forward<A>(a));
}

template <expression A>
auto sinh(A&& a) {
  return apply_elementwise(functions::sinh, std::forward<A>(a));
}

template <expression A>
auto cosh(A&& a) {
  return apply_elementwise(functions::cosh, std::forward<A>(a));
}

template <expression A>
auto tanh(A&& a) {
  return apply_elementwise(functions::tanh, std::forward<A>(a));
}

template <expression A>
auto asinh(A&& a) {
  return apply_elementwise(functions::asinh, std::forward<A>(a));
}

template <expression A>
auto acosh(A&& a) {
  return apply_elementwise(functions::acosh, std::forward<A>(a));
}

template <expression A>
auto atanh(A&& a) {
  return apply_elementwise(functions::atanh, std::forward<A>(a));
}

template <expression A>
auto erf(A&& a) {
  return apply_elementwise(functions::erf, std::forward<A>(a));
}

template <expression A>
auto erfc(A&& a) {
  return apply_elementwise(functions::erfc, std::forward<A>(a));
}

template <expression A>
auto tgamma(A&& a) {
  return apply_elementwise(functions::tgamma, std::forward<A>(a));
}

template <expression A>
auto lgamma(A&& a) {
  return apply_elementwise(functions::lgamma, std::forward<A>(a));
}

template <expression A>
auto floor(A&& a) {
  return apply_elementwise(functions::floor, std::forward<A>(a));
}

template <expression A>
auto ceil(A&& a) {
  return apply_elementwise(functions::ceil, std::forward<A>(a));
}

template <expression A>
auto trunc(A&& a) {
  return apply_elementwise(functions::trunc, std::forward<A>(a));
}

template <expression A>
auto round(A&& a) {
  return apply_elementwise(functions::round, std::forward<A>(a));
}

template <expression A>
auto rint(A&& a) {
  return apply_elementwise(functions::rint, std::forward<A>(a));
}

template <expression A>
auto isnan(A&& a) {
  return apply_elementwise(functions::isnan, std::forward<A>(a));
}

template <expression A>
auto isinf(A&& a) {
  return apply_elementwise(functions::isinf, std::forward<A>(a));
}

template <expression A>
auto isfinite(A&& a) {
  return apply_elementwise(functions::isfinite, std::forward<A>(a));
}

template <expression A>
auto signbit(A&& a) {
  return apply_elementwise(functions::signbit, std::forward<A>(a));
}

/// 1 / (1 + exp(-x))
template <expression A>
auto sigmoid(A&& a) {
  return apply_elementwise(functions::sigmoid, std::forward<A>(a));
}

template <expression A>
auto abs(A&& a) {
  return apply_elementwise(functions::abs_function{}, std::forward<A>(a));
}

/// x * x
template <expression A>
auto square(A&& a) {
  return apply_elementwise(functions::square, std::forward<A>(a));
}

template <class A, class B>
requires operands_of_elementwise<A, B>
auto atan2(A&& a, B&& b) { return apply_elementwise(functions::atan2, std::forward<A>(a), std::forward<B>(b)); }

template <class A, class B>
requires operands_of_elementwise<A, B>
auto pow(A&& a, B&& b) { return apply_elementwise(functions::pow, std::forward<A>(a), std::forward<B>(b)); }

template <class A, class B>
requires operands_of_elementwise<A, B>
auto hypot(A&& a, B&& b) { return apply_elementwise(functions::hypot, std::forward<A>(a), std::forward<B>(b)); }

template <class A, class B>
requires operands_of_elementwise<A, B>
auto fmod(A&& a, B&& b) { return apply_elementwise(functions::fmod, std::forward<A>(a), std::forward<B>(b)); }

template <class A, class B>
requires operands_of_elementwise<A, B>
auto remainder(A&& a, B&& b) { return apply_elementwise(functions::remainder, std::forward<A>(a), std::forward<B>(b)); }

template <class A, class B>
requires operands_of_elementwise<A, B>
auto copysign(A&& a, B&& b) { return apply_elementwise(functions::copysign, std::forward<A>(a), std::forward<B>(b)); }

template <class A, class B>
requires operands_of_elementwise<A, B>
auto fmin(A&& a, B&& b) { return apply_elementwise(functions::fmin, std::forward<A>(a), std::forward<B>(b)); }

template <class A, class B>
requires operands_of_elementwise<A, B>
auto fmax(A&& a, B&& b) { return apply_elementwise(functions::fmax, std::forward<A>(a), std::forward<B>(b)); }

template <class A, class B>
requires operands_of_elementwise<A, B>
auto min(A&& a, B&& b) { return apply_elementwise(minimum{}, std::forward<A>(a), std::forward<B>(b)); }
// Two expressions of one type: closer than std::min, should a using-declaration have let it in.
template <expression E>
auto min(E const& a, E const& b) {
  return apply_elementwise(minimum{}, a, b);
}

template <class A, class B>
requires operands_of_elementwise<A, B>
auto max(A&& a, B&& b) { return apply_elementwise(maximum{}, std::forward<A>(a), std::forward<B>(b)); }
// Two expressions of one type: closer than std::max, should a using-declaration have let it in.
template <expression E>
auto max(E const& a, E const& b) {
  return apply_elementwise(maximum{}, a, b);
}

template <class A, class B, class C>
requires operands_of_elementwise<A, B, C>
auto fma(A&& a, B&& b, C&& c) {
  return apply_elementwise(functions::fma_function{}, std::forward<A>(a), std::forward<B>(b), std::forward<C>(c));
}
/// x limited to [low, high]; a NaN stays.
template <expression A, operand L, operand H>
auto clamp(A&& a, L&& low, H&& high) {
  return apply_elementwise(functions::clamp_function{}, std::forward<A>(a), std::forward<L>(low),
                           std::forward<H>(high));
}
/// a where the condition holds, b elsewhere; both are computed.
template <expression C, operand A, operand B>
auto where(C&& condition, A&& a, B&& b) {
  using leading = typename leading_value<std::remove_cvref_t<A>, std::remove_cvref_t<B>,
                                         constant<std::common_type_t<value_or_self<A>, value_or_self<B>>>>::type;
  return apply_nodes(functions::where_function{}, as_node(std::forward<C>(condition)),
                     operand_node<leading>(std::forward<A>(a)), operand_node<leading>(std::forward<B>(b)));
}
/// Every element converted to T.
template <class T, expression A>
auto cast(A&& a) {
  return apply_elementwise(functions::cast_function<T>{}, std::forward<A>(a));
}
/// f(elements...) for the elements of expressions and scalars. On a GPU f must be callable there: a function object,
/// LOCKSTEP_FUNCTION, or a __device__ lambda. Complexity: one pass, fused with whatever surrounds it.
template <class F, class... Es>
requires operands_of_elementwise<Es...>
auto map(F f, Es&&... es) { return apply_elementwise(callable(std::move(f)), std::forward<Es>(es)...); }

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
