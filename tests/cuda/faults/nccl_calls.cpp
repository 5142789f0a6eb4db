// See calls.hpp: the functions of NCCL. Those that end a communicator never fail.
#include <cuda_runtime_api.h>
#include <nccl.h>

#include <atomic>

#include "calls.hpp"
#include "nccl_fills.hpp"

namespace faults {
namespace {

std::atomic<int> delay{0};
thread_local int questions_left = 0;

/// What the caller gets to hear of a call that gave `status`: a communicator that never blocks is often still at it.
ncclResult_t heard(ncclResult_t status) {
  questions_left = delay;
  return status == ncclSuccess && questions_left != 0 ? ncclInProgress : status;
}

}  // namespace

void delay_nccl(int questions) { delay = questions; }

}  // namespace faults

extern "C" {

#define FAULTS_CALL(NAME, PARAMETERS, ARGUMENTS)                                   \
  ncclResult_t NAME PARAMETERS {                                                   \
    static auto* const real = faults::next(&NAME, #NAME);                          \
    if (faults::fails(#NAME, __builtin_return_address(0))) return ncclSystemError; \
    return faults::heard(real ARGUMENTS);                                          \
  }
// Fails after it has been done, where the simulator's other ranks, unlike NCCL's, would wait for this one.
#define FAULTS_LATE_CALL(NAME, PARAMETERS, ARGUMENTS)                                                   \
  ncclResult_t NAME PARAMETERS {                                                                        \
    static auto* const real = faults::next(&NAME, #NAME);                                               \
    ncclResult_t const status = real ARGUMENTS;                                                         \
    return faults::fails(#NAME, __builtin_return_address(0)) ? ncclSystemError : faults::heard(status); \
  }

FAULTS_LATE_CALL(ncclCommInitRankConfig, (ncclComm_t * c, int n, ncclUniqueId id, int rank, ncclConfig_t* how),
                 (c, n, id, rank, how))
FAULTS_LATE_CALL(ncclCommSplit, (ncclComm_t c, int color, int key, ncclComm_t* part, ncclConfig_t* how),
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
FAULTS_CALL(ncclBroadcast,
            (void const* from, void* to, size_t n, ncclDataType_t t, int root, ncclComm_t c, cudaStream_t s),
            (from, to, n, t, root, c, s))
FAULTS_CALL(ncclSend, (void const* from, size_t n, ncclDataType_t t, int peer, ncclComm_t c, cudaStream_t s),
            (from, n, t, peer, c, s))

ncclResult_t ncclGroupEnd() {  // late, too
  static auto* const real = faults::next(&ncclGroupEnd, "ncclGroupEnd");
  ncclResult_t const status = faults::filled_group_end(real);
  return faults::fails("ncclGroupEnd", __builtin_return_address(0)) ? ncclSystemError : faults::heard(status);
}
ncclResult_t ncclAllGather(void const* from, void* to, size_t n, ncclDataType_t t, ncclComm_t c, cudaStream_t s) {
  static auto* const real = faults::next(&ncclAllGather, "ncclAllGather");
  if (faults::fails("ncclAllGather", __builtin_return_address(0))) return ncclSystemError;
  return faults::heard(faults::filled_all_gather(real, from, to, n, t, c, s));
}
ncclResult_t ncclRecv(void* to, size_t n, ncclDataType_t t, int peer, ncclComm_t c, cudaStream_t s) {
  static auto* const real = faults::next(&ncclRecv, "ncclRecv");
  if (faults::fails("ncclRecv", __builtin_return_address(0))) return ncclSystemError;
  return faults::heard(faults::filled_receive(real, to, n, t, peer, c, s));
}

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  static auto* const real = faults::next(&ncclGetUniqueId, "ncclGetUniqueId");
  return faults::fails("ncclGetUniqueId", __builtin_return_address(0)) ? ncclSystemError : real(id);
}
ncclResult_t ncclGroupStart() {
  static auto* const real = faults::next(&ncclGroupStart, "ncclGroupStart");
  return faults::fails("ncclGroupStart", __builtin_return_address(0)) ? ncclSystemError : real();
}
ncclResult_t ncclCommGetAsyncError(ncclComm_t c, ncclResult_t* state) {
  static auto* const real = faults::next(&ncclCommGetAsyncError, "ncclCommGetAsyncError");
  if (faults::fails("ncclCommGetAsyncError", __builtin_return_address(0))) return ncclSystemError;
  ncclResult_t const status = real(c, state);
  if (faults::questions_left == 0) return status;
  if (faults::questions_left > 0) --faults::questions_left;
  *state = ncclInProgress;
  return status;
}

}  // extern "C"
