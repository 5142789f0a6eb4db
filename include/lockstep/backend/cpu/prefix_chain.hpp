// prefix_chain: hands the combination of everything before a block from block
// to block, in order, among threads.
#pragma once

#include <sched.h>

#include <atomic>

#include "../../core/config.hpp"
#include "../../core/owned_array.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// The block that a thread will probably claim after `next`, when it claimed `block` before: threads take turns.
constexpr index block_after(index block, index next) { return next + (next - block); }

/// The prefixes of blocks 0, 1, ..., each published once by whoever knows it
/// first, and the blocks still to be done.
template <class T>
class prefix_chain {
 public:
  explicit prefix_chain(index blocks)
      : many_(blocks < few ? nullptr : new link[static_cast<std::size_t>(blocks + 1)]),
        links_(many_ ? many_.get() : few_) {}
  prefix_chain(prefix_chain const&) = delete;
  prefix_chain& operator=(prefix_chain const&) = delete;

  /// The next block that nobody has taken. Blocks are taken in order, so
  /// whoever waits waits for a running thread.
  index claim() { return next_.fetch_add(1, std::memory_order_relaxed); }

  void publish(index block, T const& prefix) {
    links_[block].prefix = prefix;
    links_[block].ready.store(true, std::memory_order_release);
  }
  bool ready(index block) const { return links_[block].ready.load(std::memory_order_acquire); }
  /// Waits for the prefix of a block. False when another block failed.
  bool wait(index block, T& prefix) const {
    for (int spins = 0; !ready(block); ++spins) {
      if (failed_.load(std::memory_order_relaxed)) return false;
      if (spins > 64) sched_yield();
    }
    prefix = links_[block].prefix;
    return true;
  }
  void fail() { failed_.store(true); }

 private:
  struct alignas(64) link {
    std::atomic<bool> ready{false};
    T prefix;
  };
  static constexpr index few = 2;  // asking for memory takes as long as scanning some hundreds of elements
  link few_[few];
  owned_array<link> many_;
  link* links_;
  std::atomic<index> next_{0};
  std::atomic<bool> failed_{false};
};

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
