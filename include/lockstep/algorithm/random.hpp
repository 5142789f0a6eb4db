// random: numbers by seed and index. They are expressions, so they can be drawn inside of a larger one, and are the
// same on every device, for any number of threads and any part of the index space.
#pragma once

#include "../backend/cpu/random.hpp"
#include "map.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace random {

template <class Distribution>
struct draw_row {
  Distribution distribution;
  std::uint64_t key;
  index first;
  LOCKSTEP_INLINE auto operator[](index j) const {
    constexpr index each = Distribution::values_per_counter;
    index const i = first + j;
    return distribution(philox4x32(static_cast<std::uint64_t>(i / each), key), static_cast<int>(i % each));
  }
};

/// Loops on a CPU let it fill a buffer, several values from each counter.
template <class Distribution, std::size_t R>
struct draw_evaluator {
  using staged = typename Distribution::value_type;
  Distribution distribution;
  std::uint64_t key;
  shape<R> strides;

  LOCKSTEP_INLINE auto at(coordinates<R> const& c) const {
    return draw_row<Distribution>{distribution, key, offset(c)}[0];
  }
  LOCKSTEP_INLINE bool unit() const { return true; }
  LOCKSTEP_INLINE interval interior(index n) const { return {0, n}; }
  LOCKSTEP_INLINE draw_row<Distribution> row(coordinates<R> c) const {
    c[R - 1] = 0;
    return {distribution, key, offset(c)};
  }
  void stage(coordinates<R> const& c, index begin, index end, staged* out) const {
    index const row_begin = row(c).first;
    cpu::draw(distribution, key, row_begin + begin, row_begin + end, out);
  }

 private:
  LOCKSTEP_INLINE index offset(coordinates<R> const& c) const {
    index sum = 0;
    for (std::size_t axis = 0; axis < R; ++axis) sum += c[axis] * strides[axis];
    return sum;
  }
};

/// Element i in row-major order is value i of the stream that the seed chooses.
template <class Distribution, std::size_t Rank>
struct [[nodiscard]] draws : node_base<draws<Distribution, Rank>, typename Distribution::value_type, Rank> {
  using result = typename Distribution::value_type;
  Distribution distribution;
  lockstep::shape<Rank> extents;
  std::uint64_t key;
  counted_pointer<storage> place;  ///< no memory, but on the device that draws

  draws(Distribution d, device const& where, lockstep::shape<Rank> const& e, seed s)
      : distribution(d), extents(e), key(s.value), place(make_storage(where, 0, 1)) {}
  lockstep::shape<Rank> const& shape() const { return extents; }

  template <class Visitor>
  void visit(Visitor&& visitor, bool pointwise = true) const {
    visitor(leaf_info{place.get(), nullptr, nullptr, nullptr, nullptr, extents.extents, Rank, 0, pointwise});
  }
  [[gnu::cold, gnu::noinline]] void describe(std::string& text) const {
    append_text(text, {Distribution::name, "(", to_string(extents), ")"});
  }
  bool is_flat(lockstep::shape<Rank> const& target) const { return target == extents; }
  auto flatten() const { return draws<Distribution, 1>(*this, lockstep::shape<1>(extents.size())); }

  /// Straight into memory: each counter is computed once for all of its values.
  void write(lowering& context, view<result, Rank> const& target) const {
    bool const dense = target.strides == row_major_strides(target.extents);
    if (context.where.is_cpu() && dense)
      cpu::draw_all(context.where, distribution, key, target.data, static_cast<index>(target.size()));
    else
      store_node(context, *this, target, false);
  }
  template <std::size_t R>
  auto lower(lowering&, lockstep::shape<R> const& target) const {
    using own = draw_evaluator<Distribution, Rank>;
    return repeated_evaluator<own, Rank, R>{{distribution, key, row_major_strides(extents)}, extents, target[R - 1]};
  }

 private:
  template <class, std::size_t>
  friend struct draws;
  template <std::size_t OldRank>
  draws(draws<Distribution, OldRank> const& other, lockstep::shape<Rank> const& e)
      : distribution(other.distribution), extents(e), key(other.key), place(other.place) {}
};

template <class T>
[[noreturn, gnu::cold, gnu::noinline]] void throw_bad_range(T low, T high) {
  std::string text = "random::uniform: found the range from ";
  append_number(text, low);
  text += " to ";
  append_number(text, high);
  throw error(text + ", expected a low end below a finite high end");
}

/// Values of [low, high): floating types by default of [0, 1), in 2^24 (float) or 2^53 (double) steps, so that rounding
/// may give `high` itself only where its neighbors are further apart than a step; integers exactly. Throws error where
/// the range is empty or not finite.
template <class T, std::size_t Rank>
requires std::is_floating_point_v<T>
auto uniform(device const& where, shape<Rank> const& extents, seed s, T low = T(0), T high = T(1)) {
  T const width = high - low;
  if (!(low < high) || !(width - width == 0)) throw_bad_range(low, high);
  return draws<uniform_real<T>, Rank>({low, width}, where, extents, s);
}
template <class T, std::size_t Rank>
requires std::is_integral_v<T> &&
    (!std::is_same_v<T, bool>)auto uniform(device const& where, shape<Rank> const& extents, seed s, T low, T high) {
  if (!(low < high)) throw_bad_range(low, high);
  auto const count = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
  return draws<uniform_integer<T>, Rank>({low, count}, where, extents, s);
}
template <class T, class... Range>
auto uniform(device const& where, std::size_t n, seed s, Range... range) {
  return random::uniform<T>(where, shape<1>(n), s, static_cast<T>(range)...);
}

/// Normally distributed values. The same bits on any number of threads; devices of different kinds compute logarithms
/// and sines that may differ in the last places.
template <class T, std::size_t Rank>
requires std::is_floating_point_v<T>
auto normal(device const& where, shape<Rank> const& extents, seed s, T mean = T(0), T deviation = T(1)) {
  return draws<normal_real<T>, Rank>({mean, deviation}, where, extents, s);
}
template <class T, class... Parameters>
auto normal(device const& where, std::size_t n, seed s, Parameters... parameters) {
  return random::normal<T>(where, shape<1>(n), s, static_cast<T>(parameters)...);
}

/// True with the given probability, rounded to a multiple of 2^-32. Throws error when it is not from 0 to 1.
template <std::size_t Rank>
auto bernoulli(device const& where, shape<Rank> const& extents, seed s, double probability = 0.5) {
  if (!(probability >= 0 && probability <= 1)) {
    std::string text = "random::bernoulli: found the probability ";
    append_number(text, probability);
    throw error(text + ", expected one from 0 to 1");
  }
  return draws<coin, Rank>({static_cast<std::uint64_t>(probability * 0x1p32 + 0.5)}, where, extents, s);
}
inline auto bernoulli(device const& where, std::size_t n, seed s, double probability = 0.5) {
  return random::bernoulli(where, shape<1>(n), s, probability);
}

}  // namespace random
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
