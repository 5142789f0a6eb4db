// What looks things up in sharded arrays: gather from any rank, and histograms.
#pragma once

#include "../algorithm/gather.hpp"
#include "../algorithm/histogram.hpp"
#include "../algorithm/scatter.hpp"
#include "../algorithm/search.hpp"
#include "../algorithm/sort.hpp"
#include "../core/owned_array.hpp"
#include "sharded_map.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// Which of the indices that a rank wants belong to which rank.
template <class Compilation>
struct wanted_places {
  array<index> order;               ///< the places of the indices, those of rank 0's elements first, and so on
  array<index> indices;             ///< in that order
  std::vector<std::size_t> counts;  ///< by rank

  /// `extent` elements are split among the ranks.
  wanted_places(rank_context const& here, array<index> const& wanted, index extent) : counts(here.ranks) {
    std::vector<index> begins(here.ranks + 1);
    for (std::size_t r = 0; r <= here.ranks; ++r) begins[r] = split_begin(extent, r, here.ranks);
    if (here.where.is_cpu())
      count_by_owner(here, wanted, begins);
    else
      sort_by_owner(here, wanted, begins);
  }

 private:
  template <class Begins>
  void count_by_owner(rank_context const& here, array<index> const& wanted, Begins const& begins) {
    index const count = wanted.extent(0), extent = begins.back();
    std::vector<std::size_t> owners(wanted.size()), next(here.ranks, 0);
    for (index i = 0; i < count; ++i) {
      index const at = wanted.data()[i];
      if (static_cast<std::uint64_t>(at) >= static_cast<std::uint64_t>(extent)) throw_bad_index("gather", at, extent);
      auto const owner = static_cast<std::size_t>(std::upper_bound(begins.begin(), begins.end(), at) - begins.begin());
      ++counts[owners[static_cast<std::size_t>(i)] = owner - 1];
    }
    for (std::size_t r = 1; r < here.ranks; ++r) next[r] = next[r - 1] + counts[r - 1];
    order = array<index>(here.where, count);
    indices = array<index>(here.where, count);
    for (index i = 0; i < count; ++i) {
      std::size_t const at = next[owners[static_cast<std::size_t>(i)]]++;
      order.data()[at] = i;
      indices.data()[at] = wanted.data()[i];
    }
  }
  /// On a GPU. Indices are in order by owner when they are in order. They are not checked: the host would have to wait.
  template <class Begins>
  void sort_by_owner(rank_context const& here, array<index> const& wanted, Begins const& begins) {
    indices = wanted;
    order = array<index>(here.where, wanted.shape());
    order = lockstep::indices();
    sort_by_key(indices, order);
    array<index> const bounds(here.where, std::vector<index>(begins.begin() + 1, begins.end() - 1));
    std::vector<index> const cuts = array<index>(lower_bound(indices, bounds)).to_host();
    for (std::size_t r = 0; r < here.ranks; ++r) {
      index const begin = r == 0 ? 0 : cuts[r - 1], end = r + 1 < here.ranks ? cuts[r] : wanted.extent(0);
      counts[r] = static_cast<std::size_t>(end - begin);
    }
  }
};

/// Part r of `from` goes to rank r; `to` gets those of all ranks in order.
template <class T>
void exchange_parts(rank_context const& here, array<T> const& from, std::vector<std::size_t> const& given, array<T>& to,
                    std::vector<std::size_t> const& taken) {
  rank_exchange<T> exchange(here, "gather");
  T const* source = from.data();
  T* target = to.data();
  for (std::size_t peer = 0; peer < here.ranks; ++peer) {
    exchange.give(peer, source, static_cast<index>(given[peer]));
    exchange.take(peer, target, static_cast<index>(taken[peer]));
    source += given[peer], target += taken[peer];
  }
  exchange.run();
}

/// The elements at `wanted`, of `extent` elements of which `mine` are this rank's: indices go to who has the elements,
/// and values come back.
template <class T>
void gather_from_ranks(rank_context const& here, array<index> const& wanted, array<T> const& mine, index extent,
                       array<T>& values) {
  wanted_places<compilation> const asked(here, wanted, extent);
  std::vector<std::size_t> counts_for(here.ranks);
  here.comm.all_to_all(std::span<std::size_t const>(asked.counts), std::span<std::size_t>(counts_for), "gather");
  array<index> requests(here.where, static_cast<index>(total_of(counts_for)));
  exchange_parts(here, asked.indices, asked.counts, requests, counts_for);
  index const begin = split_begin(extent, here.rank, here.ranks);
  array<T> answers(here.where, requests.shape()), answered(here.where, wanted.shape());
  if (requests.size() != 0) answers = gather(mine, requests - begin);
  exchange_parts(here, answers, counts_for, answered, asked.counts);
  if (wanted.size() != 0) scatter(values, asked.order, answered, distinct{});
}
template <class E, class I>
requires(has_shards<E> || has_shards<I>) struct shard_rules<gather_node<E, I>> {
  static constexpr bool has_shards = true;
  using node_type = gather_node<E, I>;
  using computes = void;
  using value = value_t<E>;
  static constexpr std::size_t R = rank_v<I>;

  /// The result lies as the indices do.
  static tree_placement place(node_type const& e) {
    tree_placement const from = lockstep::place(e.source);
    tree_placement at = lockstep::place(e.indices);
    if (from.ranks && at.ranks && !from.ranks->same_devices(*at.ranks)) throw_other_mesh(e);
    if (!at.ranks) at.ranks = from.ranks;
    return at;
  }
  static void compute(node_type const& e, array<value, R>& target, rank_context const& here) {
    tree_placement const from = lockstep::place(e.source);
    local_part const part = part_of(e, target, here);
    auto const at = lockstep::localize(e.indices, part, here);
    if (!from.is_split() || here.ranks == 1) {
      auto const source = lockstep::localize(e.source, part_of_rank(from, e.source.shape(), here), here);
      gather_node<std::remove_const_t<decltype(source)>, std::remove_const_t<decltype(at)>> const local(source, at);
      return assign_into<true>(here.where, local, target.view());
    }
    index const count = static_cast<index>(at.size());
    array<index, R> const wanted = evaluate_to_array<index>(here.where, at);
    index const extent = e.source.shape()[0];
    auto const mine = lockstep::localize(e.source, part_of_rank(from, e.source.shape(), here), here);
    array<value, 1> const elements = evaluate_to_array<value>(here.where, mine);
    array<value, 1> values(here.where, count);
    gather_from_ranks(here, array<index>(wanted.shared_storage(), values.shape()), elements, extent, values);
    if (count != 0) here.where.state().copy(target.data(), values.data(), target.size() * sizeof(value));
  }
  static auto localize(node_type const& e, local_part const& part, rank_context const& here) {
    array<value, R> mine(here.where, part.shape_of(e.shape()));
    compute(e, mine, here);
    return window<value const, R>(mine.shared_storage(), std::as_const(mine).view());
  }
  static auto globalize(node_type const& e, halo_width const& halo, rank_context const& here) {
    tree_placement const placed = place(e);
    array<value, R> mine(here.where, part_of_rank(placed, e.shape(), here).shape_of(e.shape()));
    compute(e, mine, here);
    return globalize_part(mine, placed.is_split(), e.shape(), halo, here);
  }

 private:
  /// The part that the target has: the indices' own, or one of all.
  static local_part part_of(node_type const& e, array<value, R> const& target, rank_context const& here) {
    for (std::size_t axis = 0; axis < R; ++axis)
      if (target.extent(axis) != e.shape()[axis]) return part_of_rank({nullptr, R - 1 - axis}, e.shape(), here);
    return part_of_rank(place(e), e.shape(), here);
  }
};

/// The counts of count(a rank's part), summed over all ranks, in the host's memory.
template <node E, class Count>
array<index> counted_together(E const& e, Count const& count) {
  tree_placement const placed = place(e);
  array<index> result;
  on_ranks(*placed.ranks, [&](rank_context& here) {
    array<index> counts = count(localize(e, part_of_rank(placed, e.shape(), here), here)).to(device::cpu());
    if (placed.is_split()) here.comm.all_reduce(std::span<index>(counts.data(), counts.size()), plus{});
    if (here.local == 0) result = std::move(counts);
  });
  return result;
}
/// Counts of the values in bins: see histogram of an array. The counts are in the host's memory.
template <sharded_expression E>
requires has_number_values<E> array<index> histogram(E const& e, index bins, std::type_identity_t<value_t<E>> low,
                                                     std::type_identity_t<value_t<E>> high) {
  return counted_together(borrow_node(e), [&](auto const& mine) { return histogram(mine, bins, low, high); });
}
template <sharded_expression E>
requires has_number_values<E> array<index> histogram(E const& e,
                                                     std::vector<std::type_identity_t<value_t<E>>> const& edges) {
  return counted_together(borrow_node(e), [&](auto const& mine) { return histogram(mine, edges); });
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
