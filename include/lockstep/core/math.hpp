// The mathematical functions of expressions, as scalar functions that compilers turn into vectors at -O3.
#pragma once

#include "math/binary.hpp"
#include "math/unary.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
/// Mathematical functions for float and double, with integers taken as double as in <cmath>.
///
/// A plain loop `for (...) out[j] = math::exp(x[j]);` becomes vector instructions with g++ and clang at -O3 and no
/// other flag: nothing branches, sets errno, looks up a table or calls the C library (the last row does). Special
/// values are those of C; the sign of a zero among fmin's and fmax's equal zeros is not defined. A value's result does
/// not depend on where it stands in a loop, but may differ in the last places between instruction sets with and without
/// fused multiply-add. Rounding to nearest is assumed. In device code, the functions are CUDA's.
///
/// Bounds of the error in units in the last place (1/2 is a correctly rounded result); the tests hold them, for floats
/// over all arguments:
///
/// | function                          | float    | double   | vectorizes |
/// | --------------------------------- | -------- | -------- | ---------- |
/// | sqrt, floor, ceil, trunc, round, rint, abs, copysign, fmin, fmax | exact | exact | yes |
/// | fma                               | exact    | exact    | with FMA instructions |
/// | cbrt                              | 1        | 1        | yes        |
/// | exp, exp2, log, log2, log10, erf  | 1.5      | 1.5      | yes        |
/// | pow, hypot                        | 1        | 1.5      | yes        |
/// | acos                              | 1.5      | 1.5      | yes        |
/// | rsqrt, log1p, asin, cosh          | 2        | 2        | yes        |
/// | expm1                             | 2        | 3        | yes        |
/// | sin, cos, atan, atan2, asinh, acosh, atanh | 2.5 | 2.5  | yes        |
/// | sinh                              | 2.5      | 3        | yes        |
/// | tan, tanh, sigmoid                | 3        | 3        | yes        |
/// | erfc                              | 4        | 4        | yes        |
/// | fmod, remainder                   | exact    | exact    | no         |
/// | tgamma, lgamma                    | the C library's |   | no         |
///
/// sin, cos and tan take every float. Of double they take |x| <= 2^45 (3.5e13), and give NaN beyond, where neighboring
/// doubles are 1/128 apart. Without SSE4.2, g++ leaves some functions of double and pow scalar; they are right all the
/// same.
namespace math {}
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
