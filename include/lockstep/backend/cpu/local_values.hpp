// local_values: room for the values of one tile or buffer while a thread works on it.
#pragma once

#include "../../core/config.hpp"
#include "../../core/owned_array.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// A thread's stack holds several of these of at most this size.
inline constexpr std::size_t largest_on_stack = std::size_t{1} << 17;

/// `Count` values, aligned to a cache line: on the stack, or on the heap where they would be too large for it.
template <class T, index Count, bool OnStack = (sizeof(T) * static_cast<std::size_t>(Count) <= largest_on_stack)>
struct local_values {
  alignas(64) T values[Count];
  T* data() { return values; }
};
template <class T, index Count>
struct local_values<T, Count, false> {
  owned_array<T> values{new T[static_cast<std::size_t>(Count)]};
  T* data() { return values.get(); }
};

/// `count` values, on the heap only where there are many: asking for memory takes as long as adding up some hundreds.
template <class T, index Few = 8>
class few_or_many {
 public:
  explicit few_or_many(index count) : many_(count <= Few ? nullptr : new T[static_cast<std::size_t>(count)]) {}
  T& operator[](index i) const { return data()[i]; }
  T* data() const { return many_ ? many_.get() : few_; }

 private:
  mutable T few_[Few];
  owned_array<T> many_;
};

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
