// Files compiled by the host compiler and by nvcc in one program: every result of every file, on CPU devices and GPUs.
#include <doctest/doctest.h>

#include "mixed/arrays.hpp"
#include "support/devices.hpp"
#include "support/values.hpp"

static_assert(!LOCKSTEP_CUDA, "this file is meant for the host compiler");

namespace {

namespace ls = lockstep;
using ls::test::difference;
using ls::test::far_from;

constexpr std::size_t n = 5000;

std::vector<float> inputs(std::uint64_t seed) { return ls::test::random_values<float>(n, seed, -4, 4); }

void check_results(mixed::results const& r, std::vector<float> const& a, std::vector<float> const& b) {
  std::vector<float> mapped(n), fused(n);
  std::vector<double> scanned(n), columns(n / 10);
  double total = 0, sum = 0;
  for (std::size_t i = 0; i < n; ++i) {
    mapped[i] = a[i] * b[i] + 1 + a[std::min(i + 1, n - 1)];
    fused[i] = a[i] - b[i];
    scanned[i] = sum += double{a[i]} + b[i];
    total += double{fused[i]} * fused[i];
    columns[i % (n / 10)] += a[i];
  }
  CHECK(difference(r.mapped.to_host(), mapped) == "");
  CHECK(difference(r.fused.to_host(), fused) == "");
  CHECK(far_from(r.scanned.to_host(), scanned, 1e-5, 100) == "");
  CHECK(far_from(r.columns.to_host(), columns, 1e-6, 10) == "");
  CHECK(far_from(r.total.to_host(), {total}, 1e-5) == "");
}

TEST_CASE("files of both kinds evaluate on CPU devices") {
  auto const a = inputs(1), b = inputs(2);
  for (auto* evaluate : {mixed::evaluate_in_first_host_file, mixed::evaluate_in_second_host_file,
                         mixed::evaluate_in_first_gpu_file, mixed::evaluate_in_second_gpu_file}) {
    ls::device const cpu = ls::device::cpu(2);
    check_results(evaluate(mixed::make_in_first_host_file(cpu, a), mixed::make_in_second_gpu_file(cpu, b)), a, b);
  }
}

TEST_CASE("files compiled by nvcc evaluate on a GPU, on arrays from anywhere") {
  auto const a = inputs(3), b = inputs(4);
  ls::device const gpu = ls::device::gpu();
  ls::array<float> const from_host = mixed::make_in_first_host_file(gpu, a);
  ls::array<float> const from_gpu = mixed::make_in_second_gpu_file(gpu, b);
  mixed::results const first = mixed::evaluate_in_first_gpu_file(from_host, from_gpu);
  CHECK(first.mapped.device() == gpu);
  CHECK(first.total.device() == gpu);
  check_results(first, a, b);
  check_results(mixed::evaluate_in_second_gpu_file(from_host, from_gpu), a, b);
}

TEST_CASE("files compiled without CUDA refuse to evaluate on a GPU, and say what to do") {
  ls::device const gpu = ls::device::gpu();
  ls::array<float> const a(gpu, inputs(5)), b(gpu, inputs(6));
  for (auto* evaluate : {mixed::evaluate_in_first_host_file, mixed::evaluate_in_second_host_file})
    CHECK_THROWS_WITH_AS(evaluate(a, b), doctest::Contains("compile this file with nvcc"), ls::device_error);
  ls::array<float> y(gpu, inputs(7));
  CHECK_THROWS_WITH_AS((y = a + b), doctest::Contains("gpu:0"), ls::device_error);
  CHECK_THROWS_AS(static_cast<void>(static_cast<float>(ls::sum(a))), ls::device_error);
  CHECK_THROWS_AS(ls::inclusive_scan(a).to_host(), ls::device_error);
  CHECK(difference(y.to_host(), inputs(7)) == "");
}

}  // namespace
