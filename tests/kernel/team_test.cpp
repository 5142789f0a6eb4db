// Runs on: cpu, cuda
// Covers: kernels: launch for_each reduce inclusive_scan exclusive_scan sort store; types: integers float
// Covers: kernels: barrier shared with_shared; types: integers float
// Custom kernels over teams: collectives of every length against plain loops, shared memory, and what is refused.
#include <doctest/doctest.h>

#include <lockstep/lockstep.hpp>
#include <numeric>

#include "support/devices.hpp"
#include "support/values.hpp"

namespace ls = lockstep;
using ls::array, ls::device, ls::launch, ls::shape, ls::teams, ls::view;
using namespace lockstep::test;

namespace {

struct row_results {
  template <class Team>
  LOCKSTEP_FN void operator()(Team& team, view<int const, 2> in, view<long, 2> out) const {
    ls::index const row = team.index(), n = in.extent(1);
    auto const value = [&](ls::index j) { return static_cast<long>(in(row, j)); };
    long const sum = team.reduce(n, ls::plus{}, value);
    long const largest = team.reduce(n, ls::maximum{}, value);
    long const least = team.reduce(n, ls::minimum{}, value);
    if (team.rank() == 0) {
      out(row, 0) = sum;
      out(row, 1) = largest;
      out(row, 2) = least;
      out(row, 3) = team.count();
    }
  }
};
/// 2 x 2 matrices, whose product is associative but not commutative.
struct matrix {
  unsigned a, b, c, d;
};
struct product {
  LOCKSTEP_FN matrix operator()(matrix const& x, matrix const& y) const {
    return {x.a * y.a + x.b * y.c, x.a * y.b + x.b * y.d, x.c * y.a + x.d * y.c, x.c * y.b + x.d * y.d};
  }
};
struct row_scans {
  template <class Team>
  LOCKSTEP_FN void operator()(Team& team, view<int const, 2> in, view<int, 2> before, view<int, 2> until,
                              view<matrix, 2> products, view<int> totals) const {
    ls::index const row = team.index(), n = in.extent(1);
    int const total = team.exclusive_scan(
        n, 5, ls::plus{}, [&](ls::index j) { return in(row, j); }, [&](ls::index j, int v) { before(row, j) = v; });
    team.inclusive_scan(
        n, ls::maximum{}, [&](ls::index j) { return in(row, j); }, [&](ls::index j, int v) { until(row, j) = v; });
    team.inclusive_scan(
        n, product{},
        [&](ls::index j) {
          return matrix{1, static_cast<unsigned>(in(row, j)), static_cast<unsigned>(j % 3), 1};
        },
        [&](ls::index j, matrix v) { products(row, j) = v; });
    if (team.rank() == 0) totals[row] = total;
  }
};
struct row_sort {
  template <class Team>
  LOCKSTEP_FN void operator()(Team& team, view<int const, 2> in, view<int, 2> out, view<short, 2> down) const {
    ls::index const row = team.index(), n = in.extent(1);
    auto tile = team.template shared<int>();
    auto small = team.template shared<short>();
    team.for_each(n, [&](ls::index j) {
      tile[j] = in(row, j);
      small[j] = static_cast<short>(in(row, j));
    });
    team.sort(tile, n);
    team.sort(small, n, ls::greater{});
    team.for_each(n, [&](ls::index j) {
      out(row, j) = tile[j];
      down(row, j) = small[j];
    });
  }
};
/// Reverses blocks of 64 through memory whose size is known when this is compiled.
struct reversed_blocks {
  template <class Team>
  LOCKSTEP_FN void operator()(Team& team, view<float> x) const {
    auto cache = team.template shared<float[64]>();
    ls::index const first = team.index() * 64;
    team.for_each(64, [&](ls::index j) { cache[j] = x[first + j]; });
    team.for_each(64, [&](ls::index j) { x[first + j] = team.template shared<float[64]>()[63 - j]; });
  }
};
struct neighbors_summed {
  template <class Team>
  LOCKSTEP_FN void operator()(Team& team, view<int> x) const {
    auto cache = team.template shared<int>();
    ls::index const first = team.index() * cache.size();
    for (ls::index j = team.rank(); j < cache.size(); j += team.size()) cache[j] = x[first + j];
    team.barrier();
    for (ls::index j = team.rank(); j < cache.size(); j += team.size())
      x[first + j] = cache[j] + cache[(j + 1) % cache.size()];
  }
};

struct floating_results {
  template <class Team>
  LOCKSTEP_FN void operator()(Team& team, view<float const, 2> in, view<float, 2> out) const {
    ls::index const row = team.index(), n = in.extent(1);
    auto const value = [&](ls::index j) { return in(row, j); };
    float const sum = team.reduce(n, ls::plus{}, value), largest = team.reduce(n, ls::maximum{}, value),
                least = team.reduce(n, ls::minimum{}, value);
    if (team.rank() == 0) {
      out(row, 0) = sum;
      out(row, 1) = largest;
      out(row, 2) = least;
    }
  }
};

struct stored_rows {
  template <class Team, class T>
  LOCKSTEP_FN void operator()(Team& team, view<int const, 2> in, view<T, 2> out) const {
    ls::index const row = team.index();
    auto const from = in.row(row);
    team.store(out.row(row), [&](ls::index j) { return static_cast<T>(2 * from[j] + j); });
  }
};
struct pairs_stored {
  template <class Team>
  LOCKSTEP_FN void operator()(Team& team, view<int, 3> out) const {
    for (ls::index k = 0; k < out.extent(1); ++k)
      team.store(out.row(team.index()).row(k), [&](ls::index j) { return static_cast<int>(100 * k + j); });
  }
};

/// Rows of `in` through stored_rows into columns [left, left + in.extent(1)) of wider rows, which keep their rest.
template <class T>
void check_stored(device const& dev, array<int, 2> const& in, std::size_t left, std::size_t right) {
  std::size_t const rows = in.shape()[0], columns = in.shape()[1], width = left + columns + right;
  array<T, 2> out = ls::full<T>(dev, shape{rows, width}, T(-1));
  launch(dev, teams(rows), stored_rows{}, in, out.slice({0, left}, {rows, left + columns}));
  auto const host = in.to_host();
  std::vector<T> expected(rows * width, T(-1));
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t j = 0; j < columns; ++j)
      expected[r * width + left + j] = static_cast<T>(2 * host[r * columns + j] + static_cast<int>(j));
  CHECK(difference(out.to_host(), expected) == "");
}

array<int, 2> random_rows(device const& dev, std::size_t rows, std::size_t columns) {
  return array<int, 2>(dev, {rows, columns}, random_values<int>(rows * columns, rows + columns, -1000, 1000));
}
std::size_t const lengths[] = {0, 1, 2, 31, 32, 33, 127, 128, 129, 511, 512, 513, 1100};

}  // namespace

TEST_CASE("reductions of a team") {
  for_each_device([](device const& dev) {
    for (std::size_t columns : lengths) {
      CAPTURE(columns);
      std::size_t const rows = 37;
      auto const in = random_rows(dev, rows, columns);
      array<long, 2> out(dev, {rows, std::size_t{4}});
      launch(dev, teams(rows), row_results{}, in, out);
      auto const host = in.to_host();
      std::vector<long> expected;
      for (std::size_t r = 0; r < rows; ++r) {
        auto const begin = host.begin() + static_cast<long>(r * columns), end = begin + static_cast<long>(columns);
        expected.push_back(std::accumulate(begin, end, 0L));
        expected.push_back(columns ? *std::max_element(begin, end) : std::numeric_limits<long>::lowest());
        expected.push_back(columns ? *std::min_element(begin, end) : std::numeric_limits<long>::max());
        expected.push_back(static_cast<long>(rows));
      }
      CHECK(difference(out.to_host(), expected) == "");
    }
  });
}

TEST_CASE("floating reductions of a team, with infinities and NaN") {
  for_each_device([](device const& dev) {
    float const infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
    for (std::size_t columns : lengths) {
      CAPTURE(columns);
      std::size_t const rows = 4;
      auto host = random_values<float>(rows * columns, columns);  // whose sums are exact
      if (columns > 2) {
        host[columns + columns / 2] = nan;
        host[2 * columns] = infinity;
        host[3 * columns + 1] = infinity;
        host[3 * columns + 2] = -infinity;
      }
      array<float, 2> out(dev, {rows, std::size_t{3}});
      launch(dev, teams(rows), floating_results{}, array<float, 2>(dev, {rows, columns}, host), out);
      std::vector<float> expected;
      for (std::size_t r = 0; r < rows; ++r) {
        float sum = 0, largest = -infinity, least = infinity;
        for (std::size_t j = 0; j < columns; ++j) {
          float const v = host[r * columns + j];
          sum += v;
          largest = v != v || largest != largest ? nan : std::max(largest, v);
          least = v != v || least != least ? nan : std::min(least, v);
        }
        expected.insert(expected.end(), {sum, largest, least});
      }
      CHECK(difference(out.to_host(), expected) == "");
    }
  });
}

TEST_CASE("what a team stores, in rows that begin anywhere") {
  for_each_device([](device const& dev) {
    for (std::size_t columns : lengths) {
      CAPTURE(columns);
      check_stored<int>(dev, random_rows(dev, 7, columns), 0, 0);
      check_stored<double>(dev, random_rows(dev, 7, columns), 3, 2);
    }
    array<int, 3> cube(dev, shape{3, 4, 50});
    launch(dev, teams(3), pairs_stored{}, cube);
    auto const host = cube.to_host();
    for (std::size_t i = 0; i < host.size(); ++i) REQUIRE(host[i] == static_cast<int>(100 * (i / 50 % 4) + i % 50));
    array<int, 2> const in = random_rows(dev, 20, 30);
    array<int, 2> turned(dev, shape{30, 20});
    launch(dev, teams(20), stored_rows{}, in, turned.transpose());  // columns of memory
    auto const from = in.to_host(), to = turned.to_host();
    for (std::size_t r = 0; r < 20; ++r)
      for (std::size_t j = 0; j < 30; ++j) REQUIRE(to[j * 20 + r] == 2 * from[r * 30 + j] + static_cast<int>(j));
  });
}

TEST_CASE("CPU: more than the caches hold, in rows of whole lines and in rows that share them") {
  for_each_device([](device const& dev) {
    if (!dev.is_cpu()) return;
    check_stored<float>(dev, random_rows(dev, 8200, 777), 0, 0);
    check_stored<float>(dev, random_rows(dev, 8200, 777), 5, 11);
    check_stored<char>(dev, random_rows(dev, 6500, 4000), 0, 0);
    check_stored<double>(dev, random_rows(dev, 50000, 64), 0, 0);
    check_stored<float>(dev, random_rows(dev, 70000, 100), 0, 0);
  });
}

TEST_CASE("scans of a team, with operators that do not commute") {
  for_each_device([](device const& dev) {
    for (std::size_t columns : lengths) {
      CAPTURE(columns);
      std::size_t const rows = 5;
      auto const in = random_rows(dev, rows, columns);
      array<int, 2> before(dev, in.shape()), until(dev, in.shape());
      array<matrix, 2> products(dev, in.shape());
      array<int> totals(dev, shape<1>(rows));
      launch(dev, teams(rows), row_scans{}, in, before, until, products, totals);
      auto const host = in.to_host(), found_before = before.to_host(), found_until = until.to_host(),
                 found_totals = totals.to_host();
      auto const found_products = products.to_host();
      for (std::size_t r = 0; r < rows; ++r) {
        int sum = 5, largest = -5000;
        matrix all{1, 0, 0, 1};
        for (std::size_t j = 0; j < columns; ++j) {
          std::size_t const at = r * columns + j;
          REQUIRE(found_before[at] == sum);
          sum += host[at];
          largest = std::max(largest, host[at]);
          all = product{}(all, matrix{1, static_cast<unsigned>(host[at]), static_cast<unsigned>(j % 3), 1});
          REQUIRE(found_until[at] == largest);
          REQUIRE(same_bits(found_products[at], all));
        }
        CHECK(found_totals[r] == sum);
      }
    }
  });
}

TEST_CASE("sorts of a team, in two arrays of shared memory") {
  for_each_device([](device const& dev) {
    for (std::size_t columns : lengths) {
      CAPTURE(columns);
      auto const in = random_rows(dev, 3, columns);
      array<int, 2> up(dev, in.shape());
      array<short, 2> down(dev, in.shape());
      auto const space = teams(3).with_shared<int>(columns).with_shared<short>(columns).with_threads(64);
      launch(dev, space, row_sort{}, in, up, down);
      auto expected = in.to_host();
      std::vector<short> expected_down;
      for (std::size_t r = 0; r < 3; ++r) {
        auto const begin = expected.begin() + static_cast<long>(r * columns), end = begin + static_cast<long>(columns);
        std::sort(begin, end);
        for (std::size_t j = columns; j-- > 0;)
          expected_down.push_back(static_cast<short>(begin[static_cast<long>(j)]));
      }
      CHECK(difference(up.to_host(), expected) == "");
      CHECK(difference(down.to_host(), expected_down) == "");
    }
  });
}

TEST_CASE("shared memory of a size known at compile time, and barriers") {
  for_each_device([](device const& dev) {
    auto host = random_values<float>(64 * 50, 8);
    array<float> x(dev, host);
    launch(dev, teams(50), reversed_blocks{}, x);
    for (auto block = host.begin(); block != host.end(); block += 64) std::reverse(block, block + 64);
    CHECK(difference(x.to_host(), host) == "");

    array<int> y(dev, random_values<int>(300 * 20, 9));
    auto const before = y.to_host();
    launch(dev, teams(20).with_shared<int>(300), neighbors_summed{}, y);
    auto expected = before;
    for (std::size_t i = 0; i < expected.size(); ++i)
      expected[i] = before[i] + before[i / 300 * 300 + (i % 300 + 1) % 300];
    CHECK(difference(y.to_host(), expected) == "");
    launch(dev, teams(0).with_shared<int>(300), neighbors_summed{}, y);
    CHECK(difference(y.to_host(), expected) == "");
  });
}

TEST_CASE("teams that no device can have are refused before anything runs") {
  for_each_device([](device const& dev) {
    array<int> y = ls::zeros<int>(dev, 300);
    auto const refused = [&](auto const& space) {
      return message_of<ls::shape_error>([&] { launch(dev, space, neighbors_summed{}, y); });
    };
    CHECK(contains(refused(teams(1).with_shared<int>(300).with_threads(0)),
                   "neighbors_summed on " + dev.name() + ": found 0 threads a team, expected 1 to 1024"));
    CHECK(contains(refused(teams(1).with_shared<int>(300).with_threads(1025)), "found 1025 threads a team"));
    CHECK(contains(refused(teams(-1).with_shared<int>(300)), "found -1 teams, expected 0 to"));
    CHECK(contains(refused(teams(1).with_shared<int>(-2)), "found -2 elements of shared memory"));
    if (dev.is_gpu())
      CHECK(contains(
          message_of<ls::device_error>([&] { launch(dev, teams(1).with_shared<int>(1 << 20), neighbors_summed{}, y); }),
          "found 4194304 bytes of shared memory a team, expected at most"));
    else
      CHECK(contains(message_of<ls::out_of_memory>(
                         [&] { launch(dev, teams(1).with_shared<int>(INT64_MAX / 8), neighbors_summed{}, y); }),
                     "found no room for"));
    CHECK(difference(y.to_host(), std::vector<int>(300)) == "");
  });
}
