// Runs on: cpu, cuda
// Covers: kernels: launch atomic_add atomic_min atomic_max; types: integers float double
// Custom kernels over elements: every rank, every kind of argument, atomics, and what is refused.
#include <doctest/doctest.h>

#include <chrono>
#include <lockstep/lockstep.hpp>
#include <mutex>
#include <numeric>
#include <set>
#include <thread>

#include "support/devices.hpp"
#include "support/values.hpp"

using lockstep::array, lockstep::device, lockstep::elements, lockstep::launch, lockstep::shape, lockstep::view;
namespace ls = lockstep;
using namespace lockstep::test;

namespace {

struct doubled {
  LOCKSTEP_FN void operator()(ls::index i, view<float const> x, view<float> y) const { y[i] = 2 * x[i]; }
};
struct place_2 {
  LOCKSTEP_FN void operator()(ls::index i, ls::index j, view<int, 2> out, int factor) const {
    out(i, j) = static_cast<int>(i) * factor + static_cast<int>(j);
  }
};
struct place_3 {
  LOCKSTEP_FN void operator()(ls::index i, ls::index j, ls::index k, view<ls::index, 3> out) const {
    out(i, j, k) = (i * 100 + j) * 100 + k;
  }
};
struct particle {
  float place, speed;
};
struct moved {
  float time;
  LOCKSTEP_FN void operator()(ls::index i, view<particle> all) const { all[i].place += all[i].speed * time; }
};
struct copied {
  template <class From, class T, std::size_t R>
  LOCKSTEP_FN void operator()(ls::index i, From const& from, view<T, R> to) const {
    to[i] = from[i];
  }
};
struct copied_2 {
  template <class From>
  LOCKSTEP_FN void operator()(ls::index i, ls::index j, From const& from, view<float, 2> to) const {
    to(i, j) = from(i, j) + static_cast<float>(from.extent(1));
  }
};
struct counted {
  LOCKSTEP_FN void operator()(ls::index i, view<int const> keys, view<int> counts, view<float> sums, view<int> least,
                              view<int> largest) const {
    int const key = keys[i], value = static_cast<int>(i * 7919 % 1000);
    lockstep::atomic_add(counts[key], 1);
    lockstep::atomic_add(sums[key], 0.5f);
    lockstep::atomic_min(least[key], value);
    lockstep::atomic_max(largest[key], value);
  }
};

}  // namespace

TEST_CASE("a kernel over n elements") {
  for_each_device([](device const& dev) {
    for (std::size_t n : {0, 1, 255, 256, 257, 32767, 32769, 100000}) {
      CAPTURE(n);
      auto const host = random_values<float>(n, 1);
      array<float> const x(dev, host);
      array<float> y(dev, shape<1>(n));
      launch(dev, elements(n), doubled{}, x, y);
      auto expected = host;
      for (float& v : expected) v *= 2;
      CHECK(difference(y.to_host(), expected) == "");
    }
  });
}

TEST_CASE("kernels over two and three axes") {
  for_each_device([](device const& dev) {
    for (auto [rows, columns] : {std::pair{1, 1}, {0, 5}, {5, 0}, {3, 70}, {301, 299}}) {
      array<int, 2> out(dev, {rows, columns});
      launch(dev, elements(rows, columns), place_2{}, out, 1000);
      std::vector<int> expected;
      for (int i = 0; i < rows; ++i)
        for (int j = 0; j < columns; ++j) expected.push_back(i * 1000 + j);
      CHECK(difference(out.to_host(), expected) == "");
    }
    array<ls::index, 3> out(dev, {40, 31, 37});
    launch(dev, elements(40, 31, 37), place_3{}, out);
    std::vector<ls::index> expected;
    for (ls::index i = 0; i < 40; ++i)
      for (ls::index j = 0; j < 31; ++j)
        for (ls::index k = 0; k < 37; ++k) expected.push_back((i * 100 + j) * 100 + k);
    CHECK(difference(out.to_host(), expected) == "");
  });
}

TEST_CASE("arguments are structs, windows of any stride, and expressions") {
  for_each_device([](device const& dev) {
    array<particle> all(dev, std::vector<particle>(1000, {1, 2}));
    launch(dev, elements(1000), moved{0.25f}, all);
    for (particle const& p : all.to_host()) REQUIRE(p.place == 1.5f);

    auto const host = random_values<float>(30 * 50, 3);
    array<float, 2> const whole(dev, {30, 50}, host);
    array<float, 2> out(dev, {50, 30});
    std::vector<float> expected;
    for (std::size_t j = 0; j < 50; ++j)
      for (std::size_t i = 0; i < 30; ++i) expected.push_back(host[i * 50 + j] + 30);
    launch(dev, elements(50, 30), copied_2{}, whole.transpose(), out);
    CHECK(difference(out.to_host(), expected) == "");
    auto const part = out.slice({10, 5}, {20, 25});
    launch(dev, elements(10, 20), copied_2{}, whole.slice({0, 0}, {10, 20}) * 0.0f + 1.0f, part);
    for (std::size_t i = 10; i < 20; ++i)
      for (std::size_t j = 5; j < 25; ++j) expected[i * 30 + j] = 21;
    CHECK(difference(out.to_host(), expected) == "");

    array<double> const x(dev, std::vector<double>(500, 3));
    array<double> y(dev, shape<1>(500));
    launch(dev, elements(500), copied{}, x / sum(x), y);
    CHECK(difference(y.to_host(), std::vector<double>(500, 3.0 / 1500)) == "");
  });
}

TEST_CASE("atomics") {
  for_each_device([](device const& dev) {
    std::size_t const n = 70000, bins = 13;
    std::vector<int> keys(n), counts(bins), least(bins, 5000), largest(bins, -1);
    std::vector<float> sums(bins);
    generator random(5);
    for (std::size_t i = 0; i < n; ++i) {
      keys[i] = static_cast<int>(random.below(bins));
      auto const key = static_cast<std::size_t>(keys[i]);
      int const value = static_cast<int>(i * 7919 % 1000);
      counts[key] += 1;
      sums[key] += 0.5f;
      least[key] = std::min(least[key], value);
      largest[key] = std::max(largest[key], value);
    }
    array<int> c = lockstep::zeros<int>(dev, bins), lo = lockstep::full<int>(dev, shape<1>(bins), 5000),
               hi = lockstep::full<int>(dev, shape<1>(bins), -1);
    array<float> s = lockstep::zeros<float>(dev, bins);
    launch(dev, elements(n), counted{}, array<int>(dev, keys), c, s, lo, hi);
    CHECK(difference(c.to_host(), counts) == "");
    CHECK(difference(s.to_host(), sums) == "");
    CHECK(difference(lo.to_host(), least) == "");
    CHECK(difference(hi.to_host(), largest) == "");
  });
}

TEST_CASE("an argument on another device is refused before anything runs") {
  for_each_device([](device const& dev) {
    device const other = device::cpu(5);
    array<float> const x(other, std::vector<float>(10, 1));
    array<float> y = lockstep::zeros<float>(dev, 10);
    std::string const text = message_of<lockstep::device_error>([&] { launch(dev, elements(10), doubled{}, x, y); });
    CHECK(contains(text, "doubled"));
    CHECK(contains(text, "argument 1 on cpu:5"));
    CHECK(contains(text, "expected it on " + dev.name()));
    CHECK(difference(y.to_host(), std::vector<float>(10)) == "");
    CHECK(contains(message_of<lockstep::device_error>([&] { launch(dev, elements(10), copied{}, x + 1.0f, y); }),
                   "argument 1 on cpu:5"));
    CHECK(contains(message_of<lockstep::shape_error>([&] { launch(dev, elements(-1), doubled{}, y, y); }), "-1"));
  });
}

#if !LOCKSTEP_CUDA
TEST_CASE("a lambda is a kernel, and what it throws comes back") {
  for_each_device([](device const& dev) {
    array<int> x = lockstep::zeros<int>(dev, 100000);
    launch(
        dev, elements(100000), [](ls::index i, view<int> a) { a[i] = static_cast<int>(i); }, x);
    std::vector<int> expected(100000);
    std::iota(expected.begin(), expected.end(), 0);
    CHECK(difference(x.to_host(), expected) == "");
    struct trouble {};
    CHECK_THROWS_AS(launch(
                        dev, elements(100000),
                        [](ls::index i, view<int>) {
                          if (i == 70000) throw trouble{};
                        },
                        x),
                    trouble);
  });
}

TEST_CASE("a few elements that take long are shared among the threads; every element is computed once") {
  device const dev = device::cpu(2);
  std::mutex mutex;
  std::set<std::thread::id> threads;
  auto const slow = [&](float x) {
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    std::lock_guard const lock(mutex);
    threads.insert(std::this_thread::get_id());
    return x + 1;
  };
  array<float> x = lockstep::zeros<float>(dev, 100);
  launch(
      dev, elements(100), [&](ls::index i, view<float> a) { a[i] = slow(a[i]); }, x);
  CHECK(difference(x.to_host(), std::vector<float>(100, 1.0f)) == "");
  CHECK(threads.size() == 2);

  threads.clear();
  array<float, 2> y = lockstep::zeros<float>(dev, shape{4, 75});
  y = lockstep::map(slow, y);
  CHECK(difference(y.to_host(), std::vector<float>(300, 1.0f)) == "");
  CHECK(threads.size() == 2);
  for (std::size_t n = 0; n < 3000; n = n + n / 5 + 1) {
    array<int> counts = lockstep::zeros<int>(dev, n);
    launch(
        dev, elements(n), [](ls::index i, view<int> a) { ++a[i]; }, counts);
    CHECK(difference(counts.to_host(), std::vector<int>(n, 1)) == "");
  }
}
#endif
