// The k first of many values on CPU threads: values that are not better than the k-th best so far are passed over, a
// block at a time, at the speed of memory.
#pragma once

#include <atomic>

#include "../../core/owned_array.hpp"
#include "argsort.hpp"
#include "flags.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// The k best values seen so far, and some more that wait to be sorted out. Of equal values the one at the smaller
/// place is better.
template <class T, class Less>
class best_values {
 public:
  best_values(index k, Less const& before)
      : k_(k), before_(before), room_(2 * k + 64), found_(new placed<T>[static_cast<std::size_t>(room_ + block)]) {}

  /// Values of places [place, place + count), in ascending order of places from call to call.
  void add(T const* values, index place, index count) {
    index at = 0;
    for (; at < count && !full_; ++at) add_one(values[at], place + at);
    for (; at + many <= count; at += many)  // mostly none of many is better
      if (any_better(values + at))
        for (index i = at; i < at + many; i += block) add_better(values + i, place + i);
    for (; at + block <= count; at += block) add_better(values + at, place + at);
    for (T const worst = worst_; at < count; ++at)
      if (before_(values[at], worst)) add_one(values[at], place + at);
  }
  void add_one(T const& value, index place) {
    found_[count_++] = {value, place};
    if (count_ == room_ || (!full_ && count_ == k_)) keep_best();
  }
  /// The best, in order: count() of them.
  placed<T> const* finish() {
    if (count_ > k_) keep_best();
    std::sort(found_.get(), found_.get() + count_, better());
    return found_.get();
  }
  index count() const { return count_; }
  placed<T> const& at(index i) const { return found_[i]; }

 private:
  static constexpr index block = flags_per_word, many = 8 * block;
  template <class Order>
  static constexpr bool is_order = std::is_same_v<Less, comparison<T, Order>>;
  static constexpr bool compares_vectors =
      std::is_arithmetic_v<T> && (sizeof(T) == 4 || sizeof(T) == 8) && (is_order<less> || is_order<greater>);

  LOCKSTEP_WIDE [[gnu::noinline]] bool any_better(T const* values) const {
    T const worst = worst_;
    int any = 0;
    if constexpr (requires { before_.order; } && std::is_floating_point_v<T>) {
      if (worst != worst) return true;
      for (index i = 0; i < many; ++i) any |= before_.order(values[i], worst) ? 1 : 0;  // a NaN is not better
    } else {
      for (index i = 0; i < many; ++i) any |= before_(values[i], worst) ? 1 : 0;
    }
    return any != 0;
  }
  // Which values of the block are better cannot be foreseen: no branch asks it of each.
  [[gnu::always_inline]] void add_better(T const* values, index place) {
    for (std::uint64_t left = better_ones(values); left != 0; left &= left - 1) {
      index const i = __builtin_ctzll(left);
      found_[count_++] = {values[i], place + i};
    }
    if (count_ >= room_) keep_best();
  }
  [[gnu::always_inline]] std::uint64_t better_ones(T const* values) const {
    T const worst = worst_;
#if LOCKSTEP_WIDE_VECTORS
    if constexpr (compares_vectors)
      if (worst == worst) {  // a NaN is not better
        using wide = wide_vector<T>;
        constexpr auto how = is_order<greater> ? wide::comparison::greater : wide::comparison::less;
        std::uint64_t word = 0;
        LOCKSTEP_UNROLL
        for (int i = 0; i < static_cast<int>(block); i += wide::width) {
          typename wide::vector v;
          __builtin_memcpy(&v, values + i, sizeof(v));
          word |= std::uint64_t{as_flags(wide::template compare<how>(v, worst - typename wide::vector{}))} << i;
        }
        return word;
      }
#elif defined(__AVX2__) && !defined(__CUDACC__)
    if constexpr (compares_vectors)
      if (worst == worst) {  // a NaN is not better
        using mask = sign_mask<sizeof(T)>;
        typedef T vector __attribute__((vector_size(32)));
        vector const last = worst - vector{};
        std::uint64_t word = 0;
        LOCKSTEP_UNROLL
        for (index i = 0; i < block; i += static_cast<index>(sizeof(vector) / sizeof(T))) {
          vector v;
          __builtin_memcpy(&v, values + i, sizeof(v));
          word |= std::uint64_t{mask::of((typename mask::vector)(is_order<greater> ? v > last : v < last))} << i;
        }
        return word;
      }
#endif
    alignas(32) bool flags[block];
    for (index i = 0; i < block; ++i) flags[i] = before_(values[i], worst);
    return pack_word(flags);
  }
  auto better() const {
    return [this](placed<T> const& a, placed<T> const& b) {
      return before_(a.value, b.value) || (!before_(b.value, a.value) && a.place < b.place);
    };
  }
  void keep_best() {
    std::nth_element(found_.get(), found_.get() + (k_ - 1), found_.get() + count_, better());
    worst_ = found_[k_ - 1].value;
    count_ = k_;
    full_ = true;
  }

  index const k_;
  Less const& before_;
  index const room_;
  owned_array<placed<T>> found_;
  index count_ = 0;
  bool full_ = false;
  T worst_{};
};

/// Writes the first k <= n of the values that a reader gives in the order of `before`, and their places.
template <class T, class Less, class Reader>
void first_k(device const& where, Reader const& from, index n, index k, Less const& before, T* values, index* places) {
  if (k == 0) return;
  // Threads take pieces in order until none is left: each passes over what is not better than all that it has seen.
  index const threads = n <= serial_below ? 1 : static_cast<index>(where.threads());
  index const piece = threads == 1 ? n : serial_below;
  owned_array<std::unique_ptr<best_values<T, Less>>> best(new std::unique_ptr<best_values<T, Less>>[threads]);
  std::atomic<index> next{0};
  run_tasks(where, threads, [&](index thread) {
    auto& own = best[thread];
    for (index begin; (begin = next.fetch_add(piece, std::memory_order_relaxed)) < n;) {
      if (!own) own.reset(new best_values<T, Less>(k, before));
      from(begin, std::min(n, begin + piece),
           [&](T const* some, index place, index count) { own->add(some, place, count); });
    }
    if (own) own->finish();
  });
  best_values<T, Less> all(k, before);
  for (index t = 0; t < threads; ++t)
    for (index i = 0; best[t] && i < best[t]->count(); ++i) all.add_one(best[t]->at(i).value, best[t]->at(i).place);
  placed<T> const* const found = all.finish();
  for (index i = 0; i < k; ++i) values[i] = found[i].value, places[i] = found[i].place;
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
