// Runs on: cpu, cuda
// Index spaces of more than 2^31 elements, generated and reduced without being stored.
#include <doctest/doctest.h>

#include <lockstep/lockstep.hpp>

#include "support/devices.hpp"

namespace large_tests {

using lockstep::array, lockstep::axis, lockstep::device, lockstep::index, lockstep::indices, lockstep::shape;

index const beyond = (index{1} << 31) + 12345;

TEST_CASE("reductions over more than 2^31 elements") {
  lockstep::test::for_each_device([](device const& dev) {
    array<index, 0> sum = lockstep::zeros<index>(dev, shape<0>());  // names the device of expressions without arrays
    sum = lockstep::sum(lockstep::cast<std::int8_t>(indices(shape{beyond}) & 1));
    CHECK(index(sum) == beyond / 2);
    sum = lockstep::max(indices(shape{beyond}));
    CHECK(index(sum) == beyond - 1);
    sum = lockstep::argmax(indices(shape{beyond}) == beyond - 2);
    CHECK(index(sum) == beyond - 2);
    sum = lockstep::count(indices(shape{beyond}) >= index{1} << 31);
    CHECK(index(sum) == 12345);
  });
}

TEST_CASE("broadcasting a row and a column to more than 2^31 elements") {
  lockstep::test::for_each_device([](device const& dev) {
    index const rows = 50000, columns = 43000;  // 2.15e9
    array<std::int8_t> const row = lockstep::ones<std::int8_t>(dev, columns);
    array<std::int8_t> const column = lockstep::ones<std::int8_t>(dev, rows);
    auto const product = row * lockstep::column(column);
    CHECK(index(lockstep::sum(product)) == rows * columns);
    array<index> const sums = lockstep::sum(product, axis(0));
    CHECK(index(lockstep::min(sums)) == rows);
    CHECK(index(lockstep::sum(sums)) == rows * columns);
    CHECK(index(lockstep::sum(product.slice({rows - 1, columns - 9}, {rows, columns}) + indices(axis(1)))) == 9 + 36);
  });
}

TEST_CASE("storing and scanning more than 2^31 bytes") {
  lockstep::test::for_each_device([](device const& dev) {
    array<std::uint8_t> x(dev, static_cast<std::size_t>(beyond));
    x = indices() & 127;
    CHECK(x.slice(beyond - 1, beyond).to_host()[0] == ((beyond - 1) & 127));
    x = lockstep::inclusive_scan(lockstep::cast<std::uint8_t>(x == 0));  // how many of 0, 128, 256 ... so far
    CHECK(x.slice(beyond - 1, beyond).to_host()[0] == static_cast<std::uint8_t>((beyond + 127) / 128));
  });
}

}  // namespace large_tests
