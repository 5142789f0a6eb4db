// Runs on: cpu, cuda
// Covers: map: neighbor; types: integers float double
// Broadcasting, indices, columns, neighbors and views of expressions, against plain loops; what is said of shapes that
// do not fit; lifetimes.
#include <doctest/doctest.h>

#include <array>
#include <lockstep/lockstep.hpp>
#include <optional>

#include "support/devices.hpp"
#include "support/values.hpp"

namespace views_tests {

using lockstep::array, lockstep::axis, lockstep::boundary, lockstep::device, lockstep::index, lockstep::indices,
    lockstep::neighbor, lockstep::shape;
using lockstep::test::contains, lockstep::test::difference, lockstep::test::for_each_device, lockstep::test::message_of,
    lockstep::test::random_values;
using ints = std::vector<int>;

/// An array and its values on the host: the oracle reads them by coordinates.
template <std::size_t Rank>
struct sample {
  shape<Rank> extents;
  ints host;
  array<int, Rank> on;

  sample(device const& dev, shape<Rank> const& s, std::uint64_t seed = 1)
      : extents(s), host(random_values<int>(s.size(), seed, -99, 99)), on(dev, s, host) {}
  int at(shape<Rank> const& c) const {
    index at = 0;
    for (std::size_t a = 0; a < Rank; ++a) at = at * extents[a] + (extents[a] == 1 ? 0 : c[a]);
    return host[static_cast<std::size_t>(at)];
  }
};

/// f(coordinates) for every index of a shape.
template <std::size_t Rank, class F>
ints table(shape<Rank> const& extents, F&& f) {
  ints values;
  shape<Rank> c;
  for (std::size_t i = 0; i < extents.size(); ++i) {
    values.push_back(static_cast<int>(f(c)));
    for (std::size_t a = Rank; a-- > 0;) {
      if (++c[a] < extents[a]) break;
      c[a] = 0;
    }
  }
  return values;
}

/// What lies at x + offset along one axis of extent n; false when that is a zero.
bool moved(index& x, index offset, index n, boundary outside) {
  x += offset;
  if (x >= 0 && x < n) return true;
  if (outside == boundary::zero) return false;
  while (outside == boundary::wrap && x < 0) x += n;
  while (outside == boundary::wrap && x >= n) x -= n;
  if (outside == boundary::clamp) x = x < 0 ? 0 : n - 1;
  return true;
}
template <std::size_t Rank>
int neighbor_of(sample<Rank> const& s, shape<Rank> c, std::array<index, Rank> const& offset, boundary outside) {
  bool inside = true;
  for (std::size_t a = 0; a < Rank; ++a) inside = moved(c[a], offset[a], s.extents[a], outside) && inside;
  return inside ? s.at(c) : 0;
}
boundary const boundaries[] = {boundary::zero, boundary::clamp, boundary::wrap};

TEST_CASE("shapes broadcast by NumPy's rule") {
  for_each_device([](device const& dev) {
    sample<2> const m(dev, {5, 70}), row(dev, {1, 70}, 2), col(dev, {5, 1}, 3), one(dev, {1, 1}, 4);
    sample<1> const v(dev, {70}, 5), single(dev, {1}, 6);
    shape const full{5, 70};
    CHECK(difference((m.on + row.on).to_host(), table(full, [&](auto c) { return m.at(c) + row.at(c); })) == "");
    CHECK(difference((m.on - col.on).to_host(), table(full, [&](auto c) { return m.at(c) - col.at(c); })) == "");
    CHECK(difference((row.on * col.on).to_host(), table(full, [&](auto c) { return row.at(c) * col.at(c); })) == "");
    CHECK(difference((one.on - m.on).to_host(), table(full, [&](auto c) { return one.at(c) - m.at(c); })) == "");
    CHECK(difference((m.on - v.on).to_host(), table(full, [&](auto c) { return m.at(c) - v.at({c[1]}); })) == "");
    CHECK(difference((single.on - m.on).to_host(), table(full, [&](auto c) { return single.at({0}) - m.at(c); })) ==
          "");
    CHECK((one.on + single.on).shape() == shape{1, 1});
    CHECK((row.on + col.on + one.on).shape() == full);
  });
}

TEST_CASE("shapes of three and four axes broadcast") {
  for_each_device([](device const& dev) {
    sample<3> const a(dev, {4, 1, 6});
    sample<2> const b(dev, {5, 1}, 2);
    sample<4> const w(dev, {2, 1, 3, 1}), u(dev, {1, 4, 1, 5}, 3);
    CHECK(difference((a.on - b.on).to_host(), table(shape{4, 5, 6}, [&](auto c) {
                       return a.at(c) - b.at({c[1], c[2]});
                     })) == "");
    CHECK(difference((w.on * u.on).to_host(), table(shape{2, 4, 3, 5}, [&](auto c) { return w.at(c) * u.at(c); })) ==
          "");
    CHECK((w.on + b.on.slice({0, 0}, {1, 1})).shape() == shape{2, 1, 3, 1});
  });
}

TEST_CASE("axes of no extent broadcast with 1 and with themselves only") {
  for_each_device([](device const& dev) {
    array<int, 2> const none(dev, {0, 3}), row(dev, {1, 3});
    CHECK((none + row).shape() == shape{0, 3});
    CHECK((none + row).to_host().empty());
    CHECK((none + none.slice({0, 0}, {0, 1})).shape() == shape{0, 3});
    CHECK_THROWS_AS(static_cast<void>(none + array<int, 2>(dev, {2, 3})), lockstep::shape_error);
  });
}

TEST_CASE("shapes that do not fit are named, and the expression with them") {
  for_each_device([](device const& dev) {
    array<float> const a(dev, 4), b(dev, 3);
    array<int, 2> const m(dev, {4, 5});
    std::string const text = message_of<lockstep::shape_error>([&] { static_cast<void>(a * 2.0f + b); });
    for (char const* part : {"(4,)", "(3,)", "((float[4] * 2.000000) + float[3])"}) CHECK(contains(text, part));
    std::string const columns = message_of<lockstep::shape_error>([&] { static_cast<void>(exp(a) - m); });
    for (char const* part : {"(4,)", "(4, 5)", "exp(float[4])", "int32[4, 5]"}) CHECK(contains(columns, part));
    CHECK_THROWS_AS(static_cast<void>(where(a > 0.0f, a, b)), lockstep::shape_error);
    CHECK_THROWS_AS(static_cast<void>(m + m.transpose()), lockstep::shape_error);
  });
}

TEST_CASE("indices count along an axis of the whole index space, or of their own") {
  for_each_device([](device const& dev) {
    array<int, 2> m = lockstep::zeros<int>(dev, shape{3, 70});
    shape const s{3, 70};
    CHECK(difference((m + indices(axis(0))).to_host(), table(s, [](auto c) { return c[0]; })) == "");
    CHECK(difference((indices(axis(1)) + m).to_host(), table(s, [](auto c) { return c[1]; })) == "");
    m = 100 * indices(axis(0)) + indices(axis(1));
    CHECK(difference(m.to_host(), table(s, [](auto c) { return 100 * c[0] + c[1]; })) == "");
    CHECK(difference(indices(s, axis(1)).to_host(), table(s, [](auto c) { return c[1]; })) == "");
    CHECK(indices(shape{4}).to_host() == std::vector<index>{0, 1, 2, 3});
    CHECK(indices(shape{4}).slice(1, 3).to_host() == std::vector<index>{1, 2});
  });
}

TEST_CASE("indices of a shape broadcast as an array of that shape does") {
  for_each_device([](device const& dev) {
    sample<2> const m(dev, {3, 70});
    CHECK(difference((m.on + indices(shape{70})).to_host(), table(m.extents, [&](auto c) { return m.at(c) + c[1]; })) ==
          "");
    CHECK(difference((m.on + indices(shape{1})).to_host(), m.host) == "");
    CHECK(difference((m.on + indices(shape{3, 1})).to_host(),
                     table(m.extents, [&](auto c) { return m.at(c) + c[0]; })) == "");
    CHECK(difference((m.on + indices(shape{1, 70}, axis(1))).to_host(),
                     table(m.extents, [&](auto c) { return m.at(c) + c[1]; })) == "");
    CHECK(index(lockstep::sum(indices(shape{3, 1}) * indices(shape{1, 70}, axis(1)))) == 3 * (69 * 70 / 2));
  });
}

TEST_CASE("indices along an axis that is not there are refused") {
  for_each_device([](device const& dev) {
    array<int> x = lockstep::arange<int>(dev, 3);
    CHECK(contains(message_of<lockstep::shape_error>([&] { x = x + indices(axis(1)); }), "axis 1"));
    CHECK_THROWS_AS(static_cast<void>(indices(shape{3}, axis(1))), lockstep::shape_error);
    CHECK(x.to_host() == ints{0, 1, 2});
  });
}

TEST_CASE("a column broadcasts along rows") {
  for_each_device([](device const& dev) {
    sample<2> const m(dev, {5, 70});
    sample<1> const v(dev, {5}, 2), single(dev, {1}, 3);
    CHECK(lockstep::column(v.on).shape() == shape{5, 1});
    CHECK(difference(lockstep::column(v.on).to_host(), v.host) == "");
    CHECK(difference((m.on - lockstep::column(v.on * 2)).to_host(),
                     table(m.extents, [&](auto c) { return m.at(c) - 2 * v.at({c[0]}); })) == "");
    CHECK(difference((m.on - lockstep::column(single.on)).to_host(),
                     table(m.extents, [&](auto c) { return m.at(c) - single.at({0}); })) == "");
    sample<3> const cube(dev, {2, 5, 3}, 4);
    CHECK(difference((cube.on - lockstep::column(v.on)).to_host(),
                     table(cube.extents, [&](auto c) { return cube.at(c) - v.at({c[1]}); })) == "");
  });
}

TEST_CASE("neighbors in one axis, with every boundary and offsets beyond the extent") {
  for_each_device([](device const& dev) {
    for (index n : {1, 2, 5, 1030}) {
      sample<1> const x(dev, {n});
      for (index offset : {0, 1, -1, 3, -4, 1029, -1030, 5000, -5000})
        for (boundary outside : boundaries) {
          INFO("n ", n, ", offset ", offset, ", boundary ", static_cast<int>(outside));
          CHECK(difference(neighbor(x.on, offset, outside).to_host(),
                           table(x.extents, [&](auto c) { return neighbor_of(x, c, {offset}, outside); })) == "");
        }
    }
    array<int> const none(dev, 0);
    for (boundary outside : boundaries) CHECK(neighbor(none, 1, outside).to_host().empty());
  });
}

TEST_CASE("neighbors in two and three axes") {
  for_each_device([](device const& dev) {
    sample<2> const m(dev, {7, 33});
    for (boundary outside : boundaries)
      for (std::pair<index, index> const& by :
           std::vector<std::pair<index, index>>{{0, 1}, {-1, 0}, {2, -3}, {-9, 40}, {7, 33}})
        CHECK(
            difference((m.on - neighbor(m.on, {by.first, by.second}, outside)).to_host(), table(m.extents, [&](auto c) {
                         return m.at(c) - neighbor_of(m, c, {by.first, by.second}, outside);
                       })) == "");
    sample<3> const cube(dev, {3, 4, 9});
    for (boundary outside : boundaries)
      CHECK(difference(neighbor(cube.on, {-1, 2, -4}, outside).to_host(), table(cube.extents, [&](auto c) {
                         return neighbor_of(cube, c, {-1, 2, -4}, outside);
                       })) == "");
  });
}

TEST_CASE("stencils of whole rows, of parts of rows and into windows") {
  for_each_device([](device const& dev) {
    for (shape<3> const& extents : {shape{3, 5, 70}, shape{40, 33, 37}, shape{2, 20000, 1}, shape{1, 2, 20001}}) {
      sample<3> const x(dev, extents);
      sample<2> const plane(dev, {extents[1], extents[2]}, 2);
      for (boundary outside : boundaries) {
        auto const e = 2 * x.on - neighbor(x.on, {-1, 0, 2}, outside) + 3 * neighbor(x.on, {0, 1, -3}, outside) -
                       neighbor(x.on, {1, -2, 0}, outside) * neighbor(plane.on, {-1, 1}, outside);
        auto const expected = table(extents, [&](shape<3> c) {
          auto const near = [&](index i, index j, index k) { return neighbor_of(x, c, {i, j, k}, outside); };
          return 2 * x.at(c) - near(-1, 0, 2) + 3 * near(0, 1, -3) -
                 near(1, -2, 0) * neighbor_of(plane, {c[1], c[2]}, {-1, 1}, outside);
        });
        INFO("extents ", lockstep::to_string(extents), ", boundary ", static_cast<int>(outside));
        array<int, 3> y(dev, extents), wide(dev, shape{extents[0] + 1, extents[1] + 2, extents[2] + 3}),
            turned(dev, shape{extents[2], extents[1], extents[0]});
        y = e;
        CHECK(difference(y.to_host(), expected) == "");
        auto const inner = wide.slice({1, 1, 2}, {extents[0] + 1, extents[1] + 1, extents[2] + 2});
        inner = e;
        CHECK(difference(inner.to_host(), expected) == "");
        turned.transpose() = e;
        CHECK(difference(turned.transpose().to_host(), expected) == "");
      }
    }
  });
}

TEST_CASE("stencils of floating numbers, whose rows are read as one") {
  for_each_device([](device const& dev) {
    for (shape<3> const s : {shape{4, 9, 3}, shape{3, 5, 4}, shape{2, 130, 17}, shape{3, 40, 64}, shape{1, 20, 1000}})
      for (boundary outside : {boundary::clamp, boundary::wrap, boundary::zero}) {
        sample<3> const x(dev, s, 1), y(dev, s, 2);
        sample<2> const plane(dev, {s[1], s[2]}, 3);
        array<float, 3> const fx = lockstep::cast<float>(x.on);
        array<float, 2> const fp = lockstep::cast<float>(plane.on);
        array<float, 3> fy = lockstep::cast<float>(y.on), found = fx;
        auto const near = [&](shape<3> const& c, index i, index j, index k) {
          return neighbor_of(x, c, {i, j, k}, outside);
        };
        found = fx * 2 - neighbor(fx, {0, 1, -2}, outside) + neighbor(fx, {-1, 0, 1}, outside) * fp;
        auto const expected = table(s, [&](auto c) {
          return x.at(c) * 2 - near(c, 0, 1, -2) + near(c, -1, 0, 1) * plane.at({c[1], c[2]});
        });
        CHECK(difference(found.to_host(), expected) == "");
        fy = fy * 3 - neighbor(fx, {1, -1, 1}, outside);  // reads what it writes
        CHECK(difference(fy.to_host(), table(s, [&](auto c) { return y.at(c) * 3 - near(c, 1, -1, 1); })) == "");
      }
  });
}

TEST_CASE("a stencil that is written past the caches") {
  device const dev = lockstep::test::devices().back();
  sample<2> const x(dev, {2100, 3001});
  for (boundary outside : boundaries)
    CHECK(difference((neighbor(x.on, {1, -1}, outside) - x.on).to_host(), table(x.extents, [&](auto c) {
                       return neighbor_of(x, c, {1, -1}, outside) - x.at(c);
                     })) == "");
}

TEST_CASE("neighbors of neighbors: each boundary is its own") {
  for_each_device([](device const& dev) {
    sample<2> const m(dev, {6, 70});
    auto const inner = [&](shape<2> c) { return neighbor_of(m, c, {1, -2}, boundary::zero); };
    auto const outer = [&](shape<2> c, boundary outside) {
      bool const row = moved(c[0], -3, 6, outside), column = moved(c[1], 4, 70, outside);  // both move their coordinate
      bool const inside = row && column;
      return inside ? inner(c) : 0;
    };
    for (boundary outside : boundaries)
      CHECK(difference(neighbor(neighbor(m.on, {1, -2}, boundary::zero), {-3, 4}, outside).to_host(),
                       table(m.extents, [&](auto c) { return outer(c, outside); })) == "");
  });
}

TEST_CASE("neighbors of broadcast expressions and of indices") {
  for_each_device([](device const& dev) {
    sample<1> const v(dev, {40}), w(dev, {6}, 2);
    auto const at = [&](index i, index j) { return v.at({j}) * w.at({i}); };
    CHECK(difference(neighbor(v.on * lockstep::column(w.on), {1, -1}, boundary::clamp).to_host(),
                     table(shape{6, 40}, [&](auto c) {
                       return at(std::min<index>(c[0] + 1, 5), std::max<index>(c[1] - 1, 0));
                     })) == "");
    CHECK(difference((v.on.broadcast_to(shape{6, 40}) - neighbor(v.on, 1, boundary::zero)).to_host(),
                     table(shape{6, 40},
                           [&](auto c) { return v.at({c[1]}) - neighbor_of(v, {c[1]}, {1}, boundary::zero); })) == "");
    CHECK(neighbor(indices(shape{5}), 2, boundary::wrap).to_host() == std::vector<index>{2, 3, 4, 0, 1});
    CHECK(difference(neighbor(v.on + indices(), -1, boundary::wrap).to_host(),
                     table(v.extents, [&](auto c) { return v.at({(c[0] + 39) % 40}) + (c[0] + 39) % 40; })) == "");
  });
}

TEST_CASE("views of expressions, and views of those") {
  for_each_device([](device const& dev) {
    sample<2> const m(dev, {6, 70});
    auto const e = m.on * 2 + indices(axis(1));
    auto const at = [&](index i, index j) { return 2 * m.at({i, j}) + j; };
    CHECK(difference(e.slice({1, 3}, {5, 68}).to_host(),
                     table(shape{4, 65}, [&](auto c) { return at(c[0] + 1, c[1] + 3); })) == "");
    CHECK(difference(e.transpose().to_host(), table(shape{70, 6}, [&](auto c) { return at(c[1], c[0]); })) == "");
    CHECK(difference(e.slice({1, 3}, {5, 68}).transpose().slice({2, 0}, {60, 3}).to_host(),
                     table(shape{58, 3}, [&](auto c) { return at(c[1] + 1, c[0] + 5); })) == "");
    CHECK(difference(e.reshape(shape{420}).to_host(),
                     table(shape{420}, [&](auto c) { return at(c[0] / 70, c[0] % 70); })) == "");
    CHECK(difference((e.reshape(shape{3, 4, 35}) + m.on.reshape(shape{12, 35}).slice({0, 0}, {4, 35})).to_host(),
                     table(shape{3, 4, 35}, [&](auto c) {
                       index const i = (c[0] * 4 + c[1]) * 35 + c[2], k = c[1] * 35 + c[2];
                       return at(i / 70, i % 70) + m.at({k / 70, k % 70});
                     })) == "");
    CHECK(difference(neighbor(e.slice({0, 2}, {6, 50}), {0, 1}, boundary::zero).slice({2, 40}, {4, 48}).to_host(),
                     table(shape{2, 8}, [&](auto c) { return c[1] == 7 ? 0 : at(c[0] + 2, c[1] + 43); })) == "");
    CHECK(difference((m.on.transpose() - m.on.transpose().slice({0, 1}, {70, 2})).to_host(),
                     table(shape{70, 6}, [&](auto c) {
                       return m.at({c[1], c[0]}) - m.at({1, c[0]});
                     })) == "");
  });
}

TEST_CASE("expressions outlive the arrays that they read") {
  for_each_device([](device const& dev) {
    std::optional<sample<1>> x(std::in_place, dev, shape<1>(1000));
    ints const host = x->host;
    auto const e = x->on + neighbor(x->on, 1, boundary::wrap) * 2;
    auto const total = lockstep::sum(x->on);
    auto const prefix = lockstep::inclusive_scan(x->on);
    x.reset();
    array<int> const other = lockstep::zeros<int>(dev, 1000);  // would take the memory, had it been given back
    auto const found = e.to_host();
    for (std::size_t i = 0; i < 1000; ++i) REQUIRE(found[i] == host[i] + 2 * host[(i + 1) % 1000]);
    std::int64_t expected = 0;
    for (int v : host) expected += v;
    CHECK(std::int64_t(total) == expected);
    CHECK(prefix.to_host().back() == expected);
    CHECK(int(lockstep::max(other)) == 0);
  });
}

template <class T>
void check_turned_copies(device const& dev, shape<3> const& extents) {
  INFO("shape ", lockstep::to_string(extents));
  std::vector<T> host(extents.size());
  for (std::size_t i = 0; i < host.size(); ++i) host[i] = static_cast<T>(i % 251);
  array<T, 3> const x(dev, extents, host);
  array<T, 3> const turned = x.transpose(), inner = x.slice({0, 1, 1}, extents).transpose();
  auto const all = turned.to_host(), part = inner.to_host();
  std::size_t wrong = 0;
  index const a = extents[0], b = extents[1], c = extents[2];
  for (index i = 0; i < a; ++i)
    for (index j = 0; j < b; ++j)
      for (index k = 0; k < c; ++k) {
        T const expected = host[static_cast<std::size_t>((i * b + j) * c + k)];
        wrong += all[static_cast<std::size_t>((k * b + j) * a + i)] != expected;
        if (j > 0 && k > 0) wrong += part[static_cast<std::size_t>(((k - 1) * (b - 1) + j - 1) * a + i)] != expected;
      }
  CHECK(wrong == 0);
}

TEST_CASE("copies of transposed memory, around the edges of blocks") {
  for_each_device([](device const& dev) {
    for (index rows : {9, 63, 64, 65, 200})
      for (index columns : {9, 64, 129}) {
        check_turned_copies<float>(dev, {rows, 2, columns});
        check_turned_copies<double>(dev, {columns, 3, rows});
        check_turned_copies<std::int8_t>(dev, {rows, 2, columns});
      }
    check_turned_copies<float>(dev, {2500, 1, 2600});  // past the caches
  });
}

}  // namespace views_tests
