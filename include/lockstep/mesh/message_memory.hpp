// message_memory: memory of a device as messages see it, for engines that can send it as it lies there.
#pragma once

#include <cstddef>

namespace lockstep {

class message_memory {
 public:
  message_memory() = default;
  message_memory(message_memory const&) = delete;
  message_memory& operator=(message_memory const&) = delete;
  virtual ~message_memory() = default;

  /// Memory of the device that others may read and write while it is sent or received. nullptr when there is none.
  virtual void* allocate(std::size_t bytes) noexcept = 0;
  virtual void deallocate(void* data) noexcept = 0;
  /// Between any memory of the host and of devices. Returns when it is done, and waits for nothing that is queued.
  virtual void copy(void* to, void const* from, std::size_t bytes) = 0;
};

}  // namespace lockstep
