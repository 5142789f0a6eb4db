// Sorting sharded arrays: every rank sorts its part, the parts are cut exactly where the even split of the result wants
// it, the pieces change places in one exchange, and every rank merges what it gets.
#pragma once

#include "../backend/cpu/sort_shared.hpp"
#include "sharded_cuts.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// Sorted elements somewhere in this process's memory.
template <class T>
struct sorted_run {
  T const* data;
  index size;
};

/// Who gets which piece: rank r's elements [cuts[r][j], cuts[r][j + 1]) go to rank j.
template <class Compilation>
class piece_exchange {
 public:
  piece_exchange(rank_context const& here, std::vector<index> const& cuts)
      : here_(here), cuts_(here.ranks * (here.ranks + 1)) {
    here.comm.all_gather(std::span<index const>(cuts), std::span<index>(cuts_));
    begins_.assign(1, 0);
    for (std::size_t r = 0; r < here.ranks; ++r) begins_.push_back(begins_.back() + piece(r, here.rank).size());
  }
  index total() const { return begins_.back(); }
  /// This rank's pieces, of all ranks in order, where `got` has them.
  template <class T>
  std::vector<sorted_run<T>> runs(array<T> const& got) const {
    std::vector<sorted_run<T>> all;
    for (std::size_t r = 0; r < here_.ranks; ++r) all.push_back({got.data() + begins_[r], begins_[r + 1] - begins_[r]});
    return all;
  }
  /// The same in the memory of the ranks that have them: `parts` are where their sorted parts begin.
  template <class T>
  std::vector<sorted_run<T>> runs_of(sorted_run<T> const* parts) const {
    std::vector<sorted_run<T>> all;
    for (std::size_t r = 0; r < here_.ranks; ++r) {
      owned_range const there = piece(r, here_.rank);
      all.push_back({parts[r].data + there.begin, there.size()});
    }
    return all;
  }

  /// What this rank gets, in the order of ranks.
  template <class T>
  array<T> run(array<T> const& mine) const {
    array<T> got(here_.where, shape<1>(total()));
    rank_exchange<T> exchange(here_, "sorted pieces");
    for (std::size_t peer = 0; peer < here_.ranks; ++peer) {
      owned_range const theirs = piece(here_.rank, peer);
      exchange.give(peer, mine.data() + theirs.begin, theirs.size());
      exchange.take(peer, got.data() + begins_[peer], piece(peer, here_.rank).size());
    }
    exchange.run();
    return got;
  }

 private:
  owned_range piece(std::size_t from, std::size_t to) const {
    index const* const cuts = cuts_.data() + from * (here_.ranks + 1);
    return {cuts[to], cuts[to + 1]};
  }
  rank_context const& here_;
  std::vector<index> cuts_;
  std::vector<index> begins_;  ///< of the pieces that this rank gets, and the end of the last
};

/// Merges two or more runs, stably, by pairs.
template <class T, class Less>
array<T> merge_runs(device const& where, index total, std::vector<sorted_run<T>> runs, Less const& before) {
  array<T> to(where, shape<1>(total)), other;
  if (runs.size() > 2) other = array<T>(where, shape<1>(total));
  while (runs.size() > 1) {
    std::vector<sorted_run<T>> merged;
    T* out = to.data();
    for (std::size_t r = 0; r < runs.size(); r += 2) {
      sorted_run<T> const a = runs[r], b = r + 1 < runs.size() ? runs[r + 1] : sorted_run<T>{nullptr, 0};
      cpu::merge(where, cpu::merge_part<T>{a.data, a.size, b.data, b.size, out}, before);
      merged.push_back({out, a.size + b.size});
      out += a.size + b.size;
    }
    runs = std::move(merged);
    if (runs.size() > 1) std::swap(to, other);
  }
  return to;
}

/// Merges pieces of the ranks' sorted parts where they lie. Returns when all ranks are done with them.
template <class T, class Less>
array<T> merge_shared(rank_context const& here, array<T> const& sorted, piece_exchange<compilation> const& pieces,
                      Less const& before) {
  auto const parts = here.gather(sorted_run<T>{sorted.data(), sorted.extent(0)});
  array<T> merged;
  std::exception_ptr thrown;
  try {
    merged = merge_runs(here.where, pieces.total(), pieces.runs_of(parts.get()), before);
  } catch (...) {  // the others still read what is here
    thrown = std::current_exception();
  }
  here.comm.barrier();
  if (thrown) std::rethrow_exception(thrown);
  return merged;
}

/// The splitting of the sorted keys of all ranks at the bounds of the even split.
template <class T, class Order>
piece_exchange<compilation> even_pieces(rank_context const& here, array<T> const& sorted, index total,
                                        Order const& order) {
  exact_cuts<T, Order> cuts(here, sorted, order);
  return piece_exchange<compilation>(here, cuts.find([&](std::size_t j) { return split_begin(total, j, here.ranks); }));
}

/// Sorts numbers on all devices of this process together: every element is moved three times, whatever the number of
/// devices, and nothing is merged. Empty when there are few elements, when equal ones must keep their order and differ,
/// or when so many are equal that devices would get unequal parts.
template <bool Stable, class T, class Order>
array<T> sort_by_all(array<T> const& mine, index total, rank_context const& here) {
  using sorter = cpu::shared_sorter<T, cpu::key_codec<T, is_descending<Order>>>;
  using part = cpu::shared_sort_part<cpu::signed_of<sizeof(T)>>;
  if (total / static_cast<index>(here.ranks) < cpu::serial_below / 2) return {};
  array<T> result(here.where, mine.shape());
  auto const own = std::make_shared<part>(here.where, mine.extent(0));
  if (Stable) own->same = cpu::equal_is_same(here.where, mine.data(), mine.extent(0));
  sorter::take_sample(mine.data(), *own);
  struct offer {
    std::shared_ptr<part> const* mine;
  };
  auto const offers = here.gather(offer{&own});
  std::vector<std::shared_ptr<part>> kept;  // a rank that gives up leaves what the others read
  std::vector<part*> parts;
  bool same = true;
  for (std::size_t r = 0; r < here.ranks; ++r) {
    kept.push_back(*offers[r].mine);
    parts.push_back(kept[r].get());
    same = same && parts[r]->same;
  }
  sorter all(here.where, parts, here.rank);
  if (!same || !all.worthwhile()) {
    here.comm.barrier();  // before which nobody lets go of what was offered
    return {};
  }
  all.split(mine.data(), result.data());
  here.comm.barrier();
  bool const fits = all.fits();
  if (fits) all.sort_buckets();
  here.comm.barrier();
  if (!fits) return {};
  all.collect();
  return result;
}

template <bool Stable, class T, class Order>
array<T> sort_together(array<T> const& mine, index total, Order const& order, rank_context const& here) {
  if constexpr (cpu::sorts_shared<T, Order>)
    if (here.ranks > 1 && here.shares_memory)
      if (array<T> sorted = sort_by_all<Stable, T, Order>(mine, total, here); sorted.has_storage()) return sorted;
  array<T> keys = mine;
  if constexpr (Stable)
    stable_sort(keys, order);
  else
    sort(keys, order);
  if (here.ranks == 1) return keys;
  piece_exchange<compilation> const pieces = even_pieces(here, keys, total, order);
  comparison<T, Order> const before{order};
  if (here.shares_memory) return merge_shared(here, std::as_const(keys), pieces, before);
  array<T> got = pieces.run(keys);
  if (here.where.is_cpu()) return merge_runs(here.where, pieces.total(), pieces.runs(std::as_const(got)), before);
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
