// std::format of arrays and expressions, where the standard library has it: "{}", "{:.3}" (precision), "{:#}" (with the
// header line). See fmt.hpp for fmt.
#pragma once

#include <version>
#if __has_include(<format>) && defined(__cpp_lib_format)
#include <format>
#endif

#include "print_formatter.hpp"

#if __has_include(<format>) && defined(__cpp_lib_format)
template <lockstep::expression E>
struct std::formatter<E, char> : lockstep::print_formatter<std::format_error> {};
#endif
