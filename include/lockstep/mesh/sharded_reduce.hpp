// Whole reductions of sharded arrays. On CPU devices the bits are those of one device: every rank reduces the tiles
// that begin among its elements, and all combine the partial results of all tiles in the tree that one device uses.
#pragma once

#include "../algorithm/reduce.hpp"
#include "../backend/cpu/reduce_part.hpp"
#include "../core/owned_array.hpp"
#include "sharded_map.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// A reducer that stops before finish(): its result is what has been accumulated.
template <class Reducer>
struct accumulating : Reducer {
  using accumulator = typename Reducer::accumulator;
  LOCKSTEP_INLINE accumulator finish(accumulator a, index) const { return a; }
  accumulator empty() const { return accumulator{}; }
};
template <class Reducer>
struct vector_operator<accumulating<Reducer>> : vector_operator<Reducer> {};

/// The elements of a row-major index space, cut along axis 0 among ranks and, independently, into tiles.
class tile_owners {
 public:
  static constexpr index tile = reduction_order::tile;
  tile_owners(index extent, index row, std::size_t ranks) : extent_(extent), row_(row), ranks_(ranks) {}
  index total() const { return extent_ * row_; }
  index tiles() const { return (total() + tile - 1) / tile; }
  owned_range elements(std::size_t r) const {
    rank_rows const rows(extent_, r, ranks_);
    return {rows.begin * row_, rows.end * row_};
  }
  /// The tiles that begin among the elements of rank r.
  owned_range tiles_of(std::size_t r) const {
    owned_range const mine = elements(r);
    return {(mine.begin + tile - 1) / tile, (mine.end + tile - 1) / tile};
  }
  std::size_t owner(index t) const {
    std::size_t r = 0;
    while (elements(r).end <= t * tile) ++r;
    return r;
  }

 private:
  index extent_, row_;
  std::size_t ranks_;
};

/// What every rank accumulates over its part, for a result whose bits depend on the number of ranks: of arrays on GPUs,
/// and of those that are not split along axis 0.
template <class Reducer, class L>
class rank_accumulator {
 public:
  using accumulator = typename Reducer::accumulator;

  static accumulator run(Reducer const& reducer, L const& local, local_part const& part, index extent_inner,
                         rank_context const& here) {
    accumulator mine{};
    if (local.size() > 0)
      mine = evaluate_to_array<accumulator>(here.where,
                                            reduction<accumulating<Reducer>, L>(accumulating<Reducer>{reducer}, local));
    return combined(reducer, mine, static_cast<index>(local.size()), part, extent_inner, here);
  }
  /// What all ranks have accumulated; this one `mine`, of `count` elements.
  static accumulator combined(Reducer const& reducer, accumulator mine, index count, local_part const& part,
                              index extent_inner, rank_context const& here) {
    if constexpr (positional<Reducer>) mine.at = in_whole(mine.at, part, extent_inner);
    auto const sizes = here.gather(count);
    auto const all = here.gather(mine);
    bool any = false;
    accumulator total{};
    for (std::size_t r = 0; r < here.ranks; ++r) {
      if (sizes[r] == 0) continue;
      total = any ? combine(reducer, total, all[r]) : all[r];
      any = true;
    }
    return total;
  }

 private:
  /// A position in the part as one in the whole: (outer, along the split axis, inner).
  static index in_whole(index at, local_part const& part, index inner) {
    index const own = part.end - part.begin;
    if (own == 0) return at;
    return (at / (own * inner) * part.extent + at / inner % own + part.begin) * inner + at % inner;
  }
  static accumulator combine(Reducer const& reducer, accumulator const& a, accumulator const& b) {
    if constexpr (positional<Reducer>)
      if (Reducer::same(a.value, b.value)) return a.at < b.at ? a : b;
    return reducer.combine(a, b);
  }
};

/// Partial results of tiles on a CPU device, those that ranks share included.
template <class Reducer, std::size_t R, class Evaluator>
class tile_reduction {
 public:
  using accumulator = typename Reducer::accumulator;
  using partials = cpu::tile_partials<Reducer, Evaluator, R>;
  using value = typename partials::value;

  tile_reduction(Reducer const& reducer, shape<R> const& extents, Evaluator const& evaluator, tile_owners const& owners,
                 rank_context const& here)
      : reducer_(reducer),
        part_{reducer, evaluator},
        partials_(part_, extents),
        owners_(owners),
        here_(here),
        mine_(owners.elements(here.rank)),
        tiles_(owners.tiles_of(here.rank)),
        first_(tiles_.begin * tile - mine_.begin),
        // The last tile may go on among the elements of later ranks.
        shared_(tiles_.size() > 0 && tiles_.end * tile > mine_.end && mine_.end < owners.total()),
        count_(shared_ ? (tiles_.size() - 1) * tile : mine_.end - mine_.begin - first_),
        own_(new accumulator[static_cast<std::size_t>(tiles_.size())]) {}

  accumulator run() {
    give_head();
    if (tiles_.size() > 0) partials_.run(here_.where, first_, count_, own_.get());
    return finish();
  }

  /// The steps of it, for several over the same elements: give_head, run_tile for every t below whole_tiles, finish.
  index whole_tiles() const { return tiles_.size() > 0 ? (count_ + tile - 1) / tile : 0; }
  void run_tile(index t) const { own_[static_cast<std::size_t>(t)] = partials_.run_one(first_, count_, t); }
  accumulator finish() {
    if (shared_) own_[static_cast<std::size_t>(tiles_.size() - 1)] = shared_tile(tiles_.end - 1);
    if constexpr (positional<Reducer>)
      for (index t = 0; t < tiles_.size(); ++t) own_[static_cast<std::size_t>(t)].at = (tiles_.begin + t) * tile;
    std::vector<std::size_t> counts(here_.ranks);
    for (std::size_t r = 0; r < here_.ranks; ++r) counts[r] = static_cast<std::size_t>(owners_.tiles_of(r).size());
    auto const all = here_.gather(own_.get(), counts);
    accumulator total = cpu::combine_tree(reducer_, all.get(), owners_.tiles());
    if constexpr (positional<Reducer>) find_place(total);
    return total;
  }
  /// The elements before the first tile that begins here belong to a tile of an earlier rank.
  void give_head() {
    index const t = mine_.begin / tile;
    if (mine_.size() == 0 || mine_.begin % tile == 0) return;
    owned_range const head = mine_.both({t * tile, (t + 1) * tile});
    owned_array<value> const values(new value[static_cast<std::size_t>(head.size())]);
    partials_.read(0, head.size(), values.get());
    here_.comm.send(std::span<value const>(values.get(), static_cast<std::size_t>(head.size())), owners_.owner(t));
  }

 private:
  static constexpr index tile = tile_owners::tile;

  accumulator shared_tile(index t) {
    owned_range const all = owned_range{t * tile, (t + 1) * tile}.both({0, owners_.total()});
    if (!tile_) tile_.reset(new value[static_cast<std::size_t>(tile)]);
    owned_range const begun = mine_.both(all);
    partials_.read(begun.begin - mine_.begin, begun.size(), tile_.get());
    for (std::size_t r = here_.rank + 1; r < here_.ranks; ++r) {
      owned_range const theirs = owners_.elements(r).both(all);
      if (theirs.size() > 0)
        here_.comm.receive(
            std::span<value>(tile_.get() + (theirs.begin - all.begin), static_cast<std::size_t>(theirs.size())), r);
    }
    return partials_.of_values(tile_.get(), all.size());
  }
  /// Where in the winning tile the value is: its owner looks, and tells the others.
  void find_place(accumulator& best) {
    index const t = best.at / tile;
    std::size_t const owner = owners_.owner(t);
    owned_range const all = owned_range{t * tile, (t + 1) * tile}.both({0, owners_.total()});
    if (owner == here_.rank) {
      if (all.end <= mine_.end || !tile_) {
        if (!tile_) tile_.reset(new value[static_cast<std::size_t>(tile)]);
        partials_.read(all.begin - mine_.begin, all.size(), tile_.get());
      }
      best.at += cpu::place_of<Reducer>(best.value, pointer_row<value>{tile_.get()}, 0, all.size());
    }
    here_.comm.broadcast(best.at, owner);
  }

  Reducer reducer_;
  reduction_part<Reducer, Evaluator> part_;
  partials partials_;
  tile_owners owners_;
  rank_context const& here_;
  owned_range mine_, tiles_;
  index first_;  ///< of the elements here, where the first tile begins
  bool shared_;
  index count_;  ///< elements of the tiles that lie here alone
  owned_array<accumulator> own_;
  owned_array<value> tile_;  ///< of the shared tile
};

/// The result of a reduction, on every rank.
template <class Reducer, class E>
reduced_t<Reducer> reduce_together(reduction<Reducer, E> const& e, rank_context const& here) {
  tree_placement const placed = place(e.operand);
  auto const& extents = e.operand.shape();
  auto const total = static_cast<index>(extents.size());
  if (total == 0) return e.reducer.empty();
  local_part const part = part_of_rank(placed, extents, here);
  auto const local = localize(e.operand, part, here);
  using L = std::remove_const_t<decltype(local)>;
  if (!placed.is_split() || here.ranks == 1)
    return evaluate_to_array<reduced_t<Reducer>>(here.where, reduction<Reducer, L>(e.reducer, local));
  require_device(local, here.where);
  constexpr std::size_t R = rank_v<E>;
  if (here.where.is_cpu() && placed.from_last == R - 1) {
    lowering context{here.where, {}};
    reduced_t<Reducer> result;
    tile_owners const owners(extents[0], total / extents[0], here.ranks);
    with_lowered(
        context,
        [&]<std::size_t F, class Evaluator>(shape<F> const& space, Evaluator const& evaluator) {
          tile_reduction<Reducer, F, Evaluator> run(e.reducer, space, evaluator, owners, here);
          result = static_cast<reduced_t<Reducer>>(e.reducer.finish(run.run(), total));
        },
        local);
    return result;
  }
  index inner = 1;
  for (std::size_t a = R - placed.from_last; a < R; ++a) inner *= extents[a];
  auto const all = rank_accumulator<Reducer, L>::run(e.reducer, local, part, inner, here);
  return static_cast<reduced_t<Reducer>>(e.reducer.finish(all, total));
}

/// Inside of a tree a whole reduction is its value.
template <class Reducer, class E>
requires(has_shards<E>) struct shard_rules<reduction<Reducer, E>> {
  static constexpr bool has_shards = true;
  using node_type = reduction<Reducer, E>;
  using result = reduced_t<Reducer>;

  static tree_placement place(node_type const& e) { return {lockstep::place(e.operand).ranks}; }
  static constant<result> localize(node_type const& e, local_part const&, rank_context const& here) {
    return constant<result>(reduce_together(e, here));
  }
  static constant<result> globalize(node_type const& e, halo_width const&, rank_context const& here) {
    return constant<result>(reduce_together(e, here));
  }
};

template <class Reducer, class E>
requires(has_shards<E>) reduced_t<Reducer> evaluate_to_value(reduction<Reducer, E> const& e) {
  reduced_t<Reducer> result{};
  on_ranks(*place(e.operand).ranks, [&](rank_context& here) {
    auto const value = reduce_together(e, here);
    if (here.local == 0) result = value;
  });
  return result;
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
