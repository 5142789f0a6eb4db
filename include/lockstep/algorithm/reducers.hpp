// Reducers: what a reduction accumulates, how it combines, and what comes out. They know nothing of where they run.
//
// A reducer over values V has: accumulator; lift(v), the accumulator of one value; combine(a, b), associative, a before
// b; finish(a, n), the result for n values; empty(), the result for none, or an error; `commutative`; `title`.
#pragma once

#include <concepts>
#include <limits>
#include <string>
#include <type_traits>

#include "../core/error.hpp"
#include "../core/function_objects.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// Sums of bool and of integers are 64-bit; floating sums keep their type.
template <class V>
struct sum_type {
  using type = V;
};
template <std::integral V>
struct sum_type<V> {
  using type = std::conditional_t<std::is_unsigned_v<V> && !std::is_same_v<V, bool>, std::uint64_t, std::int64_t>;
};
template <class V>
using sum_t = typename sum_type<V>::type;

template <class V>
struct sum_reducer {
  static constexpr char const* title = "sum";
  static constexpr bool commutative = true;
  using accumulator = sum_t<V>;
  LOCKSTEP_INLINE accumulator lift(V v) const { return static_cast<accumulator>(v); }
  LOCKSTEP_INLINE accumulator combine(accumulator a, accumulator b) const { return a + b; }
  LOCKSTEP_INLINE accumulator finish(accumulator a, index) const { return a; }
  accumulator empty() const { return accumulator{}; }
};

template <class V>
struct product_reducer {
  static constexpr char const* title = "product";
  static constexpr bool commutative = true;
  using accumulator = sum_t<V>;
  LOCKSTEP_INLINE accumulator lift(V v) const { return static_cast<accumulator>(v); }
  LOCKSTEP_INLINE accumulator combine(accumulator a, accumulator b) const { return a * b; }
  LOCKSTEP_INLINE accumulator finish(accumulator a, index) const { return a; }
  accumulator empty() const { return accumulator(1); }
};

/// Means of integers are double.
template <class V>
struct mean_reducer {
  static constexpr char const* title = "mean";
  static constexpr bool commutative = true;
  using accumulator = sum_t<V>;
  using result = std::conditional_t<std::is_integral_v<V>, double, V>;
  LOCKSTEP_INLINE accumulator lift(V v) const { return static_cast<accumulator>(v); }
  LOCKSTEP_INLINE accumulator combine(accumulator a, accumulator b) const { return a + b; }
  LOCKSTEP_INLINE result finish(accumulator a, index n) const {
    return static_cast<result>(a) / static_cast<result>(n);
  }
  result empty() const { return std::numeric_limits<result>::quiet_NaN(); }
};

[[noreturn]] inline void throw_empty_reduction(char const* title) {
  throw error(std::string(title) + ": found no elements, expected at least one; check size() first");
}

template <class V, class Pick>
struct extremum_reducer {
  static constexpr char const* title = Pick::name;
  static constexpr bool commutative = true;
  using accumulator = V;
  LOCKSTEP_INLINE V lift(V v) const { return v; }
  LOCKSTEP_INLINE V combine(V a, V b) const { return Pick{}(a, b); }
  LOCKSTEP_INLINE V finish(V a, index) const { return a; }
  V empty() const { throw_empty_reduction(title); }
};

/// The first index of the smallest or largest value; a NaN counts as both.
template <class V, class Pick>
struct position_reducer {
  static constexpr char const* title = std::is_same_v<Pick, minimum> ? "argmin" : "argmax";
  using value_reducer = extremum_reducer<V, Pick>;
  struct accumulator {
    V value;
    index at;
  };
  LOCKSTEP_INLINE accumulator combine(accumulator a, accumulator b) const {
    V const best = Pick{}(a.value, b.value);
    return same(best, a.value) ? a : b;
  }
  LOCKSTEP_INLINE static bool same(V a, V b) { return (a == b) | ((a != a) & (b != b)); }
  LOCKSTEP_INLINE index finish(accumulator a, index) const { return a.at; }
  index empty() const { throw_empty_reduction(title); }
};

template <class V, bool Any>
struct truth_reducer {
  static constexpr char const* title = Any ? "any" : "all";
  static constexpr bool commutative = true;
  using accumulator = unsigned char;
  LOCKSTEP_INLINE accumulator lift(V v) const { return static_cast<bool>(v); }
  LOCKSTEP_INLINE accumulator combine(accumulator a, accumulator b) const {
    return static_cast<accumulator>(Any ? a | b : a & b);
  }
  LOCKSTEP_INLINE bool finish(accumulator a, index) const { return a != 0; }
  bool empty() const { return !Any; }
};

template <class V>
struct any_reducer : truth_reducer<V, true> {};
template <class V>
struct all_reducer : truth_reducer<V, false> {};

template <class V>
struct count_reducer {
  static constexpr char const* title = "count";
  static constexpr bool commutative = true;
  using accumulator = index;
  LOCKSTEP_INLINE index lift(V v) const { return static_cast<bool>(v); }
  LOCKSTEP_INLINE index combine(index a, index b) const { return a + b; }
  LOCKSTEP_INLINE index finish(index a, index) const { return a; }
  index empty() const { return 0; }
};

/// Operators on values V whose operands may change places: those with a member `static constexpr bool commutative =
/// true`, and ours on numbers (a struct's `*` may be a matrix product). They run on vector lanes; with others the
/// elements are combined from first to last within each tile.
template <class Op, class V>
inline constexpr bool is_commutative = false;
template <class Op, class V>
requires requires { Op::commutative; }
inline constexpr bool is_commutative<Op, V> = Op::commutative;
template <one_of<plus, multiplies, minimum, maximum, bit_and, bit_or, bit_xor, logical_and, logical_or> Op, class V>
inline constexpr bool is_commutative<Op, V> = std::is_arithmetic_v<V>;

/// A user's associative operator, with an initial value that enters once, from the left.
template <class V, class Op>
struct operator_reducer {
  static constexpr char const* title = "reduce";
  static constexpr bool commutative = is_commutative<Op, V>;
  using accumulator = V;
  V initial;
  Op op;
  LOCKSTEP_INLINE V lift(V v) const { return v; }
  LOCKSTEP_INLINE V combine(V a, V b) const { return static_cast<V>(op(a, b)); }
  LOCKSTEP_INLINE V finish(V a, index) const { return static_cast<V>(op(initial, a)); }
  V empty() const { return initial; }
};

/// Reducers that look for a place: they accumulate a value and where it is.
template <class Reducer>
concept positional = requires {
  typename Reducer::value_reducer;
};

/// Reducers that look several times at a tile that is in the cache, instead of lifting its values one by one:
/// tile(count, look), where look.reduce(reducer, f) reduces f(value) over the tile.
template <class Reducer>
concept looks_at_tiles = Reducer::looks_at_tiles;

/// Those of them whose look at values V is at their deviations from a center (see tile_view::deviations).
template <class Reducer, class V>
inline constexpr bool takes_deviations = false;
/// Reducers that accumulate the sum of floating values.
template <class Reducer>
inline constexpr bool sums_plainly = false;
template <std::floating_point V>
inline constexpr bool sums_plainly<sum_reducer<V>> = true;
template <std::floating_point V>
inline constexpr bool sums_plainly<mean_reducer<V>> = true;

/// The operator with which a reducer combines floating values as they are, where it is one that vectors have.
template <class Reducer>
struct vector_operator {
  using type = void;
};
template <class Op>
struct vector_operator_is {
  using type = Op;
};
template <std::floating_point V>
struct vector_operator<sum_reducer<V>> : vector_operator_is<plus> {};
template <std::floating_point V>
struct vector_operator<mean_reducer<V>> : vector_operator_is<plus> {};
template <std::floating_point V, class Pick>
struct vector_operator<extremum_reducer<V, Pick>> : vector_operator_is<Pick> {};
template <std::floating_point V, one_of<plus, minimum, maximum> Op>
struct vector_operator<operator_reducer<V, Op>> : vector_operator_is<Op> {};

/// The accumulator of one value at index `at`.
template <class Reducer, class V>
LOCKSTEP_INLINE auto lift_at(Reducer const& reducer, V value, index at) {
  if constexpr (positional<Reducer>)
    return typename Reducer::accumulator{value, at};
  else
    return reducer.lift(value);
}

/// One reduction of a pass.
template <class Reducer, class Evaluator>
struct reduction_part {
  Reducer reducer;
  Evaluator evaluator;
};

/// What a reducer yields.
template <class Reducer>
using reduced_t = decltype(std::declval<Reducer const&>().empty());

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
