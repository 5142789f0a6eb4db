// Covers: select: select remove select_if remove_if; types: integers float double structs
// Covers: select: partition nonzero unique unique_with_counts run_length_decode; types: integers float double structs
// select, partition, nonzero and unique on a GPU against the same on a CPU device, at the sizes around tiles.
#include <doctest/doctest.h>

#include <lockstep/lockstep.hpp>

#include "support/both_devices.hpp"

namespace select_tests {

using lockstep::array, lockstep::device, lockstep::index, lockstep::shape;
using lockstep::test::contains, lockstep::test::difference, lockstep::test::message_of, lockstep::test::random_values;

std::size_t const lengths[] = {0, 1, 31, 256, 1000, 4097, 30001, 100003};

struct is_even {
  template <class T>
  LOCKSTEP_INLINE bool operator()(T const& v) const {
    return v % 2 == 0;
  }
};
struct same_ten {
  LOCKSTEP_INLINE bool operator()(int a, int b) const { return a / 10 == b / 10; }
};
struct sample {
  float value;
  int place;
  double more[2];
  friend bool operator==(sample const& a, sample const& b) { return a.value == b.value && a.place == b.place; }
};

/// f(device, n) on both devices.
template <class F>
void check_same(F&& f) {
  lockstep::test::check_same_for(lengths, f);
}

template <class T>
array<T> numbers(device const& dev, std::size_t n, std::int64_t below = 100) {
  return lockstep::test::whole_numbers<T>(dev, n, 0, below);
}

TEST_CASE("masks, of memory and computed") {
  check_same([](device const& dev, std::size_t n) {
    array<float> const x = numbers<float>(dev, n);
    return select(x * 2.0f, x > 50.0f).to_host();
  });
  check_same([](device const& dev, std::size_t n) {
    array<std::int8_t> const x = numbers<std::int8_t>(dev, n);
    return remove(x, x == std::int8_t{3}).to_host();
  });
  check_same([](device const& dev, std::size_t n) {
    array<double, 2> const m(dev, shape{n / 7, std::size_t{7}}, random_values<double>(n / 7 * 7, 5, 0, 9));
    return select(m.transpose(), m.transpose() != 4.0).to_host();
  });
}

TEST_CASE("predicates") {
  check_same([](device const& dev, std::size_t n) { return select_if(numbers<int>(dev, n) + 1, is_even{}).to_host(); });
  check_same([](device const& dev, std::size_t n) { return remove_if(numbers<int>(dev, n), is_even{}).to_host(); });
}

TEST_CASE("partition keeps both orders") {
  check_same([](device const& dev, std::size_t n) {
    array<int> const x = lockstep::arange<int>(dev, static_cast<index>(n));
    auto const parts = partition(x * 3, numbers<int>(dev, n) < 30);
    std::vector<int> all = parts.values.to_host();
    all.push_back(static_cast<int>(parts.selected));
    return all;
  });
}

TEST_CASE("nonzero, of one axis and of several") {
  check_same([](device const& dev, std::size_t n) { return nonzero(numbers<int>(dev, n, 3)).to_host(); });
  check_same([](device const& dev, std::size_t n) {
    array<float, 3> const m(dev, shape{n / 35, std::size_t{5}, std::size_t{7}},
                            random_values<float>(n / 35 * 35, 5, 0, 3));
    return nonzero(m > 1.0f).to_host();
  });
}

TEST_CASE("unique, with counts, and back") {
  check_same([](device const& dev, std::size_t n) { return unique(numbers<int>(dev, n, 3)).to_host(); });
  check_same([](device const& dev, std::size_t n) { return unique(numbers<int>(dev, n), same_ten{}).to_host(); });
  check_same([](device const& dev, std::size_t n) {
    auto const runs = unique_with_counts(numbers<int>(dev, n, 3) + 1);
    std::vector<index> all = runs.counts.to_host();
    for (int v : runs.values.to_host()) all.push_back(v);
    for (int v : run_length_decode(runs.values, runs.counts).to_host()) all.push_back(v);
    return all;
  });
  array<int> const x(device::gpu(0), std::vector{1, 2}), counts(device::gpu(0), std::vector{3, -1});
  CHECK(contains(message_of<lockstep::error>([&] { run_length_decode(x, counts); }), "negative count"));
}

TEST_CASE("structs") {
  device const gpu = device::gpu(0);
  std::vector<sample> host, expected;
  for (int i = 0; i < 5000; ++i) host.push_back({static_cast<float>(i % 3), i, {1, 2}});
  for (int i = 0; i < 5000; ++i)
    if (i % 5 == 0) expected.push_back(host[static_cast<std::size_t>(i)]);
  array<sample> const x(gpu, host);
  CHECK(select(x, lockstep::arange<int>(gpu, 5000) % 5 == 0).to_host() == expected);
}

TEST_CASE("NaN is true, and differs from NaN") {
  float const nan = std::nanf("");
  array<float> const x(device::gpu(0), std::vector<float>{0, nan, nan, 2, 2, 0});
  CHECK(select(lockstep::arange<int>(device::gpu(0), 6), x).to_host() == std::vector{1, 2, 3, 4});
  CHECK(unique(x).size() == 5);
}

TEST_CASE("what is refused, and what may only run on CPUs") {
  device const gpu = device::gpu(0);
  array<float> const x = lockstep::ones<float>(gpu, 10), shorter = lockstep::ones<float>(gpu, 9),
                     elsewhere = lockstep::ones<float>(device::cpu(), 10);
  CHECK_THROWS_AS(select(x, shorter > 0.0f), lockstep::shape_error);
  CHECK_THROWS_AS(select(x, elsewhere > 0.0f), lockstep::device_error);
  auto const positive = lockstep::host_only([](float v) { return v > 0; });
  CHECK(contains(message_of<lockstep::device_error>([&] { select_if(x, positive); }), "host_only"));
  CHECK(select_if(elsewhere, positive).size() == 10);
}

}  // namespace select_tests
