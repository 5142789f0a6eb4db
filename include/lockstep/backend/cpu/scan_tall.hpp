// Scans along an axis that is not the last of arrays with few columns on CPU threads: blocks of rows are scanned on
// their own, chained by what lies before them in every column, so that all threads work on columns that are too few for
// them. The order of combination is fixed by the shape alone.
#pragma once

#include "scan.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// Arrays of at most so many columns are scanned in blocks of rows, where they have at least so many elements.
inline constexpr index most_tall_columns = 256, fewest_tall_elements = 8 * scan_block;
/// Only by the shape, which fixes the bits.
inline bool is_tall(axis_split const& split) {
  return split.outer <= 4 && split.inner <= most_tall_columns && split.length * split.inner >= fewest_tall_elements;
}

/// One scan while it runs: that of `length` rows of `inner` elements, which begin at element `begin`. `alone`: on one
/// thread.
template <class T, class Op, std::size_t R, class Evaluator>
class tall_scanner {
 public:
  tall_scanner(scan_rule<T, Op> const& rule, reader<Evaluator, R> const& from, index begin, index length, index inner,
               T* target, bool past_caches, bool alone)
      : rule_(rule),
        reader_(from),
        memory_(memory_of<value>(from)),
        begin_(begin),
        length_(length),
        inner_(inner),
        rows_(scan_block / inner),
        blocks_((length + rows_ - 1) / rows_),
        target_(target),
        past_caches_(past_caches),
        alone_(alone),
        in_place_(static_cast<void const*>(memory_) == static_cast<void const*>(target)),
        prefixes_(new T[static_cast<std::size_t>((blocks_ + 1) * inner)]),
        chain_(blocks_) {
    std::fill_n(prefixes_.get(), inner, rule.initial);
    chain_.publish(0, true);
  }

  /// Takes blocks in order until none is left.
  void work() {
    owned_array<value> space;
    try {
      for (index block = chain_.claim(); block < blocks_ && scan(block, space);) block = chain_.claim();
    } catch (...) {
      chain_.fail();
      throw;
    }
    if (past_caches_) stream_fence();
  }

 private:
  using value = std::remove_cvref_t<decltype(std::declval<Evaluator const&>().at(coordinates<R>{}))>;
  using operation = scan_operation<Op, T>;

  /// Rows [first, last), and their values where they lie in memory.
  struct some_rows {
    index first, last;
    value const* values;
  };

  // Where others wait, a block is totalled before it is scanned, so that the next block's prefixes are known early.
  bool scan(index block, owned_array<value>& space) {
    index const first = block * rows_, last = std::min(length_, first + rows_), at = begin_ + first * inner_;
    some_rows rows{first, last, memory_ ? memory_ + at : nullptr};
    local_values<T, 2 * most_tall_columns> sums;  // see for_strips()
    bool const early = !alone_ && block + 1 < blocks_;
    if (early) {
      if (!memory_) rows.values = evaluate(at, (last - first) * inner_, space);
      total(rows, sums.data());
    }
    bool known = true;
    if (!chain_.wait(block, known)) return false;
    if (early) pass_on(block, sums.data());
    T const* const prefixes = rule_.has_initial || block > 0 ? prefixes_.get() + block * inner_ : nullptr;
    if (!rule_.inclusive)
      write<false, true>(rows, sums.data(), prefixes);
    else if (prefixes)
      write<true, true>(rows, sums.data(), prefixes);
    else
      write<true, false>(rows, sums.data(), prefixes);
    if (!early && block + 1 < blocks_) pass_on(block, sums.data());
    return true;
  }
  value const* evaluate(index at, index count, owned_array<value>& space) const {
    if (!space) space.reset(new value[static_cast<std::size_t>(rows_ * inner_)]);
    reader_.read(at, at + count, space.get());
    return space.get();
  }
  void pass_on(index block, T const* sums) {
    T const* const before = prefixes_.get() + block * inner_;
    T* const next = prefixes_.get() + (block + 1) * inner_;
    for (index j = 0; j < inner_; ++j)
      next[j] = rule_.has_initial || block > 0 ? static_cast<T>(rule_.op(before[j], sums[j])) : sums[j];
    chain_.publish(block + 1, true);
  }

  /// Calls f(values, first row, rows) for all rows, some at a time where they are not read from memory and written to
  /// it directly.
  template <class F>
  void for_rows(some_rows const& all, bool pieces, F&& f) const {
    local_values<value, buffer_length> buffer;
    index const together = pieces || !all.values ? std::max<index>(1, buffer_length / inner_) : all.last - all.first;
    for (index row = all.first; row < all.last; row += together) {
      index const rows = std::min(together, all.last - row), at = begin_ + row * inner_;
      if (!all.values) reader_.read(at, at + rows * inner_, buffer.data());
      f(all.values ? all.values + (row - all.first) * inner_ : static_cast<value const*>(buffer.data()), row, rows);
    }
  }
  /// How columns are combined side by side: in a vector of so many bytes, or in two, or one by one.
  template <std::size_t Bytes, bool Two>
  struct strip {
    typedef scan_number<T, Op> V __attribute__((vector_size(Bytes)));
    static constexpr index columns = (Two ? 2 : 1) * static_cast<index>(sizeof(V) / sizeof(T));
    V low, high;

    [[gnu::always_inline]] static strip load(void const* from) {
      strip s;
      __builtin_memcpy(&s.low, from, sizeof(V));
      if constexpr (Two) __builtin_memcpy(&s.high, static_cast<char const*>(from) + sizeof(V), sizeof(V));
      return s;
    }
    [[gnu::always_inline]] void store(void* to) const {
      __builtin_memcpy(to, &low, sizeof(V));
      if constexpr (Two) __builtin_memcpy(static_cast<char*>(to) + sizeof(V), &high, sizeof(V));
    }
    [[gnu::always_inline]] static strip combine(strip const& a, strip const& b) {
      strip s;
      s.low = operation::combine(a.low, b.low);
      if constexpr (Two) s.high = operation::combine(a.high, b.high);
      return s;
    }
  };
  struct any_strip {
    index columns;
  };
  static constexpr bool in_registers = scans_in_registers<T, Op> && std::is_same_v<value, T>;

  /// Calls f(first column, strip, its sums) for all columns: at once where their sums don't fit in two registers. The
  /// last strip begins earlier rather than be narrower, where that does not read again what has been overwritten; it
  /// has sums of its own, behind those of all columns, because the strip before it has gone on already.
  template <class F>
  void for_strips(T* sums, F&& f) const {
    index j = 0;
    [[maybe_unused]] auto const take = [&](auto s) {
      if (s.columns > inner_) return;
      for (; j + s.columns <= inner_; j += s.columns) f(j, s, sums + j);
      if (j == inner_ || in_place_) return;
      T* const own = sums + inner_;
      f(inner_ - s.columns, s, own);
      std::copy_n(own + s.columns - (inner_ - j), inner_ - j, sums + j);
      j = inner_;
    };
    if constexpr (in_registers)
      if (inner_ <= strip<vector_bytes, true>::columns) {
        take(strip<vector_bytes, true>{});
        take(strip<vector_bytes, false>{});
        if constexpr (vector_bytes > 16) take(strip<16, false>{});
      }
    if (j < inner_) f(j, any_strip{inner_ - j}, sums + j);
  }

  void total(some_rows const& all, T* sums) const {
    for_rows(all, false, [&](value const* values, index row, index rows) {
      for_strips(sums, [&](index j, auto s, T* own) { add(values + j, rows, s, own, row == all.first); });
    });
  }
  void add(value const* values, index rows, any_strip s, T* sums, bool begins) const {
    for (index r = 0; r < rows; ++r, values += inner_, begins = false) {
      LOCKSTEP_INDEPENDENT
      for (index k = 0; k < s.columns; ++k) {
        T const here = static_cast<T>(values[k]);
        sums[k] = begins ? here : static_cast<T>(rule_.op(sums[k], here));
      }
    }
  }
  template <std::size_t Bytes, bool Two>
  void add(value const* values, index rows, strip<Bytes, Two>, T* sums, bool begins) const {
    using vectors = strip<Bytes, Two>;
    auto sum = vectors::load(begins ? values : sums);
    for (index r = begins; r < rows; ++r) sum = vectors::combine(sum, vectors::load(values + r * inner_));
    sum.store(sums);
  }

  template <bool Inclusive, bool Prefixed>
  void write(some_rows const& all, T* sums, T const* prefixes) const {
    local_values<T, buffer_length> buffer;
    for_rows(all, past_caches_, [&](value const* values, index row, index rows) {
      T *const target = target_ + begin_ + row * inner_, *const out = past_caches_ ? buffer.data() : target;
      for_strips(sums, [&](index j, auto s, T* own) {
        write_strip<Inclusive, Prefixed>(values + j, rows, s, own, prefixes + (Prefixed ? j : 0), out + j,
                                         row == all.first);
      });
      if (past_caches_) stream_copy(target, out, static_cast<std::size_t>(rows * inner_) * sizeof(T));
    });
  }
  template <bool Inclusive, bool Prefixed>
  void write_strip(value const* values, index rows, any_strip s, T* sums, T const* prefixes, T* out,
                   bool begins) const {
    for (index r = 0; r < rows; ++r, values += inner_, out += inner_, begins = false) {
      LOCKSTEP_INDEPENDENT
      for (index k = 0; k < s.columns; ++k) {
        T const value = static_cast<T>(values[k]), before = sums[k];
        sums[k] = begins ? value : static_cast<T>(rule_.op(before, value));
        if constexpr (Inclusive)
          out[k] = Prefixed ? static_cast<T>(rule_.op(prefixes[k], sums[k])) : sums[k];
        else
          out[k] = begins ? prefixes[k] : static_cast<T>(rule_.op(prefixes[k], before));
      }
    }
  }
  template <bool Inclusive, bool Prefixed, std::size_t Bytes, bool Two>
  void write_strip(value const* values, index rows, strip<Bytes, Two>, T* sums, T const* prefixes, T* out,
                   bool begins) const {
    using vectors = strip<Bytes, Two>;
    auto const prefix = Prefixed ? vectors::load(prefixes) : vectors{};
    auto sum = vectors::load(begins ? values : sums);
    if (begins) {
      (!Inclusive ? prefix : Prefixed ? vectors::combine(prefix, sum) : sum).store(out);
      values += inner_, out += inner_, --rows;
    }
    for (index r = 0; r < rows; ++r) {
      auto const before = sum;
      sum = vectors::combine(sum, vectors::load(values + r * inner_));
      auto const& own = Inclusive ? sum : before;
      (Prefixed ? vectors::combine(prefix, own) : own).store(out + r * inner_);
    }
    sum.store(sums);
  }

  scan_rule<T, Op> const& rule_;
  reader<Evaluator, R> const& reader_;
  value const* memory_;
  index begin_, length_, inner_, rows_, blocks_;
  T* target_;
  bool past_caches_, alone_, in_place_;
  owned_array<T> prefixes_;  ///< of every block and column; chained by block
  prefix_chain<bool> chain_;
};

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
