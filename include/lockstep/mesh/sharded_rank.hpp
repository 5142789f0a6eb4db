// What one rank knows while it takes its part in an operation on sharded arrays, and how it moves elements to and from
// others.
#pragma once

#include <cstring>
#include <span>
#include <vector>

#include "../core/owned_array.hpp"
#include "sharded.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// A rank of this process while it runs.
struct rank_context {
  communicator& comm;
  std::size_t rank, ranks;
  std::size_t local;  ///< counted from the first rank of this process
  device const& where;

  /// Calls f(peer, whether to send first) for every other rank, so that at each moment pairs have each other as peer:
  /// sends that wait for their receives cannot form a circle.
  template <class F>
  void each_peer(F const& f) const {
    for (std::size_t round = 0; round < ranks; ++round) {
      std::size_t const peer = (round + ranks - rank) % ranks;
      if (peer != rank) f(peer, rank < peer);
    }
  }

  /// Sends elements in this rank's memory; those of a GPU go through the host's.
  template <class T>
  void send(T const* from, index count, std::size_t peer) const {
    auto const n = static_cast<std::size_t>(count);
    if (n == 0) return;
    if (where.is_cpu()) return comm.send(std::span<T const>(from, n), peer);
    owned_array<T> const host(new T[n]);
    where.state().copy_to_host(host.get(), from, n * sizeof(T));
    comm.send(std::span<T const>(host.get(), n), peer);
  }
  template <class T>
  void receive(T* to, index count, std::size_t peer) const {
    auto const n = static_cast<std::size_t>(count);
    if (n == 0) return;
    if (where.is_cpu()) return comm.receive(std::span<T>(to, n), peer);
    owned_array<T> const host(new T[n]);
    comm.receive(std::span<T>(host.get(), n), peer);
    where.state().copy_from_host(to, host.get(), n * sizeof(T));
  }

  /// Every rank's value, in host memory.
  template <class T>
  owned_array<T> gather(T const& mine) const {
    owned_array<T> all(new T[ranks]);
    comm.all_gather(std::span<T const>(&mine, 1), std::span<T>(all.get(), ranks));
    return all;
  }
  /// counts[r] values of each rank r in host memory, one after another.
  template <class T>
  owned_array<T> gather(T const* mine, index const* counts) const {
    index most = 0, total = 0;
    for (std::size_t r = 0; r < ranks; ++r) most = std::max(most, counts[r]), total += counts[r];
    auto const room = static_cast<std::size_t>(most);
    owned_array<T> const padded(new T[room]()), all(new T[room * ranks]);
    std::copy_n(mine, counts[rank], padded.get());
    comm.all_gather(std::span<T const>(padded.get(), room), std::span<T>(all.get(), room * ranks));
    owned_array<T> packed(new T[static_cast<std::size_t>(total)]);
    T* to = packed.get();
    for (std::size_t r = 0; r < ranks; ++r) to = std::copy_n(all.get() + r * room, counts[r], to);
    return packed;
  }
};

/// Calls f(rank_context&) on every rank of this process.
template <class F>
void on_ranks(mesh_ranks& ranks, F&& f) {
  struct call {
    mesh_ranks& ranks;
    std::remove_reference_t<F>& f;
  } both{ranks, f};
  ranks.run(
      [](void* context, communicator& comm) {
        auto& all = *static_cast<call*>(context);
        mesh const& devices = all.ranks.devices();
        rank_context here{comm, comm.rank(), comm.size(), comm.rank() - devices.first_local_rank(),
                          devices.device(comm.rank())};
        all.f(here);
      },
      &both);
}

/// Part [begin, end) of something that all ranks have a part of.
struct owned_range {
  index begin, end;
  owned_range both(owned_range other) const {
    index const from = std::max(begin, other.begin);
    return {from, std::max(from, std::min(end, other.end))};
  }
  index size() const { return end - begin; }
};

/// Elements that ranks have in order, `has(r)` of them each, go to where they belong, `wants(r)`, in the same order.
/// `mine` and `out` are in this rank's memory.
template <class T, class Has, class Wants>
void redistribute(rank_context const& here, T const* mine, Has const& has, T* out, Wants const& wants) {
  owned_range const had = has(here.rank), wanted = wants(here.rank);
  owned_range const kept = had.both(wanted);
  if (kept.size() > 0)
    here.where.state().copy(out + (kept.begin - wanted.begin), mine + (kept.begin - had.begin),
                            static_cast<std::size_t>(kept.size()) * sizeof(T));
  here.each_peer([&](std::size_t peer, bool first) {
    owned_range const there = had.both(wants(peer)), from = wanted.both(has(peer));
    if (first) here.send(mine + (there.begin - had.begin), there.size(), peer);
    here.receive(out + (from.begin - wanted.begin), from.size(), peer);
    if (!first) here.send(mine + (there.begin - had.begin), there.size(), peer);
  });
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
