// Calls of the CUDA runtime that fail when they are told to. The program's own definitions of the runtime's functions
// (calls.cpp) come before those of the shared runtime.
#pragma once

namespace faults {

/// The k-th call from now on, counted from 1, fails without doing anything; 0: none does.
void fail_call(int k);
/// Fails the k-th call of one function only, such as "cudaGraphLaunch".
void fail_call_of(char const* function, int k);
/// Which call failed since then; nullptr: none did, for there were not as many.
char const* failed_call();

/// How often cudaStreamSynchronize was called.
int synchronizations();

}  // namespace faults
