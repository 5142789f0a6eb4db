// Runs on: cpu
// Random expressions against an oracle of plain loops: more trees, many cases, larger ones.
#include "expression/property.hpp"

using namespace property_tests;

TEST_CASE("many random expressions") {
  constexpr auto trees = std::make_integer_sequence<std::uint64_t, 16>{};
  SUBCASE("over small shapes") { check_cases<3, 0>(trees, 4000, 20, 8); }
  SUBCASE("over shapes that threads share") { check_cases<3, 0>(trees, 60, 400, 60); }
}
