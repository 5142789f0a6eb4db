// What each algorithm launches, and that it does not make the host wait. The counts are taken by launches.cmake, which
// runs every case here once and eleven times in a simulator and compares.
#include <doctest/doctest.h>

#include <cstdlib>
#include <lockstep/lockstep.hpp>
#include <vector>

namespace ls = lockstep;

namespace cuda_launches_tests {

/// How often a case repeats what it counts.
int repetitions() {
  char const* const text = std::getenv("LOCKSTEP_TEST_REPETITIONS");
  return text ? std::atoi(text) : 1;
}

struct inputs {
  ls::device gpu = ls::device::gpu();
  ls::index n = 100000;
  ls::array<float> a = ls::full<float>(gpu, n, 1.0f), b = ls::full<float>(gpu, n, 2.0f), y{gpu, ls::shape(n)};
  ls::array<float, 0> value{gpu, ls::shape<0>()};
};

TEST_CASE("launches: map") {
  inputs in;
  for (int i = 0; i < repetitions(); ++i) in.y = ls::sqrt(in.a * in.a + in.b) * 2.0f + 1.0f;
  CHECK(in.y.to_host()[77] == doctest::Approx(2 * std::sqrt(3.0) + 1));
}

TEST_CASE("launches: many operands") {
  inputs in;
  ls::array<float> const c = ls::full<float>(in.gpu, in.n, 3.0f), d = c, e = c, f = c;
  for (int i = 0; i < repetitions(); ++i) in.y = (in.a * in.b + c) * d - e / f;
  CHECK(in.y.to_host()[77] == 14);
}

TEST_CASE("launches: softmax") {
  inputs in;
  ls::array<float, 2> const m = in.a.reshape(ls::shape(1000, 100));
  ls::array<float, 2> rows(in.gpu, m.shape());
  for (int i = 0; i < repetitions(); ++i) rows = ls::softmax(m * 2.0f);
  CHECK(rows.to_host()[77] == doctest::Approx(0.01));
}

TEST_CASE("launches: bounded select") {
  inputs in;
  for (int i = 0; i < repetitions(); ++i) in.value = ls::cast<float>(ls::select_bounded(in.a, in.a > 0.0f).count);
  CHECK(static_cast<float>(in.value) == 100000);
}

TEST_CASE("launches: fuse") {
  inputs in;
  ls::array<float> z(in.gpu, ls::shape(in.n));
  for (int i = 0; i < repetitions(); ++i) ls::tie(in.y, z) = ls::fuse(in.a + in.b, in.a - in.b);
  CHECK(in.y.to_host()[77] == 3);
  CHECK(z.to_host()[77] == -1);
}

TEST_CASE("launches: reduce") {
  inputs in;
  for (int i = 0; i < repetitions(); ++i) in.value = ls::sum(in.a * in.b);
  CHECK(static_cast<float>(in.value) == 200000);
}

TEST_CASE("launches: squares") {
  inputs in;
  for (int i = 0; i < repetitions(); ++i) in.value = ls::sum(in.b * in.b);
  CHECK(static_cast<float>(in.value) == 400000);
}

TEST_CASE("launches: evaluate") {
  inputs in;
  for (int i = 0; i < repetitions(); ++i) {
    auto const [lo, total, at] = ls::evaluate(ls::min(in.a), ls::sum(in.a), ls::argmax(in.b));
    in.value = total;
  }
  CHECK(static_cast<float>(in.value) == 100000);
}

TEST_CASE("launches: normalize") {
  inputs in;
  for (int i = 0; i < repetitions(); ++i) in.y = in.a / ls::sum(in.a);
  CHECK(in.y.to_host()[77] == 1e-5f);
}

TEST_CASE("launches: columns") {
  inputs in;
  ls::array<float, 2> const m = in.a.reshape(ls::shape(1000, 100));
  ls::array<float> sums(in.gpu, ls::shape(100));
  for (int i = 0; i < repetitions(); ++i) sums = ls::sum(m, ls::axis(0));
  CHECK(sums.to_host() == std::vector<float>(100, 1000.0f));
}

TEST_CASE("launches: rows") {
  inputs in;
  ls::array<float, 2> const m = in.a.reshape(ls::shape(1000, 100));
  ls::array<float> sums(in.gpu, ls::shape(1000));
  for (int i = 0; i < repetitions(); ++i) sums = ls::sum(m, ls::axis(1));
  CHECK(sums.to_host() == std::vector<float>(1000, 100.0f));
}

TEST_CASE("launches: scan") {
  inputs in;
  for (int i = 0; i < repetitions(); ++i) in.y = ls::inclusive_scan(in.a + in.b);
  CHECK(in.y.to_host()[99] == 300);
}

TEST_CASE("launches: transpose") {
  inputs in;
  ls::array<float, 2> const m = in.a.slice(0, 98304).reshape(ls::shape(768, 128));
  ls::array<float, 2> turned(in.gpu, ls::shape(128, 768));
  for (int i = 0; i < repetitions(); ++i) turned = m.transpose();
  CHECK(turned.to_host()[99] == 1);
}

TEST_CASE("launches: segments") {
  inputs in;
  ls::array<ls::index> const offsets = ls::indices(ls::shape(1001)) * ls::index{100};
  ls::array<ls::index> const on_gpu = offsets.to(in.gpu);
  ls::array<float> sums(in.gpu, ls::shape(1000));
  for (int i = 0; i < repetitions(); ++i) sums = ls::sum(in.a, ls::segments(on_gpu));
  CHECK(sums.to_host() == std::vector<float>(1000, 100.0f));
}

TEST_CASE("launches: unique") {
  inputs in;
  in.y = ls::cast<float>(ls::indices(ls::shape(in.n)) / ls::index{2});
  for (int i = 0; i < repetitions(); ++i) CHECK(ls::unique(in.y).size() == 50000);
}

TEST_CASE("launches: reduce by key") {
  inputs in;
  ls::array<int> const keys = ls::cast<int>(ls::indices(ls::shape(in.n)) / ls::index{2}), on_gpu = keys.to(in.gpu);
  for (int i = 0; i < repetitions(); ++i) {
    auto const sums = ls::reduce_by_key(on_gpu, in.a, ls::maximum{});
    CHECK(sums.values.extent(0) == 50000);
  }
}

TEST_CASE("launches: sort rows") {
  inputs in;
  in.y = ls::cast<float>(-ls::indices(ls::shape(in.n)));
  ls::array<float, 2> rows = in.y.reshape(ls::shape(1250, 80));  // of whole sectors
  for (int i = 0; i < repetitions(); ++i) ls::sort(rows, ls::axis(1));
  CHECK(rows.device() == in.gpu);
  CHECK(rows.to_host()[777] == -742);
}

TEST_CASE("launches: sort long rows") {
  inputs in;
  ls::array<float, 2> rows(in.gpu, ls::shape(350, 2050));
  rows = ls::cast<float>(-ls::indices(ls::shape(350 * 2050))).reshape(rows.shape());
  for (int i = 0; i < repetitions(); ++i) ls::sort(rows, ls::axis(1));
  CHECK(rows.to_host()[2051] == -4098);
}

TEST_CASE("launches: sort segments") {
  inputs in;
  ls::array<ls::index> const offsets = ls::indices(ls::shape(1251)) * ls::index{80};
  ls::array<ls::index> const on_gpu = offsets.to(in.gpu);
  in.y = ls::cast<float>(-ls::indices(ls::shape(in.n)));
  for (int i = 0; i < repetitions(); ++i) ls::segmented_sort(in.y, on_gpu);
  CHECK(in.y.to_host()[777] == -742);
}

TEST_CASE("launches: decode") {
  inputs in;
  ls::array<ls::index> const twice = ls::full<ls::index>(in.gpu, 1000, 2);
  for (int i = 0; i < repetitions(); ++i) CHECK(ls::run_length_decode(in.a.slice(0, 1000), twice).size() == 2000);
}

TEST_CASE("launches: fill and copy") {
  inputs in;
  for (int i = 0; i < repetitions(); ++i) {
    in.y = 3.0f;
    in.y = in.a;
  }
  CHECK(in.y.to_host()[99] == 1);
}

TEST_CASE("launches: value") {
  inputs in;
  float total = 0;
  for (int i = 0; i < repetitions(); ++i) total = ls::sum(in.a);
  CHECK(total == 100000);
}

}  // namespace cuda_launches_tests
