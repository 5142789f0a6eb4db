// Scans from the last element to the first on CPU threads, as cpu::scan does it from the first on. For operators that
// are not applied in registers, blocks counted from the end are turned round where they are read, scanned in the cache,
// and turned back where they are written.
#pragma once

#include "../../core/owned_array.hpp"
#include "scan.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

template <class Op>
auto exchange(Op const& op) {
  if constexpr (std::is_same_v<Op, plus>)
    return op;
  else
    return exchanged<Op>{op};
}

/// One scan with any operator while it runs. `Op` takes what was combined before on the left.
template <class T, class Op, class Evaluator>
class backward_scanner {
 public:
  backward_scanner(scan_rule<T, Op> const& rule, Evaluator const& evaluator, view<T, 1> const& target)
      : rule_(rule),
        reader_(evaluator, target.extents),
        target_(target.data),
        total_(target.extents[0]),
        blocks_((total_ + scan_block - 1) / scan_block),
        chain_(blocks_) {
    chain_.publish(0, rule.initial);
  }

  /// Takes blocks in order, from the last elements on, until none is left.
  void work() {
    try {
      owned_array<T> const space(new T[static_cast<std::size_t>(std::min(scan_block, total_))]);
      for (index block = chain_.claim(); block < blocks_ && scan(block, space.get());) block = chain_.claim();
    } catch (...) {
      chain_.fail();
      throw;
    }
  }

 private:
  bool scan(index block, T* space) {
    index const last = total_ - block * scan_block, count = std::min(scan_block, last);
    local_values<T, buffer_length> near;
    for (index done = 0; done < count; done += buffer_length) {
      index const some = std::min(buffer_length, count - done);
      reader_.read(last - done - some, last - done, near.data());
      turn(near.data(), some, space + done);
    }
    scan_values(space, count, rule_.op, static_cast<T const*>(nullptr));
    T prefix{};
    if (!chain_.wait(block, prefix)) return false;
    bool const prefixed = rule_.has_initial || block > 0;
    T const& sum = space[count - 1];
    chain_.publish(block + 1, prefixed ? add(prefix, sum) : sum);
    write(space, count, last, prefixed ? &prefix : nullptr);
    return true;
  }
  void write(T const* local, index count, index last, T const* prefix) const {
    T* out = target_ + last - 1;
    if (!rule_.inclusive) {
      *out-- = *prefix;
      --count;
    }
    if (!prefix) return turn(local, count, out - count + 1);
    T const p = *prefix;
    LOCKSTEP_INDEPENDENT
    for (index i = 0; i < count; ++i) out[-i] = add(p, local[i]);
  }
  static void turn(T const* from, index count, T* to) {
    LOCKSTEP_INDEPENDENT
    for (index i = 0; i < count; ++i) to[count - 1 - i] = from[i];
  }
  T add(T const& left, T const& right) const { return static_cast<T>(rule_.op(left, right)); }

  scan_rule<T, Op> const& rule_;
  reader<Evaluator, 1> reader_;
  T* target_;
  index total_, blocks_;
  prefix_chain<T> chain_;
};

/// Scans the values of an evaluator of one axis, at least one, from the last on into dense memory.
template <class T, class Op, class Evaluator>
void scan_backward(device const& where, scan_rule<T, Op> const& rule, Evaluator const& evaluator,
                   view<T, 1> const& target, bool past_caches) {
  auto const op = exchange(rule.op);
  using exchanged_op = std::remove_const_t<decltype(op)>;
  scan_rule<T, exchanged_op> const turned{op, rule.inclusive, rule.has_initial, rule.initial};
  auto const run = [&](auto&& running) { run_sharing(where, target.extents[0], [&] { running.work(); }); };
  if constexpr (scans_in_registers<T, exchanged_op>)
    run(scanner<T, exchanged_op, Evaluator, true>(turned, evaluator, target, past_caches, where.threads() == 1));
  else
    run(backward_scanner<T, exchanged_op, Evaluator>(turned, evaluator, target));
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
