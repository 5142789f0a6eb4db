// What the arguments of a launch become inside of the kernel: arrays and windows become views, other expressions
// something that computes their values, everything else is copied.
#pragma once

#include "../algorithm/map.hpp"
#include "../core/debug.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// An expression inside of a kernel: computes its values where they are asked for, with every check left out.
template <class T, class Evaluator, std::size_t R>
struct computed_view {
  using value_type = T;
  Evaluator evaluator;
  shape<R> extents;

  LOCKSTEP_FN index extent(std::size_t axis) const { return extents[axis]; }
  LOCKSTEP_FN std::size_t size() const { return extents.size(); }
  LOCKSTEP_INLINE T operator[](index i) const requires(R == 1) { return (*this)(i); }
  template <class... Indices>
  requires(sizeof...(Indices) == R) LOCKSTEP_INLINE T operator()(Indices... indices) const {
    coordinates<R> c;
    std::size_t axis = 0;
    ((c[axis++] = static_cast<index>(indices)), ...);
    return static_cast<T>(evaluator.at(c));
  }
};

/// Which launch it is, for messages.
struct launch_info {
  char const* kernel;
  device const& where;
};

template <class Kernel>
constexpr char const* kernel_name() {
  if constexpr (requires { Kernel::name; })
    return Kernel::name;
  else
    return __PRETTY_FUNCTION__;
}

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_foreign_argument(launch_info const& launch, int number,
                                                                          device const& found) {
  throw device_error(text_of({"launch of ", debug::readable_kernel_name(launch.kernel), " on ", launch.where.name(),
                              ": found argument ", number, " on ", found.name(), ", expected it on ",
                              launch.where.name(), "; copy it there with array::to(device)"}));
}

inline void require_argument_on(launch_info const& launch, int number, device const& found) {
  if (!(found == launch.where)) throw_foreign_argument(launch, number, found);
}

template <class A, class T, std::size_t R>
auto argument_of(launch_info const& launch, lowering&, int number, A&& a, array<T, R> const*) {
  require_argument_on(launch, number, a.device());
  return a.view();
}
template <class A, class T, std::size_t R, layout Layout>
auto argument_of(launch_info const& launch, lowering&, int number, A&& a, window<T, R, Layout> const*) {
  require_argument_on(launch, number, a.device());
  return a.elements;
}
template <class A>
auto argument_of(launch_info const& launch, lowering& context, int number, A&& a, void const*) {
  using type = std::remove_cvref_t<A>;
  if constexpr (node<type>) {
    device const found = device_of(a);
    if (found.valid()) require_argument_on(launch, number, found);
    auto const evaluator = a.lower(context, a.shape());
    return computed_view<value_t<type>, std::remove_const_t<decltype(evaluator)>, rank_v<type>>{evaluator, a.shape()};
  } else {
    static_assert(std::is_trivially_copyable_v<type>,
                  "launch: an argument must be an array, a window, an expression or trivially copyable; kernels get "
                  "copies of its bytes");
    return a;
  }
}

/// What the kernel gets for the `number`-th argument. Throws device_error for memory of another device.
template <class A>
auto kernel_argument(launch_info const& launch, lowering& context, int number, A&& a) {
  auto argument = argument_of(launch, context, number, std::forward<A>(a), &a);
#if defined(LOCKSTEP_DEBUG)
  if constexpr (requires { argument.argument = debug::argument_number{number}; }) argument.argument.value = number;
#endif
  return argument;
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
