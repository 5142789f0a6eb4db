// Runs on: cpu, cuda
// Covers: reduce: sum product min max argmin argmax any all count reduce mean evaluate; types: bool integers
// Covers: reduce: sum product min max argmin argmax reduce mean evaluate; types: float double
// Whole reductions: every reducer against plain loops, floats against doubles, what NaN and emptiness give, order.
#include <doctest/doctest.h>

#include <cstdint>
#include <lockstep/lockstep.hpp>
#include <numeric>

#include "support/devices.hpp"
#include "support/values.hpp"

namespace reduce_tests {

using lockstep::array, lockstep::axis, lockstep::boundary, lockstep::device, lockstep::index, lockstep::shape;
using lockstep::test::contains, lockstep::test::for_each_device, lockstep::test::generator, lockstep::test::message_of,
    lockstep::test::random_values, lockstep::test::same_bits;

std::size_t const lengths[] = {1, 2, 31, 32, 33, 4095, 4096, 4097, 8191, 8192, 8193, 100003};

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
LOCKSTEP_FN inline affine operator*(affine f, affine g) { return compose{}(f, g); }

std::vector<affine> affines(std::size_t n) {
  generator random(n);
  std::vector<affine> values(n);
  for (auto& v : values) v = {static_cast<std::uint32_t>(random.next() | 1), static_cast<std::uint32_t>(random.next())};
  return values;
}

template <class T>
void check_integers(device const& dev, std::size_t n) {
  INFO("n ", n);
  auto const host = random_values<T>(n, n, 0, 100);
  using sum_type = std::conditional_t<std::is_unsigned_v<T> && !std::is_same_v<T, bool>, std::uint64_t, std::int64_t>;
  array<T> const x(dev, host);
  auto const [total, low, high, first_low, first_high, nonzero] =
      lockstep::evaluate(lockstep::sum(x), lockstep::min(x), lockstep::max(x), lockstep::argmin(x), lockstep::argmax(x),
                         lockstep::count(x));
  static_assert(std::is_same_v<decltype(total), array<sum_type, 0> const>);
  static_assert(std::is_same_v<decltype(low), array<T, 0> const>);
  CHECK(sum_type(total) == std::accumulate(host.begin(), host.end(), sum_type{0}));
  auto const smallest = std::min_element(host.begin(), host.end()),
             largest = std::max_element(host.begin(), host.end());
  CHECK(T(low) == *smallest);
  CHECK(T(high) == *largest);
  CHECK(index(first_low) == smallest - host.begin());
  CHECK(index(first_high) == largest - host.begin());
  CHECK(index(nonzero) == std::count_if(host.begin(), host.end(), [](T v) { return v != T{}; }));
}

TEST_CASE("reductions of integers of every kind") {
  for_each_device([](device const& dev) {
    for (std::size_t n : lengths) check_integers<int>(dev, n);
    for (std::size_t n : {1, 100, 8193}) {
      check_integers<bool>(dev, n);
      check_integers<std::int8_t>(dev, n);
      check_integers<std::uint64_t>(dev, n);
    }
  });
}

TEST_CASE("sums of small integers do not overflow") {
  for_each_device([](device const& dev) {
    array<std::int8_t> const x = lockstep::full<std::int8_t>(dev, 100000, 127);
    CHECK(std::int64_t(lockstep::sum(x)) == 12'700'000);
    CHECK(std::int64_t(lockstep::product(lockstep::full<std::int8_t>(dev, 20, 8))) == std::int64_t{1} << 60);
    array<std::uint32_t> const u = lockstep::full<std::uint32_t>(dev, 3, 4'000'000'000);
    CHECK(std::uint64_t(lockstep::sum(u)) == 12'000'000'000);
    CHECK(double(lockstep::mean(u)) == 4e9);
    static_assert(std::is_same_v<lockstep::value_t<decltype(lockstep::mean(x))>, double>);
    CHECK(std::int64_t(lockstep::sum(x > std::int8_t{100})) == 100000);
  });
}

TEST_CASE("sums of floats are as near to the exact sum as a tree makes them") {
  for_each_device([](device const& dev) {
    for (std::size_t n : lengths) {
      INFO("n ", n);
      generator random(n);
      std::vector<float> host(n);
      for (float& v : host) v = static_cast<float>(random.between(-1, 3));
      double exact = 0, size = 0, product = 1;
      for (float v : host) exact += v, size += std::abs(v);
      for (std::size_t i = 0; i < std::min<std::size_t>(n, 60); ++i) product *= host[i];
      // A value meets at most 4096 / 32 additions on its lane, 5 over the lanes and 5 more over 25 tiles; each rounds
      // by at most 2^-24 of a partial sum that is at most `size`. In practice errors cancel: allow a tenth.
      double const bound = (128 + 5 + 5) * 0x1p-24 * size / 10 + 0x1p-23 * std::abs(exact);
      array<float> const x(dev, host);
      static_assert(std::is_same_v<lockstep::value_t<decltype(lockstep::sum(x))>, float>);
      CHECK(std::abs(double(float(lockstep::sum(x))) - exact) <= bound);
      CHECK(std::abs(double(float(lockstep::mean(x))) - exact / double(n)) <= 2 * bound / double(n));
      CHECK(double(lockstep::sum(lockstep::cast<double>(x))) == doctest::Approx(exact).epsilon(1e-13));
      CHECK(float(lockstep::product(x.slice(0, std::min<index>(index(n), 60)))) ==
            doctest::Approx(product).epsilon(1e-5));
    }
  });
}

TEST_CASE("a NaN reaches sum, min and max; argmin and argmax find the first") {
  for_each_device([](device const& dev) {
    for (std::size_t n : {3, 40, 5000}) {
      for (std::size_t at : {std::size_t{0}, n / 2, n - 1}) {
        std::vector<float> host(n, 1);
        host[at] = NAN;
        host[n - 1] = NAN;
        array<float> const x(dev, host);
        CHECK(std::isnan(float(lockstep::sum(x))));
        CHECK(std::isnan(float(lockstep::min(x))));
        CHECK(std::isnan(float(lockstep::max(x))));
        CHECK(index(lockstep::argmin(x)) == index(at));
        CHECK(index(lockstep::argmax(x)) == index(at));
      }
    }
    array<float> const infinities(dev, {1, -INFINITY, INFINITY});
    CHECK(float(lockstep::min(infinities)) == -INFINITY);
    CHECK(float(lockstep::max(infinities)) == INFINITY);
    CHECK(index(lockstep::argmax(infinities)) == 2);
  });
}

TEST_CASE("argmin and argmax give the first of equals, wherever they lie") {
  for_each_device([](device const& dev) {
    for (index first : {0, 1, 31, 4095, 4096, 70000})
      for (index second : {first + 1, first + 32, first + 4096}) {
        std::vector<float> host(100003, 0);
        host[static_cast<std::size_t>(first)] = host[static_cast<std::size_t>(second)] = 5;
        array<float> const x(dev, host);
        CHECK(index(lockstep::argmax(x)) == first);
        CHECK(index(lockstep::argmin(-x)) == first);
      }
    CHECK(index(lockstep::argmax(lockstep::zeros<int>(dev, 50000))) == 0);
    array<int, 2> const m(dev, {2, 3}, std::vector<int>{1, 2, 3, 9, 5, 9});
    CHECK(index(lockstep::argmax(m)) == 3);  // counted in row-major order
    CHECK(index(lockstep::argmax(m.transpose())) == 1);
  });
}

TEST_CASE("any, all and count") {
  for_each_device([](device const& dev) {
    for (std::size_t n : {1, 33, 5000}) {
      array<int> const none = lockstep::zeros<int>(dev, n), every = lockstep::ones<int>(dev, n);
      auto const last = lockstep::indices(shape<1>(n)) == index(n) - 1;
      CHECK(!bool(lockstep::any(none)));
      CHECK(bool(lockstep::any(none + last)));
      CHECK(bool(lockstep::all(every)));
      CHECK(!bool(lockstep::all(every - last)));
      CHECK(index(lockstep::count(every - last)) == index(n) - 1);
    }
    CHECK(bool(lockstep::any(array<float>(dev, {0, NAN}))));  // a NaN is not zero
  });
}

TEST_CASE("reductions of nothing: a value where there is one, otherwise an error") {
  for_each_device([](device const& dev) {
    array<float> const none(dev, 0);
    array<int, 2> const flat(dev, {5, 0});
    CHECK(float(lockstep::sum(none)) == 0);
    CHECK(std::int64_t(lockstep::sum(flat)) == 0);
    CHECK(float(lockstep::product(none)) == 1);
    CHECK(std::isnan(float(lockstep::mean(none))));
    CHECK(std::isnan(double(lockstep::mean(flat))));
    CHECK(!bool(lockstep::any(none)));
    CHECK(bool(lockstep::all(none)));
    CHECK(index(lockstep::count(none)) == 0);
    CHECK(float(lockstep::reduce(none, 7, lockstep::plus{})) == 7);
    CHECK(contains(message_of<lockstep::error>([&] { static_cast<void>(float(lockstep::max(none))); }), "max"));
    CHECK_THROWS_AS(static_cast<void>(int(lockstep::min(flat))), lockstep::error);
    CHECK(contains(message_of<lockstep::error>([&] { static_cast<void>(index(lockstep::argmax(none))); }), "argmax"));
    CHECK_THROWS_AS(static_cast<void>(index(lockstep::argmin(flat))), lockstep::error);
    array<float, 0> kept(dev, shape<0>(), std::vector<float>{3});
    CHECK_THROWS_AS(kept = lockstep::max(none), lockstep::error);
    CHECK(float(kept) == 3);
  });
}

TEST_CASE("operators that do not commute keep the order, and the initial value enters once, from the left") {
  for_each_device([](device const& dev) {
    for (std::size_t n : lengths) {
      INFO("n ", n);
      auto const host = affines(n);
      affine const initial{3, 5};
      affine const expected = std::accumulate(host.begin(), host.end(), initial, compose{});
      array<affine> const x(dev, host);
      CHECK(affine(lockstep::reduce(x, initial, compose{})) == expected);
      // The same through an operator of the library, which commutes for numbers only.
      CHECK(affine(lockstep::reduce(x, initial, lockstep::multiplies{})) == expected);
    }
  });
}

TEST_CASE("reduce with operators of the library") {
  for_each_device([](device const& dev) {
    for (std::size_t n : {1, 100, 100003}) {
      auto const host = random_values<std::uint32_t>(n, n, 0, 4e9);
      array<std::uint32_t> const x(dev, host);
      std::uint32_t sum = 1, bits = 0xffff'0000u, most = 77;
      for (auto v : host) sum += v, bits ^= v, most = std::max(most, v);
      CHECK(std::uint32_t(lockstep::reduce(x, 1u, lockstep::plus{})) == sum);
      CHECK(std::uint32_t(lockstep::reduce(x, 0xffff'0000u, lockstep::bit_xor{})) == bits);
      CHECK(std::uint32_t(lockstep::reduce(x, 77u, lockstep::maximum{})) == most);
    }
  });
}

TEST_CASE("reductions of strided, broadcast and neighboring expressions, and inside larger ones") {
  for_each_device([](device const& dev) {
    index const rows = 93, columns = 111;
    auto const host = random_values<int>(static_cast<std::size_t>(rows * columns), 1);
    array<int, 2> const m(dev, {rows, columns}, host);
    auto const at = [&](index i, index j) { return std::int64_t(host[static_cast<std::size_t>(i * columns + j)]); };
    std::int64_t inner = 0, product = 0, steps = 0, total = 0;
    for (index i = 0; i < rows; ++i)
      for (index j = 0; j < columns; ++j) {
        total += at(i, j);
        if (i >= 3 && i < 90 && j >= 5 && j < 100) inner += at(i, j);
        product += at(i, j) * at(0, j);
        steps += std::abs(at(i, j) - at(i, (j + 1) % columns));
      }
    CHECK(std::int64_t(lockstep::sum(m)) == total);
    CHECK(std::int64_t(lockstep::sum(m.slice({3, 5}, {90, 100}))) == inner);
    CHECK(std::int64_t(lockstep::sum(m.transpose())) == total);
    CHECK(std::int64_t(lockstep::sum(m * m.slice({0, 0}, {1, columns}))) == product);
    CHECK(std::int64_t(lockstep::sum(abs(m - neighbor(m, {0, 1}, boundary::wrap)))) == steps);
    CHECK(std::int64_t(lockstep::sum(m) * 2 - lockstep::max(m)) ==
          2 * total - *std::max_element(host.begin(), host.end()));
    array<std::int64_t, 2> const less = m - lockstep::sum(m) / (rows * columns);
    CHECK(less.to_host()[17] == host[17] - total / (rows * columns));
    CHECK(std::int64_t(lockstep::sum(lockstep::sum(m))) == total);  // a rank-0 expression has one element
    CHECK(std::int64_t(lockstep::sum(m - lockstep::min(m))) ==
          total - rows * columns * *std::min_element(host.begin(), host.end()));
  });
}

TEST_CASE("the same values give the same bits, however they are read") {
  for_each_device([](device const& dev) {
    for (shape<2> extents : {shape{1, 33}, shape{65, 64}, shape{7, 4097}, shape{301, 333}}) {
      auto const n = extents.size();
      generator random(n);
      std::vector<float> host(n), turned(n), wide(static_cast<std::size_t>(extents[0] * (extents[1] + 3)));
      for (float& v : host) v = static_cast<float>(random.between(-1, 1));
      auto const rows = static_cast<std::size_t>(extents[0]), columns = static_cast<std::size_t>(extents[1]);
      for (std::size_t i = 0; i < rows; ++i)
        for (std::size_t j = 0; j < columns; ++j)
          turned[j * rows + i] = wide[i * (columns + 3) + j + 2] = host[i * columns + j];
      array<float> const flat(dev, host);
      array<float, 2> const dense(dev, extents, host), other(dev, {extents[1], extents[0]}, turned),
          padded(dev, {extents[0], extents[1] + 3}, wide);
      float const expected = lockstep::sum(flat);
      CHECK(same_bits(float(lockstep::sum(dense)), expected));
      CHECK(same_bits(float(lockstep::sum(other.transpose())), expected));
      CHECK(same_bits(float(lockstep::sum(padded.slice({0, 2}, {extents[0], extents[1] + 2}))), expected));
      CHECK(same_bits(float(lockstep::sum(neighbor(dense, {0, 0}))), expected));
      // A product must be rounded before it is added, or not, in all of them.
      float const squares = lockstep::sum(lockstep::square(flat));
      array<float> const stored = lockstep::square(flat);
      CHECK(same_bits(float(lockstep::sum(stored)), squares));
      CHECK(same_bits(float(lockstep::sum(lockstep::square(other.transpose()))), squares));
      auto const down = lockstep::sum(lockstep::square(dense), axis(0)).to_host();
      CHECK(same_bits(lockstep::sum(lockstep::square(other.transpose()), axis(0)).to_host(), down));
      auto const across = lockstep::sum(lockstep::square(dense), axis(1)).to_host();
      CHECK(same_bits(lockstep::sum(lockstep::square(other.transpose()), axis(1)).to_host(), across));
    }
  });
}

TEST_CASE("several reductions in one pass give the bits of each alone") {
  for_each_device([](device const& dev) {
    for (std::size_t n : {1, 5000, 100003}) {
      generator random(n);
      std::vector<float> host(n);
      for (float& v : host) v = static_cast<float>(random.between(-1, 1));
      array<float> const x(dev, host);
      auto const [total, squares, low, at] = lockstep::evaluate(lockstep::sum(x), lockstep::sum(lockstep::square(x)),
                                                                lockstep::min(x), lockstep::argmin(x));
      CHECK(total.device() == dev);
      CHECK(same_bits(float(total), float(lockstep::sum(x))));
      CHECK(same_bits(float(squares), float(lockstep::sum(lockstep::square(x)))));
      CHECK(same_bits(float(low), float(lockstep::min(x))));
      CHECK(index(at) == index(lockstep::argmin(x)));
    }
    array<int> const k = lockstep::arange<int>(dev, 10);  // of different shapes and ranks: one pass each
    array<int, 2> const m = lockstep::ones<int>(dev, shape{3, 4});
    auto const [a, b] = lockstep::evaluate(lockstep::sum(k), lockstep::sum(m));
    CHECK(std::int64_t(a) == 45);
    CHECK(std::int64_t(b) == 12);
    array<float> const none(dev, 0);
    auto const [zero, one] = lockstep::evaluate(lockstep::sum(none), lockstep::product(none));
    CHECK(float(zero) == 0);
    CHECK(float(one) == 1);
    CHECK_THROWS_AS(static_cast<void>(lockstep::evaluate(lockstep::sum(none), lockstep::max(none))), lockstep::error);
  });
}

}  // namespace reduce_tests
