// local_mailbox: messages that wait for one rank of this process.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <utility>
#include <vector>

#include "../core/threads.hpp"

namespace lockstep {

/// Any thread puts, the owner takes; messages of one sender and tag keep their order.
template <class Compilation>
class local_mailbox {
 public:
  using message = std::vector<unsigned char>;

  void put(std::size_t sender, int tag, void const* data, std::size_t bytes) {
    auto const* const begin = static_cast<unsigned char const*>(data);
    message copy(begin, begin + bytes);
    std::lock_guard lock(mutex_);
    waiting_.push_back({sender, tag, std::move(copy)});
    ++arrived_;
  }

  /// Whether there was a message; `first` becomes the oldest.
  bool take(std::size_t sender, int tag, message& first) {
    std::lock_guard lock(mutex_);
    for (auto at = waiting_.begin(); at != waiting_.end(); ++at) {
      if (at->sender != sender || at->tag != tag) continue;
      first = std::move(at->content);
      waiting_.erase(at);
      return true;
    }
    return false;
  }

  /// How many messages have come so far.
  std::uint64_t arrived() const { return arrived_.load(); }

 private:
  struct letter {
    std::size_t sender;
    int tag;
    message content;
  };

  std::mutex mutex_;
  std::list<letter> waiting_;  // in the order they came, in which they are mostly taken too
  std::atomic<std::uint64_t> arrived_{0};
};

}  // namespace lockstep
