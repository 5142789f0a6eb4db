// composed: every collective out of an engine's required core, so that any operator works on any engine. Exact counts
// of messages and bytes are documented, for tests to hold against.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <vector>

#include "engine.hpp"

namespace lockstep::composed {

/// From this many bytes on an all_reduce cuts the data among the ranks; below, it goes through a tree.
inline constexpr std::size_t direct_bytes = std::size_t{1} << 14;

struct aligned_delete {
  void operator()(unsigned char* bytes) const { ::operator delete(bytes, std::align_val_t(64)); }
};

/// Uninitialized memory, aligned for any vector.
inline std::unique_ptr<unsigned char, aligned_delete> scratch(std::size_t bytes) {
  return std::unique_ptr<unsigned char, aligned_delete>(
      static_cast<unsigned char*>(::operator new(bytes, std::align_val_t(64))));
}

/// The elements that rank `r` of `ranks` takes care of: [begin, end).
struct part {
  std::size_t begin, end;
  std::size_t size() const { return end - begin; }
};
constexpr part part_of(std::size_t count, std::size_t r, std::size_t ranks) {
  auto const bound = [=](std::size_t i) { return count / ranks * i + count % ranks * i / ranks; };
  return {bound(r), bound(r + 1)};
}

/// An engine whose messages are counted. Messages without bytes are not sent.
template <communication_engine Engine>
struct link {
  Engine& engine;
  traffic& sent;

  std::size_t rank() const { return engine.rank(); }
  std::size_t size() const { return engine.size(); }
  void send(void const* from, std::size_t bytes, std::size_t peer) {
    if (bytes == 0) return;
    engine.send(from, bytes, peer, collective_tag);
    sent += {1, bytes};
  }
  void receive(void* to, std::size_t bytes, std::size_t peer) {
    if (bytes != 0) engine.receive(to, bytes, peer, collective_tag);
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
  /// Both ranks of a pair call it; the lower one sends first.
  void exchange(std::size_t peer, void const* from, std::size_t from_bytes, void* to, std::size_t to_bytes) {
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
  auto const received = scratch(l.size() * mine.size() * width);
  std::vector<void const*> inputs(l.size(), in + mine.begin * width);
  l.each_peer([&](std::size_t peer) {
    part const theirs = part_of(count, peer, l.size());
    unsigned char* const place = received.get() + peer * mine.size() * width;
    inputs[peer] = place;
    l.exchange(peer, in + theirs.begin * width, theirs.size() * width, place, mine.size() * width);
  });
  how(inputs.data(), l.size(), &to, 1, mine.size());
}

/// Few bytes: up a tree to rank 0 and down again, 2 (size() - 1) messages of all elements in all.
template <class Engine>
void all_reduce_by_tree(link<Engine> l, void* data, std::size_t count, rank_reduction const& how) {
  std::size_t const bytes = count * how.element.bytes;
  auto const received = scratch(bytes);
  for (std::size_t step = 1; step < l.size(); step *= 2) {
    if (l.rank() & step) {
      l.send(data, bytes, l.rank() - step);
      break;
    }
    if (l.rank() + step >= l.size()) continue;
    l.receive(received.get(), bytes, l.rank() + step);
    void const* const inputs[] = {data, received.get()};
    how(inputs, 2, &data, 1, count);
  }
  broadcast(l, data, bytes, 0);
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
  if (count * how.element.bytes < direct_bytes)
    all_reduce_by_tree(l, data, count, how);
  else
    all_reduce_by_parts(l, data, count, how);
}

}  // namespace lockstep::composed
