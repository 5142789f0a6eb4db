// Heat spreads over a square plate with cold edges: a stencil of neighbors, one pass over memory a step, two buffers.
// Checked against the decay of a sine wave, which is known exactly.
#include "openmp/heat_2d.hpp"
#include "example.hpp"

namespace ls = lockstep;

namespace {

double const pi = 3.14159265358979323846;

/// sin(k pi x) sin(k pi y) at the inner points of a plate of side 1; the edges, outside of the array, stay at zero.
ls::array<float, 2> sine_wave(ls::device const& dev, ls::index n, ls::index k) {
  float const angle = float(pi * double(k) / double(n + 1));
  ls::array<float> at = ls::sin(ls::arange<float>(dev, static_cast<std::size_t>(n), 1.0f) * angle);
  return ls::outer(at, at);
}

/// One explicit step: every point moves towards the mean of its four neighbors. `rate` is a dt / h^2, at most 1/4.
void step(ls::array<float, 2> const& old, ls::array<float, 2>& next, float rate) {
  auto const at = [&](int down, int right) { return ls::neighbor(old, {down, right}, ls::boundary::zero); };
  next = old + rate * (at(-1, 0) + at(1, 0) + at(0, -1) + at(0, 1) - 4.0f * old);
}

/// With --compare: some steps from u, ours and by hand.
void compare(example::options const& o, ls::array<float, 2> u, float rate) {
  ls::index const n = u.extent(0), steps = o.size(20, 2);
  ls::array<float, 2> next(o.device, u.shape());
  std::vector<float> by_hand = u.to_host(), next_by_hand(u.size());
  auto const ours = [&] {
    for (ls::index s = 0; s < steps; ++s) step(u, next, rate), std::swap(u, next);
  };
  auto const openmp = [&] {
    for (ls::index s = 0; s < steps; ++s) openmp::heat_step(by_hand, next_by_hand, n, rate), by_hand.swap(next_by_hand);
  };
  example::compare(o, "stencil", ours, openmp);
  std::vector<float> const found = u.to_host();
  for (std::size_t i = 0; i < found.size(); ++i)
    example::require_close("a point, ours and OpenMP's", found[i], by_hand[i], 1e-5);
}

void simulate(example::options const& o) {
  ls::index const n = o.size(2047, 255), steps = o.size(2000, 400), waves = o.size(16, 4);
  float const rate = 0.2f;
  ls::array<float, 2> u = sine_wave(o.device, n, waves);
  ls::array<float, 2> next(o.device, u.shape());

  std::vector<float> expected(u.size());
  openmp::heat_step(u.to_host(), expected, n, rate);
  step(u, next, rate);
  std::vector<float> const found = next.to_host();
  for (std::size_t i = 0; i < found.size(); ++i)
    example::require_close("a point after one step", found[i], expected[i], 1e-6);

  double const seconds = example::seconds_of(o.device, [&] {
    for (ls::index s = 0; s < steps; ++s) {
      step(u, next, rate);
      std::swap(u, next);  // the buffers change places, no element is moved
    }
  });
  std::printf("%lld steps on %lld x %lld points (%s)\n", static_cast<long long>(steps), static_cast<long long>(n),
              static_cast<long long>(n), o.device.name().c_str());
  example::report("stencil", seconds, double(steps) * double(n) * double(n), "points");

  // The wave keeps its form, and its height falls by exp(-2 (k pi)^2 a t), where a t = rate h^2 steps.
  double const h = 1.0 / double(n + 1), frequency = pi * double(waves);
  double const decay = std::exp(-2 * frequency * frequency * double(rate) * h * h * double(steps));
  ls::array<float, 2> const wave = sine_wave(o.device, n, waves);
  float const height = ls::max(u);
  float const error = ls::max(ls::abs(u - float(decay) * wave));
  std::printf("  height %.6f, expected %.6f; the largest error of a point is %.1e\n", double(height), decay,
              double(error));
  example::require(error < 2e-4f, "the wave should have decayed to " + std::to_string(decay) + " of its height");
  if (o.compare) compare(o, wave, rate);
}

}  // namespace

int main(int argc, char** argv) { return example::run(argc, argv, {}, simulate); }
