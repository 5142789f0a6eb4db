// Sorting sharded arrays: every rank sorts its part, the parts are cut exactly where the even split of the result wants
// it, the pieces change places in one exchange, and every rank merges what it gets.
#pragma once

#include "sharded_cuts.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// Sorted runs of several ranks, one after another.
struct sorted_runs {
  std::vector<index> begins;  ///< of each run, and the end of the last
};

/// Who gets which piece: rank r's elements [cuts[r][j], cuts[r][j + 1]) go to rank j.
template <class Compilation>
class piece_exchange {
 public:
  piece_exchange(rank_context const& here, std::vector<index> const& cuts)
      : here_(here), cuts_(here.ranks * (here.ranks + 1)) {
    here.comm.all_gather(std::span<index const>(cuts), std::span<index>(cuts_));
    runs_.begins.assign(1, 0);
    for (std::size_t r = 0; r < here.ranks; ++r)
      runs_.begins.push_back(runs_.begins.back() + piece(r, here.rank).size());
  }
  sorted_runs const& runs() const { return runs_; }
  index total() const { return runs_.begins.back(); }

  /// What this rank gets, in the order of ranks.
  template <class T>
  array<T> run(array<T> const& mine) const {
    array<T> got(here_.where, shape<1>(total()));
    owned_range const own = piece(here_.rank, here_.rank);
    if (own.size() > 0)
      here_.where.state().copy(got.data() + runs_.begins[here_.rank], mine.data() + own.begin,
                               static_cast<std::size_t>(own.size()) * sizeof(T));
    here_.each_peer([&](std::size_t peer, bool first) {
      owned_range const theirs = piece(here_.rank, peer);
      if (first) here_.send(mine.data() + theirs.begin, theirs.size(), peer);
      here_.receive(got.data() + runs_.begins[peer], piece(peer, here_.rank).size(), peer);
      if (!first) here_.send(mine.data() + theirs.begin, theirs.size(), peer);
    });
    return got;
  }

 private:
  owned_range piece(std::size_t from, std::size_t to) const {
    index const* const cuts = cuts_.data() + from * (here_.ranks + 1);
    return {cuts[to], cuts[to + 1]};
  }
  rank_context const& here_;
  std::vector<index> cuts_;
  sorted_runs runs_;
};

/// Merges runs, stably, by pairs.
template <class T, class Less>
array<T> merge_runs(device const& where, array<T> values, sorted_runs runs, Less const& before) {
  array<T> other(where, values.shape());
  while (runs.begins.size() > 2) {
    sorted_runs merged;
    merged.begins.push_back(0);
    for (std::size_t r = 0; r + 1 < runs.begins.size(); r += 2) {
      index const begin = runs.begins[r], middle = runs.begins[r + 1];
      index const end = r + 2 < runs.begins.size() ? runs.begins[r + 2] : middle;
      cpu::merge(where,
                 cpu::merge_part<T>{values.data() + begin, middle - begin, values.data() + middle, end - middle,
                                    other.data() + begin},
                 before);
      merged.begins.push_back(end);
    }
    std::swap(values, other);
    runs = std::move(merged);
  }
  return values;
}

/// The splitting of the sorted keys of all ranks at the bounds of the even split.
template <class T, class Order>
piece_exchange<compilation> even_pieces(rank_context const& here, array<T> const& sorted, index total,
                                        Order const& order) {
  comparison<T, Order> const before{order};
  exact_cuts<T, comparison<T, Order>> cuts(here, sorted.data(), sorted.extent(0), before);
  return piece_exchange<compilation>(here, cuts.find([&](std::size_t j) { return split_begin(total, j, here.ranks); }));
}

template <bool Stable, class T, class Order>
array<T> sort_together(array<T> const& mine, index total, Order const& order, rank_context const& here) {
  array<T> keys = mine;
  if constexpr (Stable)
    stable_sort(keys, order);
  else
    sort(keys, order);
  if (here.ranks == 1) return keys;
  piece_exchange<compilation> const pieces = even_pieces(here, keys, total, order);
  array<T> got = pieces.run(keys);
  if (here.where.is_cpu()) return merge_runs(here.where, std::move(got), pieces.runs(), comparison<T, Order>{order});
  if constexpr (Stable)
    stable_sort(got, order);
  else
    sort(got, order);
  return got;
}

/// Writes new shards only when every rank has succeeded. Of an array that is replicated every device sorts its own.
template <bool Stable, class T, class Order>
void sort_shards(shard_set<T, 1>& set, Order const& order) {
  std::vector<array<T>> sorted(set.local.size());
  on_ranks(*set.ranks, [&](rank_context& here) {
    array<T>& mine = set.at(here.local);
    if (set.placed.is_split()) {
      sorted[here.local] = sort_together<Stable>(mine, set.extents[0], order, here);
    } else {
      sorted[here.local] = mine;
      if constexpr (Stable)
        stable_sort(sorted[here.local], order);
      else
        sort(sorted[here.local], order);
    }
  });
  set.local = std::move(sorted);
}

/// Sorts all elements; the result is split as before, see sort of an array. When the order throws, nothing is changed.
/// O(n / p log n) on each of p devices; every element moves to another device at most once. T must be default
/// constructible.
template <class T, order_of<T> Order = less>
void sort(sharded<T, 1>& x, Order order = {}) {
  sort_shards<false>(shards_of(x), order);
}
/// As sort, and equal values keep their order.
template <class T, order_of<T> Order = less>
void stable_sort(sharded<T, 1>& x, Order order = {}) {
  sort_shards<true>(shards_of(x), order);
}
/// The values of an expression in order.
template <sharded_expression E, order_of<value_t<E>> Order = less>
sharded<value_t<E>> sorted(E const& e, Order order = {}) {
  static_assert(rank_v<E> == 1, "sharded arrays are sorted along their only axis");
  sharded<value_t<E>> result = evaluate_to_shards<value_t<E>>(borrow_node(e));
  sort(result, order);
  return result;
}

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_keys_lie_elsewhere() {
  throw device_error(
      "sort_by_key: found keys and values on different meshes or differently placed, expected them alike; "
      "use reshard");
}

/// Orders keys and reorders values with them, stably. Throws shape_error or device_error, changing nothing, when they
/// differ in size or placement.
template <class K, class V, order_of<K> Order = less>
void sort_by_key(sharded<K, 1>& keys, sharded<V, 1>& values, Order order = {}) {
  shard_set<K, 1>& k = shards_of(keys);
  shard_set<V, 1>& v = shards_of(values);
  require_length("sort_by_key", values.size(), keys.size());
  if (!k.ranks->same_devices(*v.ranks) || !(k.placed == v.placed)) throw_keys_lie_elsewhere();
  std::vector<array<K>> sorted_keys(k.local.size());
  std::vector<array<V>> sorted_values(k.local.size());
  on_ranks(*k.ranks, [&](rank_context& here) {
    array<K> own_keys = k.at(here.local);
    array<V> own_values = v.at(here.local);
    lockstep::sort_by_key(own_keys, own_values, order);
    if (k.placed.is_split() && here.ranks > 1) {
      piece_exchange<compilation> const pieces = even_pieces(here, own_keys, k.extents[0], order);
      own_keys = pieces.run(own_keys);
      own_values = pieces.run(own_values);
      lockstep::sort_by_key(own_keys, own_values, order);
    }
    sorted_keys[here.local] = std::move(own_keys);
    sorted_values[here.local] = std::move(own_values);
  });
  k.local = std::move(sorted_keys);
  v.local = std::move(sorted_values);
}

/// The places of the values in their order, stably: see argsort of an array.
template <sharded_expression E, order_of<value_t<E>> Order = less>
sharded<index> argsort(E const& e, Order order = {}) {
  static_assert(rank_v<E> == 1, "sharded arrays are sorted along their only axis");
  sharded<value_t<E>> keys = evaluate_to_shards<value_t<E>>(borrow_node(e));
  sharded<index> places(shards_of(keys).ranks, keys.shape(), keys.placed());
  places = indices();
  sort_by_key(keys, places, order);
  return places;
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
