// pinned: memory of the host that a GPU copies from and to while the host goes on.
#pragma once

#include <utility>
#include <vector>

#include "array.hpp"

namespace lockstep {

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_wrong_count(std::size_t found, std::size_t expected) {
  throw shape_error(text_of(
      {"copy_async: found ", found, " elements of pinned memory for an array of ", expected, ", expected as many"}));
}

/// `size()` elements in page-locked memory of the host, uninitialized; on a CPU device in ordinary memory. Taking and
/// returning it is slow, so keep it. Whoever reads or writes elements must have waited for the copies that copy_async
/// made; the end of its life waits for them itself. T must be trivially copyable.
template <class T>
class pinned {
  static_assert(std::is_trivially_copyable_v<T>, "pinned<T>: T must be trivially copyable");

 public:
  /// Throws out_of_memory.
  pinned(device const& where, std::size_t count) : where_(where), size_(count) {
    std::size_t bytes = 0;
    if (__builtin_mul_overflow(count, sizeof(T), &bytes)) throw_too_large(where, count, sizeof(T));
    data_ = static_cast<T*>(where.state().allocate_host(bytes));
    if (!data_) throw_out_of_memory(where, bytes);
  }
  pinned(pinned&& other) noexcept { swap(other); }
  pinned& operator=(pinned&& other) noexcept {
    swap(other);
    return *this;
  }
  ~pinned() {
    if (!data_) return;
    for (event const& copy : pending_) try {
        copy.wait();
      } catch (error const&) {  // then the GPU has failed and copies nothing any more
      }
    where_.state().deallocate_host(data_, size_ * sizeof(T));
  }

  std::size_t size() const { return size_; }
  T* data() { return data_; }
  T const* data() const { return data_; }
  T* begin() { return data_; }
  T const* begin() const { return data_; }
  T* end() { return data_ + size_; }
  T const* end() const { return data_ + size_; }
  T& operator[](std::size_t i) { return data_[i]; }
  T const& operator[](std::size_t i) const { return data_[i]; }

  /// Keeps the memory until the event has come.
  void keep_until(event const& copied) const {
    std::erase_if(pending_, [](event const& e) { return e.done(); });
    if (copied.state()) pending_.push_back(copied);
  }

 private:
  void swap(pinned& other) noexcept {
    std::swap(where_, other.where_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(pending_, other.pending_);
  }

  device where_;
  T* data_ = nullptr;
  std::size_t size_ = 0;
  mutable std::vector<event> pending_;
};

/// The event of a copy that has just been queued, for which the memory is kept.
template <class T>
event copying(device const& where, pinned<T> const& memory) {
  try {
    event const copied = where.record();
    memory.keep_until(copied);
    return copied;
  } catch (...) {
    where.synchronize();  // without an event nobody would know when the memory may go
    throw;
  }
}

/// Queues a copy of all elements, in row-major order, to pinned memory, and returns when that is queued: the event says
/// when the values are there. Recorded into a graph (see capture) it is copied at every launch, the event is past, and
/// the memory must outlive the graph. Throws shape_error when there are not as many elements.
template <class T, std::size_t Rank>
event copy_async(array<T, Rank> const& from, pinned<T>& to) {
  if (to.size() != from.size()) throw_wrong_count(to.size(), from.size());
  if (from.size() == 0) return {};
  device_state& state = from.device().state();
  state.copy_to_host_async(to.data(), from.data(), from.size() * sizeof(T));
  return state.is_recording() ? event() : copying(from.device(), to);
}
/// The other way: the event says when the pinned memory may be written again. The array's later work has the values.
template <class T, std::size_t Rank>
event copy_async(pinned<T> const& from, array<T, Rank>& to) {
  if (from.size() != to.size()) throw_wrong_count(from.size(), to.size());
  if (to.size() == 0) return {};
  device_state& state = to.device().state();
  state.copy_from_host_async(to.data(), from.data(), to.size() * sizeof(T));
  return state.is_recording() ? event() : copying(to.device(), from);
}

}  // namespace lockstep
