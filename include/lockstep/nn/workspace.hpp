// The memory of a training step, planned once: allocated, zeroed and first touched when it is made, never grown.
#pragma once

#include <cstdint>
#include <memory>
#include <new>

#include "../core/config.hpp"

namespace lockstep::nn {

/// Zeroed memory on cache-line boundaries that frees itself; movable, not copyable.
class arena {
 public:
  /// Throws std::bad_alloc.
  explicit arena(std::size_t bytes)
      : memory_(static_cast<std::byte*>(::operator new (bytes, std::align_val_t{alignment}))), bytes_(bytes) {
    for (std::size_t i = 0; i < bytes; ++i) memory_[i] = std::byte{};
  }

  /// `bytes` rounded up to whole cache lines.
  static constexpr std::size_t lines(std::size_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

  template <class T>
  T* at(std::size_t offset) const {
    return reinterpret_cast<T*>(memory_.get() + offset);
  }
  std::size_t size() const { return bytes_; }

 private:
  static constexpr std::size_t alignment = 64;
  struct release {
    void operator()(std::byte* p) const { ::operator delete (p, std::align_val_t{alignment}); }
  };
  std::unique_ptr<std::byte[], release> memory_;
  std::size_t bytes_;
};

}  // namespace lockstep::nn
