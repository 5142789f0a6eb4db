// Memory that an expression names more than once, as in x * x + y, is read once: which leaves name the same memory is
// found when a kernel is launched; in the kernel a leaf takes the value of an earlier one by a uniform predicate.
#pragma once

#include "flat.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

template <class... Ts>
struct type_list {
  static constexpr std::size_t count = sizeof...(Ts);
};
template <class... Lists>
struct joined {
  using type = type_list<>;
};
template <class... Ts>
struct joined<type_list<Ts...>> {
  using type = type_list<Ts...>;
};
template <class... As, class... Bs, class... Rest>
struct joined<type_list<As...>, type_list<Bs...>, Rest...> : joined<type_list<As..., Bs...>, Rest...> {};

/// The leaves in memory of a tree of element-wise functions, by the types of their elements. What lies within any other
/// evaluator is not looked at.
template <class Tree>
struct memory_leaves : joined<> {};
template <class T, std::size_t R>
struct memory_leaves<memory_evaluator<T, R>> : joined<type_list<T>> {};
template <class T>
struct memory_leaves<flat_memory<T>> : joined<type_list<T>> {};
template <std::size_t R, class F, class... Es>
struct memory_leaves<elementwise_evaluator<R, F, Es...>> : joined<typename memory_leaves<Es>::type...> {};
template <class F, class... Es>
struct memory_leaves<flat_call<F, Es...>> : joined<typename memory_leaves<Es>::type...> {};
template <class Tree>
using leaves_t = typename memory_leaves<Tree>::type;

template <class Tree>
inline constexpr bool is_memory_leaf = false;
template <class T, std::size_t R>
inline constexpr bool is_memory_leaf<memory_evaluator<T, R>> = true;
template <class T>
inline constexpr bool is_memory_leaf<flat_memory<T>> = true;

template <class T, std::size_t R>
bool same_memory(memory_evaluator<T, R> const& a, memory_evaluator<T, R> const& b) {
  return a.data == b.data && a.strides == b.strides;
}
template <class T>
bool same_memory(flat_memory<T> const& a, flat_memory<T> const& b) {
  return a.data == b.data;
}
template <class A, class B>
bool same_memory(A const&, B const&) {
  return false;
}

/// A leaf is compared with as many before it, which bounds what that costs in long expressions.
inline constexpr std::size_t leaves_compared = 8;
template <std::size_t Earlier, std::size_t Later, class A, class B>
inline constexpr bool may_repeat = Earlier < Later&& Later - Earlier <= leaves_compared&& std::is_same_v<A, B>;
template <class... Ts>
constexpr bool any_may_repeat(type_list<Ts...>) {
  return []<std::size_t... I>(std::index_sequence<I...>) {
    [[maybe_unused]] auto const with = []<std::size_t K, class T>(slot<K, T> const*) {
      return (may_repeat<I, K, Ts, T> || ...);
    };
    return (with(static_cast<slot<I, Ts> const*>(nullptr)) || ...);
  }
  (std::index_sequence_for<Ts...>{});
}

/// Where the leaves of operand K are among those of a tree, whose first is First.
template <std::size_t First, std::size_t K, class... Operands>
constexpr std::size_t first_of_operand(slots<Operands...> const*) {
  std::size_t const counts[] = {leaves_t<Operands>::count...};
  std::size_t first = First;
  for (std::size_t k = 0; k < K; ++k) first += counts[k];
  return first;
}

/// Calls f(integral constant, leaf) for every leaf in memory, numbered from First.
template <std::size_t First = 0, class Tree, class F>
LOCKSTEP_INLINE void for_each_leaf(Tree const& tree, F const& f) {
  if constexpr (is_memory_leaf<Tree>) {
    f(std::integral_constant<std::size_t, First>{}, tree);
  } else if constexpr (leaves_t<Tree>::count != 0) {
    using operands = std::remove_cvref_t<decltype(tree.operands)>;
    [&]<std::size_t... K>(std::index_sequence<K...>) {
      (for_each_leaf<first_of_operand<First, K>(static_cast<operands const*>(nullptr))>(get<K>(tree.operands), f), ...);
    }
    (std::make_index_sequence<operands::count>{});
  }
}

/// How trees are read at coordinates: value by value.
struct read_values {
  template <class T>
  using held = T;
  template <class Tree, std::size_t R>
  LOCKSTEP_INLINE static auto read(Tree const& tree, coordinates<R> const& c) {
    return tree.at(c);
  }
  template <class Tree, class... Xs>
  LOCKSTEP_INLINE static auto call(Tree const& tree, Xs const&... xs) {
    return tree.function(xs...);
  }
};
/// And in their flat form at an index: N values at once.
template <int N>
struct read_packs {
  template <class T>
  using held = pack<T, N>;
  template <class Tree>
  LOCKSTEP_INLINE static auto read(Tree const& tree, index i) {
    return tree.template load<N>(i);
  }
  template <class Tree, class... Xs>
  LOCKSTEP_INLINE static auto call(Tree const& tree, Xs const&... xs) {
    return tree.template apply<N>(xs...);
  }
};
template <class Reading, class... Ts>
slots<typename Reading::template held<Ts>...> leaf_values(type_list<Ts...>);

/// The value of a tree of which the leaves in memory, from First on, have been read.
template <class Reading, std::size_t First, class Tree, class Place, class Values>
LOCKSTEP_INLINE auto evaluate_tree(Tree const& tree, Place const& place, Values const& leaves) {
  if constexpr (is_memory_leaf<Tree>) {
    return get<First>(leaves);
  } else if constexpr (leaves_t<Tree>::count == 0) {
    return Reading::read(tree, place);
  } else {
    using operands = std::remove_cvref_t<decltype(tree.operands)>;
    return [&]<std::size_t... K>(std::index_sequence<K...>) {
      return Reading::call(tree,
                           evaluate_tree<Reading, first_of_operand<First, K>(static_cast<operands const*>(nullptr))>(
                               get<K>(tree.operands), place, leaves)...);
    }
    (std::make_index_sequence<operands::count>{});
  }
}

/// An evaluator, or a flat tree, that reads memory once which its leaves name several times.
template <class Tree>
struct read_once {
  Tree tree;
  /// Of each leaf: itself, or an earlier one that is the same. No padding follows: tools that look for pointers among a
  /// kernel's parameters would find what lay on the stack.
  unsigned char first[(leaves_t<Tree>::count + 7) / 8 * 8] = {};

  explicit read_once(Tree const& t) : tree(t) {
    for_each_leaf(tree, [&]<std::size_t I>(std::integral_constant<std::size_t, I>, auto const& leaf) {
      first[I] = I;
      for_each_leaf(tree, [&]<std::size_t K>(std::integral_constant<std::size_t, K>, auto const& earlier) {
        if constexpr (may_repeat<K, I, std::remove_cvref_t<decltype(earlier)>, std::remove_cvref_t<decltype(leaf)>>)
          if (first[I] == I && same_memory(earlier, leaf)) first[I] = K;
      });
    });
  }

  template <std::size_t R>
  LOCKSTEP_INLINE auto at(coordinates<R> const& c) const {
    return read<read_values>(c);
  }
  template <int N>
  LOCKSTEP_INLINE auto load(index i) const {
    return read<read_packs<N>>(i);
  }

 private:
  /// All leaves are read before one takes the value of another, so that their loads overlap.
  template <class Reading, class Place>
  LOCKSTEP_INLINE auto read(Place const& place) const {
    decltype(leaf_values<Reading>(leaves_t<Tree>{})) leaves;
    for_each_leaf(tree, [&]<std::size_t I>(std::integral_constant<std::size_t, I>, auto const& leaf) {
      if (first[I] == I) modify<I>(leaves) = Reading::read(leaf, place);
    });
    take_repeated(leaves, std::make_index_sequence<leaves_t<Tree>::count>{});
    return evaluate_tree<Reading, 0>(tree, place, leaves);
  }
  template <class Values, std::size_t... I>
  LOCKSTEP_INLINE void take_repeated(Values& leaves, std::index_sequence<I...> all) const {
    (take_one<I>(get<I>(leaves), leaves, all), ...);
  }
  template <std::size_t I, class T, class Values, std::size_t... K>
  LOCKSTEP_INLINE void take_one(T const&, Values& leaves, std::index_sequence<K...>) const {
    ((take_from<K, I>(get<K>(leaves), modify<I>(leaves))), ...);
  }
  template <std::size_t K, std::size_t I, class A, class B>
  LOCKSTEP_INLINE void take_from(A const& earlier, B& later) const {
    if constexpr (may_repeat<K, I, A, B>)
      if (first[I] == K) later = earlier;
  }
};

/// The tree itself where no two of its leaves can be the same.
template <class Tree>
auto once(Tree const& tree) {
  if constexpr (any_may_repeat(leaves_t<Tree>{}))
    return read_once<Tree>(tree);
  else
    return tree;
}
template <class Tree>
using once_t = std::conditional_t<any_may_repeat(leaves_t<Tree>{}), read_once<Tree>, Tree>;

/// Trees over one index space as one, whose value is the list of theirs.
struct list_values {
  std::uint64_t no_padding = 0;  ///< see read_once
  template <class... Ts>
  LOCKSTEP_INLINE slots<Ts...> operator()(Ts const&... values) const {
    return make_slots(values...);
  }
};
template <std::size_t R, class... Evaluators>
elementwise_evaluator<R, list_values, Evaluators...> together(Evaluators const&... evaluators) {
  return {{}, make_slots(evaluators...)};
}

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
