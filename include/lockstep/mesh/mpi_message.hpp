// mpi_message: what processes send each other through MPI, and the memory that it passes through.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "message_memory.hpp"
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

/// MPI's tags of messages whose bytes follow in pieces. The pieces of those from `first_device_stream` on lie on
/// devices.
inline constexpr std::uint32_t mpi_streams = 16000;  // of each sort: every MPI has tags up to 32767
inline constexpr std::uint32_t first_device_stream = 1 + mpi_streams;

/// Uninitialized memory that MPI reads and writes, of the host or of a device.
class mpi_buffer {
 public:
  mpi_buffer() = default;
  explicit mpi_buffer(std::size_t bytes) : data_(new unsigned char[bytes]) {}
  /// On the device if it has memory, otherwise on the host.
  mpi_buffer(std::size_t bytes, std::shared_ptr<message_memory> device) {
    data_ = static_cast<unsigned char*>(device->allocate(bytes));
    if (data_)
      device_ = std::move(device);
    else
      data_ = new unsigned char[bytes];
  }
  mpi_buffer(mpi_buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), device_(std::move(other.device_)) {}
  mpi_buffer& operator=(mpi_buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(device_, other.device_);
    return *this;
  }
  ~mpi_buffer() {
    if (device_)
      device_->deallocate(data_);
    else
      delete[] data_;
  }

  unsigned char* get() const { return data_; }
  /// Null for memory of the host.
  message_memory* device() const { return device_.get(); }

 private:
  unsigned char* data_ = nullptr;
  std::shared_ptr<message_memory> device_;
};

/// Memory of pieces, kept for the next ones.
class mpi_pieces {
 public:
  mpi_buffer take(std::shared_ptr<message_memory> const& device = nullptr) {
    for (std::size_t i = kept_.size(); i-- > 0;)
      if (kept_[i].device() == device.get()) {
        std::swap(kept_[i], kept_.back());
        mpi_buffer found = std::move(kept_.back());
        kept_.pop_back();
        return found;
      }
    return device ? mpi_buffer(mpi_piece_bytes, device) : mpi_buffer(mpi_piece_bytes);
  }
  void give(mpi_buffer used) {
    if (used.get() && kept_.size() < most_kept) kept_.push_back(std::move(used));
  }
  /// Lets go of what lies on devices.
  void leave_devices() {
    std::erase_if(kept_, [](mpi_buffer const& each) { return each.device() != nullptr; });
  }

 private:
  static constexpr std::size_t most_kept = 16;
  std::vector<mpi_buffer> kept_;
};

/// Whether an operation of MPI is over.
inline bool mpi_done(MPI_Request& request) {
  int over = 1;
  mpi_library::check(MPI_Test(&request, &over, MPI_STATUS_IGNORE), "MPI_Test");
  return over != 0;
}

}  // namespace lockstep
