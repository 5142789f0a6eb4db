// Runs on: cpu, cuda
// array: construction, copies, moves, assignment and values on the host, for every kind of element.
#include <doctest/doctest.h>

#include <cstdint>
#include <lockstep/lockstep.hpp>
#include <utility>

#include "support/devices.hpp"
#include "support/values.hpp"

namespace array_tests {

using lockstep::array, lockstep::device, lockstep::index, lockstep::shape;
using lockstep::test::difference, lockstep::test::for_each_device, lockstep::test::message_of,
    lockstep::test::random_values, lockstep::test::contains;

struct pixel {
  std::uint8_t red, green, blue;
  bool operator==(pixel const&) const = default;
};

template <class T>
void check_round_trip(device const& dev) {
  for (std::size_t n : {0, 1, 2, 31, 1000}) {
    auto const host = random_values<T>(n, n + 1, 0, 100);
    array<T> const a(dev, host);
    CHECK(a.size() == n);
    CHECK(a.shape() == shape<1>(n));
    CHECK(a.device() == dev);
    CHECK(difference(a.to_host(), host) == "");
  }
}

TEST_CASE("values go to the device and come back, for every type") {
  for_each_device([](device const& dev) {
    check_round_trip<bool>(dev);
    check_round_trip<std::int8_t>(dev);
    check_round_trip<std::uint16_t>(dev);
    check_round_trip<int>(dev);
    check_round_trip<std::uint64_t>(dev);
    check_round_trip<float>(dev);
    check_round_trip<double>(dev);
    std::vector<pixel> const picture{{1, 2, 3}, {4, 5, 6}, {7, 8, 9}};
    array<pixel> const a(dev, picture);
    CHECK(a.to_host() == picture);
  });
}

TEST_CASE("every constructor") {
  for_each_device([](device const& dev) {
    array<float> const by_size(dev, 5);
    CHECK(by_size.size() == 5);
    CHECK(by_size.device() == dev);
    array<float, 3> const by_shape(dev, {2, 3, 4});
    CHECK(by_shape.shape() == shape{2, 3, 4});
    CHECK(by_shape.extent(1) == 3);
    CHECK(by_shape.size() == 24);
    std::vector<float> const host{1, 2, 3, 4, 5, 6};
    array<float, 2> const with_values(dev, {2, 3}, host);
    CHECK(with_values.to_host() == host);
    array<float> const listed(dev, {1.5f, 2.5f});
    CHECK(listed.to_host() == std::vector<float>{1.5f, 2.5f});
    array<int> const integers(dev, std::vector<int>{1, 2, 3});
    CHECK(integers.to_host() == std::vector<int>{1, 2, 3});
    array<double> const from_expression = with_values.reshape(shape{6}) * 2.0f;
    CHECK(from_expression.to_host() == std::vector<double>{2, 4, 6, 8, 10, 12});
    array<float, 0> const scalar(dev, shape<0>(), std::vector<float>{7});
    CHECK(float(scalar) == 7);
    CHECK(scalar.size() == 1);
    CHECK(scalar.to_host() == std::vector<float>{7});
  });
  array<float> const somewhere(3);
  CHECK(somewhere.device() == lockstep::default_device());
}

TEST_CASE("construction with a wrong number of values or a negative extent is refused") {
  for_each_device([](device const& dev) {
    std::vector<float> const five(5);
    std::string const message = message_of<lockstep::shape_error>([&] { array<float, 2> const a(dev, {2, 3}, five); });
    CHECK(contains(message, "5 values"));
    CHECK(contains(message, "(2, 3)"));
    CHECK(contains(message, "expected 6"));
    CHECK(contains(message_of<lockstep::shape_error>([&] { array<float> const a(dev, -4); }), "-4"));
  });
}

TEST_CASE("a default-constructed array has no shape and no device, and says so") {
  array<float> none;
  CHECK(!none.has_storage());
  CHECK(none.size() == 0);
  CHECK(none.empty());
  CHECK(none.data() == nullptr);
  CHECK(none.to_host().empty());
  CHECK_THROWS_AS(static_cast<void>(none.device()), lockstep::device_error);
  CHECK_THROWS_AS(static_cast<void>(none + 1.0f), lockstep::device_error);
  CHECK_THROWS_AS(static_cast<void>(none.slice(0, 0)), lockstep::device_error);
  CHECK_THROWS_AS(static_cast<void>(none.to(lockstep::default_device())), lockstep::device_error);
  CHECK_THROWS_AS(none = 1.0f, lockstep::shape_error);
  array<float, 0> const no_value;
  CHECK_THROWS_AS(static_cast<void>(float(no_value)), lockstep::device_error);
}

TEST_CASE("the first array or expression gives a default-constructed array its shape and device") {
  for_each_device([](device const& dev) {
    array<float, 2> const m = lockstep::ones<float>(dev, shape{2, 3});
    array<float, 2> a, b, c;
    a = m;
    b = m + m;
    c = m.slice({0, 1}, {2, 2});
    CHECK(a.device() == dev);
    CHECK(a.to_host() == std::vector<float>(6, 1));
    CHECK(b.device() == dev);
    CHECK(b.shape() == shape{2, 3});
    CHECK(b.to_host() == std::vector<float>(6, 2));
    CHECK(c.shape() == shape{2, 1});
    array<float> d;
    CHECK_THROWS_AS(d = lockstep::sum(m), lockstep::shape_error);  // one value, but for how many elements?
    CHECK(!d.has_storage());
    array deduced = m * 2.0f;
    static_assert(std::is_same_v<decltype(deduced), array<float, 2>>);
    array deduced_integers = lockstep::indices(shape{3}) + 1;
    static_assert(std::is_same_v<decltype(deduced_integers), array<index, 1>>);
    CHECK(deduced_integers.to_host() == std::vector<index>{1, 2, 3});
    array deduced_value = lockstep::sum(m);
    static_assert(std::is_same_v<decltype(deduced_value), array<float, 0>>);
    CHECK(float(deduced_value) == 6);
    array deduced_copy = m;
    static_assert(std::is_same_v<decltype(deduced_copy), array<float, 2>>);
    CHECK(deduced_copy.to_host() == m.to_host());
  });
}

TEST_CASE("copying copies, and the copies part") {
  for_each_device([](device const& dev) {
    array<int> a = lockstep::arange<int>(dev, 5);
    array<int> b = a;
    CHECK(b.data() != a.data());
    b = 0;
    CHECK(a.to_host() == std::vector<int>{0, 1, 2, 3, 4});
    CHECK(b.to_host() == std::vector<int>(5, 0));
    array<int> none;
    array<int> const copy_of_none = none;
    CHECK(!copy_of_none.has_storage());
    b = none;
    CHECK(!b.has_storage());
  });
}

TEST_CASE("moving leaves a default-constructed array behind") {
  for_each_device([](device const& dev) {
    array<int> a = lockstep::arange<int>(dev, 4);
    int const* const where = a.data();
    array<int> b = std::move(a);
    CHECK(b.data() == where);
    CHECK(!a.has_storage());
    CHECK(a.shape() == shape<1>());
    CHECK(a.size() == 0);
    array<int> c(dev, 9);
    c = std::move(b);
    CHECK(c.data() == where);
    CHECK(c.size() == 4);
    CHECK(!b.has_storage());
    CHECK(b.shape() == shape<1>());
    a = c * 2;  // a moved-from array takes a new shape
    CHECK(a.to_host() == std::vector<int>{0, 2, 4, 6});
  });
}

TEST_CASE("an array assigned to itself stays what it is") {
  for_each_device([](device const& dev) {
    array<int> a = lockstep::arange<int>(dev, 4);
    array<int>& same = a;
    a = same;
    CHECK(a.to_host() == std::vector<int>{0, 1, 2, 3});
    a = std::move(same);
    CHECK(a.to_host() == std::vector<int>{0, 1, 2, 3});
  });
}

TEST_CASE("array = array replaces the whole, shape included") {
  for_each_device([](device const& dev) {
    array<int> a = lockstep::arange<int>(dev, 3);
    array<int> const longer = lockstep::arange<int>(dev, 5), other = lockstep::full<int>(dev, 5, 7), none(dev, 0);
    a = longer;
    CHECK(a.to_host() == longer.to_host());
    a = other;
    CHECK(a.to_host() == other.to_host());
    CHECK(longer.to_host() == std::vector<int>{0, 1, 2, 3, 4});
    a = none;
    CHECK(a.has_storage());
    CHECK(a.size() == 0);
  });
}

TEST_CASE("array = expression keeps the shape; another one is refused and nothing changes") {
  for_each_device([](device const& dev) {
    array<float> x = lockstep::arange<float>(dev, 4);
    array<float> const y = lockstep::ones<float>(dev, 3);
    float const* const where = x.data();
    auto const refused = [&](auto&& assign) {
      std::string const message = message_of<lockstep::shape_error>(assign);
      CHECK(contains(message, "(3,)"));
      CHECK(contains(message, "(4,)"));
      CHECK(contains(message, "float[3]"));
      CHECK(x.to_host() == std::vector<float>{0, 1, 2, 3});
      CHECK(x.data() == where);
    };
    refused([&] { x = y * 2.0f; });
    refused([&] { x = y.slice(0, 3); });
    refused([&] { x += y; });
    x = x * 2.0f + 1.0f;
    CHECK(x.to_host() == std::vector<float>{1, 3, 5, 7});
    CHECK(x.data() == where);
    array<float> broadcast(dev, 4);
    CHECK_THROWS_AS(broadcast = lockstep::ones<float>(dev, 1) * 2.0f, lockstep::shape_error);
  });
}

TEST_CASE("values and rank-0 expressions fill an array") {
  for_each_device([](device const& dev) {
    array<float, 2> m(dev, {3, 5});
    m = 2.5f;
    CHECK(m.to_host() == std::vector<float>(15, 2.5f));
    m = lockstep::sum(m) + 0.5f;
    CHECK(m.to_host() == std::vector<float>(15, 38));
    array<float, 0> const value = lockstep::max(m);
    m = value;
    CHECK(m.to_host() == std::vector<float>(15, 38));
    array<pixel> picture(dev, 4);
    picture = pixel{1, 2, 3};
    CHECK(picture.to_host() == std::vector<pixel>(4, {1, 2, 3}));
    array<bool> flags(dev, 70);
    flags = true;
    CHECK(flags.to_host() == std::vector<bool>(70, true));
    array<float> none(dev, 0);
    none = 1.0f;
    CHECK(none.size() == 0);
  });
}

TEST_CASE("rank-0 arrays are values") {
  for_each_device([](device const& dev) {
    array<double, 0> a(dev, shape<0>());
    a = 3.0;
    array<double, 0> const b = a * 2.0 + 1.0;
    CHECK(double(b) == 7);
    CHECK(bool(a < b));
    a = b;
    CHECK(double(a) == 7);
    a += b;
    CHECK(double(a) == 14);
  });
}

TEST_CASE("assigning converts elements as C++ does") {
  for_each_device([](device const& dev) {
    array<double> const x(dev, {1.75, -2.5, 0.0});
    array<int> k(dev, 3);
    k = x;
    CHECK(k.to_host() == std::vector<int>{1, -2, 0});
    array<bool> flags = x;
    CHECK(flags.to_host() == std::vector<bool>{true, true, false});
    array<float> y = k;
    CHECK(y.to_host() == std::vector<float>{1, -2, 0});
  });
}

TEST_CASE("compound assignment") {
  for_each_device([](device const& dev) {
    array<int, 2> m(dev, {2, 2}, std::vector<int>{1, 2, 3, 4});
    array<int> const row(dev, std::vector<int>{10, 20});
    m += row;
    CHECK(m.to_host() == std::vector<int>{11, 22, 13, 24});
    m -= 1;
    CHECK(m.to_host() == std::vector<int>{10, 21, 12, 23});
    m *= m;
    CHECK(m.to_host() == std::vector<int>{100, 441, 144, 529});
    (m /= row) += 1;
    CHECK(m.to_host() == std::vector<int>{11, 23, 15, 27});
    m.slice({0, 0}, {1, 2}) *= 2;
    CHECK(m.to_host() == std::vector<int>{22, 46, 15, 27});
  });
}

TEST_CASE("arrays in a vector") {
  for_each_device([](device const& dev) {
    std::vector<array<int>> several(3, lockstep::arange<int>(dev, 2));
    several[1] = lockstep::arange<int>(dev, 4);
    several.erase(several.begin());
    several.insert(several.begin(), lockstep::arange<int>(dev, 1));
    std::swap(several[0], several[2]);
    std::vector<std::size_t> sizes;
    for (auto const& a : several) sizes.push_back(a.size());
    CHECK(sizes == std::vector<std::size_t>{2, 4, 1});
    CHECK(several[1].to_host() == std::vector<int>{0, 1, 2, 3});
  });
}

TEST_CASE("empty arrays are arrays") {
  for_each_device([](device const& dev) {
    array<float> a(dev, 0), b(dev, std::vector<float>{});
    array<float, 3> m(dev, {4, 0, 2});
    CHECK(a.has_storage());
    CHECK(m.size() == 0);
    CHECK(m.shape() == shape{4, 0, 2});
    a = a + b;
    m = m * 2.0f + m;
    array<float, 3> const copy = m;
    CHECK(copy.shape() == shape{4, 0, 2});
    CHECK(m.to_host().empty());
    CHECK(m.to(dev).shape() == shape{4, 0, 2});
    CHECK(m.transpose().shape() == shape{2, 0, 4});
    CHECK(m.reshape(shape{0}).shape() == shape<1>(0));
    CHECK(m.slice({1, 0, 0}, {3, 0, 2}).shape() == shape{2, 0, 2});
    CHECK((m.slice({1, 0, 0}, {3, 0, 2}) + 1.0f).to_host().empty());
  });
}

TEST_CASE("factories") {
  for_each_device([](device const& dev) {
    CHECK(lockstep::zeros<int>(dev, 3).to_host() == std::vector<int>(3, 0));
    CHECK(lockstep::ones<double>(dev, shape{2, 2}).to_host() == std::vector<double>(4, 1));
    CHECK(lockstep::full<float>(dev, shape{2, 3}, 4.5f).to_host() == std::vector<float>(6, 4.5f));
    CHECK(lockstep::arange<int>(dev, 5, 3, -2).to_host() == std::vector<int>{3, 1, -1, -3, -5});
    CHECK(lockstep::arange<int>(dev, 0).size() == 0);
    CHECK(lockstep::linspace(dev, 5, 1.0, 2.0).to_host() == std::vector<double>{1, 1.25, 1.5, 1.75, 2});
    CHECK(lockstep::linspace(dev, 1, 3.0, 9.0).to_host() == std::vector<double>{3});
    CHECK(lockstep::linspace(dev, 0, 3.0, 9.0).size() == 0);
    for (std::size_t n : {7, 10, 50, 99}) {  // the last value is exact even where n - 1 steps are not
      auto const values = lockstep::linspace(dev, n, 0.1f, 0.7f).to_host();
      CHECK(values.front() == 0.1f);
      CHECK(values.back() == 0.7f);
    }
  });
}

TEST_CASE("to(device) copies, also to the same device") {
  for_each_device([](device const& dev) {
    array<int> const a = lockstep::arange<int>(dev, 1000);
    device const other = device::new_cpu(2, 7);
    array<int> there = a.to(other);
    CHECK(there.device() == other);
    CHECK(there.to_host() == a.to_host());
    there = 0;
    CHECK(there.to(dev).device() == dev);
    CHECK(there.to(dev).to_host() == std::vector<int>(1000, 0));
    array<int> same = a.to(dev);
    CHECK(same.data() != a.data());
    CHECK(same.to_host() == a.to_host());
  });
}

}  // namespace array_tests
