// Covers: scan: inclusive_scan exclusive_scan; types: integers double structs
// Covers: scan: inclusive_scan_by_key exclusive_scan_by_key; types: integers double structs
// Covers: reduce: sum count reduce mean max argmax argmin segments; types: integers
// Scans by key and by segment, backward and along axes, on a GPU against the same on a CPU device.
#include <doctest/doctest.h>

#include <lockstep/lockstep.hpp>

#include "support/values.hpp"

namespace scan_parts_tests {

using lockstep::array, lockstep::axis, lockstep::backward, lockstep::device, lockstep::index, lockstep::shape;
using lockstep::test::difference, lockstep::test::random_values;

std::size_t const lengths[] = {1, 31, 257, 4095, 4097, 30001};

/// f(device, n) on both devices.
template <class F>
void check_same(F&& f) {
  for (std::size_t n : lengths) {
    INFO("n ", n);
    CHECK(difference(f(device::gpu(0), n).to_host(), f(device::cpu(1), n).to_host()) == "");
  }
}
template <class T>
array<T> numbers(device const& dev, std::size_t n, std::int64_t below = 100) {
  return array<T>(dev, random_values<T>(n, n + 1, 0, below));
}

/// A linear function: composing them is associative, and their order matters.
struct line {
  std::uint32_t factor, offset;
  friend bool operator==(line const& a, line const& b) { return a.factor == b.factor && a.offset == b.offset; }
};
struct compose {
  LOCKSTEP_INLINE line operator()(line const& a, line const& b) const {
    return {a.factor * b.factor, a.offset * b.factor + b.offset};
  }
};
struct make_line {
  LOCKSTEP_INLINE line operator()(int v) const {
    return {static_cast<std::uint32_t>(v), static_cast<std::uint32_t>(v * 7)};
  }
};
struct value_at_one {
  LOCKSTEP_INLINE std::uint32_t operator()(line const& l) const { return l.factor + l.offset; }
};
/// The same in 24 bytes, with the number of functions.
struct long_line {
  std::uint64_t factor, offset, count;
};
struct compose_long {
  LOCKSTEP_INLINE long_line operator()(long_line const& a, long_line const& b) const {
    return {a.factor * b.factor, a.offset * b.factor + b.offset, a.count + b.count};
  }
};
struct make_long_line {
  LOCKSTEP_INLINE long_line operator()(int v) const {
    return {static_cast<std::uint64_t>(v), static_cast<std::uint64_t>(v * 7), 1};
  }
};
struct long_value {
  LOCKSTEP_INLINE std::uint64_t operator()(long_line const& l) const { return l.factor + 3 * l.offset + 5 * l.count; }
};
struct same_ten {
  LOCKSTEP_INLINE bool operator()(int a, int b) const { return a / 10 == b / 10; }
};

TEST_CASE("by key") {
  check_same([](device const& dev, std::size_t n) {
    return inclusive_scan_by_key(numbers<int>(dev, n, 2), numbers<int>(dev, n) * 3);
  });
  check_same([](device const& dev, std::size_t n) {
    return exclusive_scan_by_key(numbers<int>(dev, n), numbers<std::int64_t>(dev, n), 5, lockstep::maximum{},
                                 same_ten{});
  });
  check_same([](device const& dev, std::size_t n) {
    array<double> x = numbers<double>(dev, n);
    x = exclusive_scan_by_key(numbers<int>(dev, n, 2), x, 2.0);
    return x;
  });
}

TEST_CASE("by key, values of 24 bytes and single bytes, runs longer than a tile and of one element") {
  for (int below : {1, 2, 1000})
    check_same([=](device const& dev, std::size_t n) {
      array<int> const keys = numbers<int>(dev, n, below);
      array<long_line> const lines = lockstep::map(make_long_line{}, numbers<int>(dev, n));
      array<long_line> const inclusive = inclusive_scan_by_key(keys, lines, compose_long{});
      array<long_line> const exclusive = exclusive_scan_by_key(keys, lines, long_line{3, 4, 5}, compose_long{});
      array<std::uint8_t> const bytes = inclusive_scan_by_key(keys, numbers<std::uint8_t>(dev, n), lockstep::maximum{});
      return lockstep::map(long_value{}, inclusive) + 11 * lockstep::map(long_value{}, exclusive) +
             lockstep::cast<std::uint64_t>(bytes);
    });
}

TEST_CASE("by segment, empty ones too") {
  check_same([](device const& dev, std::size_t n) {
    auto const end = static_cast<index>(n);
    array<index> const offsets(dev, std::vector<index>{0, 0, end / 3, end / 3, end / 2, end, end});
    array<int> sums = inclusive_scan(numbers<int>(dev, n), segments(offsets));
    return sums + exclusive_scan(numbers<int>(dev, n), segments(offsets), 7, lockstep::maximum{}) * 1000;
  });
}

TEST_CASE("reductions of segments: empty ones, gaps at both ends, and places within them") {
  check_same([](device const& dev, std::size_t n) {
    auto const end = static_cast<index>(n);
    array<index> const offsets(dev, std::vector<index>{end / 9, end / 9, end / 3, end / 2, end / 2, end - end / 7});
    array<int> const x = numbers<int>(dev, n);
    return lockstep::cast<double>(sum(x * 2, segments(offsets)) + count(x > 50, segments(offsets)) * 1000000) +
           lockstep::cast<double>(reduce(x, 7, lockstep::bit_xor{}, segments(offsets)));
  });
  std::vector<int> host{5, 3, 9, 3, 9, 1, 1, 2};
  for (device const& dev : {device::gpu(0), device::cpu(1)}) {
    array<int> const x(dev, host), offsets(dev, std::vector{0, 1, 5, 8}), empty(dev, std::vector{0, 1, 1, 8});
    CHECK(argmax(x, segments(offsets)).to_host() == std::vector<index>{0, 1, 2});
    CHECK(argmin(x, segments(offsets)).to_host() == std::vector<index>{0, 0, 0});
    CHECK(max(x, segments(offsets)).to_host() == std::vector{5, 9, 2});
    CHECK(mean(x, segments(offsets)).to_host() == std::vector{5.0, 6.0, 4.0 / 3.0});
    CHECK_THROWS_AS((void)max(x, segments(empty)).to_host(), lockstep::error);
    CHECK(sum(x, segments(empty)).to_host() == std::vector<std::int64_t>{5, 0, 28});
  }
}

TEST_CASE("backward") {
  check_same([](device const& dev, std::size_t n) {
    return lockstep::cast<double>(inclusive_scan(numbers<int>(dev, n), backward{}));
  });
  check_same([](device const& dev, std::size_t n) {
    array<line> y = lockstep::map(make_line{}, numbers<int>(dev, n));
    y = exclusive_scan(y, backward{}, line{3, 4}, compose{});
    return lockstep::map(value_at_one{}, y);
  });
}

TEST_CASE("along every axis") {
  for (shape<3> const& extents :
       {shape<3>(3, 5, 7), shape<3>(1, 300, 40), shape<3>(130, 9, 33), shape<3>(2, 3, 9000), shape<3>(70, 300, 60)})
    for (std::size_t along : {0, 1, 2}) {
      INFO("shape ", lockstep::to_string(extents), " axis ", along);
      auto const scanned = [&](device const& dev) {
        array<int, 3> x(dev, extents, random_values<int>(extents.size(), 4));
        array<line, 3> lines = inclusive_scan(lockstep::map(make_line{}, x), axis(along), compose{});
        x = exclusive_scan(x, axis(along), 9) * 2;
        auto all = x.to_host();
        for (line const& l : lines.to_host()) all.push_back(static_cast<int>(l.offset % 1000));
        return all;
      };
      CHECK(difference(scanned(device::gpu(0)), scanned(device::cpu(1))) == "");
    }
}

TEST_CASE("scans of any sizes, one after another, share their memory") {
  device const gpu = device::gpu(0);
  for (index n : {100, 1200000, 3000, 1200000}) {  // more tiles than the memory has room for at first
    array<index> place(gpu, shape(n));
    place = lockstep::indices(shape(n));
    array<double> in_run(gpu, shape(n));
    in_run = inclusive_scan_by_key(place / index{7}, where(place >= index{0}, 1.0, 0.0));
    INFO("n ", n);
    CHECK(static_cast<bool>(all(in_run == lockstep::cast<double>(place % index{7} + index{1}))));
    CHECK(select(place, place % index{7} == index{6}).size() == static_cast<std::size_t>(n / 7));
  }
}

}  // namespace scan_parts_tests
