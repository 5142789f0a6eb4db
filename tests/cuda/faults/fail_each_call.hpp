// Makes each call of some work fail in turn: that ends in the right exception, which names the call, and the same work
// succeeds afterwards.
#pragma once

#include <cuda_runtime_api.h>
#include <doctest/doctest.h>

#include <functional>
#include <lockstep/core/error.hpp>
#include <stdexcept>
#include <string>

#include "calls.hpp"

namespace fault_tests {

namespace ls = lockstep;

/// For work that is to fail: doctest's own checks would catch what it throws.
inline void require(bool right) {
  if (!right) throw std::logic_error("wrong result");
}

/// Calls whose errors do not come out where they are made to give something back, which must not throw, or (memory) are
/// made again after waiting for what the stream is about to give back.
inline bool may_pass(std::string const& call) {
  return call == "cudaGetDevice" || call == "cudaSetDevice" || call == "cudaMallocAsync" ||
         call == "cudaStreamSynchronize" || call == "cudaEventSynchronize";
}
inline bool names(std::string const& message, std::string const& call) {
  if (call == "ncclCommGetAsyncError") return message.find("ncclComm") != std::string::npos;  // what was under way
  for (std::string const& part : {call, std::string("the launch"), std::string("a call of CUB"), std::string("cuBLAS"),
                                  std::string("found no "), std::string("ncclSend and ncclRecv")})
    if (message.find(part) != std::string::npos) return true;
  return false;
}

/// Fails each call of `work` in turn until there are no more; returns how many there were.
inline int fail_each_call(std::string const& name, std::function<void()> const& work) {
  work();
  for (int k = 1;; ++k) {
    faults::fail_call(k);
    std::string caught, kind;
    try {
      work();
    } catch (ls::out_of_memory const& e) {
      caught = e.what(), kind = "out_of_memory";
    } catch (ls::communication_error const& e) {
      caught = e.what(), kind = "communication_error";
    } catch (ls::device_error const& e) {
      caught = e.what(), kind = "device_error";
    } catch (std::logic_error const& e) {
      caught = e.what(), kind = "wrong result";
    }
    std::string const call = faults::failed_call() ? faults::failed_call() : "";
    faults::fail_call(0);
    if (call.empty()) {
      CHECK(k > 1);
      return k - 1;
    }
    INFO(name << ", call " << k << ", " << call << ": " << kind << " " << caught);
    bool const allocates = call == "cudaMallocAsync" || call == "cudaHostAlloc" || call == "cublasCreate_v2";
    bool const right = caught.empty() ? may_pass(call) : names(caught, call);
    CHECK(right);
    char const* const expected = call.rfind("nccl", 0) == 0 ? "communication_error"
                                 : allocates                ? "out_of_memory"
                                                            : "device_error";
    if (!caught.empty()) CHECK(kind == expected);
    bool const is_clean = cudaGetLastError() == cudaSuccess || caught.empty();
    CHECK(is_clean);
    work();
  }
}

}  // namespace fault_tests
