// Runs on: cpu
// Covers: random: uniform normal; types: float double
// Covers: random: uniform; types: integers
// Covers: random: bernoulli; types: bool
// Covers: random: shuffle; types: integers
// Random numbers: the words behind them, the same everywhere, and distributed as they should be.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <lockstep/lockstep.hpp>
#include <numeric>

#include "support/devices.hpp"
#include "support/values.hpp"

namespace random_tests {

namespace random = lockstep::random;
using lockstep::array, lockstep::device, lockstep::index, lockstep::philox4x32, lockstep::seed, lockstep::shape;
using lockstep::test::contains, lockstep::test::difference, lockstep::test::for_each_device, lockstep::test::message_of,
    lockstep::test::same_bits;

std::size_t const lengths[] = {0, 1, 3, 4, 5, 1023, 1024, 1025, 2049, 4095, 4096, 4097, 100003};

/// Word i of the stream: four from each counter, by the function that is tested against known answers.
std::uint32_t stream_word(std::size_t i, std::uint64_t key) { return philox4x32(std::uint64_t{i / 4}, key)[i % 4]; }
std::uint64_t stream_pair(std::size_t i, std::uint64_t key) {
  return stream_word(2 * i, key) | std::uint64_t{stream_word(2 * i + 1, key)} << 32;
}

TEST_CASE("uniform numbers are the stream's words, scaled") {
  for_each_device([](device const& dev) {
    for (std::size_t n : lengths) {
      INFO("n ", n);
      std::vector<float> floats(n);
      std::vector<double> doubles(n);
      for (std::size_t i = 0; i < n; ++i) {
        floats[i] = static_cast<float>(stream_word(i, 7) >> 8) / 16777216.0f;
        doubles[i] = static_cast<double>(stream_pair(i, 7) >> 11) / 9007199254740992.0;
      }
      CHECK(difference(random::uniform<float>(dev, n, seed(7)).to_host(), floats) == "");
      CHECK(difference(random::uniform<double>(dev, n, seed(7)).to_host(), doubles) == "");
    }
  });
}

TEST_CASE("integers are the upper part of a product, as exact as 128 bits") {
  __extension__ typedef unsigned __int128 wide;
  for_each_device([](device const& dev) {
    std::size_t const n = 5001;
    std::vector<std::int64_t> expected(n);
    std::int64_t const low = -5'000'000'000'000, high = 7'000'000'000'000'000'000;
    auto const count = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
    for (std::size_t i = 0; i < n; ++i)
      expected[i] =
          low + static_cast<std::int64_t>(static_cast<std::uint64_t>((wide{stream_pair(i, 3)} * count) >> 64));
    CHECK(difference(random::uniform<std::int64_t>(dev, n, seed(3), low, high).to_host(), expected) == "");
    std::vector<int> dice(n);
    for (std::size_t i = 0; i < n; ++i) dice[i] = 1 + static_cast<int>((wide{stream_pair(i, 3)} * 6) >> 64);
    CHECK(difference(random::uniform<int>(dev, n, seed(3), 1, 7).to_host(), dice) == "");
  });
}

TEST_CASE("the same inside of an expression, in rows, and for any part") {
  for_each_device([](device const& dev) {
    auto const check = [&](auto const& draw, auto const& in_rows) {
      auto const whole = draw.to_host();
      auto twice = whole;
      for (auto& each : twice) each += each;
      CHECK(difference((draw + draw).to_host(), twice) == "");
      CHECK(same_bits(in_rows.to_host(), whole));
      CHECK(difference((in_rows * 2).to_host(), twice) == "");
      using T = typename decltype(twice)::value_type;
      std::vector<T> part(whole.begin() + 1501, whole.begin() + 4200);
      CHECK(same_bits(draw.slice({1501}, {4200}).to_host(), part));
      lockstep::array<T, 2> turned = in_rows.transpose();
      CHECK(turned.to_host()[1 * 37 + 2] == whole[2 * 137 + 1]);
    };
    check(random::uniform<float>(dev, 37 * 137, seed(1)), random::uniform<float>(dev, shape{37, 137}, seed(1)));
    check(random::uniform<double>(dev, 37 * 137, seed(1)), random::uniform<double>(dev, shape{37, 137}, seed(1)));
    check(random::normal<float>(dev, 37 * 137, seed(1)), random::normal<float>(dev, shape{37, 137}, seed(1)));
    check(random::normal<double>(dev, 37 * 137, seed(1)), random::normal<double>(dev, shape{37, 137}, seed(1)));
  });
}

TEST_CASE("the same bits on any number of threads") {
  std::size_t const n = 300007;
  auto const expected = random::normal<float>(device::cpu(1), n, seed(11)).to_host();
  for (std::size_t threads : {2, 3, 4, 7})
    CHECK(same_bits(random::normal<float>(device::cpu(threads), n, seed(11)).to_host(), expected));
}

TEST_CASE("another seed is another stream; broadcasting repeats it") {
  for_each_device([](device const& dev) {
    CHECK(random::uniform<float>(dev, 5, seed(1)).to_host() != random::uniform<float>(dev, 5, seed(2)).to_host());
    array<float, 2> const rows = random::uniform<float>(dev, 4, seed(1)) + lockstep::zeros<float>(dev, shape{3, 4});
    auto const one = random::uniform<float>(dev, 4, seed(1)).to_host(), all = rows.to_host();
    for (std::size_t i = 0; i < 12; ++i) CHECK(all[i] == one[i % 4]);
  });
}

/// The k-th central moment of values about a known mean.
template <class T>
double moment(std::vector<T> const& values, double mean, int k) {
  double sum = 0;
  for (T v : values) sum += std::pow(double(v) - mean, k);
  return sum / double(values.size());
}

TEST_CASE("moments and tails") {
  for_each_device([](device const& dev) {
    std::size_t const n =
        1'000'000;  // a moment's own deviation is about 1e-3 times the square root of the next even one
    auto const normals = random::normal<float>(dev, n, seed(5), 3.0f, 2.0f).to_host();
    CHECK(std::abs(moment(normals, 3, 1)) < 0.01);
    CHECK(std::abs(moment(normals, 3, 2) / 4 - 1) < 0.007);
    CHECK(std::abs(moment(normals, 3, 3) / 8) < 0.02);
    CHECK(std::abs(moment(normals, 3, 4) / 16 - 3) < 0.05);
    auto const precise = random::normal<double>(dev, n, seed(6)).to_host();
    CHECK(std::abs(moment(precise, 0, 2) - 1) < 0.007);
    CHECK(std::abs(moment(precise, 0, 4) - 3) < 0.05);
    double together = 0;  // the cosine and the sine of one angle are independent
    for (std::size_t i = 0; i + 1 < n; i += 2) together += precise[i] * precise[i + 1];
    CHECK(std::abs(together / (n / 2)) < 0.007);
    auto const uniform = random::uniform<double>(dev, n, seed(8), -1.0, 1.0).to_host();
    CHECK(std::abs(moment(uniform, 0, 2) - 1.0 / 3) < 0.002);
    for (double v : uniform) REQUIRE((v >= -1 && v < 1));
    index const heads = lockstep::count(random::bernoulli(dev, n, seed(9), 0.3));
    CHECK(std::abs(double(heads) / n - 0.3) < 0.002);
    CHECK(index(lockstep::count(random::bernoulli(dev, 1000, seed(9), 0.0))) == 0);
    CHECK(index(lockstep::count(random::bernoulli(dev, 1000, seed(9), 1.0))) == 1000);
  });
}

TEST_CASE("permutations hold every number once, and every place is as probable as any other") {
  for_each_device([](device const& dev) {
    for (std::size_t n : {0, 1, 2, 1000, 100003}) {
      auto order = random::permutation(dev, n, seed(4)).to_host();
      CHECK(same_bits(random::permutation(device::cpu(1), n, seed(4)).to_host(), order));
      std::sort(order.begin(), order.end());
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < n; ++i) wrong += order[i] != index(i);
      CHECK(wrong == 0);
    }
    std::vector<int> first(5);
    for (std::uint64_t s = 0; s < 5000; ++s) ++first[std::size_t(random::permutation(dev, 5, seed(s)).to_host()[0])];
    for (int each : first) CHECK(std::abs(each - 1000) < 150);  // five standard deviations
    array<int, 2> m(dev, {50, 3});
    m = lockstep::cast<int>(lockstep::indices(lockstep::axis(0)));
    auto const shuffled = random::shuffle(m, seed(9)).to_host(), same = random::shuffle(m, seed(9)).to_host();
    CHECK(shuffled == same);
    CHECK(shuffled != m.to_host());
    CHECK(std::accumulate(shuffled.begin(), shuffled.end(), 0) == 3 * 50 * 49 / 2);
    CHECK(shuffled[7 * 3] == shuffled[7 * 3 + 2]);  // rows stay whole
  });
}

TEST_CASE("bad parameters are named") {
  device const dev = device::cpu(1);
  CHECK(contains(message_of<lockstep::error>([&] { (void)random::uniform<int>(dev, 5, seed(1), 3, 3); }),
                 "expected a low end below a finite high end"));
  CHECK(contains(message_of<lockstep::error>([&] { (void)random::uniform<float>(dev, 5, seed(1), 0.0f, INFINITY); }),
                 "expected a low end below a finite high end"));
  CHECK(contains(message_of<lockstep::error>([&] { (void)random::bernoulli(dev, 5, seed(1), 1.5); }), "1.5"));
}

}  // namespace random_tests
