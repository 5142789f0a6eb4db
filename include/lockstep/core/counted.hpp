// Shared ownership by a count inside of the object. Expressions copy and drop such pointers wherever they are built,
// and std::shared_ptr's code for that would be half of the code around them.
#pragma once

#include <atomic>
#include <cstddef>
#include <type_traits>
#include <utility>

namespace lockstep {

/// What counted pointers point to: deleted when the last of them is gone, in whatever thread that happens.
class counted {
 public:
  counted() = default;
  counted(counted const&) = delete;
  counted& operator=(counted const&) = delete;

  void acquire() const noexcept { owners_.fetch_add(1, std::memory_order_relaxed); }
  [[gnu::noinline]] void release() const noexcept {
    if (owners_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

 protected:
  virtual ~counted() = default;

 private:
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
