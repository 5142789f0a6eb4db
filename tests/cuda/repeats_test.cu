// Expressions that name the same memory more than once, which kernels read once, against loops.
#include <doctest/doctest.h>

#include <lockstep/lockstep.hpp>
#include <vector>

#include "support/values.hpp"

namespace cuda_repeats_tests {

using lockstep::array, lockstep::device, lockstep::index, lockstep::shape;
using lockstep::test::random_values;

struct inputs {
  device gpu = device::gpu();
  std::size_t n;
  std::vector<float> a, b, c;
  std::vector<int> i;
  explicit inputs(std::size_t count)
      : n(count),
        a(random_values<float>(n, 1, -9, 9)),
        b(random_values<float>(n, 2, -9, 9)),
        c(random_values<float>(n, 3, -9, 9)),
        i(random_values<int>(n, 4, -9, 9)) {}
  template <class T>
  array<T> on_gpu(std::vector<T> const& values) const {
    return array<T>(gpu, values);
  }
};
constexpr std::size_t lengths[] = {1, 3, 2047, 2048, 2049, 20001};

TEST_CASE("repeats: among operands that differ, of several types") {
  for (std::size_t n : lengths) {
    inputs const in(n);
    array<float> const a = in.on_gpu(in.a), b = in.on_gpu(in.b), c = in.on_gpu(in.c);
    array<int> const i = in.on_gpu(in.i);
    std::vector<float> want(n), want_far(n);
    for (std::size_t k = 0; k < n; ++k) {
      float const x = in.a[k], y = in.b[k], z = in.c[k], w = static_cast<float>(in.i[k]);
      want[k] = x * y + w * z - y * w + x;
      want_far[k] = x + y + z + y + z + y + z + y + z + y + z + x;  // further apart than leaves are compared
    }
    CHECK((a * b + i * c - b * i + a).to_host() == want);
    CHECK((a + b + c + b + c + b + c + b + c + b + c + a).to_host() == want_far);
  }
}

TEST_CASE("repeats: what is written is read, and slices are other memory") {
  for (std::size_t n : lengths) {
    inputs const in(n);
    array<int> x = in.on_gpu(in.i);
    std::vector<int> want(n), parts(n - n / 2);
    index const half = static_cast<index>(n / 2), all = static_cast<index>(n);
    for (std::size_t k = 0; k < n; ++k) want[k] = in.i[k] * in.i[k] + in.i[k];
    for (std::size_t k = n / 2; k < n; ++k) parts[k - n / 2] = want[k] * want[k - n / 2] + want[k];
    x = x * x + x;
    CHECK(x.to_host() == want);
    auto const late = x.slice(half, all), early = x.slice(0, all - half);
    CHECK((late * early + late).to_host() == parts);
  }
}

TEST_CASE("repeats: the same elements in another order are not the same") {
  index const rows = 37;
  inputs const in(static_cast<std::size_t>(rows * rows));
  array<float, 2> const m = in.on_gpu(in.a).reshape(shape(rows, rows));
  std::vector<float> want(in.n);
  for (index r = 0; r < rows; ++r)
    for (index c = 0; c < rows; ++c) {
      float const x = in.a[static_cast<std::size_t>(r * rows + c)], y = in.a[static_cast<std::size_t>(c * rows + r)];
      want[static_cast<std::size_t>(r * rows + c)] = x * y + y * y - x;
    }
  CHECK((m * m.transpose() + m.transpose() * m.transpose() - m).to_host() == want);
}

TEST_CASE("repeats: in reductions, scans and fused results") {
  for (std::size_t n : lengths) {
    inputs const in(n);
    array<int> const i = in.on_gpu(in.i), j = in.on_gpu(std::vector<int>(n, 3));
    std::vector<int> sums(n), differences(n), running(n);
    std::int64_t total = 0, most = INT64_MIN;
    int partial = 0;
    for (std::size_t k = 0; k < n; ++k) {
      int const x = in.i[k];
      sums[k] = x + 3, differences[k] = x - 3;
      running[k] = partial += x * x - 3 * x;
      total += x * x, most = std::max<std::int64_t>(most, x * 3 + x);
    }
    array<int> s(in.gpu, shape(static_cast<index>(n))), d = s;
    lockstep::tie(s, d) = lockstep::fuse(i + j, i - j);
    CHECK(s.to_host() == sums);
    CHECK(d.to_host() == differences);
    CHECK(lockstep::inclusive_scan(i * i - j * i).to_host() == running);
    auto const [t, m] = lockstep::evaluate(lockstep::sum(i * i), lockstep::max(i * j + i));
    CHECK(static_cast<std::int64_t>(t) == total);
    CHECK(static_cast<std::int64_t>(m) == most);
  }
}

}  // namespace cuda_repeats_tests
