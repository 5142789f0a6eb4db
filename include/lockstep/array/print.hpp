// Printing like NumPy: `std::cout << x` and to_string(x, options) for arrays, windows and any expression.
#pragma once

#include <iosfwd>

#include "../algorithm/map.hpp"
#include "../expression/edges.hpp"
#include "print_float.hpp"
#include "print_layout.hpp"

namespace lockstep {
namespace printing {
inline namespace LOCKSTEP_COMPILER {

/// A complex number of any library: std::complex, thrust::complex and their like.
template <class T>
concept complex_number = requires(T const& z) {
  typename T::value_type;
  requires std::is_floating_point_v<typename T::value_type>;
  { z.real() } -> std::convertible_to<typename T::value_type>;
  { z.imag() } -> std::convertible_to<typename T::value_type>;
};
/// A type with an operator<< of its own, in a file that includes <ostream>.
template <class T>
concept streamable = requires(std::basic_ostream<char>& out, T const& value) {
  out << value;
};

/// A stream's buffer that is a string. (std::ostringstream would need <sstream>.)
template <class Traits>
struct string_buffer : std::basic_streambuf<char, Traits> {
  std::string text;

 protected:
  std::streamsize xsputn(char const* from, std::streamsize n) override {
    text.append(from, static_cast<std::size_t>(n));
    return n;
  }
  typename Traits::int_type overflow(typename Traits::int_type c) override {
    if (!Traits::eq_int_type(c, Traits::eof())) text += Traits::to_char_type(c);
    return Traits::not_eof(c);
  }
};

template <class T, class Traits = std::char_traits<char>>
std::string streamed(T const& value) {
  string_buffer<Traits> buffer;
  std::basic_ostream<char, Traits> out(&buffer);
  out << value;
  return std::move(buffer.text);
}

template <class T, class Part>
number_list parts_of(T const* values, std::size_t count, Part part) {
  number_list parts(count);
  for (std::size_t i = 0; i < count; ++i) parts[i] = static_cast<long double>(part(values[i]));
  return parts;
}

template <class T>
std::vector<std::string> complex_words(T const* values, std::size_t count, print_options const& options, bool alone) {
  auto const kind = float_kind_of<typename T::value_type>();
  auto const real = parts_of(values, count, [](T const& z) { return z.real(); });
  auto const imaginary = parts_of(values, count, [](T const& z) { return z.imag(); });
  if (alone) return {complex_alone(real[0], imaginary[0], kind)};
  return joined_complex(float_words(real, kind, options, false), float_words(imaginary, kind, options, true));
}

/// The elements as words of equal width. `alone`: the one value of a rank-0 expression.
template <class T>
std::vector<std::string> words_of(T const* values, std::size_t count, print_options const& options, bool alone) {
  std::vector<std::string> words;
  if constexpr (std::is_floating_point_v<T> || is_storage_float<T>) {
    auto const kind = float_kind_of<T>();
    auto const wide = parts_of(values, count, [](T x) {
      if constexpr (is_storage_float<T>)
        return static_cast<float>(x);
      else
        return x;
    });
    if (alone) return {float_alone(wide[0], kind)};
    words = float_words(wide, kind, options, false);
  } else if constexpr (complex_number<T>) {
    words = complex_words(values, count, options, alone);
  } else {
    for (std::size_t i = 0; i < count; ++i) {
      if constexpr (std::is_same_v<T, bool>) {
        words.push_back(values[i] ? alone ? "True" : " True" : "False");
      } else if constexpr (std::is_integral_v<T>) {
        words.push_back(text_of({values[i]}));
      } else {
        static_assert(streamable<T>,
                      "printing an array of a type of yours: define std::ostream& operator<<(std::ostream&, T const&) "
                      "in the namespace of T, and include <ostream> before lockstep");
        words.push_back(streamed(values[i]));
      }
    }
    align_right(words);
  }
  return words;
}

template <class T>
std::string write(shown_elements const& shown, host_memory const& host, print_options const& options) {
  auto const words = words_of(reinterpret_cast<T const*>(host.data()), shown.size(), options, shown.rank == 0);
  return layout_writer<compilation>(shown, words, options.line_width).write();
}

template <class T, std::size_t Rank>
std::string write_memory(device const& where, view<T const, Rank> const& v, print_options const& options) {
  shown_elements const shown(v.extents, options);
  return write<T>(shown, copy_shown(where.state(), shown, v.data, v.strides.extents, sizeof(T)), options);
}

template <class T, std::size_t Rank>
std::string write(array<T, Rank> const& a, print_options const& options) {
  return a.has_storage() ? write_memory<T, Rank>(a.device(), a.view(), options) : "[]";
}
template <class T, std::size_t Rank, layout Layout>
std::string write(window<T, Rank, Layout> const& w, print_options const& options) {
  return write_memory<std::remove_const_t<T>, Rank>(w.device(), w.view(), options);
}
/// Only what is shown is computed, in one pass and whatever passes the expression needs before it.
template <node E>
std::string write(E const& e, print_options const& options) {
  constexpr std::size_t Rank = rank_v<E>;
  shown_elements const shown(e.shape(), options);
  array<value_t<E>, Rank> values;
  if constexpr (Rank == 0) {
    values = e;
  } else {
    shape<Rank> extents, edge, skipped;
    for (std::size_t axis = 0; axis < Rank; ++axis) {
      extents[axis] = shown.count(axis);
      edge[axis] = shown.cut(axis) ? shown.edge : extents[axis];
      skipped[axis] = shown.skipped(axis);
    }
    values = edges<E, Rank>(e, extents, edge, skipped);
  }
  auto const host = copy_shown(values.device().state(), shown_elements(values.shape()), values.data(),
                               row_major_strides(values.shape()).extents, sizeof(value_t<E>));
  return write<value_t<E>>(shown, host, options);
}

template <class T>
std::string element_name() {
  if constexpr (complex_number<T>)
    return text_of({"complex<", type_name<typename T::value_type>(), ">"});
  else
    return type_name<T>();
}

template <class = void>
[[gnu::cold, gnu::noinline]] std::string description(std::string const& element, index const* extents, std::size_t rank,
                                                     device const& where) {
  std::string text = element;
  for (std::size_t axis = 0; axis < rank; ++axis) append_text(text, {axis == 0 ? "[" : ", ", extents[axis]});
  append_text(text, {rank == 0 ? "" : "]", where.valid() ? " on " : " without a device"});
  return where.valid() ? text + where.name() : text;
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace printing

inline namespace LOCKSTEP_COMPILER {

/// Type, shape and device: "float[3, 4] on cpu:2"; "float" where there are no axes.
template <expression E>
std::string describe(E const& e) {
  device where;
  if constexpr (is_array<E>::value) {
    if (e.has_storage()) where = e.device();
  } else {
    where = device_of(e);
  }
  return printing::description(printing::element_name<value_t<E>>(), e.shape().extents, rank_v<E>, where);
}

/// The values as NumPy's str() writes them: nested brackets, aligned columns, one notation for all floating numbers, an
/// ellipsis where there are more elements than options.threshold, of which only those shown are computed and copied to
/// the host. Bools are True and False. Elements of a type of yours need an operator<< for std::ostream. One value
/// (rank 0) has all digits that it needs. Waits for the device. Throws error for options that have no meaning, and what
/// evaluating throws.
template <expression E>
std::string to_string(E const& e, print_options const& options = {}) {
  require_sensible(options);
  std::string text = options.header ? describe(e) + "\n" : std::string();
  return text + printing::write(e, options);
}

/// to_string(e) with NumPy's options, whatever the stream's flags.
template <class Traits, expression E>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, E const& e) {
  std::string const text = to_string(e);
  return out.write(text.data(), static_cast<std::streamsize>(text.size()));
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
