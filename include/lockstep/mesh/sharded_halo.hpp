// The halo of a stencil: the rows beside its own part that a rank gets from others.
#pragma once

#include "sharded_rules.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// Memory that holds [begin, end) along axis 0 of an index space, and, apart, some of what lies before and after,
/// beyond the ends at the other end.
template <class T, std::size_t R>
struct halo_evaluator {
  T const* own;  ///< where element 0 of axis 0 would lie
  T const* before;
  T const* after;
  shape<R> strides;
  index begin, end, extent, width_before;

  LOCKSTEP_INLINE T at(coordinates<R> const& c) const { return base(c[0])[memory_offset(strides, c)]; }
  LOCKSTEP_INLINE bool unit() const { return true; }
  LOCKSTEP_INLINE interval interior(index n) const {
    if constexpr (R == 1)
      return {begin, end};
    else
      return {0, n};
  }
  LOCKSTEP_INLINE pointer_row<T> row(coordinates<R> c) const {
    if constexpr (R == 1) return {own};
    c[R - 1] = 0;
    return {base(c[0]) + memory_offset(strides, c)};
  }
  LOCKSTEP_INLINE index steps(coordinates<R> const& c) const requires(R > 1) {
    if constexpr (R > 2) return any_steps;
    return c[0] >= begin && c[0] < end ? end - 1 - c[0] : 0;
  }
  LOCKSTEP_INLINE void advance(pointer_row<T>& row) const requires(R > 1) { row.data += strides[R - 2]; }
  LOCKSTEP_INLINE strided_line<T> line(coordinates<R> const& c) const requires(R > 1) {
    return {base(c[0]) + memory_offset(strides, c), strides[R - 2]};
  }

 private:
  /// Where element 0 of axis 0 would lie in the memory that has `row`.
  LOCKSTEP_INLINE T const* base(index row) const {
    if (row >= begin && row < end) return own;
    index at = row - begin + width_before;
    at += at < 0 ? extent : at >= extent ? -extent : 0;
    if (at < width_before) return before + (at - row) * strides[0];
    at = row - end;
    if (at < 0) at += extent;
    return after + (at - row) * strides[0];
  }
};
template <class T, std::size_t R>
requires(R > 1) inline constexpr bool has_edges<halo_evaluator<T, R>> = false;

/// What rank `r` needs beside its own rows of axis 0.
struct halo_rows {
  owned_range own;
  owned_range beside[2];  ///< before and after; they may begin below 0 or end beyond the extent

  halo_rows(halo_width const& halo, index extent, std::size_t r, std::size_t ranks) {
    rank_rows const rows(extent, r, ranks);
    own = {rows.begin, rows.end};
    bool const none = own.size() == 0;
    index const first = halo.wraps ? extent : own.begin, last = halo.wraps ? extent : extent - own.end;
    beside[0] = {own.begin - (none ? 0 : std::min(halo.before, first)), own.begin};
    beside[1] = {own.end, own.end + (none ? 0 : std::min(halo.after, last))};
  }
  /// Calls f(rows of `owner`, side, their place among the rows of that side) for those needed.
  template <class F>
  void each_piece(owned_range owner, index extent, F const& f) const {
    for (int side : {0, 1})
      for (index turn : {-extent, index{0}, extent}) {
        owned_range const there = beside[side].both({owner.begin + turn, owner.end + turn});
        if (there.size() > 0)
          f(owned_range{there.begin - turn, there.end - turn}, side, there.begin - beside[side].begin);
      }
  }
};

/// A shard with its halo, in the global form.
template <class T, std::size_t Rank>
struct halo_leaf : node_base<halo_leaf<T, Rank>, T, Rank> {
  static constexpr bool lies_on_device = true;
  lockstep::shape<Rank> extents;
  window<T const, Rank, layout::dense> mine;
  owned_range own;
  counted_pointer<storage> beside[2] = {};  ///< rows before and after
  index width_before = 0;

  halo_leaf(lockstep::shape<Rank> const& e, array<T, Rank> const& shard, owned_range rows)
      : extents(e), mine(shard.shared_storage(), shard.view()), own(rows) {}
  lockstep::shape<Rank> const& shape() const { return extents; }
  template <class Visitor>
  void visit(Visitor&& visitor, bool = true) const {
    mine.visit(visitor, false);
  }
  [[gnu::cold, gnu::noinline]] void describe(std::string& text) const { mine.describe(text); }
  template <std::size_t R>
  auto lower(lowering&, lockstep::shape<R> const& target) const {
    auto const strides = row_major_strides(extents);
    auto const rows = [](counted_pointer<storage> const& s) { return s ? static_cast<T const*>(s->data) : nullptr; };
    halo_evaluator<T, Rank> const evaluator{mine.elements.data - own.begin * strides[0],
                                            rows(beside[0]),
                                            rows(beside[1]),
                                            strides,
                                            own.begin,
                                            own.end,
                                            extents[0],
                                            width_before};
    return repeated_evaluator<halo_evaluator<T, Rank>, Rank, R>{evaluator, extents, R == 0 ? 1 : target[R - 1]};
  }
};

/// Gets the rows of a halo from the ranks that have them, and gives those that others need: now, or as halo.part.later
/// says.
template <class T, std::size_t Rank>
halo_leaf<T, Rank> exchange_halo(shape<Rank> const& extents, array<T, Rank> const& shard, halo_width const& halo,
                                 rank_context const& here) {
  index const extent = extents[0], row = extent == 0 ? 0 : static_cast<index>(extents.size()) / extent;
  auto const needs = [&](std::size_t r) { return halo_rows(halo, extent, r, here.ranks); };
  halo_rows const mine = needs(here.rank);
  halo_leaf<T, Rank> leaf(extents, shard, mine.own);
  if (row == 0 || (halo.before == 0 && halo.after == 0)) return leaf;  // on all ranks
  leaf.width_before = mine.beside[0].size();
  for (int side : {0, 1})
    if (mine.beside[side].size() > 0)
      leaf.beside[side] = make_storage(here.where, static_cast<std::size_t>(mine.beside[side].size() * row), sizeof(T));
  auto exchange = std::make_unique<rank_exchange<T>>(here, "halo");
  for (std::size_t peer = 0; peer < here.ranks; ++peer) {
    halo_rows const theirs = needs(peer);
    theirs.each_piece(mine.own, extent, [&](owned_range rows, int, index) {
      exchange->give(peer, shard.data() + (rows.begin - mine.own.begin) * row, rows.size() * row);
    });
    mine.each_piece(theirs.own, extent, [&](owned_range rows, int side, index at) {
      exchange->take(peer, static_cast<T*>(leaf.beside[side]->data) + at * row, rows.size() * row);
    });
  }
  if (!halo.part.later) {
    exchange->run();
    return leaf;
  }
  halo_schedule& later = *halo.part.later;
  if (mine.beside[0].size() > 0) later.before = std::max(later.before, halo.before);
  if (mine.beside[1].size() > 0) later.after = std::max(later.after, halo.after);
  exchange->start();
  later.exchanges.push_back(std::move(exchange));
  return leaf;
}

/// A rank's part of an array in the global form.
template <class T, std::size_t Rank>
auto globalize_part(array<T, Rank> const& mine, [[maybe_unused]] bool is_split,
                    [[maybe_unused]] shape<Rank> const& extents, [[maybe_unused]] halo_width const& halo,
                    [[maybe_unused]] rank_context const& here) {
  if constexpr (Rank == 0) {
    return window<T const, 0, layout::dense>(mine.shared_storage(), mine.view());
  } else {
    if (!is_split) return halo_leaf<T, Rank>(extents, mine, {0, extents[0]});
    return exchange_halo(extents, mine, halo, here);
  }
}

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_needs_first_axis(char const* what, any_node const& e) {
  throw device_error(text_of({what, ": found ", to_text(e),
                              " split along an axis that is not the first, expected it "
                              "split along axis 0 or on all devices; use reshard(x, split_along(axis(0)))"}));
}

template <class E, std::size_t Rank>
requires(has_shards<E>) struct shard_rules<neighbor_node<E, Rank>> {
  static constexpr bool has_shards = true;
  using node_type = neighbor_node<E, Rank>;

  static tree_placement place(node_type const& e) {
    tree_placement const placed = lockstep::place(e.operand);
    if (placed.is_split() && placed.from_last != Rank - 1) throw_needs_first_axis("neighbor", e);
    return placed;
  }
  static auto globalize(node_type const& e, halo_width halo, rank_context const& here) {
    halo.before += std::max(index{0}, -e.offset[0]);
    halo.after += std::max(index{0}, e.offset[0]);
    halo.wraps = halo.wraps || e.outside == boundary::wrap;
    auto operand = lockstep::globalize(e.operand, halo, here);
    return neighbor_node<decltype(operand), Rank>(std::move(operand), e.offset, e.outside);
  }
  static auto localize(node_type const& e, local_part const& part, rank_context const& here) {
    auto const all = globalize(e, {part}, here);
    shape<Rank> from, to;
    part.cut(e.shape(), from, to);
    return slice_of(all, from, to);
  }
};

template <class T, std::size_t Rank>
struct shard_rules<sharded_leaf<T, Rank>> {
  static constexpr bool has_shards = true;
  using leaf = sharded_leaf<T, Rank>;

  static tree_placement place(leaf const& e) { return place_of_set<Rank>(e.shards->ranks.get(), e.shards->placed); }
  static auto localize(leaf const& e, local_part const& part, rank_context const& here) {
    return window_of_part(e.shards->at(here.local), e.shards->placed.is_split(), e.shape(), part, here);
  }
  static auto globalize(leaf const& e, halo_width const& halo, rank_context const& here) {
    return globalize_part(e.shards->at(here.local), e.shards->placed.is_split(), e.shape(), halo, here);
  }
};

template <class F, class... Es>
struct shard_rules<elementwise<F, Es...>> {
  static constexpr bool has_shards = (lockstep::has_shards<Es> || ...);
  using node_type = elementwise<F, Es...>;
  using positions = std::index_sequence_for<Es...>;

  static tree_placement place(node_type const& e) {
    tree_placement all;
    unpack([&](auto const&... operand) { (meet_operand(all, operand, e), ...); }, e.operands);
    return all;
  }
  static auto localize(node_type const& e, local_part const& part, rank_context const& here) {
    return unpack(
        [&](auto const&... operand) { return apply_nodes(e.function, lockstep::localize(operand, part, here)...); },
        e.operands);
  }
  static auto globalize(node_type const& e, halo_width const& halo, rank_context const& here) {
    return unpack(
        [&](auto const&... operand) { return apply_nodes(e.function, lockstep::globalize(operand, halo, here)...); },
        e.operands);
  }

 private:
  template <class E>
  static void meet_operand(tree_placement& all, E const& operand, node_type const& e) {
    tree_placement const one = lockstep::place(operand);
    if (one.is_split())
      if (operand.shape()[rank_v<E> - 1 - one.from_last] != e.extents[rank_v<node_type> - 1 - one.from_last])
        throw_repeats_split_axis(e);
    meet(all, one, e);
  }
};

template <class E, std::size_t Rank>
struct shard_rules<broadcasted<E, Rank>> {
  static constexpr bool has_shards = lockstep::has_shards<E>;
  using node_type = broadcasted<E, Rank>;

  static tree_placement place(node_type const& e) {
    tree_placement const placed = lockstep::place(e.operand);
    if (placed.is_split())
      if (e.operand.shape()[rank_v<E> - 1 - placed.from_last] != e.extents[Rank - 1 - placed.from_last])
        throw_repeats_split_axis(e);
    return placed;
  }
  static auto localize(node_type const& e, local_part const& part, rank_context const& here) {
    return broadcast_of(lockstep::localize(e.operand, part, here), part.shape_of(e.extents));
  }
  static auto globalize(node_type const& e, halo_width const& halo, rank_context const& here) {
    return broadcast_of(lockstep::globalize(e.operand, halo, here), e.extents);
  }
};

/// Counts from the first element of the whole index space.
template <>
struct shard_rules<indices_node> {
  static constexpr bool has_shards = false;
  static tree_placement place(indices_node const&) { return {}; }
  template <class = void>
  static auto localize(indices_node const& e, local_part const& part, rank_context const&) {
    bool const moved = part.from_last != tree_placement::whole && part.space_rank == e.along + part.from_last + 1;
    return apply_nodes(plus{}, indices_node(e), constant<index>(moved ? part.begin : 0));
  }
  static indices_node globalize(indices_node const& e, halo_width const&, rank_context const&) { return e; }
};

/// The same value in whatever space: nothing is cut.
template <class T, std::size_t Rank>
struct shard_rules<constant<T, Rank>> {
  static constexpr bool has_shards = false;
  static tree_placement place(constant<T, Rank> const&) { return {}; }
  static constant<T, Rank> localize(constant<T, Rank> const& e, local_part const& part, rank_context const&) {
    return constant<T, Rank>(e.value, part.shape_of(e.extents));
  }
  static constant<T, Rank> globalize(constant<T, Rank> const& e, halo_width const&, rank_context const&) { return e; }
};

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
