// Calls of the CUDA runtime, and of NCCL, that fail when they are told to. The program's own definitions of the
// functions (calls.cpp, nccl_calls.cpp) come before those of the shared libraries. Any thread may call them.
#pragma once

#include <dlfcn.h>

namespace faults {

/// The function that a definition of the program's own comes before.
template <class F>
F* next(F*, char const* name) {
  return reinterpret_cast<F*>(dlsym(RTLD_NEXT, name));
}

/// The k-th call from now on, counted from 1, fails without doing anything; 0: none does.
void fail_call(int k);
/// Fails the k-th call of one function only, such as "cudaGraphLaunch".
void fail_call_of(char const* function, int k);
/// Which call failed since then; nullptr: none did, for there were not as many.
char const* failed_call();

/// For the definitions of functions, which give the address they return to: whether this call is to fail. Counts it.
/// Only the program's own calls count and fail: what libraries call among themselves is theirs.
bool fails(char const* function, void const* caller);
/// How often a function was called.
int calls_of(char const* function);

/// Calls of NCCL do their work, but say so only when they have been asked this often; a negative number: they never do.
void delay_nccl(int questions);

/// How often cudaStreamSynchronize was called.
int synchronizations();

}  // namespace faults
