// host_only: plain lambdas for CPU devices in files that nvcc compiles; and which evaluators hold one.
#pragma once

#include "elementwise.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// A function that only CPU devices may call.
template <class F>
struct host_function {
  static constexpr char const* name = "host_only";
  F function;

  template <class... Xs>
  LOCKSTEP_INLINE auto operator()(Xs const&... xs) const -> std::invoke_result_t<F const&, Xs const&...> {
#if defined(__CUDA_ARCH__)
    __trap();  // kernels are never made of it, see holds_host_function
#else
    return function(xs...);
#endif
  }
};

/// Lets a plain lambda be used in a file compiled by nvcc, on CPU devices: `map(host_only([](float x) { ... }), a)`.
/// In a kernel a plain lambda is not allowed, and a `__host__ __device__` one is called through a pointer on the CPU.
/// Evaluating it on a GPU throws device_error.
template <class F>
host_function<F> host_only(F f) {
  return {std::move(f)};
}

/// True for evaluators, reducers and operators with a host_only function somewhere in them: no kernel is compiled.
template <class E>
inline constexpr bool holds_host_function = false;
template <class F>
inline constexpr bool holds_host_function<host_function<F>> = true;
template <template <class...> class Evaluator, class... Ts>
inline constexpr bool holds_host_function<Evaluator<Ts...>> = (holds_host_function<Ts> || ...);
template <template <class, std::size_t> class Evaluator, class Inner, std::size_t R>
inline constexpr bool holds_host_function<Evaluator<Inner, R>> = holds_host_function<Inner>;
template <template <class, std::size_t, std::size_t> class Evaluator, class Inner, std::size_t A, std::size_t B>
inline constexpr bool holds_host_function<Evaluator<Inner, A, B>> = holds_host_function<Inner>;
template <template <class, class, std::size_t> class Evaluator, class Inner, class T, std::size_t R>
inline constexpr bool holds_host_function<Evaluator<Inner, T, R>> = holds_host_function<Inner>;
template <std::size_t R, class F, class... Evaluators>
inline constexpr bool holds_host_function<elementwise_evaluator<R, F, Evaluators...>> =
    holds_host_function<F> || (holds_host_function<Evaluators> || ...);

[[noreturn]] inline void throw_host_only(device const& where) {
  throw device_error("found a function marked host_only in an expression for " + where.name() +
                     "; give it a function object, a LOCKSTEP_FUNCTION or a __device__ lambda, or copy the arrays to "
                     "a CPU device with array::to(device)");
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
