// Expressions drawn at random when the program is compiled: tree<Seed, Depth>::of(operands) is an expression for arrays
// and, for tables, its values. Results stay below 2^24, so that they are exact in every type.
#pragma once

#include <doctest/doctest.h>

#include "expression/table.hpp"

namespace property_tests {

using lockstep::axis, lockstep::expression, lockstep::rank_v, lockstep::value_t;

/// What a tree is made of besides its operands.
template <std::size_t R>
struct choices {
  shape<R> common;     ///< the index space; an operand may have extents 1 in it
  shape<R> near, far;  ///< steps to neighbors
  boundary outside = boundary::clamp;
  std::size_t along = 0;       ///< an axis
  index shift = 0, split = 0;  ///< along it: any, and from 0 to its extent
  std::vector<index> taken;    ///< along it: as many places as its extent
};
template <std::size_t R, std::size_t... I>
offsets<R> as_offsets(shape<R> const& steps, std::index_sequence<I...>) {
  return offsets<R>(steps[I]...);
}
template <std::size_t R>
offsets<R> as_offsets(shape<R> const& steps) {
  return as_offsets(steps, std::make_index_sequence<R>{});
}

// --- steps that are written differently for expressions and for tables ---------------------------------------------

template <std::size_t R>
table<R> limited(table<R> const& x, number limit) {
  return changed(x, [limit](number v) { return std::max(std::min(v, limit), -limit); });
}
template <expression E>
auto limited(E const& x, number limit) {
  using T = value_t<E>;
  return max(min(x, static_cast<T>(limit)), static_cast<T>(-limit));
}
template <std::size_t R>
table<R> filled(table<R> const& x, choices<R> const& pick) {
  return table<R>(pick.common, [&](shape<R> const& c) { return x.at(c); });
}
template <expression E>
auto filled(E const& x, choices<rank_v<E>> const& pick) {
  return lockstep::as_node(x).broadcast_to(pick.common);
}
template <std::size_t R>
table<R> taken(table<R> const& x, choices<R> const& pick) {
  return moved(filled(x, pick), pick.along, [&](index i, index) { return pick.taken[static_cast<std::size_t>(i)]; });
}
template <expression E>
auto taken(E const& x, choices<rank_v<E>> const& pick) {
  auto const node = filled(x, pick);
  lockstep::array<index> const places(lockstep::device_or_default(node), pick.taken);
  return gather(node, places, axis(pick.along));
}
template <std::size_t R>
table<R> halves_swapped(table<R> const& x, choices<R> const& pick) {
  return pick.common[pick.along] == 0 ? filled(x, pick) : roll(filled(x, pick), -pick.split, axis(pick.along));
}
template <expression E>
auto halves_swapped(E const& x, choices<rank_v<E>> const& pick) {
  auto const node = filled(x, pick);
  shape<rank_v<E>> low, high = pick.common;
  low[pick.along] = high[pick.along] = pick.split;
  return concatenate(node.slice(low, pick.common), node.slice({}, high), axis(pick.along));
}
template <expression E>
auto transposed(E const& x) {
  return lockstep::as_node(x).transpose();
}
template <expression E>
auto line_sums(E const& x, std::size_t along) {
  shape<rank_v<E>> s = lockstep::as_node(x).shape();
  s[along] = 1;
  return lockstep::sum(x, axis(along)).reshape(s);
}
template <expression E>
auto running_sums(E const& x, std::size_t along) {
  return inclusive_scan(x, axis(along));
}

// --- the trees -------------------------------------------------------------------------------------------------------

enum class step {
  plus,
  minus,
  times,
  maximum,
  choice,
  near,
  far,
  reversed,
  rolled,
  taken,
  turned,
  less_line_sums,
  less_sum,
  halves_swapped,
  running_sums
};
/// GPUs have no scan along an axis.
inline constexpr std::uint64_t steps = LOCKSTEP_CUDA ? 14 : 15;

constexpr std::uint64_t mixed(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/// A tree of `Depth` steps from its root to its leaves; a leaf is one of the three operands x.a, x.b and x.c.
template <std::uint64_t Seed, int Depth>
struct tree {
  using left = tree<mixed(2 * Seed + 1), Depth - 1>;
  using right = tree<mixed(2 * Seed + 2), Depth - 1>;

  template <class Operands>
  static auto of(Operands const& x) {
    constexpr step chosen = step(mixed(Seed ^ 0x9e3779b97f4a7c15u) % steps);
    auto const& p = x.pick;
    auto const l = left::of(x);
    if constexpr (chosen == step::plus)
      return l + right::of(x);
    else if constexpr (chosen == step::minus)
      return l - right::of(x);
    else if constexpr (chosen == step::times)
      return limited(limited(l, 999) * limited(right::of(x), 999), 999);
    else if constexpr (chosen == step::maximum)
      return max(l, right::of(x));
    else if constexpr (chosen == step::choice)
      return where(l < right::of(x), right::of(x), l - 1);
    else if constexpr (chosen == step::near)
      return neighbor(l, as_offsets(p.near), p.outside);
    else if constexpr (chosen == step::far)
      return neighbor(l, as_offsets(p.far), p.outside);
    else if constexpr (chosen == step::reversed)
      return reverse(l, axis(p.along));
    else if constexpr (chosen == step::rolled)
      return roll(l, p.shift, axis(p.along));
    else if constexpr (chosen == step::taken)
      return taken(l, p);
    else if constexpr (chosen == step::turned)
      return transposed(max(transposed(l), transposed(right::of(x))));
    else if constexpr (chosen == step::less_line_sums)
      return l - line_sums(limited(right::of(x), 99), p.along);
    else if constexpr (chosen == step::less_sum)
      return l - sum(limited(right::of(x), 9));
    else if constexpr (chosen == step::halves_swapped)
      return halves_swapped(l, p);
    else
      return running_sums(limited(l, 99), p.along);
  }
};
template <std::uint64_t Seed>
struct tree<Seed, 0> {
  template <class Operands>
  static auto of(Operands const& x) {
    if constexpr (Seed % 3 == 0)
      return x.a;
    else if constexpr (Seed % 3 == 1)
      return x.b;
    else
      return x.c;
  }
};

}  // namespace property_tests
