// Shared ownership by a count inside of the object. Expressions copy and drop such pointers wherever they are built,
// and std::shared_ptr's code for that would be half of the code around them.
#pragma once

#include <atomic>
#include <cstddef>
#include <type_traits>
#include <utility>

#if defined(__has_include)
#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#define LOCKSTEP_KNOWS_LONE_THREAD 1
#endif
#endif

namespace lockstep {

/// Whether no other thread of this process can be running: then counting needs no locked instructions, each of which
/// takes as long as adding up a hundred floats. False where the C library does not tell.
inline bool is_lone_thread() noexcept {
#ifdef LOCKSTEP_KNOWS_LONE_THREAD
  return __libc_single_threaded;
#else
  return false;
#endif
}

/// What counted pointers point to: deleted when the last of them is gone, in whatever thread that happens.
class counted {
 public:
  counted() = default;
  counted(counted const&) = delete;
  counted& operator=(counted const&) = delete;

  void acquire() const noexcept {
    if (is_lone_thread())
      owners_.store(owners_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    else
      owners_.fetch_add(1, std::memory_order_relaxed);
  }
  [[gnu::noinline]] void release() const noexcept {
    if (less_one() == 0) delete this;
  }

 protected:
  virtual ~counted() = default;

 private:
  std::size_t less_one() const noexcept {
    if (!is_lone_thread()) return owners_.fetch_sub(1, std::memory_order_acq_rel) - 1;
    std::size_t const left = owners_.load(std::memory_order_relaxed) - 1;
    owners_.store(left, std::memory_order_relaxed);
    return left;
  }

  mutable std::atomic<std::size_t> owners_{0};
};

/// One of the owners of an object, or of none. Copying is thread-safe, as for std::shared_ptr.
template <class T>
class counted_pointer {
 public:
  counted_pointer() = default;
  counted_pointer(std::nullptr_t) {}
  explicit counted_pointer(T* object) noexcept : object_(object) { acquire(); }
  counted_pointer(counted_pointer const& other) noexcept : object_(other.object_) { acquire(); }
  counted_pointer(counted_pointer&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  template <class U>
  requires std::is_convertible_v<U*, T*> counted_pointer(counted_pointer<U> const& other)
  noexcept : counted_pointer(other.get()) {}
  ~counted_pointer() {
    if (object_) object_->release();
  }
  counted_pointer& operator=(counted_pointer other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }

  T* get() const { return object_; }
  T& operator*() const { return *object_; }
  T* operator->() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }
  friend bool operator==(counted_pointer const& a, counted_pointer const& b) { return a.object_ == b.object_; }
  friend bool operator==(counted_pointer const& a, std::nullptr_t) { return !a.object_; }

 private:
  void acquire() const noexcept {
    if (object_) object_->acquire();
  }

  T* object_ = nullptr;
};

}  // namespace lockstep
