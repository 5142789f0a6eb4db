// local_mailbox: messages that wait for one rank of this process.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace lockstep {

/// Any thread puts, the owner takes; messages of one sender and tag keep their order.
class local_mailbox {
 public:
  using message = std::vector<unsigned char>;

  void put(std::size_t sender, int tag, void const* data, std::size_t bytes) {
    auto const* const begin = static_cast<unsigned char const*>(data);
    message copy(begin, begin + bytes);
    std::lock_guard lock(mutex_);
    waiting_[{sender, tag}].push_back(std::move(copy));
    ++arrived_;
  }

  std::optional<message> take(std::size_t sender, int tag) {
    std::lock_guard lock(mutex_);
    auto const found = waiting_.find({sender, tag});
    if (found == waiting_.end()) return std::nullopt;
    message first = std::move(found->second.front());
    found->second.pop_front();
    if (found->second.empty()) waiting_.erase(found);
    return first;
  }

  /// How many messages have come so far.
  std::uint64_t arrived() const { return arrived_.load(); }

 private:
  std::mutex mutex_;
  std::map<std::pair<std::size_t, int>, std::deque<message>> waiting_;
  std::atomic<std::uint64_t> arrived_{0};
};

}  // namespace lockstep
