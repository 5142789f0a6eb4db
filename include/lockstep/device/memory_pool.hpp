// memory_pool: recycles a CPU device's memory, so that temporaries cost neither a system call nor page faults.
#pragma once

#include <sys/mman.h>

#include <cstdlib>
#include <map>
#include <mutex>
#include <vector>

#include "../core/config.hpp"

namespace lockstep {

/// Free lists of 64-byte aligned host memory by size class. Thread-safe. Keeps at most `retained_limit` free bytes.
class memory_pool {
 public:
  static constexpr std::size_t alignment = 64;
  static constexpr std::size_t huge_page = std::size_t{2} << 20;
  static constexpr std::size_t retained_limit = std::size_t{2} << 30;

  memory_pool() = default;
  memory_pool(memory_pool const&) = delete;
  memory_pool& operator=(memory_pool const&) = delete;
  ~memory_pool() { release(); }

  struct block {
    void* data;  ///< nullptr when the system has no such memory
    bool fresh;  ///< straight from the system: its pages belong to no thread yet
  };

  /// At least `bytes` bytes. Constant time when a block of this size class is free.
  block allocate(std::size_t bytes) {
    std::size_t const size = size_class(bytes);
    {
      std::lock_guard lock(mutex_);
      auto found = free_.find(size);
      if (found != free_.end() && !found->second.empty()) {
        void* data = found->second.back();
        found->second.pop_back();
        retained_ -= size;
        return {data, false};
      }
    }
    void* data = from_system(size);
    if (!data) {
      release();
      data = from_system(size);
    }
    return {data, true};
  }

  /// Takes back what `allocate(bytes)` gave.
  void deallocate(void* data, std::size_t bytes) noexcept {
    std::size_t const size = size_class(bytes);
    {
      std::lock_guard lock(mutex_);
      if (retained_ + size <= retained_limit) try {
          free_[size].push_back(data);
          retained_ += size;
          return;
        } catch (...) {  // no memory for the list itself: give the block back instead
        }
    }
    std::free(data);
  }

  /// Gives every free block back to the system.
  void release() noexcept {
    std::lock_guard lock(mutex_);
    for (auto& [size, blocks] : free_)
      for (void* data : blocks) std::free(data);
    free_.clear();
    retained_ = 0;
  }

  /// Rounds up to one of four sizes per power of two, so that at most a quarter is unused; 0 stays 64.
  static constexpr std::size_t size_class(std::size_t bytes) {
    if (bytes <= 4 * alignment) return (bytes + alignment - 1) / alignment * alignment + (bytes == 0 ? alignment : 0);
    std::size_t step = alignment;
    while (bytes / step >= 8) step *= 2;
    return (bytes + step - 1) / step * step;
  }

 private:
  static void* from_system(std::size_t size) noexcept {
    bool const large = size >= 2 * huge_page;
    std::size_t const align = large ? huge_page : alignment;
    void* data = std::aligned_alloc(align, (size + align - 1) / align * align);
    if (data && large) madvise(data, size, MADV_HUGEPAGE);  // only advice: without huge pages it is slower, not wrong
    return data;
  }

  std::mutex mutex_;
  std::map<std::size_t, std::vector<void*>> free_;
  std::size_t retained_ = 0;
};

}  // namespace lockstep
