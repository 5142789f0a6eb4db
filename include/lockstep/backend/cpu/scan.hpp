// scan on CPU threads: blocks are scanned on their own, chained by their prefixes in order, and finished while they are
// still in the cache, so that memory is read and written once on any number of threads. The order of combination is
// fixed by blocks counted from the first element, so the bits do not depend on the number of threads.
#pragma once

#include <utility>

#include "../../algorithm/scan_rule.hpp"
#include "../../core/owned_array.hpp"
#include "map.hpp"
#include "prefix_chain.hpp"
#include "scan_wide.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// Scans count > 0 values in place, inclusively, after an optional carry; returns the last value.
template <class T, class Op>
T scan_values(T* values, index count, Op const& op, T const* carry) {
  T last = carry ? static_cast<T>(op(*carry, values[0])) : values[0];
  values[0] = last;
  for (index i = 1; i < count; ++i) values[i] = last = static_cast<T>(op(last, values[i]));
  return last;
}

/// out[i] = prefix op local[i] for i in [0, count), or without a prefix out[i] = local[i].
template <class T, class Op>
void apply_prefix(T const* local, index count, Op const& op, T const* prefix, T* out) {
  if (prefix) {
    T const p = *prefix;
    LOCKSTEP_INDEPENDENT
    for (index i = 0; i < count; ++i) out[i] = static_cast<T>(op(p, local[i]));
  } else {
    std::memcpy(out, local, static_cast<std::size_t>(count) * sizeof(T));
  }
}

/// One scan while it runs. Backward, for operators on registers only, blocks are counted from the last element.
template <class T, class Op, class Evaluator, bool Backward = false>
class scanner {
 public:
  scanner(scan_rule<T, Op> const& rule, Evaluator const& evaluator, view<T, 1> const& target, bool past_caches,
          bool alone)
      : rule_(rule),
        reader_(evaluator, target.extents),
        target_(target.data),
        total_(target.extents[0]),
        blocks_((total_ + scan_block - 1) / scan_block),
        past_caches_(past_caches && is_large_output(target.size() * sizeof(T)) &&
                     is_aligned(target.data + (Backward ? total_ : 0))),
        alone_(alone),
        chain_(blocks_) {
    chain_.publish(0, rule.initial);
  }

  /// Takes blocks in order until none is left.
  void work() {
    owned_array<T> space;
    try {
      if constexpr (scans_in_registers<T, Op>)
        alone_&& operand_memory() != target_ ? scan_alone(space) : scan_in_registers(space);
      else
        for (index block = chain_.claim(); block < blocks_ && combine(block, space);) block = chain_.claim();
    } catch (...) {
      chain_.fail();
      throw;
    }
    if (past_caches_) stream_fence();
  }

 private:
  struct range {
    index first, last;
    index size() const { return last - first; }
  };
  range elements(index block) const {
    index const begin = block * scan_block, end = std::min(total_, begin + scan_block);
    if constexpr (Backward)
      return {total_ - end, total_ - begin};
    else
      return {begin, end};
  }
  static bool is_aligned(T const* data) { return reinterpret_cast<std::uintptr_t>(data) % 64 == 0; }
  bool has_prefix(index block) const { return rule_.has_initial || block > 0; }

  void pass_on(index block, T const& prefix, T const& sum) {
    chain_.publish(block + 1, has_prefix(block) ? static_cast<T>(rule_.op(prefix, sum)) : sum);
  }

  T* make(owned_array<T>& space) const {
    if (!space) space.reset(new T[static_cast<std::size_t>(std::min(scan_block, total_))]);
    return space.get();
  }

  // The operand's own memory where it lies dense, otherwise nullptr.
  T const* operand_memory() const {
    if constexpr (std::is_same_v<decltype(reader_.fast_row()), pointer_row<T>>)
      if (reader_.one_fast_row()) return reader_.fast_row().data;
    return nullptr;
  }

  // A block is totalled before it is scanned, so that the next block's prefix is known early and nobody waits long.
  // Where the operand lies in memory, the block to come is totalled while this one is scanned, which brings it into the
  // L2 cache meanwhile. Integers wrap around, as partial sums may where running sums don't.
  void scan_in_registers(owned_array<T>& space) {
    using number = scan_number<T, Op>;
    using registers = block_scan<number, Op, Backward>;
    using operation = scan_operation<Op, T>;
    T const* const memory = operand_memory();
    number sum{};
    T prefix{};
    bool summed = false;
    for (index block = chain_.claim(); block < blocks_;) {
      range const all = elements(block);
      auto const* values = reinterpret_cast<number const*>(memory ? memory + all.first : evaluate(all, space));
      auto* const out = reinterpret_cast<number*>(target_ + all.first);
      bool const last = block + 1 == blocks_;  // nobody asks for its sum
      if (!summed && !last) sum = registers::total(values, all.size());
      if (!chain_.wait(block, prefix)) return;
      auto const before = has_prefix(block) ? static_cast<number>(prefix) : operation::identity;
      if (!last) chain_.publish(block + 1, static_cast<T>(operation::combine(before, sum)));
      index const scanned = std::exchange(block, chain_.claim());
      blocks_ahead<number> const ahead{whole_block(memory, block), whole_block(memory, block_after(scanned, block))};
      summed = ahead.next != nullptr;
      sum = rule_.inclusive ? registers::template scan<true>(values, out, all.size(), before, past_caches_, ahead)
                            : registers::template scan<false>(values, out, all.size(), before, past_caches_, ahead);
    }
  }
  /// A block of the operand's memory, or nullptr when there is none that is whole.
  scan_number<T, Op> const* whole_block(T const* memory, index block) const {
    if (!memory || block >= blocks_ || elements(block).size() != scan_block) return nullptr;
    return reinterpret_cast<scan_number<T, Op> const*>(memory + elements(block).first);
  }
  // Nobody waits for a block's total, so it is made while the block is scanned, and memory is read once.
  void scan_alone(owned_array<T>& space) {
    using number = scan_number<T, Op>;
    using registers = block_scan<number, Op, Backward>;
    using operation = scan_operation<Op, T>;
    T const* const memory = operand_memory();
    auto before = rule_.has_initial ? static_cast<number>(rule_.initial) : operation::identity;
    for (index block = 0; block < blocks_; ++block) {
      range const all = elements(block);
      auto const* values = reinterpret_cast<number const*>(memory ? memory + all.first : evaluate(all, space));
      auto* const out = reinterpret_cast<number*>(target_ + all.first);
      bool const last = block + 1 == blocks_;  // nobody asks for its sum
      blocks_ahead<number> const ahead{last ? nullptr : values};
      number const sum = rule_.inclusive
                             ? registers::template scan<true>(values, out, all.size(), before, past_caches_, ahead)
                             : registers::template scan<false>(values, out, all.size(), before, past_caches_, ahead);
      before = operation::combine(before, sum);
    }
  }
  T const* evaluate(range all, owned_array<T>& space) const {
    T* const values = make(space);
    for (index at = all.first; at < all.last; at += buffer_length)
      reader_.read(at, std::min(all.last, at + buffer_length), values + (at - all.first));
    return values;
  }

  // Any operator: with a known prefix each piece is read, scanned and written while it is in the L1 cache; otherwise
  // the block is scanned into a space in the L2 cache, and finished from there when its prefix has come.
  bool combine(index block, owned_array<T>& space) {
    range const all = elements(block);
    bool const known = chain_.ready(block);
    constexpr index front = sizeof(T) < 64 ? 64 / sizeof(T) : 1;  // the carry lies in a cache line before the values
    local_values<T, front + buffer_length> near;
    T* const local = known ? nullptr : make(space);
    T carry{}, prefix{};
    if (known) chain_.wait(block, prefix);
    for (index at = all.first; at < all.last; at += buffer_length) {
      index const count = std::min(buffer_length, all.last - at);
      T* const piece = known ? near.data() + front : local + (at - all.first);
      if (known) piece[-1] = carry;
      reader_.read(at, at + count, piece);
      carry = scan_values(piece, count, rule_.op, at > all.first ? &carry : nullptr);
      if (known) write(piece, at, count, at == all.first, block, prefix);
    }
    if (!chain_.wait(block, prefix)) return false;
    pass_on(block, prefix, carry);
    for (index at = all.first; !known && at < all.last; at += buffer_length)
      write(local + (at - all.first), at, std::min(buffer_length, all.last - at), at == all.first, block, prefix);
    return true;
  }

  /// Writes [at, at + count) from the block's own scan; an exclusive scan takes each value from one place before.
  void write(T const* local, index at, index count, bool first_of_block, index block, T const& prefix) const {
    T const* const p = has_prefix(block) ? &prefix : nullptr;
    local_values<T, buffer_length> buffer;
    T* const to = past_caches_ ? buffer.data() : target_ + at;
    if (rule_.inclusive) {
      apply_prefix(local, count, rule_.op, p, to);
    } else {
      *to = first_of_block ? prefix : static_cast<T>(rule_.op(prefix, local[-1]));
      apply_prefix(local, count - 1, rule_.op, p, to + 1);
    }
    if (past_caches_) stream_copy(target_ + at, buffer.data(), static_cast<std::size_t>(count) * sizeof(T));
  }

  scan_rule<T, Op> rule_;
  reader<Evaluator, 1> reader_;
  T* target_;
  index total_, blocks_;
  bool past_caches_, alone_;
  prefix_chain<T> chain_;
};

/// Scans the values of an evaluator of one axis, at least one, into dense memory.
template <class T, class Op, class Evaluator>
void scan(device const& where, scan_rule<T, Op> const& rule, Evaluator const& evaluator, view<T, 1> const& target,
          bool past_caches) {
  scanner<T, Op, Evaluator> running(rule, evaluator, target, past_caches, where.threads() == 1);
  run_sharing(where, target.extents[0], [&] { running.work(); });
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
