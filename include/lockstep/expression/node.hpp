// What an expression is: the concept that every node models, the members that every node shares, and what visiting and
// lowering a tree pass along.
#pragma once

#include <concepts>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "../array/array.hpp"
#include "../core/half.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// One leaf of a tree, as visitors see it.
struct leaf_info {
  storage const* owner;
  char const* begin;     ///< first byte that the leaf may read
  char const* end;       ///< one past the last
  void const* data;      ///< element 0
  index const* strides;  ///< per axis of the leaf
  index const* extents;  ///< per axis of the leaf
  std::size_t rank;
  std::size_t bytes;  ///< distinct bytes read
  bool pointwise;     ///< element i of the result reads element i of the leaf, and nothing else
};

/// What lowering needs and leaves behind: the device that will run, and what must live until it has run.
struct lowering {
  device const& where;
  std::vector<counted_pointer<storage>> temporaries;
  // A node whose values are being computed, tile by tile, in the memory that the whole tree is written to (see
  // elementwise::tile_source), and that memory.
  void const* produced = nullptr;
  void const* product_data = nullptr;
  index const* product_strides = nullptr;
};

struct node_tag {};

template <class E>
concept node = std::derived_from<std::remove_cvref_t<E>, node_tag>;

template <class T>
struct is_array : std::false_type {};
template <class T, std::size_t Rank>
struct is_array<array<T, Rank>> : std::true_type {};

template <class E>
struct is_sharded : std::false_type {};

/// Anything lazy with a shape and a value type, and arrays, which are expressions of themselves.
template <class E>
concept expression = node<E> || is_array<std::remove_cvref_t<E>>::value || is_sharded<std::remove_cvref_t<E>>::value;

/// What may stand beside an expression in an element-wise operation.
template <class E>
concept scalar = std::is_arithmetic_v<std::remove_cvref_t<E>>;

template <class E>
struct expression_traits {};
template <expression E>
struct expression_traits<E> {
  using value_type = typename E::value_type;
  static constexpr std::size_t rank = E::rank;
};

template <class E>
using value_t = typename expression_traits<std::remove_cvref_t<E>>::value_type;
/// The number of axes; 0 for what is no expression, such as a scalar operand.
template <class E>
inline constexpr std::size_t rank_v = 0;
template <expression E>
inline constexpr std::size_t rank_v<E> = expression_traits<std::remove_cvref_t<E>>::rank;

template <class E, class T, std::size_t Rank>
struct is_source_of : std::false_type {};
template <expression E, class T, std::size_t Rank>
struct is_source_of<E, T, Rank> : std::bool_constant<rank_v<E> == Rank && std::is_convertible_v<value_t<E>, T> &&
                                                     !std::is_same_v<std::remove_cvref_t<E>, array<T, Rank>>> {};

/// What may be assigned to an array that has a shape: also a rank-0 expression, which fills it.
template <class E, class T, std::size_t Rank>
struct is_assignable_from
    : std::bool_constant<is_source_of<E, T, Rank>::value || (Rank > 0 && is_source_of<E, T, 0>::value)> {};

template <class E>
[[nodiscard]] auto evaluate_to_host(E const& e);
template <class E>
[[nodiscard]] value_t<E> evaluate_to_value(E const& e);

/// Members that every node has; Derived adds `shape()`, `visit`, `describe` and `lower`.
template <class Derived, class T, std::size_t Rank>
struct node_members : node_tag {
  using value_type = T;
  static constexpr std::size_t rank = Rank;
  static constexpr int tile_sources = 0;         ///< see elementwise::tile_source
  static constexpr bool lies_on_device = false;  ///< true where every tree of this type has a leaf that does

  std::size_t size() const { return self().shape().size(); }
  /// The values in row-major order, computed now.
  auto to_host() const { return evaluate_to_host(self()); }
  auto slice(lockstep::shape<Rank> const& from, lockstep::shape<Rank> const& to) const {
    return slice_of(self(), from, to);
  }
  template <std::size_t NewRank>
  auto reshape(lockstep::shape<NewRank> const& extents) const {
    return reshape_of(self(), extents);
  }
  auto transpose() const { return transpose_of(self()); }
  template <std::size_t NewRank>
  auto broadcast_to(lockstep::shape<NewRank> const& extents) const {
    return broadcast_of(self(), extents);
  }

 private:
  Derived const& self() const { return static_cast<Derived const&>(*this); }
};

template <class Derived, class T, std::size_t Rank>
struct [[nodiscard]] node_base : node_members<Derived, T, Rank> {};

/// A rank-0 expression converts to its value: it is evaluated, and the device waited for.
template <class Derived, class T>
struct [[nodiscard]] node_base<Derived, T, 0> : node_members<Derived, T, 0> {
  operator T() const { return evaluate_to_value(static_cast<Derived const&>(*this)); }
};

/// The common shape of two operands by NumPy's rule: aligned at the last axis, extents equal or 1. False when none is.
template <std::size_t R, std::size_t A>
constexpr bool broadcast_into(shape<R>& into, shape<A> const& other) {
  static_assert(A <= R);
  for (std::size_t k = 0; k < A; ++k) {
    index& mine = into[R - A + k];
    if (mine == 1)
      mine = other[k];
    else if (other[k] != 1 && other[k] != mine)
      return false;
  }
  return true;
}

/// Visits a node that is computed by a pass of its own. Visitors that want to know have begin_pass and end_pass, and
/// `within_pass`, the node that belongs to the pass around it.
template <class Visitor, class E>
void visit_pass(Visitor& visitor, E const& e, bool pointwise) {
  constexpr bool counts = requires { visitor.end_pass(); };
  if constexpr (counts) {
    if (visitor.within_pass == &e) return e.operand.visit(visitor, pointwise);
    visitor.begin_pass(e);
  }
  e.operand.visit(visitor, pointwise);
  if constexpr (counts) visitor.end_pass();
}

/// A reference to any node, for messages: the functions that write those need not be compiled for every type.
class any_node {
 public:
  template <node E>
  any_node(E const& e)
      : node_(&e), describe_([](void const* n, std::string& text) { static_cast<E const*>(n)->describe(text); }) {}
  void describe(std::string& text) const { describe_(node_, text); }
  operator text_piece() const {
    return {[](std::string& to, void const* e, text_piece::number) { static_cast<any_node const*>(e)->describe(to); },
            this};
  }

 private:
  void const* node_;
  void (*describe_)(void const*, std::string&);
};

/// Text of an expression for messages: "(float[3] + float[4])".
[[gnu::cold, gnu::noinline]] inline std::string to_text(any_node const& e) { return text_of({e}); }

template <class T>
constexpr char const* type_name() {
  if constexpr (std::is_same_v<T, bool>)
    return "bool";
  else if constexpr (std::is_same_v<T, float>)
    return "float";
  else if constexpr (std::is_same_v<T, double>)
    return "double";
  else if constexpr (is_storage_float<T>)
    return std::is_same_v<T, half> ? "half" : "bfloat16";
  else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>)
    return sizeof(T) == 1 ? "int8" : sizeof(T) == 2 ? "int16" : sizeof(T) == 4 ? "int32" : "int64";
  else if constexpr (std::is_integral_v<T>)
    return sizeof(T) == 1 ? "uint8" : sizeof(T) == 2 ? "uint16" : sizeof(T) == 4 ? "uint32" : "uint64";
  else
    return "struct";
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
