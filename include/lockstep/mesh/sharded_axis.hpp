// Reductions of sharded arrays along one axis. Where that axis is whole on every rank, nothing is communicated. Where
// it is split, all ranks get the result.
#pragma once

#include <bit>

#include "../core/owned_array.hpp"
#include "sharded_reduce.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// Lines that have been combined: [begin, end), counted in blocks of lines.
struct line_range {
  index begin, end;
};

/// How the lines of an axis are cut so that each piece is a subtree of the tree that one device combines them in; where
/// parts don't begin at whole blocks, or the order is another, a piece per rank.
template <class Compilation>
class line_pieces {
 public:
  static constexpr index block = reduction_order::lines_per_block;
  line_pieces(index extent, std::size_t ranks, bool in_blocks) : extent_(extent), ranks_(ranks), exact_(in_blocks) {
    for (std::size_t r = 0; r < ranks; ++r) exact_ = exact_ && rank_rows(extent, r, ranks).begin % block == 0;
  }
  bool exact() const { return exact_; }
  index unit() const { return exact_ ? block : 1; }
  index units() const { return (extent_ + unit() - 1) / unit(); }

  std::vector<line_range> of_rank(std::size_t r) const {
    rank_rows const rows(extent_, r, ranks_);
    index begin = rows.begin / unit();
    index const end = (rows.end + unit() - 1) / unit();
    std::vector<line_range> pieces;
    if (!exact_ && begin < end) return {{begin, end}};
    while (begin < end) {
      auto const room = static_cast<std::uint64_t>(end - begin);
      std::uint64_t size = std::bit_floor(room);
      if (begin != 0) size = std::min(size, std::uint64_t{1} << std::countr_zero(static_cast<std::uint64_t>(begin)));
      pieces.push_back({begin, begin + static_cast<index>(size)});
      begin += static_cast<index>(size);
    }
    return pieces;
  }

 private:
  index extent_;
  std::size_t ranks_;
  bool exact_;
};

/// Combines what pieces have accumulated, `width` values each, one piece after another.
template <class Reducer>
class piece_combiner {
 public:
  using accumulator = typename Reducer::accumulator;
  piece_combiner(Reducer const& reducer, std::vector<line_range> const& pieces, accumulator* values, index width)
      : reducer_(reducer), pieces_(pieces), values_(values), width_(width) {}

  accumulator const* in_order() {
    for (std::size_t p = 1; p < pieces_.size(); ++p) combine(0, p);
    return values_;
  }
  /// In the tree of neighbors over the units [begin, end).
  accumulator const* in_tree(index begin, index end) { return at(tree(0, pieces_.size(), begin, end)); }

 private:
  accumulator* at(std::size_t piece) { return values_ + static_cast<index>(piece) * width_; }
  void combine(std::size_t left, std::size_t right) {
    accumulator *a = at(left), *b = at(right);
    for (index j = 0; j < width_; ++j) a[j] = reducer_.combine(a[j], b[j]);
  }
  std::size_t tree(std::size_t first, std::size_t last, index begin, index end) {
    if (last - first == 1) return first;
    index const middle = begin + static_cast<index>(std::bit_floor(static_cast<std::uint64_t>(end - begin - 1)));
    std::size_t half = first;
    while (half < last && pieces_[half].begin < middle) ++half;
    if (half == last) return tree(first, last, begin, middle);
    std::size_t const left = tree(first, half, begin, middle), right = tree(half, last, middle, end);
    combine(left, right);
    return left;
  }

  Reducer reducer_;
  std::vector<line_range> const& pieces_;
  accumulator* values_;
  index width_;
};

/// Combines what ranks have accumulated of `count` values, in their order.
template <class Reducer>
struct rank_combiner {
  static constexpr char const* title = Reducer::title;
  static constexpr bool commutative = false;
  using accumulator = typename Reducer::accumulator;
  Reducer reducer;
  index count;
  LOCKSTEP_INLINE accumulator lift(accumulator a) const { return a; }
  LOCKSTEP_INLINE accumulator combine(accumulator a, accumulator b) const { return reducer.combine(a, b); }
  LOCKSTEP_INLINE reduced_t<Reducer> finish(accumulator a, index) const { return reducer.finish(a, count); }
  reduced_t<Reducer> empty() const { return reducer.empty(); }
};
/// Counts places from where a rank's part begins.
struct place_counter {
  index begin;
  template <class Accumulator>
  LOCKSTEP_INLINE Accumulator operator()(Accumulator a) const {
    a.at += begin;
    return a;
  }
};

template <class Reducer, class E>
requires(has_shards<E>) struct shard_rules<axis_reduction<Reducer, E>> {
  static constexpr bool has_shards = true;
  using node_type = axis_reduction<Reducer, E>;
  using computes = void;
  static constexpr std::size_t R = rank_v<E>;
  using result = reduced_t<Reducer>;
  using accumulator = typename Reducer::accumulator;

  static tree_placement place(node_type const& e) {
    tree_placement placed = lockstep::place(e.operand);
    if (!placed.is_split()) return placed;
    std::size_t const axis = R - 1 - placed.from_last;
    if (axis == e.along) return {placed.ranks};
    if (axis < e.along) --placed.from_last;
    return placed;
  }

  /// Writes the part that `target` has of a result that may be on all ranks.
  static void compute(node_type const& e, array<result, R - 1>& target, rank_context const& here) {
    tree_placement const placed = lockstep::place(e.operand);
    if (placed.is_split() && R - 1 - placed.from_last == e.along && here.ranks > 1) {
#if LOCKSTEP_CUDA
      if constexpr (R > 1)
        if (here.where.is_gpu() && here.reaches_devices && e.operand.size() != 0) {
          array<result, R - 1> const found = combined_on_gpus(e, placed, here);
          return take(as_node(found), e.extents, target, here);
        }
#endif
      array<result, R - 1> const all(here.where, e.extents,
                                     std::span<result const>(combined(e, placed, here).get(), e.extents.size()));
      return take(as_node(all), e.extents, target, here);
    }
    local_part const part = part_of_rank(placed, e.operand.shape(), here);
    auto const local = lockstep::localize(e.operand, part, here);
    using L = std::remove_const_t<decltype(local)>;
    take(axis_reduction<Reducer, L>(e.reducer, local, axis(e.along)), e.extents, target, here);
  }
  static auto localize(node_type const& e, local_part const& part, rank_context const& here) {
    tree_placement const placed = place(e);
    return window_of_part(computed(e, placed, here), placed.is_split(), e.shape(), part, here);
  }
  static auto globalize(node_type const& e, halo_width const& halo, rank_context const& here) {
    tree_placement const placed = place(e);
    return globalize_part(computed(e, placed, here), placed.is_split(), e.shape(), halo, here);
  }

 private:
  static array<result, R - 1> computed(node_type const& e, tree_placement const& placed, rank_context const& here) {
    array<result, R - 1> mine(here.where, part_of_rank(placed, e.shape(), here).shape_of(e.shape()));
    compute(e, mine, here);
    return mine;
  }
  template <class Node>
  static void take(Node const& node, shape<R - 1> const& whole, array<result, R - 1>& target,
                   rank_context const& here) {
    if (node.shape() == target.shape()) return assign_into<true>(here.where, node, target.view());
    array<result, R - 1> const all = evaluate_to_array<result>(here.where, node);
    shape<R - 1> from, to = whole;
    for (std::size_t axis = 0; axis < R - 1; ++axis)
      if (target.extent(axis) != whole[axis]) {
        rank_rows const rows(whole[axis], here.rank, here.ranks);
        from[axis] = rows.begin, to[axis] = rows.end;
      }
    target = all.slice(from, to);
  }

  static owned_array<result> combined(node_type const& e, tree_placement const& placed, rank_context const& here) {
    index const extent = e.operand.shape()[e.along];
    std::size_t const width = e.extents.size();
    owned_array<result> results(new result[width]);
    if (extent == 0 || width == 0) {
      if (width != 0) std::fill_n(results.get(), width, e.reducer.empty());
      return results;
    }
    if (static_cast<index>(e.operand.size()) == extent) {  // the other axes are not there, or have extent 1
      results[0] = reduce_together(reduction<Reducer, E>(e.reducer, e.operand), here);
      return results;
    }
    if constexpr (R > 1) {
      line_pieces<compilation> const pieces(extent, here.ranks, here.where.is_cpu() && e.along != R - 1);
      std::vector<line_range> all;
      std::vector<std::size_t> counts(here.ranks);
      for (std::size_t r = 0; r < here.ranks; ++r) {
        auto const theirs = pieces.of_rank(r);
        counts[r] = theirs.size() * width;
        all.insert(all.end(), theirs.begin(), theirs.end());
      }
      auto const mine = accumulate(e, placed, pieces, here);
      auto const values = here.gather(mine.get(), counts);
      piece_combiner<Reducer> combiner(e.reducer, all, values.get(), static_cast<index>(width));
      accumulator const* const total = pieces.exact() ? combiner.in_tree(0, pieces.units()) : combiner.in_order();
      for (std::size_t j = 0; j < width; ++j) results[j] = static_cast<result>(e.reducer.finish(total[j], extent));
    }
    return results;
  }

#if LOCKSTEP_CUDA
  /// Without the host: every GPU gets what all have accumulated, and combines it.
  static array<result, R - 1> combined_on_gpus(node_type const& e, tree_placement const& placed,
                                               rank_context const& here) {
    index const extent = e.operand.shape()[e.along], width = static_cast<index>(e.extents.size());
    local_part const part = part_of_rank(placed, e.operand.shape(), here);
    auto const local = lockstep::localize(e.operand, part, here);
    using L = std::remove_const_t<decltype(local)>;
    std::vector<std::size_t> counts(here.ranks);
    index lines = 0;  // of ranks that have elements
    for (std::size_t r = 0; r < here.ranks; ++r) {
      bool const any = rank_rows(extent, r, here.ranks).size() > 0;
      counts[r] = any ? static_cast<std::size_t>(width) : 0;
      lines += any;
    }
    array<accumulator, R - 1> mine(here.where, e.extents);
    if (counts[here.rank] != 0) {
      axis_reduction<accumulating<Reducer>, L> const own(accumulating<Reducer>{e.reducer}, local, axis(e.along));
      if constexpr (positional<Reducer>) {
        array<accumulator, R - 1> const in_part = evaluate_to_array<accumulator>(here.where, own);
        mine = apply_nodes(place_counter{part.begin}, as_node(in_part));
      } else {
        mine = own;
      }
    }
    array<accumulator, 2> all(here.where, shape<2>(lines, width));
    here.comm.all_gather_v(std::span<accumulator const>(std::as_const(mine).data(), counts[here.rank]),
                           std::span<accumulator>(all.data(), all.size()), rank_counts(counts), "partial results");
    auto const leaf = as_node(all);
    using combiner = rank_combiner<Reducer>;
    array<result, 1> const found = evaluate_to_array<result>(
        here.where, axis_reduction<combiner, std::remove_const_t<decltype(leaf)>>({e.reducer, extent}, leaf, axis(0)));
    return array<result, R - 1>(found.shared_storage(), e.extents);
  }
#endif

  /// This rank's pieces, one after another.
  static owned_array<accumulator> accumulate(node_type const& e, tree_placement const& placed,
                                             line_pieces<compilation> const& pieces, rank_context const& here) {
    index const extent = e.operand.shape()[e.along];
    std::size_t const width = e.extents.size();
    auto const mine = pieces.of_rank(here.rank);
    owned_array<accumulator> values(new accumulator[mine.size() * width]);
    // Once, by every rank: operands may communicate while they become local, and ranks have different numbers of
    // pieces.
    local_part const part = part_of_rank(placed, e.operand.shape(), here);
    auto const local = lockstep::localize(e.operand, part, here);
    for (std::size_t p = 0; p < mine.size(); ++p) {
      index const begin = mine[p].begin * pieces.unit(), end = std::min(extent, mine[p].end * pieces.unit());
      shape<R> from, to = local.shape();
      from[e.along] = begin - part.begin, to[e.along] = end - part.begin;
      auto const piece = slice_of(local, from, to);
      using L = std::remove_const_t<decltype(piece)>;
      array<accumulator, R - 1> const found = evaluate_to_array<accumulator>(
          here.where, axis_reduction<accumulating<Reducer>, L>(accumulating<Reducer>{e.reducer}, piece, axis(e.along)));
      accumulator* const to_host = values.get() + p * width;
      here.where.state().copy_to_host(to_host, found.data(), width * sizeof(accumulator));
      if constexpr (positional<Reducer>)
        for (std::size_t j = 0; j < width; ++j) to_host[j].at += begin;
    }
    return values;
  }
};

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
