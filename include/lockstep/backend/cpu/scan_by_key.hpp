// Scans that begin anew at some elements (heads: where a key differs, where a segment begins) on CPU threads, in one
// pass over memory. Blocks are scanned on their own; only what comes before a block's first head waits for the block
// before. The order of combination is fixed by blocks counted from the first element.
#pragma once

#include "../../core/owned_array.hpp"
#include "scan.hpp"
#include "scan_by_key_wide.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// The type that values of T are scanned as where that is in registers.
template <class T, class Op>
using number_of = scan_number<std::conditional_t<std::is_same_v<T, bool>, index, T>, Op>;

/// Heads are the first element and those whose key differs from the one before.
template <class Key, class Equal, class Evaluator>
class key_heads {
 public:
  using key = std::conditional_t<std::is_same_v<Equal, equal_to>, Key, void>;  ///< void: compared as the user likes

  key_heads(Evaluator const& keys, shape<1> const& extents, Equal const& equal)
      : equal_(equal), reader_(keys, extents), memory_(memory_of<Key>(reader_)) {}

  /// marks[i] = -1 where element first + i is a head, otherwise 0; count <= buffer_length.
  template <class Mark>
  void mark(index first, index count, Mark* marks) const {
    if (first == 0) {
      *marks++ = -1;
      ++first, --count;
      if (count == 0) return;
    }
    if (memory_) {
      fetch_values(memory_ + first, count, fetch_ahead_bytes);
      return compare(memory_ + first, count, marks);
    }
    local_values<Key, buffer_length + 1> near;
    reader_.read(first - 1, first + count, near.data());
    compare(near.data() + 1, count, marks);
  }
  /// The keys where they lie in memory, otherwise null.
  Key const* memory() const { return memory_; }

 private:
  template <class Mark>
  void compare(Key const* keys, index count, Mark* marks) const {
    LOCKSTEP_INDEPENDENT
    for (index i = 0; i < count; ++i) marks[i] = static_cast<Mark>(-!equal_(keys[i - 1], keys[i]));
  }
  Equal const& equal_;
  reader<Evaluator, 1> reader_;
  Key const* memory_;
};

/// Heads are where segments begin: offsets that ascend from 0.
class segment_heads {
 public:
  using key = void;

  segment_heads(index const* offsets, index segments) : offsets_(offsets), end_(offsets + segments) {}

  template <class Mark>
  void mark(index first, index count, Mark* marks) const {
    std::memset(marks, 0, static_cast<std::size_t>(count) * sizeof(Mark));
    for (auto s = std::lower_bound(offsets_, end_, first); s != end_ && *s < first + count; ++s) marks[*s - first] = -1;
  }

 private:
  index const *offsets_, *end_;
};

/// How the elements of a block are combined, one piece after the other.
template <class T, class Op, bool InRegisters = scans_in_registers<T, Op>>
struct keyed_run {
  static constexpr bool streams = true;  ///< scan() itself can write past the caches
  using registers = keyed_block_scan<T, Op>;
  using mark = typename registers::mark;
  template <class Key>
  static constexpr bool compares = registers::template compares<Key>;  ///< marks may be key_changes
  T running = registers::identity;

  /// `past_caches` needs `out` to be aligned to 64 bytes.
  template <class Marks>
  void scan(scan_rule<T, Op> const& rule, T const* in, Marks marks, index count, T* out, bool past_caches) {
    if (past_caches)
      scan<true>(rule, in, marks, count, out);
    else
      scan<false>(rule, in, marks, count, out);
  }
  static void prepend(scan_rule<T, Op> const& rule, T const& prefix, T* values, index count) {
    apply_prefix(values, count, rule.op, &prefix, values);
  }

 private:
  template <bool PastCaches, class Marks>
  void scan(scan_rule<T, Op> const& rule, T const* in, Marks marks, index count, T* out) {
    if (rule.inclusive)
      running = registers::template scan<true, PastCaches>(in, marks, out, count, running, T{});
    else
      running = registers::template scan<false, PastCaches>(in, marks, out, count, running, rule.initial);
  }
};
/// An exclusive scan's first value of a block is what comes before: it is not known yet.
template <class T, class Op>
struct keyed_run<T, Op, false> {
  static constexpr bool streams = false;
  using mark = std::int8_t;
  template <class Key>
  static constexpr bool compares = false;
  T running{};
  bool begun = false;

  void scan(scan_rule<T, Op> const& rule, T const* in, mark const* marks, index count, T* out, bool) {
    index i = 0;
    if (!begun && !marks[0]) {
      running = in[i++];
      if (rule.inclusive) out[0] = running;
    }
    begun = true;
    T run = running;
    if (rule.inclusive) {
      for (; i < count; ++i) out[i] = run = marks[i] ? in[i] : static_cast<T>(rule.op(run, in[i]));
    } else {
      for (; i < count; ++i) {
        T const before = marks[i] ? rule.initial : run;
        run = static_cast<T>(rule.op(before, in[i]));
        out[i] = before;
      }
    }
    running = run;
  }
  static void prepend(scan_rule<T, Op> const& rule, T const& prefix, T* values, index count) {
    if (!rule.inclusive) {
      *values++ = prefix;
      --count;
    }
    apply_prefix(values, count, rule.op, &prefix, values);
  }
};

/// One scan while it runs.
template <class T, class Op, class Heads, class Evaluator>
class keyed_scanner {
 public:
  keyed_scanner(scan_rule<T, Op> const& rule, Heads const& heads, Evaluator const& evaluator, shape<1> const& extents,
                T* target, bool past_caches)
      : rule_(rule),
        heads_(heads),
        reader_(evaluator, extents),
        memory_(memory_of<value>(reader_)),
        target_(target),
        total_(extents[0]),
        blocks_((total_ + scan_block - 1) / scan_block),
        past_caches_(past_caches && is_large_output(extents.size() * sizeof(T))),
        streams_(run::streams && past_caches_ && reinterpret_cast<std::uintptr_t>(target) % 64 == 0),
        chain_(blocks_) {}

  /// Takes blocks in order until none is left.
  void work() {
    try {
      owned_array<T> held(past_caches_ ? new T[static_cast<std::size_t>(scan_block)] : nullptr);
      for (index block = chain_.claim(); block < blocks_ && scan(block, held.get());) block = chain_.claim();
    } catch (...) {
      chain_.fail();
      throw;
    }
    if (past_caches_) stream_fence();
  }

 private:
  using value = std::remove_cvref_t<decltype(std::declval<Evaluator const&>().at(coordinates<1>{}))>;
  using run = keyed_run<T, Op>;
  using mark = typename run::mark;
  static constexpr bool compares_keys = [] {
    if constexpr (std::is_void_v<typename Heads::key>)
      return false;
    else
      return run::template compares<typename Heads::key>;
  }();

  /// What is known of a block as its pieces are scanned.
  struct progress {
    run state;
    index open = 0, kept = 0;  ///< before the first head; in pieces up to its one
    bool headed = false;
  };

  bool scan(index block, T* held) {
    index const first = block * scan_block, last = std::min(total_, first + scan_block);
    local_values<T, buffer_length> values, results;
    local_values<mark, buffer_length> marks;
    progress so_far;
    for (index at = first; at < last; at += buffer_length) {
      index const count = std::min(buffer_length, last - at);
      T* const beginning = past_caches_ ? held + (at - first) : target_ + at;
      if constexpr (compares_keys)
        if (auto const* const keys = heads_.memory(); keys && at > 0) {
          fetch_values(keys + at, count, fetch_ahead_bytes);
          scan_piece(so_far, at, count, key_changes<typename Heads::key>{keys + at}, values, results, beginning);
          continue;
        }
      heads_.mark(at, count, marks.data());
      mark const* const stored = marks.data();
      scan_piece(so_far, at, count, stored, values, results, beginning);
    }
    return close(block, so_far.state.running, so_far.headed, past_caches_ ? held : target_ + first, so_far.open,
                 so_far.kept);
  }
  // Past the caches goes what is final; what comes before the first head, and the rest of its piece, is held.
  template <class Marks, class Values>
  [[gnu::always_inline]] void scan_piece(progress& so_far, index at, index count, Marks marks, Values& values,
                                         Values& results, T* beginning) const {
    bool const headed = so_far.headed, at_once = headed && streams_;
    T* const out = !past_caches_ || at_once ? target_ + at : headed ? results.data() : beginning;
    so_far.state.scan(rule_, read(at, count, values.data()), marks, count, out, at_once);
    if (past_caches_ && headed && !at_once) stream_copy(target_ + at, out, static_cast<std::size_t>(count) * sizeof(T));
    if (headed) return;
    index const until = first_mark(marks, count);
    so_far.headed = until < count;
    so_far.open += until;
    so_far.kept += count;
  }

  /// Passes on what the next block needs and puts what comes before the block in front of its first `open` values.
  bool close(index block, T const& sum, bool headed, T* values, index open, index kept) {
    if (headed) chain_.publish(block + 1, sum);
    if (open > 0) {
      T prefix{};
      if (!chain_.wait(block, prefix)) return false;
      if (!headed) chain_.publish(block + 1, static_cast<T>(rule_.op(prefix, sum)));
      run::prepend(rule_, prefix, values, open);
    }
    if (past_caches_) stream_copy(target_ + block * scan_block, values, static_cast<std::size_t>(kept) * sizeof(T));
    return true;
  }

  T const* read(index first, index count, T* buffer) const {
    if constexpr (std::is_same_v<value, T> || (sizeof(value) == sizeof(T) && std::is_same_v<number_of<value, Op>, T>))
      if (memory_) return reinterpret_cast<T const*>(memory_ + first);
    reader_.read(first, first + count, buffer);
    return buffer;
  }
  template <class Marks>
  static index first_mark(Marks marks, index count) {
    constexpr index few = 64;
    index i = 0;
    for (; i + few <= count; i += few) {
      unsigned any = 0;
      for (index j = i; j < i + few; ++j) any |= marks[j] ? 1u : 0u;
      if (any) break;
    }
    while (i < count && !marks[i]) ++i;
    return i;
  }

  scan_rule<T, Op> const& rule_;
  Heads const& heads_;
  reader<Evaluator, 1> reader_;
  value const* memory_;
  T* target_;
  index total_, blocks_;
  bool past_caches_, streams_;
  prefix_chain<T> chain_;
};

/// Scans the values of an evaluator of one axis, at least one, into dense memory, anew from every head.
template <class T, class Op, class Heads, class Evaluator>
void scan_from_heads(device const& where, scan_rule<T, Op> const& rule, Heads const& heads, Evaluator const& evaluator,
                     view<T, 1> const& target, bool past_caches) {
  if constexpr (scans_in_registers<T, Op> && !std::is_same_v<T, scan_number<T, Op>>) {
    using number = scan_number<T, Op>;  // integers wrap around, as partial sums may where running sums don't
    scan_rule<number, Op> const wrapped{rule.op, rule.inclusive, rule.has_initial, static_cast<number>(rule.initial)};
    view<number, 1> const out(reinterpret_cast<number*>(target.data), target.extents);
    scan_from_heads(where, wrapped, heads, evaluator, out, past_caches);
  } else {
    keyed_scanner<T, Op, Heads, Evaluator> running(rule, heads, evaluator, target.extents, target.data, past_caches);
    run_sharing(where, target.extents[0], [&] { running.work(); });
  }
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
