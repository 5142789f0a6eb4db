// Texts of messages: strings and integers put together in one place, out of the way of the code that runs.
#pragma once

#include <concepts>
#include <cstdio>
#include <cstring>
#include <initializer_list>
#include <string>

namespace lockstep {

/// A part of a message: a string, which must outlive it, an integer, or something that writes itself. Three words and
/// no more: they are what a place that throws has to put together.
struct text_piece {
  using number = unsigned long long;
  using writer = void (*)(std::string& to, void const* what, number n);
  writer write;
  void const* what;
  number n;

  text_piece(char const* text) : text_piece(write_text, text, std::strlen(text)) {}
  text_piece(std::string const& text) : text_piece(write_text, text.data(), text.size()) {}
  text_piece(writer w, void const* it, number number_of = 0) : write(w), what(it), n(number_of) {}
  template <std::integral I>
  text_piece(I value) : text_piece(write_number, nullptr, static_cast<number>(value)) {
    if constexpr (std::signed_integral<I>)
      if (value < 0) write = write_negative, n = 0 - n;
  }

 private:
  [[gnu::cold]] static void write_text(std::string& to, void const* text, number size) {
    to.append(static_cast<char const*>(text), size);
  }
  [[gnu::cold]] static void write_number(std::string& to, void const*, number n) {
    char digits[24];
    to.append(digits, static_cast<std::size_t>(std::snprintf(digits, sizeof digits, "%llu", n)));
  }
  [[gnu::cold]] static void write_negative(std::string& to, void const*, number n) {
    to.append(1, '-');
    write_number(to, nullptr, n);
  }
};

/// Appends the pieces one after another, integers in decimal.
[[gnu::cold, gnu::noinline]] inline void append_text(std::string& to, std::initializer_list<text_piece> pieces) {
  for (text_piece const& piece : pieces) piece.write(to, piece.what, piece.n);
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
