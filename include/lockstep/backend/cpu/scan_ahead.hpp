// What a scan reads ahead: while a block is scanned, the blocks to come are totalled and fetched into the caches.
#pragma once

#include "fetch.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// Blocks that the caller of a block's scan will need next, of as many elements.
template <class T>
struct blocks_ahead {
  T const* next = nullptr;   ///< totalled meanwhile, scanned later; the block itself when threads needn't know early
  T const* after = nullptr;  ///< probably totalled after it, so fetched only; nullptr when it adjoins
};

/// Fetches for group after group of a block and of the blocks ahead of it. Other threads scan what adjoins a block, so
/// the ends of the fetched ranges go on in the blocks that this thread will come to.
template <class T, bool Backward, index Group>
class scan_fetcher {
 public:
  scan_fetcher(T const* in, index count, blocks_ahead<T> const& ahead)
      : count_(count),
        in_(reinterpret_cast<std::uintptr_t>(in)),
        next_(reinterpret_cast<std::uintptr_t>(ahead.next)),
        after_(ahead.after ? reinterpret_cast<std::uintptr_t>(ahead.after) : adjoining(next_)),
        after_in_(ahead.next == in ? after_ : next_) {}

  /// Before the group from element i on is scanned and totalled.
  [[gnu::always_inline]] void operator()(index i) const {
    fetch<2, bytes>(place<fetch_ahead_bytes>(next_, after_, i));
    fetch<1, bytes>(place<fetch_near_bytes>(in_, after_in_, i));
  }

 private:
  static constexpr std::size_t bytes = static_cast<std::size_t>(Group) * sizeof(T);

  std::uintptr_t adjoining(std::uintptr_t block) const {
    auto const size = static_cast<std::uintptr_t>(count_) * sizeof(T);
    return Backward ? block - size : block + size;
  }
  /// The group `Distance` bytes after element i of a block, or that far into what is read after it.
  template <std::size_t Distance>
  [[gnu::always_inline]] std::uintptr_t place(std::uintptr_t block, std::uintptr_t following, index i) const {
    constexpr index distance = Distance / sizeof(T);
    bool const inside = i + distance < count_;
    index const at = inside ? i + distance : i + distance - count_;
    return (inside ? block : following) + static_cast<std::uintptr_t>(Backward ? count_ - at - Group : at) * sizeof(T);
  }

  index count_;
  std::uintptr_t in_, next_, after_, after_in_;
};

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
