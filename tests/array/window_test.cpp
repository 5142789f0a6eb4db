// Runs on: cpu, cuda
// Windows: slices, reshapes and transposes of arrays as expressions and as targets, over one memory.
#include <doctest/doctest.h>

#include <lockstep/lockstep.hpp>
#include <optional>

#include "support/devices.hpp"
#include "support/values.hpp"

namespace window_tests {

using lockstep::array, lockstep::device, lockstep::index, lockstep::shape;
using lockstep::test::contains, lockstep::test::for_each_device, lockstep::test::message_of;
using ints = std::vector<int>;

/// 0, 1, 2, ... in the given shape.
template <std::size_t Rank>
array<int, Rank> counted(device const& dev, shape<Rank> const& extents) {
  return lockstep::arange<int>(dev, extents.size()).reshape(extents);
}

TEST_CASE("slices, transposes and reshapes read what they show") {
  for_each_device([](device const& dev) {
    array<int, 2> const m = counted(dev, shape{3, 4});
    CHECK(m.slice({1, 1}, {3, 3}).to_host() == ints{5, 6, 9, 10});
    CHECK(m.slice({1, 1}, {3, 3}).transpose().to_host() == ints{5, 9, 6, 10});
    CHECK(m.transpose().to_host() == ints{0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11});
    CHECK(m.transpose().slice({1, 0}, {3, 2}).to_host() == ints{1, 5, 2, 6});
    CHECK(m.transpose().transpose().to_host() == m.to_host());
    CHECK(lockstep::transpose(m).shape() == shape{4, 3});
    CHECK(m.reshape(shape{2, 6}).slice({1, 4}, {2, 6}).to_host() == ints{10, 11});
    CHECK(m.transpose().reshape(shape{2, 3, 2}).transpose().shape() == shape{2, 3, 2});
    CHECK(m.slice({0, 1}, {3, 3}).reshape(shape{6}).to_host() == ints{1, 2, 5, 6, 9, 10});
    CHECK(m.reshape(shape<1>(12)).slice(3, 3).size() == 0);
    array<int, 3> const cube = counted(dev, shape{2, 3, 2});
    CHECK(cube.transpose().to_host() == ints{0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11});
    array<int, 0> const value(dev, shape<0>(), ints{5});
    CHECK(value.reshape(shape{1, 1}).to_host() == ints{5});
  });
}

TEST_CASE("broadcast_to repeats along new axes and along extents of 1") {
  for_each_device([](device const& dev) {
    array<int> const v = counted(dev, shape{3});
    CHECK(v.broadcast_to(shape{2, 3}).to_host() == ints{0, 1, 2, 0, 1, 2});
    CHECK(v.reshape(shape{3, 1}).broadcast_to(shape{3, 2}).to_host() == ints{0, 0, 1, 1, 2, 2});
    CHECK(v.broadcast_to(shape{2, 3}).transpose().to_host() == ints{0, 0, 1, 1, 2, 2});
    CHECK(v.broadcast_to(shape{0, 3}).to_host().empty());
    std::string const message = message_of<lockstep::shape_error>([&] {
      static_cast<void>(v.broadcast_to(shape{3, 2}));
    });
    CHECK(contains(message, "(3,)"));
    CHECK(contains(message, "(3, 2)"));
    CHECK_THROWS_AS(static_cast<void>(v.reshape(shape{1, 3}).broadcast_to(shape{1, 1})), lockstep::shape_error);
  });
}

TEST_CASE("windows outside of the shape are refused") {
  for_each_device([](device const& dev) {
    array<int, 2> const m = counted(dev, shape{3, 4});
    std::string const message = message_of<lockstep::shape_error>([&] { static_cast<void>(m.slice({1, 2}, {3, 5})); });
    for (char const* part : {"(1, 2)", "(3, 5)", "(3, 4)"}) CHECK(contains(message, part));
    CHECK_THROWS_AS(static_cast<void>(m.slice({2, 0}, {1, 4})), lockstep::shape_error);
    CHECK_THROWS_AS(static_cast<void>((m + 1).slice({0, 0}, {4, 4})), lockstep::shape_error);
    CHECK_THROWS_AS(static_cast<void>(m.slice({0, 0}, {1, 1}).slice({0, 0}, {2, 1})), lockstep::shape_error);
    std::string const sizes = message_of<lockstep::shape_error>([&] { static_cast<void>(m.reshape(shape{5, 2})); });
    for (char const* part : {"(3, 4)", "12 elements", "(5, 2)"}) CHECK(contains(sizes, part));
    CHECK_THROWS_AS(static_cast<void>((m * 2).reshape(shape{13})), lockstep::shape_error);
  });
}

TEST_CASE("assigning to a window writes through and leaves the rest alone") {
  for_each_device([](device const& dev) {
    array<int, 2> m = counted(dev, shape{3, 4});
    auto window = m.slice({1, 1}, {3, 3});
    window = -1;
    CHECK(m.to_host() == ints{0, 1, 2, 3, 4, -1, -1, 7, 8, -1, -1, 11});
    window = counted(dev, shape{2, 2}) * 10;
    CHECK(m.to_host() == ints{0, 1, 2, 3, 4, 0, 10, 7, 8, 20, 30, 11});
    CHECK(window.to_host() == ints{0, 10, 20, 30});
    window = counted(dev, shape{2, 2});  // an array, too, is written into the elements
    CHECK(m.to_host() == ints{0, 1, 2, 3, 4, 0, 1, 7, 8, 2, 3, 11});
    window = lockstep::sum(window);
    CHECK(m.to_host() == ints{0, 1, 2, 3, 4, 6, 6, 7, 8, 6, 6, 11});
    m.slice({0, 0}, {1, 4}) = m.slice({2, 0}, {3, 4});
    CHECK(m.to_host() == ints{8, 6, 6, 11, 4, 6, 6, 7, 8, 6, 6, 11});
  });
}

TEST_CASE("assigning to transposes and reshapes") {
  for_each_device([](device const& dev) {
    array<int, 2> m(dev, {2, 3});
    m.transpose() = counted(dev, shape{3, 2});
    CHECK(m.to_host() == ints{0, 2, 4, 1, 3, 5});
    m.transpose().slice({1, 0}, {2, 2}) = 9;
    CHECK(m.to_host() == ints{0, 9, 4, 1, 9, 5});
    m.reshape(shape{6}) = lockstep::arange<int>(dev, 6);
    CHECK(m.to_host() == ints{0, 1, 2, 3, 4, 5});
    m.reshape(shape{3, 2}).slice({0, 1}, {3, 2}) = 0;
    CHECK(m.to_host() == ints{0, 0, 2, 0, 4, 0});
    array<double, 3> cube(dev, {3, 5, 70});
    cube.transpose() = lockstep::indices(lockstep::axis(0)) + 100 * lockstep::indices(lockstep::axis(2));
    auto const values = cube.to_host();
    for (index i = 0; i < 3; ++i)
      for (index j = 0; j < 5; ++j)
        for (index k = 0; k < 70; ++k) REQUIRE(values[static_cast<std::size_t>((i * 5 + j) * 70 + k)] == k + 100 * i);
  });
}

TEST_CASE("a window of another shape is refused and nothing changes") {
  for_each_device([](device const& dev) {
    array<int, 2> m = counted(dev, shape{3, 4});
    array<int, 2> const wrong = counted(dev, shape{2, 3});
    std::string const message = message_of<lockstep::shape_error>([&] { m.slice({1, 1}, {3, 3}) = wrong + 1; });
    CHECK(contains(message, "(2, 3)"));
    CHECK(contains(message, "(2, 2)"));
    CHECK(m.to_host() == counted(dev, shape{3, 4}).to_host());
  });
}

TEST_CASE("windows of const arrays read only; handles copy, elements do not") {
  for_each_device([](device const& dev) {
    array<int, 2> m = counted(dev, shape{2, 2});
    auto const readable = std::as_const(m).slice({0, 0}, {1, 2});
    static_assert(!lockstep::assignable_target<decltype(readable)>);
    static_assert(!lockstep::assignable_target<decltype(std::as_const(m).transpose())>);
    static_assert(lockstep::assignable_target<decltype(m.transpose())>);
    auto const window = m.slice({0, 0}, {1, 2});
    auto const copy = window;
    copy = 7;
    CHECK(window.to_host() == ints{7, 7});
    CHECK(readable.to_host() == ints{7, 7});
    CHECK(window.extent(1) == 2);
    CHECK(window.device() == dev);
  });
}

TEST_CASE("windows keep their memory alive") {
  for_each_device([](device const& dev) {
    std::optional<array<int>> a = lockstep::arange<int>(dev, 1000);
    auto const window = a->slice(10, 20);
    auto const expression = window * 2 + a->slice(0, 10);
    a.reset();
    array<int> const other = lockstep::zeros<int>(dev, 1000);  // would take the memory, had it been given back
    window = window + 1;
    CHECK(window.to_host() == ints{11, 12, 13, 14, 15, 16, 17, 18, 19, 20});
    CHECK(expression.to_host() == ints{22, 25, 28, 31, 34, 37, 40, 43, 46, 49});
    CHECK(int(lockstep::sum(other)) == 0);
  });
}

TEST_CASE("overlapping windows of one array: all is read before anything is written") {
  for_each_device([](device const& dev) {
    for (index n : {5, 1000, 70001}) {
      array<int> x = lockstep::arange<int>(dev, static_cast<std::size_t>(n));
      auto const expected = [&](index shift, index low, index high) {  // x[i] = x[i - shift] for i in [low, high)
        ints values(static_cast<std::size_t>(n));
        for (index i = 0; i < n; ++i)
          values[static_cast<std::size_t>(i)] = static_cast<int>(i >= low && i < high ? i - shift : i);
        return values;
      };
      x.slice(1, n) = x.slice(0, n - 1);
      CHECK(lockstep::test::difference(x.to_host(), expected(1, 1, n)) == "");
      x = lockstep::arange<int>(dev, static_cast<std::size_t>(n));
      x.slice(0, n - 2) = x.slice(2, n);
      CHECK(lockstep::test::difference(x.to_host(), expected(-2, 0, n - 2)) == "");
    }
    array<int, 2> m = counted(dev, shape{3, 3});
    m.slice({0, 0}, {2, 2}) = m.slice({1, 1}, {3, 3}).transpose();
    CHECK(m.to_host() == ints{4, 7, 2, 5, 8, 5, 6, 7, 8});
  });
}

TEST_CASE("views: the plain form that kernels get") {
  for_each_device([](device const& dev) {
    if (!dev.is_cpu()) return;
    array<int, 2> m = counted(dev, shape{3, 4});
    auto const v = m.transpose().slice({1, 0}, {4, 2}).view();
    CHECK(v.size() == 6);
    CHECK(v.extent(0) == 3);
    CHECK(v(2, 1) == 7);
    v(2, 1) = 70;
    CHECK(m.to_host()[7] == 70);
    lockstep::view<int const, 2> const readable = m.view();
    CHECK(readable(2, 3) == 11);
    array<int> line = lockstep::arange<int>(dev, 5);
    CHECK(line.slice(2, 5).view()[1] == 3);
    CHECK(std::as_const(line).view()[4] == 4);
  });
}

}  // namespace window_tests
