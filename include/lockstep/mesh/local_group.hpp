// local_group: the protocol of collectives among threads that load from and store to each other's memory directly.
//
// Collective number s of a group uses slot s % 64. Every rank writes there what it brings; the last one to arrive
// checks that all brought the same and makes the slot `ready`. Its work is cut into chunks, which whoever waits takes.
// A slot that is not ready can be made `dead` instead. So a collective happens on all ranks or on none, and the memory
// of a rank that gives up is never touched afterwards.
#pragma once

#include <string>
#include <vector>

#include "../core/memory.hpp"
#include "../core/owned_array.hpp"
#include "local_mailbox.hpp"
#include "local_slot.hpp"
#include "local_world.hpp"

namespace lockstep {

template <class Compilation>
class local_group {
 public:
  static constexpr std::uint64_t slots = 64;
  enum class phase : unsigned char { open, ready, done, dead };

  /// `members` are the ranks in the world, by rank in this group.
  local_group(std::shared_ptr<local_world<Compilation>> world, std::vector<std::size_t> members)
      : world_(std::move(world)),
        members_(std::move(members)),
        slots_(new local_slot<Compilation>[slots]()),
        progress_(new progress[members_.size()]()),
        mail_(new local_mailbox<Compilation>[members_.size()]()) {
    for (std::uint64_t s = 0; s < slots; ++s) {
      slots_[s].set_ranks(size());
      slots_[s].state = word(s - slots, phase::done);  // as if a round had been before the first
    }
  }

  local_world<Compilation>& world() const { return *world_; }
  std::shared_ptr<local_world<Compilation>> const& shared_world() const { return world_; }
  std::size_t size() const { return members_.size(); }
  std::size_t world_rank(std::size_t rank) const { return members_[rank]; }
  local_mailbox<Compilation>& mail(std::size_t rank) { return mail_[rank]; }

  phase phase_of(std::uint64_t number) const {
    std::uint64_t const state = slot(number).state.load();
    return state / 4 == number ? static_cast<phase>(state % 4) : phase::open;
  }
  local_slot<Compilation>& slot(std::uint64_t number) const { return slots_[number % slots]; }
  bool arrived(std::uint64_t number, std::size_t rank) const { return slot(number).at(rank).number.load() == number; }

  /// Whether someone who has not arrived never will.
  bool lost(std::uint64_t number) const {
    if (!world_->someone_left()) return false;
    for (std::size_t r = 0; r < size(); ++r)
      if (world_->has_left(members_[r]) && !arrived(number, r)) return true;
    return false;
  }

  /// Rank `rank` brings its part of a collective. The slot must be free.
  void arrive(std::uint64_t number, std::size_t rank, collective_call const& mine) {
    auto& here = slot(number).at(rank);
    here.brought = mine;
    here.number.store(number);
    if (slot(number).arrivals.fetch_add(1) % size() == size() - 1) begin(number, rank);
  }

  /// Unless the collective is ready, it never will be.
  void kill(std::uint64_t number) {
    if (settle(number, phase::dead)) world_->wake();
  }

  /// Does as much of a ready collective as others have not taken. Returns whether there was any.
  bool work(std::uint64_t number, std::size_t rank) {
    std::size_t const taken = slot(number).run_chunks(rank);
    if (taken > 0 && slot(number).chunks_left.fetch_sub(taken) == taken) complete(number);
    return taken > 0;
  }

  /// All collectives before number `before` are over for rank `rank`.
  void close(std::size_t rank, std::uint64_t before) {
    progress_[rank].closed_before.store(before);
    world_->wake();
  }
  std::uint64_t closed_by_all() const {
    std::uint64_t least = UINT64_MAX;
    for (std::size_t r = 0; r < size(); ++r) least = std::min(least, progress_[r].closed_before.load());
    return least;
  }

 private:
  struct alignas(64) progress {
    std::atomic<std::uint64_t> closed_before{0};
  };

  static std::uint64_t word(std::uint64_t number, phase p) { return number * 4 + static_cast<std::uint64_t>(p); }

  /// From open to `next`; false when another has been faster.
  bool settle(std::uint64_t number, phase next) {
    std::uint64_t expected = word(number - slots, phase::done);
    return slot(number).state.compare_exchange_strong(expected, word(number, next));
  }
  void complete(std::uint64_t number) {
    slot(number).state.store(word(number, phase::done));
    world_->wake();
  }

  /// The last to arrive makes the collective ready, or, if there is little to do, done.
  void begin(std::uint64_t number, std::size_t rank) {
    if (!check(number, rank)) return kill(number);
    local_slot<Compilation>& s = slot(number);
    s.prepare(s.at(rank).brought);
    bool const nothing = s.chunks_left.load(std::memory_order_relaxed) == 0;
    if (!settle(number, nothing ? phase::done : phase::ready)) return;
    if (nothing || !s.small()) return world_->wake();
    s.run_all();
    complete(number);
  }

  bool check(std::uint64_t number, std::size_t rank) {
    collective_call const& mine = slot(number).at(rank).brought;
    for (std::size_t r = 0; r < size(); ++r) {
      collective_call const& other = slot(number).at(r).brought;
      if (agree(mine, other)) continue;
      world_->fail(members_[rank], text_of({"in collective ", number, ", rank ", r, " called ", to_string(other),
                                            ", but rank ", rank, " called ", to_string(mine),
                                            "; all ranks must call the same collectives in the same order"}));
      return false;
    }
    return !mine.blocks || blocks_fit(number, rank);
  }

  /// Whether all ranks send what others expect.
  bool blocks_fit(std::uint64_t number, std::size_t rank) {
    for (std::size_t from = 0; from < size(); ++from)
      for (std::size_t to = 0; to < size(); ++to) {
        collective_call const& call = slot(number).at(from).brought;
        std::size_t const sent = call.blocks->out[to].bytes, taken = slot(number).at(to).brought.blocks->in[from].bytes;
        if (sent == taken) continue;
        std::size_t const width = call.element.bytes;
        world_->fail(members_[rank], text_of({"in collective ", number, ", ", to_string(call), ", rank ", from, " has ",
                                              sent / width, " elements for rank ", to, ", which expects ",
                                              taken / width, "; the counts of both must be equal"}));
        return false;
      }
    return true;
  }

  std::shared_ptr<local_world<Compilation>> world_;
  std::vector<std::size_t> members_;
  owned_array<local_slot<Compilation>> slots_;
  owned_array<progress> progress_;
  owned_array<local_mailbox<Compilation>> mail_;
};

}  // namespace lockstep
