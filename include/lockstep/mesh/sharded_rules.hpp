// From a tree with sharded leaves to each rank's own tree: what every kind of node becomes.
//
// Two forms. Local: the rank's part as an index space of its own; leaves become windows of shards, and nothing else
// changes. Global: the whole index space, of which only the rank's part and a halo around it can be read; for nodes
// that read beside their own place, of which a slice is then taken.
#pragma once

#include "../expression/neighbor.hpp"
#include "sharded_exchange.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// Where a tree lies. Axes are counted from the last one, 0 being the last, so that broadcasting keeps them.
struct tree_placement {
  static constexpr std::size_t whole = placement::whole;
  mesh_ranks* ranks = nullptr;
  std::size_t from_last = whole;  ///< the split axis

  bool is_split() const { return from_last != whole; }
  /// As a placement of `rank` axes.
  placement of_rank(std::size_t rank) const { return is_split() ? placement(rank - 1 - from_last) : replicated; }
};
template <std::size_t Rank>
tree_placement place_of_set(mesh_ranks* ranks, placement placed) {
  return {ranks, placed.is_split() ? Rank - 1 - placed.axis() : placement::whole};
}

/// Exchanges of halos that are under way while a rank computes what needs none of them.
template <class Compilation>
struct halos_under_way {
  std::vector<std::unique_ptr<started_exchange>> exchanges;
  index before = 0, after = 0;  ///< rows of the rank's own part, from its beginning and its end, that need one

  void finish() {
    for (auto const& each : exchanges) each->finish();
    exchanges.clear();
  }
};
using halo_schedule = halos_under_way<compilation>;

/// A rank's part of an index space: [begin, end) of `extent` along one axis.
struct local_part {
  std::size_t from_last;  ///< tree_placement::whole: all of it
  index begin, end, extent;
  std::size_t space_rank;
  halo_schedule* later = nullptr;  ///< who finishes the exchanges that becoming local starts; null: they are finished

  /// Whether an operand of this shape is cut: not where it repeats along the axis, or does not have it.
  template <std::size_t R>
  bool cuts(shape<R> const& s) const {
    return from_last < R && s[R - 1 - from_last] == extent;
  }
  template <std::size_t R>
  void cut(shape<R> const& s, shape<R>& from, shape<R>& to) const {
    to = s;
    if (!cuts(s)) return;
    from[R - 1 - from_last] = begin;
    to[R - 1 - from_last] = end;
  }
  template <std::size_t R>
  shape<R> shape_of(shape<R> const& s) const {
    shape<R> part = s;
    if (cuts(s)) part[R - 1 - from_last] = end - begin;
    return part;
  }
};
template <std::size_t Rank>
local_part part_of_rank(tree_placement const& placed, shape<Rank> const& extents, rank_context const& here) {
  if (!placed.is_split()) return {tree_placement::whole, 0, 0, 0, Rank};
  index const extent = extents[Rank - 1 - placed.from_last];
  rank_rows const mine(extent, here.rank, here.ranks);
  return {placed.from_last, mine.begin, mine.end, extent, Rank};
}

/// How far beside its own part a rank reads along the split axis.
struct halo_width {
  local_part part;
  index before = 0, after = 0;
  bool wraps = false;
};

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_other_mesh(any_node const& e) {
  throw device_error(text_of({"found sharded arrays on different meshes in ", to_text(e),
                              ", expected one mesh; move one with reshard(x, mesh)"}));
}
inline std::string text_of_axis(tree_placement const& placed) {
  return placed.from_last == 0 ? "along the last axis"
                               : text_of({"along the axis ", placed.from_last, " before the last"});
}
[[noreturn, gnu::cold, gnu::noinline]] inline void throw_other_axis(tree_placement const& a, tree_placement const& b,
                                                                    any_node const& e) {
  throw device_error(text_of({"found operands split ", text_of_axis(a), " and ", text_of_axis(b), " in ", to_text(e),
                              ", expected one axis; move one with reshard(x, split_along(axis))"}));
}
[[noreturn, gnu::cold, gnu::noinline]] inline void throw_array_beside_shards(device const& where, any_node const& e) {
  throw device_error(text_of({"found an array on ", where.name(), " beside sharded arrays in ", to_text(e),
                              ", expected sharded ones; make it one: sharded(mesh, array, replicated)"}));
}
[[noreturn, gnu::cold, gnu::noinline]] inline void throw_repeats_split_axis(any_node const& e) {
  throw device_error(text_of({"found an operand that is split along an axis of extent 1 in ", to_text(e),
                              ", expected it on all devices to be repeated; use reshard(x, replicated)"}));
}

inline void meet(tree_placement& all, tree_placement const& one, any_node const& e) {
  if (!one.ranks) return;
  if (!all.ranks) all.ranks = one.ranks;
  if (!all.ranks->same_devices(*one.ranks)) throw_other_mesh(e);
  if (!one.is_split()) return;
  if (all.is_split() && all.from_last != one.from_last) throw_other_axis(all, one, e);
  all.from_last = one.from_last;
}

/// What a node becomes. This one is for nodes without sharded leaves. Others have:
///   place(e): where it lies; throws when its operands lie differently
///   localize(e, part, here): the rank's part, an index space of its own
///   globalize(e, halo, here): all of it, of which the rank's part and the halo can be read
template <class E>
struct shard_rules {
  static constexpr bool has_shards = false;
  static tree_placement place(E const& e) {
    leaf_survey survey;
    e.visit(survey);
    if (survey.first) throw_array_beside_shards(*survey.first, e);
    return {};
  }
  static auto localize(E const& e, local_part const& part, rank_context const&) {
    if constexpr (rank_v<E> == 0) {
      return e;
    } else {
      shape<rank_v<E>> from, to;
      part.cut(e.shape(), from, to);
      return slice_of(e, from, to);
    }
  }
  static E globalize(E const& e, halo_width const&, rank_context const&) { return e; }
};

template <class E>
inline constexpr bool has_shards = shard_rules<std::remove_cvref_t<E>>::has_shards;
template <class T, std::size_t Rank>
inline constexpr bool has_shards<sharded<T, Rank>> = true;
template <class T, std::size_t Rank>
inline constexpr bool has_shards<sharded<T, Rank>&> = true;
template <class T, std::size_t Rank>
inline constexpr bool has_shards<sharded<T, Rank> const&> = true;
template <class T, std::size_t Rank>
inline constexpr bool has_shards<sharded<T, Rank> const> = true;

/// An expression that reads sharded arrays, or is one.
template <class E>
concept sharded_expression = expression<E> && has_shards<E>;

template <class E>
tree_placement place(E const& e) {
  return shard_rules<E>::place(e);
}
template <class E>
auto localize(E const& e, local_part const& part, rank_context const& here) {
  return shard_rules<E>::localize(e, part, here);
}
template <class E>
auto globalize(E const& e, halo_width const& halo, rank_context const& here) {
  return shard_rules<E>::globalize(e, halo, here);
}

/// Part of an array in the local form. A split one has a rank's rows only, of which the part may be some.
template <class T, std::size_t Rank>
window<T const, Rank> window_of_part(array<T, Rank> const& mine, bool is_split, shape<Rank> const& extents,
                                     local_part const& part, rank_context const& here) {
  window<T const, Rank> const all(mine.shared_storage(), mine.view());
  shape<Rank> from, to;
  part.cut(extents, from, to);
  if (is_split) {
    std::size_t const axis = Rank - 1 - part.from_last;
    index const begin = rank_rows(part.extent, here.rank, here.ranks).begin;
    from[axis] -= begin;
    to[axis] -= begin;
  }
  return all.slice(from, to);
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
