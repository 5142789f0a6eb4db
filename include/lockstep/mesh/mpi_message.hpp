// mpi_message: what processes send each other through MPI, and the memory that it passes through.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "mpi_library.hpp"

namespace lockstep {

/// abandoned: no more of a message will come; alive: its process still works on the run.
enum class mpi_message : std::uint32_t { data, failure, departure, abandoned, alive };

/// What stands before the bytes of a message.
struct mpi_envelope {
  mpi_message what;
  std::uint32_t source, target;  ///< ranks in the mesh
  std::int32_t tag;              ///< as in communication_engine
  std::uint32_t stream;          ///< MPI's tag of this and of the bytes that follow it; 0 when none do
  std::uint32_t reserved;
  std::uint64_t run;     ///< number of the spmd call on this mesh
  std::uint64_t group;   ///< which split
  std::uint64_t number;  ///< of the collective that it belongs to
  std::uint64_t bytes;
  char call[88];  ///< that collective in words
};

/// Up to so many bytes travel with the envelope; more follow in pieces.
inline constexpr std::size_t mpi_inline_bytes = std::size_t{1} << 14;
inline constexpr std::size_t mpi_piece_bytes = std::size_t{1} << 20;

/// Uninitialized memory of pieces, kept for the next ones.
class mpi_pieces {
 public:
  using buffer = std::unique_ptr<unsigned char[]>;

  buffer take() {
    if (kept_.empty()) return std::make_unique_for_overwrite<unsigned char[]>(mpi_piece_bytes);
    buffer last = std::move(kept_.back());
    kept_.pop_back();
    return last;
  }
  void give(buffer used) {
    if (used && kept_.size() < 16) kept_.push_back(std::move(used));
  }

 private:
  std::vector<buffer> kept_;
};

/// Whether an operation of MPI is over.
inline bool mpi_done(MPI_Request& request) {
  int over = 1;
  mpi_library::check(MPI_Test(&request, &over, MPI_STATUS_IGNORE), "MPI_Test");
  return over != 0;
}

}  // namespace lockstep
