// Runs on: cpu
// Debug mode (this program is compiled with LOCKSTEP_DEBUG): indices are checked, new memory is NaN, messages name the
// kernel, the argument and the index.
#include <doctest/doctest.h>

#include <lockstep/lockstep.hpp>

#include "support/devices.hpp"
#include "support/values.hpp"

namespace ls = lockstep;
using namespace lockstep::test;

namespace {

struct reads_behind {
  LOCKSTEP_FN void operator()(ls::index i, ls::view<float> out, ls::view<float const> in) const { out[i] = in[i + 1]; }
};
struct reads_column {
  LOCKSTEP_FN void operator()(ls::index i, ls::index j, ls::view<float, 2> x) const { x(i, j) = x(i, j - 1); }
};
struct takes_row_behind {
  LOCKSTEP_FN void operator()(ls::index i, ls::view<float, 2> x) const { x.row(i)[0] = 1; }
};
struct writes_behind_cache {
  template <class Team>
  LOCKSTEP_FN void operator()(Team& team, ls::view<float> x) const {
    auto cache = team.template shared<float>();
    team.for_each(cache.size() + 1, [&](ls::index j) { cache[j] = x[0]; });
  }
};
struct reads_fresh_cache {
  template <class Team>
  LOCKSTEP_FN void operator()(Team& team, ls::view<float> x) const {
    auto cache = team.template shared<float>();
    team.for_each(cache.size(), [&](ls::index j) { x[j] = cache[j]; });
  }
};

}  // namespace

TEST_CASE("an index outside of a view says the kernel, the argument, the index and the extents") {
  for_each_device([](ls::device const& dev) {
    ls::array<float> in = ls::zeros<float>(dev, 1000), out = ls::zeros<float>(dev, 1000);
    std::string const text =
        message_of<ls::error>([&] { ls::launch(dev, ls::elements(1000), reads_behind{}, out, in); });
    CHECK(contains(text, "reads_behind, argument 2: found the index (1000,) of a view of the shape (1000,)"));
    ls::array<float, 2> x = ls::zeros<float>(dev, ls::shape<2>(300, 400));
    std::string const below =
        message_of<ls::error>([&] { ls::launch(dev, ls::elements(300, 400), reads_column{}, x); });
    CHECK(contains(below, "reads_column, argument 1"));
    CHECK(contains(below, ", -1) of a view of the shape (300, 400)"));
    std::string const rows = message_of<ls::error>([&] {
      ls::launch(dev, ls::elements(301), takes_row_behind{}, ls::array<float, 2>(dev, {300, 400}));
    });
    CHECK(contains(rows, "takes_row_behind, argument 1: found the index (300,) of a view of the shape (300,)"));
    CHECK(contains(
        message_of<ls::error>([&] { ls::launch(dev, ls::teams(2).with_shared<float>(7), writes_behind_cache{}, out); }),
        "a view of its own: found the index (7,) of a view of the shape (7,)"));
    ls::device const alone = ls::device::cpu(1);  // several threads would read what others write
    ls::array<float> both = ls::zeros<float>(alone, 1000);
    std::string const same =
        message_of<ls::error>([&] { ls::launch(alone, ls::elements(1000), reads_behind{}, both, both); });
    CHECK(contains(same, "reads_behind, argument 2: "));  // which is the same memory as argument 1
    CHECK(contains(message_of<ls::error>([&] { static_cast<void>(in.view()[1000]); }), "view: found the index"));
    if (dev.is_cpu()) CHECK(in.view()[999] == 0);
  });
}

TEST_CASE("new memory is NaN") {
  for_each_device([](ls::device const& dev) {
    ls::array<double> fresh(dev, ls::shape<1>(100));
    for (double v : fresh.to_host()) REQUIRE(v != v);
    fresh = 1.0;
    ls::array<float> out = ls::zeros<float>(dev, 50);
    ls::launch(dev, ls::teams(1).with_shared<float>(50), reads_fresh_cache{}, out);
    for (float v : out.to_host()) REQUIRE(v != v);
  });
}
