// NCCL's receiving calls, made after what they are to receive has been filled. What is queued behind a call that is
// aborted reads that memory, for a result that is undefined: checkers are to look for all other reads of memory that
// was never written. A call that is not aborted replaces every byte. (lockstep receives bytes, in a group or by one
// call, and sends none of what it receives.)
#pragma once

#include <cuda_runtime_api.h>
#include <nccl.h>

#include <vector>

#include "calls.hpp"

namespace faults {

struct filled {
  cudaEvent_t done;
  cudaStream_t stream;
};
inline thread_local std::vector<filled> fills;  // before calls that are being made

/// Fills what a call is to receive, before it.
inline void fill_before(void* to, size_t bytes, cudaStream_t s) {
  cudaEvent_t done;
  static_cast<void>(next(&cudaMemsetAsync, "cudaMemsetAsync")(to, 0xff, bytes, s));
  if (next(&cudaEventCreateWithFlags, "cudaEventCreateWithFlags")(&done, cudaEventDisableTiming) != cudaSuccess) return;
  static_cast<void>(next(&cudaEventRecord, "cudaEventRecord")(done, s));
  fills.push_back({done, s});
}
/// After the call: says that what comes next comes after the fills, too, which a simulator forgets of aborted calls.
inline void order_fills() {
  for (auto const& [done, stream] : fills) {
    static_cast<void>(next(&cudaStreamWaitEvent, "cudaStreamWaitEvent")(stream, done, 0));
    static_cast<void>(next(&cudaEventDestroy, "cudaEventDestroy")(done));
  }
  fills.clear();
}

inline ncclResult_t filled_all_gather(decltype(ncclAllGather)* real, void const* from, void* to, size_t n,
                                      ncclDataType_t t, ncclComm_t c, cudaStream_t s) {
  int ranks = 0;
  if (ncclCommCount(c, &ranks) == ncclSuccess) fill_before(to, n * static_cast<size_t>(ranks), s);
  ncclResult_t const status = real(from, to, n, t, c, s);
  order_fills();
  return status;
}
/// In a group.
inline ncclResult_t filled_receive(decltype(ncclRecv)* real, void* to, size_t n, ncclDataType_t t, int peer,
                                   ncclComm_t c, cudaStream_t s) {
  fill_before(to, n, s);
  return real(to, n, t, peer, c, s);
}
inline ncclResult_t filled_group_end(decltype(ncclGroupEnd)* real) {
  ncclResult_t const status = real();
  order_fills();
  return status;
}

}  // namespace faults
