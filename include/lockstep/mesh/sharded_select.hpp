// select and remove from sharded arrays: what is kept is spread evenly again.
#pragma once

#include "../algorithm/select.hpp"
#include "../core/owned_array.hpp"
#include "sharded_map.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// A new array of one axis, split evenly, of what make(here) returns on every rank, in the order of ranks.
template <class T, class Make>
sharded<T> spread_evenly(mesh_ranks& ranks, Make const& make) {
  auto const set = std::make_shared<shard_set<T, 1>>(ranks.shared_from_this(), shape<1>(), split_along(axis(0)));
  set->local.resize(ranks.devices().local_ranks());
  on_ranks(ranks, [&](rank_context& here) {
    array<T> const mine = make(here);
    auto const counts = here.gather(mine.extent(0));
    owned_array<index> const begins(new index[here.ranks + 1]);
    begins[0] = 0;
    for (std::size_t r = 0; r < here.ranks; ++r) begins[r + 1] = begins[r] + counts[r];
    index const total = begins[here.ranks];
    auto const wants = [&](std::size_t r) {
      rank_rows const rows(total, r, here.ranks);
      return owned_range{rows.begin, rows.end};
    };
    array<T> part(here.where, shape<1>(wants(here.rank).size()));
    redistribute(
        here, mine.data(),
        [&](std::size_t r) {
          return owned_range{begins[r], begins[r + 1]};
        },
        part.data(), wants);
    set->local[here.local] = std::move(part);
    if (here.local == 0) set->extents = shape<1>(total);
  });
  return sharded<T>(set);
}

/// The elements of `e` whose mask is true, in order: an array of one axis, evenly split. Runs now. Throws shape_error
/// when the shapes differ, device_error when not all lies on one mesh, split along axis 0 or replicated.
template <sharded_expression E, expression M>
sharded<value_t<E>> select(E const& expression, M const& flags) {
  auto const& e = borrow_node(expression);
  auto const& mask = borrow_node(flags);
  require_mask("select", e, mask);
  tree_placement placed = place(e);
  meet(placed, place(mask), e);
  if (placed.is_split() && placed.from_last != rank_v<E> - 1) throw_needs_first_axis("select", e);
  // Of what is replicated, each rank takes a part.
  placed.from_last = rank_v<E> - 1;
  return spread_evenly<value_t<E>>(*placed.ranks, [&](rank_context& here) {
    local_part const part = part_of_rank(placed, e.shape(), here);
    return select(localize(e, part, here), localize(mask, part, here));
  });
}
/// The elements of `e` whose mask is false, in order; otherwise as select.
template <sharded_expression E, expression M>
sharded<value_t<E>> remove(E const& e, M const& mask) {
  return select(e, apply_elementwise(logical_not{}, mask));
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
