// How far lockstep::math is from the C library in higher precision, in units in the last place (ULP).
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include <lockstep/core/math.hpp>

namespace math_errors {

template <class T>
struct wider;
template <>
struct wider<float> {
  using type = double;
  using bits = std::uint32_t;
};
template <>
struct wider<double> {
  using type = long double;
  using bits = std::uint64_t;
};
template <class T>
using wide = typename wider<T>::type;
template <class T>
using bits = typename wider<T>::bits;

template <class T>
bool same_bits(T a, T b) {
  return std::bit_cast<bits<T>>(a) == std::bit_cast<bits<T>>(b) || (std::isnan(a) && std::isnan(b));
}

/// |value - exact| in units of the last place of a T near `exact`; infinite where one is a NaN, or wrongly infinite, or
/// a zero of the wrong sign. A correctly rounded value counts as 1/2.
template <class T>
double ulp_error(T value, wide<T> exact) {
  using limits = std::numeric_limits<T>;
  T const rounded = static_cast<T>(exact);
  if (same_bits(value, rounded)) return std::isfinite(rounded) ? 0.5 : 0;
  if (std::isnan(value) || std::isnan(exact) || std::isinf(exact)) return HUGE_VAL;
  if (value == 0 && std::signbit(value) != std::signbit(exact)) return HUGE_VAL;
  int exponent = 0;  // exact = m 2^exponent with 1/2 <= |m| < 1
  std::frexp(exact, &exponent);
  exponent = exact == 0 ? limits::min_exponent : std::max(exponent, limits::min_exponent);
  wide<T> const found =
      std::isinf(value) ? std::copysign(std::ldexp(wide<T>(1), limits::max_exponent), wide<T>(value)) : wide<T>(value);
  return static_cast<double>(std::ldexp(std::abs(found - exact), limits::digits - exponent));
}

/// The largest error so far, and where it was.
template <class T>
struct worst {
  double ulp = 0;
  T at = 0, and_at = 0;

  void add(T value, wide<T> exact, T x, T y = 0) {
    // A unit in the last place is more than |exact| epsilon / 2: most errors are seen to be small at once.
    wide<T> const small = ulp * (std::numeric_limits<T>::epsilon() / 2) * std::abs(exact);
    if (value != 0 && std::isfinite(exact) && std::abs(value - exact) <= small) return;
    merge({ulp_error(value, exact), x, y});
  }

  void merge(worst const& other) {
    if (other.ulp > ulp) *this = other;
  }
};

/// The edges: zeros, the smallest and largest of each kind, infinities, NaN, small integers, halves and their
/// neighbors.
template <class T>
std::vector<T> special_values() {
  using limits = std::numeric_limits<T>;
  std::vector<T> result = {0,
                           limits::denorm_min(),
                           limits::min() / 2,
                           limits::min(),
                           limits::max(),
                           limits::infinity(),
                           limits::quiet_NaN()};
  for (double v : {1e-30,
                   1e-10,
                   0.25,
                   0.41421356,
                   0.5,
                   0.7071067,
                   0.92,
                   1.,
                   1.41421356,
                   1.5,
                   1.5707963267948966,
                   2.,
                   2.5,
                   3.,
                   3.141592653589793,
                   4.,
                   7.,
                   10.,
                   26.5,
                   27.3,
                   87.,
                   88.5,
                   88.73,
                   89.4,
                   103.9,
                   104.,
                   127.5,
                   128.,
                   149.,
                   150.,
                   709.5,
                   710.4,
                   745.2,
                   1023.,
                   1024.,
                   1075.,
                   4194304.5,
                   8388607.5,
                   16777216.,
                   1e10,
                   1e15,
                   1e30})
    for (T x :
         {static_cast<T>(v), std::nextafter(static_cast<T>(v), T(0)), std::nextafter(static_cast<T>(v), limits::max())})
      result.push_back(x);
  std::size_t const count = result.size();
  for (std::size_t j = 0; j < count; ++j) result.push_back(-result[j]);
  return result;
}

/// `count` numbers with random bits: every exponent is as likely.
template <class T>
std::vector<T> random_bits(std::size_t count, unsigned seed) {
  std::mt19937_64 engine(seed);
  std::vector<T> result(count);
  for (T& x : result) x = std::bit_cast<T>(static_cast<bits<T>>(engine()));
  return result;
}

/// `count` numbers spread evenly.
template <class T>
std::vector<T> spread(std::size_t count, T low, T high, unsigned seed) {
  std::mt19937_64 engine(seed);
  std::uniform_real_distribution<T> uniform(low, high);
  std::vector<T> result(count);
  for (T& x : result) x = uniform(engine);
  return result;
}

}  // namespace math_errors
