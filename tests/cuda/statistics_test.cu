// Covers: reduce: variance norm stddev logsumexp dot evaluate; types: float
// Covers: random: shuffle; types: float
// Variance, norms, logsumexp and dot products on a GPU against the same on a CPU device, whole and along axes; and
// orders drawn at random.
#include <doctest/doctest.h>

#include <lockstep/lockstep.hpp>

#include "support/values.hpp"

namespace statistics_tests {

using lockstep::array, lockstep::axis, lockstep::device, lockstep::seed;
using lockstep::test::difference, lockstep::test::far_from, lockstep::test::random_values;

/// f(device) on both devices.
template <class F>
void check_close(F&& f) {
  auto const expected = f(device::cpu(1)).to_host();
  CHECK(far_from(f(device::gpu(0)).to_host(), std::vector<double>(expected.begin(), expected.end()), 1e-5) == "");
}

array<float, 2> matrix(device const& dev, std::size_t rows, std::size_t columns) {
  array<float, 2> x(dev, {rows, columns}, random_values<float>(rows * columns, rows, 1, 9));
  return x / 4.0f;
}

TEST_CASE("whole") {
  for (std::size_t rows : {1, 7, 300}) {
    INFO("rows ", rows);
    check_close([&](device const& dev) { return variance(matrix(dev, rows, 130)); });
    check_close([&](device const& dev) { return stddev(matrix(dev, rows, 130)); });
    check_close([&](device const& dev) { return norm(matrix(dev, rows, 130)); });
    check_close([&](device const& dev) { return logsumexp(matrix(dev, rows, 130)); });
    check_close([&](device const& dev) {
      array<float> const u(dev, random_values<float>(rows * 9, 1, 0, 9)),
          v(dev, random_values<float>(rows * 9, 2, 1, 9));
      return dot(u, v);
    });
  }
}

TEST_CASE("along axes, and together with a mean") {
  for (std::size_t along : {0, 1}) {
    INFO("axis ", along);
    check_close([&](device const& dev) { return variance(matrix(dev, 100, 300), axis(along)); });
    check_close([&](device const& dev) { return norm(matrix(dev, 100, 300), axis(along)); });
    check_close([&](device const& dev) { return logsumexp(matrix(dev, 100, 300), axis(along)); });
  }
  auto const x = matrix(device::gpu(0), 50, 60), same = matrix(device::cpu(1), 50, 60);
  auto const [m, v] = lockstep::evaluate(lockstep::mean(x), variance(x));
  CHECK(float(m) == doctest::Approx(float(lockstep::mean(same))));
  CHECK(float(v) == doctest::Approx(float(variance(same))));
}

TEST_CASE("orders drawn at random are the same everywhere") {
  auto const drawn = [](device const& dev) {
    array<float> const x = lockstep::arange<float>(dev, 5000);
    return lockstep::random::shuffle(x, seed(9)).to_host();
  };
  CHECK(difference(drawn(device::gpu(0)), drawn(device::cpu(1))) == "");
}

}  // namespace statistics_tests
