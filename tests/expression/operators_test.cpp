// Runs on: cpu, cuda
// Operators against the same operators on scalars, the types that come out, and && and ||.
#include <doctest/doctest.h>

#include <cstdint>
#include <functional>
#include <lockstep/lockstep.hpp>

#include "support/devices.hpp"
#include "support/values.hpp"

namespace operators_tests {

using lockstep::array, lockstep::device, lockstep::shape;
using lockstep::test::difference, lockstep::test::for_each_device, lockstep::test::message_of,
    lockstep::test::random_values, lockstep::test::contains;

std::size_t const length = 1003;

/// The operator on arrays and on their elements one by one.
template <class Op, class A, class B>
void check_operator(device const& dev, Op op, std::vector<A> const& a, std::vector<B> const& b) {
  using result = decltype(op(A{}, B{}));
  array<A> const x(dev, a);
  array<B> const y(dev, b);
  static_assert(std::is_same_v<lockstep::value_t<decltype(op(x, y))>, result>);
  std::vector<result> expected(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) expected[i] = op(A(a[i]), B(b[i]));
  CHECK(difference(op(x, y).to_host(), expected) == "");
}

/// The operator with a scalar on its left and on its right.
template <class Op, class T>
void check_scalars(device const& dev, Op op, std::vector<T> const& a, T scalar) {
  using result = decltype(op(T{}, T{}));
  std::vector<result> left, right;
  for (T v : a) left.push_back(op(scalar, v)), right.push_back(op(v, scalar));
  array<T> const x(dev, a);
  CHECK(difference(op(scalar, x).to_host(), left) == "");
  CHECK(difference(op(x, scalar).to_host(), right) == "");
}

TEST_CASE("arithmetic") {
  for_each_device([](device const& dev) {
    auto const a = random_values<float>(length, 1), b = random_values<float>(length, 2, 1, 100);
    check_operator(dev, std::plus<>{}, a, b);
    check_operator(dev, std::minus<>{}, a, b);
    check_operator(dev, std::multiplies<>{}, a, b);
    check_operator(dev, std::divides<>{}, a, b);
    check_operator(dev, std::divides<>{}, random_values<int>(length, 3), random_values<int>(length, 4, 1, 9));
    check_operator(dev, std::modulus<>{}, random_values<int>(length, 3), random_values<int>(length, 4, 1, 9));
    check_operator(dev, std::multiplies<>{}, random_values<std::uint32_t>(length, 3, 0, 4e9),
                   random_values<std::uint32_t>(length, 4, 0, 4e9));
    check_scalars(dev, std::minus<>{}, a, 2.5f);
    check_scalars(dev, std::divides<>{}, random_values<std::int64_t>(length, 5, 1, 1e6), std::int64_t{1000});
  });
}

TEST_CASE("operands promote as in C++") {
  for_each_device([](device const& dev) {
    check_operator(dev, std::plus<>{}, random_values<std::int8_t>(length, 1, -128, 128),
                   random_values<std::int8_t>(length, 2, -128, 128));
    check_operator(dev, std::plus<>{}, random_values<bool>(length, 1), random_values<bool>(length, 2));
    check_operator(dev, std::multiplies<>{}, random_values<float>(length, 1), random_values<std::int8_t>(length, 2));
    check_operator(dev, std::minus<>{}, random_values<int>(length, 1), random_values<double>(length, 2));
    check_operator(dev, std::multiplies<>{}, random_values<bool>(length, 1), random_values<unsigned>(length, 2, 0, 9));
  });
}

TEST_CASE("comparisons") {
  for_each_device([](device const& dev) {
    auto a = random_values<float>(length, 5, -3, 3), b = random_values<float>(length, 6, -3, 3);
    for (std::size_t i = 0; i < length; i += 5) b[i] = a[i];
    a[11] = b[23] = NAN;
    a[31] = -0.0f, b[31] = 0.0f;
    check_operator(dev, std::equal_to<>{}, a, b);
    check_operator(dev, std::not_equal_to<>{}, a, b);
    check_operator(dev, std::less<>{}, a, b);
    check_operator(dev, std::less_equal<>{}, a, b);
    check_operator(dev, std::greater<>{}, a, b);
    check_operator(dev, std::greater_equal<>{}, a, b);
  });
}

TEST_CASE("bits and logic") {
  for_each_device([](device const& dev) {
    auto const a = random_values<std::uint32_t>(length, 1, 0, 4e9), b = random_values<std::uint32_t>(length, 2, 0, 4e9);
    check_operator(dev, std::bit_and<>{}, a, b);
    check_operator(dev, std::bit_or<>{}, a, b);
    check_operator(dev, std::bit_xor<>{}, a, b);
    auto const p = random_values<bool>(length, 3), q = random_values<bool>(length, 4);
    check_operator(dev, std::logical_and<>{}, p, q);
    check_operator(dev, std::logical_or<>{}, p, q);
  });
}

TEST_CASE("unary operators") {
  for_each_device([](device const& dev) {
    std::vector<float> const f{1.5f, -2, 0, INFINITY};
    array<float> const x(dev, f);
    CHECK((-x).to_host() == std::vector<float>{-1.5f, 2, -0.0f, -INFINITY});
    CHECK((!x).to_host() == std::vector<bool>{false, false, true, false});
    CHECK((!(x > 0.0f)).to_host() == std::vector<bool>{false, true, true, false});
    array<int> const k(dev, std::vector<int>{0, 5, -7});
    CHECK((~k).to_host() == std::vector<int>{-1, -6, 6});
    array<std::int8_t> const small(dev, std::vector<std::int8_t>{-128, 5});
    static_assert(std::is_same_v<lockstep::value_t<decltype(-small)>, int>);
    CHECK((-small).to_host() == std::vector<int>{128, -5});
  });
}

template <class T, class E>
constexpr bool yields(E const&) {
  return std::is_same_v<lockstep::value_t<E>, T>;
}

TEST_CASE("a scalar takes the type of the expression unless that would lose its kind") {
  for_each_device([](device const& dev) {
    array<float> const x(dev, {1, 2});
    array<int> const k(dev, std::vector<int>{3, 4});
    array<std::int8_t> const small(dev, std::vector<std::int8_t>{5, 6});
    array<bool> const flag(dev, std::vector<bool>{true, false});
    array<unsigned> const u(dev, std::vector<unsigned>{1, 2});
    CHECK(yields<float>(x * 0.5));
    CHECK(yields<float>(2 * x));
    CHECK(yields<float>(x + true));
    CHECK(yields<double>(k * 0.5));
    CHECK(yields<float>(k * 0.5f));
    CHECK(yields<int>(k + std::int64_t{1}));
    CHECK(yields<int>(small + 1));  // as int8 + int8
    CHECK(yields<double>(small * 0.5));
    CHECK(yields<int>(flag + 1));
    CHECK(yields<float>(flag * 2.5f));
    CHECK(yields<unsigned>(u + 1));
    CHECK(yields<bool>(x > 1));
    CHECK(yields<double>(lockstep::cast<double>(x) + k));
    CHECK((k * 0.5).to_host() == std::vector<double>{1.5, 2});
    CHECK((flag * 2.5f).to_host() == std::vector<float>{2.5f, 0});
    CHECK((u & ~1).to_host() == std::vector<unsigned>{0, 2});  // ~1 is -2, all bits but one
    CHECK((u + -1).to_host() == std::vector<unsigned>{0, 1});
  });
}

TEST_CASE("an integer that the expression's type cannot hold is refused") {
  for_each_device([](device const& dev) {
    array<std::int8_t> const small(dev, std::vector<std::int8_t>{5, 6});
    std::string const message = message_of<lockstep::error>([&] { static_cast<void>(small < 1000); });
    for (char const* part : {"1000", "int8", "cast"}) CHECK(contains(message, part));
    CHECK_THROWS_AS(static_cast<void>(small + 256), lockstep::error);
    CHECK_THROWS_AS(static_cast<void>(-200 * small), lockstep::error);
    array<int> const k(dev, std::vector<int>{3, 4});
    CHECK_THROWS_AS(static_cast<void>(k + 5'000'000'000), lockstep::error);
    CHECK((lockstep::cast<std::int64_t>(k) + 5'000'000'000).to_host() ==
          std::vector<std::int64_t>{5'000'000'003, 5'000'000'004});
  });
}

TEST_CASE("&& and || are element-wise beside axes; rank-0 expressions are plain conditions") {
  for_each_device([](device const& dev) {
    array<float> const x(dev, {1, -2, 3});
    CHECK((x > 0.0f && x < 2.0f).to_host() == std::vector<bool>{true, false, false});
    CHECK((x > 2.0f || x < 0.0f).to_host() == std::vector<bool>{false, true, true});
    CHECK((x > 0.0f && lockstep::any(x > 2.5f)).to_host() == std::vector<bool>{true, false, true});
    CHECK((false || x > 0.0f).to_host() == std::vector<bool>{true, false, true});
    static_assert(std::is_same_v<decltype(lockstep::any(x > 0.0f) && true), bool>);
    static_assert(std::is_same_v<decltype(!lockstep::any(x > 0.0f)), bool>);
    bool reached = false;
    auto const reach = [&reached] { return reached = true; };
    if (lockstep::all(x > 0.0f) && reach()) CHECK(false);
    CHECK(!reached);
    if (lockstep::sum(x) > 1.5f && !lockstep::all(x > 0.0f)) reached = true;
    CHECK(reached);
    CHECK((lockstep::max(x) == 3.0f || reach()));
  });
}

TEST_CASE("expressions without elements, with one, and next to every tile's end") {
  for_each_device([](device const& dev) {
    for (std::size_t n : {0, 1, 2, 3, 63, 64, 65, 1023, 1024, 1025, 32767, 32768, 32769, 100003}) {
      auto const a = random_values<float>(n, 1), b = random_values<float>(n, 2);
      std::vector<float> expected(n);
      for (std::size_t i = 0; i < n; ++i) expected[i] = a[i] * b[i] - a[i];
      array<float> const x(dev, a), y(dev, b);
      CHECK(difference((x * y - x).to_host(), expected) == "");
    }
  });
}

}  // namespace operators_tests
