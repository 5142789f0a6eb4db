// Runs on: cpu
// Covers: places: reverse roll tile repeat concatenate; types: integers float double
// Expressions in another order along their axes, against loops, of memory and of computed operands, nested, as targets'
// own readers.
#include <doctest/doctest.h>

#include <lockstep/lockstep.hpp>

#include "support/devices.hpp"
#include "support/values.hpp"

namespace rearranged_tests {

using lockstep::array, lockstep::axis, lockstep::concatenate, lockstep::device, lockstep::index, lockstep::permute,
    lockstep::repeat, lockstep::reverse, lockstep::roll, lockstep::shape, lockstep::split, lockstep::tile;
using lockstep::test::contains, lockstep::test::difference, lockstep::test::for_each_device, lockstep::test::message_of;

/// Every element of an expression of three axes, and those computed from it, against f(i, j, k).
template <class E, class F>
void check(E const& e, shape<3> const& expected_shape, F&& f) {
  CHECK(e.shape() == expected_shape);
  std::vector<int> expected;
  for (index i = 0; i < expected_shape[0]; ++i)
    for (index j = 0; j < expected_shape[1]; ++j)
      for (index k = 0; k < expected_shape[2]; ++k) expected.push_back(static_cast<int>(f(i, j, k)));
  CHECK(difference(e.to_host(), expected) == "");
  for (int& each : expected) each = 2 * each + 1;
  CHECK(difference((e + e + 1).to_host(), expected) == "");
}

/// The same for an operand in memory, one that is computed, and one whose rows are not contiguous.
template <class F>
void for_each_operand(device const& dev, shape<3> const& extents, F&& f) {
  array<int, 3> x(dev, extents);
  x = lockstep::cast<int>(lockstep::indices(axis(0)) * 1000000 + lockstep::indices(axis(1)) * 10000 +
                          lockstep::indices(axis(2)));
  array<int, 3> const turned = x.transpose();
  f(x);
  f(x * 1);
  f(turned.transpose());
  f(lockstep::transpose(turned * 1));
}
index value(index i, index j, index k) { return i * 1000000 + j * 10000 + k; }

TEST_CASE("reverse, roll, tile, repeat and permute") {
  for_each_device([](device const& dev) {
    for (shape<3> const s : {shape{3, 4, 5}, shape{2, 3, 2050}, shape{1, 1, 1}, shape{0, 2, 3}})
      for_each_operand(dev, s, [&](auto const& x) {
        check(reverse(x), s, [&](index i, index j, index k) { return value(s[0] - 1 - i, j, k); });
        check(reverse(x, axis(2)), s, [&](index i, index j, index k) { return value(i, j, s[2] - 1 - k); });
        for (index shift : {index{0}, index{1}, index{-1}, 3 * s[2] + 2})
          check(roll(x, shift, axis(2)), s,
                [&](index i, index j, index k) { return value(i, j, ((k - shift) % s[2] + s[2]) % s[2]); });
        check(roll(x, 1, axis(1)), s, [&](index i, index j, index k) { return value(i, (j + s[1] - 1) % s[1], k); });
        check(tile(x, {2, 1, 3}), {2 * s[0], s[1], 3 * s[2]},
              [&](index i, index j, index k) { return value(i % s[0], j, k % s[2]); });
        check(repeat(x, 3, axis(2)), {s[0], s[1], 3 * s[2]},
              [&](index i, index j, index k) { return value(i, j, k / 3); });
        check(repeat(x, 2, axis(1)), {s[0], 2 * s[1], s[2]},
              [&](index i, index j, index k) { return value(i, j / 2, k); });
        check(permute(x, {1, 0, 2}), {s[1], s[0], s[2]}, [&](index i, index j, index k) { return value(j, i, k); });
        check(permute(x, {2, 0, 1}), {s[2], s[0], s[1]}, [&](index i, index j, index k) { return value(j, k, i); });
        check(reverse(roll(x, 1, axis(2)), axis(2)), s,
              [&](index i, index j, index k) { return value(i, j, (2 * s[2] - 2 - k) % s[2]); });
      });
  });
}

TEST_CASE("concatenate and split") {
  for_each_device([](device const& dev) {
    shape<3> const s{3, 4, 1500};
    for_each_operand(dev, s, [&](auto const& x) {
      check(concatenate(x, x * 2), {6, 4, 1500},
            [&](index i, index j, index k) { return i < 3 ? value(i, j, k) : 2 * value(i - 3, j, k); });
      check(concatenate(x, x * 2, axis(2)), {3, 4, 3000},
            [&](index i, index j, index k) { return k < 1500 ? value(i, j, k) : 2 * value(i, j, k - 1500); });
      auto const parts = split(x, 3, axis(1));
      REQUIRE(parts.size() == 3);
      check(parts[0], {3, 2, 1500}, [&](index i, index j, index k) { return value(i, j, k); });
      check(parts[2], {3, 1, 1500}, [&](index i, index j, index k) { return value(i, j + 3, k); });
    });
    array<float> const a(dev, {1.5f, 2.5f});
    array<double> const both = concatenate(a, lockstep::cast<double>(a) * 2);
    CHECK(both.to_host() == std::vector<double>{1.5, 2.5, 3, 5});
  });
}

TEST_CASE("an array is replaced by itself in another order") {
  for_each_device([](device const& dev) {
    std::size_t const n = 100003;
    array<int> x = lockstep::arange<int>(dev, n);
    x = reverse(x);
    x = roll(x, 5);
    auto const found = x.to_host();
    for (std::size_t i = 0; i < n; ++i) REQUIRE(found[i] == int(n - 1 - (i + n - 5) % n));
  });
}

TEST_CASE("bad axes and shapes are named") {
  device const dev = device::cpu(1);
  array<int, 2> const m = lockstep::zeros<int>(dev, shape{2, 3});
  using lockstep::shape_error;
  CHECK(contains(message_of<shape_error>([&] { (void)reverse(m, axis(2)); }), "found axis 2"));
  CHECK(contains(message_of<shape_error>([&] { (void)permute(m, {1, 1}); }), "found the order (1, 1)"));
  CHECK(contains(message_of<shape_error>([&] { (void)repeat(m, -1); }), "found the count -1"));
  CHECK(contains(message_of<shape_error>([&] { (void)split(m, 0); }), "found 0 parts"));
  CHECK(contains(message_of<shape_error>([&] {
                   (void)concatenate(m, lockstep::zeros<int>(dev, shape{2, 4}));
                 }),
                 "(2, 3) and (2, 4)"));
}

}  // namespace rearranged_tests
