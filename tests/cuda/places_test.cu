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

TEST_CASE("what runs on CPU devices only says so") {
  device const gpu = device::gpu(0);
  array<float> const x = lockstep::ones<float>(gpu, 10);
  array<index> const at = lockstep::zeros<index>(gpu, 10);
  array<float> y = lockstep::ones<float>(gpu, 10);
  CHECK_THROWS_AS((void)lockstep::select(x, x > 0.0f), lockstep::device_error);
  CHECK_THROWS_AS((void)lockstep::sorted(x), lockstep::device_error);
  CHECK_THROWS_AS((void)lockstep::histogram(x, 4, 0, 1), lockstep::device_error);
  CHECK_THROWS_AS(lockstep::scatter(y, at, x), lockstep::device_error);
  CHECK_THROWS_AS((void)lockstep::softmax(x).to_host(), lockstep::device_error);
  CHECK_THROWS_AS((void)lockstep::sum(x, lockstep::segments(at)).to_host(), lockstep::device_error);
}

}  // namespace places_tests
