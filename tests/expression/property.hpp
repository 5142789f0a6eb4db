// Random expressions over random shapes, strides and offsets against an oracle of plain loops. A tree is written once
// as a generic function; given arrays it is an expression, given tables it is computed at once, element by element.
#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <lockstep/lockstep.hpp>

#include "support/devices.hpp"
#include "support/values.hpp"

namespace property_tests {

using lockstep::array, lockstep::axis, lockstep::boundary, lockstep::device, lockstep::index, lockstep::offsets,
    lockstep::shape;
using number = std::int64_t;

// --- the oracle ------------------------------------------------------------------------------------------------------

/// Values of an index space, in row-major order.
template <std::size_t R>
struct table {
  shape<R> extents;
  std::vector<number> values;

  /// f(coordinates) everywhere.
  template <class F>
  table(shape<R> const& s, F f) : extents(s) {
    shape<R> c;
    for (std::size_t i = 0; i < s.size(); ++i) {
      values.push_back(f(c));
      for (std::size_t a = R; a-- > 0;) {
        if (++c[a] < s[a]) break;
        c[a] = 0;
      }
    }
  }
  static table from(shape<R> const& s, std::vector<number> const& v) {
    return table(s, [&, i = std::size_t{0}](auto const&) mutable { return v[i++]; });
  }
  std::size_t place(shape<R> const& c) const {
    index at = 0;
    for (std::size_t a = 0; a < R; ++a) at = at * extents[a] + (extents[a] == 1 ? 0 : c[a]);
    return static_cast<std::size_t>(at);
  }
  number at(shape<R> const& c) const { return values[place(c)]; }

  table slice(shape<R> const& low, shape<R> const& high) const {
    shape<R> s;
    for (std::size_t a = 0; a < R; ++a) s[a] = high[a] - low[a];
    return table(s, [&](shape<R> c) {
      for (std::size_t a = 0; a < R; ++a) c[a] += low[a];
      return values[place_inside(c)];
    });
  }
  table transpose() const {
    auto const turned = [](shape<R> const& s) {
      shape<R> t;
      for (std::size_t a = 0; a < R; ++a) t[a] = s[R - 1 - a];
      return t;
    };
    return table(turned(extents), [&](shape<R> const& c) { return at(turned(c)); });
  }

 private:
  std::size_t place_inside(shape<R> const& c) const {
    index at = 0;
    for (std::size_t a = 0; a < R; ++a) at = at * extents[a] + c[a];
    return static_cast<std::size_t>(at);
  }
};

template <std::size_t R, class F>
table<R> combine(F f, table<R> const& x, table<R> const& y) {
  shape<R> s;
  for (std::size_t a = 0; a < R; ++a) s[a] = x.extents[a] == 1 ? y.extents[a] : x.extents[a];
  return table<R>(s, [&](shape<R> const& c) { return f(x.at(c), y.at(c)); });
}
template <std::size_t R>
table<R> constant_table(number v) {
  shape<R> s;
  for (std::size_t a = 0; a < R; ++a) s[a] = 1;
  return table<R>(s, [v](auto const&) { return v; });
}
template <std::size_t R>
table<R> operator+(table<R> const& x, table<R> const& y) {
  return combine([](number p, number q) { return p + q; }, x, y);
}
template <std::size_t R>
table<R> operator-(table<R> const& x, table<R> const& y) {
  return combine([](number p, number q) { return p - q; }, x, y);
}
template <std::size_t R>
table<R> operator*(table<R> const& x, table<R> const& y) {
  return combine([](number p, number q) { return p * q; }, x, y);
}
template <std::size_t R>
table<R> operator<(table<R> const& x, table<R> const& y) {
  return combine([](number p, number q) { return number{p < q}; }, x, y);
}
template <std::size_t R>
table<R> operator-(table<R> const& x, number v) {
  return x - constant_table<R>(v);
}
template <std::size_t R>
table<R> max(table<R> const& x, table<R> const& y) {
  return combine([](number p, number q) { return std::max(p, q); }, x, y);
}
template <std::size_t R>
table<R> where(table<R> const& c, table<R> const& x, table<R> const& y) {
  auto const chosen = combine([](number p, number q) { return p ? q : 0; }, c, x);
  return chosen + combine([](number p, number q) { return p ? 0 : q; }, c, y);
}
template <std::size_t R>
table<R> neighbor(table<R> const& x, offsets<R> const& offset, boundary outside) {
  return table<R>(x.extents, [&](shape<R> c) {
    bool inside = true;
    for (std::size_t a = 0; a < R; ++a) {
      index const n = x.extents[a];
      c[a] += offset.along[a];
      bool const here = c[a] >= 0 && c[a] < n;
      inside = inside && (here || outside != boundary::zero);
      if (outside == boundary::wrap)
        c[a] = (c[a] % n + n) % n;
      else if (!here)
        c[a] = c[a] < 0 ? 0 : n - 1;
    }
    return inside ? x.at(c) : 0;
  });
}
template <std::size_t R>
number sum(table<R> const& x) {
  number total = 0;
  for (number v : x.values) total += v;
  return total;
}
/// Sums along an axis, kept as an axis of extent 1.
template <std::size_t R>
table<R> line_sums(table<R> const& x, std::size_t along) {
  shape<R> s = x.extents;
  s[along] = 1;
  return table<R>(s, [&](shape<R> c) {
    number total = 0;
    for (c[along] = 0; c[along] < x.extents[along]; ++c[along]) total += x.at(c);
    return total;
  });
}
template <lockstep::expression E>
auto line_sums(E const& e, std::size_t along) {
  constexpr std::size_t R = lockstep::rank_v<E>;
  auto const node = lockstep::as_node(e);
  shape<R> s = node.shape();
  s[along] = 1;
  return lockstep::sum(node, axis(along)).reshape(s);
}

// --- a random case ---------------------------------------------------------------------------------------------------

/// What a tree is made of besides its operands.
template <std::size_t R>
struct choices {
  offsets<R> near, far;
  boundary outside;
  std::size_t along;
  shape<R> low, high;  ///< a part of the common index space
};

template <std::size_t R>
class test_case {
 public:
  test_case(device const& dev, std::uint64_t seed, index most) : random_(seed), dev_(dev) {
    for (std::size_t a = 0; a < R; ++a) common_[a] = extent(most);
    pick_ = choices<R>{steps(3), steps(2 * most), boundary(random_.below(3)), std::size_t(random_.below(R)), {}, {}};
    for (std::size_t a = 0; a < R; ++a) {
      pick_.low[a] = random_.below(common_[a] + 1);
      pick_.high[a] = pick_.low[a] + random_.below(common_[a] - pick_.low[a] + 1);
    }
  }

  /// Stores, sums, and stores over one of its own operands the expression that `tree` makes.
  template <class Tree>
  void check(Tree tree) {
    using lockstep::test::difference;
    shape<R> wide, low, high;  // b is part of a wider array, c of a wider and transposed one
    auto const va = values(common_), vb = values(some_ones()), vc = values(some_ones());
    array<number, R> a(dev_, common_, va.values);
    margins(vb.extents, wide, low, high);
    array<number, R> b = lockstep::full<number>(dev_, wide, 99);
    auto const b_part = b.slice(low, high);
    b_part = array<number, R>(dev_, vb.extents, vb.values);
    margins(vc.transpose().extents, wide, low, high);
    array<number, R> c = lockstep::full<number>(dev_, wide, 77);
    auto const c_part = c.slice(low, high).transpose();
    c_part = array<number, R>(dev_, vc.extents, vc.values);

    auto const expected = tree(va, vb, vc, pick_);
    auto const e = tree(a, b_part, c_part, pick_);
    INFO("shapes ", to_string(common_), to_string(vb.extents), to_string(vc.extents), ", of ", to_text(e));
    REQUIRE(e.shape() == expected.extents);
    CHECK(difference(e.to_host(), expected.values) == "");
    CHECK(number(lockstep::sum(e)) == sum(expected));
    CHECK(difference(line_sums(e, pick_.along).to_host(), line_sums(expected, pick_.along).values) == "");
    if (expected.extents == common_) {
      a = e;
      CHECK(difference(a.to_host(), expected.values) == "");
    } else if (expected.extents == vc.extents) {
      c_part = e;
      CHECK(difference(c_part.to_host(), expected.values) == "");
    }
  }

 private:
  index extent(index most) {
    index const kind = random_.below(8);
    return kind == 0 ? random_.below(3) : kind == 1 ? most : 1 + random_.below(most);
  }
  offsets<R> steps(index most) {
    offsets<R> picked = zero_steps(std::make_index_sequence<R>{});
    for (std::size_t a = 0; a < R; ++a) picked.along[a] = random_.below(2 * most + 1) - most;
    return picked;
  }
  template <std::size_t... I>
  static offsets<R> zero_steps(std::index_sequence<I...>) {
    return offsets<R>((static_cast<void>(I), 0)...);
  }
  shape<R> some_ones() {
    shape<R> s = common_;
    for (std::size_t a = 0; a < R; ++a)
      if (random_.below(4) == 0) s[a] = 1;
    return s;
  }
  void margins(shape<R> const& s, shape<R>& wide, shape<R>& low, shape<R>& high) {
    for (std::size_t a = 0; a < R; ++a) {
      low[a] = random_.below(3);
      high[a] = low[a] + s[a];
      wide[a] = high[a] + random_.below(3);
    }
  }
  table<R> values(shape<R> const& s) {
    return table<R>(s, [&](auto const&) { return random_.below(199) - 99; });
  }

  lockstep::test::generator random_;
  device dev_;
  shape<R> common_;
  choices<R> pick_{zero_steps(std::make_index_sequence<R>{}), zero_steps(std::make_index_sequence<R>{}), {}, 0, {}, {}};
};

template <std::size_t R>
void check_trees(device const& dev, std::uint64_t seed, index most) {
  test_case<R> one(dev, seed, most);
  switch (seed % 4) {
    case 0:
      return one.check([](auto const& a, auto const& b, auto const& c, auto const&) { return a * b - c; });
    case 1:
      return one.check([](auto const& a, auto const& b, auto const& c, auto const& p) {
        return where(a < b, neighbor(a - b, p.near, p.outside), c);
      });
    case 2:
      return one.check([](auto const& a, auto const& b, auto const& c, auto const& p) {
        return neighbor(neighbor(a + c, p.near, boundary::zero) * b, p.far, p.outside).slice(p.low, p.high);
      });
    default:
      return one.check([](auto const& a, auto const& b, auto const& c, auto const& p) {
        auto const d = max(a, c).transpose();
        return (d - sum(b)).transpose() - line_sums(a + b, p.along);
      });
  }
}

/// Runs `count` cases per rank on every device. LOCKSTEP_TEST_SEED begins with another seed than 1: a failure prints
/// its own, which repeats it.
inline void check_cases(std::uint64_t count, index most_2, index most_3) {
  char const* const chosen = std::getenv("LOCKSTEP_TEST_SEED");
  std::uint64_t const first = chosen ? std::strtoull(chosen, nullptr, 10) : 1;
  lockstep::test::for_each_device([&](device const& dev) {
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
      INFO("LOCKSTEP_TEST_SEED=", seed);
      check_trees<2>(dev, seed, most_2);
      check_trees<3>(dev, seed, most_3);
    }
  });
}

}  // namespace property_tests
