// Scans of sharded arrays: ranks tell each other what their parts come to, then each scans its own. On CPU devices the
// bits are those of one device.
#pragma once

#include "../algorithm/scan.hpp"
#include "../backend/cpu/scan_part.hpp"
#include "../backend/cpu/scan_shared.hpp"
#include "../core/owned_array.hpp"
#include "sharded_reduce.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// Parts of long arrays begin where blocks of scans do. Of short ones, every rank scans everything.
inline bool scans_everything(index extent, std::size_t ranks) {
  return extent < 4 * static_cast<index>(ranks) * cpu::scan_block;
}

template <class T, class Op, class E>
requires(has_shards<E>) struct shard_rules<scan_node<T, Op, E>> {
  static constexpr bool has_shards = true;
  using node_type = scan_node<T, Op, E>;
  using computes = void;

  static tree_placement place(node_type const& e) { return lockstep::place(e.operand); }

  /// Scans this rank's part into `target`.
  static void compute(node_type const& e, array<T, 1>& target, rank_context const& here) {
    index const extent = e.shape()[0];
    tree_placement const placed = place(e);
    auto const local = lockstep::localize(e.operand, part_of_rank(placed, e.shape(), here), here);
    scan_rule<T, Op> rule = e.rule;
    if (placed.is_split() && here.ranks > 1) {
      if (here.where.is_cpu() && scans_everything(extent, here.ranks))
        return scan_everything(rule, local, extent, target, here);
      if constexpr (cpu::scans_in_registers<T, Op>)
        if (here.shares_memory) return scan_by_all(rule, local, extent, target, here);
      add_prefix(rule, local, extent, here);
    }
    if (target.extent(0) == local.shape()[0])
      return assign_into<true>(here.where, scan_node<T, Op, std::remove_const_t<decltype(local)>>(rule, local),
                               target.view());
    cut_out(rule, local, target, here);
  }

  static auto localize(node_type const& e, local_part const& part, rank_context const& here) {
    tree_placement const placed = place(e);
    array<T, 1> const mine = computed(e, placed, here);
    return window_of_part(mine, placed.is_split(), e.shape(), part, here);
  }
  static auto globalize(node_type const& e, halo_width const& halo, rank_context const& here) {
    tree_placement const placed = place(e);
    return globalize_part(computed(e, placed, here), placed.is_split(), e.shape(), halo, here);
  }

 private:
  static array<T, 1> computed(node_type const& e, tree_placement const& placed, rank_context const& here) {
    array<T, 1> mine(here.where, part_of_rank(placed, e.shape(), here).shape_of(e.shape()));
    compute(e, mine, here);
    return mine;
  }

  /// A replicated operand's scan, of which the target takes its part.
  template <class L>
  static void cut_out(scan_rule<T, Op> const& rule, L const& local, array<T, 1>& target, rank_context const& here) {
    array<T, 1> const all = evaluate_to_array<T>(here.where, scan_node<T, Op, L>(rule, local));
    rank_rows const mine(all.extent(0), here.rank, here.ranks);
    target = all.slice(mine.begin, mine.end);
  }

  template <class L>
  static void scan_everything(scan_rule<T, Op> const& rule, L const& local, index extent, array<T, 1>& target,
                              rank_context const& here) {
    array<T, 1> const mine = evaluate_to_array<T>(here.where, local);
    std::vector<std::size_t> counts(here.ranks);
    for (std::size_t r = 0; r < here.ranks; ++r)
      counts[r] = static_cast<std::size_t>(rank_rows(extent, r, here.ranks).size());
    auto const values = here.gather(mine.data(), counts);
    array<T, 1> const all(here.where, shape<1>(extent),
                          std::span<T const>(values.get(), static_cast<std::size_t>(extent)));
    cut_out(rule, as_node(all), target, here);
  }

  /// All devices of this process take blocks of all parts in order.
  template <class L>
  static void scan_by_all(scan_rule<T, Op> const& rule, L const& local, index extent, array<T, 1>& target,
                          rank_context const& here) {
    require_device(local, here.where);
    overlap const found = overlap_of(local, target.view());
    array<T, 1> apart;  // what is read by others may not be overwritten
    if (found == overlap::hazard) apart = array<T, 1>(here.where, target.shape());
    array<T, 1>& out = found == overlap::hazard ? apart : target;
    lowering context{here.where, {}};
    auto const evaluator = local.lower(context, local.shape());
    scan_by_all(rule, cpu::reader<std::remove_const_t<decltype(evaluator)>, 1>(evaluator, local.shape()), extent, out,
                found == overlap::none, here);
    if (found == overlap::hazard) here.where.state().copy(target.data(), apart.data(), target.size() * sizeof(T));
  }
  template <class Evaluator>
  static void scan_by_all(scan_rule<T, Op> const& rule, cpu::reader<Evaluator, 1> const& from, index extent,
                          array<T, 1>& out, bool may_pass_caches, rank_context const& here) {
    using part = cpu::shared_scan_part<T, Evaluator>;
    struct offer {
      part const* mine;
      std::shared_ptr<cpu::shared_chain<T>> const* chain;
    };
    index const blocks = (extent + cpu::scan_block - 1) / cpu::scan_block;
    bool const past_caches = may_pass_caches &&
                             static_cast<std::size_t>(extent) * sizeof(T) >= cpu::stream_from_bytes &&
                             reinterpret_cast<std::uintptr_t>(out.data()) % 64 == 0;
    part const mine{from,          cpu::memory_of<T>(from),
                    out.data(),    rank_rows(extent, here.rank, here.ranks).begin / cpu::scan_block,
                    out.extent(0), past_caches};
    std::shared_ptr<cpu::shared_chain<T>> chain;
    if (here.rank == 0) chain = std::make_shared<cpu::shared_chain<T>>(blocks, rule.initial, here.ranks);
    std::vector<part const*> parts(here.ranks);
    auto const all = here.gather(offer{&mine, &chain});
    // From here on all ranks have come, and none may go before all are through.
    if (here.rank != 0) chain = *all[0].chain;
    for (std::size_t r = 0; r < here.ranks; ++r) parts[r] = all[r].mine;
    cpu::shared_scanner<T, Op, Evaluator> scanner(rule, parts, blocks, *chain);
    try {
      cpu::run_sharing(here.where, mine.size, [&] { scanner.work(); });
    } catch (...) {
      chain->leave();
      throw;
    }
    chain->leave();
  }

  /// Makes what all earlier ranks' elements come to the initial value.
  template <class L>
  static void add_prefix(scan_rule<T, Op>& rule, L const& local, index extent, rank_context const& here) {
    if (!here.where.is_cpu()) return add_rank_prefix(rule, local, here);
    index const mine = local.shape()[0];
    auto const blocks = [](index n) { return (n + cpu::scan_block - 1) / cpu::scan_block; };
    owned_array<T> const totals(new T[static_cast<std::size_t>(blocks(mine))]);
    require_device(local, here.where);
    lowering context{here.where, {}};
    cpu::block_totals(here.where, rule, local.lower(context, local.shape()), mine, totals.get());
    std::vector<std::size_t> counts(here.ranks);
    index before = 0;
    for (std::size_t r = 0; r < here.ranks; ++r) {
      index const count = blocks(rank_rows(extent, r, here.ranks).size());
      counts[r] = static_cast<std::size_t>(count);
      if (r < here.rank) before += count;
    }
    auto const all = here.gather(totals.get(), counts);
    rule.initial = cpu::prefix_after(rule, all.get(), before);
    rule.has_initial = rule.has_initial || before > 0;
  }
  /// The same in the order of ranks: the bits depend on their number.
  template <class L>
  static void add_rank_prefix(scan_rule<T, Op>& rule, L const& local, rank_context const& here) {
    using total_of = accumulating<operator_reducer<T, Op>>;
    T total{};
    index const mine = local.shape()[0];
    if (mine > 0) total = evaluate_to_array<T>(here.where, reduction<total_of, L>(total_of{{T{}, rule.op}}, local));
    auto const sizes = here.gather(mine);
    auto const totals = here.gather(total);
    for (std::size_t r = 0; r < here.rank; ++r) {
      if (sizes[r] == 0) continue;
      rule.initial = rule.has_initial ? static_cast<T>(rule.op(rule.initial, totals[r])) : totals[r];
      rule.has_initial = true;
    }
  }
};

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
