// Shared ownership by a count inside of the object. Expressions copy and drop such pointers wherever they are built,
// and std::shared_ptr's code for that would be half of the code around them.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
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
  [[gnu::noinline]] void release() const noexcept { release(1); }

  /// The same for owners that come and go all the time: a thread keeps what it has just released of an object that may
  /// linger, and so counts the next owner of it without a locked instruction.
  void acquire_often() const noexcept;
  void release_often() const noexcept;

 protected:
  virtual ~counted() = default;

  /// Whether it may outlive its last owner where that one ends in another thread than others did: until those threads
  /// have used sixteen other objects, or end.
  bool may_linger = false;

 private:
  friend struct kept_owners;

  void release(std::size_t n) const noexcept;
  std::size_t less(std::size_t n) const noexcept {
    if (!is_lone_thread()) return owners_.fetch_sub(n, std::memory_order_acq_rel) - n;
    std::size_t const left = owners_.load(std::memory_order_relaxed) - n;
    owners_.store(left, std::memory_order_relaxed);
    return left;
  }

  mutable std::atomic<std::size_t> owners_{0};
};

/// Owners that one thread has released but not yet counted as gone, each object in the place that its address gives.
/// They are counted when another object takes the place, when they are the last of the object, and when the thread
/// ends.
struct kept_owners {
  struct place {
    counted const* object;
    std::size_t count;

    void clear() noexcept {
      std::size_t const had = std::exchange(count, 0);
      if (had != 0) object->release(had);
    }
  };
  static constexpr std::size_t size = 16;

  place places[size];
  bool is_closed, ends_with_thread;

  place& of(counted const* object) noexcept {
    auto const address = reinterpret_cast<std::uintptr_t>(object);
    return places[(address >> 6 ^ address >> 10) % size];
  }
  void keep(counted const* object) noexcept;
};

/// Constant at first, so that nothing asks whether it has been made.
inline thread_local constinit kept_owners kept{};

[[gnu::noinline]] inline void kept_owners::keep(counted const* object) noexcept {
  struct at_end_of_thread {
    ~at_end_of_thread() {
      kept.is_closed = true;
      for (place& each : kept.places) each.clear();
    }
  };
  if (!ends_with_thread) {
    static thread_local at_end_of_thread made;
    ends_with_thread = (static_cast<void>(made), true);
  }
  place before = std::exchange(of(object), {object, 1});
  before.clear();
}

inline void counted::release(std::size_t n) const noexcept {
  std::size_t const left = less(n);
  if (left != 0) {
    kept_owners::place& here = kept.of(this);
    if (here.object != this || here.count != left) return;
    here.count = 0;  // all that are left
  }
  delete this;
}

[[gnu::noinline]] inline void counted::acquire_often() const noexcept {
  if (is_lone_thread()) return acquire();
  kept_owners::place& here = kept.of(this);
  if (here.object == this && here.count != 0)
    --here.count;
  else
    acquire();
}

[[gnu::noinline]] inline void counted::release_often() const noexcept {
  kept_owners::place& here = kept.of(this);
  if (!may_linger || is_lone_thread() || kept.is_closed) return release();
  if (here.object != this) return kept.keep(this);
  if (owners_.load(std::memory_order_relaxed) == here.count + 1) return release();
  ++here.count;
}

/// One of the owners of an object, or of none. Copying is thread-safe, as for std::shared_ptr. `Often` is for owners
/// that come and go with every expression.
template <class T, bool Often = false>
class counted_pointer {
 public:
  counted_pointer() = default;
  counted_pointer(std::nullptr_t) {}
  explicit counted_pointer(T* object) noexcept : object_(object) { acquire(); }
  counted_pointer(counted_pointer const& other) noexcept : object_(other.object_) { acquire(); }
  counted_pointer(counted_pointer&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  template <class U, bool Other>
  requires std::is_convertible_v<U*, T*> counted_pointer(counted_pointer<U, Other> const& other)
  noexcept : counted_pointer(other.get()) {}
  ~counted_pointer() {
    if (!object_) return;
    if constexpr (Often)
      object_->release_often();
    else
      object_->release();
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
    if (!object_) return;
    if constexpr (Often)
      object_->acquire_often();
    else
      object_->acquire();
  }

  T* object_ = nullptr;
};

}  // namespace lockstep
