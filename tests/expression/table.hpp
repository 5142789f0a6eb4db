// The oracle of the property tests: values of an index space, computed at once by plain loops.
#pragma once

#include <lockstep/lockstep.hpp>
#include <vector>

namespace property_tests {

using lockstep::boundary, lockstep::index, lockstep::offsets, lockstep::shape;
using number = std::int64_t;

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
  /// The value at c; an axis of extent 1 stands for any.
  number at(shape<R> const& c) const {
    index place = 0;
    for (std::size_t a = 0; a < R; ++a) place = place * extents[a] + (extents[a] == 1 ? 0 : c[a]);
    return values[static_cast<std::size_t>(place)];
  }
};

template <std::size_t R, class F>
table<R> combine(F f, table<R> const& x, table<R> const& y) {
  shape<R> s;
  for (std::size_t a = 0; a < R; ++a) s[a] = x.extents[a] == 1 ? y.extents[a] : x.extents[a];
  return table<R>(s, [&](shape<R> const& c) { return f(x.at(c), y.at(c)); });
}
template <std::size_t R, class F>
table<R> changed(table<R> x, F f) {
  for (number& v : x.values) v = f(v);
  return x;
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
  return changed(x, [v](number p) { return p - v; });
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
table<R> transposed(table<R> const& x) {
  auto const turned = [](shape<R> const& s) {
    shape<R> t;
    for (std::size_t a = 0; a < R; ++a) t[a] = s[R - 1 - a];
    return t;
  };
  return table<R>(turned(x.extents), [&](shape<R> const& c) { return x.at(turned(c)); });
}
/// Element i is x[f(i, extent)] along an axis.
template <std::size_t R, class F>
table<R> moved(table<R> const& x, std::size_t along, F f) {
  return table<R>(x.extents, [&](shape<R> c) {
    c[along] = f(c[along], x.extents[along]);
    return x.at(c);
  });
}
template <std::size_t R>
table<R> reverse(table<R> const& x, lockstep::axis along) {
  return moved(x, along.number, [](index i, index n) { return n - 1 - i; });
}
template <std::size_t R>
table<R> roll(table<R> const& x, index shift, lockstep::axis along) {
  return moved(x, along.number, [shift](index i, index n) { return ((i - shift) % n + n) % n; });
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
template <std::size_t R>
table<R> running_sums(table<R> const& x, std::size_t along) {
  return table<R>(x.extents, [&](shape<R> c) {
    number total = 0;
    for (index const last = std::exchange(c[along], 0); c[along] <= last; ++c[along]) total += x.at(c);
    return total;
  });
}

}  // namespace property_tests
