// Several whole reductions of sharded arrays in one pass over memory.
#pragma once

#include "sharded_reduce.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// Whether whole reductions can take one pass: over one shape, split alike.
template <class... Reducers, class... Es>
bool share_a_pass(reduction<Reducers, Es> const&... reductions) {
  auto const& first = std::get<0>(std::tie(reductions...)).operand;
  if constexpr (((rank_v<Es> == rank_v<decltype(first)>)&&...)) {
    std::size_t const from_last = place(first).from_last;
    return first.size() > 0 && ((reductions.operand.shape() == first.shape()) && ...) &&
           ((place(reductions.operand).from_last == from_last) && ...);
  } else {
    return false;
  }
}

/// Tile by tile, so that what the reductions share is read from memory once.
template <class... Reducers, class Bound, node... Ls>
std::tuple<reduced_t<Reducers>...> reduce_tiles(rank_context const& here, tile_owners const& owners,
                                                Bound const& reducers, Ls const&... locals) {
  std::tuple<reduced_t<Reducers>...> results;
  lowering context{here.where, {}};
  auto const run = [&](auto&&... running) {
    (running.give_head(), ...);
    index const tiles = std::get<0>(std::tie(running...)).whole_tiles();
    cpu::parallel_ranges(here.where, tiles, 1, cpu::serial_below / tile_owners::tile, [&](index first, index last) {
      for (index t = first; t < last; ++t) (running.run_tile(t), ...);
    });
    std::apply(
        [&](auto const&... reducer) {
          results = {static_cast<reduced_t<Reducers>>(reducer.finish(running.finish(), owners.total()))...};
        },
        reducers);
  };
  with_lowered(
      context,
      [&]<std::size_t F, class... Evaluators>(shape<F> const& space, Evaluators const&... evaluators) {
        std::apply(
            [&](auto const&... reducer) {
              run(tile_reduction<Reducers, F, Evaluators>(reducer, space, evaluators, owners, here)...);
            },
            reducers);
      },
      locals...);
  return results;
}

/// One pass over what this rank has, for which share_a_pass holds.
template <class... Reducers, class... Es>
std::tuple<reduced_t<Reducers>...> reduce_in_one_pass(rank_context const& here,
                                                      reduction<Reducers, Es> const&... reductions) {
  auto const& first = std::get<0>(std::tie(reductions...)).operand;
  constexpr std::size_t R = rank_v<decltype(first)>;
  auto const& extents = first.shape();
  auto const total = static_cast<index>(extents.size());
  tree_placement const placed = place(first);
  local_part const part = part_of_rank(placed, extents, here);
  auto const run = [&](auto const&... local) {
    if (!placed.is_split() || here.ranks == 1) {
      auto const found =
          evaluate(reduction<Reducers, std::remove_cvref_t<decltype(local)>>(reductions.reducer, local)...);
      return std::apply([](auto const&... r) { return std::tuple<reduced_t<Reducers>...>{r...}; }, found);
    }
    (require_device(local, here.where), ...);
    if (here.where.is_cpu() && placed.from_last == R - 1) {
      tile_owners const owners(extents[0], total / extents[0], here.ranks);
      return reduce_tiles<Reducers...>(here, owners, std::tie(reductions.reducer...), local...);
    }
    index inner = 1;
    for (std::size_t a = R - placed.from_last; a < R; ++a) inner *= extents[a];
    std::tuple<typename Reducers::accumulator...> mine{};
    if (part.end > part.begin) {
      auto const found = evaluate(reduction<accumulating<Reducers>, std::remove_cvref_t<decltype(local)>>(
          accumulating<Reducers>{reductions.reducer}, local)...);
      std::apply([&](auto const&... r) { mine = std::tuple<typename Reducers::accumulator...>(r...); }, found);
    }
    return std::apply(
        [&](auto const&... own) {
          return std::tuple<reduced_t<Reducers>...>{static_cast<reduced_t<Reducers>>(
              reductions.reducer.finish(rank_accumulator<Reducers, std::remove_cvref_t<decltype(local)>>::combined(
                                            reductions.reducer, own, part.end - part.begin, part, inner, here),
                                        total))...};
        },
        mine);
  };
  std::tuple const locals{localize(reductions.operand, part, here)...};
  return std::apply(run, locals);
}

/// Several reductions; those given together over one shape, split alike, take one pass over memory. Returns their
/// values in rank-0 arrays in the host's memory.
template <class... Reducers, class... Es>
requires((has_shards<Es> || ...)) auto evaluate(reduction<Reducers, Es> const&... reductions) {
  std::tuple<reduced_t<Reducers>...> values;
  tree_placement placed;
  (meet(placed, {place(reductions.operand).ranks}, reductions.operand), ...);
  bool const one_pass = share_a_pass(reductions...);
  on_ranks(*placed.ranks, [&](rank_context& here) {
    auto const found = [&]() -> std::tuple<reduced_t<Reducers>...> {
      if constexpr (((rank_v<Es> == rank_v<decltype(std::get<0>(std::tie(reductions...)).operand)>)&&...))
        if (one_pass) return reduce_in_one_pass(here, reductions...);
      return {reduce_together(reductions, here)...};
    }();
    if (here.local == 0) values = found;
  });
  return std::apply(
      [](auto const&... value) {
        return std::make_tuple(
            array<std::remove_cvref_t<decltype(value)>, 0>(constant<std::remove_cvref_t<decltype(value)>>(value))...);
      },
      values);
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
