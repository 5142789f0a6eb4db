// What the formatters of arrays and expressions for std::format (format.hpp) and fmt (fmt.hpp) share.
#pragma once

#include <algorithm>

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

/// A formatter of any expression. FormatError is the one of the library that calls it, which it throws for a format
/// that it does not know.
template <class FormatError>
struct print_formatter {
  template <class Context>
  constexpr auto parse(Context& context) {
    auto const at = parse_print_options(context.begin(), context.end(), options);
    if (at != context.end() && *at != '}')
      throw FormatError("lockstep: expected [#][.precision] as the format of an array or expression");
    return at;
  }
  template <expression E, class Context>
  auto format(E const& e, Context& context) const {
    std::string const text = lockstep::to_string(e, options);
    return std::copy(text.begin(), text.end(), context.out());
  }

  print_options options;
};

}  // namespace lockstep
