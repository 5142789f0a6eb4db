// local_engine: one rank's side of the communication among threads of this process.
//
// The engine's classes are templates so that only programs that run ranks pay for compiling them.
#pragma once

#include <cstdio>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "../core/memory.hpp"
#include "../device/device.hpp"
#include "engine.hpp"
#include "local_group.hpp"

namespace lockstep {

/// A communication_engine that offers everything, in shared memory. Sends copy and never wait.
template <class Compilation>
class local_engine {
  using group = local_group<Compilation>;

 public:
  local_engine(std::shared_ptr<group> members, std::size_t rank, device where)
      : group_(std::move(members)), where_(std::move(where)), rank_(rank) {}

  std::size_t rank() const { return rank_; }
  std::size_t size() const { return group_->size(); }

  std::uint64_t start(collective_call const& call, traffic& sent) {
    sent.bytes += shared_bytes(call);
    return post(call);
  }
  void barrier() { finish(post({})); }

  local_engine split(std::int64_t color) {
    std::vector<std::int64_t> colors(size());
    finish(post({{collective_kind::split, 1, {sizeof color, "color"}}, &color, colors.data()}));
    std::vector<std::size_t> members;
    std::size_t mine = 0;
    for (std::size_t r = 0; r < size(); ++r) {
      if (colors[r] != color) continue;
      if (r == rank_) mine = members.size();
      members.push_back(group_->world_rank(r));
    }
    auto const part = world().template share<group>({group_.get(), next_, color}, members.size(), [&] {
      return std::make_shared<group>(group_->shared_world(), members);
    });
    return local_engine(part, mine, where_);
  }

  void send(void const* from, std::size_t bytes, std::size_t peer, int tag) {
    if (world().failed()) throw_failure(text_of({"send to rank ", peer}));
    group_->mail(peer).put(rank_, tag, from, bytes);
    world().wake();
  }
  void receive(void* to, std::size_t bytes, std::size_t peer, int tag) {
    std::string const what = text_of({"receive of ", bytes, " bytes from rank ", peer, " with tag ", tag});
    auto const found = next_message(what, peer, tag);
    if (found.size() != bytes) fail(what, text_of({"rank ", peer, " sent ", found.size(), " bytes"}));
    if (bytes != 0) std::memcpy(to, found.data(), bytes);
  }

  /// Waits until collective `number` is done on all ranks, helping with it. Throws what went wrong.
  void finish(std::uint64_t number) {
    if (!is_open(number)) return;  // it ended when a later one needed its place
    bool const done = await(number);
    std::exception_ptr const thrown = done ? group_->slot(number).thrown() : nullptr;
    std::string const what = done && !thrown ? "" : call(number);
    close(number);
    if (thrown) {
      world().fail(group_->world_rank(rank_), text_of({"the operator of ", what, " threw an exception"}));
      std::rethrow_exception(thrown);
    }
    if (!done) throw_failure(what);
  }

  /// Ends it now: as finish does when everybody has come, otherwise by failing on all ranks.
  void abandon(std::uint64_t number) noexcept {
    if (!is_open(number)) return;
    if (group_->phase_of(number) == group::phase::open)
      world().fail(group_->world_rank(rank_), text_of({"rank ", rank_, " failed"}));
    await(number);
    close(number);
  }

 private:
  using phase = typename group::phase;
  /// From so many bytes on, a device's other threads are woken to help.
  static constexpr std::size_t threads_pay_from = std::size_t{1} << 21;

  local_world<Compilation>& world() const { return group_->world(); }
  bool is_open(std::uint64_t number) const { return number >= tail_ && (open_ >> number % group::slots & 1) != 0; }

  static std::string call(collective_call const& what, std::uint64_t number) {
    return text_of({to_string(what), " (collective ", number, ")"});
  }
  std::string call(std::uint64_t number) const { return call(group_->slot(number).at(rank_).brought, number); }

  [[noreturn]] void throw_failure(std::string const& what) const {
    throw communication_error(
        text_of({what, " on rank ", rank_, " of ", size(), ": ", world().first_failure().reason}));
  }
  [[noreturn]] void fail(std::string const& what, std::string const& reason) const {
    world().fail(group_->world_rank(rank_), text_of({"rank ", rank_, ", ", what, ": ", reason}));
    throw_failure(what);
  }

  /// What this rank loads from others' memory and stores there in its part of the work.
  std::size_t shared_bytes(collective_call const& call) const {
    using enum collective_kind;
    std::size_t const width = call.element.bytes, others = size() - 1;
    std::size_t const mine = composed::part_of(call.count, rank_, size()).size() * width, all = call.count * width;
    if (call.kind == all_reduce) return 2 * others * mine;
    if (call.kind == reduce) return others * mine + (rank_ == call.root ? 0 : mine);
    if (call.kind == broadcast) return rank_ == call.root ? 0 : all;
    if (!call.blocks) return others * all;
    std::size_t bytes = 0;
    for (std::size_t r = 0; r < size(); ++r) bytes += r == rank_ ? 0 : call.blocks->in[r].bytes;
    return bytes;
  }

  std::uint64_t post(collective_call const& mine) {
    std::uint64_t const number = next_;
    if (world().failed()) throw_failure(call(mine, number));
    if (number >= group::slots) make_room(mine, number - group::slots);
    ++next_;
    open_ |= std::uint64_t{1} << number % group::slots;
    group_->arrive(number, rank_, mine);
    return number;
  }

  /// Waits until every rank is through with collective `old`.
  void make_room(collective_call const& mine, std::uint64_t old) {
    finish(old);
    if (closed_by_all_ > old) return;
    auto until = world().usual_patience();
    auto const behind = [&] { return (closed_by_all_ = group_->closed_by_all()) <= old; };
    bool const in_time = world().wait(until, [&] { return !behind() || world().failed() || group_->lost(next_); });
    if (!behind()) return;
    if (world().failed()) throw_failure(call(mine, next_));
    fail(call(mine, next_), in_time ? "a rank has returned without the collectives before this one"
                                    : text_of({"waited ", seconds(), " for ranks that are 64 collectives behind"}));
  }

  /// Returns whether collective `number` came to be; otherwise it never will, and the world knows why.
  bool await(std::uint64_t number) {
    auto until = world().usual_patience();
    for (;;) {
      phase const now = group_->phase_of(number);
      if (now == phase::ready) work(number);
      if (now == phase::ready || now == phase::done) break;
      if (now == phase::dead) return false;
      auto const settled = [&] { return group_->phase_of(number) != phase::open; };
      bool const in_time = world().wait(
          until, [&] { return settled() || world().failed() || group_->lost(number); }, [&] { return help(number); });
      if (settled() || (!in_time && everyone_arrived(number))) continue;
      if (!world().failed()) world().fail(group_->world_rank(rank_), missing(number, in_time));
      group_->kill(number);
    }
    for (auto forever = typename local_world<Compilation>::patience{1e9}; group_->phase_of(number) != phase::done;)
      world().wait(forever, [&] { return group_->phase_of(number) == phase::done; });
    return true;
  }

  void work(std::uint64_t number) {
    if (where_.threads() > 1 && group_->slot(number).bytes() >= threads_pay_from)
      where_.run(static_cast<index>(where_.threads()), [&](index) { group_->work(number, rank_); });
    else
      group_->work(number, rank_);
  }

  /// While collective `number` waits for others, does what there is to do for those that were started before.
  bool help(std::uint64_t number) {
    bool any = false;
    for (std::uint64_t s = tail_; s < next_; ++s)
      if (s != number && is_open(s) && group_->phase_of(s) == phase::ready) any = group_->work(s, rank_) || any;
    return any;
  }

  void close(std::uint64_t number) {
    if (group_->phase_of(number) == phase::done) group_->slot(number).forget(rank_);
    open_ &= ~(std::uint64_t{1} << number % group::slots);
    while (tail_ < next_ && !is_open(tail_)) ++tail_;
    group_->close(rank_, tail_);
  }

  typename local_mailbox<Compilation>::message next_message(std::string const& what, std::size_t peer, int tag) {
    local_mailbox<Compilation>& mine = group_->mail(rank_);
    typename local_mailbox<Compilation>::message found;
    auto until = world().usual_patience();
    for (;;) {
      bool const left = world().has_left(group_->world_rank(peer));
      std::uint64_t const seen = mine.arrived();
      if (mine.take(peer, tag, found)) return found;
      if (world().failed()) throw_failure(what);
      if (left) fail(what, text_of({"rank ", peer, " has returned without sending it"}));
      auto const changed = [&] {
        return mine.arrived() != seen || world().failed() || world().has_left(group_->world_rank(peer));
      };
      if (!world().wait(until, changed, [&] { return help(next_); }))
        fail(what, text_of({"waited ", seconds(), " for rank ", peer}));
    }
  }

  bool everyone_arrived(std::uint64_t number) const {
    for (std::size_t r = 0; r < size(); ++r)
      if (!group_->arrived(number, r)) return false;
    return true;
  }

  /// Why collective `number` waits in vain.
  std::string missing(std::uint64_t number, bool left) const {
    std::string ranks;
    for (std::size_t r = 0; r < size(); ++r)
      if (!group_->arrived(number, r) && (!left || world().has_left(group_->world_rank(r))))
        append_text(ranks, {ranks.empty() ? "" : ", ", r});
    std::string const where = call(number);
    if (left) return text_of({"rank ", ranks, " has returned without calling ", where});
    return text_of({"rank ", rank_, " waited ", seconds(), " in ", where, " for rank ", ranks,
                    ", which had not called it; longer work needs a longer mesh::set_timeout"});
  }
  std::string seconds() const {
    char text[32];
    std::snprintf(text, sizeof text, "%g s", world().timeout());
    return text;
  }

  std::shared_ptr<group> group_;
  device where_;
  std::size_t rank_;
  std::uint64_t next_ = 0;           // number of the next collective
  std::uint64_t tail_ = 0;           // all before it are over for this rank
  std::uint64_t open_ = 0;           // bit s % 64: collective s is not over for this rank
  std::uint64_t closed_by_all_ = 0;  // all before it were over for every rank when last looked at
};

}  // namespace lockstep
