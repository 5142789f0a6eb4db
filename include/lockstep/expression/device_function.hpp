// __device__ lambdas as function objects that expressions can hold; every other function stays what it is.
#pragma once

#include <type_traits>
#include <utility>

#include "../core/config.hpp"
#include "../core/error.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

#if LOCKSTEP_CUDA
// Out of sight of the optimizer, which would otherwise warn that loops over such a function compute nothing.
[[gnu::cold, gnu::noinline, gnu::noipa]] inline void throw_device_only() {
  throw device_error(
      "found a __device__ lambda in an expression for a CPU device; give it a function object or a LOCKSTEP_FUNCTION, "
      "which run everywhere, or copy the arrays to a GPU with array::to(device)");
}

/// A __device__ lambda. On the host nvcc leaves a stand-in of it that must not be called; here it throws device_error.
template <class F>
struct device_function {
  static constexpr char const* name = "device_lambda";
  F function;

  template <class... Xs>
  LOCKSTEP_INLINE auto operator()([[maybe_unused]] Xs const&... xs) const -> std::invoke_result_t<F&, Xs const&...> {
#if defined(__CUDA_ARCH__)
    return function(xs...);
#else
    throw_device_only();
    return {};
#endif
  }
};
#endif

/// What an expression holds for a user's function.
template <class F>
auto callable(F f) {
#if LOCKSTEP_CUDA
  if constexpr (__nv_is_extended_device_lambda_closure_type(F)) {
    static_assert(__nv_is_extended_device_lambda_with_preserved_return_type(F),
                  "a __device__ lambda needs a trailing return type: [] __device__(float x) -> float { ... }");
    return device_function<F>{std::move(f)};
  } else {
    return f;
  }
#else
  return f;
#endif
}
template <class F>
using callable_t = decltype(callable(std::declval<F>()));

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
