// Custom kernels beside the library's own algorithms and plain loops: what writing a kernel by hand costs.
#include <lockstep/bench.hpp>

namespace ls = lockstep;

namespace {

struct row_softmax {
  template <class Team>
  LOCKSTEP_FN void operator()(Team& team, ls::view<float const, 2> in, ls::view<float, 2> out) const {
    ls::index const row = team.index(), columns = in.extent(1);
    auto cache = team.template shared<float>();
    float const largest = team.reduce(columns, ls::maximum{}, [&](ls::index j) { return cache[j] = in(row, j); });
    float const total =
        team.reduce(columns, ls::plus{}, [&](ls::index j) { return cache[j] = ls::math::exp(cache[j] - largest); });
    float const scale = 1 / total;
    team.store(out.row(row), [&](ls::index j) { return cache[j] * scale; });
  }
};
struct scaled_sum {
  LOCKSTEP_FN void operator()(ls::index i, float a, ls::view<float const> x, ls::view<float> y) const {
    y[i] = a * x[i] + y[i];
  }
};

/// An element that takes about half a microsecond: a few of them are worth all threads.
struct costly {
  LOCKSTEP_FN void operator()(ls::index i, ls::view<float> y) const {
    float x = y[i];
    for (int turn = 0; turn < 100; ++turn) x = x * 0.999f + 0.5f / (1 + x * x);
    y[i] = x;
  }
};

/// `r.size()` elements in rows of `columns`.
void softmax(ls::bench::run& r, std::size_t columns) {
  std::size_t const rows = std::max<std::size_t>(1, r.size() / columns);
  ls::array<float, 2> const in = ls::random::normal<float>(r.where(), ls::shape<2>(rows, columns), ls::seed(1));
  ls::array<float, 2> out(r.where(), {rows, columns});
  r.bytes(8.0 * static_cast<double>(rows * columns));
  r.time([&] { ls::launch(r.where(), ls::teams(rows).with_shared<float>(columns), row_softmax{}, in, out); });
  r.baseline("softmax", [&] { out = ls::softmax(in, ls::axis(1)); });
}

}  // namespace

int main(int argc, char** argv) try {
  ls::bench::suite all(argc, argv);
  all.add("softmax rows of 100", [](auto& r) { softmax(r, 100); });
  all.add("softmax rows of 777", [](auto& r) { softmax(r, 777); });
  all.add("softmax rows of 4096", [](auto& r) { softmax(r, 4096); });
  all.add("a * x + y", [](ls::bench::run& r) {
    ls::array<float> const x = ls::ones<float>(r.where(), r.size());
    ls::array<float> y = ls::ones<float>(r.where(), r.size());
    r.bytes(12.0 * static_cast<double>(r.size())).flops(2.0 * static_cast<double>(r.size()));
    r.time([&] { ls::launch(r.where(), ls::elements(r.size()), scaled_sum{}, 1e-6f, x, y); });
    r.baseline("expression", [&] { y = 1e-6f * x + y; });
  });
  all.add("costly elements", [](ls::bench::run& r) {
    std::size_t const n = std::min<std::size_t>(r.size(), 30000);
    ls::array<float> y = ls::ones<float>(r.where(), n), z = ls::ones<float>(ls::device::cpu(1), n);
    r.time([&] { ls::launch(r.where(), ls::elements(n), costly{}, y); });
    r.baseline("one thread", [&] { ls::launch(z.device(), ls::elements(n), costly{}, z); });
  });
  return all.run_all();
} catch (ls::error const& problem) {
  std::fprintf(stderr, "%s\n", problem.what());
  return 2;
}
