// Sums and prefix sums of one block in vector registers.
#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>

#include "../../core/function_objects.hpp"
#include "stream.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// How far before they are needed values are fetched from memory.
inline constexpr std::size_t fetch_ahead_bytes = 4096;

/// Sums of these types are scanned in vector registers.
template <class T, class Op>
inline constexpr bool scans_in_registers = std::is_same_v<Op, plus> &&
                                           (sizeof(T) == 4 || sizeof(T) == 8) && std::is_arithmetic_v<T>;

template <class T, class Lanes = std::make_index_sequence<vector_bytes / sizeof(T)>>
struct sum_scan;

/// Values are scanned in groups of one vector per lane of a part, a part being 16 bytes, within which shuffles are
/// cheap: each part on its own, then the totals of all parts of the group, which lie in one vector, then both are
/// added.
template <class T, std::size_t... L>
struct sum_scan<T, std::index_sequence<L...>> {
  static constexpr int width = sizeof...(L);
  static constexpr int part = 16 / sizeof(T);
  static constexpr bool two_parts = width > part;
  static constexpr index group = part * width;
  typedef T vector __attribute__((vector_size(vector_bytes)));

  /// in[0] + ... + in[count - 1].
  static T total(T const* in, index count) {
    vector sums = {};
    index i = 0;
    for (; i + group <= count; i += group) sums += add_vectors(in + i);
    T sum = add_lanes(sums);
    for (; i < count; ++i) sum += in[i];
    return sum;
  }

  /// out[i] = prefix + (in[0] + ... + in[i]), or up to in[i - 1] when exclusive. `in` may be `out`; `past_caches` needs
  /// `out` aligned to 32 bytes. With `next`, returns total(next, count) of as many values, read meanwhile.
  template <bool Inclusive>
  static T scan(T const* in, T* out, index count, T prefix, bool past_caches, T const* next) {
    if (next)
      return past_caches ? run<Inclusive, true, true>(in, out, count, prefix, next)
                         : run<Inclusive, false, true>(in, out, count, prefix, next);
    return past_caches ? run<Inclusive, true, false>(in, out, count, prefix, next)
                       : run<Inclusive, false, false>(in, out, count, prefix, next);
  }

 protected:
  static vector load(T const* from) {
    vector v;
    __builtin_memcpy(&v, from, sizeof(v));
    return v;
  }
  template <bool PastCaches>
  static void store(T* to, vector const& v) {
    if constexpr (PastCaches)
      stream_store(to, v);
    else
      __builtin_memcpy(to, &v, sizeof(v));
  }

  /// Lanes I of a and, counted from `width`, of b.
  template <int... I>
  static vector pick(vector a, vector b) {
#if defined(__CUDACC__)  // whose front end loses the pack among the builtin's arguments
    constexpr int from[] = {I...};
    vector picked = {};
    for (int l = 0; l < width; ++l) picked[l] = from[l] < width ? a[from[l]] : b[from[l] - width];
    return picked;
#else
    return __builtin_shufflevector(a, b, I...);
#endif
  }
  static constexpr int lane(std::size_t l) { return static_cast<int>(l) % part; }
  static constexpr int part_begin(std::size_t l) { return static_cast<int>(l) / part * part; }

  /// v moved up by N lanes within each part; zero comes in.
  template <int N>
  static vector shift(vector v) {
#if defined(__AVX2__) && !defined(__clang__) && !defined(__CUDACC__)  // g++ makes two instructions of the shuffle
    typedef long long words __attribute__((vector_size(vector_bytes)));
    return reinterpret_cast<vector>(__builtin_ia32_pslldqi256(reinterpret_cast<words>(v), N * sizeof(T) * 8));
#else
    return pick<(lane(L) < N ? width + int(L) : int(L) - N)...>(v, vector{});
#endif
  }
  /// Lane K of each part in all its lanes.
  template <int K>
  static vector spread(vector v) {
    return pick<(part_begin(L) + K)...>(v, v);
  }
  /// Inclusive sums within each part: lane 3 is (v3 + v2) + (v1 + v0).
  static vector scan_part(vector v) {
    v += shift<1>(v);
    if constexpr (part > 2) v += shift<2>(v);
    return v;
  }
  static vector other_part(vector v) { return pick<((int(L) + part) % width)...>(v, v); }
  static vector add_other_part(vector v) {
    if constexpr (two_parts)
      return v + other_part(v);
    else
      return v;
  }
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
      v[0] = scan_part(load(in));
      v[1] = scan_part(load(in + width));
      if constexpr (part > 2) {
        v[2] = scan_part(load(in + 2 * width));
        v[3] = scan_part(load(in + 3 * width));
      }
      vector const totals = last_lanes(v);
      vector const running = scan_part(add_other_part(totals));
      before = shift<1>(running);
      if constexpr (two_parts) before += pick<(int(L) < part ? width + int(L) : int(L) - part)...>(totals, vector{});
      sum = spread<part - 1>(running);
    }

    template <bool Inclusive, bool PastCaches>
    [[gnu::always_inline]] void write(T* out, vector carries, vector prefixes) const {
      vector const all = (before + carries) + prefixes;
      store<PastCaches>(out, own<Inclusive>(v[0]) + spread<0>(all));
      store<PastCaches>(out + width, own<Inclusive>(v[1]) + spread<1>(all));
      if constexpr (part > 2) {
        store<PastCaches>(out + 2 * width, own<Inclusive>(v[2]) + spread<2>(all));
        store<PastCaches>(out + 3 * width, own<Inclusive>(v[3]) + spread<3>(all));
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

  /// Starts to bring the group that will be read soon into the L2 cache. It may lie after the end: nothing is read.
  [[gnu::always_inline]] static void fetch_ahead_of(T const* group_begin) {
    auto const address = reinterpret_cast<std::uintptr_t>(group_begin) + fetch_ahead_bytes;
    for (std::size_t byte = 0; byte < group * sizeof(T); byte += 64)
      __builtin_prefetch(reinterpret_cast<void const*>(address + byte), 0, 2);
  }

  /// Sums over groups are kept in one vector: what a group adds to it, and the sum of its lanes.
  [[gnu::always_inline]] static vector add_vectors(T const* in) {
    vector v = load(in) + load(in + width);
    if constexpr (part > 2) v += load(in + 2 * width) + load(in + 3 * width);
    return v;
  }
  static T add_lanes(vector v) {
    T sum = v[0];
    for (int l = 1; l < width; ++l) sum += v[l];
    return sum;
  }

  template <bool Inclusive, bool PastCaches, bool Next>
  static T run(T const* in, T* out, index count, T prefix, T const* next) {
    vector carries = {};
    vector const prefixes = vector{} + prefix;
    vector next_sums = {};
    index i = 0;
    if (count >= group) {
      scanned current(in);
      for (; i + 2 * group <= count; i += group) {
        if constexpr (Next) {
          fetch_ahead_of(next + i);
          next_sums += add_vectors(next + i);
        }
        scanned const following(in + i + group);
        current.template write<Inclusive, PastCaches>(out + i, carries, prefixes);
        carries += current.sum;
        current = following;
      }
      if constexpr (Next) next_sums += add_vectors(next + i);
      current.template write<Inclusive, PastCaches>(out + i, carries, prefixes);
      carries += current.sum;
      i += group;
    }
    T next_sum = add_lanes(next_sums);
    for (T last = carries[0]; i < count; ++i) {
      T const sum = last + in[i];
      out[i] = prefix + (Inclusive ? sum : last);
      last = sum;
      if constexpr (Next) next_sum += next[i];
    }
    return next_sum;
  }
};

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
