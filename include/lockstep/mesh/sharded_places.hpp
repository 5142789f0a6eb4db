// What looks things up in sharded arrays: gather from any rank, and histograms.
#pragma once

#include "../algorithm/gather.hpp"
#include "../algorithm/histogram.hpp"
#include "../core/owned_array.hpp"
#include "sharded_map.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// The values of an array that ranks have in parts, at indices that each rank wants: indices go to who has the
/// elements, and values come back.
template <class T>
class remote_gather {
 public:
  remote_gather(rank_context const& here, index extent, std::vector<index> const& wanted)
      : here_(here), extent_(extent), wanted_(wanted), order_(wanted.size()), asked_(here.ranks + 1, 0) {
    std::vector<std::size_t> owner(wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (static_cast<std::uint64_t>(wanted[i]) >= static_cast<std::uint64_t>(extent))
        throw_bad_index("gather", wanted[i], extent);
      owner[i] = owner_of(wanted[i]);
      ++asked_[owner[i] + 1];
    }
    for (std::size_t r = 0; r < here.ranks; ++r) asked_[r + 1] += asked_[r];
    std::vector<index> next(asked_.begin(), asked_.end() - 1);
    for (std::size_t i = 0; i < wanted.size(); ++i)
      order_[static_cast<std::size_t>(next[owner[i]]++)] = static_cast<index>(i);
  }

  /// `mine` are this rank's elements, in the host's memory.
  owned_array<T> run(T const* mine) const {
    auto const all_asked = all_counts();
    owned_array<T> values(new T[wanted_.size()]);
    index const begin = split_begin(extent_, here_.rank, here_.ranks);
    each_request(here_.rank, [&](index i) { values[place(i)] = mine[wanted_[place(i)] - begin]; });
    here_.each_peer([&](std::size_t peer, bool first) {
      auto const theirs = static_cast<std::size_t>(all_asked[peer * here_.ranks + here_.rank]);
      std::vector<index> asks, asked(theirs);
      each_request(peer, [&](index i) { asks.push_back(wanted_[place(i)]); });
      exchange(asks.data(), asks.size(), asked.data(), theirs, peer, first);
      owned_array<T> const answers(new T[theirs]), answered(new T[asks.size()]);
      for (std::size_t i = 0; i < theirs; ++i) answers[i] = mine[asked[i] - begin];
      exchange(answers.get(), theirs, answered.get(), asks.size(), peer, first);
      std::size_t at = 0;
      each_request(peer, [&](index i) { values[place(i)] = answered[at++]; });
    });
    return values;
  }

 private:
  std::size_t owner_of(index i) const {
    std::size_t low = 0, high = here_.ranks - 1;
    while (low < high) {
      std::size_t const middle = (low + high + 1) / 2;
      if (split_begin(extent_, middle, here_.ranks) <= i)
        low = middle;
      else
        high = middle - 1;
    }
    return low;
  }
  std::size_t place(index i) const { return static_cast<std::size_t>(order_[static_cast<std::size_t>(i)]); }
  template <class F>
  void each_request(std::size_t owner, F const& f) const {
    for (index i = asked_[owner]; i < asked_[owner + 1]; ++i) f(i);
  }
  std::vector<index> all_counts() const {
    std::vector<index> mine(here_.ranks), all(here_.ranks * here_.ranks);
    for (std::size_t r = 0; r < here_.ranks; ++r) mine[r] = asked_[r + 1] - asked_[r];
    here_.comm.all_gather(std::span<index const>(mine), std::span<index>(all));
    return all;
  }
  template <class U>
  void exchange(U const* from, std::size_t sent, U* to, std::size_t received, std::size_t peer, bool first) const {
    auto const give = [&] {
      if (sent != 0) here_.comm.send(std::span<U const>(from, sent), peer);
    };
    if (first) give();
    if (received != 0) here_.comm.receive(std::span<U>(to, received), peer);
    if (!first) give();
  }

  rank_context const& here_;
  index extent_;
  std::vector<index> const& wanted_;
  std::vector<index> order_;  ///< places of the wanted ones, by owner
  std::vector<index> asked_;  ///< where each owner's begin
};

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
    auto const wanted = evaluate_to_array<index>(here.where, at).to_host();
    index const extent = e.source.shape()[0];
    auto const mine = lockstep::localize(e.source, part_of_rank(from, e.source.shape(), here), here);
    array<value, 1> const elements = evaluate_to_array<value>(here.where, mine).to(device::cpu());
    auto const values = remote_gather<value>(here, extent, wanted).run(elements.data());
    if (target.size() != 0)
      here.where.state().copy_from_host(target.data(), values.get(), target.size() * sizeof(value));
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
