// Runs on: cpu
// Index spaces and arrays of more than 2^31 elements: selected from, searched, sorted by counting, counted in bins.
#include <doctest/doctest.h>

#include <lockstep/lockstep.hpp>

#include "support/devices.hpp"

namespace large_select_tests {

using lockstep::array, lockstep::device, lockstep::index, lockstep::indices, lockstep::shape;

index const beyond = (index{1} << 31) + 12345;

TEST_CASE("more than 2^31 bytes, stored") {
  lockstep::test::for_each_device([](device const& dev) {
    array<std::int8_t> x(dev, static_cast<std::size_t>(beyond));
    x = indices() % 101;
    index const tail = beyond - 7;
    x.slice({tail}, {tail + 1}) = std::int8_t{120};
    CHECK(index(lockstep::argmax(x)) == tail);
    CHECK(index(lockstep::sum(x == std::int8_t{120})) == 1);
    auto const kept = lockstep::select(x, lockstep::indices(shape{beyond}) >= tail).to_host();
    REQUIRE(kept.size() == 7);
    CHECK(kept[0] == 120);
    for (index k = 1; k < 7; ++k) CHECK(kept[static_cast<std::size_t>(k)] == (tail + k) % 101);
    auto const counts = lockstep::histogram(x, 101, 0, 101).to_host();
    for (index bin = 0; bin < 101; ++bin)
      CHECK(counts[static_cast<std::size_t>(bin)] == beyond / 101 + (bin < beyond % 101) - (bin == tail % 101));
    lockstep::sort(x);
    CHECK(x.slice({beyond - 1}, {beyond}).to_host()[0] == 120);
    CHECK(x.slice({beyond - 2}, {beyond - 1}).to_host()[0] == 100);
    CHECK(lockstep::is_sorted(x));
  });
}

TEST_CASE("gathering beyond 2^31") {
  lockstep::test::for_each_device([](device const& dev) {
    auto const numbers = indices(shape{beyond});
    array<index> const places(dev, std::vector<index>{beyond - 1, 0, index{1} << 31});
    CHECK(lockstep::gather(numbers, places).to_host() == std::vector<index>{beyond - 1, 0, index{1} << 31});
    auto const turned = lockstep::reverse(lockstep::roll(numbers, 5));
    CHECK(lockstep::gather(turned, places).to_host()[1] == beyond - 6);
  });
}

}  // namespace large_select_tests
