// fmt::format of arrays and expressions: "{}", "{:.3}" (precision), "{:#}" (with the header line). Needs fmt's headers.
#pragma once

#include <fmt/format.h>

#include "format.hpp"

template <lockstep::expression E>
struct fmt::formatter<E, char> {
  constexpr auto parse(fmt::format_parse_context& context) {
    auto const at = lockstep::parse_print_options(context.begin(), context.end(), options);
    if (at != context.end() && *at != '}')
      throw fmt::format_error("lockstep: expected [#][.precision] as the format of an array or expression");
    return at;
  }
  template <class Context>
  auto format(E const& e, Context& context) const {
    std::string const text = lockstep::to_string(e, options);
    return std::copy(text.begin(), text.end(), context.out());
  }

  lockstep::print_options options;
};
