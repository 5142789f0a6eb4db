// Slices, transposes and reshapes of sharded arrays, as far as they leave every element on its device; and what works
// line by line, along an axis that is whole on every device.
#pragma once

#include "../algorithm/row.hpp"
#include "../algorithm/scan_lines.hpp"
#include "sharded_map.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_must_move(char const* what, any_node const& e) {
  throw device_error(
      text_of({"found ", to_text(e), ", ", what,
               ", expected what leaves all elements on their devices; use reshard(x, replicated) before, "
               "or x.to_array(device)"}));
}

/// All of an operand that is on all devices.
inline local_part whole_part(std::size_t rank) { return {tree_placement::whole, 0, 0, 0, rank}; }

/// The global form of a node whose local one is known: evaluated, with a halo.
template <node E>
auto globalize_evaluated(E const& e, halo_width const& halo, rank_context const& here) {
  tree_placement const placed = place(e);
  auto const mine = evaluate_to_array<value_t<E>>(here.where, localize(e, part_of_rank(placed, e.shape(), here), here));
  return globalize_part(mine, placed.is_split(), e.shape(), halo, here);
}

template <class E, std::size_t Rank>
requires(has_shards<E>) struct shard_rules<sliced<E, Rank>> {
  static constexpr bool has_shards = true;
  using node_type = sliced<E, Rank>;

  static tree_placement place(node_type const& e) {
    tree_placement const placed = lockstep::place(e.operand);
    if (placed.is_split() && placed.ranks->size() > 1) {
      std::size_t const axis = Rank - 1 - placed.from_last;
      if (e.extents[axis] != e.operand.shape()[axis]) throw_must_move("which cuts the axis that is split", e);
    }
    return placed;
  }
  static auto localize(node_type const& e, local_part const& part, rank_context const& here) {
    tree_placement const placed = lockstep::place(e.operand);
    bool const split = placed.is_split() && here.ranks > 1;
    auto const local =
        lockstep::localize(e.operand, split ? part : part_of_rank(placed, e.operand.shape(), here), here);
    shape<Rank> from, to;
    part.cut(e.extents, from, to);
    for (std::size_t axis = 0; axis < Rank; ++axis) {
      bool const cut_already = split && Rank - 1 - axis == part.from_last;
      index const begin = cut_already ? -from[axis] : e.from[axis];
      from[axis] += begin, to[axis] += begin;
    }
    return slice_of(local, from, to);
  }
  static auto globalize(node_type const& e, halo_width const& halo, rank_context const& here) {
    return globalize_evaluated(e, halo, here);
  }
};

template <class E, std::size_t Rank>
requires(has_shards<E>) struct shard_rules<transposed<E, Rank>> {
  static constexpr bool has_shards = true;
  using node_type = transposed<E, Rank>;

  static tree_placement place(node_type const& e) {
    tree_placement placed = lockstep::place(e.operand);
    if (placed.is_split()) placed.from_last = Rank - 1 - placed.from_last;
    return placed;
  }
  static auto localize(node_type const& e, local_part part, rank_context const& here) {
    if (part.from_last != tree_placement::whole && part.from_last < Rank)
      part.from_last = Rank - 1 - part.from_last;
    else
      part = whole_part(Rank);
    return transpose_of(lockstep::localize(e.operand, part, here));
  }
  static auto globalize(node_type const& e, halo_width const& halo, rank_context const& here) {
    return globalize_evaluated(e, halo, here);
  }
};

template <class E, std::size_t Rank>
requires(has_shards<E>) struct shard_rules<reshaped<E, Rank>> {
  static constexpr bool has_shards = true;
  using node_type = reshaped<E, Rank>;
  static constexpr std::size_t Old = rank_v<E>;

  static tree_placement place(node_type const& e) {
    tree_placement const placed = lockstep::place(e.operand);
    if (!placed.is_split()) return placed;
    if (placed.ranks->size() > 1 && e.operand.size() != 0) require_same_split(e, placed);
    return {placed.ranks, Rank == 0 ? tree_placement::whole : Rank - 1};
  }
  static auto localize(node_type const& e, local_part const& part, rank_context const& here) {
    tree_placement const placed = lockstep::place(e.operand);
    auto const local = lockstep::localize(e.operand, part_of_rank(placed, e.operand.shape(), here), here);
    shape<Rank> from, to;
    part.cut(e.extents, from, to);
    shape<Rank> extents = e.extents;
    if constexpr (Rank > 0)
      if (placed.is_split()) {
        extents[0] = part.shape_of(e.extents)[0];
        from[0] = 0, to[0] = extents[0];
      }
    return slice_of(reshape_of(local, extents), from, to);
  }
  static auto globalize(node_type const& e, halo_width const& halo, rank_context const& here) {
    return globalize_evaluated(e, halo, here);
  }

 private:
  /// Rows of both have to end at the same elements on all ranks.
  static void require_same_split(node_type const& e, tree_placement const& placed) {
    if (placed.from_last != Old - 1) throw_must_move("of what is not split along its first axis", e);
    if constexpr (Rank > 0) {
      auto const total = static_cast<index>(e.operand.size());
      index const rows = e.operand.shape()[0], others = e.extents[0];
      bool same = true;
      for (std::size_t r = 1; r < placed.ranks->size(); ++r)
        same = same && split_begin(rows, r, placed.ranks->size()) * (total / rows) ==
                           split_begin(others, r, placed.ranks->size()) * (total / others);
      if (!same) throw_must_move("whose rows are split at other elements than those of its operand", e);
    }
  }
};

/// Rules of nodes that compute each line along `e.along` by itself. `remake(e, operand)` is the node over another
/// operand.
template <class Rules, class Node>
struct line_rules {
  static constexpr bool has_shards = true;
  using computes = void;
  static constexpr std::size_t Rank = Node::rank;
  using value = value_t<Node>;

  static tree_placement place(Node const& e) {
    tree_placement const placed = lockstep::place(e.operand);
    if (placed.is_split() && Rank - 1 - placed.from_last == e.along)
      throw device_error(text_of({"found ", to_text(e),
                                  " along the axis that is split, expected one that is whole on every device; use "
                                  "reshard(x, split_along(another axis)) before"}));
    return placed;
  }
  /// Writes the part that `target` has.
  static void compute(Node const& e, array<value, Rank>& target, rank_context const& here) {
    tree_placement const placed = place(e);
    auto const made = Rules::remake(e, lockstep::localize(e.operand, part_of_rank(placed, e.shape(), here), here));
    if (made.shape() == target.shape()) return assign_into<true>(here.where, made, target.view());
    array<value, Rank> const all = evaluate_to_array<value>(here.where, made);  // of what is on all devices
    shape<Rank> from, to = e.shape();
    for (std::size_t axis = 0; axis < Rank; ++axis)
      if (target.extent(axis) != to[axis]) {
        rank_rows const mine(to[axis], here.rank, here.ranks);
        from[axis] = mine.begin, to[axis] = mine.end;
      }
    target = all.slice(from, to);
  }
  static auto localize(Node const& e, local_part const& part, rank_context const& here) {
    tree_placement const placed = place(e);
    return window_of_part(computed(e, placed, here), placed.is_split(), e.shape(), part, here);
  }
  static auto globalize(Node const& e, halo_width const& halo, rank_context const& here) {
    tree_placement const placed = place(e);
    return globalize_part(computed(e, placed, here), placed.is_split(), e.shape(), halo, here);
  }

 private:
  static array<value, Rank> computed(Node const& e, tree_placement const& placed, rank_context const& here) {
    array<value, Rank> mine(here.where, part_of_rank(placed, e.shape(), here).shape_of(e.shape()));
    compute(e, mine, here);
    return mine;
  }
};
template <class Rule, class E>
requires(has_shards<E>) struct shard_rules<row_node<Rule, E>>
    : line_rules<shard_rules<row_node<Rule, E>>, row_node<Rule, E>> {
  template <class L>
  static row_node<Rule, L> remake(row_node<Rule, E> const& e, L local) {
    return {e.rule, std::move(local), axis(e.along), e.title};
  }
};
template <class T, class Op, class E>
requires(has_shards<E>) struct shard_rules<axis_scan<T, Op, E>>
    : line_rules<shard_rules<axis_scan<T, Op, E>>, axis_scan<T, Op, E>> {
  template <class L>
  static axis_scan<T, Op, L> remake(axis_scan<T, Op, E> const& e, L local) {
    return {e.rule, std::move(local), axis(e.along)};
  }
};

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
