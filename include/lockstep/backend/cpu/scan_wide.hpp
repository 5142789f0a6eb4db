// Combinations and scans of one block in vector registers of 64 bytes, which can be loaded and stored in part.
#pragma once

#include "scan_registers.hpp"
#include "wide_vector.hpp"

#if LOCKSTEP_WIDE_VECTORS

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// As register_scan: parts of 16 bytes are scanned on their own, then the ends of all parts of a group, which fill a
/// vector. Vectors and ends of rows that fill no group are scanned one by one.
template <class T, class Op, bool Backward = false,
          class Lanes = std::make_integer_sequence<int, static_cast<int>(64 / sizeof(T))>>
struct wide_scan;

template <class T, class Op, bool Backward, int... L>
struct wide_scan<T, Op, Backward, std::integer_sequence<int, L...>> {
  using operation = scan_operation<Op, T>;
  using wide = wide_vector<T>;
  using vector = typename wide::vector;
  using words = typename wide::words;
  using mask = typename wide::mask;
  static constexpr int width = wide::width, part = static_cast<int>(16 / sizeof(T));
  static constexpr index group = 4 * width;
  /// Whether to look for NaN first makes it cheaper to combine.
  static constexpr bool finds_nan = operation::picks && std::is_floating_point_v<T>;

  /// in[0] op ... op in[count - 1].
  static T total(T const* in, index count) {
    sum_of_vectors all;
    index i = 0;
    for (; i + group <= count; i += group) all.add(place(in, count, i, group));
    return all.finish(in, count, i);
  }

  /// out[i] = prefix op (in[0] op ... op in[i]), or up to in[i - 1] when exclusive. `in` may be `out`; `past_caches`
  /// needs `out`, or its end when backward, to be aligned to 64 bytes. With `ahead.next`, returns total(ahead.next,
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
  static constexpr index short_row = width;

  /// Scans `rows` rows of count <= width elements, which begin at multiples of the strides. `in` may be `out`;
  /// `past_caches` needs count = width and every row of `out` to be aligned to 64 bytes.
  template <bool Inclusive>
  static void scan_short_rows(T const* in, index in_stride, T* out, index out_stride, index rows, index count, T prefix,
                              bool past_caches) {
    mask const which = lanes_of(count);
    vector const nothing = identities(), prefixes = all_lanes(prefix);
    index const skipped = Backward ? width - count : 0;
    for (index r = 0; r < rows; ++r) {
      vector const v = scan_lanes<true>(wide::load(in + r * in_stride - skipped, nothing, which));
      vector const scanned = combine<true>(prefixes, own<Inclusive>(v));
      if (past_caches)
        wide::stream(out + r * out_stride, scanned);
      else
        wide::store(out + r * out_stride - skipped, scanned, which);
    }
  }

 protected:
  template <bool Exact>
  [[gnu::always_inline]] static vector combine(vector a, vector b) {
    if constexpr (Exact || !finds_nan)
      return operation::combine(a, b);
    else
      return operation::pick(a, b);
  }
  static vector all_lanes(T value) { return value - vector{}; }
  static vector identities() { return all_lanes(operation::identity); }
  /// The first `count` lanes in the order of the scan.
  static mask lanes_of(index count) { return static_cast<mask>(Backward ? ~0u << (width - count) : (1u << count) - 1); }
  /// The `count` elements from element i on, as they lie in memory.
  template <class Value>
  [[gnu::always_inline]] static Value* place(Value* begin, index total, index i, index count) {
    return Backward ? begin + (total - i - count) : begin + i;
  }
  [[gnu::always_inline]] static vector load(T const* group_begin, int k) {
    vector v;
    __builtin_memcpy(&v, group_begin + (Backward ? 3 - k : k) * width, sizeof(v));
    return v;
  }
  template <bool PastCaches>
  [[gnu::always_inline]] static void store(T* to, vector const& v) {
    if constexpr (PastCaches)
      wide::stream(to, v);
    else
      __builtin_memcpy(to, &v, sizeof(v));
  }

  /// A lane's number in the order of the scan, and back.
  static constexpr int turned(int lane) { return Backward ? width - 1 - lane : lane; }
  /// Lane From::of(l) of v, both in the order of the scan; what changes nothing where that is negative.
  template <class From>
  [[gnu::always_inline]] static vector pick(vector v) {
    return __builtin_shufflevector(
        v, identities(), (From::of(turned(L)) < 0 ? width + L : turned(From::of(turned(L)) & (width - 1)))...);
  }
  template <int N>
  struct from_within_part {
    static constexpr int of(int lane) { return lane % part < N ? -1 : lane - N; }
  };
  /// The last lane before each second stretch of `Length` lanes.
  template <int Length>
  struct from_stretch_before {
    static constexpr int of(int lane) { return lane / Length % 2 ? lane / Length * Length - 1 : -1; }
  };
  struct from_before {
    static constexpr int of(int lane) { return lane - 1; }
  };
  struct from_last {
    static constexpr int of(int) { return width - 1; }
  };
  template <int N>
  [[gnu::always_inline]] static vector shift(vector v) {
#if !defined(__clang__)  // g++ makes a slower instruction of the shuffle
    constexpr int bits = N * static_cast<int>(sizeof(T)) * 8;
    if constexpr (operation::identity == T(0)) {
      if constexpr (Backward)
        return (vector)__builtin_ia32_psrldq512((words)v, bits);
      else
        return (vector)__builtin_ia32_pslldq512((words)v, bits);
    }
#endif
    return pick<from_within_part<N>>(v);
  }
  template <bool Exact>
  [[gnu::always_inline]] static vector scan_parts(vector v) {
    v = combine<Exact>(shift<1>(v), v);
    if constexpr (part > 2) v = combine<Exact>(shift<2>(v), v);
    return v;
  }
  template <bool Exact>
  [[gnu::always_inline]] static vector scan_lanes(vector v) {
    v = scan_parts<Exact>(v);
    v = combine<Exact>(pick<from_stretch_before<part>>(v), v);
    return combine<Exact>(pick<from_stretch_before<2 * part>>(v), v);
  }
  template <bool Inclusive>
  [[gnu::always_inline]] static vector own(vector v) {
    if constexpr (Inclusive)
      return v;
    else
      return pick<from_before>(v);
  }

  /// A total while it is made. NaN is looked for at the end only.
  class sum_of_vectors {
   public:
    [[gnu::always_inline]] void add(T const* group_begin) {
      vector const a = load(group_begin, 0), b = load(group_begin, 1), c = load(group_begin, 2),
                   d = load(group_begin, 3);
      if constexpr (finds_nan) nan_ = static_cast<mask>(nan_ | wide::unordered(a, b) | wide::unordered(c, d));
      all_ = combine<false>(all_, combine<false>(combine<false>(a, b), combine<false>(c, d)));
    }
    /// The total of in, of which the first `done` elements were added.
    T finish(T const* in, index count, index done) {
      T all = operation::identity;
      for (int l = 0; l < width; ++l) all = operation::combine(all, T(all_[turned(l)]));
      for (; done < count; ++done) all = operation::combine(all, *place(in, count, done, 1));
      if constexpr (finds_nan) return settled_pick(in, count, all, nan_ != 0 || all != all);
      return all;
    }

   private:
    vector all_ = identities();
    mask nan_ = 0;
  };
  /// The last lane of each part of two vectors, in order; of four-byte values twice.
  struct from_ends {
    static constexpr int of(int lane) {
      constexpr int parts = width / part;
      return lane / parts % 2 * width + lane % parts * part + part - 1;
    }
  };
  [[gnu::always_inline]] static vector ends(vector a, vector b) { return pick_of_two<from_ends>(a, b); }
  /// The first half of a and the second one of b.
  struct from_halves {
    static constexpr int of(int lane) { return lane < width / 2 ? lane : width + lane; }
  };
  /// Lane k * parts + p in all lanes of part p.
  template <int K>
  struct from_part {
    static constexpr int of(int lane) { return K * (width / part) + lane / part; }
  };
  template <class From>
  [[gnu::always_inline]] static vector pick_of_two(vector a, vector b) {
    return __builtin_shufflevector(a, b,
                                   (From::of(turned(L)) / width * width + turned(From::of(turned(L)) % width))...);
  }

  /// As many vectors as fill one with the ends of their parts, from vector First of a group on: what lies before each
  /// part is found for all of them at once.
  template <int First, bool Inclusive, bool PastCaches, bool Exact>
  [[gnu::always_inline]] static void scan_square(vector const* in, T* out, vector prefixes, vector& carries) {
    vector v[part];
    LOCKSTEP_UNROLL
    for (int k = 0; k < part; ++k) v[k] = scan_parts<Exact>(in[First + k]);
    vector totals = ends(v[0], v[1]);
    if constexpr (part > 2) totals = pick_of_two<from_halves>(totals, ends(v[2], v[3]));
    totals = scan_lanes<Exact>(totals);
    vector const before = combine<Exact>(prefixes, combine<Exact>(carries, pick<from_before>(totals)));
    carries = combine<Exact>(carries, pick<from_last>(totals));
    write<First + 0, 0, Inclusive, PastCaches, Exact>(out, before, v[0]);
    write<First + 1, 1, Inclusive, PastCaches, Exact>(out, before, v[1]);
    if constexpr (part > 2) {
      write<First + 2, 2, Inclusive, PastCaches, Exact>(out, before, v[2]);
      write<First + 3, 3, Inclusive, PastCaches, Exact>(out, before, v[3]);
    }
  }
  template <int Place, int K, bool Inclusive, bool PastCaches, bool Exact>
  [[gnu::always_inline]] static void write(T* out, vector before, vector v) {
    if constexpr (!Inclusive) v = shift<1>(v);
    store<PastCaches>(out + (Backward ? 3 - Place : Place) * width, combine<Exact>(pick<from_part<K>>(before), v));
  }
  template <bool Inclusive, bool PastCaches, bool Exact>
  [[gnu::always_inline]] static void scan_group(vector const* in, T* out, vector prefixes, vector& carries) {
    scan_square<0, Inclusive, PastCaches, Exact>(in, out, prefixes, carries);
    if constexpr (part < 4) scan_square<2, Inclusive, PastCaches, Exact>(in, out, prefixes, carries);
  }

  template <bool Inclusive>
  [[gnu::always_inline]] static vector scan_one(vector v, vector prefixes, vector& carries) {
    v = scan_lanes<true>(v);
    vector const before = carries;
    carries = combine<true>(before, pick<from_last>(v));
    return combine<true>(combine<true>(prefixes, before), own<Inclusive>(v));
  }

  template <bool Inclusive, bool PastCaches, bool Next>
  static T run(T const* in, T* out, index count, T prefix, blocks_ahead<T> const& ahead) {
    scan_fetcher<T, Backward, group> const fetch_for(in, count, ahead);
    T const* const next = ahead.next;
    sum_of_vectors next_total;
    vector carries = identities();
    vector const prefixes = all_lanes(prefix);
    index i = 0;
    for (; i + group <= count; i += group) {
      if constexpr (Next) {
        fetch_for(i);
        next_total.add(place(next, count, i, group));
      }
      T const* const here = place(in, count, i, group);
      vector const v[4] = {load(here, 0), load(here, 1), load(here, 2), load(here, 3)};
      T* const to = place(out, count, i, group);
      if (finds_nan && (wide::unordered(v[0], v[1]) | wide::unordered(v[2], v[3]) | wide::unordered(carries, prefixes)))
        scan_group<Inclusive, PastCaches, true>(v, to, prefixes, carries);
      else
        scan_group<Inclusive, PastCaches, false>(v, to, prefixes, carries);
    }
    index const grouped = i;
    for (; i + width <= count; i += width) {
      vector v;
      __builtin_memcpy(&v, place(in, count, i, width), sizeof(v));
      store<PastCaches>(place(out, count, i, width), scan_one<Inclusive>(v, prefixes, carries));
    }
    if (i < count) {
      index const n = count - i, skipped = Backward ? width - n : 0;
      mask const which = lanes_of(n);
      vector const v = wide::load(place(in, count, i, n) - skipped, identities(), which);
      wide::store(place(out, count, i, n) - skipped, scan_one<Inclusive>(v, prefixes, carries), which);
    }
    return Next ? next_total.finish(next, count, grouped) : T(carries[0]);
  }
};

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
#endif

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// The scan of a block in the largest registers there are.
#if LOCKSTEP_WIDE_VECTORS
template <class T, class Op, bool Backward = false>
using block_scan = wide_scan<T, Op, Backward>;
inline constexpr std::size_t block_scan_bytes = 64;
#else
template <class T, class Op, bool Backward = false>
using block_scan = register_scan<T, Op, Backward>;
inline constexpr std::size_t block_scan_bytes = vector_bytes;
#endif

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
