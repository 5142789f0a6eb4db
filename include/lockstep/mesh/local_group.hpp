// local_group: collectives among threads that load from and store to each other's memory directly.
//
// Collective number s of a group uses slot s % 64. Every rank writes there what it brings; the last one to arrive
// checks that all brought the same and makes the slot `ready`. Its work is cut into chunks, which whoever waits takes:
// first from its own slice, then from the others'. A slot that is not ready can be made `dead` instead, so a collective
// happens on all ranks or on none, and the memory of a rank that gives up is never touched afterwards.
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "composed.hpp"
#include "local_mailbox.hpp"
#include "local_world.hpp"

namespace lockstep {

enum class collective_kind : unsigned char { barrier, all_reduce, broadcast, all_gather, reduce_scatter };

/// What one rank brings to a collective.
struct contribution {
  collective_kind kind = collective_kind::barrier;
  void const* from = nullptr;
  void* to = nullptr;
  std::size_t count = 0;
  element_kind element = {1, ""};
  char const* operator_name = "";
  std::size_t root = 0;
};

/// "all_reduce of 10 float by +".
inline std::string to_string(contribution const& c) {
  static constexpr char const* names[] = {"barrier", "all_reduce", "broadcast", "all_gather", "reduce_scatter"};
  std::string text = names[static_cast<std::size_t>(c.kind)];
  if (c.kind == collective_kind::barrier) return text;
  text += " of " + std::to_string(c.count) + " " + c.element.name;
  if (*c.operator_name) text += std::string(" by ") + c.operator_name;
  if (c.kind == collective_kind::broadcast) text += " from rank " + std::to_string(c.root);
  return text;
}

inline bool agree(contribution const& a, contribution const& b) {
  auto const same = [](char const* x, char const* y) { return x == y || std::strcmp(x, y) == 0; };
  return a.kind == b.kind && a.count == b.count && a.element.bytes == b.element.bytes && a.root == b.root &&
         same(a.element.name, b.element.name) && same(a.operator_name, b.operator_name);
}

class local_group {
 public:
  static constexpr std::uint64_t slots = 64;
  enum class phase : unsigned char { open, ready, done, dead };

  /// `members` are the ranks in the world, by rank in this group.
  local_group(std::shared_ptr<local_world> world, std::vector<std::size_t> members)
      : world_(std::move(world)),
        members_(std::move(members)),
        slots_(std::make_unique<slot[]>(slots)),
        places_(std::make_unique<place[]>(slots * members_.size())),
        ends_(std::make_unique<end[]>(members_.size())),
        mail_(std::make_unique<local_mailbox[]>(members_.size())) {
    for (std::uint64_t s = 0; s < slots; ++s) slots_[s].state = word(s - slots, phase::done);
  }

  local_world& world() const { return *world_; }
  std::shared_ptr<local_world> const& shared_world() const { return world_; }
  std::size_t size() const { return members_.size(); }
  std::size_t world_rank(std::size_t rank) const { return members_[rank]; }
  local_mailbox& mail(std::size_t rank) { return mail_[rank]; }

  /// How far each rank has come: all collectives before this number are over for it.
  void close(std::size_t rank, std::uint64_t before) {
    ends_[rank].before.store(before);
    world_->wake();
  }
  std::uint64_t closed_by_all() const {
    std::uint64_t least = UINT64_MAX;
    for (std::size_t r = 0; r < size(); ++r) least = std::min(least, ends_[r].before.load());
    return least;
  }

  phase phase_of(std::uint64_t number) const {
    std::uint64_t const state = slot_of(number).state.load();
    return state / 4 == number ? static_cast<phase>(state % 4) : phase::open;
  }
  bool arrived(std::uint64_t number, std::size_t rank) const { return place_of(number, rank).number.load() == number; }
  /// Whether someone who has not arrived never will.
  bool lost(std::uint64_t number) const {
    if (!world_->someone_left()) return false;
    for (std::size_t r = 0; r < size(); ++r)
      if (world_->has_left(members_[r]) && !arrived(number, r)) return true;
    return false;
  }

  /// Rank `rank` brings its part of a collective; `how` for those that reduce.
  void arrive(std::uint64_t number, std::size_t rank, contribution const& mine, rank_reduction const* how) {
    place& here = place_of(number, rank);
    here.brought = mine;
    here.number.store(number);
    if (slot_of(number).arrivals.fetch_add(1) % size() == size() - 1) begin(number, rank, how);
  }

  /// Unless the collective is ready, it never will be.
  void kill(std::uint64_t number) {
    if (settle(number, phase::dead)) world_->wake();
  }

  /// Does as much of a ready collective as others have not done. Returns whether there was anything left to do.
  bool work(std::uint64_t number, std::size_t rank) {
    slot& s = slot_of(number);
    bool any = false;
    for (std::size_t i = 0; i < s.slices; ++i) {
      std::size_t const q = (rank + i) % s.slices, length = s.length(q, *this), chunks = chunks_in(length, s.chunk);
      std::atomic<std::size_t>& next = place_of(number, q).next_chunk;
      while (next.load(std::memory_order_relaxed) < chunks) {
        std::size_t const c = next.fetch_add(1, std::memory_order_relaxed);
        if (c >= chunks) break;
        any = true;
        attempt(number, rank, [&] { run(number, q, c * s.chunk, std::min(length, (c + 1) * s.chunk)); });
        if (s.chunks_left.fetch_sub(1) == 1) complete(number);
      }
    }
    return any;
  }

  /// Bytes that all ranks together have to write in a ready collective.
  std::size_t bytes(std::uint64_t number) const { return slot_of(number).bytes; }
  /// What an operator threw, once done.
  std::exception_ptr exception(std::uint64_t number) const { return slot_of(number).thrown; }
  contribution const& brought(std::uint64_t number, std::size_t rank) const { return place_of(number, rank).brought; }

 private:
  static constexpr std::size_t chunk_bytes = std::size_t{1} << 15;  // two or four of them fit the nearest caches
  static constexpr std::size_t small_bytes = std::size_t{1} << 13;  // up to here the last to arrive does all the work

  struct alignas(64) slot {
    std::atomic<std::uint64_t> state, arrivals{0};
    alignas(64) std::atomic<std::size_t> chunks_left{0};
    std::size_t slices = 0, chunk = 1, bytes = 0;
    contribution what = {};
    rank_reduction how = {};
    std::atomic<bool> threw{false};
    std::exception_ptr thrown;

    /// Elements (bytes, for those that copy) that slice `q` is long.
    std::size_t length(std::size_t q, local_group const& group) const {
      std::size_t const all = what.count * what.element.bytes;
      switch (what.kind) {
        case collective_kind::all_reduce:
          return part_of_slice(q).size();
        case collective_kind::reduce_scatter:
          return what.count;
        case collective_kind::all_gather:
          return all * group.size();
        case collective_kind::broadcast:
          return q == what.root ? 0 : all;
        default:
          return 0;
      }
    }
    /// Cut between cache lines, so that no two ranks write to the same one.
    composed::part part_of_slice(std::size_t q) const {
      std::size_t const line = std::max<std::size_t>(1, 64 / what.element.bytes);
      auto const lines = composed::part_of((what.count + line - 1) / line, q, slices);
      return {std::min(what.count, lines.begin * line), std::min(what.count, lines.end * line)};
    }
  };

  /// A rank in a slot.
  struct alignas(64) place {
    contribution brought = {};
    std::atomic<std::uint64_t> number{UINT64_MAX};
    alignas(64) std::atomic<std::size_t> next_chunk{0};
  };
  struct alignas(64) end {
    std::atomic<std::uint64_t> before{0};
  };

  static std::uint64_t word(std::uint64_t number, phase p) { return number * 4 + static_cast<std::uint64_t>(p); }
  static std::size_t chunks_in(std::size_t length, std::size_t chunk) { return (length + chunk - 1) / chunk; }
  slot& slot_of(std::uint64_t number) const { return slots_[number % slots]; }
  place& place_of(std::uint64_t number, std::size_t rank) const { return places_[number % slots * size() + rank]; }

  /// From open to `next`; false when another has been faster.
  bool settle(std::uint64_t number, phase next) {
    std::uint64_t expected = word(number - slots, phase::done);
    return slot_of(number).state.compare_exchange_strong(expected, word(number, next));
  }
  void complete(std::uint64_t number) {
    slot_of(number).state.store(word(number, phase::done));
    world_->wake();
  }

  /// The last to arrive makes the collective ready, or, if there is little to do, done.
  void begin(std::uint64_t number, std::size_t rank, rank_reduction const* how) {
    if (!check(number, rank)) return kill(number);
    slot& s = slot_of(number);
    s.what = place_of(number, rank).brought;
    if (how) s.how = *how;
    s.thrown = nullptr;
    s.threw = false;
    s.bytes = s.what.count * s.what.element.bytes * size();
    if (s.what.kind == collective_kind::all_gather) s.bytes *= size();
    bool const small = s.bytes <= small_bytes;
    bool const reduces = s.what.kind == collective_kind::all_reduce;
    s.slices = small && reduces ? 1 : size();
    s.chunk = std::max<std::size_t>(1, chunk_bytes / (reduces || how ? s.what.element.bytes : 1));
    std::size_t chunks = 0;
    for (std::size_t q = 0; q < s.slices; ++q) {
      place_of(number, q).next_chunk.store(small ? SIZE_MAX / 2 : 0, std::memory_order_relaxed);
      chunks += chunks_in(s.length(q, *this), s.chunk);
    }
    s.chunks_left.store(chunks, std::memory_order_relaxed);
    if (!settle(number, chunks == 0 ? phase::done : phase::ready)) return;
    if (small && chunks > 0) {
      attempt(number, rank, [&] {
        for (std::size_t q = 0; q < s.slices; ++q) run(number, q, 0, s.length(q, *this));
      });
      return complete(number);
    }
    world_->wake();
  }

  bool check(std::uint64_t number, std::size_t rank) {
    contribution const& mine = place_of(number, rank).brought;
    for (std::size_t r = 0; r < size(); ++r) {
      contribution const& other = place_of(number, r).brought;
      if (agree(mine, other)) continue;
      world_->fail(members_[rank], "in collective " + std::to_string(number) + " of " + std::to_string(size()) +
                                       " ranks, rank " + std::to_string(r) + " called " + to_string(other) +
                                       ", but rank " + std::to_string(rank) + " called " + to_string(mine) +
                                       "; all ranks must call the same collectives in the same order");
      return false;
    }
    return true;
  }

  /// Part of a collective may throw: then all ranks are told, and go on without it.
  template <class F>
  void attempt(std::uint64_t number, std::size_t rank, F const& f) {
    try {
      f();
    } catch (...) {
      slot& s = slot_of(number);
      if (s.threw.exchange(true)) return;
      s.thrown = std::current_exception();
      world_->fail(members_[rank], "the operator of " + to_string(s.what) + " threw an exception in collective " +
                                       std::to_string(number));
    }
  }

  /// Elements [begin, end) of slice `q`.
  void run(std::uint64_t number, std::size_t q, std::size_t begin, std::size_t end_of) {
    slot const& s = slot_of(number);
    std::size_t const width = s.what.element.bytes;
    switch (s.what.kind) {
      case collective_kind::all_reduce: {
        std::size_t const at = s.part_of_slice(q).begin + begin;
        return reduce(number, at * width, 0, size(), at * width, end_of - begin);
      }
      case collective_kind::reduce_scatter:
        return reduce(number, (q * s.what.count + begin) * width, q, 1, begin * width, end_of - begin);
      case collective_kind::all_gather:
        return gather(number, q, begin, end_of);
      case collective_kind::broadcast: {
        auto const* from = static_cast<unsigned char const*>(place_of(number, s.what.root).brought.from);
        auto* to = static_cast<unsigned char*>(place_of(number, q).brought.to);
        std::memcpy(to + begin, from + begin, end_of - begin);
        return;
      }
      default:
        return;
    }
  }

  /// `count` elements, `from_offset` bytes into all inputs, to `to_offset` bytes into the outputs from rank `first` on.
  void reduce(std::uint64_t number, std::size_t from_offset, std::size_t first, std::size_t outputs,
              std::size_t to_offset, std::size_t count) {
    pointers<void const*> from(size());
    pointers<void*> to(outputs);
    for (std::size_t r = 0; r < size(); ++r)
      from[r] = static_cast<unsigned char const*>(place_of(number, r).brought.from) + from_offset;
    for (std::size_t o = 0; o < outputs; ++o)
      to[o] = static_cast<unsigned char*>(place_of(number, first + o).brought.to) + to_offset;
    slot_of(number).how(from.data, size(), to.data, outputs, count);
  }

  /// Bytes [begin, end) of what rank `q` gets.
  void gather(std::uint64_t number, std::size_t q, std::size_t begin, std::size_t end_of) {
    std::size_t const each = slot_of(number).what.count * slot_of(number).what.element.bytes;
    auto* const to = static_cast<unsigned char*>(place_of(number, q).brought.to);
    while (begin < end_of) {
      std::size_t const r = begin / each, within = begin % each, size = std::min(end_of - begin, each - within);
      auto const* const from = static_cast<unsigned char const*>(place_of(number, r).brought.from) + within;
      if (to + begin != from) std::memcpy(to + begin, from, size);
      begin += size;
    }
  }

  /// One pointer per rank, on the stack for usual numbers of ranks.
  template <class P>
  struct pointers {
    explicit pointers(std::size_t count) : more(count > 32 ? count : 0), data(count > 32 ? more.data() : few) {}
    pointers(pointers const&) = delete;
    P& operator[](std::size_t i) { return data[i]; }
    P few[32];
    std::vector<P> more;
    P* data;
  };

  std::shared_ptr<local_world> world_;
  std::vector<std::size_t> members_;
  std::unique_ptr<slot[]> slots_;
  std::unique_ptr<place[]> places_;
  std::unique_ptr<end[]> ends_;
  std::unique_ptr<local_mailbox[]> mail_;
};

}  // namespace lockstep
