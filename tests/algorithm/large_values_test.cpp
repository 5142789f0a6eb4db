// Runs on: cpu
// Values so large that a tile of them fits no thread's stack: strided maps, reductions and scans of them.
#include <doctest/doctest.h>

#include <cstdint>
#include <lockstep/lockstep.hpp>

#include "support/devices.hpp"

namespace large_values_tests {

using lockstep::array, lockstep::device, lockstep::index, lockstep::shape;

/// 4 KiB: 4096 of them are 16 MiB.
struct record {
  std::uint64_t numbers[512];
};
record filled(std::uint64_t number) {
  record r;
  for (auto& n : r.numbers) n = number;
  return r;
}
bool all_are(record const& r, std::uint64_t number) {
  for (auto n : r.numbers)
    if (n != number) return false;
  return true;
}

struct add {
  record operator()(record const& a, record const& b) const {
    record r;
    for (int i = 0; i < 512; ++i) r.numbers[i] = a.numbers[i] + b.numbers[i];
    return r;
  }
};

TEST_CASE("strided values of 4 KiB are written, reduced and scanned") {
  lockstep::test::for_each_device([](device const& dev) {
    index const rows = 3, columns = 1500;
    std::vector<record> host;
    for (index i = 0; i < rows * columns; ++i) host.push_back(filled(std::uint64_t(i)));
    array<record, 2> const x(dev, shape(rows, columns), host);
    record const total = lockstep::reduce(x.transpose(), filled(5), add{});
    CHECK(all_are(total, std::uint64_t(rows * columns) * (rows * columns - 1) / 2 + 5));

    array<record> const turned = x.transpose().reshape(shape(rows * columns));
    array<record> const sums = lockstep::inclusive_scan(turned, add{});
    auto const values = sums.to_host();
    std::uint64_t expected = 0;
    index wrong = 0;
    for (index i = 0; i < rows * columns; ++i) {
      expected += std::uint64_t(i % rows * columns + i / rows);
      wrong += !all_are(values[std::size_t(i)], expected);
    }
    CHECK(wrong == 0);

    array<record, 2> y(dev, shape(columns, rows));
    y.transpose() = x;
    CHECK(all_are(y.to_host()[std::size_t(rows + 1)], std::uint64_t(columns + 1)));
  });
}

}  // namespace large_values_tests
