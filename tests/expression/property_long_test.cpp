// Runs on: cpu
// Random expressions against an oracle of plain loops: many of them, and larger ones.
#include "expression/property.hpp"

TEST_CASE("many random expressions over small shapes") { property_tests::check_cases(20000, 20, 8); }

TEST_CASE("many random expressions over shapes that threads share") { property_tests::check_cases(400, 400, 60); }
