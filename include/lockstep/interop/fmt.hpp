// fmt::format of arrays and expressions: "{}", "{:.3}" (precision), "{:#}" (with the header line). Needs fmt's headers.
#pragma once

#include <fmt/format.h>

#include "print_formatter.hpp"

template <lockstep::expression E>
struct fmt::formatter<E, char> : lockstep::print_formatter<fmt::format_error> {};
