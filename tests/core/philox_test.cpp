// Philox4x32-10 against the known answers that the Random123 library publishes.
#include <doctest/doctest.h>

#include <lockstep/core/philox.hpp>

using lockstep::philox4x32, lockstep::philox_words;

TEST_CASE("philox4x32 gives the known answers of Random123") {
  CHECK(philox4x32(philox_words{{0, 0, 0, 0}}, 0) == philox_words{{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}});
  std::uint32_t const ones = 0xffffffff;
  CHECK(philox4x32(philox_words{{ones, ones, ones, ones}}, 0xffffffffffffffff) ==
        philox_words{{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}});
  CHECK(philox4x32(philox_words{{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}}, 0x299f31d0a4093822) ==
        philox_words{{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}});
}

TEST_CASE("philox4x32 is a constant expression, and an index beyond 32 bits counts") {
  static_assert(philox4x32(philox_words{{0, 0, 0, 0}}, 0)[0] == 0x6627e8d5);
  CHECK(philox4x32(std::uint64_t{5}, 1) == philox4x32(philox_words{{5, 0, 0, 0}}, 1));
  CHECK(philox4x32(std::uint64_t{5} << 32, 1) == philox4x32(philox_words{{0, 5, 0, 0}}, 1));
}

TEST_CASE("unit_interval stays inside of (0, 1)") {
  CHECK(lockstep::unit_interval(0) > 0);
  CHECK(lockstep::unit_interval(0xffffffff) < 1);
  CHECK(lockstep::unit_interval(0x80000000) == doctest::Approx(0.5));
}
