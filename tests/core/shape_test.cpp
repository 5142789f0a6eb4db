// shape: extents, sizes, strides, equality, printing, and the error for a negative extent.
#include <doctest/doctest.h>

#include <cstdint>
#include <lockstep/core/shape.hpp>
#include <string>
#include <type_traits>

namespace ls = lockstep;

TEST_CASE("a shape knows its rank, extents and size") {
  ls::shape const volume(300, 401, 7u);
  static_assert(volume.rank() == 3);
  static_assert(std::is_same_v<decltype(volume), ls::shape<3> const>);
  CHECK(volume[0] == 300);
  CHECK(volume[1] == 401);
  CHECK(volume[2] == 7);
  CHECK(volume.size() == 300u * 401u * 7u);
}

TEST_CASE("rank 0 has one element, and an empty axis makes an empty shape") {
  CHECK(ls::shape<0>{}.size() == 1);
  CHECK(ls::shape<2>{}.size() == 0);
  CHECK(ls::shape(5, 0, 3).size() == 0);
}

TEST_CASE("sizes beyond 32 bits are right") {
  CHECK(ls::shape(std::int64_t{1} << 20, 1 << 20).size() == std::size_t{1} << 40);
  CHECK(ls::shape(3'000'000'000u).size() == 3'000'000'000u);
}

TEST_CASE("shapes are equal when every extent is") {
  CHECK(ls::shape(2, 3) == ls::shape(2, 3));
  CHECK(ls::shape(2, 3) != ls::shape(3, 2));
  CHECK(ls::shape(2, 3) != ls::shape(2, 4));
  CHECK(ls::shape<0>{} == ls::shape<0>{});
}

TEST_CASE("a shape is a constant expression") {
  static_assert(ls::shape{10}.size() == 10);
  static_assert(ls::shape(4, 5) == ls::shape(4, 5));
  static_assert(ls::row_major_strides(ls::shape(4, 5, 6)) == ls::shape(30, 6, 1));
  CHECK(true);
}

TEST_CASE("row-major strides: the last axis is contiguous, an axis steps over all behind it") {
  ls::shape const extents(4, 5, 6);
  ls::shape const strides = ls::row_major_strides(extents);
  ls::index position = 0;
  for (ls::index i = 0; i < 4; ++i)
    for (ls::index j = 0; j < 5; ++j)
      for (ls::index k = 0; k < 6; ++k) CHECK(i * strides[0] + j * strides[1] + k * strides[2] == position++);
}

TEST_CASE("a shape prints as Python prints a tuple") {
  CHECK(to_string(ls::shape<0>{}) == "()");
  CHECK(to_string(ls::shape(7)) == "(7,)");
  CHECK(to_string(ls::shape(300, 401)) == "(300, 401)");
}

TEST_CASE("a negative extent is refused and named") {
  CHECK_THROWS_AS(ls::shape(3, -4), ls::shape_error);
  CHECK_THROWS_WITH(ls::shape(3, -4), "shape: found the extent -4, expected at least 0");
}
