// Arrays in NumPy's .npy files: save_npy, load_npy, and npy_info, which says what a file holds.
#pragma once

#include <memory>
#include <string>

#include "../algorithm/map.hpp"
#include "input.hpp"
#include "npy_values.hpp"
#include "output.hpp"

namespace lockstep::io {

/// What an .npy file holds, from its header alone. Throws lockstep::error when it cannot be opened, format_error when
/// its header is damaged.
inline npy_header npy_info(std::string const& path) {
  input file(path);
  return detail::read_npy_header(file);
}

/// Reads an .npy file of format version 1, 2 or 3, plain or packed with gzip, either byte order, row- or column-major.
/// T and Rank must be those of the file: half is float16, std::complex<float> complex64. On a GPU the array goes
/// through host memory. Throws lockstep::error when the file cannot be opened; format_error, which says what the file
/// holds, when it holds another type or number of axes, or is damaged, cut off, or longer than its header says.
template <class T, std::size_t Rank = 1>
array<T, Rank> load_npy(std::string const& path, device const& where = default_device()) {
  input file(path);
  return detail::read_npy_array<T, Rank>(file, where);
}

namespace detail {

/// An array's header and values as the bytes of an .npy file, which lie in `held`.
struct npy_image {
  std::vector<unsigned char> header;
  unsigned char const* values = nullptr;
  std::size_t bytes = 0;
  counted_pointer<storage> held;
};

template <class T, std::size_t Rank>
npy_image npy_image_of(array<T, Rank> const& a) {
  require_npy_type<T>();
  device const& where = a.device();
  npy_image image{encode_npy_header(npy_dtype<T>(), to_string(a.shape())), nullptr, a.size() * sizeof(T),
                  a.shared_storage()};
  if (!where.is_cpu()) {
    image.held = make_storage(default_device(), image.bytes, 1);
    where.state().copy_to_host(image.held->data, a.data(), image.bytes);
  }
  image.values = static_cast<unsigned char const*>(image.held->data);
  return image;
}

}  // namespace detail

inline namespace LOCKSTEP_COMPILER {

template <node E>
detail::npy_image npy_image_of(E const& e) {
  return detail::npy_image_of(evaluate_to_array<value_t<E>>(e));
}
template <class T, std::size_t Rank>
detail::npy_image npy_image_of(array<T, Rank> const& a) {
  return detail::npy_image_of(a);
}

/// Writes an array, or an expression's values, to an .npy file, row-major, in the lowest version of the format that its
/// header fits. The file is replaced whole or not at all. Throws lockstep::error when it cannot be written.
template <expression E>
void save_npy(std::string const& path, E const& e) {
  auto const image = npy_image_of(e);
  replacement file(path);
  file.write(image.header.data(), image.header.size());
  file.write(image.values, image.bytes);
  file.commit();
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::io
