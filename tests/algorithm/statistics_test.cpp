// Runs on: cpu
// Covers: reduce: mean variance stddev norm logsumexp dot evaluate; types: integers float double half
// variance, stddev, norm, logsumexp and dot against plain loops in long double, whole, by axis and together with
// others.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <lockstep/algorithm/statistics.hpp>
#include <lockstep/lockstep.hpp>

#include "support/devices.hpp"
#include "support/values.hpp"

namespace statistics_tests {

using lockstep::array, lockstep::axis, lockstep::device, lockstep::index, lockstep::shape;
using lockstep::test::contains, lockstep::test::far_from, lockstep::test::for_each_device, lockstep::test::message_of,
    lockstep::test::random_values, lockstep::test::same_bits;

struct figures {
  double variance, norm, logsumexp;
};
template <class At>
figures exact(std::size_t n, At const& at) {
  long double sum = 0, squares = 0, deviations = 0, peak = -1e30L, terms = 0;
  for (std::size_t i = 0; i < n; ++i) sum += at(i), squares += at(i) * at(i), peak = std::max<long double>(peak, at(i));
  for (std::size_t i = 0; i < n; ++i) {
    deviations += (at(i) - sum / n) * (at(i) - sum / n);
    terms += std::exp(at(i) - peak);
  }
  return {double(deviations / n), double(std::sqrt(squares)), double(peak + std::log(terms))};
}

template <class T>
void check_whole(device const& dev, std::size_t n, double offset) {
  INFO("n ", n, " offset ", offset);
  auto host = random_values<T>(n, n, -5, 5);
  for (T& v : host) v = static_cast<T>(v + static_cast<T>(offset));
  array<T> const x(dev, host);
  auto const want = exact(n, [&](std::size_t i) { return static_cast<long double>(host[i]); });
  double const near = sizeof(T) == 4 && std::is_floating_point_v<T> ? 1e-5 : 1e-12;
  double const shifted = near * (1 + offset / 100);
  CHECK(double(variance(x)) == doctest::Approx(want.variance).epsilon(shifted));
  CHECK(double(stddev(x)) == doctest::Approx(std::sqrt(want.variance)).epsilon(shifted));
  if (n > 1)
    CHECK(double(variance(x, 1)) == doctest::Approx(want.variance * double(n) / double(n - 1)).epsilon(shifted));
  CHECK(double(norm(x)) == doctest::Approx(want.norm).epsilon(near));
  CHECK(double(logsumexp(x)) == doctest::Approx(want.logsumexp).epsilon(near));
  CHECK(double(logsumexp(x * T(1))) == double(logsumexp(x)));
}

TEST_CASE("of all elements") {
  for_each_device([](device const& dev) {
    for (std::size_t n : {1, 2, 31, 32, 33, 4095, 4096, 4097, 100003})
      for (double offset : {0.0, 1000.0}) {
        check_whole<float>(dev, n, offset);
        check_whole<double>(dev, n, offset);
        check_whole<int>(dev, n, offset);
      }
    check_whole<std::uint8_t>(dev, 5000, 100);
  });
}

TEST_CASE("along every axis") {
  for_each_device([](device const& dev) {
    std::size_t const e[] = {3, 130, 70};
    auto const host = random_values<float>(e[0] * e[1] * e[2], 1, -5, 5);
    array<float, 3> const x(dev, {e[0], e[1], e[2]}, host);
    std::size_t const strides[] = {e[1] * e[2], e[2], 1};
    for (std::size_t a = 0; a < 3; ++a) {
      std::vector<double> variances, norms, logs;
      std::size_t const p = a == 0 ? 1 : 0, q = a == 2 ? 1 : 2;
      for (std::size_t i = 0; i < e[p]; ++i)
        for (std::size_t j = 0; j < e[q]; ++j) {
          auto const want = exact(e[a], [&](std::size_t k) {
            return static_cast<long double>(host[i * strides[p] + j * strides[q] + k * strides[a]]);
          });
          variances.push_back(want.variance), norms.push_back(want.norm), logs.push_back(want.logsumexp);
        }
      CHECK(far_from(variance(x, axis(a)).to_host(), variances, 1e-5) == "");
      CHECK(far_from(norm(x, axis(a)).to_host(), norms, 1e-5) == "");
      CHECK(far_from(logsumexp(x, axis(a)).to_host(), logs, 1e-5) == "");
      for (double& v : variances) v = std::sqrt(v * double(e[a]) / double(e[a] - 1));
      CHECK(far_from(stddev(x, axis(a), 1).to_host(), variances, 1e-5) == "");
    }
  });
}

TEST_CASE("together in one pass, fused, and the same bits on any number of threads") {
  auto const host = random_values<float>(100003, 1);
  std::vector<float> first;
  for (std::size_t threads : {1, 2, 3, 4, 7}) {
    array<float> const x(device::cpu(threads), host);
    auto const [m, v, s, l, n] = evaluate(mean(x), variance(x), lockstep::sum(x), logsumexp(x), norm(x));
    std::vector<float> const found{m, v, s, l, n, variance(x * x + 1.0f), logsumexp(x * 0.5f), dot(x, x)};
    CHECK(found[1] == float(variance(x)));
    if (first.empty()) first = found;
    CHECK(same_bits(found, first));
  }
  CHECK(lockstep::explain(variance(array<float>(device::cpu(1), host))).passes == 1);
}

TEST_CASE("far from zero, and sums that ride with deviations") {
  for_each_device([](device const& dev) {
    for (std::size_t n : {1, 33, 5000, 100003}) {
      auto host = random_values<double>(n, n, -std::sqrt(3.0), std::sqrt(3.0));
      for (double& v : host) v += 1e6;
      std::vector<float> const single(host.begin(), host.end());
      array<double> const x(dev, host);
      array<float> const y(dev, single), z = y + 0.0f;
      auto const at = [](auto const& from) { return [&](std::size_t i) { return static_cast<long double>(from[i]); }; };
      CHECK(double(variance(x)) == doctest::Approx(exact(n, at(host)).variance).epsilon(1e-10));
      CHECK(float(variance(y)) == doctest::Approx(exact(n, at(single)).variance).epsilon(1e-5));
      auto const [v, m, s, other] = evaluate(variance(y), mean(y), lockstep::sum(y), lockstep::sum(z));
      CHECK(same_bits(float(v), float(variance(y))));
      CHECK(same_bits(float(m), float(mean(y))));
      CHECK(same_bits(float(s), float(lockstep::sum(y))));
      CHECK(same_bits(float(other), float(s)));
      auto const [mean_of_x, deviation] = evaluate(mean(x), stddev(x));
      CHECK(same_bits(double(mean_of_x), double(mean(x))));
      CHECK(same_bits(double(deviation), double(stddev(x))));
    }
    array<float> const zeros(dev, std::vector<float>(100, -0.0f));
    auto const [s, v] = evaluate(lockstep::sum(zeros), variance(zeros));
    CHECK(same_bits(float(s), float(lockstep::sum(zeros))));
    array<lockstep::half> const h(dev, std::vector<lockstep::half>{lockstep::half(1.0f), lockstep::half(3.0f)});
    static_assert(std::is_same_v<lockstep::value_t<decltype(variance(h))>, float>);
    CHECK(float(variance(h)) == 1);
  });
}

TEST_CASE("special values and nothing") {
  double const inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  for_each_device([&](device const& dev) {
    auto const of = [&](std::size_t n, double fill, double one) {
      std::vector<double> host(n, fill);
      host[n / 2] = one;
      return array<double>(dev, host);
    };
    for (std::size_t n : {3, 9000}) {
      CHECK(double(logsumexp(of(n, -inf, -inf))) == -inf);
      CHECK(double(logsumexp(of(n, -inf, 7))) == 7);
      CHECK(double(logsumexp(of(n, 1, inf))) == inf);
      CHECK(std::isnan(double(logsumexp(of(n, 1, nan)))));
      CHECK(double(logsumexp(of(n, 1e300, 1e300))) == 1e300);
      CHECK(std::isnan(double(variance(of(n, 1, inf)))));
      CHECK(std::isnan(double(variance(of(n, 1, nan)))));
      CHECK(double(variance(of(n, 1e8 + 1, 1e8 + 1))) == 0);
    }
    array<double> const none(dev, 0), one(dev, std::vector<double>{4});
    CHECK(std::isnan(double(variance(none))));
    CHECK(double(variance(one)) == 0);
    CHECK(std::isnan(double(variance(one, 1))));
    CHECK(double(norm(none)) == 0);
    CHECK(double(logsumexp(none)) == -inf);
    CHECK(double(dot(none, none)) == 0);
  });
}

TEST_CASE("dot") {
  for_each_device([](device const& dev) {
    array<int> const a(dev, std::vector<int>{1, 2, 3}), b(dev, std::vector<int>{4, 5, 6});
    static_assert(std::is_same_v<lockstep::value_t<decltype(dot(a, b))>, std::int64_t>);
    CHECK(std::int64_t(dot(a, b)) == 32);
    CHECK(std::int64_t(dot(a + 1, b)) == 47);
    array<int> const one(dev, std::vector<int>{1});
    auto const text = message_of<lockstep::shape_error>([&] { static_cast<void>(dot(a, one)); });
    CHECK(contains(text, "dot: found vectors of 3 and 1 elements"));
    CHECK(contains(message_of<lockstep::shape_error>([&] { static_cast<void>(variance(a, axis(1))); }),
                   "variance: found axis 1, expected an axis of the shape (3,)"));
  });
}

}  // namespace statistics_tests
