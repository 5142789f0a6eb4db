// Floating numbers as NumPy writes them in an array: the shortest digits that tell a value from its neighbors, cut at a
// precision, in one notation and with one place of the decimal point for all.
#pragma once

#include <vector>

#include "../core/owned_array.hpp"
#include "print_decimal.hpp"
#include "print_options.hpp"

namespace lockstep::printing {

/// Values of any floating type. (A std::vector is constexpr, which nvcc would compile for GPUs, where long double is
/// none.)
using number_list = fixed_array<long double>;

/// A finite number in parts, to be aligned with others; `exponent` ("+05") is empty in fixed notation.
struct number_text {
  std::string whole, fraction, exponent;
};

inline char const* sign_of(long double value, bool plus) { return __builtin_signbit(value) ? "-" : plus ? "+" : ""; }

/// A precision that cuts nothing; the places before the point that no digit is needed for are then 0.
inline constexpr int all_places = std::numeric_limits<int>::max();

template <class = void>
[[gnu::cold, gnu::noinline]] number_text in_fixed(long double value, int precision, float_kind const& kind, bool plus) {
  long double const size = __builtin_fabsl(value);
  decimal d = shortest(size, kind);
  if (static_cast<int>(d.digits.size()) - 1 - d.exponent > precision) d = with_places(size, precision);
  number_text text{sign_of(value, plus), "", ""};
  if (d.exponent < 0) {
    text.whole += "0";
    text.fraction = std::string(static_cast<std::size_t>(-d.exponent - 1), '0') + d.digits;
  } else {
    auto const whole = static_cast<std::size_t>(d.exponent) + 1;
    if (d.digits.size() < whole && precision != all_places) d = with_places(size, 0);
    d.digits.resize(std::max(whole, d.digits.size()), '0');
    text.whole.append(d.digits, 0, whole);
    text.fraction = d.digits.substr(whole);
  }
  trim_zeros(text.fraction, 0);
  return text;
}

template <class = void>
number_text scientific_text(long double value, decimal const& d, bool plus) {
  number_text text{sign_of(value, plus) + d.digits.substr(0, 1), d.digits.substr(1), ""};
  append_text(text.exponent, {d.exponent < 0 ? "-" : "+", std::abs(d.exponent) < 10 ? "0" : "", std::abs(d.exponent)});
  return text;
}
template <class = void>
[[gnu::cold, gnu::noinline]] number_text in_scientific(long double value, int precision, float_kind const& kind,
                                                       bool plus) {
  long double const size = __builtin_fabsl(value);
  decimal d = shortest(size, kind);
  if (static_cast<int>(d.digits.size()) - 1 > precision) d = with_digits(size, precision + 1);
  trim_zeros(d.digits, 1);
  return scientific_text(value, d, plus);
}

/// NumPy's rule (before 2.3, where the first limit came to depend on the type), computed in the type as there: from
/// 1e8, below 1e-4, or when the largest is more than 1000 times the smallest.
template <class = void>
[[gnu::cold, gnu::noinline]] bool wants_scientific(number_list const& values, float_kind const& kind, bool suppress) {
  long double low = 0, high = 0;
  for (long double value : values) {
    long double const size = __builtin_fabsl(value);
    if (!__builtin_isfinite(value) || size == 0) continue;
    if (low == 0 || size < low) low = size;
    if (size > high) high = size;
  }
  if (low == 0) return false;
  return high >= 1e8L || (!suppress && (low < kind.rounded(1e-4L) || kind.rounded(high / low) > 1000));
}

template <class = void>
std::string padded_left(std::string const& text, std::size_t width, char fill = ' ') {
  return text.size() < width ? std::string(width - text.size(), fill) + text : text;
}

template <class = void>
[[gnu::cold, gnu::noinline]] std::string not_finite_text(long double value, bool plus) {
  return __builtin_isnan(value) ? (plus ? "+nan" : "nan") : std::string(sign_of(value, plus)) + "inf";
}

/// All of an array's values, aligned: the words are equally wide. `plus`: positive ones have a sign, too.
template <class = void>
[[gnu::cold, gnu::noinline]] std::vector<std::string> float_words(number_list const& values, float_kind const& kind,
                                                                  print_options const& options, bool plus) {
  bool const scientific = wants_scientific(values, kind, options.suppress);
  std::size_t whole = 0, fraction = 0, exponent = 0, not_finite = 0;
  fixed_array<number_text> texts(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!__builtin_isfinite(values[i])) {
      bool const with_sign = plus || (!__builtin_isnan(values[i]) && values[i] < 0);
      not_finite = std::max<std::size_t>(not_finite, with_sign ? 4 : 3);
      continue;
    }
    texts[i] = (scientific ? in_scientific<> : in_fixed<>)(values[i], options.precision, kind, plus);
    whole = std::max(whole, texts[i].whole.size());
    fraction = std::max(fraction, texts[i].fraction.size());
    exponent = std::max(exponent, texts[i].exponent.size());
  }
  std::size_t const right = fraction + 1 + (scientific ? exponent + 1 : 0);
  std::size_t const width = std::max(whole + right, not_finite);
  std::vector<std::string> words;
  for (std::size_t i = 0; i < values.size(); ++i) {
    number_text& text = texts[i];
    if (!__builtin_isfinite(values[i])) {
      words.push_back(padded_left(not_finite_text(values[i], plus), width));
      continue;
    }
    if (scientific && text.fraction.size() < fraction)  // as many digits as the others have, of the exact value
      text = scientific_text(values[i], with_digits(__builtin_fabsl(values[i]), static_cast<int>(fraction) + 1), plus);
    text.fraction.resize(fraction, ' ');
    std::string word = padded_left(text.whole, width - right) + "." + text.fraction;
    if (scientific) word += "e" + text.exponent.substr(0, 1) + padded_left(text.exponent.substr(1), exponent - 1, '0');
    words.push_back(std::move(word));
  }
  return words;
}

/// One value that stands alone, with all digits that it needs; `point`: "1.0" and not "1".
template <class = void>
[[gnu::cold, gnu::noinline]] std::string float_alone(long double value, float_kind const& kind, bool plus = false,
                                                     bool point = true) {
  if (!__builtin_isfinite(value)) return not_finite_text(value, plus);
  long double const size = __builtin_fabsl(value);
  bool const scientific = size != 0 && (size >= 1e16L || size < 1e-4L);
  number_text const text = (scientific ? in_scientific<> : in_fixed<>)(value, all_places, kind, plus);
  std::string word = text.whole;
  if (!text.fraction.empty()) word += "." + text.fraction;
  if (scientific) return word + "e" + text.exponent;
  return point && text.fraction.empty() ? word + ".0" : word;
}

/// A complex number that stands alone: "(1+2j)", "2j" when its real part is 0.
template <class = void>
[[gnu::cold, gnu::noinline]] std::string complex_alone(long double real, long double imaginary,
                                                       float_kind const& kind) {
  if (real == 0 && !__builtin_signbit(real)) return float_alone(imaginary, kind, false, false) + "j";
  return "(" + float_alone(real, kind, false, false) + float_alone(imaginary, kind, true, false) + "j)";
}

/// "1.5+2.j ": the j stands before the blanks that align the imaginary parts.
template <class = void>
[[gnu::cold, gnu::noinline]] std::vector<std::string> joined_complex(std::vector<std::string> real,
                                                                     std::vector<std::string> const& imaginary) {
  for (std::size_t i = 0; i < real.size(); ++i) {
    real[i] += imaginary[i];
    real[i].insert(real[i].find_last_not_of(' ') + 1, 1, 'j');
  }
  return real;
}

}  // namespace lockstep::printing
