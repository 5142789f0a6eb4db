// row_rule: what a row kernel does with the values of one row, in the form that backends get.
#pragma once

#include <tuple>
#include <type_traits>
#include <utility>

#include "../core/function_objects.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// f(x, results...), or f(x) where the function takes the element alone.
template <class F, class X, class... Results>
LOCKSTEP_INLINE decltype(auto) call_on_row(F const& f, X const& x, Results const&... results) {
  if constexpr (std::is_invocable_v<F const&, X const&, Results const&...>)
    return f(x, results...);
  else
    return f(x);
}
template <class F, class X, class... Results>
using row_call_t = std::remove_cvref_t<decltype(call_on_row(std::declval<F const&>(), std::declval<X const&>(),
                                                            std::declval<Results const&>()...))>;

/// The element itself.
struct row_element {
  template <class X, class... Results>
  LOCKSTEP_INLINE X operator()(X const& x, Results const&...) const {
    return x;
  }
};
/// What was combined, as it is.
struct as_combined {
  template <class A>
  LOCKSTEP_INLINE A operator()(A const& combined, index) const {
    return combined;
  }
};

/// One step of a row kernel: combines `value(x, earlier results...)` over the row; `finish(combined, n)` is the result.
/// Replaces: the values also take the places of the elements.
template <class Op, class Value, class Finish, bool Replaces>
struct row_fold {
  static constexpr bool replaces = Replaces;
  using value_function = Value;
  Op op;
  Value value;
  Finish finish;

  template <class X, class... Results>
  using accumulator = std::conditional_t<Replaces, X, row_call_t<Value, X, Results...>>;
  template <class X, class... Results>
  using result = std::remove_cvref_t<std::invoke_result_t<Finish const&, accumulator<X, Results...>, index>>;
};

template <class X, class Done, class... Folds>
struct fold_results {
  using type = Done;
};
template <class X, class... Results, class Fold, class... Rest>
struct fold_results<X, std::tuple<Results...>, Fold, Rest...>
    : fold_results<X, std::tuple<Results..., typename Fold::template result<X, Results...>>, Rest...> {};

/// Elements X of a row are folded by every step in turn, then mapped by f(x, results...).
template <class X, class F, class... Folds>
struct row_rule {
  using element = X;
  using results = typename fold_results<X, std::tuple<>, Folds...>::type;
  static constexpr std::size_t steps = sizeof...(Folds);
  template <std::size_t K>
  using fold = std::tuple_element_t<K, std::tuple<Folds...>>;

  F f;
  std::tuple<Folds...> folds;

  /// f or a step's value of an element and its first `Known` results.
  template <std::size_t Known, class G>
  LOCKSTEP_INLINE static auto apply(G const& g, X const& x, results const& r) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) { return call_on_row(g, x, std::get<I>(r)...); }
    (std::make_index_sequence<Known>{});
  }

  using value =
      decltype(apply<steps>(std::declval<F const&>(), std::declval<X const&>(), std::declval<results const&>()));
  /// What step K combines.
  template <std::size_t K>
  using accumulator = std::conditional_t<fold<K>::replaces, X,
                                         decltype(apply<K>(std::declval<fold<K> const&>().value,
                                                           std::declval<X const&>(), std::declval<results const&>()))>;
};

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
