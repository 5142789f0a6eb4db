// Runs on: cpu, cuda
// Covers: map: map where cast clamp; types: bool integers float double
// Functions of <cmath> and the library's own, map with user functions, where, cast, clamp, min and max.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <lockstep/lockstep.hpp>

#include "support/devices.hpp"
#include "support/values.hpp"

namespace functions_tests {

using lockstep::array, lockstep::device, lockstep::shape;
using lockstep::test::difference, lockstep::test::far_from, lockstep::test::for_each_device, lockstep::test::generator,
    lockstep::test::random_values;

LOCKSTEP_FUNCTION(twice, (x), x + x);
LOCKSTEP_FUNCTION(line, (x, a), a* x + 1);
LOCKSTEP_FUNCTION(pick3, (a, b, c), a > b ? b : c);
LOCKSTEP_FUNCTION(mix4, (a, b, c, d), a* b - c * d);
LOCKSTEP_FUNCTION(sum5, (a, b, c, d, e), a + b + c + d + e);
LOCKSTEP_FUNCTION(order6, (a, b, c, d, e, f), a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f);

struct affine {  // a function object that carries values
  float scale, offset;
  LOCKSTEP_FN float operator()(float x) const { return scale * x + offset; }
};
struct point {
  float x, y;
};
struct make_point {
  LOCKSTEP_FN point operator()(float x, float y) const { return {x, y}; }
};
struct norm_squared {
  LOCKSTEP_FN float operator()(point p) const { return p.x * p.x + p.y * p.y; }
};

struct domain {
  double low, high;
};
std::size_t const length = 1003;

std::vector<float> floats(domain d, std::uint64_t seed) {
  generator random(seed);
  std::vector<float> values(length);
  for (float& v : values) v = static_cast<float>(random.between(d.low, d.high));
  return values;
}

/// The function on floats, within 4 units in the last place of the same function on doubles.
template <class F, class Reference>
void check_function(device const& dev, char const* name, F f, Reference reference, domain d) {
  INFO("function ", name);
  auto const x = floats(d, 1);
  std::vector<double> expected;
  for (float v : x) expected.push_back(reference(static_cast<double>(v)));
  auto const found = f(array<float>(dev, x)).to_host();
  static_assert(std::is_same_v<decltype(found), std::vector<float> const>);
  CHECK(far_from(found, expected, 4 * 0x1p-23, 0x1p-126) == "");
}
template <class F, class Reference>
void check_function(device const& dev, char const* name, F f, Reference reference, domain d, domain e) {
  INFO("function ", name);
  auto const x = floats(d, 1), y = floats(e, 2);
  std::vector<double> expected;
  for (std::size_t i = 0; i < x.size(); ++i) expected.push_back(reference(double(x[i]), double(y[i])));
  CHECK(far_from(f(array<float>(dev, x), array<float>(dev, y)).to_host(), expected, 4 * 0x1p-23, 0x1p-126) == "");
}

TEST_CASE("roots, exponentials and logarithms") {
  for_each_device([](device const& dev) {
    using d = double;
    check_function(
        dev, "sqrt", [](auto x) { return sqrt(x); }, [](d x) { return std::sqrt(x); }, {0, 1e4});
    check_function(
        dev, "rsqrt", [](auto x) { return rsqrt(x); }, [](d x) { return 1 / std::sqrt(x); }, {1e-3, 1e4});
    check_function(
        dev, "cbrt", [](auto x) { return cbrt(x); }, [](d x) { return std::cbrt(x); }, {-1e4, 1e4});
    check_function(
        dev, "exp", [](auto x) { return exp(x); }, [](d x) { return std::exp(x); }, {-80, 80});
    check_function(
        dev, "exp2", [](auto x) { return exp2(x); }, [](d x) { return std::exp2(x); }, {-120, 120});
    check_function(
        dev, "expm1", [](auto x) { return expm1(x); }, [](d x) { return std::expm1(x); }, {-5, 5});
    check_function(
        dev, "log", [](auto x) { return log(x); }, [](d x) { return std::log(x); }, {1e-3, 1e6});
    check_function(
        dev, "log2", [](auto x) { return log2(x); }, [](d x) { return std::log2(x); }, {1e-3, 1e6});
    check_function(
        dev, "log10", [](auto x) { return log10(x); }, [](d x) { return std::log10(x); }, {1e-3, 1e6});
    check_function(
        dev, "log1p", [](auto x) { return log1p(x); }, [](d x) { return std::log1p(x); }, {-0.9, 9});
    check_function(
        dev, "pow", [](auto x, auto y) { return pow(x, y); }, [](d x, d y) { return std::pow(x, y); }, {0.01, 100},
        {-10, 10});
    check_function(
        dev, "hypot", [](auto x, auto y) { return hypot(x, y); }, [](d x, d y) { return std::hypot(x, y); }, {-9, 9},
        {-9, 9});
  });
}

TEST_CASE("circular and hyperbolic functions") {
  for_each_device([](device const& dev) {
    using d = double;
    check_function(
        dev, "sin", [](auto x) { return sin(x); }, [](d x) { return std::sin(x); }, {-100, 100});
    check_function(
        dev, "cos", [](auto x) { return cos(x); }, [](d x) { return std::cos(x); }, {-100, 100});
    check_function(
        dev, "tan", [](auto x) { return tan(x); }, [](d x) { return std::tan(x); }, {-1.5, 1.5});
    check_function(
        dev, "asin", [](auto x) { return asin(x); }, [](d x) { return std::asin(x); }, {-1, 1});
    check_function(
        dev, "acos", [](auto x) { return acos(x); }, [](d x) { return std::acos(x); }, {-1, 1});
    check_function(
        dev, "atan", [](auto x) { return atan(x); }, [](d x) { return std::atan(x); }, {-50, 50});
    check_function(
        dev, "atan2", [](auto x, auto y) { return atan2(x, y); }, [](d x, d y) { return std::atan2(x, y); }, {-9, 9},
        {-9, 9});
    check_function(
        dev, "sinh", [](auto x) { return sinh(x); }, [](d x) { return std::sinh(x); }, {-20, 20});
    check_function(
        dev, "cosh", [](auto x) { return cosh(x); }, [](d x) { return std::cosh(x); }, {-20, 20});
    check_function(
        dev, "tanh", [](auto x) { return tanh(x); }, [](d x) { return std::tanh(x); }, {-9, 9});
    check_function(
        dev, "sigmoid", [](auto x) { return sigmoid(x); }, [](d x) { return 1 / (1 + std::exp(-x)); }, {-30, 30});
    check_function(
        dev, "asinh", [](auto x) { return asinh(x); }, [](d x) { return std::asinh(x); }, {-50, 50});
    check_function(
        dev, "acosh", [](auto x) { return acosh(x); }, [](d x) { return std::acosh(x); }, {1, 50});
    check_function(
        dev, "atanh", [](auto x) { return atanh(x); }, [](d x) { return std::atanh(x); }, {-0.99, 0.99});
  });
}

TEST_CASE("error and gamma functions, rounding and remainders") {
  for_each_device([](device const& dev) {
    using d = double;
    check_function(
        dev, "erf", [](auto x) { return erf(x); }, [](d x) { return std::erf(x); }, {-4, 4});
    check_function(
        dev, "erfc", [](auto x) { return erfc(x); }, [](d x) { return std::erfc(x); }, {-4, 4});
    check_function(
        dev, "tgamma", [](auto x) { return tgamma(x); }, [](d x) { return std::tgamma(x); }, {0.1, 20});
    check_function(
        dev, "lgamma", [](auto x) { return lgamma(x); }, [](d x) { return std::lgamma(x); }, {3, 100});
    check_function(
        dev, "floor", [](auto x) { return floor(x); }, [](d x) { return std::floor(x); }, {-9, 9});
    check_function(
        dev, "ceil", [](auto x) { return ceil(x); }, [](d x) { return std::ceil(x); }, {-9, 9});
    check_function(
        dev, "trunc", [](auto x) { return trunc(x); }, [](d x) { return std::trunc(x); }, {-9, 9});
    check_function(
        dev, "round", [](auto x) { return round(x); }, [](d x) { return std::round(x); }, {-9, 9});
    check_function(
        dev, "rint", [](auto x) { return rint(x); }, [](d x) { return std::rint(x); }, {-9, 9});
    check_function(
        dev, "abs", [](auto x) { return abs(x); }, [](d x) { return std::abs(x); }, {-9, 9});
    check_function(
        dev, "fmod", [](auto x, auto y) { return fmod(x, y); }, [](d x, d y) { return std::fmod(x, y); }, {-90, 90},
        {1, 9});
    check_function(
        dev, "remainder", [](auto x, auto y) { return remainder(x, y); }, [](d x, d y) { return std::remainder(x, y); },
        {-90, 90}, {1, 9});
    check_function(
        dev, "copysign", [](auto x, auto y) { return copysign(x, y); }, [](d x, d y) { return std::copysign(x, y); },
        {-9, 9}, {-9, 9});
    check_function(
        dev, "square", [](auto x) { return square(x); }, [](d x) { return x * x; }, {-9, 9});
  });
}

TEST_CASE("integers go to double, as in <cmath>") {
  for_each_device([](device const& dev) {
    array<int> const k(dev, std::vector<int>{0, 1, 2, 100});
    static_assert(std::is_same_v<lockstep::value_t<decltype(sqrt(k))>, double>);
    CHECK(far_from(sqrt(k).to_host(), {0, 1, std::sqrt(2.0), 10}, 1e-15) == "");
    CHECK(far_from(pow(k, 2).to_host(), {0, 1, 4, 10000}, 1e-15) == "");
    static_assert(std::is_same_v<lockstep::value_t<decltype(abs(k))>, int>);
    CHECK(abs(-k).to_host() == std::vector<int>{0, 1, 2, 100});
    static_assert(std::is_same_v<lockstep::value_t<decltype(lockstep::square(k))>, int>);
    array<std::int8_t> const small(dev, std::vector<std::int8_t>{-100, 7});
    CHECK(abs(small).to_host() == std::vector<std::int8_t>{100, 7});
    array<unsigned> const u(dev, std::vector<unsigned>{0, 4'000'000'000});
    CHECK(abs(u).to_host() == u.to_host());
  });
}

TEST_CASE("what a number is") {
  for_each_device([](device const& dev) {
    array<float> const x(dev, {1, -0.0f, INFINITY, -INFINITY, NAN});
    CHECK(isnan(x).to_host() == std::vector<bool>{false, false, false, false, true});
    CHECK(isinf(x).to_host() == std::vector<bool>{false, false, true, true, false});
    CHECK(isfinite(x).to_host() == std::vector<bool>{true, true, false, false, false});
    CHECK(signbit(x.slice(0, 4)).to_host() == std::vector<bool>{false, true, false, true});
  });
}

TEST_CASE("min and max: a NaN on either side stays; fmin and fmax pass over it") {
  for_each_device([](device const& dev) {
    array<float> const x(dev, {1, 5, NAN, 2, NAN}), y(dev, {3, 4, 1, NAN, NAN});
    CHECK(difference(min(x, y).to_host(), std::vector<float>{1, 4, NAN, NAN, NAN}) == "");
    CHECK(difference(max(x, y).to_host(), std::vector<float>{3, 5, NAN, NAN, NAN}) == "");
    CHECK(difference(fmin(x, y).to_host(), std::vector<float>{1, 4, 1, 2, NAN}) == "");
    CHECK(difference(fmax(x, y).to_host(), std::vector<float>{3, 5, 1, 2, NAN}) == "");
    CHECK(difference(max(x, 2).to_host(), std::vector<float>{2, 5, NAN, 2, NAN}) == "");
    CHECK(difference(min(2.5, x).to_host(), std::vector<float>{1, 2.5, NAN, 2, NAN}) == "");
    array<int> const k(dev, std::vector<int>{-7, 3});
    array<std::int64_t> const wide(dev, std::vector<std::int64_t>{5'000'000'000, -1});
    static_assert(std::is_same_v<lockstep::value_t<decltype(max(k, wide))>, std::int64_t>);
    CHECK(max(k, wide).to_host() == std::vector<std::int64_t>{5'000'000'000, 3});
  });
}

TEST_CASE("max and min of expressions beside using std::max") {
  using std::max, std::min;
  for_each_device([](device const& dev) {
    array<int> const a(dev, std::vector<int>{1, 5}), b(dev, std::vector<int>{4, 2});
    array<int> c = a;
    CHECK(max(a, b).to_host() == std::vector<int>{4, 5});          // two const lvalues of one type
    CHECK(max(c, c).to_host() == std::vector<int>{1, 5});          // two lvalues
    CHECK(min(a, c).to_host() == std::vector<int>{1, 5});          // one const
    CHECK(min(a + b, b + a).to_host() == std::vector<int>{5, 7});  // two temporaries of one type
    CHECK(max(a + b, a + b).to_host() == std::vector<int>{5, 7});
    CHECK(int(max(a)) == 5);
    CHECK(max(3, 4) == 4);
  });
}

TEST_CASE("where takes one of two, and its type is common to both") {
  for_each_device([](device const& dev) {
    array<float> const x(dev, {1, -2, 3});
    array<int> const k(dev, std::vector<int>{10, 20, 30});
    CHECK(where(x > 0.0f, x, -x).to_host() == std::vector<float>{1, 2, 3});
    CHECK(where(x > 0.0f, x, 0).to_host() == std::vector<float>{1, 0, 3});
    static_assert(std::is_same_v<lockstep::value_t<decltype(where(x > 0.0f, 0, x))>, float>);
    static_assert(std::is_same_v<lockstep::value_t<decltype(where(x > 0.0f, k, x))>, float>);
    CHECK(where(x > 0.0f, 1, 0).to_host() == std::vector<int>{1, 0, 1});
    CHECK(where(k, 1, 2.5).to_host() == std::vector<double>{1, 1, 1});
    CHECK(where(lockstep::any(x > 2.0f), k, 0).to_host() == std::vector<int>{10, 20, 30});  // one condition for all
  });
}

TEST_CASE("cast, clamp and fma") {
  for_each_device([](device const& dev) {
    array<float> const x(dev, {1.75f, -2.5f, 100, NAN});
    CHECK(lockstep::cast<int>(x.slice(0, 3)).to_host() == std::vector<int>{1, -2, 100});
    CHECK(lockstep::cast<bool>(x).to_host() == std::vector<bool>{true, true, true, true});
    CHECK(difference(clamp(x, -1, 2).to_host(), std::vector<float>{1.75f, -1, 2, NAN}) == "");
    array<float> const low(dev, {0, 0, 0, 0});
    CHECK(difference(clamp(x, low, low + 1.0f).to_host(), std::vector<float>{1, 0, 1, NAN}) == "");
    CHECK(fma(x.slice(0, 2), 2, low.slice(0, 2) + 1.0f).to_host() == std::vector<float>{4.5f, -4});
    float const e = 1 + 0x1p-12f;  // e * e - 1 loses bits unless it is rounded once
    array<float> const y = lockstep::full<float>(dev, 3, e);
    CHECK(fma(y, y, -1).to_host() == std::vector<float>(3, std::fma(e, e, -1.0f)));
  });
}

TEST_CASE("map calls user functions of one to six arguments") {
  for_each_device([](device const& dev) {
    auto const va = random_values<float>(length, 1), vb = random_values<float>(length, 2);
    array<float> const a(dev, va), b(dev, vb);
    std::vector<float> expected[6];
    for (std::size_t i = 0; i < length; ++i) {
      float const x = va[i], y = vb[i];
      expected[0].push_back(2 * x);
      expected[1].push_back(3 * x + 1);
      expected[2].push_back(x > y ? y : 0.5f);
      expected[3].push_back(x * y - y * 2);
      expected[4].push_back(x + y + 1 + x + y);
      expected[5].push_back(x + 2 * y + 3 * 1 + 4 * x + 5 * y + 6 * 2);
    }
    CHECK(difference(lockstep::map(twice, a).to_host(), expected[0]) == "");
    CHECK(difference(lockstep::map(line, a, 3).to_host(), expected[1]) == "");
    CHECK(difference(lockstep::map(pick3, a, b, 0.5).to_host(), expected[2]) == "");
    CHECK(difference(lockstep::map(mix4, a, b, b, 2).to_host(), expected[3]) == "");
    CHECK(difference(lockstep::map(sum5, a, b, 1, a, b).to_host(), expected[4]) == "");
    CHECK(difference(lockstep::map(order6, a, b, 1, a, b, 2).to_host(), expected[5]) == "");
    CHECK(lockstep::to_text(lockstep::map(line, a + b, 3)).find("line((float[1003] + float[1003]), ") == 0);
    static_assert(line(2, 3) == 7);  // an ordinary function, too
  });
}

TEST_CASE("map with function objects that carry values and with structs") {
  for_each_device([](device const& dev) {
    array<float> const x(dev, {1, 2, 3});
    CHECK(lockstep::map(affine{2, 0.5f}, x).to_host() == std::vector<float>{2.5f, 4.5f, 6.5f});
    array<point> const points = lockstep::map(make_point{}, x, x + 1.0f);
    CHECK(points.to_host()[2].y == 4);
    CHECK(lockstep::map(norm_squared{}, points).to_host() == std::vector<float>{5, 13, 25});
    CHECK(float(lockstep::sum(lockstep::map(norm_squared{}, points))) == 43);
    CHECK(lockstep::map(norm_squared{}, neighbor(points, 1, lockstep::boundary::zero)).to_host() ==
          std::vector<float>{13, 25, 0});
  });
}

TEST_CASE("a value far from zero changes neither sine nor cosine of those beside it, also in place") {
  for_each_device([](device const& dev) {
    std::vector<float> values(3000);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) * 0.37f - 500;
    array<float> const near(dev, values);
    std::vector<float> const expected = (lockstep::exp(lockstep::cos(near)) * lockstep::sin(near)).to_host();
    for (float far : {3e5f, -1e30f, INFINITY, NAN})
      for (std::size_t place : {0, 1023, 1024, 2999}) {
        std::vector<float> with_far = values;
        with_far[place] = far;
        array<float> x(dev, with_far);
        x = lockstep::exp(lockstep::cos(x)) * lockstep::sin(x);
        std::vector<float> found = x.to_host();
        double const exact = std::exp(std::cos(double(far))) * std::sin(double(far));
        CHECK((std::isnan(exact) ? std::isnan(found[place]) : std::abs(found[place] - exact) < 1e-6));
        found[place] = expected[place];
        CHECK(found == expected);
      }
  });
}

}  // namespace functions_tests
