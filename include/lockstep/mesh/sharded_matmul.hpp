// Products of matrices of which one is split: the rows of the left one, or the columns of the right one. Every rank
// multiplies its own.
#pragma once

#include "../algorithm/matmul.hpp"
#include "sharded_map.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_split_product(any_node const& e) {
  throw device_error(text_of({"found ", to_text(e),
                              " with operands split along the axis that is summed over, or both "
                              "split, expected rows of the left one or columns of the right one, and the other on all "
                              "devices; use reshard(x, replicated)"}));
}

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_split_stack(any_node const& e) {
  throw device_error(text_of({"found ", to_text(e),
                              " with stacks of matrices split between matrices, expected rows of the "
                              "left ones, columns of the right ones, or nothing split; use reshard"}));
}

template <class A, class B, bool Vector>
requires(has_shards<A> || has_shards<B>) struct shard_rules<matmul_node<A, B, Vector>> {
  static constexpr bool has_shards = true;
  using node_type = matmul_node<A, B, Vector>;
  static constexpr std::size_t R = node_type::Rank;
  static constexpr std::size_t rows = Vector ? 0 : 1;  ///< of the result, counted from the last axis

  static tree_placement place(node_type const& e) {
    tree_placement const a = lockstep::place(e.operand.a), b = lockstep::place(e.operand.b);
    tree_placement all;
    meet(all, {a.ranks}, e);
    meet(all, {b.ranks}, e);
    if (a.is_split() && a.from_last == 0) throw_split_product(e);
    if (b.is_split() && (a.is_split() || Vector || b.from_last != 0)) throw_split_product(e);
    if (a.is_split()) all.from_last = Vector ? a.from_last - 1 : a.from_last;
    if (b.is_split()) all.from_last = 0;
    if (all.is_split() && all.from_last > rows) throw_split_stack(e);
    return all;
  }
  static auto localize(node_type const& e, local_part const& part, rank_context const& here) {
    local_part of_a{tree_placement::whole, 0, 0, 0, rank_v<A>}, of_b = of_a;
    if (part.from_last == rows) of_a = {1, part.begin, part.end, part.extent, rank_v<A>};
    if (part.from_last == 0 && !Vector) of_b = {0, part.begin, part.end, part.extent, rank_v<B>};
    auto a = lockstep::localize(e.operand.a, of_a, here);
    auto b = lockstep::localize(e.operand.b, of_b, here);
    return matmul_node<decltype(a), decltype(b), Vector>(std::move(a), std::move(b));
  }
  static auto globalize(node_type const& e, halo_width const& halo, rank_context const& here) {
    tree_placement const placed = place(e);
    auto const mine = localize(e, part_of_rank(placed, e.shape(), here), here);
    return globalize_part(evaluate_to_array<value_t<node_type>>(here.where, mine), placed.is_split(), e.shape(), halo,
                          here);
  }
};

/// A vector as a column lies as the vector does.
template <class E>
requires(has_shards<E>) struct shard_rules<column_node<E>> {
  static constexpr bool has_shards = true;
  static tree_placement place(column_node<E> const& e) {
    tree_placement placed = lockstep::place(e.operand);
    if (placed.is_split()) placed.from_last = 1;
    return placed;
  }
  static auto localize(column_node<E> const& e, local_part const& part, rank_context const& here) {
    local_part of_vector{tree_placement::whole, 0, 0, 0, 1};
    if (part.from_last == 1) of_vector = {0, part.begin, part.end, part.extent, 1};
    return column(lockstep::localize(e.operand, of_vector, here));
  }
  static auto globalize(column_node<E> const& e, halo_width const& halo, rank_context const& here) {
    halo_width of_vector = halo;
    if (halo.part.from_last == 1) of_vector.part.from_last = 0;
    return column(lockstep::globalize(e.operand, of_vector, here));
  }
};

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
