// The order of values on CPU threads, as their places: keys and places are packed into one integer and sorted as such,
// which keeps equal keys in the order of their places. Other orders are merged.
#pragma once

#include "radix_sort.hpp"
#include "sort.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// A value as an unsigned key in the wanted order; equal values have equal keys, NaNs the largest.
template <class T, bool Descending>
[[gnu::always_inline]] inline std::uint64_t ordered_key(T value) {
  using codec = key_codec<T, Descending>;
  using key = typename codec::key;
  using unsigned_key = std::make_unsigned_t<key>;
  if constexpr (std::is_floating_point_v<T>) {
    if (value != value) return static_cast<unsigned_key>(-1);
    value += T(0);  // -0 becomes 0
  }
  key bits;
  __builtin_memcpy(&bits, &value, sizeof(T));
  return static_cast<unsigned_key>(static_cast<unsigned_key>(codec::encode(bits)) ^
                                   static_cast<unsigned_key>(std::numeric_limits<key>::min()));
}

/// The value that has this key, where equal values have equal bits.
template <class T, bool Descending>
[[gnu::always_inline]] inline T value_of_key(std::uint64_t ordered) {
  using codec = key_codec<T, Descending>;
  using key = typename codec::key;
  key const bits = codec::decode(static_cast<key>(static_cast<key>(ordered) ^ std::numeric_limits<key>::min()));
  T value;
  __builtin_memcpy(&value, &bits, sizeof(T));
  return value;
}

/// Sorts places by keys of up to 64 bits, most of which are packed with the place; what is left decides among those
/// that are equal so far.
template <class T, bool Descending>
class place_sorter {
  static constexpr std::uint64_t sign = std::uint64_t{1} << 63;

 public:
  /// At most 2^32 values.
  static void sort(device const& where, T const* values, index n, index* places) {
    if (n == 0) return;
    place_sorter const self(where, values, n, places);
    self.pack(where);
    parallel_sorter<plain_codec<index>>::sort(where, places, n);
    self.finish(where);
  }

 private:
  place_sorter(device const& where, T const* values, index n, index* places)
      : values_(values), places_(places), n_(n), place_bits_(bits_of(static_cast<std::uint64_t>(n - 1))) {
    if (sizeof(T) * 8 + static_cast<std::size_t>(place_bits_) <= 64) return;
    std::uint64_t most = 0;
    find_range(where, lowest_, most);
    dropped_ = std::max(0, bits_of(most - lowest_) + place_bits_ - 64);
  }
  std::uint64_t key(index i) const { return ordered_key<T, Descending>(values_[i]) - lowest_; }
  std::uint64_t place_mask() const { return (std::uint64_t{1} << place_bits_) - 1; }
  std::uint64_t packed(index i) const { return static_cast<std::uint64_t>(places_[i]) ^ sign; }

  void find_range(device const& where, std::uint64_t& least, std::uint64_t& most) const {
    index const pieces = n_ <= serial_below ? 1 : static_cast<index>(where.threads());
    std::vector<std::uint64_t> ends(static_cast<std::size_t>(2 * pieces));
    where.run(pieces, [&](index p) {
      std::uint64_t low = ~std::uint64_t{0}, high = 0;
      for (index i = n_ * p / pieces; i < n_ * (p + 1) / pieces; ++i) {
        std::uint64_t const k = ordered_key<T, Descending>(values_[i]);
        low = std::min(low, k), high = std::max(high, k);
      }
      ends[static_cast<std::size_t>(2 * p)] = low, ends[static_cast<std::size_t>(2 * p + 1)] = high;
    });
    least = ~std::uint64_t{0};
    for (std::size_t i = 0; i < ends.size(); i += 2)
      least = std::min(least, ends[i]), most = std::max(most, ends[i + 1]);
  }
  void pack(device const& where) const {
    parallel_ranges(where, n_, 4096, serial_below, [&](index begin, index end) {
      LOCKSTEP_INDEPENDENT
      for (index i = begin; i < end; ++i) {
        std::uint64_t const front = key(i) >> dropped_ << place_bits_;
        places_[i] = static_cast<index>((front | static_cast<std::uint64_t>(i)) ^ sign);
      }
    });
  }

  // Takes the places out; where key bits were dropped, sorts runs that are equal without them.
  void finish(device const& where) const {
    index const pieces = n_ <= serial_below ? 1 : static_cast<index>(where.threads()) * pieces_per_thread;
    std::vector<index> cuts(static_cast<std::size_t>(pieces + 1), n_);
    for (index p = 0; p < pieces; ++p) cuts[static_cast<std::size_t>(p)] = run_from(n_ * p / pieces);
    run_tasks(where, pieces, [&](index p) {
      index const begin = cuts[static_cast<std::size_t>(p)], end = cuts[static_cast<std::size_t>(p + 1)];
      for (index at = begin; dropped_ > 0 && at < end;) {
        index const first = at;
        while (++at < end && same_run(first, at)) {
        }
        if (at - first > 1) sort_run(first, at - first);
      }
      auto const mask = static_cast<index>(place_mask());
      for (index i = begin; i < end; ++i) places_[i] &= mask;
    });
  }
  bool same_run(index a, index b) const { return (packed(a) ^ packed(b)) >> place_bits_ == 0; }
  index run_from(index at) const {
    while (dropped_ > 0 && at > 0 && at < n_ && same_run(at - 1, at)) ++at;
    return at;
  }
  void sort_run(index first, index count) const {
    std::uint64_t const key_mask = (std::uint64_t{1} << dropped_) - 1;
    index* const run = places_ + first;
    for (index i = 0; i < count; ++i) {
      std::uint64_t const place = static_cast<std::uint64_t>(run[i]) & place_mask();
      std::uint64_t const rest = (key(static_cast<index>(place)) & key_mask) << place_bits_;
      run[i] = static_cast<index>((rest | place) ^ sign);
    }
    if (count <= 16)
      insertion_sort(run, count, less{});
    else
      vector_sorter<plain_codec<index>>::sort(run, count);
  }

  T const* const values_;
  index* const places_;
  index const n_;
  int const place_bits_;
  int dropped_ = 0;           // low bits of keys for which there is no room
  std::uint64_t lowest_ = 0;  // least key, where it had to be found
};

/// A value that takes its place along.
template <class T>
struct placed {
  T value;
  index place;
};

/// Writes the places of n values in their stable order.
template <class T, class Order>
void argsort_values(device const& where, T const* values, index n, Order const& order, index* places) {
  comparison<T, Order> const before{order};
  if constexpr (natural_order<T, Order>)
    if (n <= index{1} << 32) return place_sorter<T, is_descending<Order>>::sort(where, values, n, places);
  if constexpr (sizeof(T) <= 16) {
    scratch<placed<T>> pairs(where, n);
    placed<T>* const data = pairs.data();
    parallel_ranges(where, n, 4096, serial_below, [&](index begin, index end) {
      for (index i = begin; i < end; ++i) data[i].value = values[i], data[i].place = i;
    });
    stable_sort(where, data, n, [&](placed<T> const& a, placed<T> const& b) { return before(a.value, b.value); });
    parallel_ranges(where, n, 4096, serial_below, [&](index begin, index end) {
      for (index i = begin; i < end; ++i) places[i] = data[i].place;
    });
  } else {
    parallel_ranges(where, n, 4096, serial_below, [&](index begin, index end) {
      for (index i = begin; i < end; ++i) places[i] = i;
    });
    stable_sort(where, places, n, [&](index a, index b) { return before(values[a], values[b]); });
  }
}

/// to[i] = from[places[i]], for n values.
template <class T>
void gather_values(device const& where, T const* from, index n, index const* places, T* to) {
  parallel_ranges(where, n, 4096, serial_below, [&](index begin, index end) {
    for (index i = begin; i < end; ++i) std::memcpy(static_cast<void*>(to + i), from + places[i], sizeof(T));
  });
}

/// values[i] = values[places[i]], for n values.
template <class T>
void reorder(device const& where, T* values, index n, index const* places) {
  scratch<T> before(where, n);
  T* const from = before.data();
  parallel_ranges(where, n, 4096, serial_below,
                  [&](index begin, index end) { copy_values(from + begin, values + begin, end - begin); });
  gather_values(where, from, n, places, values);
}

/// Sorts n keys stably, and values with them.
template <class T, class V, class Order>
void sort_by_key_values(device const& where, T* keys, V* values, index n, Order const& order) {
  if constexpr (natural_order<T, Order> && sizeof(T) <= 4) {
    constexpr bool descending = is_descending<Order>;
    if (n < index{1} << 32 && equal_is_same(where, keys, n)) {
      auto const key = [=](index i) { return static_cast<std::uint32_t>(ordered_key<T, descending>(keys[i])); };
      if constexpr (sizeof(V) <= 4) {
        auto const bits_of_value = [=](index i) {
          std::uint32_t bits = 0;
          __builtin_memcpy(&bits, values + i, sizeof(V));
          return bits;
        };
        radix_sort(where, n, key, bits_of_value, [=](index i, std::uint32_t k, std::uint32_t bits) {
          keys[i] = value_of_key<T, descending>(k);
          __builtin_memcpy(static_cast<void*>(values + i), &bits, sizeof(V));
        });
      } else {
        scratch<index> space(where, n);
        index* const places = space.data();
        radix_sort(
            where, n, key, [](index i) { return static_cast<std::uint32_t>(i); },
            [=](index i, std::uint32_t k, std::uint32_t place) {
              keys[i] = value_of_key<T, descending>(k);
              places[i] = place;
            });
        reorder(where, values, n, places);
      }
      return;
    }
  }
  scratch<index> places(where, n);
  argsort_values(where, keys, n, order, places.data());
  reorder(where, keys, n, places.data());
  reorder(where, values, n, places.data());
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
