// two_level: collectives over several machines, out of an engine's required core: what ranks of one machine have is
// combined there, before anything goes from machine to machine. machine_levels.hpp says how ranks are spread.
//
// Transfers keep one level: what goes from machine to machine is the same in two, and would be moved twice inside.
#pragma once

#include "../core/memory.hpp"
#include "machine_levels.hpp"

namespace lockstep::two_level {

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

/// This rank's part of a result, to `to`, out of the partial results of all machines: gets those of the others, whole.
template <class Engine>
void finish_column(grid<Engine>& g, unsigned char const* partial, std::size_t count, void* to,
                   rank_reduction const& how) {
  std::size_t const bytes = count * how.element.bytes, ranks = g.all.size();
  partial_results all(count, how);
  std::vector<std::unique_ptr<composed::scratch>> received;
  for (std::size_t m = 0; m < g.machines(); ++m) {
    auto const trees = subtrees_of(m, g.per_machine(), ranks);
    unsigned char const* values = partial;
    if (m != g.column.rank()) {
      received.push_back(std::make_unique<composed::scratch>(trees.size() * bytes));
      values = received.back()->get();
      g.column.receive(received.back()->get(), trees.size() * bytes, m);
    }
    for (std::size_t k = 0; k < trees.size(); ++k) all.add(trees[k], values + k * bytes);
  }
  all.finish(ranks, to);
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

/// To rank `root`: per_machine - 1 messages per rank inside, one from each rank of another machine to the root's, with
/// what it has of its machine's partial results, and there one from each other rank to the root. False, having done
/// nothing, as all_reduce.
template <class Engine>
bool reduce(grid<Engine> g, void const* from, void* to, std::size_t count, rank_reduction const& how,
            std::size_t root) {
  std::size_t const width = how.element.bytes, at = root / g.per_machine(), place = root % g.per_machine();
  if (!g.has_levels() || count * width < composed::direct_bytes) return false;
  auto const part = [&](std::size_t r) { return composed::part_of(count, r, g.per_machine()); };
  std::size_t const mine = part(g.machine.rank()).size() * width;
  composed::scratch const partial(partial_bytes(g, mine / width, how));
  reduce_own_part(g, static_cast<unsigned char const*>(from), count, how, partial.get());
  if (g.column.rank() != at) {
    g.column.send(partial.get(), partial_bytes(g, mine / width, how), at);
    return true;
  }
  composed::scratch const result(mine);
  finish_column(g, partial.get(), mine / width, result.get(), how);
  if (g.machine.rank() != place) {
    g.machine.send(result.get(), mine, place);
    return true;
  }
  auto* const out = static_cast<unsigned char*>(to);
  if (mine != 0) std::memcpy(out + part(place).begin * width, result.get(), mine);
  for (std::size_t r = 0; r < g.per_machine(); ++r)
    if (r != place) g.machine.receive(out + part(r).begin * width, part(r).size() * width, r);
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

/// To the first rank of each machine, from there up a tree to the first of all, and back: 2 (machines - 1) messages
/// from machine to machine and 2 (size() - machines) inside.
template <class Engine>
void barrier(grid<Engine> g) {
  unsigned char token = 0;
  if (g.machine.rank() != 0) {
    g.machine.send(&token, 1, 0);
  } else {
    for (std::size_t r = 1; r < g.per_machine(); ++r) g.machine.receive(&token, 1, r);
    std::size_t const me = g.column.rank();
    for (std::size_t step = 1; step < g.machines(); step *= 2) {
      if (me & step) {
        g.column.send(&token, 1, me - step);
        break;
      }
      if (me + step < g.machines()) g.column.receive(&token, 1, me + step);
    }
  }
  broadcast(g, &token, 1, 0);
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
