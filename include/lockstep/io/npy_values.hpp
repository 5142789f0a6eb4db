// The values of an .npy file: which C++ type they are, and how they come into row-major order in this machine's bytes.
#pragma once

#include <algorithm>
#include <complex>
#include <type_traits>

#include "../array/array.hpp"
#include "../core/half.hpp"
#include "npy_header.hpp"

namespace lockstep::io {

/// NumPy's letter for a C++ type: b, i, u, f or c; 0 when .npy files cannot hold it.
template <class T>
inline constexpr char npy_kind = std::is_same_v<T, bool>                                 ? 'b'
                                 : std::is_integral_v<T>&& std::is_signed_v<T>           ? 'i'
                                 : std::is_integral_v<T>                                 ? 'u'
                                 : std::is_same_v<T, float> || std::is_same_v<T, double> ? 'f'
                                 : std::is_same_v<T, half>                               ? 'f'
                                                                                         : '\0';
template <>
inline constexpr char npy_kind<std::complex<float>> = 'c';
template <>
inline constexpr char npy_kind<std::complex<double>> = 'c';

namespace detail {

template <class T>
constexpr void require_npy_type() {
  static_assert(!std::is_same_v<T, bfloat16>,
                "NumPy has no dtype for bfloat16: save cast<float>(x), and load float and cast that");
  static_assert(npy_kind<T> != 0, ".npy files hold bool, integers, half, float, double and std::complex of these two");
}

/// The header that an array of T has when it is written here.
template <class T>
std::string npy_dtype() {
  return text_of({sizeof(T) == 1 ? "|" : "<", std::string(1, npy_kind<T>), sizeof(T)});
}

/// Throws format_error unless the values are of this type along `rank` axes.
[[gnu::cold, gnu::noinline]] inline void require_npy(std::string const& file, npy_header const& header, char kind,
                                                     std::size_t item_bytes, std::size_t rank) {
  npy_header expected;
  expected.kind = kind;
  expected.item_bytes = item_bytes;
  if (header.kind != kind || header.item_bytes != item_bytes)
    throw format_error(file, header.dtype_offset,
                       text_of({"found ", to_string(header), ", expected ", npy_type_name(expected),
                                header.item_bytes == 0 ? "; save numbers instead" : "; load that type and cast it"}));
  if (header.shape.size() != rank)
    throw format_error(file, header.shape_offset,
                       text_of({"found ", to_string(header), ", which has ", header.shape.size(), " axes, expected ",
                                rank, "; npy_info says beforehand how many there are"}));
}

template <class Unsigned>
void reverse_bytes(void* values, std::size_t bytes) {
  auto* const first = static_cast<unsigned char*>(values);
  for (std::size_t at = 0; at < bytes; at += sizeof(Unsigned)) {
    auto value = number_at<Unsigned>(first + at);
    if constexpr (sizeof value == 2) value = __builtin_bswap16(value);
    if constexpr (sizeof value == 4) value = __builtin_bswap32(value);
    if constexpr (sizeof value == 8) value = __builtin_bswap64(value);
    std::memcpy(first + at, &value, sizeof value);
  }
}

/// Brings the bytes of each number into this machine's order; refuses bytes that are no bool.
inline void correct_npy_bytes(std::string const& file, npy_header const& header, void* values, std::size_t bytes) {
  std::size_t const unit = header.kind == 'c' ? header.item_bytes / 2 : header.item_bytes;
  if (header.swapped && unit == 2) reverse_bytes<std::uint16_t>(values, bytes);
  if (header.swapped && unit == 4) reverse_bytes<std::uint32_t>(values, bytes);
  if (header.swapped && unit == 8) reverse_bytes<std::uint64_t>(values, bytes);
  if (header.kind != 'b') return;
  auto const* const first = static_cast<unsigned char const*>(values);
  auto const* const wrong = std::find_if(first, first + bytes, [](unsigned char byte) { return byte > 1; });
  if (wrong != first + bytes)
    throw format_error(file, header.data_offset + static_cast<std::uint64_t>(wrong - first),
                       text_of({"found the byte ", *wrong, " as a bool, expected 0 or 1"}));
}

/// One step of turning an array around: 32 places along the first axis, all along the others, tile by tile, so that
/// each cache line is used whole while it is there.
template <std::size_t Size>
void turn_slab(npy_header const& header, unsigned char const* from, unsigned char* to, index begin, index end) {
  constexpr index tile = 32;
  std::size_t const last = header.shape.size() - 1;
  index const first_extent = header.shape[0], last_extent = header.shape[last];
  index middle = 1;  // elements along the axes between the first and the last
  for (std::size_t axis = 1; axis < last; ++axis) middle *= header.shape[axis];
  for (index m = 0; m < middle; ++m) {  // m counts these row-major
    index source = 0, rest = m, step = middle;
    for (std::size_t axis = last; axis-- > 1;) {
      step /= header.shape[axis];
      source += rest % header.shape[axis] * step;
      rest /= header.shape[axis];
    }
    for (index tile_begin = 0; tile_begin < last_extent; tile_begin += tile)
      for (index i = begin; i < end; ++i)
        for (index k = tile_begin; k < std::min(tile_begin + tile, last_extent); ++k)
          std::memcpy(to + Size * static_cast<std::size_t>((i * middle + m) * last_extent + k),
                      from + Size * static_cast<std::size_t>(i + first_extent * (source + middle * k)), Size);
  }
}

/// Copies the column-major values at `from` to `to`, row-major.
inline void turn_to_row_major(device const& where, npy_header const& header, void const* from, void* to) {
  constexpr index slab = 32;
  auto const turn = header.item_bytes == 1   ? turn_slab<1>
                    : header.item_bytes == 2 ? turn_slab<2>
                    : header.item_bytes == 4 ? turn_slab<4>
                    : header.item_bytes == 8 ? turn_slab<8>
                                             : turn_slab<16>;
  where.run((header.shape[0] + slab - 1) / slab, [&](index step) {
    turn(header, static_cast<unsigned char const*>(from), static_cast<unsigned char*>(to), step * slab,
         std::min((step + 1) * slab, header.shape[0]));
  });
}

/// Reads the values that the header announced to `to`, on a CPU device, and makes sure that nothing follows.
template <class Source>
void read_npy_values(Source& file, npy_header const& header, device const& where, void* to) {
  std::uint64_t const bytes = npy_bytes(file.name(), header);
  bool const turned = header.fortran_order && header.shape.size() > 1 && bytes != 0;
  auto const space = turned ? make_storage(where, bytes, 1) : nullptr;
  void* const values = turned ? space->data : to;
  file.read(values, bytes, "values");
  file.expect_end();
  correct_npy_bytes(file.name(), header, values, bytes);
  if (turned) turn_to_row_major(where, header, values, to);
}

/// Reads an array from a file or a member of an archive, to its end.
template <class T, std::size_t Rank, class Source>
array<T, Rank> read_npy_array(Source& file, device const& where) {
  require_npy_type<T>();
  npy_header const header = read_npy_header(file);
  require_npy(file.name(), header, npy_kind<T>, sizeof(T), Rank);
  std::uint64_t const bytes = npy_bytes(file.name(), header);
  std::uint64_t const left = file.size_limit() > file.offset() ? file.size_limit() - file.offset() : 0;
  if (bytes > left)  // before anything of that size is asked for
    throw format_error(file.name(), header.data_offset,
                       text_of({"found at most ", left, " bytes of values, expected ", bytes, " for ",
                                to_string(header), ": the file is cut off or damaged"}));
  shape<Rank> extents;
  std::copy(header.shape.begin(), header.shape.end(), extents.extents);
  device const host = where.is_cpu() ? where : default_device();
  array<T, Rank> result(host, extents);
  read_npy_values(file, header, host, result.data());
  if (host == where) return result;
  return result.to(where);
}

}  // namespace detail
}  // namespace lockstep::io
