// Moving a sharded array to another placement.
#pragma once

#include "sharded_exchange.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// The part [from, to) of an index space.
template <std::size_t Rank>
struct box {
  shape<Rank> from, to;

  template <class T>
  box(shard_set<T, Rank> const& set, std::size_t rank) : from(set.first(rank)), to(set.shape(rank)) {
    for (std::size_t axis = 0; axis < Rank; ++axis) to[axis] += from[axis];
  }
  /// What both have.
  box both(box const& other) const {
    box common = *this;
    for (std::size_t axis = 0; axis < Rank; ++axis) {
      common.from[axis] = std::max(from[axis], other.from[axis]);
      common.to[axis] = std::max(common.from[axis], std::min(to[axis], other.to[axis]));
    }
    return common;
  }
  shape<Rank> extents() const {
    shape<Rank> e;
    for (std::size_t axis = 0; axis < Rank; ++axis) e[axis] = to[axis] - from[axis];
    return e;
  }
  /// The elements of this part in an array that has all of `whole`.
  template <class Array>
  auto in(Array& a, box const& whole) const {
    shape<Rank> first, last;
    for (std::size_t axis = 0; axis < Rank; ++axis) {
      first[axis] = from[axis] - whole.from[axis];
      last[axis] = to[axis] - whole.from[axis];
    }
    return a.slice(first, last);
  }
};

/// Fills this rank's new shard with what it had and what other ranks give.
template <class T, std::size_t Rank>
void reshard_together(shard_set<T, Rank> const& old, shard_set<T, Rank>& made, rank_context const& here) {
  array<T, Rank> const& mine = old.at(here.local);
  array<T, Rank>& target = made.at(here.local);
  box<Rank> const had(old, here.rank), wanted(made, here.rank), kept = wanted.both(had);
  if (kept.extents().size() != 0) kept.in(target, wanted) = kept.in(mine, had);
  if (!old.placed.is_split()) return;
  rank_exchange<T> exchange(here, "reshard");
  std::vector<array<T, Rank>> given, got;  // pieces, dense
  for (std::size_t peer = 0; peer < here.ranks; ++peer) {
    if (peer == here.rank) continue;
    box<Rank> const gives = had.both(box<Rank>(made, peer)), takes = wanted.both(box<Rank>(old, peer));
    if (gives.extents().size() != 0) given.emplace_back(gives.in(mine, had));
    if (gives.extents().size() != 0) exchange.give(peer, std::as_const(given.back()).data(), given.back().size());
    if (takes.extents().size() != 0) got.emplace_back(here.where, takes.extents());
    if (takes.extents().size() != 0) exchange.take(peer, got.back().data(), got.back().size());
  }
  exchange.run();
  auto next = got.begin();
  for (std::size_t peer = 0; peer < here.ranks; ++peer) {
    if (peer == here.rank) continue;
    box<Rank> const takes = wanted.both(box<Rank>(old, peer));
    if (takes.extents().size() != 0) takes.in(target, wanted) = *next++;
  }
}

/// The same elements, placed otherwise on the same mesh. Every element that must move does so once.
template <class T, std::size_t Rank>
sharded<T, Rank> reshard(sharded<T, Rank> const& x, placement placed) {
  if (x.placed() == placed) return x;
  sharded<T, Rank> result(x.shared_shards()->ranks, x.shape(), placed);
  shard_set<T, Rank> const& old = *x.shared_shards();
  on_ranks(*old.ranks, [&](rank_context& here) { reshard_together(old, *result.shared_shards(), here); });
  return result;
}
/// The same elements on another mesh, through the host's memory.
template <class T, std::size_t Rank>
sharded<T, Rank> reshard(sharded<T, Rank> const& x, mesh const& devices, placement placed) {
  return sharded<T, Rank>(devices, x.to_array(device::cpu()), placed);
}
template <class T, std::size_t Rank>
sharded<T, Rank> reshard(sharded<T, Rank> const& x, mesh const& devices) {
  return reshard(x, devices, x.placed());
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
