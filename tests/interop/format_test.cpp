// Runs on: cpu
// std::format and fmt::format write what to_string does; each where it is there.
#include <doctest/doctest.h>

#include <lockstep/interop/format.hpp>
#include <lockstep/lockstep.hpp>
#if __has_include(<fmt/format.h>)
#ifndef FMT_HEADER_ONLY
#define FMT_HEADER_ONLY
#endif
#include <fmt/ranges.h>  // which must not take arrays for ranges of its own
#include <lockstep/interop/fmt.hpp>
#endif

namespace format_tests {

TEST_CASE("formats name a precision and the header") {
  for (std::string const format : {"}", ".3}", "#.12}", "#}", ".x}"}) {
    lockstep::print_options options;
    auto const at = lockstep::parse_print_options(format.begin(), format.end(), options);
    CHECK((*at == '}') == (format != ".x}"));
    CHECK(options.header == (format[0] == '#'));
    if (format != ".x}") CHECK(options.precision == (format == ".3}" ? 3 : format == "#.12}" ? 12 : 8));
  }
}

[[maybe_unused]] lockstep::array<double> thirds() {
  return lockstep::array<double>(lockstep::device::cpu(2), {1.0 / 3, 2.0 / 3});
}

#if __has_include(<fmt/format.h>)
TEST_CASE("fmt writes arrays and expressions") {
  CHECK(fmt::format("{}", thirds()) == "[0.33333333 0.66666667]");
  CHECK(fmt::format("{:.2}", thirds() * 2) == "[0.67 1.33]");
  CHECK(fmt::format("{:#.2}", thirds()) == "double[2] on cpu:2\n[0.33 0.67]");
  CHECK_THROWS_AS(static_cast<void>(fmt::format(fmt::runtime("{:x}"), thirds())), fmt::format_error);
}
#endif
// No Debian 12 compiler with libstdc++ has std::format: g++ 12 does not compile this.
#if __has_include(<format>) && defined(__cpp_lib_format)
TEST_CASE("std::format writes arrays and expressions") {
  CHECK(std::format("{}", thirds()) == "[0.33333333 0.66666667]");
  CHECK(std::format("{:.2}", thirds() * 2) == "[0.67 1.33]");
  CHECK(std::format("{:#.2}", thirds()) == "double[2] on cpu:2\n[0.33 0.67]");
}
#endif

}  // namespace format_tests
