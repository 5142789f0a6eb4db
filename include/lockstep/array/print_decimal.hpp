// The fewest decimal digits that tell a floating number from its neighbors, and its correctly rounded digits. What
// prints is a template even where it needs no parameter, so that files that print nothing don't compile it.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>

#include "../core/algorithm.hpp"
#include "../core/half.hpp"
#include "../core/text.hpp"

namespace lockstep::printing {

/// What is to be known of a floating type, so that one function writes them all.
struct float_kind {
  int safe_digits;  ///< decimal digits that every normal value keeps
  int all_digits;   ///< as many as tell any two values apart
  long double smallest_normal;
  long double (*read)(char const* text);  ///< the value that the type reads
  long double (*rounded)(long double);    ///< to the type
};

/// (Functions, not lambdas: those are constexpr, too.)
template <class T>
long double rounded_to(long double value) {
  if constexpr (is_storage_float<T>)
    return static_cast<float>(T(static_cast<float>(value)));
  else
    return static_cast<T>(value);
}
template <class T>
long double read_as(char const* text) {
  if constexpr (is_storage_float<T>)
    return static_cast<float>(T(std::strtof(text, nullptr)));
  else if constexpr (std::is_same_v<T, float>)
    return std::strtof(text, nullptr);
  else if constexpr (std::is_same_v<T, double>)
    return std::strtod(text, nullptr);
  else
    return std::strtold(text, nullptr);
}

template <class T>
float_kind float_kind_of() {
  if constexpr (std::is_same_v<T, half>)
    return {3, 5, 0x1p-14L, read_as<T>, rounded_to<T>};
  else if constexpr (std::is_same_v<T, bfloat16>)
    return {2, 4, 0x1p-126L, read_as<T>, rounded_to<T>};
  else
    return {std::numeric_limits<T>::digits10, std::numeric_limits<T>::max_digits10, std::numeric_limits<T>::min(),
            read_as<T>, rounded_to<T>};
}

/// A positive number: its first digit, a point, the other digits, times 10 to the exponent.
struct decimal {
  std::string digits;
  int exponent = 0;
};

template <class = void>
[[gnu::cold, gnu::noinline]] std::string c_text(char const* format, int precision, long double value) {
  std::string text(static_cast<std::size_t>(std::snprintf(nullptr, 0, format, precision, value)) + 1, '\0');
  std::snprintf(text.data(), text.size(), format, precision, value);
  text.pop_back();
  return text;
}
template <class = void>
void trim_zeros(std::string& digits, std::size_t keep) {
  while (digits.size() > keep && digits.back() == '0') digits.pop_back();
}

/// `value`, not negative, rounded to so many digits, which no locale's decimal point disturbs.
template <class = void>
[[gnu::cold, gnu::noinline]] decimal with_digits(long double value, int count) {
  std::string const text = c_text("%.*Le", count - 1, value);
  std::size_t const end = text.find('e');
  decimal found;
  for (char c : text.substr(0, end))
    if (c >= '0' && c <= '9') found.digits += c;
  found.exponent = std::atoi(text.c_str() + end + 1);
  return found;
}
/// The same, rounded to so many places after the point.
template <class = void>
[[gnu::cold, gnu::noinline]] decimal with_places(long double value, int places) {
  decimal found;
  for (char c : c_text("%.*Lf", places, value))
    if (c >= '0' && c <= '9') found.digits += c;
  found.exponent = static_cast<int>(found.digits.size()) - 1 - places;
  std::size_t const zeros = std::min(found.digits.find_first_not_of('0'), found.digits.size() - 1);
  found.digits.erase(0, zeros);
  found.exponent -= static_cast<int>(zeros);
  if (found.digits == "0") found.exponent = 0;
  return found;
}

template <class = void>
bool reads_as(decimal const& d, long double value, float_kind const& kind) {
  int const last = d.exponent - static_cast<int>(d.digits.size()) + 1;
  return kind.read(text_of({d.digits, "e", last}).c_str()) == value;
}
/// d plus one in its last digit.
template <class = void>
decimal next_above(decimal d) {
  std::size_t at = d.digits.size();
  while (at > 0 && d.digits[at - 1] == '9') d.digits[--at] = '0';
  if (at > 0) {
    ++d.digits[at - 1];
  } else {
    d.digits = "1" + d.digits;
    ++d.exponent;
  }
  return d;
}

/// The fewest digits that the type reads as `value`, which is finite and not negative. A type's safe digits, less their
/// zeros, are the fewest where they suffice. Below a power of two values lie closer than above, so that the nearest
/// number of some digits may miss it where the one above does not.
template <class = void>
[[gnu::cold, gnu::noinline]] decimal shortest(long double value, float_kind const& kind) {
  if (value == 0) return {"0", 0};
  for (int count = value < kind.smallest_normal ? 1 : kind.safe_digits;; ++count) {
    decimal found = with_digits(value, count);
    bool good = count >= kind.all_digits || reads_as(found, value, kind);
    if (!good) {
      found = next_above(found);
      good = reads_as(found, value, kind);
    }
    if (!good) continue;
    trim_zeros(found.digits, 1);
    return found;
  }
}

}  // namespace lockstep::printing
