// The header of an .npy file, read and written, and what it says in words.
// Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "bytes.hpp"
#include "npy_parser.hpp"

namespace lockstep::io {

/// "float32", "big-endian int16", "byte strings (dtype '|S10')".
[[gnu::cold, gnu::noinline]] inline std::string npy_type_name(npy_header const& header) {
  std::string const bits = std::to_string(8 * header.item_bytes), other = header.swapped ? "big-endian " : "";
  switch (header.item_bytes == 0 ? 'V' : header.kind) {
    case 'b':
      return "bool";
    case 'i':
      return other + "int" + bits;
    case 'u':
      return other + "uint" + bits;
    case 'f':
      return other + "float" + bits;
    case 'c':
      return other + "complex" + bits;
  }
  char const* const what = header.kind == 'O'                         ? "Python objects"
                           : header.kind == 'S' || header.kind == 'U' ? "strings"
                           : header.kind == 'M' || header.kind == 'm' ? "dates or times"
                           : header.dtype.starts_with("[")            ? "records"
                                                                      : "raw bytes";
  return text_of({what, " (dtype ", header.dtype.starts_with("[") ? "" : "'", header.dtype,
                  header.dtype.starts_with("[") ? ")" : "')"});
}

/// "float32 of shape (3, 4) in Fortran order".
[[gnu::cold, gnu::noinline]] inline std::string to_string(npy_header const& header) {
  return npy_type_name(header) + " of shape " + lockstep::to_string(header.shape.data(), header.shape.size()) +
         (header.fortran_order ? " in Fortran order" : "");
}

namespace detail {

inline constexpr unsigned char npy_magic[6] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

/// Bytes of the values of this shape. Throws format_error for more than 2^63.
inline std::uint64_t npy_bytes(std::string const& file, npy_header const& header) {
  std::int64_t bytes = static_cast<std::int64_t>(header.item_bytes);
  bool none = false;
  for (index extent : header.shape) {
    none = none || extent == 0;
    if (extent != 0 && __builtin_mul_overflow(bytes, extent, &bytes))
      throw format_error(file, header.shape_offset,
                         text_of({"found the shape ", lockstep::to_string(header.shape.data(), header.shape.size()),
                                  ", expected one of at most 2^63 bytes: the .npy header is damaged"}));
  }
  return none ? 0 : static_cast<std::uint64_t>(bytes);
}

/// Reads the header from a file or a member of an archive, up to the first value. Throws format_error.
template <class Source>
npy_header read_npy_header(Source& file) {
  unsigned char start[12] = {};
  file.read(start, 8, "an .npy header");
  std::string const name = file.name();
  if (std::memcmp(start, npy_magic, sizeof npy_magic) != 0)
    throw format_error(name, 0, "found other bytes than \\x93NUMPY, expected those: this is not an .npy file");
  if (start[6] < 1 || start[6] > 3 || start[7] != 0)
    throw format_error(
        name, 6, text_of({"found the .npy format version ", start[6], ".", start[7], ", expected 1.0, 2.0 or 3.0"}));
  std::size_t const length_bytes = start[6] == 1 ? 2 : 4;
  file.read(start + 8, length_bytes, "the length of an .npy header");
  auto const length = number_at<std::uint32_t>(start + 8);
  std::uint64_t const left = file.size_limit() > file.offset() ? file.size_limit() - file.offset() : 0;
  if (length > left)
    throw format_error(name, 8,
                       text_of({"found the header length ", length, ", expected at most ", left,
                                ", which is what is left of the file"}));
  std::string text(length, ' ');
  npy_header header;
  header.version = start[6];
  std::uint64_t const begin = file.offset();
  file.read(text.data(), length, "an .npy header");
  npy_header_parser(name, text, begin).parse(header);
  header.data_offset = file.offset();
  npy_bytes(name, header);
  return header;
}

/// A whole header, from the magic bytes on, of the lowest version that its length fits.
inline std::vector<unsigned char> encode_npy_header(std::string const& dtype, std::string const& shape) {
  std::string text = "{'descr': '" + dtype + "', 'fortran_order': False, 'shape': " + shape + ", }";
  bool const first = text.size() + 64 <= 0xffff;
  std::size_t const before = first ? 10 : 12;
  text.append(63 - (before + text.size()) % 64, ' ').push_back('\n');  // the values begin at a multiple of 64
  std::vector<unsigned char> bytes(npy_magic, npy_magic + sizeof npy_magic);
  append(bytes, static_cast<std::uint16_t>(first ? 1 : 2));
  first ? append(bytes, static_cast<std::uint16_t>(text.size()))
        : append(bytes, static_cast<std::uint32_t>(text.size()));
  bytes.insert(bytes.end(), text.begin(), text.end());
  return bytes;
}

}  // namespace detail
}  // namespace lockstep::io
