// lockstep::math against the C library in higher precision: errors in ULP, special values, independence of position.
#include <doctest/doctest.h>

#include <string>
#include <type_traits>

#include "core/math_functions.hpp"

using namespace math_errors;

namespace {

/// What sin, cos and tan of double are promised for.
template <class T>
std::vector<T> without_huge_angles(std::string const& name, std::vector<T> x) {
  if (sizeof(T) == 8 && (name == "sin" || name == "cos" || name == "tan"))
    std::erase_if(x, [](T v) { return std::abs(v) > 0x1p45 && std::isfinite(v); });
  return x;
}

template <class T>
std::vector<T> sample() {
  std::vector<T> result = random_bits<T>(20000, 1);
  for (double range : {1e-3, 1.0, 4.0, 30.0, 120.0, 800.0, 1e6})
    for (T x : spread<T>(10000, static_cast<T>(-range), static_cast<T>(range), static_cast<unsigned>(range)))
      result.push_back(x);
  return result;
}

template <class T>
void check(worst<T> const& found, double bound, std::string const& name) {
  INFO(name, ": ", found.ulp, " ULP at ", found.at, ", ", found.and_at);
  CHECK(found.ulp <= bound);
}

}  // namespace

TEST_CASE_TEMPLATE("functions of one argument stay within their bounds", T, float, double) {
  for (auto const& f : unary_functions<T>())
    check(measure(f, without_huge_angles(f.name, sample<T>())), f.bound, f.name);
}

TEST_CASE_TEMPLATE("functions of one argument are right at the edges", T, float, double) {
  for (auto const& f : unary_functions<T>())
    check(measure(f, without_huge_angles(f.name, special_values<T>())), f.bound, f.name);
}

TEST_CASE_TEMPLATE("functions of two arguments stay within their bounds", T, float, double) {
  for (auto const& f : binary_functions<T>()) {
    check(measure(f, random_bits<T>(20000, 1), random_bits<T>(20000, 2)), f.bound, f.name);
    for (double x : {1.0, 2.0, 30.0})
      for (double y : {1.0, 40.0, 1000.0}) {
        auto const left = spread<T>(10000, static_cast<T>(x == 1 ? 0.99 : -x), static_cast<T>(x), 1);
        check(measure(f, left, spread<T>(10000, static_cast<T>(-y), static_cast<T>(y), 2)), f.bound, f.name);
      }
  }
}

TEST_CASE_TEMPLATE("functions of two arguments are right at the edges", T, float, double) {
  std::vector<T> x, y;
  for (T a : special_values<T>())
    for (T b : special_values<T>()) {
      x.push_back(a);
      y.push_back(b);
    }
  for (auto const& f : binary_functions<T>()) check(measure(f, x, y), f.bound, f.name);
}

TEST_CASE_TEMPLATE("fmin and fmax prefer a number to a NaN", T, float, double) {
  std::vector<T> const edges = special_values<T>();
  int wrong = 0;
  for (T a : edges)
    for (T b : edges) {
      T const least = m::fmin(a, b), greatest = m::fmax(a, b);
      wrong += !(least == std::fmin(a, b) || (std::isnan(least) && std::isnan(a) && std::isnan(b)));
      wrong += !(greatest == std::fmax(a, b) || (std::isnan(greatest) && std::isnan(a) && std::isnan(b)));
    }
  CHECK(wrong == 0);
}

TEST_CASE_TEMPLATE("classification, magnitude and fused multiply-add agree with the C library", T, float, double) {
  for (T x : special_values<T>()) {
    CHECK(m::isnan(x) == std::isnan(x));
    CHECK(m::isinf(x) == std::isinf(x));
    CHECK(m::isfinite(x) == std::isfinite(x));
    CHECK(m::signbit(x) == std::signbit(x));
    CHECK(same_bits(m::abs(x), std::abs(x)));
    CHECK(same_bits(m::fma(x, x, T(-3)), std::fma(x, x, T(-3))));
  }
}

TEST_CASE("angles beyond what double arguments are promised for give NaN") {
  CHECK(std::isfinite(m::sin(0x1p45)));
  for (double x : {0x1.0000001p45, -1e15, 1e300, HUGE_VAL}) {
    CHECK(std::isnan(m::sin(x)));
    CHECK(std::isnan(m::cos(x)));
    CHECK(std::isnan(m::tan(x)));
  }
}

TEST_CASE("exact results are exact") {
  for (int k = -149; k <= 127; ++k) {
    CHECK(m::log2(std::ldexp(1.0f, k)) == static_cast<float>(k));
    CHECK(m::exp2(static_cast<float>(k)) == std::ldexp(1.0f, k));
  }
  for (int k = -1074; k <= 1023; ++k) {
    CHECK(m::log2(std::ldexp(1.0, k)) == static_cast<double>(k));
    CHECK(m::exp2(static_cast<double>(k)) == std::ldexp(1.0, k));
  }
  for (int k = 0; k <= 22; ++k) CHECK(m::log10(std::pow(10.0, k)) == static_cast<double>(k));
  for (int k = 0; k <= 10; ++k) CHECK(m::log10(static_cast<float>(std::pow(10.0, k))) == static_cast<float>(k));
  for (int k = 0; k < 200; ++k) CHECK(m::cbrt(static_cast<double>(k) * k * k) == static_cast<double>(k));
  for (int k = 0; k <= 30; ++k) CHECK(m::pow(2, k) == std::ldexp(1.0, k));
}

TEST_CASE("integers become double, as in <cmath>") {
  static_assert(std::is_same_v<decltype(m::exp(1)), double>);
  static_assert(std::is_same_v<decltype(m::exp(1.0f)), float>);
  static_assert(std::is_same_v<decltype(m::pow(1.0f, 2)), double>);
  static_assert(std::is_same_v<decltype(m::pow(1.0f, 2.0f)), float>);
  static_assert(std::is_same_v<decltype(m::floor(std::int64_t(1))), double>);
  static_assert(std::is_same_v<decltype(m::abs(-1)), int>);
  CHECK(m::sqrt(16) == 4);
  CHECK(m::exp(true) == doctest::Approx(2.718281828459045));
  CHECK(m::abs(-7) == 7);
  CHECK(m::abs(7u) == 7u);
  CHECK(m::fma(2, 3, 4) == 10);
  CHECK(!m::isnan(3));
  CHECK(m::signbit(-3));
}

TEST_CASE_TEMPLATE("a value gives the same bits wherever it stands, in a vector, a remainder or alone", T, float,
                   double) {
  std::vector<T> values = special_values<T>();
  for (T x : spread<T>(200, -50, 50, 3)) values.push_back(x);
  auto const size = static_cast<std::int64_t>(values.size());
  for (auto const& f : unary_functions<T>()) {
    std::vector<T> expected(values.size()), out(values.size());
    f.loop(values.data(), expected.data(), size);
    int different = 0;
    for (std::int64_t n : {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 67})
      for (std::int64_t start = 0; start + n <= size; start += n) {
        f.loop(values.data() + start, out.data(), n);
        for (std::int64_t j = 0; j < n; ++j)
          different += !same_bits(out[static_cast<std::size_t>(j)], expected[static_cast<std::size_t>(start + j)]);
      }
    for (std::size_t j = 0; j < values.size(); ++j) different += !same_bits(f.alone(values[j]), expected[j]);
    INFO(f.name);
    CHECK(different == 0);
  }
}
