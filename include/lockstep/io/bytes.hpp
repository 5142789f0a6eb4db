// Numbers as the bytes of a file, and the check sum of bytes.
#pragma once

#include <zlib.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace lockstep::io::detail {

static_assert(std::endian::native == std::endian::little, "files are written as this machine stores values");

/// CRC-32 of bytes, going on from that of those before.
inline std::uint32_t crc(unsigned char const* bytes, std::size_t count, std::uint32_t before = 0) {
  return count == 0 ? before : static_cast<std::uint32_t>(crc32_z(before, bytes, count));  // zlib forgets at nullptr
}

/// Appends a number, little-endian.
template <class T>
void append(std::vector<unsigned char>& to, T value) {
  std::size_t const at = to.size();
  to.resize(at + sizeof(T));  // g++ 12 gives false alarms about insert
  std::memcpy(to.data() + at, &value, sizeof(T));
}

/// The little-endian number at `bytes`.
template <class T>
T number_at(unsigned char const* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

}  // namespace lockstep::io::detail
