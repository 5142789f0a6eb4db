// scatter on CPU threads. Where an index may come twice, elements are first sorted into ranges of the target, keeping
// their order, and each range is then written by one thread: the result is that of a serial loop, bit for bit.
#pragma once

#include <atomic>
#include <limits>

#include "../../array/storage.hpp"
#include "../../array/view.hpp"
#include "../../core/owned_array.hpp"
#include "compress.hpp"
#include "index_check.hpp"
#include "local_values.hpp"
#include "rows.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// Elements of the input sorted into ranges at a time by one thread.
inline constexpr index scatter_block = 65536;

/// Whether elements are sorted into ranges before they are written. Sorting reads and writes them three times, which
/// few threads make up for only where the target is too large for a cache.
inline bool sorts_into_ranges(device const& where, index total, std::size_t target_bytes) {
  auto const threads = static_cast<index>(where.threads());
  bool const scattered = target_bytes > std::size_t{1} << 20;
  return threads >= (scattered ? 2 : 8) && total > std::max(index{1} << 18, (index{1} << 22) / threads);
}

/// What an evaluator's elements are.
template <class Evaluator, std::size_t R>
using element_of = std::remove_cvref_t<decltype(std::declval<Evaluator const&>().at(coordinates<R>{}))>;

/// The elements of an evaluator a buffer at a time, where they lie if they lie in a row.
template <class Evaluator, std::size_t R>
class buffered_elements {
 public:
  using value = element_of<Evaluator, R>;
  explicit buffered_elements(reader<Evaluator, R> const& from) : from_(from), memory_(memory_of<value>(from)) {}

  value const* read(index first, index last) {
    if (memory_) return memory_ + first;
    from_.read(first, last, buffer_.data());
    return buffer_.data();
  }

 private:
  reader<Evaluator, R> const& from_;
  value const* memory_;
  local_values<value, buffer_length> buffer_;
};

/// True when an index lies outside of [0, extent): `bad` becomes one of those.
template <class Evaluator, std::size_t R>
bool find_bad_index(device const& where, reader<Evaluator, R> const& indices, index total, index extent, index& bad) {
  std::atomic<index> found_bad{0};
  std::atomic<bool> any{false};
  parallel_ranges(where, total, buffer_length, serial_below, [&](index first, index last) {
    buffered_elements<Evaluator, R> places(indices);
    for (index at = first; at < last; at += buffer_length) {
      index const n = std::min(buffer_length, last - at);
      auto const* const found = places.read(at, at + n);
      if (!any_outside(found, 0, n, extent)) continue;
      for (index i = 0; i < n; ++i)
        if (any_outside(found, i, i + 1, extent)) found_bad = static_cast<index>(found[i]);
      any = true;
    }
  });
  bad = found_bad;
  return any;
}

/// Calls f(indices, values, n) for the elements [first, last), a buffer at a time.
template <class Values, class Indices, std::size_t R, class F>
void for_each_buffer(reader<Values, R> const& values, reader<Indices, R> const& indices, index first, index last,
                     F&& f) {
  buffered_elements<Values, R> value(values);
  buffered_elements<Indices, R> place(indices);
  for (index at = first; at < last; at += buffer_length) {
    index const n = std::min(buffer_length, last - at);
    f(place.read(at, at + n), value.read(at, at + n), n);
  }
}

/// One scatter whose elements are sorted into ranges of the target.
template <class T, class V, class Values, class Indices, std::size_t R, class Combine>
class range_scatter {
 public:
  range_scatter(device const& where, T* target, index extent, reader<Values, R> const& values,
                reader<Indices, R> const& indices, index total, Combine const& combine)
      : where_(where), target_(target), values_(values), indices_(indices), total_(total), combine_(combine) {
    while ((extent - 1) >> shift_ >= ranges) ++shift_;
    blocks_ = (total + scatter_block - 1) / scatter_block;
    first_.reset(new index[static_cast<std::size_t>(ranges * blocks_)]);
  }

  void run() {
    count();
    auto const places = make_storage(where_, static_cast<std::size_t>(total_), sizeof(std::uint32_t));
    auto const values = make_storage(where_, static_cast<std::size_t>(total_), sizeof(V));
    auto* const place = static_cast<std::uint32_t*>(places->data);
    auto* const value = static_cast<V*>(values->data);
    sort(place, value);
    where_.run(ranges, [&](index range) {
      T* const target = target_ + (range << shift_);
      index const last = range + 1 < ranges ? begin_of(range + 1) : total_;
      for (index i = begin_of(range); i < last; ++i) combine_(target[place[i]], value[i]);
    });
  }

 private:
  static constexpr index ranges = 64;

  // Where the elements of a range begin, once sorted, and of a block within it.
  index begin_of(index range) { return first_[range * blocks_]; }

  void count() {
    where_.run(blocks_, [&](index block) {
      index counts[ranges] = {};
      buffered_elements<Indices, R> places(indices_);
      index const last = std::min(total_, (block + 1) * scatter_block);
      for (index at = block * scatter_block; at < last; at += buffer_length) {
        index const n = std::min(buffer_length, last - at);
        auto const* const place = places.read(at, at + n);
        for (index i = 0; i < n; ++i) ++counts[static_cast<index>(place[i]) >> shift_];
      }
      for (index range = 0; range < ranges; ++range) first_[range * blocks_ + block] = counts[range];
    });
    index before = 0;
    for (index i = 0; i < ranges * blocks_; ++i) {
      index const here = first_[i];
      first_[i] = before;
      before += here;
    }
  }
  void sort(std::uint32_t* sorted_places, V* sorted_values) {
    where_.run(blocks_, [&](index block) {
      index next[ranges];
      index const within = (index{1} << shift_) - 1;
      for (index range = 0; range < ranges; ++range) next[range] = first_[range * blocks_ + block];
      for_each_buffer(values_, indices_, block * scatter_block, std::min(total_, (block + 1) * scatter_block),
                      [&](auto const* place, V const* value, index n) {
                        for (index i = 0; i < n; ++i) {
                          auto const at = static_cast<index>(place[i]);
                          index const to = next[at >> shift_]++;
                          sorted_places[to] = static_cast<std::uint32_t>(at & within);
                          sorted_values[to] = value[i];
                        }
                      });
    });
  }

  device const& where_;
  T* target_;
  reader<Values, R> const& values_;
  reader<Indices, R> const& indices_;
  index total_, blocks_ = 0;
  int shift_ = 0;
  Combine const& combine_;
  owned_array<index> first_;
};

/// Whether each thread reads all elements and writes those of its own range of the target: passing over the others is
/// cheaper for a few threads than to sort them, and no line of the target goes back and forth between caches. (Distinct
/// ones may also be written wherever they belong, which is faster where most lines lie in memory anyway.)
inline bool shares_target(device const& where, index total, std::size_t target_bytes, bool distinct) {
  std::size_t const threads = where.threads();
  if (distinct && target_bytes > threads * (std::size_t{8} << 20)) return false;
  return threads >= 2 && threads <= 4 && total > 8 * serial_below;
}

/// The same as scatter, of `total` elements in memory.
template <class T, class V, class I, class Combine>
void scatter_by_target(device const& where, T* target, index extent, V const* values, I const* indices, index total,
                       Combine const& combine) {
  auto const threads = static_cast<index>(where.threads());
  where.run(threads, [&](index thread) {
    constexpr index line = sizeof(T) < 64 ? 64 / sizeof(T) : 1;
    auto const cut = [&](index t) { return t == threads ? extent : extent * t / threads / line * line; };
    auto const begin = static_cast<I>(cut(thread));
    auto const size = static_cast<std::make_unsigned_t<I>>(cut(thread + 1) - cut(thread));
    local_values<V, buffer_length> near_values;
    local_values<I, buffer_length> near_places;
    alignas(64) bool flags[buffer_length];
    std::uint64_t words[buffer_length / flags_per_word];
    for (index at = 0; at < total; at += buffer_length) {
      index const n = std::min(buffer_length, total - at);
      LOCKSTEP_INDEPENDENT
      for (index i = 0; i < n; ++i) flags[i] = static_cast<std::make_unsigned_t<I>>(indices[at + i] - begin) < size;
      pack_flags(flags, n, words);
      index const kept = compress(indices + at, words, n, near_places.data(), buffer_length, true);
      compress(values + at, words, n, near_values.data(), buffer_length, true);
      for (index i = 0; i < kept; ++i)
        combine(target[static_cast<index>(near_places.data()[i])], near_values.data()[i]);
    }
  });
}

/// combine(target[indices[i]], values[i]) for every i in order; `distinct` promises that no index comes twice. Every
/// index is good.
template <class T, class Values, class Indices, std::size_t R, class Combine>
void scatter(device const& where, T* target, index extent, shape<R> const& extents, reader<Values, R> const& values,
             reader<Indices, R> const& indices, Combine const& combine, bool distinct) {
  auto const total = static_cast<index>(extents.size());
  using V = element_of<Values, R>;
  using I = element_of<Indices, R>;
  if constexpr (sizeof(I) >= 4 && sizeof(V) <= 8)
    if (shares_target(where, total, static_cast<std::size_t>(extent) * sizeof(T), distinct) && memory_of<V>(values) &&
        memory_of<I>(indices) &&
        static_cast<std::uint64_t>(extent) <= static_cast<std::uint64_t>(std::numeric_limits<I>::max()))
      return scatter_by_target(where, target, extent, memory_of<V>(values), memory_of<I>(indices), total, combine);
  if (!distinct && sorts_into_ranges(where, total, static_cast<std::size_t>(extent) * sizeof(T)) &&
      extent < index{1} << 32)
    return range_scatter<T, V, Values, Indices, R, Combine>(where, target, extent, values, indices, total, combine)
        .run();
  // Two threads that write to the same lines of a small target take longer than one.
  index const serial = !distinct ? total : where.threads() <= 2 ? 8 * serial_below : serial_below;
  parallel_ranges(where, total, buffer_length, serial, [&](index first, index last) {
    for_each_buffer(values, indices, first, last, [&](auto const* place, V const* value, index n) {
      for (index i = 0; i < n; ++i) combine(target[static_cast<index>(place[i])], value[i]);
    });
  });
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
