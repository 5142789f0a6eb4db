// GPU devices: memory of any size and pattern, errors and recovery from them, and the calling thread's own device.
#include <doctest/doctest.h>

#include <cstdint>
#include <lockstep/lockstep.hpp>

#include "support/devices.hpp"
#include "support/reporter.hpp"
#include "support/values.hpp"

namespace ls = lockstep;

namespace cuda_device_tests {

/// Waits for every GPU after the last test, so that what is still waiting to be freed then doesn't look like a leak.
struct settle : ls::test::silent_reporter {
  using silent_reporter::silent_reporter;
  void test_run_end(doctest::TestRunStats const&) override {
    int gpus = 0;
    if (cudaGetDeviceCount(&gpus) != cudaSuccess) return;  // no GPU: nothing to wait for
    for (int gpu = 0; gpu < gpus; ++gpu)
      if (cudaSetDevice(gpu) == cudaSuccess) cudaDeviceSynchronize();
  }
};

REGISTER_LISTENER("settle", 1, settle);

template <std::size_t Size>
struct record {
  unsigned char bytes[Size];
  bool operator==(record const&) const = default;
};

template <class T>
void check_fill(T const& value) {
  ls::device const gpu = ls::device::gpu();
  for (std::size_t n : {1, 2, 3, 255, 1000}) {
    CAPTURE(sizeof(T));
    CAPTURE(n);
    ls::array<T> a(gpu, ls::shape(n));
    a = value;
    CHECK(a.to_host() == std::vector<T>(n, value));
  }
}

template <std::size_t Size>
void check_fill_with_record() {
  record<Size> value{};
  for (std::size_t i = 0; i < Size; ++i) value.bytes[i] = static_cast<unsigned char>(i * 7 + 1);
  check_fill(value);
}

TEST_CASE("fill repeats patterns of any size") {
  check_fill(std::int8_t{-3});
  check_fill(std::int16_t{300});
  check_fill(1.5f);
  check_fill(0.0);
  check_fill(-2.25);
  check_fill_with_record<3>();
  check_fill_with_record<7>();
  check_fill_with_record<12>();
  check_fill_with_record<16>();
  check_fill_with_record<255>();
  check_fill_with_record<256>();
  check_fill_with_record<257>();
  check_fill_with_record<1000>();
}

TEST_CASE("a GPU is one device however often it is asked for") {
  ls::device const gpu = ls::device::gpu(0);
  CHECK(gpu == ls::device::gpu());
  CHECK(gpu == ls::device::parse("gpu"));
  CHECK(gpu == ls::device::parse("gpu:0"));
  CHECK(gpu.is_gpu());
  CHECK_FALSE(gpu.is_cpu());
  CHECK(gpu.name() == "gpu:0");
  CHECK(gpu.number() == 0);
  CHECK(gpu.threads() == 0);
}

TEST_CASE("there is no such GPU") {
  CHECK_THROWS_WITH_AS(ls::device::gpu(1000), doctest::Contains("cudaErrorInvalidDevice"), ls::device_error);
  CHECK_THROWS_WITH_AS(ls::device::gpu(1000), doctest::Contains("device::gpu(1000)"), ls::device_error);
  CHECK_THROWS_AS(ls::device::gpu(-1), ls::device_error);
}

TEST_CASE("loops over CPU threads do not run on a GPU, and a CPU device has no stream") {
  int calls = 0;
  CHECK_THROWS_AS(ls::device::gpu().run(2, [&](ls::index) { ++calls; }), ls::device_error);
  CHECK(calls == 0);
  CHECK_THROWS_AS(ls::cuda::stream_of(ls::device::cpu(1)), ls::device_error);
  CHECK(ls::cuda::stream_of(ls::device::gpu()) != nullptr);
}

TEST_CASE("out of memory throws, leaves what there is as it was, and is over when memory is free again") {
  ls::device const gpu = ls::device::gpu();
  std::vector<float> const values = ls::test::random_values<float>(1000, 1);
  ls::array<float> a(gpu, values);
  CHECK_THROWS_AS((ls::array<double>(gpu, ls::shape(std::size_t{1} << 50))), ls::out_of_memory);
  CHECK_THROWS_WITH_AS((ls::array<float>(gpu, ls::shape(std::size_t{1} << 45))), doctest::Contains("gpu:0"),
                       ls::out_of_memory);
  CHECK(cudaGetLastError() == cudaSuccess);
  ls::array<float> b = a + 1.0f;
  CHECK(a.to_host() == values);
  CHECK(b.to_host()[999] == values[999] + 1.0f);
}

TEST_CASE("a failed assignment changes nothing") {
  ls::device const gpu = ls::device::gpu();
  ls::array<float> const three(gpu, std::vector<float>{1, 2, 3});
  ls::array<float> two(gpu, std::vector<float>{4, 5});
  CHECK_THROWS_AS((two = three * 2.0f), ls::shape_error);
  CHECK(two.to_host() == std::vector<float>{4, 5});
}

TEST_CASE("arrays of two devices do not meet in one expression, but move between them") {
  ls::array<float> const there(ls::device::gpu(), std::vector<float>{1, 2, 3});
  ls::array<float> const here(ls::device::cpu(1), std::vector<float>{10, 20, 30});
  CHECK_THROWS_WITH_AS((ls::array<float>(there + here)), doctest::Contains("gpu:0"), ls::device_error);
  ls::array<float> const sum = there + here.to(ls::device::gpu());
  CHECK(sum.device() == ls::device::gpu());
  CHECK(sum.to(ls::device::cpu(1)).to_host() == std::vector<float>{11, 22, 33});
}

TEST_CASE("copies, moves and empty arrays") {
  ls::device const gpu = ls::device::gpu();
  std::vector<std::int64_t> const values = ls::test::random_values<std::int64_t>(777, 2, -1e9, 1e9);
  ls::array<std::int64_t> a(gpu, values), copy = a;
  a = std::int64_t{5};
  CHECK(copy.to_host() == values);
  CHECK(a.to_host() == std::vector<std::int64_t>(777, 5));
  ls::array<std::int64_t> const moved = std::move(copy);
  CHECK(moved.to_host() == values);
  ls::array<float> none(gpu, ls::shape(0)), other = none;
  none = none + 1.0f;
  none = 3.0f;
  CHECK(none.to_host().empty());
  CHECK(other.to_host().empty());
}

TEST_CASE("the calling thread keeps its own current device") {
  int before = -1, after = -2;
  REQUIRE(cudaGetDevice(&before) == cudaSuccess);
  ls::array<float> a(ls::device::gpu(), ls::shape(100));
  a = 1.0f;
  CHECK(static_cast<float>(ls::sum(a)) == 100.0f);
  REQUIRE(cudaGetDevice(&after) == cudaSuccess);
  CHECK(before == after);
}

TEST_CASE("work for more blocks than a launch may have is refused") {
  ls::index const blocks = ls::index{1} << 31;
  CHECK_THROWS_WITH_AS(ls::cuda::launch(ls::device::gpu(), "testing", ls::cuda::fill_kernel<std::uint8_t>, blocks, 32,
                                        nullptr, ls::cuda::fill_pattern<std::uint8_t>{}, std::size_t{0}),
                       doctest::Contains("2147483648"), ls::device_error);
}

// A temporary's memory is used again as soon as the stream has passed it by: results must not depend on that.
TEST_CASE("temporaries live in stream order") {
  ls::device const gpu = ls::device::gpu();
  ls::array<float> x = ls::full<float>(gpu, 5000, 1.0f);
  for (int step = 0; step < 20; ++step) x = x + ls::neighbor(x, -1, ls::boundary::zero) * 0.0f + ls::sum(x) / 5000.0f;
  CHECK(x.to_host() == std::vector<float>(5000, 1048576.0f));
}

// Run with 64 MB of memory by simulated.cmake: a GPU of ordinary size is not to be filled.
TEST_CASE("full memory: arrays stay right, and what is freed can be had again" * doctest::skip()) {
  ls::device const gpu = ls::device::gpu();
  std::vector<ls::array<float>> held;
  auto const fill_up = [&] {
    for (;;) held.push_back(ls::full<float>(gpu, 1 << 20, static_cast<float>(held.size())));
  };
  CHECK_THROWS_AS(fill_up(), ls::out_of_memory);
  std::size_t const most = held.size();
  REQUIRE(most >= 2);
  ls::array<float>& y = held[1];
  CHECK_THROWS_AS((y = y + ls::neighbor(y, 1)), ls::out_of_memory);  // needs a temporary
  CHECK(y.to_host() == std::vector<float>(1 << 20, 1.0f));
  held.pop_back();
  y = y + ls::neighbor(y, 1);
  CHECK(y.to_host() == std::vector<float>(1 << 20, 2.0f));
  CHECK_THROWS_AS(fill_up(), ls::out_of_memory);
  CHECK(held.size() == most);
}

// Run with no GPU by simulated.cmake.
TEST_CASE("no GPU: the error says so" * doctest::skip()) {
  CHECK_THROWS_WITH_AS(ls::device::gpu(), doctest::Contains("cudaErrorNoDevice"), ls::device_error);
  CHECK_THROWS_WITH_AS(ls::device::parse("gpu:0"), doctest::Contains("cudaGetDeviceCount"), ls::device_error);
  CHECK(ls::array<float>(ls::device::cpu(1), std::vector<float>{1, 2}).to_host()[1] == 2);
}

}  // namespace cuda_device_tests
