// What operations on arrays that are sharded over GPUs copy between the devices and the host: counts and single values,
// not the data. The copies are counted by sharded_copies.cmake, which runs the case here once and eleven times in a
// simulator.
#include <doctest/doctest.h>

#include <cstdlib>
#include <lockstep/lockstep.hpp>
#include <vector>

namespace ls = lockstep;

TEST_CASE("copies: sharded arrays move between GPUs") {
  char const* const text = std::getenv("LOCKSTEP_TEST_REPETITIONS");
  int const repetitions = text ? std::atoi(text) : 1;
  ls::mesh const mesh = ls::mesh::gpus();
  ls::index const n = 100'000, rows = 1000, columns = 100;
  ls::sharded<float> x(mesh, ls::shape(n)), y(mesh, ls::shape(n)), z(mesh, ls::shape(n));
  ls::sharded<int> at(mesh, ls::shape(n));
  ls::sharded<float, 2> m(mesh, ls::shape(rows, columns));
  ls::sharded<float> sums(mesh, ls::shape(columns), ls::replicated);
  x = ls::cast<float>(ls::indices() * 7919 % 10007);
  at = ls::cast<int>(ls::indices() * 31 % n);
  m = ls::cast<float>(ls::indices(ls::axis(0)) % 7);
  ls::index kept = 0;
  for (int i = 0; i < repetitions; ++i) {
    y = x + ls::neighbor(x, 1, ls::boundary::wrap);
    z = ls::gather(y, at);
    y = ls::inclusive_scan(z);
    z = x;
    ls::sort(z);
    ls::sort_by_key(at, y);
    at = ls::cast<int>(ls::indices() * 31 % n);
    kept = ls::select(x, x < 5000.0f).extent(0);
    sums = ls::sum(m, ls::axis(0));
    m = ls::reshard(ls::reshard(m, ls::split_along(ls::axis(1))), ls::split_along(ls::axis(0)));
  }
  CHECK(sums.to_host()[3] == float(rows / 7 * 21 + (0 + 1 + 2 + 3 + 4 + 5)));
  CHECK(z.to_host().front() == 0);
  ls::index want = 0;
  for (ls::index i = 0; i < n; ++i) want += i * 7919 % 10007 < 5000;
  CHECK(kept == want);
}
