// The functions of lockstep::math beside the C library's, with the largest error that each may have.
#pragma once

#include "core/math_errors.hpp"

namespace math_errors {

namespace m = lockstep::math;

/// A function in the kind of loop that is vectorized and alone, its reference, and the bound in ULP that the header
/// promises.
template <class T>
struct unary {
  char const* name;
  void (*loop)(T const* x, T* out, std::int64_t n);
  T (*alone)(T x);
  wide<T> (*reference)(wide<T> x);
  double bound;
};

template <class T>
struct binary {
  char const* name;
  void (*loop)(T const* x, T const* y, T* out, std::int64_t n);
  wide<T> (*reference)(wide<T> x, wide<T> y);
  double bound;
};

template <class T, class F, class R>
unary<T> make_unary(char const* name, F, R, double float_bound, double double_bound) {
  auto const loop = [](T const* x, T* __restrict out, std::int64_t n) {
    for (std::int64_t j = 0; j < n; ++j) out[j] = F{}(x[j]);
  };
  return {name, loop, [](T x) -> T { return F{}(x); }, [](wide<T> x) -> wide<T> { return R{}(x); },
          sizeof(T) == 4 ? float_bound : double_bound};
}

template <class T, class F, class R>
binary<T> make_binary(char const* name, F, R, double float_bound, double double_bound) {
  auto const loop = [](T const* x, T const* y, T* __restrict out, std::int64_t n) {
    for (std::int64_t j = 0; j < n; ++j) out[j] = F{}(x[j], y[j]);
  };
  return {name, loop, [](wide<T> x, wide<T> y) -> wide<T> { return R{}(x, y); },
          sizeof(T) == 4 ? float_bound : double_bound};
}

// clang-format off
template <class T>
std::vector<unary<T>> unary_functions() {
  return {
      make_unary<T>("sqrt", [](auto x) { return m::sqrt(x); }, [](auto x) { return std::sqrt(x); }, 0.5, 0.5),
      make_unary<T>("rsqrt", [](auto x) { return m::rsqrt(x); }, [](auto x) { return 1 / std::sqrt(x); }, 2, 2),
      make_unary<T>("cbrt", [](auto x) { return m::cbrt(x); }, [](auto x) { return std::cbrt(x); }, 1, 1),
      make_unary<T>("exp", [](auto x) { return m::exp(x); }, [](auto x) { return std::exp(x); }, 1.5, 1.5),
      make_unary<T>("exp2", [](auto x) { return m::exp2(x); }, [](auto x) { return std::exp2(x); }, 1.5, 1.5),
      make_unary<T>("expm1", [](auto x) { return m::expm1(x); }, [](auto x) { return std::expm1(x); }, 2, 3),
      make_unary<T>("log", [](auto x) { return m::log(x); }, [](auto x) { return std::log(x); }, 1.5, 1.5),
      make_unary<T>("log2", [](auto x) { return m::log2(x); }, [](auto x) { return std::log2(x); }, 1.5, 1.5),
      make_unary<T>("log10", [](auto x) { return m::log10(x); }, [](auto x) { return std::log10(x); }, 1.5, 1.5),
      make_unary<T>("log1p", [](auto x) { return m::log1p(x); }, [](auto x) { return std::log1p(x); }, 2, 2),
      make_unary<T>("sin", [](auto x) { return m::sin(x); }, [](auto x) { return std::sin(x); }, 2.5, 2.5),
      make_unary<T>("cos", [](auto x) { return m::cos(x); }, [](auto x) { return std::cos(x); }, 2.5, 2.5),
      make_unary<T>("tan", [](auto x) { return m::tan(x); }, [](auto x) { return std::tan(x); }, 3, 3),
      make_unary<T>("asin", [](auto x) { return m::asin(x); }, [](auto x) { return std::asin(x); }, 2, 2),
      make_unary<T>("acos", [](auto x) { return m::acos(x); }, [](auto x) { return std::acos(x); }, 1.5, 1.5),
      make_unary<T>("atan", [](auto x) { return m::atan(x); }, [](auto x) { return std::atan(x); }, 2.5, 2.5),
      make_unary<T>("sinh", [](auto x) { return m::sinh(x); }, [](auto x) { return std::sinh(x); }, 2.5, 3),
      make_unary<T>("cosh", [](auto x) { return m::cosh(x); }, [](auto x) { return std::cosh(x); }, 2, 2),
      make_unary<T>("tanh", [](auto x) { return m::tanh(x); }, [](auto x) { return std::tanh(x); }, 3, 3),
      make_unary<T>("asinh", [](auto x) { return m::asinh(x); }, [](auto x) { return std::asinh(x); }, 2.5, 2.5),
      make_unary<T>("acosh", [](auto x) { return m::acosh(x); }, [](auto x) { return std::acosh(x); }, 2.5, 2.5),
      make_unary<T>("atanh", [](auto x) { return m::atanh(x); }, [](auto x) { return std::atanh(x); }, 2.5, 2.5),
      make_unary<T>("sigmoid", [](auto x) { return m::sigmoid(x); }, [](auto x) { return 1 / (1 + std::exp(-x)); }, 3, 3),
      make_unary<T>("erf", [](auto x) { return m::erf(x); }, [](auto x) { return std::erf(x); }, 1.5, 1.5),
      make_unary<T>("erfc", [](auto x) { return m::erfc(x); }, [](auto x) { return std::erfc(x); }, 4, 4),
      make_unary<T>("tgamma", [](auto x) { return m::tgamma(x); }, [](auto x) { return std::tgamma(x); }, 10, 10),
      make_unary<T>("lgamma", [](auto x) { return m::lgamma(x); }, [](auto x) { return std::lgamma(x); }, 10, 10),
      make_unary<T>("floor", [](auto x) { return m::floor(x); }, [](auto x) { return std::floor(x); }, 0.5, 0.5),
      make_unary<T>("ceil", [](auto x) { return m::ceil(x); }, [](auto x) { return std::ceil(x); }, 0.5, 0.5),
      make_unary<T>("trunc", [](auto x) { return m::trunc(x); }, [](auto x) { return std::trunc(x); }, 0.5, 0.5),
      make_unary<T>("round", [](auto x) { return m::round(x); }, [](auto x) { return std::round(x); }, 0.5, 0.5),
      make_unary<T>("rint", [](auto x) { return m::rint(x); }, [](auto x) { return std::rint(x); }, 0.5, 0.5)};
}

template <class T>
std::vector<binary<T>> binary_functions() {
  return {
      make_binary<T>("pow", [](auto x, auto y) { return m::pow(x, y); }, [](auto x, auto y) { return std::pow(x, y); }, 1, 1.5),
      make_binary<T>("atan2", [](auto x, auto y) { return m::atan2(x, y); }, [](auto x, auto y) { return std::atan2(x, y); }, 2.5, 2.5),
      make_binary<T>("hypot", [](auto x, auto y) { return m::hypot(x, y); }, [](auto x, auto y) { return std::hypot(x, y); }, 1, 1.5),
      make_binary<T>("fmod", [](auto x, auto y) { return m::fmod(x, y); }, [](auto x, auto y) { return std::fmod(x, y); }, 0.5, 0.5),
      make_binary<T>("remainder", [](auto x, auto y) { return m::remainder(x, y); }, [](auto x, auto y) { return std::remainder(x, y); }, 0.5, 0.5),
      make_binary<T>("copysign", [](auto x, auto y) { return m::copysign(x, y); }, [](auto x, auto y) { return std::copysign(x, y); }, 0.5, 0.5)};
}
// clang-format on

/// The largest error over the arguments `x`, or `known` if that is larger.
template <class T>
worst<T> measure(unary<T> const& f, std::vector<T> const& x, worst<T> known = {}) {
  std::vector<T> out(x.size());
  f.loop(x.data(), out.data(), static_cast<std::int64_t>(x.size()));
  for (std::size_t j = 0; j < x.size(); ++j) known.add(out[j], f.reference(x[j]), x[j]);
  return known;
}

template <class T>
worst<T> measure(binary<T> const& f, std::vector<T> const& x, std::vector<T> const& y) {
  std::vector<T> out(x.size());
  f.loop(x.data(), y.data(), out.data(), static_cast<std::int64_t>(x.size()));
  worst<T> result;
  for (std::size_t j = 0; j < x.size(); ++j) result.add(out[j], f.reference(x[j], y[j]), x[j], y[j]);
  return result;
}

}  // namespace math_errors
