// One scan by several devices of a process, each of which has a part of the elements. The threads of all devices take
// blocks in order, whoever has them, so that memory is read and written once, as by one device with all the threads.
#pragma once

#include <sched.h>

#include <atomic>
#include <utility>
#include <vector>

#include "../../core/owned_array.hpp"
#include "scan.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// What all devices share: the prefixes of all blocks, and how many devices are still at work.
template <class T>
struct shared_chain {
  prefix_chain<T> prefixes;
  std::atomic<std::size_t> inside;

  shared_chain(index blocks, T const& initial, std::size_t devices) : prefixes(blocks), inside(devices) {
    prefixes.publish(0, initial);
  }
  /// Waits for all devices: nobody may touch another's memory any more.
  void leave() {
    inside.fetch_sub(1);
    while (inside.load() != 0) sched_yield();
  }
};

/// A device's elements, which begin at block `first_block` of all.
template <class T, class Evaluator>
struct shared_scan_part {
  reader<Evaluator, 1> from;
  T const* memory;  ///< the operand's own, where it lies dense
  T* target;
  index first_block, size;
  bool past_caches;

  struct piece {
    index begin, size;
  };
  piece elements(index block) const {
    index const begin = (block - first_block) * scan_block;
    return {begin, std::min(scan_block, size - begin)};
  }
};

/// The work of one device. Its operator is one that registers combine; parts but the last have whole blocks.
template <class T, class Op, class Evaluator>
class shared_scanner {
  using part = shared_scan_part<T, Evaluator>;
  using number = scan_number<T, Op>;
  using registers = block_scan<number, Op, false>;
  using operation = scan_operation<Op, T>;

 public:
  /// `parts` are those of all devices in order; block `blocks` is none.
  shared_scanner(scan_rule<T, Op> const& rule, std::vector<part const*> const& parts, index blocks,
                 shared_chain<T>& chain)
      : rule_(rule), parts_(parts), blocks_(blocks), chain_(chain.prefixes) {}

  void work() {
    try {
      take_blocks();
    } catch (...) {
      chain_.fail();
      throw;
    }
    stream_fence();
  }

 private:
  part const& owner_of(index block) const {
    std::size_t r = parts_.size() - 1;
    while (parts_[r]->first_block > block || parts_[r]->size == 0) --r;
    return *parts_[r];
  }

  // As scanner::scan_in_registers does.
  void take_blocks() {
    owned_array<T> space;
    number sum{};
    T prefix{};
    bool summed = false;
    for (index block = chain_.claim(); block < blocks_;) {
      part const& mine = owner_of(block);
      auto const all = mine.elements(block);
      auto const* values = reinterpret_cast<number const*>(values_of(mine, all, space));
      auto* const out = reinterpret_cast<number*>(mine.target + all.begin);
      bool const last = block + 1 == blocks_;  // nobody asks for its sum
      if (!summed && !last) sum = registers::total(values, all.size);
      if (!chain_.wait(block, prefix)) return;
      bool const has_prefix = rule_.has_initial || block > 0;
      auto const before = has_prefix ? static_cast<number>(prefix) : operation::identity;
      if (!last) chain_.publish(block + 1, static_cast<T>(operation::combine(before, sum)));
      index const scanned = std::exchange(block, chain_.claim());
      blocks_ahead<number> const ahead{whole_block(block), whole_block(block_after(scanned, block))};
      summed = ahead.next != nullptr;
      sum = rule_.inclusive ? registers::template scan<true>(values, out, all.size, before, mine.past_caches, ahead)
                            : registers::template scan<false>(values, out, all.size, before, mine.past_caches, ahead);
    }
  }
  number const* whole_block(index block) const {
    if (block >= blocks_) return nullptr;
    part const& p = owner_of(block);
    auto const all = p.elements(block);
    if (!p.memory || all.size != scan_block) return nullptr;
    return reinterpret_cast<number const*>(p.memory + all.begin);
  }
  T const* values_of(part const& p, typename part::piece all, owned_array<T>& space) const {
    if (p.memory) return p.memory + all.begin;
    if (!space) space.reset(new T[static_cast<std::size_t>(scan_block)]);
    for (index at = all.begin, end = all.begin + all.size; at < end; at += buffer_length)
      p.from.read(at, std::min(end, at + buffer_length), space.get() + (at - all.begin));
    return space.get();
  }

  scan_rule<T, Op> rule_;
  std::vector<part const*> const& parts_;
  index blocks_;
  prefix_chain<T>& chain_;
};

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
