// Scans of rows of many blocks that lie in memory: all blocks of all rows are one chain, so that threads are started
// once, and whoever has finished a row goes on with the next.
#pragma once

#include "scan.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// `step` apart, rows of `length` elements; the results are dense. For operators that are applied in registers.
template <class T, class Op>
class long_row_scanner {
 public:
  long_row_scanner(scan_rule<T, Op> const& rule, T const* in, index step, index rows, index length, T* target,
                   bool past_caches)
      : rule_(rule),
        in_(in),
        step_(step),
        length_(length),
        per_row_((length + scan_block - 1) / scan_block),
        blocks_(rows * per_row_),
        target_(target),
        past_caches_(past_caches),
        chain_(blocks_) {}

  /// Takes blocks in order until none is left. As in scanner, the bits are those of each row's own scan.
  void work() {
    using registers = block_scan<number, Op>;
    number sum{};
    bool summed = false;
    for (index block = chain_.claim(); block < blocks_;) {
      index const here = block, count = size(block);
      number before = initial();
      if (!summed && !ends_row(here)) sum = registers::total(in(here), count);
      if (here % per_row_ > 0) {
        T prefix{};
        chain_.wait(here, prefix);
        before = static_cast<number>(prefix);
      }
      if (!ends_row(here)) chain_.publish(here + 1, static_cast<T>(scan_operation<Op, T>::combine(before, sum)));
      block = chain_.claim();
      summed = block < blocks_ && !ends_row(block) && count == scan_block;
      index const after = block_after(here, block);
      blocks_ahead<number> const ahead{summed ? in(block) : nullptr, after < blocks_ ? in(after) : nullptr};
      sum = rule_.inclusive ? registers::template scan<true>(in(here), out(here), count, before, past_caches_, ahead)
                            : registers::template scan<false>(in(here), out(here), count, before, past_caches_, ahead);
    }
    if (past_caches_) stream_fence();
  }

 private:
  using number = scan_number<T, Op>;

  index begin(index block) const { return block % per_row_ * scan_block; }
  index size(index block) const { return std::min(scan_block, length_ - begin(block)); }
  bool ends_row(index block) const { return (block + 1) % per_row_ == 0; }
  number const* in(index block) const {
    return reinterpret_cast<number const*>(in_ + block / per_row_ * step_ + begin(block));
  }
  number* out(index block) const {
    return reinterpret_cast<number*>(target_ + block / per_row_ * length_ + begin(block));
  }
  number initial() const {
    return rule_.has_initial ? static_cast<number>(rule_.initial) : scan_operation<Op, T>::identity;
  }

  scan_rule<T, Op> const& rule_;
  T const* in_;
  index step_, length_, per_row_, blocks_;
  T* target_;
  bool past_caches_;
  prefix_chain<T> chain_;
};

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
