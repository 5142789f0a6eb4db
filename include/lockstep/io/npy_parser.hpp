// Reads the text of an .npy header, which is a Python dict, and says what is wrong with it.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "../core/error.hpp"
#include "../core/shape.hpp"

namespace lockstep::io {

/// What an .npy file says about its values.
struct npy_header {
  std::string dtype;           ///< as in the file, such as "<f4"; a structured one with its brackets
  char kind = 'V';             ///< b bool, i int, u uint, f float, c complex; others cannot be loaded
  std::size_t item_bytes = 0;  ///< of one value; 0 where the kind has no numbers
  bool swapped = false;        ///< the bytes of each number are in the other order than this machine's
  bool fortran_order = false;  ///< column-major
  std::vector<index> shape;
  int version = 1;                                                    ///< of the format
  std::uint64_t dtype_offset = 0, shape_offset = 0, data_offset = 0;  ///< where they are in the file, in bytes
};

namespace detail {

/// Reads the dict of a header: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
class npy_header_parser {
 public:
  /// `begin` is where the text lies in the file.
  npy_header_parser(std::string const& file, std::string const& text, std::uint64_t begin)
      : file_(file), text_(text), begin_(begin) {}

  /// Fills everything but version and data_offset. Throws format_error.
  void parse(npy_header& header) {
    static char const* const keys[] = {"descr", "fortran_order", "shape"};
    bool found[3] = {};
    expect('{', "a dict, which begins with {");
    while (!accept('}')) {
      std::size_t const at = next();
      std::string const key = quoted();
      std::size_t which = 0;
      while (which < 3 && key != keys[which]) ++which;
      if (which == 3 || found[which])
        fail(at, text_of({"found the key '", printable(key), which == 3 ? "'" : "' twice",
                          ", expected descr, fortran_order and shape, each once"}));
      found[which] = true;
      expect(':', "a colon");
      which == 0 ? dtype(header) : which == 1 ? order(header) : shape(header);
      if (!accept(',') && text_.compare(next(), 1, "}") != 0) fail(at_, "expected a comma or }");
    }
    for (int which = 0; which < 3; ++which)
      if (!found[which]) fail(0, text_of({"found no key '", keys[which], "' in the header, expected one"}));
    if (next() != text_.size()) fail(at_, "found more after the header's dict, expected blanks");
  }

 private:
  [[noreturn, gnu::cold, gnu::noinline]] void fail(std::size_t at, std::string const& problem) const {
    throw format_error(file_, begin_ + at, problem + ": the .npy header is damaged");
  }
  [[gnu::cold, gnu::noinline]] static std::string printable(std::string text) {
    if (text.size() > 40) text = text.substr(0, 40) + "...";
    for (char& c : text)
      if (c < ' ' || c > '~') c = '?';
    return text;
  }

  /// The place of the next character that is not blank.
  std::size_t next() {
    while (at_ < text_.size() && std::strchr(" \t\r\n", text_[at_]) && text_[at_] != '\0') ++at_;
    return at_;
  }
  bool accept(char c) {
    bool const here = next() < text_.size() && text_[at_] == c;
    at_ += here;
    return here;
  }
  void expect(char c, char const* what) {
    if (!accept(c)) fail(at_, text_of({"expected ", what}));
  }
  std::string quoted() {
    char const quote = next() < text_.size() ? text_[at_] : '\0';
    if (quote != '\'' && quote != '"') fail(at_, "expected a text in quotes");
    std::size_t const end = text_.find(quote, at_ + 1);
    if (end == std::string::npos) fail(at_, "found a text without its closing quote");
    std::string const inside = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return inside;
  }

  void dtype(npy_header& header) {
    header.dtype_offset = begin_ + next();
    if (at_ < text_.size() && text_[at_] == '[') return records(header);
    std::size_t const start = at_;
    header.dtype = printable(quoted());
    std::string rest = header.dtype;
    if (!rest.empty() && std::strchr("<>=|", rest[0])) rest.erase(0, 1);
    if (rest.empty() || !std::strchr("biufcSUVOMm", rest[0]))
      fail(start, text_of({"found the dtype '", header.dtype, "', expected one such as '<f4'"}));
    header.kind = rest[0];
    if (!std::strchr("biufc", header.kind)) return;
    static char const* const sizes[][2] = {
        {"b", " 1 "}, {"i", " 1 2 4 8 "}, {"u", " 1 2 4 8 "}, {"f", " 2 4 8 16 "}, {"c", " 8 16 32 "}};
    for (auto const& [kind, allowed] : sizes)
      if (*kind == header.kind && std::strstr(allowed, (" " + rest.substr(1) + " ").c_str()))
        header.item_bytes = std::stoul(rest.substr(1));
    if (header.item_bytes == 0)
      fail(start, text_of({"found the dtype '", header.dtype, "', expected a size that numbers have"}));
    header.swapped = header.dtype[0] == '>' && header.item_bytes > 1;
  }
  // A structured dtype is a list, which is only taken along.
  void records(npy_header& header) {
    std::size_t const start = at_;
    for (int depth = 0; at_ < text_.size();) {
      char const c = text_[at_];
      if (c == '\'' || c == '"') {
        quoted();
        continue;
      }
      ++at_;
      depth += (c == '[') - (c == ']');
      if (depth == 0) {
        header.dtype = printable(text_.substr(start, at_ - start));
        return;
      }
    }
    fail(start, "found a dtype without its closing ]");
  }
  void order(npy_header& header) {
    std::size_t const start = next();
    for (char const* word : {"True", "False"})
      if (text_.compare(start, std::strlen(word), word) == 0) {
        at_ += std::strlen(word);
        header.fortran_order = *word == 'T';
        return;
      }
    fail(start, "expected True or False after 'fortran_order'");
  }
  void shape(npy_header& header) {
    header.shape_offset = begin_ + next();
    expect('(', "a tuple, which begins with (");
    while (!accept(')')) {
      header.shape.push_back(extent());
      bool const comma = accept(',');
      if (comma) continue;
      if (next() >= text_.size() || text_[at_] != ')') fail(at_, "expected a comma or )");
      if (header.shape.size() == 1) fail(at_, "found one extent without a comma, expected a tuple such as (3,)");
    }
  }
  index extent() {
    std::size_t const start = next();
    if (start < text_.size() && text_[start] == '-') fail(start, "found a negative extent, expected at least 0");
    index value = 0;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_)
      if (__builtin_mul_overflow(value, index{10}, &value) || __builtin_add_overflow(value, text_[at_] - '0', &value))
        fail(start, "found an extent beyond 2^63");
    if (at_ == start) fail(start, "expected an extent");
    at_ += at_ < text_.size() && text_[at_] == 'L';  // Python 2 wrote large ones so
    return value;
  }

  std::string const& file_;
  std::string const& text_;
  std::uint64_t begin_;
  std::size_t at_ = 0;
};

}  // namespace detail
}  // namespace lockstep::io
