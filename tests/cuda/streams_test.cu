// Streams of the caller's, several GPUs, and what is refused across them.
#include <doctest/doctest.h>

#include <lockstep/interop/memory.hpp>
#include <lockstep/lockstep.hpp>
#include <string>
#include <vector>

#include "support/values.hpp"

namespace ls = lockstep;

namespace cuda_streams_tests {

/// A stream of GPU `number`.
struct owned_stream {
  int number;
  cudaStream_t stream = nullptr;
  explicit owned_stream(int n = 0) : number(n) {
    ls::cuda::device_scope const scope(n);
    REQUIRE(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess);
  }
  owned_stream(owned_stream const&) = delete;
  ~owned_stream() {
    static_cast<void>(cudaStreamSynchronize(stream));
    static_cast<void>(cudaStreamDestroy(stream));
  }
  ls::device device() const { return ls::device::gpu(number, stream); }
};

template <class T>
__global__ void add_kernel(T* values, T more, int count) {
  int const i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) values[i] += more;
}

TEST_CASE("a caller's stream is a device of its own, and orders lockstep's work with the caller's") {
  owned_stream const mine;
  ls::device const gpu = mine.device();
  CHECK(gpu.is_gpu());
  CHECK(gpu.number() == 0);
  CHECK(gpu == mine.device());
  CHECK_FALSE(gpu == ls::device::gpu(0));
  CHECK(gpu.name().find("gpu:0, stream ") == 0);
  CHECK(ls::cuda::stream_of(gpu) == mine.stream);

  std::vector<int> const host = ls::test::random_values<int>(5000, 3, -100, 100);
  ls::array<int> x(gpu, host);
  x = x * 2;
  add_kernel<<<20, 256, 0, mine.stream>>>(x.data(), 7, 5000);
  ls::array<int> const y = ls::inclusive_scan(x);
  std::vector<int> want(5000);
  int sum = 0;
  for (std::size_t i = 0; i < want.size(); ++i) want[i] = sum += 2 * host[i] + 7;
  CHECK(y.to_host() == want);
}

TEST_CASE("the legacy default stream is one, too") {
  ls::device const gpu = ls::device::gpu(0, nullptr);
  CHECK(ls::cuda::stream_of(gpu) == nullptr);
  ls::array<int> x(gpu, std::vector<int>{1, 2, 3});
  x = x + 1;
  CHECK(x.to_host() == std::vector<int>{2, 3, 4});
  CHECK_THROWS_AS(static_cast<void>(ls::capture(gpu, [&] { x = x + 1; })), ls::device_error);  // CUDA cannot record it
  x = x + 1;
  CHECK(x.to_host() == std::vector<int>{3, 4, 5});
}

TEST_CASE("arrays of two streams of one GPU do not meet in an expression, but are copied in the order of both") {
  owned_stream const first, second;
  ls::device const a = first.device(), b = second.device();
  ls::array<float> x = ls::full<float>(a, 100000, 1.0f);
  ls::array<float> y = ls::full<float>(b, 100000, 5.0f);
  CHECK_THROWS_WITH_AS((y = x + y), doctest::Contains("array::to(device)"), ls::device_error);
  for (int round = 0; round < 3; ++round) {
    y = y + x.to(b);
    x = x * 2.0f;  // after the copy has read x
  }
  CHECK(y.to_host() == std::vector<float>(100000, 12.0f));
}

TEST_CASE("one stream waits for what another has queued") {
  owned_stream const first, second;
  ls::device const a = first.device(), b = second.device();
  ls::array<float> x(a, ls::shape(100000));
  ls::array<float> shared = ls::adopt(b, x.data(), x.shape());  // the same memory, seen from the other stream
  x = 3.0f;
  b.wait(a.record());
  ls::array<float> const y = shared * 2.0f;
  a.wait(b.record());
  x = 4.0f;
  CHECK(y.to_host() == std::vector<float>(100000, 6.0f));
  CHECK(x.to_host()[7] == 4);
}

TEST_CASE("products on a caller's stream use a cuBLAS of their own") {
  owned_stream const mine;
  ls::array<float, 2> const m(mine.device(), ls::shape(2, 2), std::vector<float>{1, 2, 3, 4});
  ls::array<float, 2> const square = ls::matmul(m, m);
  CHECK(square.to_host() == std::vector<float>{7, 10, 15, 22});
}

// Run with --devices 2 by simulated.cmake.
TEST_CASE("two GPUs: arrays on each, copies between them, and errors that name both" * doctest::skip()) {
  ls::device const first = ls::device::gpu(0), second = ls::device::gpu(1);
  std::vector<float> const host = ls::test::random_values<float>(30000, 9);
  ls::array<float> x(first, host), y(second, host);
  x = x * 2.0f;
  y = y * 3.0f;
  std::vector<float> twice(host), thrice(host);
  for (float& v : twice) v *= 2;
  for (float& v : thrice) v *= 3;
  CHECK(x.to_host() == twice);
  CHECK(y.to_host() == thrice);
  CHECK(ls::sorted(y).device() == second);

  for (int round = 0; round < 2; ++round) {
    ls::array<float> moved = x.to(second);
    x = x + 0.0f;  // after the copy
    CHECK(moved.device() == second);
    moved = moved + 1.0f;
    CHECK(moved.to(first).to_host()[5] == twice[5] + 1.0f);
  }
  std::string text;
  try {
    y = x + y;
  } catch (ls::device_error const& e) {
    text = e.what();
  }
  CHECK(text.find("gpu:0") != std::string::npos);
  CHECK(text.find("gpu:1") != std::string::npos);
  CHECK(text.find("array::to(device)") != std::string::npos);
  CHECK(y.to_host() == thrice);
  CHECK_THROWS_AS(ls::select(x, y > 0.0f), ls::device_error);
  CHECK_THROWS_AS((ls::tie(x, y) = ls::fuse(x + 1.0f, x - 1.0f)), ls::device_error);
}

TEST_CASE("two GPUs: streams, graphs, pinned memory and products on the second" * doctest::skip()) {
  owned_stream const mine(1);
  CHECK_THROWS_WITH_AS(ls::device::gpu(0, mine.stream), doctest::Contains("gpu:1"), ls::device_error);
  for (ls::device const& gpu : {ls::device::gpu(1), mine.device()}) {
    ls::array<float> x(gpu, std::vector<float>{1, 2, 3, 4}), y(gpu, ls::shape(4));
    ls::pinned<float> memory(gpu, 4);
    ls::graph const twice = ls::capture(gpu, [&] {
      y = ls::inclusive_scan(x * 2.0f) + ls::sum(x);
      ls::copy_async(y, memory);
    });
    twice.launch();
    gpu.synchronize();
    CHECK(std::vector<float>(memory.begin(), memory.end()) == std::vector<float>{12, 16, 22, 30});
    ls::array<float, 2> const m(gpu, ls::shape(2, 2), std::vector<float>{1, 2, 3, 4}), square = ls::matmul(m, m);
    CHECK(square.to(ls::device::gpu(0)).to_host() == std::vector<float>{7, 10, 15, 22});
  }
  int current = -1;
  CHECK(cudaGetDevice(&current) == cudaSuccess);
  CHECK(current == 0);
}

}  // namespace cuda_streams_tests
