// Which evaluators are known to cost next to nothing beside reading memory.
#pragma once

#include "../../core/function_objects.hpp"
#include "../../expression/elementwise.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// True for evaluators that take a vector instruction or two per value: sums, products and what else is light, of what
/// is in memory, gathered from memory, or constant.
template <class Evaluator>
inline constexpr bool is_light_evaluator = false;
template <class T, std::size_t R>
inline constexpr bool is_light_evaluator<memory_evaluator<T, R>> = std::is_arithmetic_v<T>;
template <class T, std::size_t R>
inline constexpr bool is_light_evaluator<constant_evaluator<T, R>> = std::is_arithmetic_v<T>;
template <class Inner, std::size_t r, std::size_t R>
inline constexpr bool is_light_evaluator<repeated_evaluator<Inner, r, R>> = r == R&& is_light_evaluator<Inner>;
template <std::size_t R, class F, class... Evaluators>
inline constexpr bool is_light_evaluator<elementwise_evaluator<R, F, Evaluators...>> =
    is_light_function<F> && (is_light_evaluator<Evaluators> && ...);
template <class Evaluator>
requires(Evaluator::gathers) inline constexpr bool is_light_evaluator<Evaluator> =
    is_light_evaluator<decltype(Evaluator::source)> && is_light_evaluator<decltype(Evaluator::indices)>;

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
