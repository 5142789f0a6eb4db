// scan on CPU threads: blocks are scanned on their own, chained by their prefixes in order, and finished while they are
// still in the cache, so that memory is read and written once on any number of threads. The order of combination is
// fixed by blocks counted from the first element, so the bits do not depend on the number of threads.
#pragma once

#include <sched.h>

#include <atomic>

#include "../../algorithm/scan_rule.hpp"
#include "../../core/function_objects.hpp"
#include "map.hpp"
#include "scan_sums.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// Scans count > 0 values in place, inclusively, after an optional carry; returns the last value.
template <class T, class Op>
T scan_values(T* values, index count, Op const& op, T const* carry) {
  if constexpr (scans_in_registers<T, Op>) {
    return sum_scan<T>::scan(values, values, count, carry ? *carry : T(0));
  } else {
    T last = carry ? static_cast<T>(op(*carry, values[0])) : values[0];
    values[0] = last;
    for (index i = 1; i < count; ++i) values[i] = last = static_cast<T>(op(last, values[i]));
    return last;
  }
}

/// The chain of prefixes that the blocks of one scan pass along.
template <class T>
class prefix_chain {
 public:
  explicit prefix_chain(index blocks) : links_(new link[static_cast<std::size_t>(blocks + 1)]) {}

  index claim() { return next_.fetch_add(1, std::memory_order_relaxed); }
  void publish(index block, T const& prefix) {
    links_[block].prefix = prefix;
    links_[block].ready.store(true, std::memory_order_release);
  }
  bool ready(index block) const { return links_[block].ready.load(std::memory_order_acquire); }
  /// Waits for the prefix of a block. False when another block failed.
  bool wait(index block, T& prefix) const {
    for (int spins = 0; !ready(block); ++spins) {
      if (failed_.load(std::memory_order_relaxed)) return false;
      if (spins > 64) sched_yield();
    }
    prefix = links_[block].prefix;
    return true;
  }
  T const& prefix(index block) const { return links_[block].prefix; }
  void fail() { failed_.store(true); }

 private:
  struct alignas(64) link {
    std::atomic<bool> ready{false};
    T prefix;
  };
  std::unique_ptr<link[]> links_;
  std::atomic<index> next_{0};
  std::atomic<bool> failed_{false};
};

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

/// One scan while it runs.
template <class T, class Op, class Evaluator>
class scanner {
 public:
  scanner(scan_rule<T, Op> const& rule, Evaluator const& evaluator, view<T, 1> const& target, bool past_caches)
      : rule_(rule),
        reader_(evaluator, target.extents),
        target_(target.data),
        total_(target.extents[0]),
        blocks_((total_ + scan_block - 1) / scan_block),
        past_caches_(past_caches && target.size() * sizeof(T) >= stream_from_bytes && is_aligned(target.data)),
        chain_(blocks_) {
    chain_.publish(0, rule.initial);
  }

  /// Takes blocks in order until none is left.
  void work() {
    std::unique_ptr<T[]> local;  // made when a block first has to wait for its prefix
    try {
      for (index block = chain_.claim(); block < blocks_; block = chain_.claim())
        if (!(chain_.ready(block) ? finish_at_once(block) : scan_then_finish(block, local))) return;
    } catch (...) {
      chain_.fail();
      throw;
    }
  }

 private:
  // The prefix is known: each piece is read, scanned and written while it is in the L1 cache.
  bool finish_at_once(index block) {
    index const first = block * scan_block, last = std::min(total_, first + scan_block);
    T const prefix = chain_.prefix(block);
    constexpr index front = sizeof(T) < 64 ? 64 / sizeof(T) : 1;  // the carry lies in a cache line before the values
    alignas(64) T space[front + buffer_length];
    T *const local = space + front, carry{};
    for (index at = first; at < last; at += buffer_length) {
      index const count = std::min(buffer_length, last - at);
      if constexpr (scans_in_registers<T, Op>) {
        T const* const values = values_at(at, count, local);
        T const p = has_prefix(block) ? prefix : T(0);
        carry = rule_.inclusive
                    ? sum_scan<T>::template scan_and_add<true>(values, target_ + at, count, carry, p, past_caches_)
                    : sum_scan<T>::template scan_and_add<false>(values, target_ + at, count, carry, p, past_caches_);
      } else {
        local[-1] = carry;
        reader_.read(at, at + count, local);
        carry = scan_values(local, count, rule_.op, at > first ? &carry : nullptr);
        write(local, at, count, at == first, block, prefix);
      }
    }
    pass_on(block, prefix, carry);
    if (past_caches_) stream_fence();
    return true;
  }

  // The operand's own memory where it lies dense, otherwise its values, evaluated into `buffer`.
  T const* values_at(index at, index count, T* buffer) const {
    using row_type = decltype(reader_.fast_row());
    if constexpr (std::is_same_v<row_type, pointer_row<T>>)
      if (reader_.one_fast_row()) return reader_.fast_row().data + at;
    reader_.read(at, at + count, buffer);
    return buffer;
  }

  // The prefix is still to come: the block is scanned into a buffer in the L2 cache, then finished from there.
  bool scan_then_finish(index block, std::unique_ptr<T[]>& buffer) {
    if (!buffer) buffer.reset(new T[static_cast<std::size_t>(std::min(scan_block, total_))]);
    T* const local = buffer.get();
    index const first = block * scan_block, last = std::min(total_, first + scan_block);
    T carry{}, prefix{};
    for (index at = first; at < last; at += buffer_length) {
      index const count = std::min(buffer_length, last - at);
      T* const piece = local + (at - first);
      if constexpr (scans_in_registers<T, Op>) {
        carry = sum_scan<T>::scan(values_at(at, count, piece), piece, count, carry);
      } else {
        reader_.read(at, at + count, piece);
        carry = scan_values(piece, count, rule_.op, at > first ? &carry : nullptr);
      }
    }
    if (!chain_.wait(block, prefix)) return false;
    pass_on(block, prefix, carry);
    for (index at = first; at < last; at += buffer_length)
      write(local + (at - first), at, std::min(buffer_length, last - at), at == first, block, prefix);
    if (past_caches_) stream_fence();
    return true;
  }

  static bool is_aligned(T const* data) { return reinterpret_cast<std::uintptr_t>(data) % 64 == 0; }
  bool has_prefix(index block) const { return rule_.has_initial || block > 0; }

  void pass_on(index block, T const& prefix, T const& sum) {
    chain_.publish(block + 1, has_prefix(block) ? static_cast<T>(rule_.op(prefix, sum)) : sum);
  }

  /// Writes [at, at + count) from the block's own scan; an exclusive scan takes each value from one place before.
  void write(T const* local, index at, index count, bool first_of_block, index block, T const& prefix) const {
    T const* const p = has_prefix(block) ? &prefix : nullptr;
    alignas(64) T buffer[buffer_length];
    T* const to = past_caches_ ? buffer : target_ + at;
    if (rule_.inclusive) {
      if constexpr (scans_in_registers<T, Op>)
        return sum_scan<T>::add(local, target_ + at, count, p ? *p : T(0), past_caches_);
      apply_prefix(local, count, rule_.op, p, to);
    } else {
      *to = first_of_block ? prefix : static_cast<T>(rule_.op(prefix, local[-1]));
      apply_prefix(local, count - 1, rule_.op, p, to + 1);
    }
    if (past_caches_) stream_copy(target_ + at, buffer, static_cast<std::size_t>(count) * sizeof(T));
  }

  scan_rule<T, Op> rule_;
  reader<Evaluator, 1> reader_;
  T* target_;
  index total_, blocks_;
  bool past_caches_;
  prefix_chain<T> chain_;
};

/// Scans the values of an evaluator of one axis, at least one, into dense memory.
template <class T, class Op, class Evaluator>
void scan(device const& where, scan_rule<T, Op> const& rule, Evaluator const& evaluator, view<T, 1> const& target,
          bool past_caches) {
  scanner<T, Op, Evaluator> running(rule, evaluator, target, past_caches);
  if (target.extents[0] <= serial_below || where.threads() == 1)
    running.work();
  else
    where.run(static_cast<index>(where.threads()), [&](index) { running.work(); });
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
