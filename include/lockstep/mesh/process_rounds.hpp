// process_rounds: the rounds of collectives among processes, in the first of which ranks compare what they have called,
// and what ranks are told when one goes wrong.
#pragma once

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "process_group.hpp"

namespace lockstep {

template <class Compilation>
class process_rounds {
 public:
  explicit process_rounds(std::shared_ptr<process_group<Compilation>> members) : group_(std::move(members)) {}

  void begin(collective const& what) {
    ++number_;
    group_->next_call().set(number_ - 1, what);
    first_round_ = true;
    largest_ = 0;
    if (world().failed()) throw_failure(text_of({group_->next_call().text(), " (collective ", number_ - 1, ")"}));
  }
  /// Collectives begun.
  std::uint64_t begun() const { return number_; }
  /// How large a block of this rank is: others see the largest in the first round.
  void show_largest(std::size_t bytes) { largest_ = std::max<std::uint64_t>(largest_, bytes); }

  void interrupt(char const* why) noexcept {
    try {
      world().fail(group_->world_rank(rank()), text_of({"rank ", rank(), " failed", why}));
    } catch (...) {  // then they wait until their time is up
    }
  }

  std::string failure_within(double seconds) const {
    return holds_within(seconds, [this] { return world().failed(); }) ? world().reason() : "";
  }

  /// One round; in the first of a collective ranks compare what they have called.
  void turn() {
    if (first_round_) group_->next_call().largest = largest_;
    bool const come = group_->turn([] {});
    bool const first = std::exchange(first_round_, false);
    if (!come) give_up_turn(first);
    if (!first) return;
    process_call const& mine = group_->shown_call(rank());
    for (std::size_t r = 0; r < size(); ++r)
      if (!mine.agrees(group_->shown_call(r))) disagree(r);
    group_->next_call() = mine;  // later rounds are of the same collective
  }

  [[noreturn, gnu::cold, gnu::noinline]] void disagree_about(std::size_t peer, std::size_t sent, std::size_t expected) {
    std::size_t const width = group_->shown_call(rank()).width;
    fail(shown_text(rank()), text_of({"rank ", peer, " has ", sent / width, " elements for rank ", rank(),
                                      ", which expects ", expected / width, "; the counts of both must be equal"}));
  }

  // What went wrong, for this rank's exception and for the others.

  [[noreturn, gnu::cold, gnu::noinline]] void give_up(std::string const& what, std::size_t peer, char const* doing) {
    if (world().failed()) throw_failure(what);
    std::size_t const world_rank = group_->world_rank(peer);
    if (world().has_left(world_rank)) fail(what, text_of({"rank ", peer, " has returned without ", doing}));
    if (world().state_of(world_rank) == process_state::gone) fail(what, world().portrait(world_rank));
    fail(what, text_of({"waited ", seconds(), " for ", world().portrait(world_rank)}));
  }
  [[noreturn, gnu::cold, gnu::noinline]] void fail(std::string const& what, std::string const& reason) {
    world().fail(group_->world_rank(rank()), text_of({"rank ", rank(), ", ", what, ": ", reason}));
    throw_failure(what);
  }
  [[noreturn, gnu::cold, gnu::noinline]] void throw_failure(std::string const& what) const {
    throw communication_error(text_of({what, " on rank ", rank(), " of ", size(), ": ", world().reason()}));
  }

 private:
  process_world<Compilation>& world() const { return group_->world(); }
  std::size_t rank() const { return group_->rank(); }
  std::size_t size() const { return group_->size(); }

  std::string shown_text(std::size_t rank) const {
    process_call const& call = group_->shown_call(rank);
    return text_of({call.text(), " (collective ", call.number, ")"});
  }
  [[noreturn, gnu::cold, gnu::noinline]] void disagree(std::size_t other) {
    fail(shown_text(rank()),
         text_of({"rank ", other, " called ", shown_text(other), ", but rank ", rank(), " called ", shown_text(rank()),
                  "; all ranks must call the same collectives in the same order"}));
  }
  [[noreturn, gnu::cold, gnu::noinline]] void give_up_turn(bool first) {
    std::string const what = shown_text(rank());
    if (world().failed()) throw_failure(what);
    std::string missing, returned, gone;
    for (std::size_t r = 0; r < size(); ++r) {
      if (group_->arrived(r)) continue;
      std::size_t const world_rank = group_->world_rank(r);
      std::string& list = world().has_left(world_rank)                          ? returned
                          : world().state_of(world_rank) == process_state::gone ? gone
                                                                                : missing;
      append_text(
          list, {list.empty() ? "" : ", ", &list == &returned ? text_of({"rank ", r}) : world().portrait(world_rank)});
    }
    char const* const late = first ? ", which had not called it" : ", which did not go on with it";
    if (!gone.empty()) fail(what, gone);
    if (!returned.empty()) fail(what, text_of({returned, " has returned without calling ", what}));
    fail(what, text_of({"rank ", rank(), " waited ", seconds(), " in ", what, " for ", missing, late,
                        "; longer work needs a longer mesh::set_timeout"}));
  }
  std::string seconds() const {
    char text[32];
    std::snprintf(text, sizeof text, "%g s", world().timeout());
    return text;
  }

  std::shared_ptr<process_group<Compilation>> group_;
  std::uint64_t number_ = 0;   // of collectives begun
  std::uint64_t largest_ = 0;  // block of this rank in a transfer
  bool first_round_ = false;
};

}  // namespace lockstep
