// process_group: rounds in which ranks of several processes show each other some bytes. All collectives are made of
// them.
//
// In a round every rank writes to its own place, says that it has, and reads the others' when all have. Places have two
// halves, used in turn: whoever writes to one again has seen everybody arrive at the round between, and so done with
// it.
#pragma once

#include <atomic>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "../core/algorithm.hpp"
#include "collective.hpp"
#include "process_world.hpp"

namespace lockstep {

/// A collective in memory that processes share: what they compare, and what they show when they differ.
struct process_call {
  std::uint64_t number, largest, count, root, width;
  collective_kind kind;
  char element[39], operator_name[56], name[40];

  void set(std::uint64_t n, collective const& c) {
    number = n;
    largest = 0;
    count = c.count;
    root = c.root;
    width = c.element.bytes;
    kind = c.kind;
    copy(element, c.element.name);
    copy(operator_name, c.operator_name);
    copy(name, c.name);
  }
  bool agrees(process_call const& other) const {
    return number == other.number && count == other.count && root == other.root && width == other.width &&
           kind == other.kind && std::strcmp(element, other.element) == 0 &&
           std::strcmp(operator_name, other.operator_name) == 0;
  }
  std::string text() const { return to_string({kind, count, {width, element}, operator_name, root, name}); }

 private:
  template <std::size_t N>
  static void copy(char (&to)[N], char const* from) {
    std::size_t i = 0;
    for (; i + 1 < N && from[i]; ++i) to[i] = from[i];
    to[i] = 0;
  }
};

template <class Compilation>
class process_group {
 public:
  /// Bytes of each half of a rank's place. Larger than the second-level caches need: reading what another core has just
  /// written is slower than reading what has gone on to the third level.
  static constexpr std::size_t half_bytes = std::size_t{1} << 20;

  static std::size_t bytes_for(std::size_t ranks) { return ranks * (sizeof(seat) + 2 * half_bytes); }

  /// `members` are ranks in the world, by rank in this group. `memory` is zeroed or from the run before.
  process_group(std::shared_ptr<process_world<Compilation>> world, std::shared_ptr<process_memory> memory,
                std::vector<std::size_t> members, std::size_t rank)
      : world_(std::move(world)),
        memory_(std::move(memory)),
        members_(std::move(members)),
        rank_(rank),
        rounds_(world_->run() << 40) {}

  process_world<Compilation>& world() const { return *world_; }
  std::shared_ptr<process_world<Compilation>> const& shared_world() const { return world_; }
  std::size_t rank() const { return rank_; }
  std::size_t size() const { return members_.size(); }
  std::size_t world_rank(std::size_t rank) const { return members_[rank]; }

  /// What rank `rank` shows in the round that has begun last.
  unsigned char* shown(std::size_t rank) const { return place(rank, rounds_ % 2); }
  /// Where this rank writes what it shows in the next round.
  unsigned char* next() const { return place(rank_, (rounds_ + 1) % 2); }
  /// The call of the round that has begun last, and of the next.
  process_call const& shown_call(std::size_t rank) const { return at(rank).call[rounds_ % 2]; }
  process_call& next_call() const { return at(rank_).call[(rounds_ + 1) % 2]; }

  /// Shows what is in next(). Returns whether everybody has come.
  template <class Help>
  bool turn(Help const& help) {
    ++rounds_;
    at(rank_).round.store(rounds_, std::memory_order_release);
    for (std::size_t r = 0; r < size(); ++r) {
      if (arrived(r)) continue;
      auto const lost = [&] {
        for (std::size_t other = 0; other < size(); ++other)
          if (!arrived(other) && lost_for_ever(other)) return true;
        return false;
      };
      if (!world_->wait([&] { return arrived(r); }, help, lost)) return false;
    }
    return true;
  }
  bool arrived(std::size_t rank) const { return at(rank).round.load(std::memory_order_acquire) >= rounds_; }
  bool lost_for_ever(std::size_t rank) const {
    return world_->has_left(members_[rank]) || world_->state_of(members_[rank]) == process_state::gone;
  }

 private:
  struct alignas(64) seat {
    std::atomic<std::uint64_t> round;
    alignas(64) process_call call[2];
  };

  seat& at(std::size_t rank) const { return reinterpret_cast<seat*>(memory_->data())[rank]; }
  unsigned char* place(std::size_t rank, std::size_t half) const {
    return memory_->data() + size() * sizeof(seat) + (rank * 2 + half) * half_bytes;
  }

  std::shared_ptr<process_world<Compilation>> world_;
  std::shared_ptr<process_memory> memory_;
  std::vector<std::size_t> members_;
  std::size_t rank_;
  std::uint64_t rounds_;  // begun, counted on from 2^40 times the number of the run
};

}  // namespace lockstep
