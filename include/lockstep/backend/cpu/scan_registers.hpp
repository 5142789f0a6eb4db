// Combinations and scans of one block in vector registers.
#pragma once

#include <utility>

#include "scan_ahead.hpp"
#include "scan_operation.hpp"
#include "stream.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

template <class T, class Op, bool Backward = false, class Lanes = std::make_index_sequence<vector_bytes / sizeof(T)>>
struct register_scan;

/// Values are scanned in groups of one vector per lane of a part, a part being 16 bytes, within which shuffles are
/// cheap: each part on its own, then the totals of all parts of the group, which lie in one vector, then both are
/// combined. Backward, element 0 is the last one in memory; T is a scan_number.
template <class T, class Op, bool Backward, std::size_t... L>
struct register_scan<T, Op, Backward, std::index_sequence<L...>> {
  using operation = scan_operation<Op, T>;
  static constexpr int width = sizeof...(L);
  static constexpr int part = 16 / sizeof(T);
  static constexpr bool two_parts = width > part;
  static constexpr index group = part * width;
  typedef T vector __attribute__((vector_size(vector_bytes)));
  typedef long long words __attribute__((vector_size(vector_bytes)));

  /// in[0] op ... op in[count - 1].
  static T total(T const* in, index count) {
    vector totals = identities();
    index i = 0;
    for (; i + group <= count; i += group) totals = combine(totals, combine_vectors(place(in, count, i, group)));
    T all = combine_lanes(totals);
    for (; i < count; ++i) all = combine(all, *place(in, count, i, 1));
    return settled(in, count, all);
  }

  /// out[i] = prefix op (in[0] op ... op in[i]), or up to in[i - 1] when exclusive. `in` may be `out`; `past_caches`
  /// needs `out`, or its end when backward, to be aligned to 32 bytes. With `ahead.next`, returns total(ahead.next,
  /// count) of as many values, read meanwhile; without, in[0] op ... op in[count - 1] as scanned.
  template <bool Inclusive>
  static T scan(T const* in, T* out, index count, T prefix, bool past_caches, blocks_ahead<T> const& ahead = {}) {
    if (ahead.next)
      return past_caches ? run<Inclusive, true, true>(in, out, count, prefix, ahead)
                         : run<Inclusive, false, true>(in, out, count, prefix, ahead);
    return past_caches ? run<Inclusive, true, false>(in, out, count, prefix, ahead)
                       : run<Inclusive, false, false>(in, out, count, prefix, ahead);
  }

  /// Rows of at most so many elements are short: scan_short_rows() takes them.
  static constexpr index short_row = group - 1;

  /// Scans every row of `count` elements, which begin in_stride and out_stride apart. Needs what scan() needs.
  template <bool Inclusive>
  static void scan_short_rows(T const* in, index in_stride, T* out, index out_stride, index rows, index count, T prefix,
                              bool past_caches) {
    if (past_caches)
      run_short_rows<Inclusive, true>(in, in_stride, out, out_stride, rows, count, prefix);
    else
      run_short_rows<Inclusive, false>(in, in_stride, out, out_stride, rows, count, prefix);
  }

 protected:
  template <class V>
  [[gnu::always_inline]] static V combine(V a, V b) {
    return operation::combine(a, b);
  }
  static vector all_lanes(T value) { return value - vector{}; }
  static vector identities() { return all_lanes(operation::identity); }

  /// The `count` elements from element i on, as they lie in memory.
  template <class Value>
  [[gnu::always_inline]] static Value* place(Value* begin, index total, index i, index count) {
    return Backward ? begin + (total - i - count) : begin + i;
  }
  /// Where the lane that is number l in the order of the scan lies.
  static constexpr int turned(int l) { return Backward ? width - 1 - l : l; }
  /// Vector number k of a group.
  static vector load(T const* from, int k = 0) {
    vector v;
    __builtin_memcpy(&v, Backward ? from + group - (k + 1) * width : from + k * width, sizeof(v));
    return v;
  }
  template <bool PastCaches>
  static void store(T* to, int k, vector const& v) {
    store<PastCaches>(Backward ? to + group - (k + 1) * width : to + k * width, v);
  }
  template <bool PastCaches>
  static void store(T* to, vector const& v) {
    if constexpr (PastCaches)
      stream_store(to, v);
    else
      __builtin_memcpy(to, &v, sizeof(v));
  }

  /// Lanes I of a and, counted from `width`, of b, all in the order of the scan.
  template <int... I>
  static vector pick(vector a, vector b) {
#if defined(__CUDACC__)  // whose front end loses the pack among the builtin's arguments
    vector picked = {};
    for (int l = 0; l < width; ++l) {
      int const from = picked_from<I...>(l);
      picked[l] = from < width ? a[from] : b[from - width];
    }
    return picked;
#else
    return __builtin_shufflevector(a, b, picked_from<I...>(int(L))...);
#endif
  }
  /// As the builtin counts them, for lane l in memory.
  template <int... I>
  static constexpr int picked_from(int l) {
    constexpr int from[] = {I...};
    int const lane = from[turned(l)];
    return lane / width * width + turned(lane % width);
  }
  static constexpr int lane(std::size_t l) { return static_cast<int>(l) % part; }
  static constexpr int part_begin(std::size_t l) { return static_cast<int>(l) / part * part; }

  /// v moved up by N lanes within each part; zeros come in.
  template <int N>
  static vector shift_zeros(vector v) {
#if defined(__AVX2__) && !defined(__clang__) && !defined(__CUDACC__)  // g++ makes two instructions of the shuffle
    constexpr int bits = N * static_cast<int>(sizeof(T)) * 8;
    if constexpr (Backward)
      return reinterpret_cast<vector>(__builtin_ia32_psrldqi256(reinterpret_cast<words>(v), bits));
    return reinterpret_cast<vector>(__builtin_ia32_pslldqi256(reinterpret_cast<words>(v), bits));
#else
    return pick<(lane(L) < N ? width + int(L) : int(L) - N)...>(v, vector{});
#endif
  }
  /// The same; what changes nothing comes in.
  template <int N>
  static vector shift(vector v) {
    if constexpr (operation::identity == T(0)) return shift_zeros<N>(v);
#if defined(__AVX2__) && !defined(__clang__) && !defined(__CUDACC__)
    constexpr int bits = N * static_cast<int>(sizeof(T)) * 8;
    auto const nothing = reinterpret_cast<words>(identities()), here = reinterpret_cast<words>(v);
    if constexpr (Backward) return reinterpret_cast<vector>(__builtin_ia32_palignr256(nothing, here, bits));
    return reinterpret_cast<vector>(__builtin_ia32_palignr256(here, nothing, 128 - bits));
#else
    return pick<(lane(L) < N ? width + int(L) : int(L) - N)...>(v, identities());
#endif
  }
  /// Lane K of each part in all its lanes.
  template <int K>
  static vector spread(vector v) {
    return pick<(part_begin(L) + K)...>(v, v);
  }
  /// Scans each part: lane 3 is (v0 op v1) op (v2 op v3).
  static vector scan_part(vector v) {
    v = combine(shift<1>(v), v);
    if constexpr (part > 2) v = combine(shift<2>(v), v);
    return v;
  }
  /// The lower part op the upper one, in both.
  static vector combine_parts(vector v) {
    if constexpr (!two_parts) return v;
    vector const exchanged = pick<((int(L) + part) % width)...>(v, v);
    if constexpr (operation::picks) return combine(pick<lane(L)...>(v, v), pick<(lane(L) + part)...>(v, v));
    return combine(v, exchanged);
  }
  /// The last lane of the lower part in all lanes of the upper one; `below` in the lower one.
  static vector low_total(vector v, vector below) { return pick<(int(L) < part ? width : part - 1)...>(v, below); }
  static vector all_last(vector v) { return pick<(int(L) * 0 + width - 1)...>(v, v); }
  /// v moved up by one lane; what changes nothing comes in.
  static vector moved_up(vector v) { return pick<(int(L) == 0 ? width : int(L) - 1)...>(v, identities()); }
  /// The lower part in the upper one; what changes nothing in the lower one.
  static vector lower_part(vector v) { return pick<(int(L) < part ? width + int(L) : lane(L))...>(v, identities()); }
  /// The last lanes of the parts of each vector, in one vector: lane k belongs to v[k].
  static vector last_lanes(vector const* v) {
    constexpr int last = part - 1;
    if constexpr (part == 2) {
      return pick<(part_begin(L) + last + (lane(L) < 1 ? 0 : width))...>(v[0], v[1]);
    } else {
      vector const low = pick<(part_begin(L) + last + (lane(L) < 2 ? 0 : width))...>(v[0], v[1]);
      vector const high = pick<(part_begin(L) + last + (lane(L) < 2 ? 0 : width))...>(v[2], v[3]);
      return pick<(part_begin(L) + lane(L) % 2 * 2 + (lane(L) < 2 ? 0 : width))...>(low, high);
    }
  }

  /// A group whose parts are scanned: what lies before each of them (in lane k for v[k]), and the sum of all.
  struct scanned {
    vector v[part], before, sum;

    [[gnu::always_inline]] explicit scanned(T const* in) {
      v[0] = scan_part(load(in, 0));
      v[1] = scan_part(load(in, 1));
      if constexpr (part > 2) {
        v[2] = scan_part(load(in, 2));
        v[3] = scan_part(load(in, 3));
      }
      vector const totals = last_lanes(v);
      vector const running = scan_part(combine_parts(totals));
      before = shift<1>(running);
      if constexpr (two_parts) before = combine(before, lower_part(totals));
      sum = spread<part - 1>(running);
    }

    template <bool Inclusive, bool PastCaches>
    [[gnu::always_inline]] void write(T* out, vector carries, vector prefixes) const {
      vector const all = combine(prefixes, combine(carries, before));
      store<PastCaches>(out, 0, combine(spread<0>(all), own<Inclusive>(v[0])));
      store<PastCaches>(out, 1, combine(spread<1>(all), own<Inclusive>(v[1])));
      if constexpr (part > 2) {
        store<PastCaches>(out, 2, combine(spread<2>(all), own<Inclusive>(v[2])));
        store<PastCaches>(out, 3, combine(spread<3>(all), own<Inclusive>(v[3])));
      }
    }
    template <bool Inclusive>
    static vector own(vector v) {
      if constexpr (Inclusive)
        return v;
      else
        return shift<1>(v);
    }
  };

  /// Totals of groups are kept in one vector: what a group adds to it, and the combination of its lanes.
  [[gnu::always_inline]] static vector combine_vectors(T const* in) {
    vector v = combine(load(in, 0), load(in, 1));
    if constexpr (part > 2) v = combine(v, combine(load(in, 2), load(in, 3)));
    return v;
  }
  static T combine_lanes(vector v) {
    T all = v[turned(0)];
    for (int l = 1; l < width; ++l) all = combine(all, T(v[turned(l)]));
    return all;
  }
  static T settled(T const* in, index count, T all) {
    if constexpr (operation::picks && std::is_floating_point_v<T>)
      return settled_pick(in, count, all, all != all);
    else
      return all;
  }

  /// From element i on: whole vectors, then single elements, after carries[0]. Returns what all of them make.
  template <bool Inclusive, bool PastCaches>
  [[gnu::always_inline]] static T run_vectors(T const* in, T* out, index i, index count, T prefix, vector carries) {
    vector const prefixes = all_lanes(prefix);
    for (; i + width <= count; i += width) {
      vector v;
      __builtin_memcpy(&v, place(in, count, i, width), sizeof(v));
      v = scan_part(v);
      if constexpr (two_parts) v = combine(low_total(v, identities()), v);
      vector const scanned = combine(prefixes, combine(carries, Inclusive ? v : moved_up(v)));
      carries = combine(carries, all_last(v));
      store<PastCaches>(place(out, count, i, width), scanned);
    }
    T last = carries[0];
    for (; i < count; ++i) {
      T const here = combine(last, *place(in, count, i, 1));
      *place(out, count, i, 1) = combine(prefix, Inclusive ? here : last);
      last = here;
    }
    return last;
  }
  template <bool Inclusive, bool PastCaches>
  static void run_short_rows(T const* in, index in_stride, T* out, index out_stride, index rows, index count,
                             T prefix) {
    for (index r = 0; r < rows; ++r, in += in_stride, out += out_stride)
      run_vectors<Inclusive, PastCaches>(in, out, 0, count, prefix, identities());
  }

  template <bool Inclusive, bool PastCaches, bool Next>
  static T run(T const* in, T* out, index count, T prefix, blocks_ahead<T> const& ahead) {
    scan_fetcher<T, Backward, group> const fetch_for(in, count, ahead);
    T const* const next = ahead.next;
    vector carries = identities(), next_totals = identities();
    vector const prefixes = all_lanes(prefix);
    index i = 0;
    if (count >= group) {
      scanned current(place(in, count, i, group));
      for (; i + 2 * group <= count; i += group) {
        if constexpr (Next) {
          fetch_for(i);
          next_totals = combine(next_totals, combine_vectors(place(next, count, i, group)));
        }
        scanned const following(place(in, count, i + group, group));
        current.template write<Inclusive, PastCaches>(place(out, count, i, group), carries, prefixes);
        carries = combine(carries, current.sum);
        current = following;
      }
      if constexpr (Next) next_totals = combine(next_totals, combine_vectors(place(next, count, i, group)));
      current.template write<Inclusive, PastCaches>(place(out, count, i, group), carries, prefixes);
      carries = combine(carries, current.sum);
      i += group;
    }
    T const last = run_vectors<Inclusive, PastCaches>(in, out, i, count, prefix, carries);
    if constexpr (!Next) return last;
    T next_total = combine_lanes(next_totals);
    for (; i < count; ++i) next_total = combine(next_total, *place(next, count, i, 1));
    return settled(next, count, next_total);
  }
};

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
