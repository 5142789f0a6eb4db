// The few functions of a CBLAS that we call, declared under names of our own: whoever includes <cblas.h> too sees no
// conflict, before or after us. Only templates refer to them, so that programs without matrix products link without
// a BLAS.
#pragma once

#include <cstdlib>
#include <cstring>

#include "../../core/config.hpp"

extern "C" {
void lockstep_cblas_sgemm(int order, int turn_a, int turn_b, int rows, int columns, int depth, float alpha,
                          float const* a, int a_step, float const* b, int b_step, float beta, float* c,
                          int c_step) __asm__("cblas_sgemm");
void lockstep_cblas_dgemm(int order, int turn_a, int turn_b, int rows, int columns, int depth, double alpha,
                          double const* a, int a_step, double const* b, int b_step, double beta, double* c,
                          int c_step) __asm__("cblas_dgemm");
void lockstep_cblas_sgemv(int order, int turn, int rows, int columns, float alpha, float const* a, int a_step,
                          float const* x, int x_step, float beta, float* y, int y_step) __asm__("cblas_sgemv");
void lockstep_cblas_dgemv(int order, int turn, int rows, int columns, double alpha, double const* a, int a_step,
                          double const* x, int x_step, double beta, double* y, int y_step) __asm__("cblas_dgemv");
__attribute__((weak)) int lockstep_openblas_get_num_threads(void) __asm__("openblas_get_num_threads");
__attribute__((weak)) void lockstep_openblas_set_num_threads(int) __asm__("openblas_set_num_threads");
__attribute__((weak)) char* lockstep_openblas_corename(void) __asm__("openblas_get_corename");
__attribute__((weak)) void lockstep_openblas_choose_kernels(void) __asm__("gotoblas_dynamic_init");
__attribute__((weak)) void lockstep_openblas_forget_kernels(void) __asm__("gotoblas_dynamic_quit");
}

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {
namespace blas {

inline constexpr int row_major = 101, as_it_lies = 111, turned = 112;

/// The kernels of OpenBLAS that this processor can run, by its names; null for processors without wide vectors.
inline char const* best_openblas_kernels() {
#if defined(__x86_64__) && defined(__GNUC__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512cd"))
    return "SkylakeX";
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "Haswell";
#endif
  return nullptr;
}

/// OpenBLAS knows processors by their model numbers, and gives those that came after it the kernels of 2004
/// ("Prescott", SSE3), which take 3 to 5 times as long. It is asked to choose again, by what the processor can do.
/// Whoever has set OPENBLAS_CORETYPE has chosen already. Returns whether other kernels are in use now.
inline bool mend_openblas_kernels() {
  char const* const variable = "OPENBLAS_CORETYPE";
  char const* const better = best_openblas_kernels();
  if (!better || !lockstep_openblas_corename || !lockstep_openblas_choose_kernels || !lockstep_openblas_forget_kernels)
    return false;
  if (std::getenv(variable) || std::strcmp(lockstep_openblas_corename(), "Prescott") != 0) return false;
  setenv(variable, better, 1);
  lockstep_openblas_forget_kernels();
  lockstep_openblas_choose_kernels();
  unsetenv(variable);
  return true;
}

/// Mended before main() runs in programs that have matrix products, because nobody may be using OpenBLAS meanwhile.
template <class = void>
inline bool const openblas_kernels_mended = mend_openblas_kernels();

/// We divide the work among our threads: threads of the BLAS's own would run against them. OpenBLAS is told so, for the
/// whole program, whenever a product begins; other libraries have to be told by their environment variables.
template <class = void>
void keep_serial() {
  static_cast<void>(openblas_kernels_mended<>);
  if (lockstep_openblas_get_num_threads && lockstep_openblas_set_num_threads &&
      lockstep_openblas_get_num_threads() != 1)
    lockstep_openblas_set_num_threads(1);
}

/// c = a b, of row-major matrices that are turned first where `turn` says so.
template <class T>
void gemm(int turn_a, int turn_b, index rows, index columns, index depth, T const* a, index a_step, T const* b,
          index b_step, bool add, T* c, index c_step) {
  auto const call = [&](auto* f) {
    f(row_major, turn_a, turn_b, static_cast<int>(rows), static_cast<int>(columns), static_cast<int>(depth), T(1), a,
      static_cast<int>(a_step), b, static_cast<int>(b_step), add ? T(1) : T(0), c, static_cast<int>(c_step));
  };
  if constexpr (sizeof(T) == sizeof(float))
    call(lockstep_cblas_sgemm);
  else
    call(lockstep_cblas_dgemm);
}

/// y = a x for a row-major matrix a, which is turned first where `turn` says so.
template <class T>
void gemv(int turn, index rows, index columns, T const* a, index a_step, T const* x, index x_step, bool add, T* y,
          index y_step) {
  auto const call = [&](auto* f) {
    f(row_major, turn, static_cast<int>(rows), static_cast<int>(columns), T(1), a, static_cast<int>(a_step), x,
      static_cast<int>(x_step), add ? T(1) : T(0), y, static_cast<int>(y_step));
  };
  if constexpr (sizeof(T) == sizeof(float))
    call(lockstep_cblas_sgemv);
  else
    call(lockstep_cblas_dgemv);
}

}  // namespace blas
}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
