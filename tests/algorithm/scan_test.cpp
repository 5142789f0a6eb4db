// Runs on: cpu, cuda
// Covers: scan: inclusive_scan exclusive_scan; types: integers float double
// Inclusive and exclusive scans against std::, of every kind of operator, at the sizes around the blocks.
#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <lockstep/lockstep.hpp>
#include <numeric>

#include "support/devices.hpp"
#include "support/values.hpp"

namespace scan_tests {

using lockstep::array, lockstep::boundary, lockstep::device, lockstep::exclusive_scan, lockstep::inclusive_scan,
    lockstep::index, lockstep::shape;
using lockstep::test::difference, lockstep::test::for_each_device, lockstep::test::generator,
    lockstep::test::random_values;

std::size_t const lengths[] = {1, 2, 3, 7, 8, 9, 33, 1025, 16383, 16384, 16385, 32769, 49153, 100003};

/// Composition of x -> factor * x + offset modulo 2^32, the left one first: associative, not commutative.
struct affine {
  std::uint32_t factor, offset;
  bool operator==(affine const&) const = default;
};
struct compose {
  LOCKSTEP_FN affine operator()(affine f, affine g) const {
    return {f.factor * g.factor, f.offset * g.factor + g.offset};
  }
};

template <class T>
void check_sums(device const& dev, std::size_t n, T initial) {
  INFO("n ", n);
  auto const host = random_values<T>(n, n, -3, 4);
  std::vector<T> inclusive(n), exclusive(n);
  std::inclusive_scan(host.begin(), host.end(), inclusive.begin());
  std::exclusive_scan(host.begin(), host.end(), exclusive.begin(), initial);
  array<T> const x(dev, host);
  CHECK(difference(inclusive_scan(x).to_host(), inclusive) == "");
  CHECK(difference(exclusive_scan(x, initial).to_host(), exclusive) == "");
}

TEST_CASE("running sums") {
  for_each_device([](device const& dev) {
    for (std::size_t n : lengths) check_sums<int>(dev, n, 5);
    for (std::size_t n : {1, 100, 16385, 50000}) {
      check_sums<std::int64_t>(dev, n, 5'000'000'000);
      check_sums<double>(dev, n, 0.5);  // of multiples of 1/64: exact
    }
    std::vector<std::uint32_t> const big(20000, 4'000'000'000);  // wraps, as it does in C++
    std::vector<std::uint32_t> expected(big.size());
    std::inclusive_scan(big.begin(), big.end(), expected.begin());
    CHECK(difference(inclusive_scan(array<std::uint32_t>(dev, big)).to_host(), expected) == "");
  });
}

TEST_CASE("floats are summed as exactly as blocks make them") {
  for_each_device([](device const& dev) {
    std::size_t const n = 100003;
    generator random(1);
    std::vector<float> host(n);
    for (float& v : host) v = static_cast<float>(random.between(-1, 2));
    auto const found = inclusive_scan(array<float>(dev, host)).to_host();
    double exact = 0, size = 0;
    for (std::size_t i = 0; i < n; ++i) {
      exact += host[i], size += std::abs(host[i]);
      // At most 16384 additions in a block and one per block before it, each rounding by 2^-24 of the partial sum; in
      // practice errors cancel: allow a hundredth.
      REQUIRE(std::abs(double(found[i]) - exact) <= (16384.0 + 7) * 0x1p-24 * size / 100 + 0x1p-22 * size);
    }
  });
}

TEST_CASE("booleans are counted") {
  for_each_device([](device const& dev) {
    auto const host = random_values<float>(40000, 1);
    array<float> const x(dev, host);
    static_assert(std::is_same_v<lockstep::value_t<decltype(inclusive_scan(x > 0.0f))>, index>);
    std::vector<index> inclusive, exclusive;
    index count = 0;
    for (float v : host) exclusive.push_back(count), inclusive.push_back(count += v > 0);
    CHECK(difference(inclusive_scan(x > 0.0f).to_host(), inclusive) == "");
    CHECK(difference(exclusive_scan(x > 0.0f).to_host(), exclusive) == "");
  });
}

TEST_CASE("small integers keep their type, as with std::") {
  for_each_device([](device const& dev) {
    std::vector<std::int8_t> const host(300, 1);
    auto const found = inclusive_scan(array<std::int8_t>(dev, host)).to_host();
    static_assert(std::is_same_v<decltype(found), std::vector<std::int8_t> const>);
    CHECK(found[126] == 127);
    CHECK(found[127] == -128);
  });
}

TEST_CASE("running maxima and products") {
  for_each_device([](device const& dev) {
    for (std::size_t n : {1, 33, 16385, 100003}) {
      auto const host = random_values<float>(n, n, -1000, 1000);
      auto const larger = [](float a, float b) { return std::max(a, b); };
      std::vector<float> inclusive(n), exclusive(n);
      std::inclusive_scan(host.begin(), host.end(), inclusive.begin(), larger);
      std::exclusive_scan(host.begin(), host.end(), exclusive.begin(), 10.0f, larger);
      array<float> const x(dev, host);
      CHECK(difference(inclusive_scan(x, lockstep::maximum{}).to_host(), inclusive) == "");
      CHECK(difference(exclusive_scan(x, 10.0f, lockstep::maximum{}).to_host(), exclusive) == "");
    }
  });
}

template <class T, class Op>
void check_picks(device const& dev, std::vector<T> const& host, Op op) {
  std::vector<T> inclusive(host), backward(host);
  for (std::size_t i = 1; i < host.size(); ++i) inclusive[i] = op(inclusive[i - 1], host[i]);
  for (std::size_t i = host.size() - 1; i-- > 0;) backward[i] = op(host[i], backward[i + 1]);
  array<T> const x(dev, host);
  auto const found = inclusive_scan(x, op).to_host();
  CHECK(std::memcmp(found.data(), inclusive.data(), host.size() * sizeof(T)) == 0);
  if (!dev.is_cpu()) return;
  auto const back = inclusive_scan(x, lockstep::backward{}, op).to_host();
  CHECK(std::memcmp(back.data(), backward.data(), host.size() * sizeof(T)) == 0);
}

struct wrapping_product {
  LOCKSTEP_INLINE int operator()(int a, int b) const { return int(unsigned(a) * unsigned(b)); }
};

TEST_CASE("picks of zeros with signs and of NaN are those of a loop, on any number of threads") {
  for (int threads : {1, 2, 3}) {
    device const dev = device::cpu(threads);
    generator random(1);
    std::vector<float> zeros(50'000), some(50'000);
    for (std::size_t i = 0; i < zeros.size(); ++i) {
      zeros[i] = random.next() % 3 == 0 ? -0.0f : random.next() % 9 == 0 ? 0.0f : -0.0f;
      some[i] = static_cast<float>(random.between(-1, 0));
    }
    check_picks(dev, zeros, lockstep::maximum{});
    check_picks(dev, zeros, lockstep::minimum{});
    some[20'000] = some[33'000] = -__builtin_nanf("");
    check_picks(dev, some, lockstep::maximum{});
    check_picks(dev, std::vector<double>(some.begin(), some.end()), lockstep::minimum{});
    check_picks(dev, random_values<std::int64_t>(40'000, 1), lockstep::minimum{});
    check_picks(dev, random_values<std::uint32_t>(40'000, 1), lockstep::maximum{});
    check_picks(dev, std::vector<int>(20'000, 3), wrapping_product{});
  }
}

TEST_CASE("operators that do not commute keep the order") {
  for_each_device([](device const& dev) {
    for (std::size_t n : lengths) {
      INFO("n ", n);
      generator random(n);
      std::vector<affine> host(n), inclusive(n), exclusive(n);
      for (auto& v : host) v = {std::uint32_t(random.next() | 1), std::uint32_t(random.next())};
      std::inclusive_scan(host.begin(), host.end(), inclusive.begin(), compose{});
      std::exclusive_scan(host.begin(), host.end(), exclusive.begin(), affine{3, 5}, compose{});
      array<affine> const x(dev, host);
      CHECK(inclusive_scan(x, compose{}).to_host() == inclusive);
      CHECK(exclusive_scan(x, affine{3, 5}, compose{}).to_host() == exclusive);
    }
  });
}

TEST_CASE("scans of nothing") {
  for_each_device([](device const& dev) {
    array<int> const none(dev, 0);
    CHECK(inclusive_scan(none).to_host().empty());
    CHECK(exclusive_scan(none, 3).to_host().empty());
    CHECK((inclusive_scan(none) + 1).shape() == shape<1>(0));
  });
}

TEST_CASE("scans of expressions, into windows, and inside larger expressions") {
  for_each_device([](device const& dev) {
    std::size_t const n = 40000;
    auto const host = random_values<int>(n, 1);
    array<int> const x(dev, host);
    std::vector<int> squares, doubled, padded(n + 2, 0), steps;
    int total = 0, moved = 0;
    for (std::size_t i = 0; i < n; ++i) {
      total += host[i] * host[i];
      moved += host[(i + 1) % n];
      squares.push_back(total);
      doubled.push_back(2 * total - host[i]);
      steps.push_back(moved);
      padded[i + 1] = total;
    }
    CHECK(difference(inclusive_scan(x * x).to_host(), squares) == "");
    CHECK(difference((2 * inclusive_scan(x * x) - x).to_host(), doubled) == "");
    CHECK(difference(inclusive_scan(neighbor(x, 1, boundary::wrap)).to_host(), steps) == "");
    CHECK(int(lockstep::max(inclusive_scan(x * x))) == squares.back());
    array<int> into = lockstep::zeros<int>(dev, n + 2);
    into.slice(1, index(n) + 1) = inclusive_scan(x * x);
    CHECK(difference(into.to_host(), padded) == "");
    array<std::int64_t> wide = inclusive_scan(x * x);  // converted while it is written
    CHECK(difference(wide.to_host(), squares) == "");
    std::vector<int> twice(n);
    std::inclusive_scan(squares.begin(), squares.end(), twice.begin(), [](int a, int b) { return std::max(a, b); });
    CHECK(difference(inclusive_scan(inclusive_scan(x * x), lockstep::maximum{}).to_host(), twice) == "");
    array<int, 2> const m = x.reshape(shape{200, 200}) - inclusive_scan(x.slice(0, 200));
    CHECK(m.to_host()[201] == host[201] - host[0] - host[1]);
  });
}

}  // namespace scan_tests
