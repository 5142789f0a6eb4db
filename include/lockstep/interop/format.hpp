// std::format of arrays and expressions, where the standard library has it: "{}", "{:.3}" (precision), "{:#}" (with the
// header line). See fmt.hpp for fmt.
#pragma once

#include <version>
#if __has_include(<format>) && defined(__cpp_lib_format)
#include <format>
#endif

#include "../array/print.hpp"

namespace lockstep {

/// Reads "[#][.precision]" up to the closing brace; returns where it stopped, which is the brace in a right format.
template <class Iterator>
constexpr Iterator parse_print_options(Iterator at, Iterator end, print_options& options) {
  if (at != end && *at == '#') options.header = true, ++at;
  if (at == end || *at != '.') return at;
  ++at;
  for (options.precision = 0; at != end && *at >= '0' && *at <= '9' && options.precision < 1000; ++at)
    options.precision = options.precision * 10 + (*at - '0');
  return at;
}

}  // namespace lockstep

#if __has_include(<format>) && defined(__cpp_lib_format)
template <lockstep::expression E>
struct std::formatter<E, char> {
  constexpr auto parse(std::format_parse_context& context) {
    auto const at = lockstep::parse_print_options(context.begin(), context.end(), options);
    if (at != context.end() && *at != '}')
      throw std::format_error("lockstep: expected [#][.precision] as the format of an array or expression");
    return at;
  }
  template <class Context>
  auto format(E const& e, Context& context) const {
    std::string const text = lockstep::to_string(e, options);
    return std::copy(text.begin(), text.end(), context.out());
  }

  lockstep::print_options options;
};
#endif
