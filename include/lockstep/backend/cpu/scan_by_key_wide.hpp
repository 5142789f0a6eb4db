// Scans that begin anew at marked elements, in vector registers of 64 bytes.
#pragma once

#include "scan_by_key_registers.hpp"
#include "scan_wide.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

#if LOCKSTEP_WIDE_VECTORS
/// As keyed_register_scan: what a lane may take is a bit of a mask, all of which are made in general registers.
template <class T, class Op>
struct keyed_wide_scan : wide_scan<T, Op> {
  using base = wide_scan<T, Op>;
  using base::width, base::part;
  using typename base::vector;
  using lane_mask = typename base::mask;
  static constexpr T identity = base::operation::identity;
  /// -1 (all bits) where the scan begins anew, otherwise 0.
  using mark = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  template <class Key>
  static constexpr bool compares = false;  ///< marks are stored

  /// out[i] = what was combined since the last mark up to in[i], after `running` where there is none; `in` may be
  /// `out`. When exclusive: initial op that up to in[i - 1]. Returns what was combined since the last mark.
  /// PastCaches needs `out` to be aligned to 64 bytes.
  template <bool Inclusive, bool PastCaches>
  static T scan(T const* in, mark const* marks, T* out, index count, T running, T initial) {
    vector carry = base::all_lanes(running);
    vector const initials = base::all_lanes(Inclusive ? identity : initial);
    index i = 0;
    for (; i + width <= count; i += width) {
      fetch<2, sizeof(vector)>(reinterpret_cast<std::uintptr_t>(in + i) + fetch_ahead_bytes);
      vector v;
      __builtin_memcpy(&v, in + i, sizeof(v));
      v = step<Inclusive>(v, heads(marks + i, lane_mask(-1)), carry, initials);
      base::template store<PastCaches>(out + i, v);
    }
    if (i < count) {
      lane_mask const which = base::lanes_of(count - i);
      vector const v = base::wide::load(in + i, base::identities(), which);
      base::wide::store(out + i, step<Inclusive>(v, heads(marks + i, which), carry, initials), which);
    }
    return carry[0];
  }

 private:
  static unsigned heads(mark const* marks, lane_mask which) {
    using words = wide_vector<mark>;
    auto const found = words::load(marks, typename words::vector{}, which);
    if constexpr (sizeof(T) == 4)
      return static_cast<lane_mask>(__builtin_ia32_cvtd2mask512((typename words::halves)found));
    else
      return static_cast<lane_mask>(__builtin_ia32_cvtq2mask512((typename words::words)found));
  }
  /// Lanes whose number within a stretch of `of` lanes is at least `least`.
  static constexpr unsigned lanes_from(int least, int of) {
    unsigned lanes = 0;
    for (int l = 0; l < width; ++l)
      if (l % of >= least) lanes |= 1u << l;
    return lanes;
  }
  /// `taken` op v in lanes without a bit in `stop`.
  [[gnu::always_inline]] static vector unless(unsigned stop, vector taken, vector v) {
    return select(stop, v, base::operation::combine(taken, v));
  }
  [[gnu::always_inline]] static vector select(unsigned which, vector v, vector others) {
    using floats = typename base::wide::floats;
    using doubles = typename base::wide::doubles;
#if defined(__clang__)
    if constexpr (sizeof(T) == 4)
      return (vector)__builtin_ia32_selectps_512(static_cast<lane_mask>(which), (floats)v, (floats)others);
    else
      return (vector)__builtin_ia32_selectpd_512(static_cast<lane_mask>(which), (doubles)v, (doubles)others);
#else
    if constexpr (sizeof(T) == 4)
      return (vector)__builtin_ia32_blendmps_512_mask((floats)others, (floats)v, static_cast<lane_mask>(which));
    else
      return (vector)__builtin_ia32_blendmpd_512_mask((doubles)others, (doubles)v, static_cast<lane_mask>(which));
#endif
  }
  /// Scans one vector, and what comes before it.
  template <bool Inclusive>
  [[gnu::always_inline]] static vector step(vector v, unsigned heads, vector& carry, vector initials) {
    unsigned since = heads;
    v = unless(since, base::template shift<1>(v), v);
    since |= (since << 1) & lanes_from(1, part);
    if constexpr (part > 2) {
      v = unless(since, base::template shift<2>(v), v);
      since |= (since << 2) & lanes_from(2, part);
    }
    v = unless(since, base::template pick<typename base::template from_stretch_before<part>>(v), v);
    since |= spread_last<part>(since);
    v = unless(since, base::template pick<typename base::template from_stretch_before<2 * part>>(v), v);
    since |= spread_last<2 * part>(since);
    vector const total = base::template pick<typename base::from_last>(v), before = carry;
    unsigned const stop = since >> (width - 1) & 1 ? ~0u : 0u;
    v = unless(since, before, v);
    carry = unless(stop, before, total);
    if constexpr (Inclusive) return v;
    vector const moved = select(1, before, base::template pick<typename base::from_before>(v));
    return base::operation::combine(initials, select(heads, base::identities(), moved));
  }
  /// The bit of the last lane before each second stretch of `Length` lanes, in all lanes of that.
  template <int Length>
  static unsigned spread_last(unsigned bits) {
    constexpr unsigned last = lanes_from(Length - 1, 2 * Length) & ~lanes_from(Length, 2 * Length);
    return (bits & last) * ((2u << Length) - 2);
  }
};
template <class T, class Op>
using keyed_block_scan = keyed_wide_scan<T, Op>;
#else
template <class T, class Op>
using keyed_block_scan = keyed_register_scan<T, Op>;
#endif

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
