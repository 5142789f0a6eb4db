// See calls.hpp: the functions of NCCL. Those that end a communicator never fail.
#include <dlfcn.h>
#include <nccl.h>

#include "calls.hpp"

extern "C" {

#define FAULTS_CALL(NAME, PARAMETERS, ARGUMENTS)                                                 \
  ncclResult_t NAME PARAMETERS {                                                                 \
    static auto* const real = reinterpret_cast<decltype(&NAME)>(dlsym(RTLD_NEXT, #NAME));        \
    return faults::fails(#NAME, __builtin_return_address(0)) ? ncclSystemError : real ARGUMENTS; \
  }

FAULTS_CALL(ncclCommInitAll, (ncclComm_t * all, int n, int const* numbers), (all, n, numbers))
FAULTS_CALL(ncclCommSplit, (ncclComm_t c, int color, int key, ncclComm_t* part, ncclConfig_t* how),
            (c, color, key, part, how))
FAULTS_CALL(ncclAllReduce,
            (void const* from, void* to, size_t n, ncclDataType_t t, ncclRedOp_t op, ncclComm_t c, cudaStream_t s),
            (from, to, n, t, op, c, s))
FAULTS_CALL(ncclReduce,
            (void const* from, void* to, size_t n, ncclDataType_t t, ncclRedOp_t op, int root, ncclComm_t c,
             cudaStream_t s),
            (from, to, n, t, op, root, c, s))
FAULTS_CALL(ncclReduceScatter,
            (void const* from, void* to, size_t n, ncclDataType_t t, ncclRedOp_t op, ncclComm_t c, cudaStream_t s),
            (from, to, n, t, op, c, s))
FAULTS_CALL(ncclAllGather, (void const* from, void* to, size_t n, ncclDataType_t t, ncclComm_t c, cudaStream_t s),
            (from, to, n, t, c, s))
FAULTS_CALL(ncclBroadcast,
            (void const* from, void* to, size_t n, ncclDataType_t t, int root, ncclComm_t c, cudaStream_t s),
            (from, to, n, t, root, c, s))
FAULTS_CALL(ncclSend, (void const* from, size_t n, ncclDataType_t t, int peer, ncclComm_t c, cudaStream_t s),
            (from, n, t, peer, c, s))
FAULTS_CALL(ncclRecv, (void* to, size_t n, ncclDataType_t t, int peer, ncclComm_t c, cudaStream_t s),
            (to, n, t, peer, c, s))
FAULTS_CALL(ncclGroupStart, (), ())

// Ends the group also when it fails, as NCCL does.
ncclResult_t ncclGroupEnd() {
  static auto* const real = reinterpret_cast<decltype(&ncclGroupEnd)>(dlsym(RTLD_NEXT, "ncclGroupEnd"));
  if (!faults::fails("ncclGroupEnd", __builtin_return_address(0))) return real();
  static_cast<void>(real());
  return ncclSystemError;
}

}  // extern "C"
