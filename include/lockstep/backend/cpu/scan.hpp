// scan on CPU threads: blocks are scanned on their own, chained by their prefixes in order, and finished while they are
// still in the cache, so that memory is read and written once on any number of threads. The order of combination is
// fixed by blocks counted from the first element, so the bits do not depend on the number of threads.
#pragma once

#include <sched.h>

#include <atomic>

#include "../../core/function_objects.hpp"
#include "map.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

#if defined(__AVX__)
inline constexpr std::size_t vector_bytes = 32;
#else
inline constexpr std::size_t vector_bytes = 16;
#endif

/// Sums of these types are scanned in vector registers.
template <class T, class Op>
inline constexpr bool scans_in_registers = std::is_same_v<Op, plus> &&
                                           (sizeof(T) == 4 || sizeof(T) == 8) && std::is_arithmetic_v<T>;

/// values[i] becomes values[0] + ... + values[i], in a tree within each vector and from vector to vector.
template <class T, std::size_t... L>
T scan_sums(T* values, index count, std::index_sequence<L...>) {
  constexpr int width = sizeof...(L);
  typedef T vector __attribute__((vector_size(vector_bytes)));
  vector const zero = {};
  vector carry = {};
  index i = 0;
  for (; i + width <= count; i += width) {
    vector v;
    __builtin_memcpy(&v, values + i, sizeof(v));
    // Lane l takes lane l - step of v, zero where there is none (lanes of `zero` are numbered from `width`).
    v += __builtin_shufflevector(v, zero, (int(L) < 1 ? width : int(L) - 1)...);
    v += __builtin_shufflevector(v, zero, (int(L) < 2 ? width : int(L) - 2)...);
    if constexpr (width > 4) v += __builtin_shufflevector(v, zero, (int(L) < 4 ? width : int(L) - 4)...);
    vector const total = __builtin_shufflevector(v, v, (int(L) * 0 + width - 1)...);
    v += carry;
    carry += total;
    __builtin_memcpy(values + i, &v, sizeof(v));
  }
  T last = carry[0];
  for (; i < count; ++i) values[i] = last = last + values[i];
  return last;
}

/// Scans in place, inclusively; returns the last value. count > 0.
template <class T, class Op>
T scan_block_values(T* values, index count, Op const& op) {
  if constexpr (scans_in_registers<T, Op>) {
    return scan_sums(values, count, std::make_index_sequence<vector_bytes / sizeof(T)>{});
  } else {
    T last = values[0];
    for (index i = 1; i < count; ++i) values[i] = last = static_cast<T>(op(last, values[i]));
    return last;
  }
}

/// What a scan computes besides its operator.
template <class T, class Op>
struct scan_rule {
  [[no_unique_address]] Op op;
  bool inclusive;
  bool has_initial;
  T initial;
};

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
  /// Waits for the prefix of a block. False when another block failed.
  bool wait(index block, T& prefix) const {
    for (int spins = 0; !links_[block].ready.load(std::memory_order_acquire); ++spins) {
      if (failed_.load(std::memory_order_relaxed)) return false;
      if (spins > 64) sched_yield();
    }
    prefix = links_[block].prefix;
    return true;
  }
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

/// out[i] = prefix op local[i], or the exclusive form: out[0] = prefix, out[i] = prefix op local[i - 1].
template <class T, class Op>
void apply_prefix(T const* local, index count, scan_rule<T, Op> const& rule, bool has_prefix, T const& prefix, T* out,
                  bool past_caches) {
  T buffer[buffer_length];
  for (index at = 0; at < count; at += buffer_length) {
    index const n = std::min(buffer_length, count - at);
    T* const to = past_caches ? buffer : out + at;
    T const* from = local + at - (rule.inclusive ? 0 : 1);
    index j = 0;
    if (!rule.inclusive && at == 0) to[j++] = prefix;
    if (has_prefix) {
      LOCKSTEP_INDEPENDENT
      for (index k = j; k < n; ++k) to[k] = static_cast<T>(rule.op(prefix, from[k]));
    } else {
      for (index k = j; k < n; ++k) to[k] = from[k];
    }
    if (past_caches) stream_copy(out + at, buffer, static_cast<std::size_t>(n) * sizeof(T));
  }
  if (past_caches) stream_fence();
}

/// Scans the values of an evaluator of one axis, at least one, into dense memory.
template <class T, class Op, class Evaluator>
void scan(device const& where, scan_rule<T, Op> const& rule, Evaluator const& evaluator, view<T, 1> const& target,
          bool past_caches) {
  index const total = target.extents[0], blocks = (total + scan_block - 1) / scan_block;
  reader<Evaluator, 1> const from(evaluator, target.extents);
  past_caches = past_caches && target.size() * sizeof(T) >= stream_from_bytes;
  prefix_chain<T> chain(blocks);
  chain.publish(0, rule.initial);

  auto const scan_block_number = [&](index block, T* local) {
    index const first = block * scan_block, count = std::min(scan_block, total - first);
    from.read(first, first + count, local);
    T const sum = scan_block_values(local, count, rule.op);
    T prefix{};
    if (!chain.wait(block, prefix)) return false;
    bool const has_prefix = rule.has_initial || block > 0;
    chain.publish(block + 1, has_prefix ? static_cast<T>(rule.op(prefix, sum)) : sum);
    apply_prefix(local, count, rule, has_prefix, prefix, target.data + first, past_caches);
    return true;
  };
  auto const work = [&](index) {
    std::unique_ptr<T[]> local(new T[static_cast<std::size_t>(std::min(scan_block, total))]);
    try {
      for (index block = chain.claim(); block < blocks; block = chain.claim())
        if (!scan_block_number(block, local.get())) return;
    } catch (...) {
      chain.fail();
      throw;
    }
  };
  if (total <= serial_below || where.threads() == 1)
    work(0);
  else
    where.run(static_cast<index>(where.threads()), work);
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
