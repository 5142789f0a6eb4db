// process_mail: one rank's messages from and to ranks of other processes, through channels in shared memory.
#pragma once

#include <cstring>
#include <list>
#include <memory>
#include <mutex>
#include <vector>

#include "../core/algorithm.hpp"
#include "process_world.hpp"

namespace lockstep {

/// Which message: among all of one sender, those alike keep their order.
struct process_letter {
  std::uint64_t group, bytes;
  std::int64_t tag;
};

/// Used by a rank's own thread and by the one of its started collectives. Messages that nobody has asked for yet are
/// kept here.
template <class Compilation>
class process_mail {
 public:
  process_mail(std::shared_ptr<process_world<Compilation>> world, std::size_t rank)
      : world_(std::move(world)), rank_(rank), open_(world_->size()), writing_(world_->size()) {
    for (std::size_t source = 0; source < world_->size(); ++source) world_->skip_old_letters(source, rank);
  }

  /// Writes as much as there is room for to the channel to `target`, unless another thread is within a letter there.
  /// Returns how much of the letter has been written.
  std::size_t write(std::size_t target, process_letter const& head, void const* data, std::size_t done) {
    std::lock_guard lock(mutex_);
    if (done == 0 && writing_[target]) return 0;
    process_channel& c = world_->channel(rank_, target);
    std::size_t const all = sizeof head + head.bytes;
    std::uint64_t at = c.written.load(std::memory_order_relaxed);
    std::size_t room = world_->channel_bytes() - static_cast<std::size_t>(at - c.read.load(std::memory_order_acquire));
    if (done == 0) {
      if (room < sizeof head) return 0;
      put(target, at, &head, sizeof head);
      at += sizeof head;
      room -= sizeof head;
      done = sizeof head;
    }
    std::size_t const now = std::min(room, all - done);
    if (now != 0) put(target, at, static_cast<unsigned char const*>(data) + (done - sizeof head), now);
    c.written.store(at + now, std::memory_order_release);
    writing_[target] = done + now != all;
    return done + now;
  }

  /// Reads what has come from everybody.
  void read_all() {
    std::lock_guard lock(mutex_);
    for (std::size_t source = 0; source < world_->size(); ++source) read(source);
  }

  struct letter {
    std::size_t source;
    process_letter head;
    std::unique_ptr<unsigned char[]> content;
    std::size_t done;
  };

  /// The oldest message of `source`, `group` and `tag` that has come whole; null when it has not.
  letter const* find(std::size_t source, std::uint64_t group, std::int64_t tag) {
    std::lock_guard lock(mutex_);
    read(source);
    for (letter const& each : letters_)
      if (each.source == source && each.head.group == group && each.head.tag == tag)
        return each.done == each.head.bytes ? &each : nullptr;
    return nullptr;
  }
  /// Bytes that have come from `source` so far.
  std::uint64_t read_from(std::size_t source) const {
    return world_->channel(source, rank_).read.load(std::memory_order_relaxed);
  }
  void drop(letter const* l) {
    std::lock_guard lock(mutex_);
    letters_.remove_if([&](letter const& each) { return &each == l; });
  }

 private:
  void read(std::size_t source) {
    process_channel& c = world_->channel(source, rank_);
    for (;;) {
      std::uint64_t at = c.read.load(std::memory_order_relaxed);
      std::size_t there = static_cast<std::size_t>(c.written.load(std::memory_order_acquire) - at);
      letter*& open = open_[source];
      if (!open) {
        if (there < sizeof(process_letter)) return;
        letters_.push_back({source, {}, nullptr, 0});
        open = &letters_.back();
        get(source, at, &open->head, sizeof open->head);
        open->content = std::make_unique_for_overwrite<unsigned char[]>(open->head.bytes);
        at += sizeof open->head;
        there -= sizeof open->head;
      }
      std::size_t const now = std::min<std::size_t>(there, open->head.bytes - open->done);
      if (now != 0) get(source, at, open->content.get() + open->done, now);
      open->done += now;
      c.read.store(at + now, std::memory_order_release);
      if (open->done != open->head.bytes) return;
      open = nullptr;
    }
  }

  /// Copies to the channel from place `at` on, around its end.
  void put(std::size_t target, std::uint64_t at, void const* from, std::size_t bytes) {
    std::size_t const size = world_->channel_bytes(), begin = static_cast<std::size_t>(at % size);
    std::size_t const first = std::min(bytes, size - begin);
    unsigned char* const data = world_->channel_data(rank_, target);
    std::memcpy(data + begin, from, first);
    std::memcpy(data, static_cast<unsigned char const*>(from) + first, bytes - first);
  }
  void get(std::size_t source, std::uint64_t at, void* to, std::size_t bytes) {
    std::size_t const size = world_->channel_bytes(), begin = static_cast<std::size_t>(at % size);
    std::size_t const first = std::min(bytes, size - begin);
    unsigned char const* const data = world_->channel_data(source, rank_);
    std::memcpy(to, data + begin, first);
    std::memcpy(static_cast<unsigned char*>(to) + first, data, bytes - first);
  }

  std::shared_ptr<process_world<Compilation>> world_;
  std::size_t rank_;
  std::mutex mutex_;
  std::list<letter> letters_;  // in the order they came
  std::vector<letter*> open_;  // of each source: the letter that is being read
  std::vector<bool> writing_;  // to each target: whether a letter has been written in part
};

}  // namespace lockstep
