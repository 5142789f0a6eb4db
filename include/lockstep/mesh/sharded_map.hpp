// Evaluating expressions of sharded arrays into sharded arrays, and what copies them to and from the host.
#pragma once

#include "sharded_halo.hpp"
#include "sharded_reshard.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// Nodes that ranks compute together, into memory of their own: they have compute(e, target, here).
template <class E>
concept computed_together = requires {
  typename shard_rules<E>::computes;
};

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_other_placement(bool found_split, std::string const& found,
                                                                         std::string const& expected,
                                                                         any_node const& e) {
  throw device_error(
      text_of({"found ", to_text(e), found_split ? " split " : " on all devices", found,
               ", expected the placement of what is assigned to, ", expected, "; use reshard to move one"}));
}
/// Throws unless the ranks of a target can compute their parts of `e`.
template <node E, std::size_t Rank>
void require_placement(E const& e, mesh_ranks* ranks, placement placed, shape<Rank> const&) {
  tree_placement const found = place(e), target = place_of_set<Rank>(ranks, placed);
  if (!found.ranks) return;
  if (!found.ranks->same_devices(*ranks)) throw_other_mesh(e);
  if (found.is_split() && found.from_last != target.from_last)
    throw_other_placement(true, text_of_axis(found),
                          target.is_split() ? "split " + text_of_axis(target) : "on all devices", e);
}

/// Whether a tree has passes of its own, which every part of it would run again.
struct pass_survey {
  void const* within_pass = nullptr;
  bool any = false;
  template <class E>
  void begin_pass(E const&) {
    any = true;
  }
  void end_pass() {}
  template <class Leaf>
  void operator()(Leaf const&) {}
};

/// What a rank computes while halos are on their way, from so many elements on: computing in three parts has a price.
inline constexpr index overlap_from = 1 << 15;

/// How many rows of `row_bytes` bytes it takes to fill whole cache lines.
inline index rows_in_lines(std::size_t row_bytes) {
  std::size_t const power = row_bytes & (0 - row_bytes);  // the largest power of two that divides them
  return power == 0 || power >= 64 ? 1 : static_cast<index>(64 / power);
}

/// Evaluates a rank's part, for which halos are still on their way: first the rows that need none, if there are enough,
/// then those at its ends.
template <node E, class T, std::size_t Rank>
void assign_around_halos(device const& where, E const& e, view<T, Rank> const& target, halo_schedule& halos) {
  index const rows = target.extents[0], row = rows == 0 ? 0 : static_cast<index>(target.size()) / rows;
  // From where a cache line begins: lines that are written in two pieces cannot be written past the caches.
  index const whole = rows_in_lines(static_cast<std::size_t>(row) * sizeof(T));
  index const begin = std::min(rows, (halos.before + whole - 1) / whole * whole), end = rows - halos.after;
  pass_survey passes;
  e.visit(passes);
  if (passes.any || (end - begin) * row < overlap_from || overlap_of(e, target) != overlap::none) {
    halos.finish();
    return assign_into<true>(where, e, target);
  }
  auto const assign_rows = [&](index first, index last) {
    if (first >= last) return;
    shape<Rank> from, to = target.extents;
    from[0] = first, to[0] = last;
    view<T, Rank> part = target;
    part.data += first * target.strides[0];
    part.extents[0] = last - first;
    assign_into<true>(where, slice_of(e, from, to), part);
  };
  assign_rows(begin, end);
  halos.finish();
  assign_rows(0, begin);
  assign_rows(end, rows);
}

/// While it lives, this rank's stores are parts of one output of all ranks.
struct shared_output {
  explicit shared_output(rank_context const& here) { cpu::output_parts = here.shares_memory ? here.ranks : 1; }
  shared_output(shared_output const&) = delete;
  shared_output& operator=(shared_output const&) = delete;
  ~shared_output() { cpu::output_parts = 1; }
};

/// Evaluates each rank's part of `e` into the shards of a target that it fits.
template <class T, std::size_t Rank, node E>
void store_shards(shard_set<T, Rank>& target, E const& e) {
  tree_placement const placed = place_of_set<Rank>(target.ranks.get(), target.placed);
  on_ranks(*target.ranks, [&](rank_context& here) {
    array<T, Rank>& mine = target.at(here.local);
    if constexpr (computed_together<E> && std::is_same_v<T, value_t<E>>) {
      shard_rules<E>::compute(e, mine, here);
    } else {
      halo_schedule halos;
      local_part part = part_of_rank(placed, target.extents, here);
      if (placed.from_last + 1 == Rank) part.later = &halos;
      auto const local = localize(e, part, here);
      shared_output const parts(here);
      if constexpr (Rank > 0)
        if (!halos.exchanges.empty()) return assign_around_halos(here.where, local, mine.view(), halos);
      assign_into<true>(here.where, local, mine.view());
    }
  });
}

template <class T, std::size_t Rank>
shard_set<T, Rank>& shards_of(sharded<T, Rank> const& x) {
  if (!x.shared_shards()) throw_sharded_without_shape();
  return *x.shared_shards();
}

/// A new sharded array that holds the expression's values where they are computed.
template <class T, node E>
sharded<T, rank_v<E>> evaluate_to_shards(E const& e) {
  tree_placement const placed = place(e);
  if (!placed.ranks)
    throw device_error(text_of({"found ", to_text(e),
                                " without a sharded array, expected one to know the mesh; "
                                "construct the target as sharded<T>(mesh, shape) first"}));
  sharded<T, rank_v<E>> result(placed.ranks->shared_from_this(), e.shape(), placed.of_rank(rank_v<E>));
  store_shards(shards_of(result), e);
  return result;
}

template <class T, std::size_t Rank, expression E>
void assign_expression(sharded<T, Rank>& target, E const& expression) {
  auto const& e = borrow_node(expression);
  if (!target.has_storage()) {
    if constexpr (rank_v<E> == Rank)
      target = evaluate_to_shards<T>(e);
    else
      throw_no_shape(e);
    return;
  }
  auto const& spread = spread_over(e, target.shape());
  require_shape(spread, target.shape());
  require_placement(spread, shards_of(target).ranks.get(), target.placed(), target.shape());
  store_shards(shards_of(target), spread);
}

/// An array does not say how to bring all shards to its device.
template <class T, std::size_t Rank, sharded_expression E>
void assign_expression(array<T, Rank>&, E const&) {
  static_assert(!has_shards<E>,
                "found an array assigned from sharded arrays, expected a sharded<T, Rank>; x.to_array(device) brings "
                "all elements to one device");
}

template <sharded_expression E>
auto evaluate_to_host(E const& e) {
  return evaluate_to_shards<value_t<E>>(borrow_node(e)).to_host();
}

/// A rank-0 expression's value, the same on all ranks.
template <sharded_expression E>
value_t<E> evaluate_to_value(E const& e) {
  value_t<E> result{};
  on_ranks(*place(e).ranks, [&](rank_context& here) {
    auto const local = localize(e, local_part{tree_placement::whole, 0, 0, 0, 0}, here);
    auto const value = evaluate_to_array<value_t<E>>(here.where, local);
    if (here.local == 0) result = value;
  });
  return result;
}

// --- copies ---------------------------------------------------------------------------------------------------------

/// Calls f(first element, array) for the shards of a set that is split along axis 0 or replicated.
template <class T, std::size_t Rank>
bool lies_in_pieces(shard_set<T, Rank> const& set) {
  return !set.placed.is_split() || set.placed.axis() == 0;
}

/// `host` has all elements, row-major.
template <class, class T, std::size_t Rank>
void copy_from_host(shard_set<T, Rank>& set, T const* host) {
  if (!lies_in_pieces(set)) {
    array<T, Rank> const whole(device::cpu(), set.extents, std::span<T const>(host, set.extents.size()));
    return copy_from_array<compilation>(set, whole);
  }
  index const row = set.extents.size() == 0 || Rank == 0 ? 1 : static_cast<index>(set.extents.size()) / set.extents[0];
  std::size_t const first = set.ranks->devices().first_local_rank();
  for (std::size_t i = 0; i < set.local.size(); ++i) {
    array<T, Rank>& shard = set.local[i];
    if (shard.size() != 0)
      shard.device().state().copy_from_host(shard.data(), host + set.rows(first + i).begin * row,
                                            shard.size() * sizeof(T));
  }
}

template <class, class T, std::size_t Rank>
void copy_from_array(shard_set<T, Rank>& set, array<T, Rank> const& all) {
  std::size_t const first = set.ranks->devices().first_local_rank();
  for (std::size_t i = 0; i < set.local.size(); ++i) {
    auto const from = set.first(first + i), extents = set.shape(first + i);
    shape<Rank> to;
    for (std::size_t axis = 0; axis < Rank; ++axis) to[axis] = from[axis] + extents[axis];
    array<T, Rank> const part = all.slice(from, to);
    set.local[i] = part.to(set.local[i].device());
  }
}

/// All elements, row-major, in the host's memory: of ranks of other processes, too.
template <class T, std::size_t Rank>
array<T, Rank> gather_to_host(shard_set<T, Rank> const& set) {
  array<T, Rank> all(device::cpu(), set.extents);
  auto const put = [&](std::size_t rank, array<T, Rank> const& part) {
    if (part.size() == 0) return;
    auto const from = part.size() == all.size() ? shape<Rank>() : set.first(rank);
    shape<Rank> to;
    for (std::size_t axis = 0; axis < Rank; ++axis) to[axis] = from[axis] + part.extent(axis);
    if (lies_in_pieces(set)) {
      part.device().state().copy_to_host(
          all.view().data + (Rank == 0 ? 0 : from[0] * row_major_strides(set.extents)[0]), part.data(),
          part.size() * sizeof(T));
    } else {
      all.slice(from, to) = part.to(device::cpu());
    }
  };
  std::size_t const first = set.ranks->devices().first_local_rank();
  if (!set.placed.is_split()) {
    put(first, set.at(0));
  } else if (set.ranks->devices().is_local()) {
    for (std::size_t i = 0; i < set.local.size(); ++i) put(i, set.at(i));
  } else {
    sharded<T, Rank> const everywhere(set.ranks, set.extents, replicated);
    on_ranks(*set.ranks, [&](rank_context& here) { reshard_together(set, *everywhere.shared_shards(), here); });
    put(first, everywhere.shared_shards()->at(0));
  }
  return all;
}

template <class, class T, std::size_t Rank>
std::vector<T> shards_to_host(shard_set<T, Rank> const& set) {
  return gather_to_host(set).to_host();
}
template <class, class T, std::size_t Rank>
array<T, Rank> shards_to_array(shard_set<T, Rank> const& set, device const& where) {
  return gather_to_host(set).to(where);
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
