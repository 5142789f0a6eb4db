// .npy files and zip archives put together by hand, byte by byte, as their formats say.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <cstring>
#include <string>

#include "temporary_folder.hpp"

namespace support {

/// Appends the bytes of a text or of another sequence.
template <class Bytes>
void append(bytes& to, Bytes const& more) {
  to.insert(to.end(), more.begin(), more.end());
}
/// Appends `count` bytes of a number, the lowest first.
inline void append_number(bytes& to, std::uint64_t value, int count) {
  for (int k = 0; k < count; ++k) to.push_back(static_cast<unsigned char>(value >> (8 * k)));
}

/// An .npy file: magic, version, the header's length in 2 or 4 bytes, the dict, the values.
inline bytes npy_file(int version, std::string const& dict, bytes const& values) {
  bytes file = {0x93, 'N', 'U', 'M', 'P', 'Y', static_cast<unsigned char>(version), 0};
  append_number(file, dict.size(), version == 1 ? 2 : 4);
  append(file, dict);
  append(file, values);
  return file;
}
inline std::string npy_dict(std::string const& dtype, std::string const& order, std::string const& shape) {
  return "{'descr': '" + dtype + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
}

/// The bytes of values as they lie in memory.
template <class T>
bytes bytes_of(std::vector<T> const& values) {
  bytes found(values.size() * sizeof(T));
  if (!found.empty()) std::memcpy(found.data(), values.data(), found.size());
  return found;
}
/// The same with those of each value from last to first.
template <class T>
bytes reversed_bytes_of(std::vector<T> const& values, std::size_t unit = sizeof(T)) {
  bytes found = bytes_of(values);
  for (std::size_t at = 0; at < found.size(); at += unit)
    for (std::size_t k = 0; k < unit / 2; ++k) std::swap(found[at + k], found[at + unit - 1 - k]);
  return found;
}

/// A raw deflate stream.
inline bytes deflated(bytes const& content) {
  z_stream stream = {};
  deflateInit2(&stream, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
  bytes packed(deflateBound(&stream, content.size()));
  stream.next_in = const_cast<Bytef*>(content.data());
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = packed.data();
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

struct member {
  std::string name;
  bytes content;
  bool packed = false;
  unsigned flags = 0;
};

/// A zip archive; with `zip64` all sizes and places stand in the fields of 64 bits, and with `comment` at its end.
inline bytes zip_file(std::vector<member> const& members, bool zip64 = false, std::string const& comment = "") {
  bytes file, directory;
  std::uint64_t const none = 0xffffffff;
  for (member const& m : members) {
    bytes const stored = m.packed ? deflated(m.content) : m.content;
    std::uint64_t const place = file.size();
    for (bytes* to : {&file, &directory}) {
      bool const central = to == &directory;
      append_number(*to, central ? 0x02014b50 : 0x04034b50, 4);
      if (central) append_number(*to, 45, 2);
      append_number(*to, 45, 2);
      append_number(*to, m.flags, 2);
      append_number(*to, m.packed ? 8 : 0, 2);
      append_number(*to, 0x00210000, 4);
      append_number(*to, crc32(0, m.content.data(), static_cast<uInt>(m.content.size())), 4);
      append_number(*to, zip64 ? none : stored.size(), 4);
      append_number(*to, zip64 ? none : m.content.size(), 4);
      append_number(*to, m.name.size(), 2);
      append_number(*to, zip64 ? central ? 28 : 20 : 0, 2);
      if (central) append_number(*to, 0, 8), append_number(*to, 0, 2), append_number(*to, zip64 ? none : place, 4);
      append(*to, m.name);
      if (!zip64) continue;
      append_number(*to, 1, 2);
      append_number(*to, central ? 24 : 16, 2);
      append_number(*to, m.content.size(), 8);
      append_number(*to, stored.size(), 8);
      if (central) append_number(*to, place, 8);
    }
    append(file, stored);
  }
  std::uint64_t const begin = file.size(), end = begin + directory.size();
  append(file, directory);
  if (zip64) {
    append_number(file, 0x06064b50, 4), append_number(file, 44, 8), append_number(file, 45, 2),
        append_number(file, 45, 2);
    append_number(file, 0, 8), append_number(file, members.size(), 8), append_number(file, members.size(), 8);
    append_number(file, directory.size(), 8), append_number(file, begin, 8);
    append_number(file, 0x07064b50, 4), append_number(file, 0, 4), append_number(file, end, 8),
        append_number(file, 1, 4);
  }
  append_number(file, 0x06054b50, 4), append_number(file, 0, 4);
  append_number(file, zip64 ? 0xffff : members.size(), 2), append_number(file, zip64 ? 0xffff : members.size(), 2);
  append_number(file, zip64 ? none : directory.size(), 4), append_number(file, zip64 ? none : begin, 4);
  append_number(file, comment.size(), 2);
  append(file, comment);
  return file;
}

}  // namespace support
