// Runs on: cpu
// Outputs so large that they are written past the caches: whole, into windows that begin anywhere, several at once.
#include <doctest/doctest.h>

#include <lockstep/lockstep.hpp>

#include "support/devices.hpp"

namespace streaming_tests {

using lockstep::array, lockstep::device, lockstep::index, lockstep::indices;

std::size_t const n = lockstep::cpu::stream_from_bytes / sizeof(int) + 12345;

/// How many elements of x at [first, last) differ from factor * (i - first) + offset.
index wrong(array<int> const& x, index first, index last, int factor, int offset) {
  auto const found = x.to_host();
  index count = 0;
  for (index i = first; i < last; ++i) count += found[static_cast<std::size_t>(i)] != factor * int(i - first) + offset;
  return count;
}

TEST_CASE("maps and scans of large outputs") {
  lockstep::test::for_each_device([](device const& dev) {
    array<int> const x = lockstep::arange<int>(dev, n);
    array<int> y = 3 * x + 1;
    CHECK(wrong(y, 0, index(n), 3, 1) == 0);
    y = lockstep::inclusive_scan(0 * x + 2);
    CHECK(wrong(y, 0, index(n), 2, 2) == 0);
    y = y + 1;  // in place
    CHECK(wrong(y, 0, index(n), 2, 3) == 0);
    array<int> z;
    lockstep::tie(y, z) = lockstep::fuse(x - 1, 2 * x);
    CHECK(wrong(y, 0, index(n), 1, -1) == 0);
    CHECK(wrong(z, 0, index(n), 2, 0) == 0);
  });
}

TEST_CASE("large windows that begin and end off every alignment") {
  lockstep::test::for_each_device([](device const& dev) {
    array<int> const x = lockstep::arange<int>(dev, n);
    for (index first : {1, 3, 15, 17}) {
      array<int> y = lockstep::full<int>(dev, n + 40, -7);
      y.slice(first, first + index(n)) = 5 * x;
      CHECK(wrong(y, first, first + index(n), 5, 0) == 0);
      CHECK(wrong(y, 0, first, 0, -7) == 0);
      CHECK(wrong(y, first + index(n), index(n) + 40, 0, -7) == 0);
      y.slice(first, first + index(n)) = lockstep::exclusive_scan(0 * x + 4, 9);
      CHECK(wrong(y, first, first + index(n), 4, 9) == 0);
      CHECK(wrong(y, first + index(n), index(n) + 40, 0, -7) == 0);
    }
  });
}

}  // namespace streaming_tests
