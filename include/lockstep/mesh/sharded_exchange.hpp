// rank_exchange: what ranks give to each other in one operation on sharded arrays, in one collective.
#pragma once

#include "sharded_rank.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// An exchange that has been started.
struct started_exchange {
  started_exchange() = default;
  started_exchange(started_exchange const&) = delete;
  started_exchange& operator=(started_exchange const&) = delete;
  virtual ~started_exchange() = default;
  /// Returns when what is taken is there; on a GPU, what is queued from now on comes after it.
  virtual void finish() = 0;
};

/// What this rank gives to others and takes from them, any number of pieces. All ranks make the same exchanges, and
/// what one gives to another, in order, is what that takes. Memory of GPUs goes directly where the communicator knows
/// it, and through the host's otherwise; several pieces for one rank are packed.
template <class T>
class rank_exchange final : public started_exchange {
 public:
  rank_exchange(rank_context const& here, char const* what) : here_(here), what_(what) {}

  void give(std::size_t peer, T const* from, index count) { add(given_, peer, from, count); }
  void take(std::size_t peer, T* to, index count) { add(taken_, peer, to, count); }

  void run() {
    here_.comm.template exchange<T>(blocks(), what_);
    unpack();
  }
  void start() { pending_ = here_.comm.template start_exchange<T>(blocks(), what_); }
  void finish() override {
    pending_.wait();
    unpack();
  }

 private:
  template <class P>
  struct piece {
    std::size_t peer;
    P data;
    std::size_t bytes;
  };
  template <class P>
  static void add(std::vector<piece<P>>& to, std::size_t peer, P data, index count) {
    if (count > 0) to.push_back({peer, data, static_cast<std::size_t>(count) * sizeof(T)});
  }
  device_state& own() const { return here_.where.state(); }

  std::shared_ptr<transfer_blocks const> blocks() {
    keep_own();
    auto blocks = std::make_shared<transfer_blocks>(here_.ranks);
    for (std::size_t peer = 0; peer < here_.ranks; ++peer) {
      if (peer == here_.rank) continue;
      blocks->out[peer] = outgoing(peer);
      blocks->in[peer] = incoming(peer);
    }
    return blocks;
  }
  /// What this rank takes from itself.
  void keep_own() {
    auto from = given_.begin();
    for (auto const& to : taken_) {
      if (to.peer != here_.rank) continue;
      while (from->peer != here_.rank) ++from;
      own().copy(to.data, from++->data, to.bytes);
    }
  }

  transfer_blocks::outgoing outgoing(std::size_t peer) {
    piece<T const*> const* only = nullptr;
    std::size_t const bytes = all_of(given_, peer, only);
    if (bytes == 0 || only) return {only ? only->data : nullptr, bytes};
    unsigned char* const room = make_room(bytes);
    std::size_t at = 0;
    for (auto const& each : given_) {
      if (each.peer != peer) continue;
      if (here_.reaches_devices)
        own().copy(room + at, each.data, each.bytes);
      else
        own().copy_to_host(room + at, each.data, each.bytes);
      at += each.bytes;
    }
    return {room, bytes};
  }
  transfer_blocks::incoming incoming(std::size_t peer) {
    piece<T*> const* only = nullptr;
    std::size_t const bytes = all_of(taken_, peer, only);
    if (bytes == 0 || only) return {only ? only->data : nullptr, bytes};
    unsigned char* const room = make_room(bytes);
    packed_.push_back({peer, room});
    return {room, bytes};
  }
  /// The bytes for or of a rank, and the only piece if it can go as it lies.
  template <class P>
  std::size_t all_of(std::vector<piece<P>> const& pieces, std::size_t peer, piece<P> const*& only) const {
    std::size_t bytes = 0, count = 0;
    for (auto const& each : pieces)
      if (each.peer == peer) bytes += each.bytes, ++count, only = &each;
    if (count != 1 || !here_.reaches_devices) only = nullptr;
    return bytes;
  }
  unsigned char* make_room(std::size_t bytes) {
    rooms_.push_back(make_storage(here_.reaches_devices ? here_.where : device::cpu(), bytes, 1));
    return static_cast<unsigned char*>(rooms_.back()->data);
  }
  void unpack() {
    for (auto const& [peer, room] : packed_) {
      std::size_t at = 0;
      for (auto const& each : taken_) {
        if (each.peer != peer) continue;
        if (here_.reaches_devices)
          own().copy(each.data, room + at, each.bytes);
        else
          own().copy_from_host(each.data, room + at, each.bytes);
        at += each.bytes;
      }
    }
    packed_.clear();
  }

  rank_context const& here_;
  char const* what_;
  std::vector<piece<T const*>> given_;
  std::vector<piece<T*>> taken_;
  std::vector<std::pair<std::size_t, unsigned char const*>> packed_;  ///< what is to be unpacked, and whose it is
  std::vector<counted_pointer<storage>> rooms_;
  pending pending_;  // ends before the memory does
};

/// Elements that ranks have in order, `has(r)` of them each, go to where they belong, `wants(r)`, in the same order.
/// `mine` and `out` are in this rank's memory.
template <class T, class Has, class Wants>
void redistribute(rank_context const& here, T const* mine, Has const& has, T* out, Wants const& wants) {
  owned_range const had = has(here.rank), wanted = wants(here.rank);
  rank_exchange<T> exchange(here, "elements");
  for (std::size_t peer = 0; peer < here.ranks; ++peer) {
    owned_range const there = had.both(wants(peer)), from = wanted.both(has(peer));
    exchange.give(peer, mine + (there.begin - had.begin), there.size());
    exchange.take(peer, out + (from.begin - wanted.begin), from.size());
  }
  exchange.run();
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
