// composed: every collective out of an engine's required core, so that any operator works on any engine. Exact counts
// of messages and bytes are documented, for tests to hold against.
#pragma once

#include <cstddef>
#include <new>
#include <vector>

#include "engine.hpp"

namespace lockstep::composed {

/// From this many bytes on a reduction cuts the data among the ranks; below, all of them go through a tree.
inline constexpr std::size_t direct_bytes = std::size_t{1} << 14;

/// Uninitialized memory, aligned for any vector.
class scratch {
 public:
  explicit scratch(std::size_t bytes)
      : bytes_(static_cast<unsigned char*>(::operator new(bytes, std::align_val_t(64)))) {}
  scratch(scratch const&) = delete;
  scratch& operator=(scratch const&) = delete;
  ~scratch() { ::operator delete(bytes_, std::align_val_t(64)); }
  unsigned char* get() const { return bytes_; }

 private:
  unsigned char* bytes_;
};

/// The elements that rank `r` of `ranks` takes care of: [begin, end).
struct part {
  std::size_t begin, end;
  std::size_t size() const { return end - begin; }
};
constexpr part part_of(std::size_t count, std::size_t r, std::size_t ranks) {
  auto const bound = [=](std::size_t i) { return count / ranks * i + count % ranks * i / ranks; };
  return {bound(r), bound(r + 1)};
}

/// An engine whose messages are counted, among all ranks or every stride-th of them. Messages without bytes are not
/// sent.
template <communication_engine Engine>
struct link {
  Engine& engine;
  traffic& sent;
  std::size_t first = 0, stride = 1, ranks = engine.size();

  std::size_t rank() const { return (engine.rank() - first) / stride; }
  std::size_t size() const { return ranks; }
  void send(void const* from, std::size_t bytes, std::size_t peer) {
    if (bytes == 0) return;
    engine.send(from, bytes, first + peer * stride, collective_tag);
    sent += {1, bytes};
  }
  void receive(void* to, std::size_t bytes, std::size_t peer) {
    if (bytes != 0) engine.receive(to, bytes, first + peer * stride, collective_tag);
  }

  /// Calls f(peer) for every other rank, so that at each moment pairs of ranks have each other as peer: with that,
  /// sends that wait for their receives cannot form a circle.
  template <class F>
  void each_peer(F const& f) {
    for (std::size_t round = 0; round < size(); ++round) {
      std::size_t const peer = (round + size() - rank()) % size();
      if (peer != rank()) f(peer);
    }
  }
  /// Both ranks of a pair call it; the lower one sends first, unless the engine can do both at once.
  void exchange(std::size_t peer, void const* from, std::size_t from_bytes, void* to, std::size_t to_bytes) {
    if constexpr (has_exchange<Engine>) {
      engine.exchange(from, from_bytes, to, to_bytes, first + peer * stride);
      if (from_bytes != 0) sent += {1, from_bytes};
      return;
    }
    if (rank() < peer) send(from, from_bytes, peer);
    receive(to, to_bytes, peer);
    if (rank() > peer) send(from, from_bytes, peer);
  }
};

/// Binomial tree: size() - 1 messages of `bytes` in all, log2(size()) after one another.
template <class Engine>
void broadcast(link<Engine> l, void* data, std::size_t bytes, std::size_t root) {
  std::size_t const place = (l.rank() + l.size() - root) % l.size();
  auto const rank_at = [&](std::size_t p) { return (p + root) % l.size(); };
  std::size_t step = 1;
  for (; step < l.size(); step *= 2)
    if (place & step) {
      l.receive(data, bytes, rank_at(place - step));
      break;
    }
  while ((step /= 2) > 0)
    if (place + step < l.size()) l.send(data, bytes, rank_at(place + step));
}

/// Every rank sends its elements to every other: size() - 1 messages of `bytes` per rank.
template <class Engine>
void all_gather(link<Engine> l, void const* from, void* to, std::size_t bytes) {
  auto* const out = static_cast<unsigned char*>(to);
  if (bytes != 0 && out + l.rank() * bytes != from) std::memmove(out + l.rank() * bytes, from, bytes);
  l.each_peer([&](std::size_t peer) { l.exchange(peer, out + l.rank() * bytes, bytes, out + peer * bytes, bytes); });
}

/// Every rank gets its own part of every other rank's `count` elements and reduces it into `to`: at most size() - 1
/// messages per rank. `to` may be that part of `from`.
template <class Engine>
void reduce_parts(link<Engine> l, void const* from, void* to, std::size_t count, rank_reduction const& how) {
  std::size_t const width = how.element.bytes;
  part const mine = part_of(count, l.rank(), l.size());
  auto const* const in = static_cast<unsigned char const*>(from);
  scratch const received(l.size() * mine.size() * width);
  std::vector<void const*> inputs(l.size(), in + mine.begin * width);
  l.each_peer([&](std::size_t peer) {
    part const theirs = part_of(count, peer, l.size());
    unsigned char* const place = received.get() + peer * mine.size() * width;
    inputs[peer] = place;
    l.exchange(peer, in + theirs.begin * width, theirs.size() * width, place, mine.size() * width);
  });
  how(inputs.data(), l.size(), &to, 1, mine.size());
}

/// Few bytes: up the tree of `rank_reduction`, size() - 1 messages of all elements in all. Where the tree joins two
/// groups of ranks, the root, or else the first rank of each, has the group's values. `to` gets the result on rank
/// `root`; it may be `from`, and is left alone on the others.
template <class Engine>
void reduce_by_tree(link<Engine> l, void const* from, void* to, std::size_t count, std::size_t root,
                    rank_reduction const& how) {
  std::size_t const bytes = count * how.element.bytes, me = l.rank();
  scratch const received(bytes), partial(bytes);
  auto const keeper = [&](std::size_t begin, std::size_t size) { return root - begin < size ? root : begin; };
  void const* mine = from;
  for (std::size_t step = 1; step < l.size(); step *= 2) {
    std::size_t const begin = me / (2 * step) * (2 * step), middle = begin + step;
    if (middle >= l.size()) continue;
    std::size_t const target = keeper(begin, 2 * step);
    std::size_t const left = keeper(begin, step), right = keeper(middle, step);
    if (me != target) {
      l.send(mine, bytes, target);
      return;
    }
    l.receive(received.get(), bytes, me == left ? right : left);
    void const* const inputs[] = {me == left ? mine : received.get(), me == left ? received.get() : mine};
    void* const result = partial.get();
    how(inputs, 2, &result, 1, count);
    mine = result;
  }
  if (mine != to && bytes != 0) std::memcpy(to, mine, bytes);
}

/// Many bytes: every rank reduces a part and sends it to the root: at most size() messages per rank.
template <class Engine>
void reduce_by_parts(link<Engine> l, void const* from, void* to, std::size_t count, std::size_t root,
                     rank_reduction const& how) {
  std::size_t const width = how.element.bytes;
  part const mine = part_of(count, l.rank(), l.size());
  auto* const all = static_cast<unsigned char*>(to);
  scratch const reduced(l.rank() == root ? 0 : mine.size() * width);
  unsigned char* const place = l.rank() == root ? all + mine.begin * width : reduced.get();
  reduce_parts(l, from, place, count, how);
  if (l.rank() != root) return l.send(place, mine.size() * width, root);
  for (std::size_t r = 0; r < l.size(); ++r) {
    part const theirs = part_of(count, r, l.size());
    if (r != root) l.receive(all + theirs.begin * width, theirs.size() * width, r);
  }
}

template <class Engine>
void reduce(link<Engine> l, void const* from, void* to, std::size_t count, std::size_t root,
            rank_reduction const& how) {
  if (count * how.element.bytes < direct_bytes)
    reduce_by_tree(l, from, to, count, root, how);
  else
    reduce_by_parts(l, from, to, count, root, how);
}

/// Few bytes, or two ranks: wherever the tree of `rank_reduction` joins two groups of ranks, each rank gets what the
/// other group has and combines it with its own. At each level one message of all elements to every rank of both
/// groups, log2(size()) after one another.
template <class Engine>
void all_reduce_by_exchange(link<Engine> l, void* data, std::size_t count, rank_reduction const& how) {
  std::size_t const bytes = count * how.element.bytes, me = l.rank();
  scratch const received(bytes);
  for (std::size_t step = 1; step < l.size(); step *= 2) {
    std::size_t const begin = me / (2 * step) * (2 * step), middle = begin + step;
    if (middle >= l.size()) continue;
    std::size_t const right = std::min(step, l.size() - middle);  // the size of that group
    bool const on_left = me < middle;
    std::size_t const place = me - (on_left ? begin : middle);
    if (place < right)
      l.exchange(on_left ? middle + place : begin + place, data, bytes, received.get(), bytes);
    else
      l.receive(received.get(), bytes, middle + place % right);
    for (std::size_t other = place + right; !on_left && other < step; other += right)
      l.send(data, bytes, begin + other);
    void const* const inputs[] = {on_left ? data : received.get(), on_left ? received.get() : data};
    how(inputs, 2, &data, 1, count);
  }
}

/// Every rank sends every other what it has for it: one message for each block that is not empty.
template <class Engine>
void transfer(link<Engine> l, transfer_blocks const& blocks) {
  auto const& own = blocks.out[l.rank()];
  auto const& place = blocks.in[l.rank()];
  if (own.bytes != 0 && own.data != place.data) std::memmove(place.data, own.data, own.bytes);
  l.each_peer([&](std::size_t peer) {
    l.exchange(peer, blocks.out[peer].data, blocks.out[peer].bytes, blocks.in[peer].data, blocks.in[peer].bytes);
  });
}

/// Many bytes: every rank reduces a part, then all gather the parts. Per rank at most 2 (size() - 1) messages; in all
/// 2 (size() - 1) times the bytes of `data`, which is the least possible.
template <class Engine>
void all_reduce_by_parts(link<Engine> l, void* data, std::size_t count, rank_reduction const& how) {
  std::size_t const width = how.element.bytes;
  auto* const all = static_cast<unsigned char*>(data);
  part const mine = part_of(count, l.rank(), l.size());
  reduce_parts(l, data, all + mine.begin * width, count, how);
  l.each_peer([&](std::size_t peer) {
    part const theirs = part_of(count, peer, l.size());
    l.exchange(peer, all + mine.begin * width, mine.size() * width, all + theirs.begin * width, theirs.size() * width);
  });
}

template <class Engine>
void all_reduce(link<Engine> l, void* data, std::size_t count, rank_reduction const& how) {
  if (l.size() == 1 || count == 0) return;
  if (l.size() == 2 || count * how.element.bytes < direct_bytes)
    all_reduce_by_exchange(l, data, count, how);
  else
    all_reduce_by_parts(l, data, count, how);
}

}  // namespace lockstep::composed
