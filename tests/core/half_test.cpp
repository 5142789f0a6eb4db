// Runs on: cpu
// half and bfloat16 against the definition of their formats, over all patterns and around every rounding; in
// expressions.
#include <doctest/doctest.h>

#include <cmath>
#include <complex>
#include <limits>
#include <lockstep/lockstep.hpp>

#include "support/devices.hpp"
#include "support/values.hpp"

namespace half_tests {

using lockstep::array, lockstep::bfloat16, lockstep::device, lockstep::half;
using lockstep::test::difference, lockstep::test::for_each_device, lockstep::test::random_values;

/// The value of a pattern by the format's definition.
double value_of(unsigned bits, int exponent_bits, int mantissa_bits) {
  int const bias = (1 << (exponent_bits - 1)) - 1;
  auto const mantissa = static_cast<int>(bits & ((1u << mantissa_bits) - 1));
  auto const exponent = static_cast<int>((bits >> mantissa_bits) & ((1u << exponent_bits) - 1));
  double const sign = bits & 0x8000u ? -1 : 1, scale = std::ldexp(1.0, -mantissa_bits);
  if (exponent == (1 << exponent_bits) - 1) return mantissa ? NAN : sign * INFINITY;
  if (exponent == 0) return sign * std::ldexp(mantissa * scale, 1 - bias);
  return sign * std::ldexp(1 + mantissa * scale, exponent - bias);
}

template <class H>
void check_format(int exponent_bits, int mantissa_bits) {
  std::size_t wrong = 0;
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    H value;
    value.bits = static_cast<std::uint16_t>(bits);
    double const expected = value_of(bits, exponent_bits, mantissa_bits);
    float const found = value;
    if (expected != expected)
      wrong += found == found || H(found) == H(found);
    else
      wrong += found != expected || std::signbit(found) != std::signbit(expected) || H(found).bits != bits;
  }
  CHECK(wrong == 0);
  // Between two neighbors: the nearer one, in the middle the one that is even. Up to half a step beyond the largest.
  for (unsigned bits = 0; bits < (((1u << exponent_bits) - 1) << mantissa_bits) - 1; ++bits) {
    float const low = static_cast<float>(value_of(bits, exponent_bits, mantissa_bits));
    float const high = static_cast<float>(value_of(bits + 1, exponent_bits, mantissa_bits));
    float const middle = low + (high - low) / 2;
    wrong += H(middle).bits != (bits & 1 ? bits + 1 : bits);
    wrong += H(std::nextafter(middle, 0.0f)).bits != bits ||
             H(-std::nextafter(middle, INFINITY)).bits != (0x8000u | (bits + 1));
  }
  CHECK(wrong == 0);
}

TEST_CASE("half is binary16") {
  check_format<half>(5, 10);
  CHECK(half(65519.0f).bits == 0x7bff);
  CHECK(half(65520.0f).bits == 0x7c00);
  CHECK(half(-INFINITY).bits == 0xfc00);
}
TEST_CASE("bfloat16 is the upper half of a float") { check_format<bfloat16>(8, 7); }

TEST_CASE("expressions compute with them as floats") {
  for_each_device([](device const& dev) {
    auto const values = random_values<float>(5003, 1, -2, 2);  // multiples of 1/64: exact in both
    array<half> x(dev, values.size()), y(dev, values.size());
    array<bfloat16> z(dev, values.size());
    x = array<float>(dev, values);
    z = array<float>(dev, values);
    std::vector<float> expected(values), roots(values);
    double sum = 0;
    for (float& v : expected) v = v * v * 2 + 0.5f;
    for (float& v : roots) v = std::sqrt(std::abs(v));
    for (float v : values) sum += v;
    CHECK(difference((x * x * 2.0 + 0.5f).to_host(), expected) == "");
    CHECK(difference((z * x * 2 + 0.5).to_host(), expected) == "");
    CHECK(difference(lockstep::sqrt(lockstep::abs(x)).to_host(), roots) == "");
    CHECK(float(lockstep::sum(x)) == doctest::Approx(sum).epsilon(1e-5));
    CHECK(float(lockstep::mean(z)) == doctest::Approx(sum / 5003).epsilon(1e-4));
    CHECK(float(lockstep::max(x)) == *std::max_element(values.begin(), values.end()));
    CHECK(lockstep::inclusive_scan(x).to_host()[1] == values[0] + values[1]);
    y = x * 3.0f;
    std::vector<float> tripled(values);
    for (float& v : tripled) v = half(v * 3);
    CHECK(difference(lockstep::cast<float>(y).to_host(), tripled) == "");
    static_assert(sizeof(half) == 2 && std::is_same_v<decltype(x * x)::value_type, float>);
  });
}

TEST_CASE("complex numbers are values as others are") {
  for_each_device([](device const& dev) {
    using complex = std::complex<float>;
    std::vector<complex> values;
    for (int i = 0; i < 9001; ++i) values.push_back({float(i % 7), float(i % 5) - 2});
    array<complex> const z(dev, values);
    complex sum = 0;
    std::size_t wrong = 0;
    auto const found = (z * z + z * 2.0f).to_host();
    for (std::size_t i = 0; i < values.size(); ++i) {
      wrong += found[i] != values[i] * values[i] + values[i] * 2.0f;
      sum += values[i];
    }
    CHECK(wrong == 0);
    CHECK(complex(lockstep::sum(z)) == sum);
    CHECK(lockstep::inclusive_scan(z).to_host().back() == sum);
    CHECK(lockstep::reverse(z).to_host().front() == values.back());
  });
}

}  // namespace half_tests
