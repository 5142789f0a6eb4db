// Memory of a GPU for others and from others: adopt and lend, DLPack, Thrust's algorithms, cuda::std::mdspan in
// kernels.
#include <doctest/doctest.h>

// g++ 12 sees an uninitialized variable inside of Thrust's scan, where there is none.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

#include <thrust/execution_policy.h>
#include <thrust/functional.h>
#include <thrust/inner_product.h>
#include <thrust/reduce.h>
#include <thrust/scan.h>
#include <thrust/sort.h>
#include <cuda/std/mdspan>
#include <lockstep/interop/dlpack.hpp>
#include <lockstep/interop/iterator.hpp>
#include <lockstep/interop/mdspan.hpp>
#include <lockstep/interop/memory.hpp>
#include <lockstep/lockstep.hpp>

#include <algorithm>
#include <numeric>

#include "support/values.hpp"

namespace interop_tests {

namespace ls = lockstep;
namespace dl = lockstep::dlpack;
using ls::test::contains, ls::test::difference, ls::test::message_of, ls::test::random_values;

/// Memory of the GPU that somebody else asked for: the numbers 0, 1, 2, ...
float* foreign_memory(std::size_t n) {
  std::vector<float> values(n);
  std::iota(values.begin(), values.end(), 0.0f);
  void* memory = nullptr;
  REQUIRE(cudaMalloc(&memory, n * sizeof(float)) == cudaSuccess);
  REQUIRE(cudaMemcpy(memory, values.data(), n * sizeof(float), cudaMemcpyHostToDevice) == cudaSuccess);
  return static_cast<float*>(memory);
}

std::vector<float> copied(float const* memory, std::size_t n) {
  std::vector<float> values(n);
  REQUIRE(cudaMemcpy(values.data(), memory, n * sizeof(float), cudaMemcpyDeviceToHost) == cudaSuccess);
  return values;
}

TEST_CASE("adopt: memory of a GPU is read and written in place, and given back once, after the GPU's work") {
  ls::device const gpu = ls::device::gpu(0);
  float* const memory = foreign_memory(6);
  int deleted = 0;
  {
    ls::array<float, 2> x = ls::adopt(gpu, memory, ls::shape{2, 3}, [&](float* p) {
      ++deleted;
      CHECK(copied(p, 6) == std::vector<float>{1, 3, 5, 7, 9, 11});  // what was queued has been done
      CHECK(cudaFree(p) == cudaSuccess);
    });
    CHECK(x.data() == memory);
    x = x * 2.0f + 1.0f;
    auto const kept = x + 0.0f;
    x = ls::array<float, 2>();
    CHECK(deleted == 0);
  }
  CHECK(deleted == 1);
  CHECK(contains(message_of<ls::device_error>([&] {
                   ls::adopt(gpu, std::vector<float>{1, 2});
                 }),
                 "memory of the host"));
}

TEST_CASE("lend: the memory of an array on a GPU outlives it; as_span is for CPU devices") {
  ls::device const gpu = ls::device::gpu(0);
  ls::array<float> x = ls::arange<float>(gpu, 5);
  CHECK_THROWS_AS(static_cast<void>(ls::as_span(x)), ls::device_error);
  CHECK_THROWS_AS(static_cast<void>(begin(x)), ls::device_error);
  std::shared_ptr<float> const lent = ls::lend(x);
  x = ls::array<float>();
  gpu.synchronize();
  CHECK(copied(lent.get(), 5) == std::vector<float>{0, 1, 2, 3, 4});
}

TEST_CASE("to_dlpack: a tensor on the GPU, whose elements are written when it is given") {
  ls::device const gpu = ls::device::gpu(0);
  dl::managed_tensor* given = nullptr;
  std::weak_ptr<float> memory;
  {
    ls::array<float, 2> owned = ls::arange<float>(gpu, 6).reshape(ls::shape{2, 3});
    std::shared_ptr<float> const lent = ls::lend(owned);
    memory = lent;
    ls::array<float, 2> x = ls::adopt(gpu, lent, owned.shape());
    x = x + 1.0f;
    given = ls::to_dlpack(x);
    CHECK(given->dl_tensor.data == x.data());
  }
  dl::tensor const& t = given->dl_tensor;
  CHECK(t.device.device_type == 2);  // kDLCUDA
  CHECK(t.device.device_id == 0);
  CHECK((t.ndim == 2 && t.shape[0] == 2 && t.shape[1] == 3 && t.strides[0] == 3 && t.strides[1] == 1));
  CHECK(copied(static_cast<float*>(t.data), 6) == std::vector<float>{1, 2, 3, 4, 5, 6});
  {
    ls::array<float, 2> back = ls::from_dlpack<float, 2>(given);  // on the device that the tensor says
    CHECK((back.device() == gpu && back.data() == t.data));
    back = back * 2.0f;
    CHECK(!memory.expired());
    CHECK(back.to_host() == std::vector<float>{2, 4, 6, 8, 10, 12});
  }
  CHECK(memory.expired());
}

TEST_CASE("from_dlpack: another library's tensor on a GPU") {
  ls::device const gpu = ls::device::gpu(0);
  float* const memory = foreign_memory(7);
  std::int64_t extents[2] = {2, 3};
  int deleted = 0;
  dl::managed_tensor_versioned given{};
  given.version.major = 1;
  given.manager_ctx = &deleted;
  given.deleter = [](dl::managed_tensor_versioned* self) { ++*static_cast<int*>(self->manager_ctx); };
  dl::tensor& t = given.dl_tensor;
  t.data = memory, t.device.device_type = 2, t.ndim = 2, t.shape = extents, t.byte_offset = sizeof(float);
  t.dtype.code = 2, t.dtype.bits = 32, t.dtype.lanes = 1;
  CHECK(contains(message_of<ls::device_error>([&] { ls::from_dlpack<float, 2>(&given, ls::device::cpu(1)); }),
                 "found a tensor on gpu:0, expected one on cpu:1"));
  CHECK(deleted == 0);
  {
    ls::array<float, 2> x = ls::from_dlpack<float, 2>(&given, gpu);
    CHECK(float(ls::sum(x)) == 1 + 2 + 3 + 4 + 5 + 6);
    x = -x;
  }
  CHECK(deleted == 1);
  CHECK(copied(memory, 7) == std::vector<float>{0, -1, -2, -3, -4, -5, -6});
  CHECK(cudaFree(memory) == cudaSuccess);
}

TEST_CASE("Thrust reads expressions on a GPU, and sorts an array in place") {
  ls::device const gpu = ls::device::gpu(0);
  for (std::size_t n : {1, 1000, 5001}) {
    INFO("n ", n);
    std::vector<int> const x = random_values<int>(n, 1), y = random_values<int>(n, 2);
    ls::array<int> const a(gpu, x), b(gpu, y);
    int expected = 0, product = 0;
    std::vector<int> sums(n);
    for (std::size_t i = 0; i < n; ++i) {
      expected += x[i] * 2 - y[i];
      product += (x[i] * 2 - y[i]) * y[n - 1 - i];
      sums[i] = expected;
    }
    auto const values = ls::range_of(a * 2 - b);
    auto const turned = ls::range_of(ls::reverse(b));
    CHECK(thrust::reduce(thrust::device, values.begin(), values.end()) == expected);
    CHECK(thrust::inner_product(thrust::device, values.begin(), values.end(), turned.begin(), 0) == product);
    ls::array<int> out = ls::zeros<int>(gpu, n);
    gpu.synchronize();  // Thrust's stream does not wait for the device's
    thrust::inclusive_scan(thrust::device, values.begin(), values.end(), out.data());
    REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
    CHECK(difference(out.to_host(), sums) == "");
    thrust::sort(thrust::device, out.data(), out.data() + n, thrust::greater<int>());
    REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
    std::sort(sums.rbegin(), sums.rend());
    CHECK(difference(out.to_host(), sums) == "");
  }
}

TEST_CASE("Thrust reads what an expression needs first, and rows of a transposed matrix") {
  ls::device const gpu = ls::device::gpu(0);
  ls::array<float, 2> const m(gpu, {2, 3}, std::vector<float>{1, 2, 3, 4, 5, 1});
  auto const parts = ls::range_of(m.transpose() / ls::sum(m));
  CHECK(parts.size() == 6);
  ls::array<float> out(gpu, 6);
  gpu.synchronize();
  thrust::copy(thrust::device, parts.begin(), parts.end(), out.data());
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  CHECK(out.to_host() == std::vector<float>{1 / 16.0f, 4 / 16.0f, 2 / 16.0f, 5 / 16.0f, 3 / 16.0f, 1 / 16.0f});
}

using matrix = cuda::std::mdspan<int, cuda::std::dextents<ls::index, 2>, cuda::std::layout_stride>;

struct add_place {
  LOCKSTEP_FN void operator()(ls::index i, ls::index j, matrix m) const { m(i, j) += static_cast<int>(10 * i + j); }
};

TEST_CASE("an mdspan shows a window on a GPU to a kernel") {
  ls::device const gpu = ls::device::gpu(0);
  ls::array<int, 2> a = ls::zeros<int>(gpu, ls::shape{3, 4});
  auto const part = ls::as_mdspan<matrix>(a.slice({1, 1}, {3, 4}).transpose());
  CHECK((part.extent(0) == 3 && part.extent(1) == 2 && part.stride(0) == 1 && part.stride(1) == 4));
  ls::launch(gpu, ls::elements(3, 2), add_place{}, part);
  CHECK(a.to_host() == std::vector<int>{0, 0, 0, 0, 0, 0, 10, 20, 0, 1, 11, 21});
  std::vector<int> memory{0, 1, 2, 3, 4, 5};
  using columns = cuda::std::mdspan<int const, cuda::std::dextents<int, 2>, cuda::std::layout_left>;
  CHECK(ls::from_mdspan(gpu, columns(memory.data(), 2, 3)).to_host() == std::vector<int>{0, 2, 4, 1, 3, 5});
}

}  // namespace interop_tests
