// The k first of many values on CPU threads, nearly at the speed of reading them, and the value in the middle.
#pragma once

#include <atomic>
#include <cmath>
#include <optional>

#include "best_values.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// A bar that at least k of n values are better than and not many more, so that most values need no look at their
/// places: the k-th best of the best of each block is nearly it.
template <class T, class Less>
class block_bar {
 public:
  static constexpr bool possible =
#if defined(__AVX2__) && !defined(__CUDACC__)
      compares_numbers<T, Less> && (sizeof(T) == 4 || sizeof(T) == 8);
#else
      false;
#endif

  /// How many values a block has; 0 where finding the bar does not pay.
  static index block_of(index n, index k) {
    if (!possible || n / 3 / shortest < k) return 0;
    return std::clamp(n / (16 * k) / shortest * shortest, shortest, index{16} * shortest);
  }

  template <class Reader>
  block_bar(device const& where, Reader const& from, index n, index k, index block)
      : block_(block), n_(n), blocks_((n + block - 1) / block), best_(where, blocks_), values_(best_.data()) {
    parallel_ranges(where, blocks_, index{1}, std::max(index{1}, serial_below / block), [&](index first, index last) {
      for (index b = first; b < last; ++b) {
        T best = worst;
        from(b * block_, std::min(n_, (b + 1) * block_),
             [&](T const* values, index, index count) { best = best_of(values, count, best); });
        values_[b] = best;
      }
    });
    scratch<key> keys(where, blocks_);
    for (index b = 0; b < blocks_; ++b) std::memcpy(&keys.data()[b], &values_[b], sizeof(T));
    for (index b = 0; b < blocks_; ++b) keys.data()[b] = codec::encode(keys.data()[b]);
    key const bits = codec::decode(select_key(keys.data(), blocks_, k - 1));
    std::memcpy(&value_, &bits, sizeof(T));
  }

  /// False where fewer than k blocks have a value that is better than the worst there is.
  bool found() const { return value_ != worst; }
  /// The bar: the k-th best is better than it.
  T value() const {
    if constexpr (std::is_integral_v<T>)
      return static_cast<T>(descending ? value_ - 1 : value_ + 1);
    else {
      constexpr T least = std::numeric_limits<T>::min();  // numbers below it may be taken for 0
      T const next = std::nextafter(value_, worst);
      if (descending) return next >= least || next <= -least ? next : -least;
      return next >= least || next <= -least ? next : least;
    }
  }
  index blocks() const { return blocks_; }
  /// Calls f(begin, end) for those of blocks [first, last) that have a value better than the bar.
  template <class F>
  void for_good_blocks(index first, index last, F const& f) const {
    T const bar = value(), *const best = values_;
    for (index b = first; b < last; ++b)
      if (descending ? best[b] > bar : best[b] < bar) f(b * block_, std::min(n_, (b + 1) * block_));
  }

 private:
  using codec = key_codec<T, compares_by<Less, greater>>;
  using key = typename codec::key;
  using limits = std::numeric_limits<T>;
  static constexpr bool descending = compares_by<Less, greater>;
  static constexpr index shortest = 256;
  static constexpr T worst = descending ? (limits::has_infinity ? -limits::infinity() : limits::lowest())
                                        : (limits::has_infinity ? limits::infinity() : limits::max());

  static T best_of(T const* values, index count, T best) {
    constexpr index width = 32 / static_cast<index>(sizeof(T)), many = 4 * width;
    typedef T vector __attribute__((vector_size(32)));
    vector v, most[4];
    for (vector& each : most) each = best - vector{};
    index at = 0;
    for (; at + many <= count; at += many) LOCKSTEP_UNROLL
    for (index i = 0; i < 4; ++i) {
      std::memcpy(&v, values + at + i * width, sizeof(v));
      most[i] = better(v, most[i]);  // a NaN is not
    }
    most[0] = better(better(most[0], most[1]), better(most[2], most[3]));
    for (index i = 0; i < width; ++i) best = better(most[0][i], best);
    for (; at < count; ++at) best = better(values[at], best);
    return best;
  }
  template <class V>
  [[gnu::always_inline]] static V better(V a, V b) {
    if constexpr (descending)
      return a > b ? a : b;
    else
      return a < b ? a : b;
  }

  index block_, n_, blocks_;
  scratch<T> best_;
  T* values_;  // of best_
  T value_;
};

/// Writes the first k <= n of the values that a reader gives in the order of `before`, and their places.
template <class Entries, class T, class Less, class Reader>
void first_k_with(device const& where, Reader const& from, index n, index k, Less const& before, T* values,
                  index* places) {
  using best_k = best_values<T, Less, Entries>;
  using bar_of = block_bar<T, Less>;
  std::optional<bar_of> bar;
  if constexpr (bar_of::possible)
    if (index const block = bar_of::block_of(n, k); block != 0) {
      bar.emplace(where, from, n, k, block);
      if (!bar->found()) bar.reset();
    }
  // Threads take pieces in order until none is left: each passes over what is not better than all that it has seen.
  index const threads = n <= serial_below ? 1 : static_cast<index>(where.threads());
  index const total = bar ? bar->blocks() : n, piece = threads == 1 ? total : bar ? 64 : serial_below;
  owned_array<std::unique_ptr<best_k>> best(new std::unique_ptr<best_k>[threads]);
  std::atomic<index> next{0};
  run_tasks(where, threads, [&](index thread) {
    auto& own = best[thread];
    for (index begin; (begin = next.fetch_add(piece, std::memory_order_relaxed)) < total;) {
      index const end = std::min(total, begin + piece);
      if (!own) own.reset(bar ? new best_k(k, before, bar->value()) : new best_k(k, before));
      auto const read = [&](index first, index last) {
        from(first, last, [&](T const* some, index place, index count) { own->add(some, place, count); });
      };
      if (bar)
        bar->for_good_blocks(begin, end, read);
      else
        read(begin, end);
    }
    if (own) own->finish();
  });
  best_k all(k, before);
  for (index t = 0; t < threads; ++t)
    for (index i = 0; best[t] && i < best[t]->count(); ++i) all.add_entry(best[t]->at(i));
  auto const* const found = all.finish();
  for (index i = 0; i < k; ++i) values[i] = Entries::value(found[i]), places[i] = Entries::place(found[i]);
}

/// The same, in the quickest way.
template <class T, class Less, class Reader>
void first_k(device const& where, Reader const& from, index n, index k, Less const& before, T* values, index* places) {
  if (k == 0) return;
  if constexpr (compares_numbers<T, Less> && sizeof(T) <= 4) {
    using packed = packed_with_places<T, Less>;
    if (n <= packed::most) {
      first_k_with<packed>(where, from, n, k, before, values, places);
      if constexpr (std::is_floating_point_v<T>)
        for (index i = 0; i < k; ++i)  // what has several bit patterns
          if (values[i] == 0 || values[i] != values[i])
            from(places[i], places[i] + 1, [&](T const* value, index, index) { values[i] = *value; });
      return;
    }
  }
  first_k_with<values_with_places<T, Less>>(where, from, n, k, before, values, places);
}

/// The same of values in a row. Where k is a large part of n, all are sorted.
template <class T, class Order>
void first_k_of_row(device const& where, T const* row, index n, index k, Order const& order, T* values, index* places) {
  if (k > n / 16 && n > 256) {
    scratch<index> all(where, n);
    argsort_values(where, row, n, order, all.data());
    for (index i = 0; i < k; ++i) values[i] = row[all.data()[i]], places[i] = all.data()[i];
    return;
  }
  comparison<T, Order> const before{order};
  first_k(
      where, [&](index begin, index end, auto&& take) { take(row + begin, begin, end - begin); }, n, k, before, values,
      places);
}

/// The same of what an evaluator of one axis gives, without storing it.
template <class T, class Order, class Evaluator>
void first_k_of(device const& where, Evaluator const& evaluator, shape<1> const& extents, index k, Order const& order,
                T* values, index* places) {
  reader<Evaluator, 1> const from(evaluator, extents);
  if constexpr (std::is_same_v<decltype(from.fast_row()), pointer_row<T>>)
    if (from.one_fast_row()) return first_k_of_row(where, from.fast_row().data, extents[0], k, order, values, places);
  comparison<T, Order> const before{order};
  auto const blocks = [&](index begin, index end, auto&& take) {
    local_values<T, buffer_length> buffer;
    for (index at = begin; at < end; at += buffer_length) {
      index const stop = std::min(end, at + buffer_length);
      from.read(at, stop, buffer.data());
      take(buffer.data(), at, stop - at);
    }
  };
  first_k(where, blocks, extents[0], k, before, values, places);
}

/// The value at place k of n in natural order, NaNs last, and the next one (the same at the end). Reorders the values.
template <class T>
std::pair<T, T> select_two(T* values, index n, index k) {
  using codec = key_codec<T, false>;
  using K = typename codec::key;
  if constexpr (std::is_floating_point_v<T>)
    for (index i = 0; i < n; ++i) values[i] = values[i] != values[i] ? std::numeric_limits<T>::quiet_NaN() : values[i];
  auto* const keys = seen_as<K>(values);
  for (index i = 0; i < n; ++i) keys[i] = codec::encode(keys[i]);
  K found, next;
  if constexpr (sizeof(T) >= 4) {
    found = select_key(keys, n, k);
  } else {
    std::nth_element(keys, keys + k, keys + n);
    found = keys[k];
  }
  next = found;
  if (k + 1 < n) next = *std::min_element(keys + k + 1, keys + n);
  found = codec::decode(found), next = codec::decode(next);
  std::pair<T, T> both;
  std::memcpy(&both.first, &found, sizeof(T));
  std::memcpy(&both.second, &next, sizeof(T));
  return both;
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
