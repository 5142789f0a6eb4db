// The function objects behind the operators. They are also the operators that reduce, scan and collectives take.
#pragma once

#include <type_traits>

#include "../core/config.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

struct plus {
  static constexpr char const* infix = "+";
  template <class X, class Y>
  LOCKSTEP_INLINE constexpr auto operator()(X const& x, Y const& y) const {
    return x + y;
  }
};

struct minus {
  static constexpr char const* infix = "-";
  template <class X, class Y>
  LOCKSTEP_INLINE constexpr auto operator()(X const& x, Y const& y) const {
    return x - y;
  }
};

struct multiplies {
  static constexpr char const* infix = "*";
  template <class X, class Y>
  LOCKSTEP_INLINE constexpr auto operator()(X const& x, Y const& y) const {
    return x * y;
  }
};

struct divides {
  static constexpr char const* infix = "/";
  template <class X, class Y>
  LOCKSTEP_INLINE constexpr auto operator()(X const& x, Y const& y) const {
    return x / y;
  }
};

struct modulus {
  static constexpr char const* infix = "%";
  template <class X, class Y>
  LOCKSTEP_INLINE constexpr auto operator()(X const& x, Y const& y) const {
    return x % y;
  }
};

struct equal_to {
  static constexpr char const* infix = "==";
  template <class X, class Y>
  LOCKSTEP_INLINE constexpr auto operator()(X const& x, Y const& y) const {
    return x == y;
  }
};

struct not_equal_to {
  static constexpr char const* infix = "!=";
  template <class X, class Y>
  LOCKSTEP_INLINE constexpr auto operator()(X const& x, Y const& y) const {
    return x != y;
  }
};

struct less {
  static constexpr char const* infix = "<";
  template <class X, class Y>
  LOCKSTEP_INLINE constexpr auto operator()(X const& x, Y const& y) const {
    return x < y;
  }
};

struct less_equal {
  static constexpr char const* infix = "<=";
  template <class X, class Y>
  LOCKSTEP_INLINE constexpr auto operator()(X const& x, Y const& y) const {
    return x <= y;
  }
};

struct greater {
  static constexpr char const* infix = ">";
  template <class X, class Y>
  LOCKSTEP_INLINE constexpr auto operator()(X const& x, Y const& y) const {
    return x > y;
  }
};

struct greater_equal {
  static constexpr char const* infix = ">=";
  template <class X, class Y>
  LOCKSTEP_INLINE constexpr auto operator()(X const& x, Y const& y) const {
    return x >= y;
  }
};

struct bit_and {
  static constexpr char const* infix = "&";
  template <class X, class Y>
  LOCKSTEP_INLINE constexpr auto operator()(X const& x, Y const& y) const {
    return x & y;
  }
};

struct bit_or {
  static constexpr char const* infix = "|";
  template <class X, class Y>
  LOCKSTEP_INLINE constexpr auto operator()(X const& x, Y const& y) const {
    return x | y;
  }
};

struct bit_xor {
  static constexpr char const* infix = "^";
  template <class X, class Y>
  LOCKSTEP_INLINE constexpr auto operator()(X const& x, Y const& y) const {
    return x ^ y;
  }
};

/// Evaluates both operands: no branch, so that loops vectorize.
struct logical_and {
  static constexpr char const* infix = "&&";
  template <class X, class Y>
  LOCKSTEP_INLINE constexpr bool operator()(X const& x, Y const& y) const {
    return static_cast<bool>(x) & static_cast<bool>(y);
  }
};

/// Evaluates both operands: no branch, so that loops vectorize.
struct logical_or {
  static constexpr char const* infix = "||";
  template <class X, class Y>
  LOCKSTEP_INLINE constexpr bool operator()(X const& x, Y const& y) const {
    return static_cast<bool>(x) | static_cast<bool>(y);
  }
};

struct negate {
  static constexpr char const* name = "negate";
  template <class X>
  LOCKSTEP_INLINE constexpr auto operator()(X const& x) const {
    return -x;
  }
};

struct logical_not {
  static constexpr char const* name = "logical_not";
  template <class X>
  LOCKSTEP_INLINE constexpr auto operator()(X const& x) const {
    return !x;
  }
};

struct bit_not {
  static constexpr char const* name = "bit_not";
  template <class X>
  LOCKSTEP_INLINE constexpr auto operator()(X const& x) const {
    return ~x;
  }
};

/// The smaller of two values; a NaN in either gives NaN, so that the order of the operands never matters.
struct minimum {
  static constexpr char const* name = "min";
  template <class X, class Y>
  LOCKSTEP_INLINE constexpr std::common_type_t<X, Y> operator()(X const& left, Y const& right) const {
    std::common_type_t<X, Y> const x = left, y = right;
    if constexpr (std::is_floating_point_v<std::common_type_t<X, Y>>)
      return ((y < x) | (y != y)) ? y : x;
    else
      return y < x ? y : x;
  }
};

/// The larger of two values; a NaN in either gives NaN, so that the order of the operands never matters.
struct maximum {
  static constexpr char const* name = "max";
  template <class X, class Y>
  LOCKSTEP_INLINE constexpr std::common_type_t<X, Y> operator()(X const& left, Y const& right) const {
    std::common_type_t<X, Y> const x = left, y = right;
    if constexpr (std::is_floating_point_v<std::common_type_t<X, Y>>)
      return ((x < y) | (y != y)) ? y : x;
    else
      return x < y ? y : x;
  }
};

/// Whether Op is one of Ops.
template <class Op, class... Ops>
concept one_of = (std::is_same_v<Op, Ops> || ...);

/// Functions that are a vector instruction or two: some of ours, and those with a member `static constexpr bool
/// is_light = true`.
template <class F>
inline constexpr bool is_light_function = one_of<F, plus, minus, multiplies, negate>;
template <class F>
requires requires { F::is_light; }
inline constexpr bool is_light_function<F> = F::is_light;

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
