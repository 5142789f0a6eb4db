// Covers: places: gather scatter histogram bincount; types: integers float double
// Covers: places: gather reverse roll tile repeat concatenate; types: integers float double
// Covers: matmul: outer; types: float
// Covers: random: uniform bernoulli; types: integers float double
// Covers: random: normal; types: float double
// Expressions that read other places, and random numbers, on a GPU against the same on a CPU device.
#include <doctest/doctest.h>

#include <lockstep/lockstep.hpp>

#include "support/values.hpp"

namespace places_tests {

using lockstep::array, lockstep::axis, lockstep::device, lockstep::index, lockstep::seed, lockstep::shape;
using lockstep::test::difference, lockstep::test::far_from, lockstep::test::random_values;

/// f(device) on both devices.
template <class F>
void check_same(F&& f) {
  device const gpu = device::gpu(0);
  CHECK(difference(f(gpu), f(device::cpu(1))) == "");
}

TEST_CASE("gather, of memory and along an axis") {
  check_same([](device const& dev) {
    array<float> const x(dev, random_values<float>(3000, 1));
    array<int> const at(dev, random_values<int>(5000, 2, 0, 3000));
    return (lockstep::gather(x * 2.0f, at) + 1.0f).to_host();
  });
  check_same([](device const& dev) {
    array<int, 2> const m(dev, {40, 50}, random_values<int>(2000, 1));
    array<int> const at(dev, random_values<int>(30, 2, 0, 40));
    return (lockstep::gather(m, at, axis(0)) - lockstep::gather(m.transpose(), at, axis(1)).transpose() +
            lockstep::gather(m, at, axis(0)))
        .to_host();
  });
}

struct keep_odd {
  LOCKSTEP_INLINE int operator()(int a, int b) const { return b % 2 != 0 ? b : a; }
};

TEST_CASE("scatter: in order, at once, and to places that are not there") {
  auto const scattered = [](device const& dev, auto zero, auto op, int places) {
    using T = decltype(zero);
    array<T> y(dev, std::vector<T>(static_cast<std::size_t>(places), zero));
    array<int> const at(dev, random_values<int>(5000, 2, 0, places));
    lockstep::scatter(y, at, array<T>(dev, random_values<T>(5000, 3)) + at, op);
    return lockstep::cast<double>(y).to_host();
  };
  for (int places : {1, 700, 70000}) {
    INFO("places ", places);
    check_same([&](device const& dev) { return scattered(dev, 0.5f, lockstep::plus{}, places); });
    check_same([&](device const& dev) { return scattered(dev, 7, lockstep::plus{}, places); });
    check_same([&](device const& dev) { return scattered(dev, std::int64_t{7}, lockstep::maximum{}, places); });
    check_same([&](device const& dev) { return scattered(dev, 0u, lockstep::minimum{}, places); });
    check_same([&](device const& dev) { return scattered(dev, 0.5, lockstep::last{}, places); });
    check_same([&](device const& dev) { return scattered(dev, 2, keep_odd{}, places); });
  }
  check_same([](device const& dev) {
    array<float> y = lockstep::zeros<float>(dev, 5000);
    lockstep::scatter(y, lockstep::random::permutation(dev, 5000, seed(3)), lockstep::arange<float>(dev, 5000),
                      lockstep::distinct{});
    return y.to_host();
  });
  array<int> y = lockstep::zeros<int>(device::gpu(0), 3);
  array<int> const at(device::gpu(0), std::vector{1, 3, -1, 2});
  lockstep::scatter(y, at, at + 10);
  CHECK(y.to_host() == std::vector{0, 11, 12});
  lockstep::scatter(y, at, at, lockstep::plus{});
  CHECK(y.to_host() == std::vector{0, 12, 14});
}

TEST_CASE("histograms and counts") {
  float const nan = std::nanf("");
  for (index bins : {1, 7, 3000, 20000}) {
    INFO("bins ", bins);
    check_same([&](device const& dev) {
      array<float, 2> x(dev, {300, 70}, random_values<float>(21000, 4, -10, 10));
      return lockstep::histogram(lockstep::where(x > 5.0f, nan, x), bins, -9.5f, 4.0f).to_host();
    });
    check_same([&](device const& dev) {
      array<std::int8_t> x(dev, random_values<std::int8_t>(21000, 4));
      return lockstep::histogram(x, bins, std::int8_t{-100}, std::int8_t{100}).to_host();
    });
    check_same([&](device const& dev) {
      std::vector<double> edges;
      for (index k = 0; k <= bins; ++k) edges.push_back(static_cast<double>(k * k) / 1000);
      return lockstep::histogram(array<double>(dev, random_values<double>(9000, 4, 0, 1000)), edges).to_host();
    });
    check_same([&](device const& dev) {
      return lockstep::bincount(array<int>(dev, random_values<int>(9000, 4, 0, bins)), 5).to_host();
    });
  }
  array<int> const negative(device::gpu(0), std::vector{1, -3});
  CHECK_THROWS_AS((void)lockstep::bincount(negative), lockstep::error);
}

TEST_CASE("outer products") {
  check_same([](device const& dev) {
    array<float> const u(dev, random_values<float>(300, 1)), v(dev, random_values<float>(70, 2));
    return lockstep::outer(u, v).to_host();
  });
}

TEST_CASE("other orders along an axis") {
  check_same([](device const& dev) {
    array<int, 3> const x(dev, {6, 7, 40}, random_values<int>(6 * 7 * 40, 3));
    return (lockstep::reverse(x, axis(2)) + lockstep::roll(x, 3, axis(1)) * 2 +
            lockstep::permute(lockstep::permute(x, {2, 0, 1}), {1, 2, 0}))
        .to_host();
  });
  check_same([](device const& dev) {
    array<int, 2> const x(dev, {6, 7}, random_values<int>(42, 3));
    return lockstep::concatenate(lockstep::tile(x, {2, 3}), lockstep::repeat(x, 3, axis(1)) * 5).to_host();
  });
}

TEST_CASE("random numbers have the same bits, normal ones the same values but for the last places") {
  check_same([](device const& dev) { return lockstep::random::uniform<float>(dev, 3001, seed(7)).to_host(); });
  check_same([](device const& dev) { return lockstep::random::uniform<double>(dev, 1001, seed(7)).to_host(); });
  check_same([](device const& dev) { return lockstep::random::uniform<int>(dev, 1001, seed(7), -5, 1000).to_host(); });
  check_same([](device const& dev) {
    return lockstep::cast<int>(lockstep::random::bernoulli(dev, shape{30, 41}, seed(7), 0.3)).to_host();
  });
  device const gpu = device::gpu(0);
  auto const expected = lockstep::random::normal<float>(device::cpu(1), 3001, seed(3)).to_host();
  CHECK(far_from(lockstep::random::normal<float>(gpu, 3001, seed(3)).to_host(),
                 std::vector<double>(expected.begin(), expected.end()), 1e-5) == "");
}

TEST_CASE("half and bfloat16") {
  check_same([](device const& dev) {
    array<lockstep::half> x(dev, 1000), y(dev, 1000);
    x = array<float>(dev, random_values<float>(1000, 1, -2, 2));
    y = x * 3.0f + lockstep::cast<lockstep::bfloat16>(x);
    return lockstep::cast<float>(y).to_host();
  });
}

}  // namespace places_tests
