// memory_pool: recycles a CPU device's memory, so that temporaries cost neither a system call nor page faults.
#pragma once

#include <sys/mman.h>

#include <array>
#include <atomic>
#include <bit>
#include <cstdlib>
#include <new>
#include <utility>

#include "../core/algorithm.hpp"
#include "../core/config.hpp"
#include "../core/threads.hpp"

// AddressSanitizer is told which bytes are in use, since it knows only what the system gave. Weak, not left out of
// files compiled without it: the same program may have files of both kinds, and only one copy of these functions.
extern "C" {
[[gnu::weak]] void __asan_poison_memory_region(void const volatile*, std::size_t);
[[gnu::weak]] void __asan_unpoison_memory_region(void const volatile*, std::size_t);
}

namespace lockstep {

/// Free lists of 64-byte aligned host memory by size class. Thread-safe. All pools of a process together keep about
/// `retained_limit` free bytes: each its share of that, so that many devices do not keep what few machines have.
/// AddressSanitizer reports every use of a byte that is not allocated now.
class memory_pool {
 public:
  static constexpr std::size_t alignment = 64;
  static constexpr std::size_t huge_page = std::size_t{2} << 20;
  static constexpr std::size_t retained_limit = std::size_t{2} << 30;

  memory_pool() { share_among(1); }
  memory_pool(memory_pool const&) = delete;
  memory_pool& operator=(memory_pool const&) = delete;
  ~memory_pool() {
    release();
    share_among(std::size_t(-1));
  }

  struct block {
    void* data;  ///< nullptr when the system has no such memory
    bool fresh;  ///< straight from the system: its pages belong to no thread yet
  };

  /// At least `bytes` bytes. Constant time when a block of this size class is free.
  block allocate(std::size_t bytes) {
    std::size_t const size = size_class(bytes);
    {
      std::lock_guard lock(mutex_);
      if (free_block* const found = free_[class_number(size)]) {
        free_[class_number(size)] = found->next;
        retained_ -= size;
        only_first_usable(bytes, found, size);
        return {found, false};
      }
    }
    void* data = from_system(size);
    if (!data) {
      release();
      data = from_system(size);
    }
    if (data) only_first_usable(bytes, data, size);
    return {data, true};
  }

  /// Takes back what `allocate(bytes)` gave.
  void deallocate(void* data, std::size_t bytes) noexcept {
    std::size_t const size = size_class(bytes);
    {
      std::lock_guard lock(mutex_);
      if (retained_ + size <= share().load(std::memory_order_relaxed)) {
        only_first_usable(sizeof(free_block), data, size);
        free_block*& first = free_[class_number(size)];
        first = new (data) free_block{first};  // the list runs through the free blocks themselves
        retained_ += size;
        return;
      }
    }
    std::free(data);
  }

  /// Gives every free block back to the system.
  void release() noexcept {
    std::lock_guard lock(mutex_);
    for (free_block*& first : free_)
      while (first) std::free(std::exchange(first, first->next));
    retained_ = 0;
  }

  /// Rounds up to one of four sizes per power of two, at least 64 bytes, so that at most a quarter is unused.
  static constexpr std::size_t size_class(std::size_t bytes) {
    std::size_t step = alignment;
    while (bytes / step >= 8) step *= 2;
    return bytes == 0 ? alignment : (bytes + step - 1) / step * step;
  }
  /// A number below 256, one per size class.
  static constexpr std::size_t class_number(std::size_t size) {
    auto const power = static_cast<std::size_t>(std::bit_width(size) - 1);  // size = 2^power (1 + quarter / 4)
    return 4 * power + (size >> (power - 2)) % 4;
  }

 private:
  /// Free bytes that each pool may keep.
  static std::atomic<std::size_t>& share() {
    static std::atomic<std::size_t> bytes{retained_limit};
    return bytes;
  }
  static void share_among(std::size_t more) noexcept {
    static std::atomic<std::size_t> pools{0};
    share() = retained_limit / std::max<std::size_t>(1, pools += more);
  }

  static void* from_system(std::size_t size) noexcept {
    bool const large = size >= 2 * huge_page;
    std::size_t const align = large ? huge_page : alignment;
    std::size_t const whole = (size + align - 1) / align * align;
    void* data = std::aligned_alloc(align, whole);
    if (data) only_first_usable(size, data, whole);
    if (data && large) madvise(data, size, MADV_HUGEPAGE);  // only advice: without huge pages it is slower, not wrong
    return data;
  }

  struct free_block {
    free_block* next;
  };

  /// Tells AddressSanitizer, if the program has it, that only the first `bytes` of a block's `size` are in use.
  static void only_first_usable(std::size_t bytes, void* data, std::size_t size) noexcept {
    if (!__asan_poison_memory_region) return;
    __asan_unpoison_memory_region(data, bytes);
    __asan_poison_memory_region(static_cast<char*>(data) + bytes, size - bytes);
  }

  std::mutex mutex_;
  std::array<free_block*, 4 * 64> free_{};
  std::size_t retained_ = 0;
};

}  // namespace lockstep
