// process_engine: one rank's side of the communication among processes of one machine, through memory that they share.
//
// Data pass through each rank's place in the shared memory piece by piece, so that they stay in the caches: a rank
// copies there only what others need, and takes from there only what it needs.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "composed.hpp"
#include "process_group.hpp"
#include "process_mail.hpp"
#include "process_rounds.hpp"

namespace lockstep {

/// A communication_engine that offers everything but starting collectives.
template <class Compilation>
class process_engine {
  using group = process_group<Compilation>;
  using mail = process_mail<Compilation>;

 public:
  process_engine(std::shared_ptr<process_world<Compilation>> world, std::shared_ptr<process_memory> memory,
                 std::vector<std::size_t> members, std::size_t rank)
      : mail_(std::make_shared<mail>(world, members[rank])),
        group_(std::make_shared<group>(world, std::move(memory), std::move(members), rank)),
        rounds_(group_) {}

  std::size_t rank() const { return group_->rank(); }
  std::size_t size() const { return group_->size(); }

  void begin_collective(collective const& what) { rounds_.begin(what); }
  void interrupt(char const* why) noexcept { rounds_.interrupt(why); }
  std::string failure_within(double seconds) { return rounds_.failure_within(seconds); }

  void barrier() { turn(); }

  bool all_reduce(void* data, std::size_t count, rank_reduction const& how, traffic& sent) {
    std::size_t const width = how.element.bytes, bytes = count * width;
    auto* const all = static_cast<unsigned char*>(data);
    if (width > group::half_bytes) return false;
    sent.bytes += 2 * (size() - 1) * composed::part_of(count, rank(), size()).size() * width;
    if (size() <= 2 || bytes <= whole_bytes()) {
      std::size_t const most = bytes <= 2 * group::half_bytes ? whole_bytes() : group::half_bytes / 2;
      for_pieces(size() == 1 ? 0 : count, most / width,
                 [&](std::size_t begin, std::size_t piece) { reduce_whole(all + begin * width, piece, how); });
      return true;
    }
    for_pieces(count, group::half_bytes / width, [&](std::size_t begin, std::size_t piece) {
      unsigned char* const here = all + begin * width;
      reduce_own(here, here, piece, how);
      turn();
      for_others([&](std::size_t r) {
        auto const theirs = composed::part_of(piece, r, size());
        std::memcpy(here + theirs.begin * width, group_->shown(r) + theirs.begin * width, theirs.size() * width);
      });
    });
    return true;
  }

  bool reduce(void const* from, void* to, std::size_t count, rank_reduction const& how, std::size_t root,
              traffic& sent) {
    std::size_t const width = how.element.bytes;
    auto const* const in = static_cast<unsigned char const*>(from);
    auto* const out = static_cast<unsigned char*>(to);
    if (width > group::half_bytes) return false;
    std::size_t const own = composed::part_of(count, rank(), size()).size() * width;
    sent.bytes += (size() - 1) * own + (rank() == root ? 0 : own);
    for_pieces(count, group::half_bytes / width, [&](std::size_t begin, std::size_t piece) {
      unsigned char* const here = rank() == root ? out + begin * width : nullptr;
      reduce_own(in + begin * width, here, piece, how);
      turn();
      if (here)
        for_others([&](std::size_t r) {
          auto const theirs = composed::part_of(piece, r, size());
          std::memcpy(here + theirs.begin * width, group_->shown(r) + theirs.begin * width, theirs.size() * width);
        });
    });
    return true;
  }

  bool reduce_scatter(void const* from, void* to, std::size_t count, rank_reduction const& how, traffic& sent) {
    std::size_t const width = how.element.bytes, most = group::half_bytes / width / size();
    if (most == 0) return false;
    sent.bytes += (size() - 1) * count * width;
    auto const* const in = static_cast<unsigned char const*>(from);
    auto* const out = static_cast<unsigned char*>(to);
    for_pieces(count, most, [&](std::size_t begin, std::size_t piece) {
      for_others([&](std::size_t r) { show(r * piece * width, in + (r * count + begin) * width, piece * width); });
      turn();
      void* const result = out + begin * width;
      combine(in + (rank() * count + begin) * width, rank() * piece * width, &result, 1, piece, how);
    });
    return true;
  }

  void broadcast(void* data, std::size_t count, element_kind const& element, std::size_t root, traffic& sent) {
    auto* const all = static_cast<unsigned char*>(data);
    if (rank() == root) sent.bytes += (size() - 1) * count * element.bytes;
    for_pieces(count * element.bytes, group::half_bytes, [&](std::size_t begin, std::size_t piece) {
      if (rank() == root) show(0, all + begin, piece);
      turn();
      if (rank() != root && piece != 0) std::memcpy(all + begin, group_->shown(root), piece);
    });
  }

  void all_gather(void const* from, void* to, std::size_t count, element_kind const& element, traffic& sent) {
    std::size_t const bytes = count * element.bytes;
    auto const* const in = static_cast<unsigned char const*>(from);
    auto* const out = static_cast<unsigned char*>(to);
    sent.bytes += (size() - 1) * bytes;
    if (bytes != 0 && out + rank() * bytes != from) std::memmove(out + rank() * bytes, from, bytes);
    for_pieces(bytes, group::half_bytes, [&](std::size_t begin, std::size_t piece) {
      show(0, in + begin, piece);
      turn();
      if (piece != 0) for_others([&](std::size_t r) { std::memcpy(out + r * bytes + begin, group_->shown(r), piece); });
    });
  }

  /// Every round shows as much of all blocks as there is room for, and how long each is in all.
  void transfer(transfer_blocks const& blocks, traffic& sent) {
    auto const& own = blocks.out[rank()];
    if (own.bytes != 0 && own.data != blocks.in[rank()].data) std::memmove(blocks.in[rank()].data, own.data, own.bytes);
    for_others([&](std::size_t r) {
      sent.bytes += blocks.out[r].bytes;
      rounds_.show_largest(blocks.out[r].bytes);
    });
    slots const where(group_->next_call().kind, size());
    bool const takes = !where.for_root || rank() == group_->next_call().root;
    std::uint64_t most = 1;
    for (std::size_t begin = 0; begin < most; begin += where.room) {
      if (where.one)
        show_block(0, longest(blocks), begin, where.room);
      else
        for_others([&](std::size_t r) { show_block(where.of(r), blocks.out[r], begin, where.room); });
      turn();
      if (begin == 0)
        for (std::size_t r = 0; r < size(); ++r) most = std::max(most, group_->shown_call(r).largest);
      if (takes) for_others([&](std::size_t r) { take_block(r, where.of(rank()), blocks.in[r], begin, where.room); });
    }
  }

  process_engine split(std::int64_t color) {
    std::vector<std::int64_t> colors(size()), origins(3 * size());
    exchange(&color, colors.data(), sizeof color);
    std::vector<std::size_t> members;
    std::size_t mine = 0;
    for (std::size_t r = 0; r < size(); ++r) {
      if (colors[r] != color) continue;
      if (r == rank()) mine = members.size();
      members.push_back(r);
    }
    std::size_t const bytes = group::bytes_for(members.size()), founder = members.front();
    auto memory = founder == rank() ? std::make_shared<process_memory>(bytes) : nullptr;
    std::int64_t const origin[] = {getpid(), memory ? memory->descriptor() : -1, memory ? memory->identity() : -1};
    exchange(origin, origins.data(), sizeof origin);
    std::int64_t const* const at = &origins[3 * founder];
    if (!memory) memory = std::make_shared<process_memory>(at[0], static_cast<int>(at[1]), at[2], bytes);
    turn();
    memory->close_descriptor();
    for (std::size_t& member : members) member = group_->world_rank(member);
    process_engine part(*this);
    part.group_ = std::make_shared<group>(group_->shared_world(), std::move(memory), std::move(members), mine);
    part.name_ = (name_ * 31 + rounds_.begun()) * 0x9e3779b97f4a7c15u + static_cast<std::uint64_t>(color) + 1;
    part.rounds_ = process_rounds<Compilation>(part.group_);
    return part;
  }

  void send(void const* from, std::size_t bytes, std::size_t peer, int tag) {
    if (world().failed()) rounds_.throw_failure(text_of({"send to rank ", peer}));
    process_letter const head{name_, bytes, tag};
    std::size_t done = 0;
    auto const wrote = [&] {
      std::size_t const before = done;
      done = mail_->write(group_->world_rank(peer), head, from, done);
      return done != before;
    };
    while (done != sizeof head + bytes)  // patience begins anew with whatever goes out
      if (!wrote() && !await_peer(wrote, peer))
        rounds_.give_up(text_of({"send of ", bytes, " bytes to rank ", peer, " with tag ", tag}), peer, "receiving it");
  }
  void receive(void* to, std::size_t bytes, std::size_t peer, int tag) {
    typename mail::letter const* found = nullptr;
    std::size_t const source = group_->world_rank(peer);
    auto const come = [&] { return (found = mail_->find(source, name_, tag)) != nullptr; };
    while (!come()) {
      std::uint64_t const before = mail_->read_from(source);
      if (!await_peer([&] { return come() || mail_->read_from(source) != before; }, peer))
        rounds_.give_up(text_of({"receive of ", bytes, " bytes from rank ", peer, " with tag ", tag}), peer,
                        "sending it");
      if (found) break;
    }
    std::size_t const there = found->head.bytes;
    if (there == bytes && bytes != 0) std::memcpy(to, found->content.get(), bytes);
    mail_->drop(found);
    if (there != bytes)
      rounds_.fail(text_of({"receive of ", bytes, " bytes from rank ", peer, " with tag ", tag}),
                   text_of({"rank ", peer, " sent ", there, " bytes"}));
  }

 private:
  /// Up to so many bytes are reduced by every rank for itself, in one round: a second costs more than what it saves.
  /// Two ranks do so with any number of bytes, piece by piece, since each has to read as much of the other either way.
  std::size_t whole_bytes() const { return size() == 2 ? std::size_t{1} << 17 : (std::size_t{1} << 15) / size(); }

  process_world<Compilation>& world() const { return group_->world(); }
  void turn() { rounds_.turn(); }

  /// Waits for something from or by rank `peer`, reading what comes meanwhile.
  template <class Ready>
  bool await_peer(Ready const& ready, std::size_t peer) {
    return world().wait(
        ready, [&] { mail_->read_all(); }, [&] { return group_->lost_for_ever(peer); });
  }

  /// f(begin, size) for pieces of at most `most`; once for nothing, since ranks compare their calls in the first round.
  template <class F>
  void for_pieces(std::size_t count, std::size_t most, F const& f) {
    most = std::max<std::size_t>(1, most);
    std::size_t begin = 0;
    do {
      std::size_t const piece = std::min(most, count - begin);
      f(begin, piece);
      begin += piece;
    } while (begin < count);
  }
  template <class F>
  void for_others(F const& f) {
    for (std::size_t i = 1; i < size(); ++i) f((rank() + i) % size());
  }

  /// Copies to byte `at` of this rank's next place.
  void show(std::size_t at, void const* from, std::size_t bytes) {
    if (bytes != 0) std::memcpy(group_->next() + at, from, bytes);
  }
  void show_block(std::size_t at, transfer_blocks::outgoing const& block, std::size_t begin, std::size_t room) {
    std::uint64_t const bytes = block.bytes;
    std::memcpy(group_->next() + at, &bytes, sizeof bytes);
    if (begin < bytes)
      show(at + 64, static_cast<unsigned char const*>(block.data) + begin, std::min(room, bytes - begin));
  }
  void take_block(std::size_t peer, std::size_t at, transfer_blocks::incoming const& block, std::size_t begin,
                  std::size_t room) {
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, group_->shown(peer) + at, sizeof bytes);
    if (bytes != block.bytes) rounds_.disagree_about(peer, bytes, block.bytes);
    if (begin < bytes)
      std::memcpy(static_cast<unsigned char*>(block.data) + begin, group_->shown(peer) + at + 64,
                  std::min(room, bytes - begin));
  }
  /// Where blocks stand in a rank's place. If all blocks of a rank are the same, or all but one are empty, there is
  /// one.
  struct slots {
    bool for_root, one;
    std::size_t bytes, room;
    slots(collective_kind kind, std::size_t ranks)
        : for_root(kind == collective_kind::gather || kind == collective_kind::gather_v),
          one(for_root || kind == collective_kind::all_gather_v),
          bytes((one ? group::half_bytes : group::half_bytes / ranks) / 64 * 64),
          room(bytes - 64) {}
    std::size_t of(std::size_t rank) const { return one ? 0 : rank * bytes; }
  };
  transfer_blocks::outgoing longest(transfer_blocks const& blocks) const {
    std::size_t found = rank() == 0 ? size() - 1 : 0;
    for (std::size_t r = 0; r < size(); ++r)
      if (r != rank() && blocks.out[r].bytes > blocks.out[found].bytes) found = r;
    return blocks.out[found];
  }

  void exchange(void const* mine, void* all, std::size_t bytes) {
    std::memcpy(group_->next(), mine, bytes);
    turn();
    for (std::size_t r = 0; r < size(); ++r)
      std::memcpy(static_cast<unsigned char*>(all) + r * bytes, group_->shown(r), bytes);
  }

  /// `count` elements of all ranks in `own` and, of others, from byte `at` of their places on, into `to`.
  void combine(void const* own, std::size_t at, void* const* to, std::size_t outputs, std::size_t count,
               rank_reduction const& how) {
    std::vector<void const*>& inputs = inputs_;
    inputs.resize(size());
    for (std::size_t r = 0; r < size(); ++r) inputs[r] = r == rank() ? own : group_->shown(r) + at;
    if (count != 0) how(inputs.data(), size(), to, outputs, count);
  }
  void reduce_whole(void* data, std::size_t count, rank_reduction const& how) {
    show(0, data, count * how.element.bytes);
    turn();
    combine(data, 0, &data, 1, count, how);
  }
  /// Reduces this rank's part of `count` elements into the next place and, unless it is null, into `to`.
  void reduce_own(unsigned char const* from, unsigned char* to, std::size_t count, rank_reduction const& how) {
    std::size_t const width = how.element.bytes;
    for_others([&](std::size_t r) {
      auto const theirs = composed::part_of(count, r, size());
      show(theirs.begin * width, from + theirs.begin * width, theirs.size() * width);
    });
    turn();
    auto const mine = composed::part_of(count, rank(), size());
    void* const results[] = {group_->next() + mine.begin * width, to ? to + mine.begin * width : nullptr};
    combine(from + mine.begin * width, mine.begin * width, results, to ? 2 : 1, mine.size(), how);
  }

  std::shared_ptr<mail> mail_;
  std::shared_ptr<group> group_;
  process_rounds<Compilation> rounds_;
  std::vector<void const*> inputs_;  // of a reduction
  std::uint64_t name_ = 0;           // of the group
};

}  // namespace lockstep
