// mpi_message: what processes send each other through MPI, and the memory that it passes through.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
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
  char call[136];  ///< that collective in words
};
static_assert(sizeof(mpi_envelope) % 64 == 0, "what follows it in a buffer is aligned as the buffer is");

/// Up to so many bytes are one message of MPI's, with the envelope. More are cut into pieces, the first of which
/// travels with the envelope unless it lies on a device.
inline constexpr std::size_t mpi_inline_bytes = std::size_t{1} << 14;
inline constexpr std::size_t mpi_piece_bytes = std::size_t{1} << 18;
inline constexpr std::size_t mpi_device_piece_bytes = std::size_t{1} << 20;

/// MPI's tags of messages whose bytes follow in pieces. The pieces of those from `first_device_stream` on lie on
/// devices.
inline constexpr std::uint32_t mpi_streams = 16000;  // of each sort: every MPI has tags up to 32767
inline constexpr std::uint32_t first_device_stream = 1 + mpi_streams;

/// Uninitialized memory that MPI reads and writes, of the host (then aligned for any vector) or of a device.
class mpi_buffer {
 public:
  mpi_buffer() = default;
  explicit mpi_buffer(std::size_t bytes) : data_(on_host(bytes)), bytes_(bytes) {}
  /// On the device if it has memory, otherwise on the host.
  mpi_buffer(std::size_t bytes, std::shared_ptr<message_memory> device) : bytes_(bytes) {
    data_ = static_cast<unsigned char*>(device->allocate(bytes));
    if (data_)
      device_ = std::move(device);
    else
      data_ = on_host(bytes);
  }
  mpi_buffer(mpi_buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(other.bytes_), device_(std::move(other.device_)) {}
  mpi_buffer& operator=(mpi_buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(device_, other.device_);
    return *this;
  }
  ~mpi_buffer() {
    if (device_)
      device_->deallocate(data_);
    else
      ::operator delete(data_, std::align_val_t(64));
  }

  unsigned char* get() const { return data_; }
  std::size_t bytes() const { return bytes_; }
  /// Null for memory of the host.
  message_memory* device() const { return device_.get(); }

 private:
  static unsigned char* on_host(std::size_t bytes) {
    return static_cast<unsigned char*>(::operator new(bytes, std::align_val_t(64)));
  }

  unsigned char* data_ = nullptr;
  std::size_t bytes_ = 0;
  std::shared_ptr<message_memory> device_;
};

/// Memory of messages, kept for the next ones: those with their envelopes, pieces, and pieces on devices.
class mpi_buffers {
 public:
  /// For `bytes` bytes at least.
  mpi_buffer take(std::size_t bytes, std::shared_ptr<message_memory> const& device = nullptr) {
    if (device) {
      for (mpi_buffer& each : on_devices_)
        if (each.device() == device.get()) return taken(on_devices_, each);
      return mpi_buffer(mpi_device_piece_bytes, device);
    }
    if (bytes > large_bytes) return mpi_buffer(bytes);
    auto& kept = bytes <= small_bytes ? small_ : large_;
    if (kept.empty()) return mpi_buffer(bytes <= small_bytes ? small_bytes : large_bytes);
    return taken(kept, kept.back());
  }
  void give(mpi_buffer used) {
    if (!used.get()) return;
    if (used.device())
      keep(on_devices_, used, 16);
    else if (used.bytes() == small_bytes)
      keep(small_, used, 64);
    else if (used.bytes() == large_bytes)
      keep(large_, used, 32);
  }
  /// Lets go of what lies on devices.
  void leave_devices() { on_devices_.clear(); }

 private:
  static constexpr std::size_t small_bytes = sizeof(mpi_envelope) + mpi_inline_bytes;
  static constexpr std::size_t large_bytes = sizeof(mpi_envelope) + mpi_piece_bytes;

  static mpi_buffer taken(std::vector<mpi_buffer>& from, mpi_buffer& which) {
    std::swap(which, from.back());
    mpi_buffer found = std::move(from.back());
    from.pop_back();
    return found;
  }
  static void keep(std::vector<mpi_buffer>& kept, mpi_buffer& used, std::size_t most) {
    if (kept.size() < most) kept.push_back(std::move(used));
  }

  std::vector<mpi_buffer> small_, large_, on_devices_;
};

/// Whether an operation of MPI is over.
inline bool mpi_done(MPI_Request& request) {
  int over = 1;
  mpi_library::check(MPI_Test(&request, &over, MPI_STATUS_IGNORE), "MPI_Test");
  return over != 0;
}

}  // namespace lockstep
