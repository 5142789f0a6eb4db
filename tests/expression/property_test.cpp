// Runs on: cpu, cuda
// Random expressions against an oracle of plain loops.
#include "expression/property.hpp"

TEST_CASE("random expressions over small shapes") { property_tests::check_cases(160, 20, 8); }

TEST_CASE("random expressions over shapes that threads share") { property_tests::check_cases(8, 250, 35); }
