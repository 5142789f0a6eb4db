// owned_array and fixed_array: memory for a number of values, freed when its owner is gone. std::unique_ptr<T[]> and
// std::vector<T> can do the same, but each type of them costs as much time to compile as a small header.
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

/// As many values as it was made with, each of them T() at first.
template <class T>
class fixed_array {
 public:
  fixed_array() = default;
  explicit fixed_array(std::size_t size) : values_(new T[size]()), size_(size) {}

  std::size_t size() const { return size_; }
  T& operator[](std::size_t i) { return values_[i]; }
  T const& operator[](std::size_t i) const { return values_[i]; }
  T* data() { return values_.get(); }
  T const* data() const { return values_.get(); }
  T* begin() { return values_.get(); }
  T* end() { return values_.get() + size_; }
  T const* begin() const { return values_.get(); }
  T const* end() const { return values_.get() + size_; }

 private:
  owned_array<T> values_;
  std::size_t size_ = 0;
};

}  // namespace lockstep
