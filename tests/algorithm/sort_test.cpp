// Runs on: cpu
// Covers: sort: sort stable_sort sorted segmented_sort; types: bool integers float double
// sort, stable_sort, sorted and segmented_sort against std::, at the sizes around every cut-off.
#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <lockstep/algorithm/sort.hpp>
#include <lockstep/lockstep.hpp>
#include <numeric>

#include "algorithm/sort_values.hpp"
#include "support/devices.hpp"
#include "support/values.hpp"

namespace sort_tests {

using lockstep::argsort, lockstep::array, lockstep::axis, lockstep::device, lockstep::greater, lockstep::index,
    lockstep::less, lockstep::shape, lockstep::sorted;
using lockstep::test::contains, lockstep::test::difference, lockstep::test::for_each_device, lockstep::test::generator,
    lockstep::test::message_of, lockstep::test::random_values, lockstep::test::same_bits;
using lockstep::test::values_of_kind;

std::size_t const lengths[] = {0,   1,   2,   3,   7,   8,   9,   16,  17,  31,   32,   33,   63,   64,    65,   100,
                               127, 128, 129, 255, 256, 257, 383, 512, 513, 1000, 1023, 1024, 4096, 32768, 40000};
std::size_t const thread_counts[] = {1, 2, 3, 4, 7};

template <class T>
void check_sorting(device const& dev, std::size_t n, int kind) {
  INFO("n ", n, " kind ", kind, " of ", sizeof(T), " bytes");
  auto const host = values_of_kind<T>(n, kind);
  auto up = host, down = host;
  std::sort(up.begin(), up.end());
  std::sort(down.begin(), down.end(), [](T a, T b) { return a > b; });
  array<T> x(dev, host);
  REQUIRE(difference(sorted(x).to_host(), up) == "");
  REQUIRE(difference(sorted(x, greater{}).to_host(), down) == "");
  lockstep::sort(x);
  REQUIRE(difference(x.to_host(), up) == "");
}

TEST_CASE("numbers of every type, of every kind") {
  for_each_device([](device const& dev) {
    for (std::size_t n : lengths) {
      for (int kind = 0; kind < 6; ++kind) {
        check_sorting<float>(dev, n, kind);
        check_sorting<std::int64_t>(dev, n, kind);
      }
      check_sorting<int>(dev, n, 0);
      check_sorting<double>(dev, n, 0);
    }
    for (std::size_t n : {0, 1, 5, 257, 5000, 70001})
      for (int kind = 0; kind < 2; ++kind) {
        check_sorting<bool>(dev, n, kind);
        check_sorting<std::int8_t>(dev, n, kind);
        check_sorting<std::uint8_t>(dev, n, kind);
        check_sorting<std::int16_t>(dev, n, kind);
        check_sorting<std::uint16_t>(dev, n, kind);
        check_sorting<std::uint32_t>(dev, n, kind);
        check_sorting<std::uint64_t>(dev, n, kind);
      }
  });
}

TEST_CASE("many values, on any number of threads") {
  for (std::size_t threads : thread_counts)
    for (std::size_t n : {65535, 65536, 300007})
      for (int kind = 0; kind < 6; ++kind) {
        INFO(threads, " threads");
        check_sorting<float>(device::cpu(threads), n, kind);
        if (kind < 3) check_sorting<std::uint64_t>(device::cpu(threads), n, kind);
      }
}

TEST_CASE("the least and largest numbers are values like others") {
  for_each_device([](device const& dev) {
    for (int size : {300, 100000}) {
      generator random(1);
      std::vector<int> host(static_cast<std::size_t>(size));
      int const extremes[] = {std::numeric_limits<int>::min(), std::numeric_limits<int>::max(), 0,
                              std::numeric_limits<int>::max() - 1};
      for (int& v : host) v = extremes[random.below(4)];
      auto expected = host;
      std::sort(expected.begin(), expected.end());
      CHECK(difference(sorted(array<int>(dev, host)).to_host(), expected) == "");
      std::fill(host.begin(), host.end(), std::numeric_limits<int>::max());
      CHECK(difference(sorted(array<int>(dev, host)).to_host(), host) == "");
      std::fill(host.begin(), host.end(), std::numeric_limits<int>::min());
      CHECK(difference(sorted(array<int>(dev, host)).to_host(), host) == "");
    }
  });
}

/// Floats with zeros of both signs, infinities, and NaNs of both signs and several payloads.
std::vector<float> special_floats(std::size_t n) {
  float const inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  float const special[] = {0.0f, -0.0f, inf, -inf, nan, -nan, 1.5f, -1.5f};
  generator random(n);
  std::vector<float> host(n);
  for (std::size_t i = 0; i < n; ++i)
    host[i] = random.below(3) ? static_cast<float>(random.between(-9, 9)) : special[random.below(8)];
  return host;
}
bool nan_last_less(float a, float b) { return a < b || (b != b && a == a); }
bool nan_last_greater(float a, float b) { return a > b || (b != b && a == a); }

TEST_CASE("NaNs come last, and no bits are lost") {
  for_each_device([](device const& dev) {
    for (std::size_t n : {5, 100, 1000, 100000}) {
      auto const host = special_floats(n);
      auto up = host, down = host;
      std::stable_sort(up.begin(), up.end(), nan_last_less);
      std::stable_sort(down.begin(), down.end(), nan_last_greater);
      array<float> x(dev, host);
      auto found = sorted(x).to_host();
      CHECK(difference(found, up) == "");
      CHECK(difference(sorted(x, greater{}).to_host(), down) == "");
      array<float> stable = x, falling = x;
      lockstep::stable_sort(stable);
      lockstep::stable_sort(falling, greater{});
      CHECK(same_bits(stable.to_host(), up));
      CHECK(same_bits(falling.to_host(), down));
      auto const bits = [](std::vector<float> const& values) {
        std::vector<std::uint32_t> all(values.size());
        std::memcpy(all.data(), values.data(), values.size() * 4);
        std::sort(all.begin(), all.end());
        return all;
      };
      CHECK(bits(found) == bits(host));
    }
    std::vector<float> const plain = {2, 1, 3};
    array<float> x(dev, plain);
    lockstep::stable_sort(x, greater{});
    CHECK(x.to_host() == std::vector<float>{3, 2, 1});
  });
}

struct record {
  int key, place;
  bool operator==(record const&) const = default;
};
struct by_key {
  bool operator()(record const& a, record const& b) const { return a.key < b.key; }
};
std::vector<record> some_records(std::size_t n) {
  generator random(n);
  std::vector<record> host(n);
  for (std::size_t i = 0; i < n; ++i) host[i] = {static_cast<int>(random.below(1 + index(n) / 8)), static_cast<int>(i)};
  return host;
}

TEST_CASE("structs and orders of one's own are sorted stably") {
  for (std::size_t threads : thread_counts)
    for (std::size_t n : {0, 1, 2, 15, 16, 17, 33, 34, 35, 1000, 32767, 32768, 100003}) {
      INFO(threads, " threads, n ", n);
      device const dev = device::cpu(threads);
      auto const host = some_records(n);
      auto expected = host;
      std::stable_sort(expected.begin(), expected.end(), by_key{});
      array<record> x(dev, host);
      CHECK(sorted(x, by_key{}).to_host() == expected);
      lockstep::stable_sort(x, by_key{});
      CHECK(x.to_host() == expected);
    }
  for_each_device([](device const& dev) {
    auto const host = random_values<int>(50000, 1, -1000, 1000);
    auto const last_digit = [](int a, int b) { return a % 10 < b % 10; };
    auto expected = host;
    std::stable_sort(expected.begin(), expected.end(), last_digit);
    CHECK(difference(sorted(array<int>(dev, host), last_digit).to_host(), expected) == "");
  });
}

TEST_CASE("an order that throws changes nothing") {
  for_each_device([](device const& dev) {
    for (std::size_t n : {2, 1000, 100000}) {
      auto const host = some_records(n);
      array<record> x(dev, host);
      std::atomic<int> calls{0};
      auto const order = [&](record const& a, record const& b) {
        if (++calls > static_cast<int>(n / 4)) throw std::runtime_error("enough");
        return a.key < b.key;
      };
      CHECK(message_of<std::runtime_error>([&] { lockstep::sort(x, order); }) == "enough");
      CHECK(x.to_host() == host);
    }
  });
}

template <class T, class Less>
std::vector<index> stable_places(std::vector<T> const& host, Less const& before) {
  std::vector<index> places(host.size());
  std::iota(places.begin(), places.end(), 0);
  std::stable_sort(places.begin(), places.end(),
                   [&](index a, index b) { return before(T(host[std::size_t(a)]), T(host[std::size_t(b)])); });
  return places;
}
TEST_CASE("along any axis") {
  for_each_device([](device const& dev) {
    for (shape<3> const extents : {shape(3, 5, 7), shape(2, 300, 33), shape(40, 17, 70), shape(1, 1, 50000),
                                   shape(1, 50000, 1), shape(3, 0, 2)}) {
      auto const host = random_values<float>(extents.size(), 5);
      array<float, 3> const x(dev, extents, host);
      auto const strides = lockstep::row_major_strides(extents);
      for (std::size_t along = 0; along < 3; ++along) {
        INFO("shape ", lockstep::to_string(extents), " axis ", along);
        auto expected = host;
        std::vector<index> places(host.size());
        index const n = extents[along], step = strides[along];
        for (index first = 0; first < index(host.size()); ++first) {
          if (first / step % std::max<index>(n, 1) != 0) continue;
          std::vector<float> line;
          for (index i = 0; i < n; ++i) line.push_back(host[std::size_t(first + i * step)]);
          auto const order = stable_places(line, [](float a, float b) { return a < b; });
          for (index i = 0; i < n; ++i) {
            places[std::size_t(first + i * step)] = order[std::size_t(i)];
            expected[std::size_t(first + i * step)] = line[std::size_t(order[std::size_t(i)])];
          }
        }
        array<float, 3> in_place = x, stable = x;
        lockstep::sort(in_place, axis(along));
        lockstep::stable_sort(stable, axis(along));
        CHECK(difference(in_place.to_host(), expected) == "");
        CHECK(difference(stable.to_host(), expected) == "");
        CHECK(difference(sorted(x, axis(along)).to_host(), expected) == "");
        CHECK(difference(argsort(x, axis(along)).to_host(), places) == "");
      }
    }
  });
}

TEST_CASE("windows and expressions") {
  for_each_device([](device const& dev) {
    auto const host = random_values<int>(60000, 2);
    array<int> x(dev, host);
    auto expected = host;
    std::sort(expected.begin() + 100, expected.begin() + 50100);
    lockstep::sort(x.slice(100, 50100));
    CHECK(difference(x.to_host(), expected) == "");

    array<int, 2> m(dev, shape(200, 300), host);
    auto block = host;
    for (std::size_t column = 10; column < 20; ++column) {
      std::vector<int> line;
      for (std::size_t row = 0; row < 200; ++row) line.push_back(host[row * 300 + column]);
      std::sort(line.begin(), line.end());
      for (std::size_t row = 0; row < 200; ++row) block[row * 300 + column] = line[row];
    }
    lockstep::sort(m.slice({0, 10}, {200, 20}).transpose(), axis(1));
    CHECK(difference(m.to_host(), block) == "");

    std::vector<int> squares;
    for (int v : host) squares.push_back(v * v - 3);
    auto const order = stable_places(squares, [](int a, int b) { return a < b; });
    array<int> const y(dev, host);
    CHECK(difference(argsort(y * y - 3).to_host(), order) == "");
    std::sort(squares.begin(), squares.end());
    CHECK(difference(sorted(y * y - 3).to_host(), squares) == "");
    CHECK(difference(sorted(lockstep::zeros<float>(dev, 1).broadcast_to(shape(5))).to_host(), std::vector<float>(5)) ==
          "");
  });
}

TEST_CASE("segments") {
  for_each_device([](device const& dev) {
    std::size_t const n = 150000;
    auto const host = random_values<float>(n, 9);
    generator random(4);
    std::vector<int> offsets = {0, 0};
    while (offsets.size() < 700) offsets.push_back(offsets.back() + static_cast<int>(random.below(100)));
    offsets.push_back(int(n) - 5), offsets.push_back(int(n));
    auto expected = host;
    for (std::size_t i = 0; i + 1 < offsets.size(); ++i)
      std::sort(expected.begin() + offsets[i], expected.begin() + offsets[i + 1], std::greater<float>());
    array<float> x(dev, host);
    lockstep::segmented_sort(x, array<int>(dev, offsets), greater{});
    CHECK(difference(x.to_host(), expected) == "");

    array<int> few(dev, std::vector<int>{3, 2, 1});
    auto const message = [&](std::vector<int> const& wrong) {
      return message_of<lockstep::error>([&] { lockstep::segmented_sort(few, array<int>(dev, wrong)); });
    };
    CHECK(contains(message({0, 2}), "found the offset 2 at 1, expected one from 3 to 3"));
    CHECK(contains(message({0, 2, 1, 3}), "found the offset 1 at 2, expected one from 2 to 3"));
    CHECK(contains(message({1, 3}), "found the offset 1 at 0, expected one from 0 to 0"));
    CHECK(contains(message({}), "found no offsets, expected at least one"));
    CHECK(few.to_host() == std::vector<int>{3, 2, 1});
    array<int> none(dev, 0);
    lockstep::segmented_sort(none, array<int>(dev, std::vector<int>{0}));
  });
}

TEST_CASE("errors say what was found and change nothing") {
  for_each_device([](device const& dev) {
    array<float, 2> m(dev, shape(1, 2), std::vector<float>{2, 1});
    auto const text = [](auto&& f) { return message_of<lockstep::shape_error>(f); };
    CHECK(text([&] { lockstep::sort(m, axis(2)); }) == "sort: found axis 2, expected an axis of the shape (1, 2)");
    CHECK(contains(text([&] { lockstep::stable_sort(m, axis(3)); }), "stable_sort: found axis 3"));
    CHECK(contains(text([&] { sorted(m, axis(2)); }), "sorted: found axis 2"));
    CHECK(contains(text([&] { argsort(m, axis(2)); }), "argsort: found axis 2"));
    CHECK(m.to_host() == std::vector<float>{2, 1});
    array<int> keys(dev, std::vector<int>{2, 1}), values(dev, std::vector<int>{1});
    CHECK(text([&] { lockstep::sort_by_key(keys, values); }) ==
          "sort_by_key: found 1 values beside 2 keys, expected as many");
    CHECK(contains(text([&] { lockstep::argsort_by(keys, values); }), "argsort_by: found 1 values beside 2 keys"));
    CHECK(keys.to_host() == std::vector<int>{2, 1});
  });
}

}  // namespace sort_tests
