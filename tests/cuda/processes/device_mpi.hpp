// Stands in for an MPI that takes memory of GPUs: what the real one could not read or write goes through the host here.
// DEVICE_MPI=1 in the environment makes MPI say that it is one.
#pragma once

#include <mpi.h>

#include <atomic>
#include <cstdlib>
#include <lockstep/mesh/mpi_library.hpp>
#include <map>
#include <mutex>
#include <vector>

namespace device_mpi {

inline bool says_so() {
  char const* const said = std::getenv("DEVICE_MPI");
  return said && *said == '1';
}

/// Bytes that MPI has been given on GPUs.
inline std::atomic<std::size_t> sent{0}, received{0};

inline bool lies_on_gpu(void const* data) {
  cudaPointerAttributes found = {};
  return data && cudaPointerGetAttributes(&found, data) == cudaSuccess && found.type == cudaMemoryTypeDevice;
}

/// An operation on memory of a GPU that is under way.
struct transfer {
  std::vector<unsigned char> host;
  void* to = nullptr;
};
inline std::mutex mutex;
inline std::map<MPI_Request, transfer> under_way;

inline void end(MPI_Request request) {
  transfer ended;
  {
    std::lock_guard const lock(mutex);
    auto const found = under_way.find(request);
    if (found == under_way.end()) return;
    ended = std::move(found->second);
    under_way.erase(found);
  }
  if (!ended.to) return;
  lockstep::cuda::check(cudaMemcpy(ended.to, ended.host.data(), ended.host.size(), cudaMemcpyHostToDevice),
                        "cudaMemcpy");
  received += ended.host.size();
}
inline void begin(MPI_Request request, transfer&& t) {
  std::lock_guard const lock(mutex);
  under_way[request] = std::move(t);
}

}  // namespace device_mpi

// These take the place of MPI's functions, and pass on what they are asked.
extern "C" {

int MPIX_Query_cuda_support() { return device_mpi::says_so(); }

int MPI_Isend(void const* data, int count, MPI_Datatype type, int to, int tag, MPI_Comm comm, MPI_Request* request) {
  if (!device_mpi::says_so() || !device_mpi::lies_on_gpu(data))
    return PMPI_Isend(data, count, type, to, tag, comm, request);
  device_mpi::transfer mine{std::vector<unsigned char>(static_cast<std::size_t>(count))};
  lockstep::cuda::check(cudaMemcpy(mine.host.data(), data, mine.host.size(), cudaMemcpyDeviceToHost), "cudaMemcpy");
  device_mpi::sent += mine.host.size();
  int const code = PMPI_Isend(mine.host.data(), count, type, to, tag, comm, request);
  device_mpi::begin(*request, std::move(mine));
  return code;
}
int MPI_Imrecv(void* data, int count, MPI_Datatype type, MPI_Message* message, MPI_Request* request) {
  if (!device_mpi::says_so() || !device_mpi::lies_on_gpu(data)) return PMPI_Imrecv(data, count, type, message, request);
  device_mpi::transfer mine{std::vector<unsigned char>(static_cast<std::size_t>(count)), data};
  int const code = PMPI_Imrecv(mine.host.data(), count, type, message, request);
  device_mpi::begin(*request, std::move(mine));
  return code;
}
int MPI_Test(MPI_Request* request, int* over, MPI_Status* status) {
  MPI_Request const asked = *request;
  int const code = PMPI_Test(request, over, status);
  if (*over) device_mpi::end(asked);
  return code;
}

}  // extern "C"
