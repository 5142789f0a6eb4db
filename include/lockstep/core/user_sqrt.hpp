// Lets loops over user functions that call std::sqrt vectorize under g++'s default flags. There sqrt may set errno, so
// that every element is a call; declaring it without that side effect leaves its results as they are, and measured a
// map of sqrt(x*x + y*y) 7 times as fast. The price: in files that include this header sqrt of a negative number may
// not set errno to EDOM. Clang has no such way: there use lockstep::math::sqrt in user functions.
#pragma once

#if defined(__GNUC__) && !defined(__clang__) && !defined(__CUDACC__)
extern "C" {
float __builtin_sqrtf(float) noexcept __attribute__((const));  // what std::sqrt(float) calls
double sqrt(double) noexcept __attribute__((const));           // what std::sqrt(double) is
}
#endif
