// See calls.hpp. Functions that report what is asked (cudaGetLastError) and those that give something back, whose
// errors nobody could act on, never fail.
#include "calls.hpp"

#include <cublas_v2.h>
#include <cuda_runtime_api.h>
#include <dlfcn.h>

#include <cstring>
#include <map>
#include <mutex>
#include <string>

namespace faults {
namespace {

std::mutex mutex;  // guards what follows
int until_failure = 0, waits = 0;
char const* failing_function = nullptr;
char const* failed = nullptr;
std::map<std::string, int> calls;

/// The file, program or library, that holds an address.
void* file_of(void const* address) {
  Dl_info found = {};
  return dladdr(address, &found) ? found.dli_fbase : nullptr;
}

}  // namespace

bool fails(char const* function, void const* caller) {
  static void* const program = file_of(&calls);
  if (file_of(caller) != program) return false;

  {
    std::lock_guard const lock(mutex);
    ++calls[function];
    if (until_failure == 0 || (failing_function && std::strcmp(failing_function, function) != 0)) return false;
    if (--until_failure > 0) return false;
    failed = function;
  }  // the runtime takes a lock of its own, under which it may call what comes here
  static auto* const set_device = next(&cudaSetDevice, "cudaSetDevice");
  static_cast<void>(set_device(-1));  // so that CUDA has a last error, which is how CUB learns of a failed launch
  return true;
}
int calls_of(char const* function) {
  std::lock_guard const lock(mutex);
  return calls[function];
}

void fail_call_of(char const* function, int k) {
  std::lock_guard const lock(mutex);
  failing_function = function;
  failed = nullptr;
  until_failure = k;
}
void fail_call(int k) { fail_call_of(nullptr, k); }
char const* failed_call() {
  std::lock_guard const lock(mutex);
  return failed;
}
static void count_wait() {
  std::lock_guard const lock(mutex);
  ++waits;
}
int synchronizations() {
  std::lock_guard const lock(mutex);
  return waits;
}

}  // namespace faults

extern "C" {

#define FAULTS_CALL(NAME, ERROR, PARAMETERS, ARGUMENTS)                                \
  cudaError_t NAME PARAMETERS {                                                        \
    static auto* const real = faults::next(&NAME, #NAME);                              \
    return faults::fails(#NAME, __builtin_return_address(0)) ? ERROR : real ARGUMENTS; \
  }

FAULTS_CALL(cudaGetDevice, cudaErrorInitializationError, (int* n), (n))
FAULTS_CALL(cudaSetDevice, cudaErrorDevicesUnavailable, (int n), (n))
FAULTS_CALL(cudaGetDeviceCount, cudaErrorInitializationError, (int* n), (n))
FAULTS_CALL(cudaDeviceGetAttribute, cudaErrorInvalidValue, (int* v, cudaDeviceAttr a, int n), (v, a, n))
FAULTS_CALL(cudaFuncGetAttributes, cudaErrorInvalidDeviceFunction, (cudaFuncAttributes * a, void const* f), (a, f))
FAULTS_CALL(cudaFuncSetAttribute, cudaErrorInvalidValue, (void const* f, cudaFuncAttribute a, int v), (f, a, v))
FAULTS_CALL(cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags, cudaErrorInvalidDeviceFunction,
            (int* n, void const* f, int t, size_t s, unsigned int m), (n, f, t, s, m))
FAULTS_CALL(cudaStreamCreateWithFlags, cudaErrorInvalidValue, (cudaStream_t * s, unsigned f), (s, f))
FAULTS_CALL(cudaStreamGetDevice, cudaErrorInvalidResourceHandle, (cudaStream_t s, int* n), (s, n))
FAULTS_CALL(cudaStreamWaitEvent, cudaErrorInvalidResourceHandle, (cudaStream_t s, cudaEvent_t e, unsigned f), (s, e, f))
FAULTS_CALL(cudaEventCreateWithFlags, cudaErrorInvalidValue, (cudaEvent_t * e, unsigned f), (e, f))
FAULTS_CALL(cudaEventRecord, cudaErrorInvalidResourceHandle, (cudaEvent_t e, cudaStream_t s), (e, s))
FAULTS_CALL(cudaEventQuery, cudaErrorInvalidResourceHandle, (cudaEvent_t e), (e))
FAULTS_CALL(cudaEventSynchronize, cudaErrorInvalidResourceHandle, (cudaEvent_t e), (e))
FAULTS_CALL(cudaPointerGetAttributes, cudaErrorInvalidValue, (cudaPointerAttributes * a, void const* p), (a, p))
FAULTS_CALL(cudaStreamIsCapturing, cudaErrorInvalidResourceHandle, (cudaStream_t s, cudaStreamCaptureStatus* c), (s, c))
FAULTS_CALL(cudaDeviceGetDefaultMemPool, cudaErrorNotSupported, (cudaMemPool_t * p, int n), (p, n))
FAULTS_CALL(cudaMemPoolSetAttribute, cudaErrorInvalidValue, (cudaMemPool_t p, cudaMemPoolAttr a, void* v), (p, a, v))
FAULTS_CALL(cudaMallocAsync, cudaErrorMemoryAllocation, (void** p, size_t n, cudaStream_t s), (p, n, s))
FAULTS_CALL(cudaHostAlloc, cudaErrorMemoryAllocation, (void** p, size_t n, unsigned f), (p, n, f))
FAULTS_CALL(cudaMemPoolTrimTo, cudaErrorInvalidValue, (cudaMemPool_t p, size_t n), (p, n))
FAULTS_CALL(cudaMemcpyAsync, cudaErrorInvalidValue,
            (void* to, void const* from, size_t n, cudaMemcpyKind k, cudaStream_t s), (to, from, n, k, s))
FAULTS_CALL(cudaMemcpyPeerAsync, cudaErrorInvalidValue,
            (void* to, int a, void const* from, int b, size_t n, cudaStream_t s), (to, a, from, b, n, s))
FAULTS_CALL(cudaMemsetAsync, cudaErrorInvalidValue, (void* to, int v, size_t n, cudaStream_t s), (to, v, n, s))
FAULTS_CALL(cudaLaunchKernel, cudaErrorLaunchOutOfResources,
            (void const* f, dim3 g, dim3 b, void** a, size_t m, cudaStream_t s), (f, g, b, a, m, s))
FAULTS_CALL(__cudaLaunchKernel, cudaErrorLaunchOutOfResources,
            (cudaKernel_t f, dim3 g, dim3 b, void** a, size_t m, cudaStream_t s), (f, g, b, a, m, s))
FAULTS_CALL(cudaLaunchKernelExC, cudaErrorLaunchOutOfResources, (cudaLaunchConfig_t const* c, void const* f, void** a),
            (c, f, a))
FAULTS_CALL(cudaStreamBeginCapture, cudaErrorIllegalState, (cudaStream_t s, cudaStreamCaptureMode m), (s, m))
FAULTS_CALL(cudaGraphInstantiate, cudaErrorInvalidValue, (cudaGraphExec_t * e, cudaGraph_t g, unsigned long long f),
            (e, g, f))
FAULTS_CALL(cudaGraphLaunch, cudaErrorInvalidValue, (cudaGraphExec_t e, cudaStream_t s), (e, s))

// Ends the recording also when it fails, as CUDA does.
cudaError_t cudaStreamEndCapture(cudaStream_t s, cudaGraph_t* g) {
  static auto* const real = faults::next(&cudaStreamEndCapture, "cudaStreamEndCapture");
  cudaError_t const status = real(s, g);
  if (!faults::fails("cudaStreamEndCapture", __builtin_return_address(0))) return status;
  if (*g) cudaGraphDestroy(*g);
  *g = nullptr;
  return cudaErrorStreamCaptureInvalidated;
}

cudaError_t cudaStreamSynchronize(cudaStream_t s) {
  static auto* const real = faults::next(&cudaStreamSynchronize, "cudaStreamSynchronize");
  faults::count_wait();
  return faults::fails("cudaStreamSynchronize", __builtin_return_address(0)) ? cudaErrorLaunchTimeout : real(s);
}

cublasStatus_t cublasCreate_v2(cublasHandle_t* h) {
  static auto* const real = faults::next(&cublasCreate_v2, "cublasCreate_v2");
  return faults::fails("cublasCreate_v2", __builtin_return_address(0)) ? CUBLAS_STATUS_ALLOC_FAILED : real(h);
}
cublasStatus_t cublasSetStream_v2(cublasHandle_t h, cudaStream_t s) {
  static auto* const real = faults::next(&cublasSetStream_v2, "cublasSetStream_v2");
  return faults::fails("cublasSetStream_v2", __builtin_return_address(0)) ? CUBLAS_STATUS_NOT_INITIALIZED : real(h, s);
}
cublasStatus_t cublasSgemm_v2_64(cublasHandle_t h, cublasOperation_t ta, cublasOperation_t tb, int64_t m, int64_t n,
                                 int64_t k, float const* x, float const* a, int64_t ra, float const* b, int64_t rb,
                                 float const* y, float* c, int64_t rc) {
  static auto* const real = faults::next(&cublasSgemm_v2_64, "cublasSgemm_v2_64");
  return faults::fails("cublasSgemm_v2_64", __builtin_return_address(0))
             ? CUBLAS_STATUS_EXECUTION_FAILED
             : real(h, ta, tb, m, n, k, x, a, ra, b, rb, y, c, rc);
}

}  // extern "C"
