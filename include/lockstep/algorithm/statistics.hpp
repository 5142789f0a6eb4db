// Statistics as reductions: variance, stddev, norm, logsumexp and dot, whole or along an axis, in one pass over memory,
// alone or together with others in evaluate().
#pragma once

#include "reduce.hpp"
#include "row_functions.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// Floating types keep theirs, everything else is double.
template <class V>
using floating_t = std::conditional_t<std::is_floating_point_v<V>, V, double>;

/// Variance, or its square root: counts, means and sums of squared deviations from them, joined pair by pair (Chan,
/// Golub and LeVeque 1983). Within a tile deviations are taken from the tile's own mean.
template <class V, class Root>
struct variance_reducer {
  static constexpr char const* title = Root::value ? "stddev" : "variance";
  static constexpr bool commutative = true, looks_at_tiles = true;
  using result = floating_t<V>;
  struct accumulator {
    double count, mean, squares;
  };
  index ddof = 0;

  LOCKSTEP_INLINE accumulator lift(V v) const { return {1, static_cast<double>(v), 0}; }
  LOCKSTEP_INLINE accumulator combine(accumulator a, accumulator b) const {
    double const count = a.count + b.count, apart = b.mean - a.mean, share = b.count / count;
    return {count, a.mean + apart * share, a.squares + b.squares + apart * apart * a.count * share};
  }
  LOCKSTEP_INLINE result finish(accumulator a, index n) const {
    bool const enough = n > ddof;                          // otherwise 0 / 0
    double const squares = a.squares + (a.mean - a.mean);  // NaN among values that are not finite, wherever they are
    double const variance = (enough ? squares : 0.0) / static_cast<double>(enough ? n - ddof : 0);
    return static_cast<result>(Root::value ? math::sqrt(variance) : variance);
  }
  result empty() const { return std::numeric_limits<result>::quiet_NaN(); }

  template <class Look>
  accumulator tile(index count, Look const& look) const {
    // Around the mean of m of the n values the sum of squares is at most n / m times that around the mean of all, so
    // that little is lost by subtracting; where it is much larger all the same, a second look is taken around the mean.
    auto const n = static_cast<double>(count);
    auto center = look.template mean_of_first<result>();
    for (bool again = false;; again = true) {
      auto const found = look.deviations(center);
      double const sum = found.sum, off = sum / n, rest = found.squares - off * sum;
      if (again || !(off * sum > 16 * rest)) return {n, center + off, rest < 0 ? 0 : rest};
      center = static_cast<result>(center + off);
    }
  }
};

template <std::floating_point V, class Root>
inline constexpr bool takes_deviations<variance_reducer<V, Root>, V> = true;

/// The square root of the sum of squares.
template <class V>
struct norm_reducer {
  static constexpr char const* title = "norm";
  static constexpr bool commutative = true;
  using accumulator = floating_t<V>;
  LOCKSTEP_INLINE accumulator lift(V v) const { return static_cast<accumulator>(v) * static_cast<accumulator>(v); }
  LOCKSTEP_INLINE accumulator combine(accumulator a, accumulator b) const { return a + b; }
  LOCKSTEP_INLINE accumulator finish(accumulator a, index) const { return math::sqrt(a); }
  accumulator empty() const { return 0; }
};

/// log of the sum of exp: the largest value, and the sum of exp of the values less that.
template <class V>
struct logsumexp_reducer {
  static constexpr char const* title = "logsumexp";
  static constexpr bool commutative = true, looks_at_tiles = true;
  using number = floating_t<V>;
  struct accumulator {
    number peak, sum;
  };

  LOCKSTEP_INLINE accumulator lift(V v) const { return alone(static_cast<number>(v)); }
  LOCKSTEP_INLINE accumulator combine(accumulator a, accumulator b) const {
    number const peak = maximum{}(a.peak, b.peak);
    return {peak, a.sum * scale(a.peak, peak) + b.sum * scale(b.peak, peak)};
  }
  LOCKSTEP_INLINE number finish(accumulator a, index) const { return math::log(a.sum) + a.peak; }
  number empty() const { return -std::numeric_limits<number>::infinity(); }

  template <class Look>
  accumulator tile(index, Look const& look) const {
    number const peak = look.reduce(extremum_reducer<number, maximum>{}, [](V v) { return static_cast<number>(v); });
    if (!(peak - peak == 0)) return alone(peak);  // infinite, or a NaN
    return {peak,
            look.reduce(sum_reducer<number>{}, [peak](V v) { return rows::decay(static_cast<number>(v) - peak); })};
  }

 private:
  /// One value; -infinity adds nothing.
  LOCKSTEP_INLINE static accumulator alone(number v) {
    return {v, v == -static_cast<number>(__builtin_huge_val()) ? number(0) : number(1)};
  }
  LOCKSTEP_INLINE static number scale(number mine, number peak) {
    return mine == peak ? number(1) : math::exp(mine - peak);
  }
};

template <class Root, expression E>
auto variance_of(E&& e, index ddof) {
  auto operand = as_number(std::forward<E>(e));
  using reducer = variance_reducer<value_t<decltype(operand)>, Root>;
  return reduction<reducer, decltype(operand)>(reducer{ddof}, std::move(operand));
}
template <class Root, expression E>
auto variance_of(E&& e, axis along, index ddof) {
  static_assert(rank_v<E> > 0, "a rank-0 expression has no axis to reduce");
  auto operand = as_number(std::forward<E>(e));
  using reducer = variance_reducer<value_t<decltype(operand)>, Root>;
  return axis_reduction<reducer, decltype(operand)>(reducer{ddof}, std::move(operand), along);
}

/// The mean squared deviation from the mean, in one pass; the sum of squares is divided by n - ddof (0: of a whole
/// population, 1: estimated from a sample). NaN for no more than ddof elements, and where an element is NaN or
/// infinite. Integers give double. The same bits on any number of threads.
template <expression E>
auto variance(E&& e, index ddof = 0) {
  return variance_of<std::false_type>(std::forward<E>(e), ddof);
}
template <expression E>
auto variance(E&& e, axis along, index ddof = 0) {
  return variance_of<std::false_type>(std::forward<E>(e), along, ddof);
}
/// The square root of the variance.
template <expression E>
auto stddev(E&& e, index ddof = 0) {
  return variance_of<std::true_type>(std::forward<E>(e), ddof);
}
template <expression E>
auto stddev(E&& e, axis along, index ddof = 0) {
  return variance_of<std::true_type>(std::forward<E>(e), along, ddof);
}
/// The square root of the sum of squares, of all elements or along an axis. Integers give double. Squares may overflow.
template <expression E, std::same_as<axis>... Axis>
requires(sizeof...(Axis) <= 1) auto norm(E&& e, Axis... along) {
  return reduction_of<norm_reducer>(std::forward<E>(e), along...);
}
/// log(sum(exp(e))) without overflow, of all elements or along an axis, in one pass. -infinity for no elements.
/// Integers give double. Terms below about 1e-38 (float) or 1e-307 (double) of the largest of their tile count as zero.
template <expression E, std::same_as<axis>... Axis>
requires(sizeof...(Axis) <= 1) auto logsumexp(E&& e, Axis... along) {
  return reduction_of<logsumexp_reducer>(std::forward<E>(e), along...);
}
/// The sum of the products of two vectors' elements, with the types of sum. Throws shape_error when the lengths differ.
template <expression A, expression B>
auto dot(A&& a, B&& b) {
  static_assert(rank_v<A> == 1 && rank_v<B> == 1, "dot(a, b): both need one axis; see matmul and matvec");
  if (a.size() != b.size())
    throw shape_error(text_of({"dot: found vectors of ", a.size(), " and ", b.size(), " elements, expected as many"}));
  return sum(std::forward<A>(a) * std::forward<B>(b));
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
