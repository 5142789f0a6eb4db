// owned_array: memory for a number of values, freed when its owner is gone. std::unique_ptr<T[]> does the same, but
// each type of it costs as much time to compile as a small header.
#pragma once

#include <cstddef>
#include <utility>

namespace lockstep {

/// Owns what `new T[n]` gave, or nothing.
template <class T>
class owned_array {
 public:
  owned_array() = default;
  owned_array(std::nullptr_t) {}
  explicit owned_array(T* values) : values_(values) {}
  owned_array(owned_array&& other) noexcept : values_(std::exchange(other.values_, nullptr)) {}
  owned_array& operator=(owned_array&& other) noexcept {
    reset(std::exchange(other.values_, nullptr));
    return *this;
  }
  ~owned_array() { delete[] values_; }

  T* get() const { return values_; }
  T& operator[](std::size_t i) const { return values_[i]; }
  explicit operator bool() const { return values_ != nullptr; }
  /// Frees what it has and owns `values` instead.
  void reset(T* values) { delete[] std::exchange(values_, values); }

 private:
  T* values_ = nullptr;
};

}  // namespace lockstep
