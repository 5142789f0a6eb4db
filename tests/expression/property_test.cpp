// Runs on: cpu, cuda
// Random expressions against an oracle of plain loops, and that a failing case is made small.
#include "expression/property.hpp"

using namespace property_tests;

TEST_CASE("random expressions") {
  // These eight have every kind of step between them.
  constexpr auto trees = std::make_integer_sequence<std::uint64_t, 8>{};
  SUBCASE("over small shapes") { check_cases<3, 16>(trees, 120, 20, 8); }
  SUBCASE("over shapes that threads share") { check_cases<3, 16>(trees, 6, 250, 35); }
}

TEST_CASE("a failing case shrinks to the smallest one that fails") {
  auto const fails = [](plan<2> const& p) { return p.common[0] >= 5 && p.common[1] >= 2 && p.near[1] < -1; };
  std::uint64_t seed = 1;
  while (!fails(random_plan<2>(seed, 20))) ++seed;
  plan<2> const p = shrunk(random_plan<2>(seed, 20), fails);
  CHECK(p.common == lockstep::shape<2>(5, 2));
  CHECK(p.near[0] == 0);
  CHECK(p.near[1] == -2);
  CHECK(p.far == lockstep::shape<2>{});
  CHECK(p.shift == 0);
  CHECK(p.before_c == lockstep::shape<2>{});
}
