// Runs on: cpu
// Covers: select: select select_if remove remove_if partition nonzero; types: bool integers float double
// select, partition and nonzero against std:: and plain loops, at the sizes around words, pieces and blocks.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <lockstep/algorithm/select.hpp>
#include <lockstep/lockstep.hpp>
#include <stdexcept>

#include "support/devices.hpp"
#include "support/values.hpp"

namespace select_tests {

using lockstep::array, lockstep::device, lockstep::index, lockstep::shape, lockstep::shape_error;
using lockstep::test::contains, lockstep::test::difference, lockstep::test::for_each_device, lockstep::test::generator,
    lockstep::test::message_of, lockstep::test::random_values;

std::size_t const lengths[] = {0,    1,    2,    7,     8,     9,     63,    64,    65,    127,    1000,  2047,
                               2048, 2049, 4100, 16383, 16384, 16385, 32767, 32768, 32769, 100003, 147457};

template <class F>
void for_each_thread_count(F&& f) {
  for (std::size_t threads : {1, 2, 3, 4, 7}) {
    INFO("threads ", threads);
    f(device::cpu(threads));
  }
}

/// Flags of which about one in `every` is set; none for 0.
std::vector<bool> random_flags(std::size_t n, std::uint64_t seed, std::int64_t every) {
  generator random(seed);
  std::vector<bool> flags(n);
  for (std::size_t i = 0; i < n; ++i) flags[i] = every > 0 && random.below(every) == 0;
  return flags;
}

template <class T>
struct parts {
  std::vector<T> in, out;
};
template <class T>
parts<T> part(std::vector<T> const& values, std::vector<bool> const& flags) {
  parts<T> result;
  for (std::size_t i = 0; i < values.size(); ++i) (flags[i] ? result.in : result.out).push_back(values[i]);
  return result;
}

template <class T>
void check_masks(device const& dev, std::size_t n, std::int64_t every) {
  INFO("n ", n, " one in ", every, " bytes ", sizeof(T));
  auto const host = random_values<T>(n, n + 1, -100, 100);
  auto const flags = random_flags(n, n, every);
  auto const [in, out] = part(host, flags);
  auto all = in;
  all.insert(all.end(), out.begin(), out.end());
  array<T> const x(dev, host);
  array<bool> const mask(dev, flags);
  CHECK(difference(select(x, mask).to_host(), in) == "");
  if constexpr (std::is_same_v<T, float>) CHECK(difference(remove(x, mask).to_host(), out) == "");
  auto const both = partition(x, mask);
  CHECK(both.selected == index(in.size()));
  CHECK(difference(both.values.to_host(), all) == "");
}

TEST_CASE("masks of any density and values of any arithmetic type") {
  for_each_device([](device const& dev) {
    for (std::size_t n : lengths)
      for (std::int64_t every : {0, 1, 2, 20, 3000}) check_masks<float>(dev, n, every);
    for (std::size_t n : {1, 100, 2049, 40000, 70001, 140003}) {
      check_masks<bool>(dev, n, 2);
      check_masks<std::int8_t>(dev, n, 2);
      check_masks<std::uint16_t>(dev, n, 3);
      check_masks<std::int32_t>(dev, n, 2);
      check_masks<std::uint64_t>(dev, n, 2);
      check_masks<double>(dev, n, 5);
    }
  });
}

TEST_CASE("masks that are comparisons") {
  for_each_device([](device const& dev) {
    float const nan = std::numeric_limits<float>::quiet_NaN();
    for (std::size_t n : lengths) {
      INFO("n ", n);
      auto host = random_values<float>(n, n + 1);
      for (std::size_t i = 0; i < n; i += 37) host[i] = nan;
      array<float> const x(dev, host);
      auto const numbers = random_values<index>(n, n);
      array<index> const k(dev, numbers);
      std::vector<float> positive, others, squares, by_number;
      for (std::size_t i = 0; i < n; ++i) {
        (host[i] > 0 ? positive : others).push_back(host[i]);
        if (host[i] * host[i] != host[i] + 2) squares.push_back(host[i]);
        if (numbers[i] <= 1) by_number.push_back(host[i]);
      }
      CHECK(difference(select(x, x > 0.0f).to_host(), positive) == "");
      CHECK(difference(select(x, !(x > 0.0f)).to_host(), others) == "");
      CHECK(difference(select(x, x * x != x + 2.0f).to_host(), squares) == "");
      CHECK(difference(select(x, k <= 1).to_host(), by_number) == "");
      CHECK(partition(x, x > 0.0f).selected == index(positive.size()));
    }
  });
}

template <class T>
std::vector<T> edge_values(std::size_t n) {
  std::vector<T> few{0, 1, 2, std::numeric_limits<T>::lowest(), std::numeric_limits<T>::max(), T(0) - T(1)};
  if constexpr (std::is_floating_point_v<T>) few.insert(few.end(), {T(-0.0), std::numeric_limits<T>::quiet_NaN()});
  generator random(n + sizeof(T));
  std::vector<T> values(n);
  for (T& v : values) v = few[static_cast<std::size_t>(random.below(static_cast<std::int64_t>(few.size())))];
  return values;
}

template <class T, class Compare>
void check_comparison(device const& dev, std::size_t n, Compare const& compare) {
  auto const host = edge_values<T>(n), other = edge_values<T>(n + 1);
  array<T> const x(dev, host), y(dev, std::vector<T>(other.begin(), other.end() - 1));
  array<std::int32_t> const narrow(dev, std::vector<std::int32_t>(n, 7));
  std::vector<bool> against_array(n), against_one(n);
  for (std::size_t i = 0; i < n; ++i) {
    against_array[i] = compare(host[i], other[i]);
    against_one[i] = compare(host[i], T(1));
  }
  // NaN is not equal to itself: bytes are compared
  auto const same = [](std::vector<T> const& a, std::vector<T> const& b) {
    return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
  };
  auto const [in, out] = part(host, against_array);
  auto all = in;
  all.insert(all.end(), out.begin(), out.end());
  CHECK(same(select(x, compare(x, y)).to_host(), in));
  CHECK(same(partition(x, compare(x, y)).values.to_host(), all));
  CHECK(same(select(x, compare(x, T(1))).to_host(), part(host, against_one).in));
  CHECK(select(narrow, compare(x, y)).size() == in.size());
}

TEST_CASE_TEMPLATE("every comparison of every type that vectors compare", T, float, double, std::int32_t, std::uint32_t,
                   std::int64_t, std::uint64_t) {
  for_each_device([](device const& dev) {
    for (std::size_t n : {1, 63, 64, 65, 1000, 40000}) {
      INFO("n ", n);
      check_comparison<T>(dev, n, [](auto const& a, auto const& b) { return a < b; });
      check_comparison<T>(dev, n, [](auto const& a, auto const& b) { return a <= b; });
      check_comparison<T>(dev, n, [](auto const& a, auto const& b) { return a > b; });
      check_comparison<T>(dev, n, [](auto const& a, auto const& b) { return a >= b; });
      check_comparison<T>(dev, n, [](auto const& a, auto const& b) { return a == b; });
      check_comparison<T>(dev, n, [](auto const& a, auto const& b) { return a != b; });
    }
  });
}

TEST_CASE("the results do not depend on the number of threads, nor on where the selected ones lie") {
  for_each_thread_count([](device const& dev) {
    std::size_t const n = 300007;
    auto const host = random_values<std::int32_t>(n, 4, -1000, 1000);
    std::vector<bool> clustered(n);
    for (std::size_t i = 0; i < n; ++i) clustered[i] = i / 40000 % 2 == 1 || i == 5;
    for (auto const& flags : {clustered, random_flags(n, 1, 2), random_flags(n, 1, 1), random_flags(n, 1, 0)}) {
      auto const [in, out] = part(host, flags);
      array<std::int32_t> const x(dev, host);
      array<bool> const mask(dev, flags);
      CHECK(select(x, mask).to_host() == in);
      CHECK(remove(x, mask).to_host() == out);
      auto const both = partition(x, mask);
      CHECK(both.selected == index(in.size()));
      CHECK(select(both.values, indices(both.values.shape(), lockstep::axis(0)) < both.selected).to_host() == in);
      std::vector<index> where;
      for (std::size_t i = 0; i < n; ++i)
        if (flags[i]) where.push_back(index(i));
      CHECK(nonzero(mask).to_host() == where);
    }
  });
}

TEST_CASE("results too large for the caches") {
  for_each_thread_count([](device const& dev) {
    if (dev.threads() > 2) return;
    std::size_t const n = 7'000'003;
    array<float> const x = cast<float>(indices(shape(n), lockstep::axis(0)) % index{1000});
    array<float> const kept = select(x, x >= 100.0f);
    std::vector<float> expected, rest;
    for (std::size_t i = 0; i < n; ++i) (i % 1000 >= 100 ? expected : rest).push_back(float(i % 1000));
    CHECK(kept.to_host() == expected);
    auto const both = partition(x, x >= 100.0f);
    expected.insert(expected.end(), rest.begin(), rest.end());
    CHECK(both.values.to_host() == expected);
  });
}

TEST_CASE("expressions are fused: computed, strided, transposed and broadcast") {
  for_each_device([](device const& dev) {
    std::size_t const rows = 213, columns = 319;
    auto const host = random_values<float>(rows * columns, 2);
    array<float, 2> const x(dev, shape(rows, columns), host);
    std::vector<float> doubled, transposed, window, repeated;
    for (float v : host)
      if (v > 0.5f) doubled.push_back(v * 2);
    for (std::size_t j = 0; j < columns; ++j)
      for (std::size_t i = 0; i < rows; ++i)
        if (host[i * columns + j] > 0.5f) transposed.push_back(host[i * columns + j]);
    for (std::size_t i = 3; i < 200; ++i)
      for (std::size_t j = 5; j < 300; ++j)
        if (host[i * columns + j] < 0) window.push_back(host[i * columns + j]);
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t j = 0; j < columns; ++j)
        if (host[j] > 1) repeated.push_back(host[i * columns + j]);
    CHECK(difference(select(x * 2.0f, x > 0.5f).to_host(), doubled) == "");
    CHECK(difference(select(x.transpose(), x.transpose() > 0.5f).to_host(), transposed) == "");
    auto const part = x.slice({3, 5}, {200, 300});
    CHECK(difference(select(part, part < 0.0f).to_host(), window) == "");
    CHECK(difference(remove(part, part >= 0.0f).to_host(), window) == "");
    auto const first_row = x.slice({0, 0}, {1, index(columns)}).broadcast_to(shape(rows, columns));
    CHECK(difference(select(x, first_row > 1.0f).to_host(), repeated) == "");
    CHECK(difference(select_if(x * 2.0f, [](float v) { return v > 1; }).to_host(), doubled) == "");
    CHECK(difference(remove_if(part, [](float v) { return v >= 0; }).to_host(), window) == "");
    CHECK(partition(x.transpose(), x.transpose() > 0.5f).selected == index(transposed.size()));
    array<float> const sums = inclusive_scan(x.reshape(shape(rows * columns)));
    CHECK(difference(select(inclusive_scan(x.reshape(shape(rows * columns))), sums > 0.0f).to_host(),
                     select(sums, sums > 0.0f).to_host()) == "");
    array<int, 0> one(dev, shape<0>());
    one = 3;
    CHECK(select(one, one > 2).to_host() == std::vector<int>{3});
    CHECK(select(one, one > 3).to_host().empty());
  });
}

TEST_CASE("masks need not be bool, and NaN is true") {
  for_each_device([](device const& dev) {
    float const nan = std::numeric_limits<float>::quiet_NaN();
    array<int> const x(dev, std::vector<int>{1, 2, 3, 4});
    CHECK(select(x, array<int>(dev, std::vector<int>{0, 256, -1, 0})).to_host() == std::vector{2, 3});
    CHECK(select(x, array<float>(dev, std::vector{0.0f, nan, -0.0f, 0.25f})).to_host() == std::vector{2, 4});
    CHECK(nonzero(array<float>(dev, std::vector{0.0f, nan, -0.0f, 0.25f})).to_host() == std::vector<index>{1, 3});
  });
}

struct particle {
  double position[3];
  int kind;
  bool operator==(particle const&) const = default;
};
struct is_even {
  bool operator()(particle const& p) const { return p.kind % 2 == 0; }
};

TEST_CASE("user structs") {
  for_each_device([](device const& dev) {
    for (std::size_t n : {1, 70, 2049, 40001}) {
      std::vector<particle> host(n), even;
      for (int i = 0; i < int(n); ++i) {
        host[i] = {{i * 1.0, i * 2.0, i * 3.0}, i * 7 % 5};
        if (host[i].kind % 2 == 0) even.push_back(host[i]);
      }
      array<particle> const x(dev, host);
      CHECK(select_if(x, is_even{}).to_host() == even);
      CHECK(select(x, lockstep::map(is_even{}, x)).to_host() == even);
      auto const both = partition(x, lockstep::map(is_even{}, x));
      auto expected = host;
      std::stable_partition(expected.begin(), expected.end(), is_even{});
      CHECK(both.values.to_host() == expected);
    }
  });
}

TEST_CASE("coordinates of what is not zero") {
  for_each_device([](device const& dev) {
    for (std::size_t columns : {1, 3, 64, 701}) {
      std::size_t const planes = 5, rows = 70;
      auto const host = random_values<int>(planes * rows * columns, 3, -2, 2);
      std::vector<index> expected;
      for (std::size_t i = 0; i < host.size(); ++i)
        if (host[i] != 0)
          for (std::size_t c : {i / columns / rows, i / columns % rows, i % columns}) expected.push_back(index(c));
      array<int, 3> const x(dev, shape(planes, rows, columns), host);
      auto const found = nonzero(x);
      CHECK(found.shape() == shape(expected.size() / 3, 3));
      CHECK(found.to_host() == expected);
    }
    CHECK(nonzero(array<int, 2>(dev, shape(0, 4))).shape() == shape(0, 2));
  });
}

TEST_CASE("little memory is held for few elements") {
  for_each_device([](device const& dev) {
    array<float> const x(dev, random_values<float>(100000, 1, 0, 1));
    auto const few = select(x, x > 0.95f);
    CHECK(few.shared_storage()->bytes == few.size() * sizeof(float));
    CHECK(select(x, x > 2.0f).shape() == shape(0));
  });
}

TEST_CASE("errors") {
  for_each_device([](device const& dev) {
    array<int, 2> const x(dev, shape(2, 3), std::vector{1, 2, 3, 4, 5, 6});
    array<bool, 2> const mask = lockstep::zeros<bool>(dev, shape(2, 1));
    array<int> result(dev, std::vector{7});
    auto const text = message_of<shape_error>([&] { result = select(x, mask); });
    CHECK(text ==
          "select: found a mask of the shape (2, 1), expected the shape (2, 3) of int32[2, 3]; repeat the mask "
          "with broadcast_to if it is to be repeated");
    CHECK(result.to_host() == std::vector{7});
    CHECK(
        contains(message_of<shape_error>([&] { partition(x, mask); }), "partition: found a mask of the shape (2, 1)"));
    CHECK_THROWS_AS(remove(x, mask), shape_error);

    device const other = device::new_cpu(1, 1);
    array<bool, 2> const away = lockstep::zeros<bool>(other, shape(2, 3));
    CHECK(contains(message_of<lockstep::device_error>([&] { select(x, away); }), other.name()));
  });
}

TEST_CASE("what a functor throws is rethrown, and nothing hangs") {
  for_each_thread_count([](device const& dev) {
    array<int> const x =
        cast<int>(indices(shape(200000), lockstep::axis(0))) + lockstep::zeros<int>(dev, shape(200000));
    for (int bad : {0, 777, 100000, 199999}) {
      auto const predicate = [bad](int v) { return v == bad ? throw std::runtime_error("bad element") : v % 2 == 0; };
      CHECK(message_of<std::runtime_error>([&] { select_if(x, predicate); }) == "bad element");
      CHECK(message_of<std::runtime_error>([&] { select(x, lockstep::map(predicate, x)); }) == "bad element");
      CHECK(message_of<std::runtime_error>([&] { partition(x, lockstep::map(predicate, x)); }) == "bad element");
    }
    CHECK(select_if(x, [](int v) { return v < 3; }).to_host() == std::vector{0, 1, 2});
  });
}

}  // namespace select_tests
