// Texts of messages: strings and integers put together in one place, out of the way of the code that runs.
#pragma once

#include <concepts>
#include <cstdio>
#include <cstring>
#include <initializer_list>
#include <string>

namespace lockstep {

/// A part of a message: a string, which must outlive it, or an integer.
struct text_piece {
  char const* text = nullptr;
  std::size_t size = 0;
  unsigned long long magnitude = 0;  ///< of an integer, which has no text
  bool negative = false;

  text_piece(char const* t) : text(t), size(std::strlen(t)) {}
  text_piece(std::string const& t) : text(t.data()), size(t.size()) {}
  template <std::integral I>
  text_piece(I value) : magnitude(static_cast<unsigned long long>(value)) {
    if constexpr (std::signed_integral<I>) negative = value < 0;
    if (negative) magnitude = 0 - magnitude;
  }
};

/// Appends the pieces one after another, integers in decimal.
[[gnu::cold, gnu::noinline]] inline void append_text(std::string& to, std::initializer_list<text_piece> pieces) {
  for (text_piece const& piece : pieces) {
    char digits[24];
    if (piece.text)
      to.append(piece.text, piece.size);
    else
      to.append(digits, static_cast<std::size_t>(
                            std::snprintf(digits, sizeof digits, piece.negative ? "-%llu" : "%llu", piece.magnitude)));
  }
}
/// Appends a floating number as std::to_string writes it.
[[gnu::cold, gnu::noinline]] inline void append_number(std::string& to, long double value) {
  char digits[5000];  // the largest has 4933 before the point
  to.append(digits, static_cast<std::size_t>(std::snprintf(digits, sizeof digits, "%Lf", value)));
}

/// The pieces as one string: `throw error(text_of({"found ", n, " values, expected ", m}))`. Compiles much faster than
/// a chain of `+` and std::to_string, and the code is in one place.
[[gnu::cold, gnu::noinline]] inline std::string text_of(std::initializer_list<text_piece> pieces) {
  std::string all;
  append_text(all, pieces);
  return all;
}

}  // namespace lockstep
