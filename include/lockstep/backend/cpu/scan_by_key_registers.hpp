// Scans that begin anew at marked elements, in vector registers.
#pragma once

#include "scan_registers.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// Marks where a key differs from the one before it in memory: compared where they are needed, not stored.
template <class Key>
struct key_changes {
  Key const* keys;

  bool operator[](index i) const { return !(keys[i - 1] == keys[i]); }
  friend key_changes operator+(key_changes changes, index i) { return {changes.keys + i}; }
};

template <class T, class Op, class Lanes = std::make_index_sequence<vector_bytes / sizeof(T)>>
struct keyed_register_scan;

/// Every step of the scan within a vector takes a lane only where no mark lies between, so that it costs the same
/// however long the runs are.
template <class T, class Op, std::size_t... L>
struct keyed_register_scan<T, Op, std::index_sequence<L...>> : register_scan<T, Op, false, std::index_sequence<L...>> {
  using base = register_scan<T, Op, false, std::index_sequence<L...>>;
  using base::width, base::part, base::two_parts, base::group, base::combine, base::all_last, base::low_total;
  static constexpr T identity = base::operation::identity;
  using typename base::vector;
  /// -1 (all bits) where the scan begins anew, otherwise 0.
  using mark = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  typedef mark bits __attribute__((vector_size(vector_bytes)));
  /// Whether marks may also be key_changes.
  template <class Key>
  static constexpr bool compares =
#if defined(__CUDACC__)
      false;  // nvcc's front end ends where two vectors are compared
#else
      std::is_arithmetic_v<Key> && sizeof(Key) == sizeof(mark);
#endif

  /// out[i] = what was combined since the last mark up to in[i], after `running` where there is none; `in` may be
  /// `out`. When exclusive: initial op that up to in[i - 1]. Returns what was combined since the last mark. PastCaches
  /// needs `out` to be aligned to 32 bytes.
  template <bool Inclusive, bool PastCaches, class Marks>
  static T scan(T const* in, Marks marks, T* out, index count, T running, T initial) {
    vector carry = base::all_lanes(running);
    vector const initials = base::all_lanes(Inclusive ? identity : initial);
    index i = 0;
    for (; i + group <= count; i += group) {
      fetch<2, group * sizeof(T)>(reinterpret_cast<std::uintptr_t>(in + i) + fetch_ahead_bytes);
      if (!any(marks + i)) {
        typename base::scanned const now(in + i);
        now.template write<Inclusive, PastCaches>(out + i, carry, initials);
        carry = combine(carry, now.sum);
      } else {
        for (index k = i; k < i + group; k += width)
          carry = step<Inclusive, PastCaches>(in + k, marks + k, out + k, carry, initials);
      }
    }
    for (; i + width <= count; i += width)
      carry = step<Inclusive, PastCaches>(in + i, marks + i, out + i, carry, initials);
    T sum = carry[0];
    for (; i < count; ++i) {
      T const before = marks[i] ? identity : sum;
      sum = combine(before, in[i]);
      out[i] = Inclusive ? sum : combine(initial, before);
    }
    return sum;
  }

 private:
  /// One vector; returns the carry for the next.
  template <bool Inclusive, bool PastCaches, class Marks>
  [[gnu::always_inline]] static vector step(T const* in, Marks marks, T* out, vector carry, vector initials) {
    vector const here = same_bits<vector>(load_marks(marks));
    vector v = base::load(in), since = here;
    take_lanes_before(v, since);
    vector const total = all_last(v), stop = all_last(since);
    v = combine(unless(since, carry), v);
    base::template store<PastCaches>(out, Inclusive ? v : combine(initials, unless(here, moved_in(v, carry))));
    return combine(unless(stop, carry), total);
  }
  [[gnu::always_inline]] static bits load_marks(mark const* marks) {
    bits all;
    __builtin_memcpy(&all, marks, sizeof(all));
    return all;
  }
  template <class Key>
  [[gnu::always_inline]] static bits load_marks(key_changes<Key> changes) {
    return ~same_as_before(changes);
  }
  template <class Key>
  [[gnu::always_inline]] static bits same_as_before(key_changes<Key> changes) {
    typedef Key several __attribute__((vector_size(vector_bytes)));
    several before, here;
    __builtin_memcpy(&before, changes.keys - 1, sizeof(before));
    __builtin_memcpy(&here, changes.keys, sizeof(here));
    return same_bits<bits>(before == here);
  }
  /// Whether one of a group is marked.
  [[gnu::always_inline]] static bool any(mark const* marks) {
    bits found = {};
    for (int k = 0; k < part; ++k) found |= load_marks(marks + k * width);
    return lanes_of(found) != 0;
  }
  template <class Key>
  [[gnu::always_inline]] static bool any(key_changes<Key> changes) {
    bits same = ~bits{};
    for (int k = 0; k < part; ++k) same &= same_as_before(changes + k * width);
    return lanes_of(same) != (1u << width) - 1;
  }
  /// A bit for each lane whose bits are set.
  [[gnu::always_inline]] static unsigned lanes_of(bits which) {
#if defined(__AVX2__) && !defined(__CUDACC__)
    typedef float floats __attribute__((vector_size(32)));
    typedef double doubles __attribute__((vector_size(32)));
    if constexpr (sizeof(T) == 4)
      return static_cast<unsigned>(__builtin_ia32_movmskps256((floats)which));
    else
      return static_cast<unsigned>(__builtin_ia32_movmskpd256((doubles)which));
#else
    unsigned lanes = 0;
    for (int l = 0; l < width; ++l) lanes |= (which[l] & 1) << l;
    return lanes;
#endif
  }
  /// The same bits as another vector (memcpy: nvcc's front end refuses the cast).
  template <class To, class From>
  [[gnu::always_inline]] static To same_bits(From const& from) {
    To to;
    __builtin_memcpy(&to, &from, sizeof(to));
    return to;
  }
  /// v, or what changes nothing in lanes whose bits are set in `stop`.
  static vector unless(vector stop, vector v) {
    bits const kept = ~same_bits<bits>(stop) & same_bits<bits>(v);
    if constexpr (identity == T(0))
      return same_bits<vector>(kept);
    else
      return same_bits<vector>(kept | (same_bits<bits>(stop) & same_bits<bits>(base::identities())));
  }
  static vector either(vector a, vector b) { return same_bits<vector>(same_bits<bits>(a) | same_bits<bits>(b)); }
  /// v moved up by one lane; the carry comes in.
  static vector moved_in(vector v, vector carry) {
    return base::template pick<(int(L) == 0 ? width : int(L) - 1)...>(v, carry);
  }
  [[gnu::always_inline]] static void take_lanes_before(vector& v, vector& since) {
    v = combine(unless(since, base::template shift<1>(v)), v);
    since = either(since, base::template shift_zeros<1>(since));
    if constexpr (part > 2) {
      v = combine(unless(since, base::template shift<2>(v)), v);
      since = either(since, base::template shift_zeros<2>(since));
    }
    if constexpr (two_parts) {
      v = combine(unless(since, low_total(v, base::identities())), v);
      since = either(since, low_total(since, vector{}));
    }
  }
};

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
