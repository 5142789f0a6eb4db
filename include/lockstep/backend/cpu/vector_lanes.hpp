// Sums, minima and maxima of floating values in vector registers, in the order of reduction_order.hpp.
#pragma once

#include "../../algorithm/reducers.hpp"
#include "../../expression/evaluator.hpp"
#include "fold_vector.hpp"
#include "tuning.hpp"
#include "turn.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

template <class F, class... Rows>
struct elementwise_row;

namespace cpu {

/// True for rows that take a vector instruction or two per value, beside reading memory.
template <class Row>
inline constexpr bool is_light_row = false;
template <class T>
inline constexpr bool is_light_row<pointer_row<T>> = true;
template <class T>
inline constexpr bool is_light_row<constant_row<T>> = true;
template <class F, class... Rows>
inline constexpr bool is_light_row<elementwise_row<F, Rows...>> = is_light_function<F> && (is_light_row<Rows> && ...);

#if !defined(__CUDACC__)
/// What the lanes of a tile hold, and how values join it.
template <class Op, class T>
class vector_lanes {
 public:
  vector_lanes() {
    restart();
    for (int k = 0; k < poisons; ++k) poison_[k] = vector{};
  }

  /// Adds row[first], row[first + 1], ... to the lanes from lane 0 on.
  template <class Row>
  [[gnu::always_inline]] void add(Row row, index first, index count) {
    index i = 0;
    for (; i + lanes <= count; i += lanes) {
      LOCKSTEP_UNROLL
      for (int k = 0; k < number; ++k) take(k, load(row, first + i + k * per_vector));
    }
    if (i == count) return;
    LOCKSTEP_UNROLL
    for (int k = 0; k < number; ++k, i += per_vector) {
      if (i + per_vector <= count)
        take(k, load(row, first + i));
      else if (i < count)
        take(k, load_some(row, first + i, count - i));
    }
  }

  /// True when there may have been a NaN that total() does not have.
  bool lost_nan() const {
    if constexpr (!operation::picks) return false;
    vector all = poison_[0];
    for (int k = 1; k < poisons; ++k) all += poison_[k];
    T const sum = fold_vector<plus, T>(all);
    return sum != sum;
  }
  T total() const { return fold_vector<Op, T>(first_vector(lane_, number)); }

  /// Rows that reduce_rows reduces.
  static constexpr index rows = static_cast<index>(vector_bytes / sizeof(T));
  /// Reduces `rows` dense rows of `length` values that follow each other in memory. False when a NaN may be lost.
  static bool reduce_rows(T const* from, index length, T* out) {
    vector_lanes all;
    vector each[per_vector];
    if (length < lanes)
      all.read_short_rows(from, length, each, std::make_integer_sequence<int, number>{});
    else
      for (int r = 0; r < per_vector; ++r, from += length) {
        all.restart();
        all.add(pointer_row<T>{from}, 0, length);
        each[r] = first_vector(all.lane_, number);
      }
    fold_rows<per_vector / 2>(each);
    __builtin_memcpy(out, each, sizeof(vector));
    return !all.lost_nan();
  }

  /// Reduces `rows` segments of at most `longest` values each, every one from its first value to its last; empty ones
  /// give anything. Reads `longest` values, rounded up to whole vectors, from each offset on. False when a NaN may be
  /// lost.
  static bool reduce_segments(T const* from, index const* offsets, index longest, T* out) {
    vector const identity = operation::identity - vector{};
    words left = lengths_of(offsets);
    vector all = identity;
    [[maybe_unused]] vector poison{};
    for (index column = 0; column < longest; column += per_vector, left -= per_vector) {
      vector v[per_vector];
      LOCKSTEP_UNROLL
      for (int r = 0; r < per_vector; ++r) v[r] = load(pointer_row<T>{from + column}, offsets[r]);
      block::template exchange_all<1>(v);  // now a vector has a value of each segment
      LOCKSTEP_UNROLL
      for (int k = 0; k < per_vector; ++k) {
        vector const value = left > k ? v[k] : identity;
        all = operation::combine(all, value);
        if constexpr (operation::picks) poison += value;
      }
    }
    __builtin_memcpy(out, &all, sizeof all);
    if constexpr (!operation::picks) return true;
    T const sum = fold_vector<plus, T>(poison);
    return sum == sum;
  }

 private:
  using operation = vector_operation<Op, T>;
  using block = square_block<T>;
  using vector = typename block::vector;
  typedef std::conditional_t<sizeof(T) == 4, std::int32_t, long long> word;
  typedef word words __attribute__((vector_size(vector_bytes)));
  static constexpr int per_vector = block::size;
  static constexpr int number = static_cast<int>(lanes) / per_vector;
  static constexpr int poisons = operation::picks ? 4 : 0;

  [[gnu::always_inline]] void take(int k, vector v) {
    lane_[k] = operation::combine(lane_[k], v);
    if constexpr (operation::picks) poison_[k % poisons] += v;
  }
  static vector load(pointer_row<T> row, index at) {
    vector v;
    __builtin_memcpy(&v, row.data + at, sizeof v);
    return v;
  }
  template <class Row>
  [[gnu::always_inline]] static vector load(Row row, index at) {
    T values[per_vector];
    for (int l = 0; l < per_vector; ++l) values[l] = static_cast<T>(row[at + l]);
    vector v = load(pointer_row<T>{values}, 0);
    asm("" : "+x"(v));  // a product is rounded before it is added, as where values come from a buffer
    return v;
  }
#if defined(__AVX2__)
  static vector load_some(pointer_row<T> row, index at, index count) {
    words places;
    for (int l = 0; l < per_vector; ++l) places[l] = static_cast<word>(l);
    words const wanted = places < static_cast<word>(count);
    vector v, rest = operation::identity - vector{};
    if constexpr (sizeof(T) == 4)
      v = __builtin_ia32_maskloadps256(reinterpret_cast<vector const*>(row.data + at), wanted);
    else
      v = __builtin_ia32_maskloadpd256(reinterpret_cast<vector const*>(row.data + at), wanted);
    return reinterpret_cast<vector>(reinterpret_cast<words>(v) | (reinterpret_cast<words>(rest) & ~wanted));
  }
#endif
  template <class Row>
  [[gnu::always_inline]] static vector load_some(Row row, index at, index count) {
    vector v = operation::identity - vector{};
    T values[per_vector];
    __builtin_memcpy(values, &v, sizeof v);
    for (index l = 0; l < count; ++l) values[l] = static_cast<T>(row[at + l]);
    return load(pointer_row<T>{values}, 0);
  }
  /// The lengths of as many segments, which fit into words.
  [[gnu::always_inline]] static words lengths_of(index const* offsets) {
    words lengths[sizeof(index) / sizeof(T)];
    for (std::size_t k = 0; k < sizeof(index) / sizeof(T); ++k) {
      typedef long long wide __attribute__((vector_size(vector_bytes)));
      wide begin, end;
      __builtin_memcpy(&begin, offsets + k * vector_bytes / sizeof(index), sizeof begin);
      __builtin_memcpy(&end, offsets + k * vector_bytes / sizeof(index) + 1, sizeof end);
      lengths[k] = reinterpret_cast<words>(end - begin);
    }
    if constexpr (sizeof(T) == sizeof(index))
      return lengths[0];
    else
      return low_halves(lengths[0], lengths[1], std::make_integer_sequence<int, per_vector>{});
  }
  template <int... L>
  [[gnu::always_inline]] static words low_halves(words a, words b, std::integer_sequence<int, L...>) {
    return __builtin_shufflevector(a, b, (2 * L)...);
  }
  void restart() {
    LOCKSTEP_UNROLL
    for (int k = 0; k < number; ++k) lane_[k] = operation::identity - vector{};
  }
  /// Lanes l and l + per_vector, and so on, combined; `used` vectors have any.
  [[gnu::always_inline]] static vector first_vector(vector const* from, int used) {
    vector v[number];
    LOCKSTEP_UNROLL
    for (int k = 0; k < number; ++k)
      if (k < used) v[k] = from[k];
    LOCKSTEP_UNROLL
    for (int half = number / 2; half > 0; half /= 2)
      for (int k = 0; k < half; ++k)
        if (k + half < used) v[k] = operation::combine(v[k], v[k + half]);
    return v[0];
  }
  /// The same for rows of less than all lanes: which vectors they fill is known while they are read.
  template <int... Whole>
  [[gnu::always_inline]] void read_short_rows(T const* from, index length, vector* each,
                                              std::integer_sequence<int, Whole...>) {
    static_cast<void>(((length / per_vector == Whole && (read_short_rows<Whole>(from, length, each), true)) || ...));
  }
  template <int Whole>
  void read_short_rows(T const* from, index length, vector* each) {
    index const rest = length - Whole * per_vector;
    bool const some = Whole == 0 || rest > 0;  // of the vector after the whole ones
    [[maybe_unused]] vector poison{};
    for (int r = 0; r < per_vector; ++r, from += length) {
      vector v[number];
      LOCKSTEP_UNROLL
      for (int k = 0; k < Whole; ++k) v[k] = load(pointer_row<T>{from}, k * per_vector);
      if (some) v[Whole] = load_some(pointer_row<T>{from}, Whole * per_vector, rest);
      each[r] = some ? first_vector(v, Whole + 1) : first_vector(v, Whole);
      if constexpr (operation::picks) {
        vector all = some ? v[Whole] : vector{};
        LOCKSTEP_UNROLL
        for (int k = 0; k < Whole; ++k) all += v[k];
        poison += all;
      }
    }
    if constexpr (operation::picks) poison_[0] += poison;
  }
  /// The last steps of the tree for a row in each vector: lane r of v[0] gets the result of row r.
  template <int Half>
  [[gnu::always_inline]] static void fold_rows(vector* v) {
    if constexpr (Half > 0) {
      LOCKSTEP_UNROLL
      for (int r = 0; r < Half; ++r) {
        block::template exchange<Half>(v[r], v[r + Half], typename block::places{});
        v[r] = operation::combine(v[r], v[r + Half]);
      }
      fold_rows<Half / 2>(v);
    }
  }
  vector lane_[number];
  vector poison_[poisons + 1];
};
#endif

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
