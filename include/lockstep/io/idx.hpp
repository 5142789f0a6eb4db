// Reads and writes IDX files, the format of MNIST and Fashion-MNIST: a big-endian header, then the values, row-major.
// Format: bytes 0 0, a type code, the number of axes, one 32-bit extent per axis (http://yann.lecun.com/exdb/mnist).
#pragma once

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "../core/config.hpp"
#include "input.hpp"
#include "output.hpp"

namespace lockstep::io {

/// The type codes of IDX files.
enum class idx_type : std::uint8_t {
  uint8 = 0x08,
  int8 = 0x09,
  int16 = 0x0b,
  int32 = 0x0c,
  float32 = 0x0d,
  float64 = 0x0e
};

/// A C++ type that IDX files can hold.
template <class T>
concept idx_value = std::same_as<T, std::uint8_t> || std::same_as<T, std::int8_t> || std::same_as<T, std::int16_t> ||
    std::same_as<T, std::int32_t> || std::same_as<T, float> || std::same_as<T, double>;

/// What an IDX file holds: `values` row-major, as many as the product of `extents`.
template <idx_value T>
struct idx_array {
  std::vector<index> extents;
  std::vector<T> values;
};

namespace detail {

template <idx_value T>
constexpr idx_type idx_type_of() {
  if constexpr (std::same_as<T, std::uint8_t>) return idx_type::uint8;
  if constexpr (std::same_as<T, std::int8_t>) return idx_type::int8;
  if constexpr (std::same_as<T, std::int16_t>) return idx_type::int16;
  if constexpr (std::same_as<T, std::int32_t>) return idx_type::int32;
  if constexpr (std::same_as<T, float>) return idx_type::float32;
  return idx_type::float64;
}

inline std::string idx_type_name(unsigned code) {
  switch (static_cast<idx_type>(code)) {
    case idx_type::uint8:
      return "unsigned 8-bit integers";
    case idx_type::int8:
      return "signed 8-bit integers";
    case idx_type::int16:
      return "16-bit integers";
    case idx_type::int32:
      return "32-bit integers";
    case idx_type::float32:
      return "32-bit floating-point numbers";
    case idx_type::float64:
      return "64-bit floating-point numbers";
  }
  return "the unknown type code " + std::to_string(code);
}

inline void check_idx_magic(input& file, unsigned char const (&magic)[4], idx_type expected) {
  if (magic[0] != 0 || magic[1] != 0)
    throw format_error(file.name(), 0,
                       "found the bytes " + std::to_string(magic[0]) + " " + std::to_string(magic[1]) +
                           ", expected 0 0: this is not an IDX file");
  if (magic[2] != static_cast<unsigned>(expected))
    throw format_error(
        file.name(), 2,
        "found " + idx_type_name(magic[2]) + ", expected " + idx_type_name(static_cast<unsigned>(expected)));
}

inline void check_idx_rank(input& file, std::size_t found, std::size_t expected) {
  if (found != expected)
    throw format_error(file.name(), 3,
                       "found " + std::to_string(found) + " axes, expected " + std::to_string(expected));
}

// The number of values, checked against what the file can hold before anything of that size is allocated.
inline std::size_t idx_count(input& file, std::vector<index> const& extents, std::size_t value_size) {
  if (std::find(extents.begin(), extents.end(), index{0}) != extents.end()) return 0;
  std::uint64_t const most = file.size_limit() / value_size;
  std::uint64_t count = 1;
  for (std::size_t axis = 0; axis < extents.size(); ++axis) {
    auto const extent = static_cast<std::uint64_t>(extents[axis]);
    if (count > most / extent)
      throw format_error(
          file.name(), 4 + 4 * axis,
          "the extents ask for more values than the file can hold, which is at most " + std::to_string(most));
    count *= extent;
  }
  return count;
}

inline std::vector<index> read_idx_extents(input& file, std::size_t rank) {
  std::vector<index> extents;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    unsigned char bytes[4] = {};
    file.read(bytes, 4, "the extent of axis " + std::to_string(axis));
    extents.push_back(index{bytes[0]} << 24 | index{bytes[1]} << 16 | index{bytes[2]} << 8 | index{bytes[3]});
  }
  return extents;
}

// Turns big-endian values into this machine's and back.
template <class T>
void swap_idx_bytes(std::span<T> values) {
  if constexpr (sizeof(T) > 1 && std::endian::native == std::endian::little)
    for (T& value : values) {
      auto* bytes = reinterpret_cast<unsigned char*>(&value);
      std::reverse(bytes, bytes + sizeof(T));
    }
}

}  // namespace detail

/// Reads an IDX file, plain or packed with gzip, that holds values of type `T` along `rank` axes.
/// Throws lockstep::error when it cannot be opened; format_error when it is no IDX file, holds another type or number
/// of axes, is cut off, damaged, or longer than its header says.
template <idx_value T>
idx_array<T> read_idx(std::string const& path, std::size_t rank) {
  input file(path);
  unsigned char magic[4] = {};
  file.read(magic, 4, "an IDX header");
  detail::check_idx_magic(file, magic, detail::idx_type_of<T>());
  detail::check_idx_rank(file, magic[3], rank);
  idx_array<T> result{detail::read_idx_extents(file, rank), {}};
  result.values.resize(detail::idx_count(file, result.extents, sizeof(T)));
  file.read(result.values.data(), result.values.size() * sizeof(T), "values");
  file.expect_end();
  detail::swap_idx_bytes(std::span<T>(result.values));
  return result;
}

/// Writes an IDX file, not packed. `values` holds the product of `extents`; each extent fits 32 bits, or shape_error.
template <idx_value T>
void write_idx(std::string const& path, std::vector<index> const& extents, std::span<T const> values) {
  std::vector<unsigned char> header = {0, 0, static_cast<unsigned char>(detail::idx_type_of<T>()),
                                       static_cast<unsigned char>(extents.size())};
  index count = 1;
  for (index extent : extents) {
    if (extent < 0 || extent > 0xffffffff)
      throw shape_error("write_idx: found the extent " + std::to_string(extent) + ", expected 0 to 4294967295");
    for (int shift = 24; shift >= 0; shift -= 8) header.push_back(static_cast<unsigned char>(extent >> shift));
    count *= extent;
  }
  if (extents.size() > 255 || count != static_cast<index>(values.size()))
    throw shape_error("write_idx: found " + std::to_string(values.size()) + " values along " +
                      std::to_string(extents.size()) + " axes, whose extents ask for " + std::to_string(count));
  std::vector<T> swapped(values.begin(), values.end());
  detail::swap_idx_bytes(std::span<T>(swapped));
  replacement file(path);
  file.write(header.data(), header.size());
  file.write(swapped.data(), swapped.size() * sizeof(T));
  file.commit();
}

}  // namespace lockstep::io
