// two_level: collectives over several machines, out of an engine's required core: what ranks of one machine have is
// combined there, before anything goes from machine to machine.
//
// All machines have the same number of ranks, one machine's after another's. A rank's column are the ranks that have
// its place on their machines. Where the tree of `rank_reduction` does not join all ranks of a machine before it joins
// them to others, a machine sends more than one partial result: bits are those of one level, on any mesh.
#pragma once

#include <vector>

#include "composed.hpp"

namespace lockstep::two_level {

/// An engine's ranks on `machines` machines.
template <class Engine>
struct grid {
  composed::link<Engine> all, machine, column;

  grid(composed::link<Engine> l, std::size_t machines)
      : all(l),
        machine{l.engine, l.sent, l.rank() / (l.size() / machines) * (l.size() / machines), 1, l.size() / machines},
        column{l.engine, l.sent, l.rank() % (l.size() / machines), l.size() / machines, machines} {}

  std::size_t machines() const { return column.size(); }
  std::size_t per_machine() const { return machine.size(); }
  bool has_levels() const { return machines() > 1 && per_machine() > 1; }
};

/// Ranks [begin, end) that are a node of the tree.
struct subtree {
  std::size_t begin, end;
};

/// The largest subtrees of the tree over `within` that have no ranks but those of [begin, end), by rank.
inline void add_subtrees(std::vector<subtree>& found, subtree within, std::size_t begin, std::size_t end) {
  if (within.end <= begin || within.begin >= end) return;
  if (within.begin >= begin && within.end <= end) return found.push_back(within);
  std::size_t const middle = within.begin + left_ranks(within.end - within.begin);
  add_subtrees(found, {within.begin, middle}, begin, end);
  add_subtrees(found, {middle, within.end}, begin, end);
}
/// Those of machine `machine`.
inline std::vector<subtree> subtrees_of(std::size_t machine, std::size_t per_machine, std::size_t ranks) {
  std::vector<subtree> found;
  add_subtrees(found, {0, ranks}, machine * per_machine, (machine + 1) * per_machine);
  return found;
}

/// The values of `count` elements of subtrees, and of the tree above them.
class partial_results {
 public:
  partial_results(std::size_t count, rank_reduction const& how) : count_(count), how_(how) {}
  void add(subtree s, void const* values) { known_.push_back({s, values}); }

  /// The root of the tree over `ranks` ranks, to `to`.
  void finish(std::size_t ranks, void* to) {
    void const* const result = value_of({0, ranks}, to);
    if (result != to && count_ != 0) std::memcpy(to, result, count_ * how_.element.bytes);
  }

 private:
  struct entry {
    subtree ranks;
    void const* values;
  };
  /// In known values, or in `to`.
  void const* value_of(subtree s, void* to) {
    for (entry const& each : known_)
      if (each.ranks.begin == s.begin && each.ranks.end == s.end) return each.values;
    std::size_t const middle = s.begin + left_ranks(s.end - s.begin);
    composed::scratch const space(count_ * how_.element.bytes);
    void const* const inputs[] = {value_of({s.begin, middle}, to), value_of({middle, s.end}, space.get())};
    how_(inputs, 2, &to, 1, count_);
    return to;
  }

  std::size_t count_;
  rank_reduction const& how_;
  std::vector<entry> known_;
};

/// Bytes of this machine's partial results of `count` elements.
template <class Engine>
std::size_t partial_bytes(grid<Engine> const& g, std::size_t count, rank_reduction const& how) {
  return subtrees_of(g.column.rank(), g.per_machine(), g.all.size()).size() * count * how.element.bytes;
}

/// The partial results of this machine, one after another, of `count` elements each, to `results`; at(r) says where the
/// elements of the machine's rank r are.
template <class Engine, class At>
void reduce_machine(grid<Engine> const& g, std::size_t count, rank_reduction const& how, At const& at,
                    unsigned char* results) {
  std::vector<void const*> inputs(g.per_machine());
  for (std::size_t r = 0; r < inputs.size(); ++r) inputs[r] = at(r);
  for (subtree const& each : subtrees_of(g.column.rank(), g.per_machine(), g.all.size())) {
    void* const to = results;
    how(inputs.data() + (each.begin - g.machine.first), each.end - each.begin, &to, 1, count);
    results += count * how.element.bytes;
  }
}

/// Every rank of a column gives each other that part of its machine's partial results that it is for, and combines what
/// it gets into `to`. `begin_of(r)` and `size_of(r)`, in elements, say what is for rank r of the column; one message
/// each.
template <class Engine, class Begin, class Size>
void reduce_column(grid<Engine>& g, unsigned char const* partial, std::size_t count, Begin const& begin_of,
                   Size const& size_of, void* to, rank_reduction const& how) {
  std::size_t const width = how.element.bytes, me = g.column.rank(), mine = size_of(me);
  std::vector<std::vector<subtree>> trees;
  std::size_t most = 0;
  for (std::size_t m = 0; m < g.machines(); ++m) {
    trees.push_back(subtrees_of(m, g.per_machine(), g.all.size()));
    most = std::max(most, trees[m].size());
  }
  composed::scratch const received(g.machines() * most * mine * width);
  auto const place = [&](std::size_t m) { return received.get() + m * most * mine * width; };
  auto const pack = [&](std::size_t m, unsigned char* into) {
    for (std::size_t k = 0; k < trees[me].size(); ++k)
      if (size_of(m) != 0)
        std::memcpy(into + k * size_of(m) * width, partial + (k * count + begin_of(m)) * width, size_of(m) * width);
  };
  pack(me, place(me));
  g.column.each_peer([&](std::size_t peer) {
    std::size_t const bytes = trees[me].size() * size_of(peer) * width;
    composed::scratch const packed(bytes);
    pack(peer, packed.get());
    g.column.exchange(peer, packed.get(), bytes, place(peer), trees[peer].size() * mine * width);
  });
  partial_results all(mine, how);
  for (std::size_t m = 0; m < g.machines(); ++m)
    for (std::size_t k = 0; k < trees[m].size(); ++k) all.add(trees[m][k], place(m) + k * mine * width);
  all.finish(g.all.size(), to);
}

/// This rank's part of what all ranks of its machine have, as the machine's partial results: per_machine - 1 messages
/// per rank.
template <class Engine>
void reduce_own_part(grid<Engine>& g, unsigned char const* data, std::size_t count, rank_reduction const& how,
                     unsigned char* results) {
  std::size_t const width = how.element.bytes, me = g.machine.rank();
  auto const mine = composed::part_of(count, me, g.per_machine());
  composed::scratch const received(g.per_machine() * mine.size() * width);
  g.machine.each_peer([&](std::size_t peer) {
    auto const theirs = composed::part_of(count, peer, g.per_machine());
    g.machine.exchange(peer, data + theirs.begin * width, theirs.size() * width,
                       received.get() + peer * mine.size() * width, mine.size() * width);
  });
  auto const at = [&](std::size_t r) {
    return r == me ? data + mine.begin * width : received.get() + r * mine.size() * width;
  };
  reduce_machine(g, mine.size(), how, at, results);
}

/// Every rank has its part of `data` and gets the others': size() - 1 messages per rank.
template <class Engine>
void share_parts(composed::link<Engine> l, unsigned char* data, std::size_t count, std::size_t width) {
  auto const mine = composed::part_of(count, l.rank(), l.size());
  l.each_peer([&](std::size_t peer) {
    auto const theirs = composed::part_of(count, peer, l.size());
    l.exchange(peer, data + mine.begin * width, mine.size() * width, data + theirs.begin * width,
               theirs.size() * width);
  });
}

/// Per rank 2 (machines - 1) messages from machine to machine and 2 (per_machine - 1) inside. From machine to machine
/// go 2 (machines - 1) times the bytes of `data`; more where a machine has k > 1 partial results: then (machines - 1) /
/// machines * (k + 1) times for each. False, having done nothing, when there are no two levels or few bytes.
template <class Engine>
bool all_reduce(grid<Engine> g, void* data, std::size_t count, rank_reduction const& how) {
  std::size_t const width = how.element.bytes;
  if (!g.has_levels() || count * width < composed::direct_bytes) return false;
  auto* const all = static_cast<unsigned char*>(data);
  auto const mine = composed::part_of(count, g.machine.rank(), g.per_machine());
  auto const part = [&](std::size_t m) { return composed::part_of(mine.size(), m, g.machines()); };
  composed::scratch const partial(partial_bytes(g, mine.size(), how));
  reduce_own_part(g, all, count, how, partial.get());
  unsigned char* const own = all + mine.begin * width;
  reduce_column(
      g, partial.get(), mine.size(), [&](std::size_t m) { return part(m).begin; },
      [&](std::size_t m) { return part(m).size(); }, own + part(g.column.rank()).begin * width, how);
  share_parts(g.column, own, mine.size(), width);
  share_parts(g.machine, all, count, width);
  return true;
}

/// `from` holds `count` elements for each rank: per rank machines - 1 messages from machine to machine, and
/// per_machine - 1 inside.
template <class Engine>
bool reduce_scatter(grid<Engine> g, void const* from, void* to, std::size_t count, rank_reduction const& how) {
  if (!g.has_levels()) return false;
  std::size_t const bytes = count * how.element.bytes, me = g.machine.rank(), machines = g.machines();
  auto const* const in = static_cast<unsigned char const*>(from);
  composed::scratch const received(g.per_machine() * machines * bytes);
  auto const place = [&](std::size_t r) { return received.get() + r * machines * bytes; };
  auto const pack = [&](std::size_t r, unsigned char* into) {  // what is for column r
    for (std::size_t m = 0; m < machines && bytes != 0; ++m)
      std::memcpy(into + m * bytes, in + (m * g.per_machine() + r) * bytes, bytes);
  };
  pack(me, place(me));
  composed::scratch const packed(machines * bytes);
  g.machine.each_peer([&](std::size_t peer) {
    pack(peer, packed.get());
    g.machine.exchange(peer, packed.get(), machines * bytes, place(peer), machines * bytes);
  });
  composed::scratch const partial(partial_bytes(g, machines * count, how));
  reduce_machine(g, machines * count, how, place, partial.get());
  reduce_column(
      g, partial.get(), machines * count, [&](std::size_t m) { return m * count; }, [&](std::size_t) { return count; },
      to, how);
  return true;
}

/// One message to each other machine, and size() - 1 in all.
template <class Engine>
void broadcast(grid<Engine> g, void* data, std::size_t bytes, std::size_t root) {
  if (!g.has_levels()) return composed::broadcast(g.all, data, bytes, root);
  std::size_t const place = root % g.per_machine();
  if (g.machine.rank() == place) composed::broadcast(g.column, data, bytes, root / g.per_machine());
  composed::broadcast(g.machine, data, bytes, place);
}

/// Per rank machines - 1 messages of `bytes` from machine to machine, and per_machine - 1 of machines times as many
/// inside.
template <class Engine>
void all_gather(grid<Engine> g, void const* from, void* to, std::size_t bytes) {
  if (!g.has_levels()) return composed::all_gather(g.all, from, to, bytes);
  std::size_t const machines = g.machines(), me = g.machine.rank();
  auto* const out = static_cast<unsigned char*>(to);
  composed::scratch const column(machines * bytes), theirs(machines * bytes);
  composed::all_gather(g.column, from, column.get(), bytes);
  auto const place = [&](std::size_t r, unsigned char const* values) {
    for (std::size_t m = 0; m < machines && bytes != 0; ++m)
      std::memcpy(out + (m * g.per_machine() + r) * bytes, values + m * bytes, bytes);
  };
  place(me, column.get());
  g.machine.each_peer([&](std::size_t peer) {
    g.machine.exchange(peer, column.get(), machines * bytes, theirs.get(), machines * bytes);
    place(peer, theirs.get());
  });
}

}  // namespace lockstep::two_level
