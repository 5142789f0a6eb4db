// What arguments the mathematical functions take, and how they are computed on either side: in loops or by CUDA.
#pragma once

#include <type_traits>

#include "../config.hpp"
#if defined(__CUDA_ARCH__)
#include "device.cuh"
#else
#include "error_function.hpp"
#include "exponential.hpp"
#include "hyperbolic.hpp"
#include "inverse_trigonometric.hpp"
#include "logarithm.hpp"
#include "power.hpp"
#include "root.hpp"
#include "rounding.hpp"
#include "trigonometric.hpp"
#endif

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace math {
namespace detail {

template <class T>
concept number = std::is_same_v<T, float> || std::is_same_v<T, double> || std::is_integral_v<T>;

/// float if all are, double otherwise, as in <cmath>.
template <class... T>
using real = std::conditional_t<(std::is_same_v<T, float> && ...), float, double>;

}  // namespace detail

}  // namespace math
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
