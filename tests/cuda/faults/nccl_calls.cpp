// See calls.hpp: the functions of NCCL. Those that end a communicator never fail.
#include <cuda_runtime_api.h>
#include <dlfcn.h>
#include <nccl.h>

#include <atomic>
#include <vector>

#include "calls.hpp"

namespace faults {
namespace {

std::atomic<int> delay{0};
thread_local int questions_left = 0;

template <class F>
F* next(F*, char const* name) {
  return reinterpret_cast<F*>(dlsym(RTLD_NEXT, name));
}

/// What the caller gets to hear of a call that gave `status`: a communicator that never blocks is often still at it.
ncclResult_t heard(ncclResult_t status) {
  questions_left = delay;
  return status == ncclSuccess && questions_left != 0 ? ncclInProgress : status;
}

#define FAULTS_REAL(NAME) next(&NAME, #NAME)

struct filled {
  cudaEvent_t done;
  cudaStream_t stream;
};
thread_local std::vector<filled> fills;  // before calls that are being made

/// Fills what a call is to receive, before it. What is queued behind a call that is aborted reads that memory, for a
/// result that is undefined: checkers are to look for all other reads of memory that was never written. A call that is
/// not aborted replaces every byte.
void fill_before(void* to, size_t bytes, cudaStream_t s) {
  cudaEvent_t done;
  static_cast<void>(FAULTS_REAL(cudaMemsetAsync)(to, 0xff, bytes, s));
  if (FAULTS_REAL(cudaEventCreateWithFlags)(&done, cudaEventDisableTiming) != cudaSuccess) return;
  static_cast<void>(FAULTS_REAL(cudaEventRecord)(done, s));
  fills.push_back({done, s});
}
/// After the call: says that what comes next comes after the fills, too, which a simulator forgets of aborted calls.
void order_fills() {
  for (auto const& [done, stream] : fills) {
    static_cast<void>(FAULTS_REAL(cudaStreamWaitEvent)(stream, done, 0));
    static_cast<void>(FAULTS_REAL(cudaEventDestroy)(done));
  }
  fills.clear();
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
  ncclResult_t const status = real();
  faults::order_fills();
  return faults::fails("ncclGroupEnd", __builtin_return_address(0)) ? ncclSystemError : faults::heard(status);
}
// lockstep receives bytes, in a group or by one call, and sends none of what it receives.
ncclResult_t ncclAllGather(void const* from, void* to, size_t n, ncclDataType_t t, ncclComm_t c, cudaStream_t s) {
  static auto* const real = faults::next(&ncclAllGather, "ncclAllGather");
  if (faults::fails("ncclAllGather", __builtin_return_address(0))) return ncclSystemError;
  int ranks = 0;
  if (ncclCommCount(c, &ranks) == ncclSuccess) faults::fill_before(to, n * static_cast<size_t>(ranks), s);
  ncclResult_t const status = real(from, to, n, t, c, s);
  faults::order_fills();
  return faults::heard(status);
}
ncclResult_t ncclRecv(void* to, size_t n, ncclDataType_t t, int peer, ncclComm_t c, cudaStream_t s) {
  static auto* const real = faults::next(&ncclRecv, "ncclRecv");
  if (faults::fails("ncclRecv", __builtin_return_address(0))) return ncclSystemError;
  faults::fill_before(to, n, s);
  return faults::heard(real(to, n, t, peer, c, s));
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
