// The k best of values that come piece by piece: those that are not better than the k-th best so far are passed over, a
// block at a time.
#pragma once

#include "../../core/owned_array.hpp"
#include "argsort.hpp"
#include "flags.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

template <class Less, class Order>
inline constexpr bool compares_by = false;
template <class T, class Order>
inline constexpr bool compares_by<comparison<T, Order>, Order> = true;
/// Whether Less is the natural order of numbers T.
template <class T, class Less>
inline constexpr bool compares_numbers = std::is_arithmetic_v<T> &&
                                         (compares_by<Less, less> || compares_by<Less, greater>);

/// Values with their places, of equal values the one at the smaller place first.
template <class T, class Less>
struct values_with_places {
  using entry = placed<T>;
  static constexpr index most = PTRDIFF_MAX;  ///< values
  Less const& before;

  static entry make(T const& value, index place) { return {value, place}; }
  static T const& value(entry const& e) { return e.value; }
  static index place(entry const& e) { return e.place; }
  /// Brings the first k to the front, the last of them to its place.
  void select(entry* entries, index n, index k) const {
    std::nth_element(entries, entries + (k - 1), entries + n, order());
  }
  void sort(entry* entries, index n) const { std::sort(entries, entries + n, order()); }

 private:
  auto order() const {
    return [this](entry const& a, entry const& b) {
      return before(a.value, b.value) || (!before(b.value, a.value) && a.place < b.place);
    };
  }
};

/// The same where one integer holds both, and is sorted in vectors. Zeros lose their sign, NaNs their bits.
template <class T, class Less>
struct packed_with_places {
  using entry = index;
  static constexpr index most = index{1} << 32;
  Less const& before;  // not needed: keys are in its order

  static entry make(T const& value, index place) {
    return static_cast<entry>((ordered_key<T, descending>(value) << 32 | static_cast<std::uint64_t>(place)) ^ sign);
  }
  static T value(entry e) { return value_of_key<T, descending>((static_cast<std::uint64_t>(e) ^ sign) >> 32); }
  static index place(entry e) { return static_cast<std::uint32_t>(e); }
  void select(entry* entries, index n, index k) const {
    if (n <= 512)
      std::nth_element(entries, entries + (k - 1), entries + n);
    else
      select_key(entries, n, k - 1);
  }
  void sort(entry* entries, index n) const { vector_sorter<plain_codec<entry>>::sort(entries, n); }

 private:
  static constexpr bool descending = compares_by<Less, greater>;
  static constexpr std::uint64_t sign = std::uint64_t{1} << 63;
};

/// The k best values seen so far, and some more that wait to be sorted out. Of equal values the one at the smaller
/// place is better. Entries is one of the two above.
template <class T, class Less, class Entries>
class best_values {
  using entry = typename Entries::entry;

 public:
  best_values(index k, Less const& before)
      : k_(k),
        before_(before),
        entries_{before},
        room_(2 * k + 64),
        found_(new entry[static_cast<std::size_t>(room_ + block)]) {}
  /// Takes only values that are better than `bar`; at least k of what comes must be.
  best_values(index k, Less const& before, T const& bar) : best_values(k, before) {
    worst_ = bar;
    full_ = true;
  }

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
  void add_one(T const& value, index place) { add_entry(Entries::make(value, place)); }
  void add_entry(entry const& one) {
    found_[count_++] = one;
    if (count_ == room_ || (!full_ && count_ == k_)) keep_best();
  }
  /// The best, in order: count() of them.
  entry const* finish() {
    if (count_ > k_) keep_best();
    entries_.sort(found_.get(), count_);
    return found_.get();
  }
  index count() const { return count_; }
  entry const& at(index i) const { return found_[i]; }

 private:
  static constexpr index block = flags_per_word, many = 8 * block;
  static constexpr bool compares_vectors = compares_numbers<T, Less> && (sizeof(T) == 4 || sizeof(T) == 8);

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
      found_[count_++] = Entries::make(values[i], place + i);
    }
    if (count_ >= room_) keep_best();
  }
  [[gnu::always_inline]] std::uint64_t better_ones(T const* values) const {
    T const worst = worst_;
#if LOCKSTEP_WIDE_VECTORS
    if constexpr (compares_vectors)
      if (worst == worst) {  // a NaN is not better
        using wide = wide_vector<T>;
        constexpr auto how = compares_by<Less, greater> ? wide::comparison::greater : wide::comparison::less;
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
          word |= std::uint64_t{mask::of((typename mask::vector)(compares_by<Less, greater> ? v > last : v < last))}
                  << i;
        }
        return word;
      }
#endif
    alignas(32) bool flags[block];
    for (index i = 0; i < block; ++i) flags[i] = before_(values[i], worst);
    return pack_word(flags);
  }
  void keep_best() {
    entries_.select(found_.get(), count_, k_);
    worst_ = Entries::value(found_[k_ - 1]);
    count_ = k_;
    full_ = true;
  }

  index const k_;
  Less const& before_;
  Entries const entries_;
  index const room_;
  owned_array<entry> found_;
  index count_ = 0;
  bool full_ = false;
  T worst_{};
};

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
