// top_k, bottom_k and unique of sharded arrays.
#pragma once

#include "../algorithm/top_k.hpp"
#include "../algorithm/unique.hpp"
#include "sharded_select.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// The first k of every rank's own first k, which it has in the host's memory.
template <class Order, class T>
ranked<T, 1> first_of_all(rank_context const& here, ranked<T, 1> const& mine, index extent, index k) {
  std::vector<std::size_t> counts(here.ranks);
  for (std::size_t r = 0; r < here.ranks; ++r)
    counts[r] = static_cast<std::size_t>(std::min(k, rank_rows(extent, r, here.ranks).size()));
  auto const values = here.gather(mine.values.data(), counts);
  auto const places = here.gather(mine.indices.data(), counts);
  shape<1> const total(total_of(counts));
  array<T> const candidates(device::cpu(), total, std::span<T const>(values.get(), total.size()));
  array<index> const found(device::cpu(), total, std::span<index const>(places.get(), total.size()));
  // In the order of ranks, so of equal values the one at the smaller place comes first.
  ranked<T, 1> best = first_k<Order>("top_k", candidates, k);
  best.indices = gather(found, array<index>(best.indices));
  return best;
}

template <class Order, sharded_expression E>
ranked<value_t<E>, 1> first_k_of_shards(char const* name, E const& expression, index k) {
  static_assert(rank_v<E> == 1, "sharded arrays of one axis have a top_k; use reshape or shard(rank)");
  using T = value_t<E>;
  auto const& e = borrow_node(expression);
  index const extent = e.shape()[0];
  if (k < 0 || k > extent) throw_bad_k(name, k, extent);
  tree_placement const placed = place(e);
  ranked<T, 1> result;
  on_ranks(*placed.ranks, [&](rank_context& here) {
    local_part const part = part_of_rank(placed, e.shape(), here);
    auto const local = localize(e, part, here);
    index const own = local.shape()[0], count = std::min(k, own);
    ranked<T, 1> mine{array<T>(device::cpu(), shape<1>(0)), array<index>(device::cpu(), shape<1>(0))};
    if (count > 0) {
      ranked<T, 1> const found = first_k<Order>(name, evaluate_to_array<T>(here.where, local), count);
      mine = {found.values.to(device::cpu()), found.indices.to(device::cpu())};
      if (placed.is_split()) mine.indices = mine.indices + part.begin;
    }
    if (placed.is_split() && here.ranks > 1) mine = first_of_all<Order>(here, mine, extent, k);
    if (here.local == 0) result = std::move(mine);
  });
  return result;
}

/// The k largest values and their places: see top_k of an array. Both are in the host's memory.
template <sharded_expression E>
ranked<value_t<E>, 1> top_k(E const& e, index k) {
  return first_k_of_shards<greater>("top_k", e, k);
}
/// The k smallest values and their places.
template <sharded_expression E>
ranked<value_t<E>, 1> bottom_k(E const& e, index k) {
  return first_k_of_shards<less>("bottom_k", e, k);
}

/// What a rank has of unique elements, without the first one where it goes on with a run of an earlier rank. `last` is
/// the last of the rank's elements, `any` whether it has one.
template <class T, class Equal>
array<T> without_continued(rank_context const& here, array<T> const& mine, T const& last, bool any,
                           Equal const& equal) {
  auto const lasts = here.gather(last);
  auto const has = here.gather(any);
  if (!any) return mine;
  std::size_t before = here.rank;
  while (before > 0 && !has[before - 1]) --before;
  if (before == 0) return mine;
  T first;
  here.where.state().copy_to_host(&first, mine.data(), sizeof(T));
  if (!equal(lasts[before - 1], first)) return mine;
  return array<T>(mine.slice(1, mine.extent(0)));
}

/// The first element of every run of equal ones, as unique of an array: an array of one axis, evenly split. Throws
/// device_error when not all lies on one mesh, split along axis 0 or replicated.
template <sharded_expression E, class Equal = equal_to>
requires std::predicate < Equal const&, value_t<E>
const&, value_t<E> const& > sharded<value_t<E>> unique(E const& expression, Equal const& equal = {}) {
  using T = value_t<E>;
  auto const& e = borrow_node(expression);
  tree_placement placed = place(e);
  if (placed.is_split() && placed.from_last != rank_v<E> - 1) throw_needs_first_axis("unique", e);
  placed.from_last = rank_v<E> - 1;  // of what is replicated, each rank takes a part
  return spread_evenly<T>(*placed.ranks, [&](rank_context& here) {
    auto const own = evaluate_to_array<T>(here.where, localize(e, part_of_rank(placed, e.shape(), here), here));
    bool const any = own.size() != 0;
    T last{};
    if (any) here.where.state().copy_to_host(&last, own.data() + (own.size() - 1), sizeof(T));
    return without_continued(here, any ? unique(own, equal) : array<T>(here.where, shape<1>(0)), last, any, equal);
  });
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
