// Inputs that repeat by seed, and comparisons that say where two results part.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <sstream>
#include <string>
#include <vector>

namespace lockstep::test {

/// splitmix64: a small generator whose numbers are the same everywhere.
class generator {
 public:
  explicit generator(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  /// From 0 to n - 1.
  std::int64_t below(std::int64_t n) { return static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(n)); }
  /// In [low, high).
  double between(double low, double high) { return low + (high - low) * static_cast<double>(next() >> 11) * 0x1p-53; }

 private:
  std::uint64_t state_;
};

/// n values in [low, high), rounded toward zero for integers. Floating ones are multiples of 1/64, so that the products
/// and sums of a few are exact, with or without fused multiply-add.
template <class T>
std::vector<T> random_values(std::size_t n, std::uint64_t seed, double low = -10, double high = 10) {
  generator random(seed);
  std::vector<T> values(n);
  for (std::size_t i = 0; i < n; ++i)
    if constexpr (std::is_same_v<T, bool>)
      values[i] = random.next() & 1;
    else if constexpr (std::is_floating_point_v<T>)
      values[i] = static_cast<T>(std::floor(random.between(low, high) * 64) / 64);
    else
      values[i] = static_cast<T>(random.between(low, high));
  return values;
}

/// (By a stream: g++ 12 warns of strings that are added to literals where it inlines all of it.)
inline std::string differs_at(std::size_t i, double found, double expected) {
  std::ostringstream text;
  text.precision(17);
  text << '[' << i << "] is " << found << ", expected " << expected;
  return text.str();
}

/// "" when both hold the same values, a NaN being equal to a NaN; otherwise where they first differ.
template <class A, class B>
std::string difference(std::vector<A> const& found, std::vector<B> const& expected) {
  if (found.size() != expected.size())
    return std::to_string(found.size()) + " values, expected " + std::to_string(expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    A const f = found[i];
    B const e = expected[i];
    if (f != e && !(f != f && e != e)) return differs_at(i, double(f), double(e));
  }
  return "";
}

/// "" when every value is within `tolerance` of the expected one, relative to the larger of it and `scale`.
template <class A>
std::string far_from(std::vector<A> const& found, std::vector<double> const& expected, double tolerance,
                     double scale = 1) {
  if (found.size() != expected.size()) return difference(found, expected);
  for (std::size_t i = 0; i < found.size(); ++i) {
    double const f = double(found[i]), e = expected[i];
    bool const same = f == e || (f != f && e != e);
    if (!same && !(std::abs(f - e) <= tolerance * std::max(scale, std::abs(e)))) return differs_at(i, f, e);
  }
  return "";
}

/// True when two values have the same bits.
template <class T>
bool same_bits(T const& a, T const& b) {
  return std::memcmp(&a, &b, sizeof(T)) == 0;
}
template <class T>
bool same_bits(std::vector<T> const& a, std::vector<T> const& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

/// What f() throws as an E; fails the expectation "" otherwise.
template <class E, class F>
std::string message_of(F&& f) {
  try {
    f();
  } catch (E const& e) {
    return e.what();
  }
  return "";
}
inline bool contains(std::string const& text, std::string const& part) { return text.find(part) != std::string::npos; }

}  // namespace lockstep::test
