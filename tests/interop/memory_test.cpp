// Runs on: cpu
// Arrays over foreign memory: nothing is copied, the deleter runs once and last; arrays' memory for others.
#include <doctest/doctest.h>

#include <array>
#include <lockstep/interop/memory.hpp>
#include <lockstep/lockstep.hpp>

#include "support/devices.hpp"
#include "support/values.hpp"

namespace ls = lockstep;
using lockstep::test::contains;
using lockstep::test::for_each_device;
using lockstep::test::message_of;

TEST_CASE("adopt: the array lies in the memory, and the deleter runs once, when the last owner is gone") {
  for_each_device([](ls::device const& dev) {
    std::vector<float> memory{1, 2, 3, 4, 5, 6};
    int deleted = 0;
    float* given_back = nullptr;
    {
      auto const deleter = [&](float* p) { ++deleted, given_back = p; };
      ls::array<float, 2> x = ls::adopt(dev, memory.data(), ls::shape{2, 3}, deleter);
      CHECK(x.data() == memory.data());
      x = x * 2.0f;  // writes into the memory
      CHECK(memory == std::vector<float>{2, 4, 6, 8, 10, 12});
      auto expression = x + 1.0f;
      auto window = x.slice({0, 1}, {2, 2});
      ls::array<float, 2> const copy = x;
      CHECK(copy.data() != x.data());
      ls::array<float, 2> moved = std::move(x);
      CHECK(moved.data() == memory.data());
      moved = ls::array<float, 2>();
      CHECK(deleted == 0);  // the expression and the window still need it
      window = -1.0f;
      CHECK(expression.to_host() == std::vector<float>{3, 0, 7, 9, 0, 13});
      CHECK(copy.to_host() == std::vector<float>{2, 4, 6, 8, 10, 12});
    }
    CHECK(deleted == 1);
    CHECK(given_back == memory.data());
  });
}

TEST_CASE("adopt: memory that the caller keeps, a share of ownership, a vector, a unique pointer") {
  for_each_device([](ls::device const& dev) {
    int kept[3] = {1, 2, 3};
    {
      ls::array<int> x = ls::adopt(dev, kept, ls::shape{3});
      x = x + 1;
    }
    CHECK(kept[2] == 4);
    auto const owned = std::make_shared<double>(5);
    ls::array<double, 0> scalar = ls::adopt(dev, owned, ls::shape<0>());
    CHECK(owned.use_count() == 2);
    CHECK(double(scalar) == 5);
    scalar = ls::array<double, 0>();
    CHECK(owned.use_count() == 1);
    std::vector<float> values(1000, 3);
    float* const place = values.data();
    ls::array<float> x = ls::adopt(dev, std::move(values));
    CHECK(x.data() == place);
    CHECK(float(ls::sum(x)) == 3000);
    ls::array<float, 2> y = ls::adopt(dev, std::vector<float>{1, 2}, ls::shape{1, 2});
    CHECK(y.shape() == ls::shape{1, 2});
    auto unique = std::make_unique<int[]>(4);
    int* const first = unique.get();
    ls::array<int> z = ls::adopt(dev, first, ls::shape{4}, [owner = std::move(unique)](int*) {});
    CHECK(int(ls::sum(z)) == 0);
  });
}

TEST_CASE("adopt: memory of any alignment gives the same results in every kind of loop") {
  for_each_device([](ls::device const& dev) {
    std::size_t const n = (std::size_t{1} << 20) + 3;
    std::vector<float> const values = ls::test::random_values<float>(n, 11);
    std::vector<float> room(n + 1), target(n + 1);
    std::copy(values.begin(), values.end(), room.begin() + 1);
    ls::array<float> x = ls::adopt(dev, room.data() + 1, ls::shape<1>(n)), own(dev, values);
    ls::array<float> y = ls::adopt(dev, target.data() + 1, ls::shape<1>(n)), expected(dev, n);
    y = x * 2.0f + 1.0f, expected = own * 2.0f + 1.0f;
    CHECK(ls::test::difference(y.to_host(), expected.to_host()) == "");
    y = ls::inclusive_scan(x), expected = ls::inclusive_scan(own);
    CHECK(ls::test::difference(y.to_host(), expected.to_host()) == "");
    CHECK(float(ls::sum(x)) == float(ls::sum(own)));
    CHECK(ls::test::difference(ls::select(x, x > 0.0f).to_host(), ls::select(own, own > 0.0f).to_host()) == "");
    ls::sort(x), ls::sort(own);
    CHECK(ls::test::difference(x.to_host(), own.to_host()) == "");
    CHECK(room[0] == 0);
    CHECK(target[0] == 0);
  });
}

TEST_CASE("adopt: what cannot be adopted stays the caller's") {
  ls::device const dev = ls::default_device();
  int deleted = 0;
  auto const deleter = [&](float*) { ++deleted; };
  alignas(8) float memory[2] = {};
  CHECK(message_of<ls::error>([&] { ls::adopt(dev, static_cast<float*>(nullptr), ls::shape{2}, deleter); }) ==
        "found a null pointer, expected 8 bytes of memory for the array");
  auto* const odd = reinterpret_cast<float*>(reinterpret_cast<char*>(memory) + 1);
  CHECK(contains(message_of<ls::error>([&] { ls::adopt(dev, odd, ls::shape{1}, deleter); }), "not aligned to 4 bytes"));
  CHECK_THROWS_AS(ls::adopt(ls::device(), memory, ls::shape{2}, deleter), ls::device_error);
  ls::shape<2> negative;
  negative[1] = -1;
  CHECK_THROWS_AS(ls::adopt(dev, memory, negative, deleter), ls::shape_error);
  ls::index const huge = ls::index{1} << 62;
  CHECK_THROWS_AS(ls::adopt(dev, memory, ls::shape{huge, huge}, deleter), ls::out_of_memory);
  std::vector<float> values{1, 2, 3};
  CHECK(message_of<ls::shape_error>([&] { ls::adopt(dev, std::move(values), ls::shape{2}); }) ==
        "adopt: found 3 values for the shape (2,), expected 2");
  CHECK(values.size() == 3);
  CHECK(deleted == 0);
  ls::adopt(dev, static_cast<float*>(nullptr), ls::shape{0, 5}, deleter);  // no elements need no memory
  CHECK(deleted == 1);
}

TEST_CASE("lend and as_span: an array's memory for others") {
  for_each_device([](ls::device const& dev) {
    std::shared_ptr<float> lent;
    std::shared_ptr<float const> read;
    {
      ls::array<float> x(dev, {1, 2, 3});
      ls::array<float> const& same = x;
      lent = ls::lend(x);
      read = ls::lend(same);
      CHECK(lent.get() == x.data());
      std::span<float> const elements = ls::as_span(x);
      elements[1] = 7;
      CHECK(ls::as_span(same).size() == 3);
      CHECK(x.to_host() == std::vector<float>{1, 7, 3});
    }
    CHECK(lent.get()[1] == 7);  // the array is gone, its memory is not
    ls::array<float> again = ls::adopt(dev, lent, ls::shape{3});
    CHECK(float(ls::sum(again)) == 11);
    CHECK(read.get() == again.data());
  });
  ls::array<float> none;
  CHECK_THROWS_AS(ls::lend(none), ls::device_error);
  CHECK_THROWS_AS(ls::as_span(none), ls::device_error);
}

TEST_CASE("array: constructed from a span, std::array, a raw pointer, a C array") {
  for_each_device([](ls::device const& dev) {
    std::array<int, 3> const three{1, 2, 3};
    int const four[4] = {1, 2, 3, 4};
    std::vector<int> const values{5, 6};
    CHECK(ls::array<int>(dev, three).to_host() == std::vector<int>{1, 2, 3});
    CHECK(ls::array<int>(dev, std::span(four)).to_host() == std::vector<int>{1, 2, 3, 4});
    CHECK(ls::array<int>(dev, four).to_host() == std::vector<int>{1, 2, 3, 4});
    CHECK(ls::array<int>(dev, std::span<int const>(four, 2)).to_host() == std::vector<int>{1, 2});
    CHECK(ls::array<int>(dev, values).to_host() == values);
    CHECK(ls::array<int, 2>(dev, {2, 2}, four).to_host() == std::vector<int>{1, 2, 3, 4});
    CHECK(ls::array<int>(dev, std::span<int const>()).empty());
  });
}
