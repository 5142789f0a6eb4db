// Runs on: cpu, cuda
// Covers: select: select_bounded select_if_bounded nonzero_bounded; types: integers float double
// Selections whose size stays on the device, against plain loops; graphs, events and pinned memory around them.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <lockstep/lockstep.hpp>
#include <stdexcept>
#include <vector>

#include "support/devices.hpp"
#include "support/values.hpp"

namespace ls = lockstep;

namespace bounded_tests {

LOCKSTEP_FUNCTION(is_small, (x), x < 0.25);

struct wanted {
  std::vector<double> kept, scan;
  std::vector<ls::index> places;
  double sum = 0;
};
/// What is kept of 2 x by x > limit, and its running sums.
wanted by_loop(std::vector<double> const& x, double limit) {
  wanted all;
  for (std::size_t i = 0; i < x.size(); ++i)
    if (x[i] > limit) {
      all.kept.push_back(2 * x[i]);
      all.places.push_back(static_cast<ls::index>(i));
      all.scan.push_back(all.sum += 2 * x[i]);
    }
  return all;
}
/// Values whose sums are exact.
std::vector<double> eighths(std::size_t n, unsigned seed) {
  std::vector<double> x = ls::test::random_values<double>(n, seed, -8, 8);
  for (double& value : x) value = std::round(value) / 8;
  return x;
}

TEST_CASE("a selection keeps its size on the device, and what is padded with the neutral element needs no size") {
  ls::test::for_each_device([](ls::device const& dev) {
    for (std::size_t n : {0, 1, 31, 1000, 5000})
      for (double limit : {-9.0, 0.0, 9.0}) {
        CAPTURE(n);
        CAPTURE(limit);
        std::vector<double> const host = eighths(n, 7);
        wanted const want = by_loop(host, limit);
        ls::array<double> const x(dev, host);
        ls::bounded<double> const kept = ls::select_bounded(x * 2.0, x > limit);
        CHECK(kept.capacity() == static_cast<ls::index>(n));
        CHECK(ls::index{kept.count} == static_cast<ls::index>(want.kept.size()));
        CHECK(kept.take().to_host() == want.kept);
        CHECK(static_cast<double>(ls::sum(kept.padded(0))) == want.sum);
        std::vector<double> scan = ls::array<double>(ls::inclusive_scan(kept.padded(0))).to_host();
        scan.resize(want.scan.size());
        CHECK(scan == want.scan);
        std::vector<double> all = kept.padded(-1).to_host(), padded = want.kept;
        padded.resize(n, -1);
        CHECK(all == padded);
        CHECK(ls::nonzero_bounded(x > limit).take().to_host() == want.places);
      }
  });
}

TEST_CASE("a predicate selects, integers too, and padded rows repeat in a larger space") {
  ls::test::for_each_device([](ls::device const& dev) {
    std::vector<double> const host{0.5, 0, 0.125, 1, -1};
    ls::array<double> const x(dev, host);
    CHECK(ls::select_if_bounded(x, is_small).take().to_host() == std::vector<double>{0, 0.125, -1});
    ls::array<int> const n(dev, std::vector<int>{3, 1, 2});
    ls::bounded<int> const kept = ls::select_bounded(n, n > 1);
    CHECK(kept.take().to_host() == std::vector<int>{3, 2});
    ls::array<int, 2> const rows = kept.padded(9) + ls::zeros<int>(dev, ls::shape(2, 3));
    CHECK(rows.to_host() == std::vector<int>{3, 2, 9, 3, 2, 9});
    CHECK_THROWS_AS(ls::select_bounded(n, ls::array<int>(dev, std::vector<int>{1})), ls::shape_error);
  });
}

TEST_CASE("a pipeline of unknown sizes is recorded once and runs again on new data") {
  ls::test::for_each_device([](ls::device const& dev) {
    std::size_t const n = 3000;
    ls::array<double> x(dev, std::vector<double>(n, 0.0)), scan(dev, ls::shape(n)), in_order_of;
    ls::array<double, 0> total(dev, ls::shape<0>());
    ls::array<ls::index, 0> count(dev, ls::shape<0>());
    ls::graph const pipeline = ls::capture(dev, [&] {
      auto const kept = ls::select_bounded(x * 2.0, x > 0.0);
      scan = ls::inclusive_scan(kept.padded(0));
      total = ls::sum(kept.padded(0)) + 0.0 * ls::max(scan);
      count = kept.count;
      in_order_of = ls::sorted(kept.padded(std::numeric_limits<double>::infinity()));
    });
    for (unsigned seed : {1u, 2u, 3u}) {
      std::vector<double> const host = eighths(n, seed);
      wanted const want = by_loop(host, 0);
      ls::array<double> const fresh(dev, host);
      x = fresh;  // into the same memory, which the recording reads
      pipeline.launch();
      CHECK(static_cast<double>(total) == want.sum);
      CHECK(ls::index{count} == static_cast<ls::index>(want.kept.size()));
      std::vector<double> found = scan.to_host(), in_order = want.kept;
      found.resize(want.scan.size());
      CHECK(found == want.scan);
      std::sort(in_order.begin(), in_order.end());
      in_order.resize(n, std::numeric_limits<double>::infinity());
      CHECK(in_order_of.to_host() == in_order);
    }
  });
}

TEST_CASE("memory of a recording: temporaries take turns, arrays made in it outlive the graph") {
  ls::test::for_each_device([](ls::device const& dev) {
    ls::array<float> const x(dev, std::vector<float>{3, 1, 2});
    ls::array<float> made, dropped(dev, ls::shape(3)), y(dev, ls::shape(3));
    {
      ls::graph const again = ls::capture(dev, [&] {
        made = x + 1.0f;
        dropped = ls::array<float>();  // memory from before: the graph may use it
        for (int i = 0; i < 3; ++i) y = ls::array<float>(made * 2.0f) + ls::array<float>(made - 1.0f);
      });
      again.launch();
      again.launch();
      CHECK(made.to_host() == std::vector<float>{4, 2, 3});
      CHECK(y.to_host() == std::vector<float>{11, 5, 8});
    }
    CHECK(made.to_host() == std::vector<float>{4, 2, 3});
    made = made + y;
    CHECK(made.to_host() == std::vector<float>{15, 7, 11});
    CHECK_THROWS_AS(ls::graph().launch(), ls::device_error);
  });
}

TEST_CASE("what work throws comes out of capture, and the device goes on") {
  ls::test::for_each_device([](ls::device const& dev) {
    ls::array<float> x(dev, std::vector<float>{1, 2});
    auto const fails = [&] {
      x = x * 2.0f;
      throw std::runtime_error("stop");
    };
    CHECK_THROWS_WITH_AS((dev.is_gpu() ? static_cast<void>(ls::capture(dev, fails)) : ls::capture(dev, fails).launch()),
                         "stop", std::runtime_error);
    x = ls::array<float>(dev, std::vector<float>{1, 2});
    x = x + 1.0f;
    CHECK(x.to_host() == std::vector<float>{2, 3});
  });
}

TEST_CASE("copies between pinned memory and arrays, while the host goes on") {
  ls::test::for_each_device([](ls::device const& dev) {
    std::size_t const n = 1000;
    ls::pinned<float> from(dev, n), to(dev, n);
    ls::array<float> x(dev, ls::shape(n));
    for (int round = 0; round < 3; ++round) {
      for (std::size_t i = 0; i < n; ++i) from[i] = static_cast<float>(i) + static_cast<float>(round);
      ls::event const sent = ls::copy_async(from, x);
      x = x * 2.0f;
      ls::event const back = ls::copy_async(x, to);
      sent.wait();
      CHECK(sent.done());
      back.wait();
      CHECK(to[0] == 2 * static_cast<float>(round));
      CHECK(to[n - 1] == 2 * (static_cast<float>(n - 1) + static_cast<float>(round)));
    }
    ls::pinned<float> small(dev, 3);
    CHECK_THROWS_AS(ls::copy_async(x, small), ls::shape_error);
    CHECK_THROWS_AS(ls::copy_async(small, x), ls::shape_error);
    small = std::move(from);
    CHECK(small.size() == n);
    ls::copy_async(x, small);  // its end waits
  });
}

TEST_CASE("events: past at once on CPU devices, and one device waits for another's") {
  ls::test::for_each_device([](ls::device const& dev) {
    CHECK(ls::event().done());
    ls::array<float> x = ls::full<float>(dev, 1000, 2.0f);
    ls::event const reached = dev.record();
    ls::device::cpu(1).wait(reached);
    CHECK(reached.done());
    dev.wait(reached);
    dev.wait(ls::event());
    x = x + 1.0f;
    CHECK(x.to_host()[999] == 3);
  });
}

}  // namespace bounded_tests
