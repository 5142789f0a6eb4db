// Runs on: cpu
// Arrays and windows as mdspans, and back, against loops over the elements: std::mdspan where the standard
// library has it, cuda::std::mdspan where CMake finds the headers of CCCL.
#include <doctest/doctest.h>

#include <lockstep/interop/mdspan.hpp>
#include <lockstep/lockstep.hpp>
#if __has_include(<cuda/std/mdspan>)
#include <cuda/std/array>
#include <cuda/std/mdspan>
#else
#include <array>
#endif

#include "support/devices.hpp"
#include "support/values.hpp"

namespace mdspan_tests {

using lockstep::array, lockstep::device, lockstep::index, lockstep::shape;
using lockstep::test::contains, lockstep::test::for_each_device, lockstep::test::message_of;
using ints = std::vector<int>;

#if __has_include(<cuda/std/mdspan>)
namespace stl = cuda::std;
#elif defined(__cpp_lib_mdspan)
namespace stl = std;
#endif
#if __has_include(<cuda/std/mdspan>) || defined(__cpp_lib_mdspan)
using lockstep::as_mdspan, lockstep::from_mdspan;
template <class T, class Layout = stl::layout_right>
using matrix = stl::mdspan<T, stl::dextents<index, 2>, Layout>;

/// The element at some indices. (m[i, j] needs C++23, m(i, j) is CCCL's own.)
template <class M, class... Indices>
auto& at(M const& m, Indices... indices) {
  return m[stl::array<index, sizeof...(Indices)>{indices...}];
}

TEST_CASE("arrays and windows are mdspans over the same memory") {
  for_each_device([](device const& dev) {
    array<int, 2> a = lockstep::arange<int>(dev, 6).reshape(shape{2, 3});
    auto const m = as_mdspan<matrix<int>>(a);
    CHECK((m.extent(0) == 2 && m.extent(1) == 3 && m.data_handle() == a.data()));
    at(m, 1, 2) = 50;
    CHECK(a.to_host() == ints{0, 1, 2, 3, 4, 50});
    CHECK(at(as_mdspan<matrix<int const>>(std::as_const(a)), 1, 0) == 3);
    auto const turned = as_mdspan<matrix<int, stl::layout_stride>>(a.transpose());
    CHECK((turned.extent(0) == 3 && at(turned, 2, 1) == 50 && at(turned, 0, 1) == 3));
    CHECK(at(as_mdspan<matrix<int, stl::layout_left>>(a.transpose()), 2, 1) == 50);
    auto const part = as_mdspan<matrix<int, stl::layout_stride>>(a.slice({0, 1}, {2, 3}));
    CHECK((part.extent(1) == 2 && at(part, 1, 0) == 4));
    CHECK(at(as_mdspan<stl::mdspan<int, stl::extents<int, 2, 3>>>(a), 1, 1) == 4);
    array<float, 0> const value(dev, shape<0>(), std::vector<float>{7});
    CHECK(at(as_mdspan<stl::mdspan<float const, stl::extents<int>>>(value)) == 7);
  });
}

#if defined(__cpp_lib_mdspan)
TEST_CASE("as_mdspan without a type gives std::mdspan") {
  for_each_device([](device const& dev) {
    array<int, 2> a = lockstep::arange<int>(dev, 6).reshape(shape{2, 3});
    auto const m = as_mdspan(a);
    static_assert(std::is_same_v<decltype(m), std::mdspan<int, std::dextents<index, 2>> const>);
    CHECK((m.extent(1) == 3 && m.data_handle() == a.data()));
    auto const reading = as_mdspan(std::as_const(a));
    static_assert(std::is_same_v<decltype(reading)::element_type, int const>);
    auto const turned = as_mdspan(a.transpose());
    CHECK((turned.extent(0) == 3 && turned.stride(0) == 1 && turned.stride(1) == 3));
    CHECK(turned[std::array<index, 2>{2, 1}] == 5);
    CHECK(from_mdspan(dev, turned).to_host() == ints{0, 3, 1, 4, 2, 5});
  });
}
#endif

TEST_CASE("mdspans whose type does not fit are refused") {
  for_each_device([](device const& dev) {
    array<int, 2> a = lockstep::arange<int>(dev, 6).reshape(shape{2, 3});
    CHECK(message_of<lockstep::shape_error>([&] {
            static_cast<void>(as_mdspan<stl::mdspan<int, stl::extents<int, 2, 4>>>(a));
          }) == "as_mdspan: found the extent 3 along axis 1, expected the extent of the mdspan's type, 4");
    CHECK(contains(message_of<lockstep::shape_error>([&] { static_cast<void>(as_mdspan<matrix<int>>(a.transpose())); }),
                   "found the stride 1 along axis 0, expected 2 by the mdspan's layout; use layout_stride or a copy"));
    array<char, 2> const wide(dev, {1, 300});
    CHECK(contains(message_of<lockstep::shape_error>([&] {
                     static_cast<void>(as_mdspan<stl::mdspan<char const, stl::dextents<signed char, 2>>>(wide));
                   }),
                   "expected one that its index_type holds"));
  });
}

TEST_CASE("mdspans of any layout are copied into arrays") {
  for_each_device([](device const& dev) {
    ints memory{0, 1, 2, 3, 4, 5};
    matrix<int const, stl::layout_left> const columns(memory.data(), 2, 3);
    array<int, 2> const a = from_mdspan(dev, columns);
    CHECK((a.shape() == shape{2, 3} && a.device() == dev));
    CHECK(a.to_host() == ints{0, 2, 4, 1, 3, 5});
    CHECK(from_mdspan(matrix<int>(memory.data(), 2, 3)).to_host() == memory);
    CHECK(from_mdspan(dev, matrix<int>(memory.data(), 0, 3)).shape() == shape{0, 3});
  });
}
#endif

}  // namespace mdspan_tests
