// More than 2^31 elements on a GPU: map, reduce and scan. Needs 5 GB of its memory.
#include <doctest/doctest.h>

#include <cstdint>
#include <lockstep/lockstep.hpp>

namespace ls = lockstep;

namespace cuda_large_tests {

TEST_CASE("more than 2^31 elements") {
  ls::device const gpu = ls::device::gpu();
  std::size_t const n = (std::size_t{1} << 31) + 5003;
  auto x = ls::full<std::uint8_t>(gpu, n, 3);
  x.slice({static_cast<ls::index>(n) - 1}, {static_cast<ls::index>(n)}) = std::uint8_t{10};
  x = x + std::uint8_t{1};
  auto const [total, at] = ls::evaluate(ls::sum(x), ls::argmax(x));
  CHECK(std::uint64_t(total) == 4 * (n - 1) + 11);
  CHECK(ls::index(at) == static_cast<ls::index>(n) - 1);
  x = ls::inclusive_scan(x);
  auto const end = x.slice({static_cast<ls::index>(n) - 2}, {static_cast<ls::index>(n)}).to_host();
  CHECK(end[0] == static_cast<std::uint8_t>(4 * (n - 1)));
  CHECK(end[1] == static_cast<std::uint8_t>(4 * (n - 1) + 11));
}

}  // namespace cuda_large_tests
