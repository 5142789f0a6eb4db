// Part of a scan on CPU threads: the totals of its blocks, from which ranks know the prefixes of their parts.
#pragma once

#include "../../core/owned_array.hpp"
#include "scan.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// totals[b] = the combination of block b's values, with the bits that a scan of them passes on.
template <class T, class Op, class Evaluator>
void block_totals(device const& where, scan_rule<T, Op> const& rule, Evaluator const& evaluator, index count,
                  T* totals) {
  shape<1> const extents(count);
  reader<Evaluator, 1> const from(evaluator, extents);
  T const* const memory = memory_of<T>(from);
  index const blocks = (count + scan_block - 1) / scan_block;
  parallel_ranges(where, blocks, 1, serial_below / scan_block, [&](index first, index last) {
    owned_array<T> const space(memory ? nullptr : new T[static_cast<std::size_t>(scan_block)]);
    for (index b = first; b < last; ++b) {
      index const begin = b * scan_block, end = std::min(count, begin + scan_block);
      if (!memory) from.read(begin, end, space.get());
      T const* const values = memory ? memory + begin : space.get();
      if constexpr (scans_in_registers<T, Op>) {
        using number = scan_number<T, Op>;
        totals[b] =
            static_cast<T>(block_scan<number, Op, false>::total(reinterpret_cast<number const*>(values), end - begin));
      } else {
        T all = values[0];
        for (index i = 1; i < end - begin; ++i) all = static_cast<T>(rule.op(all, values[i]));
        totals[b] = all;
      }
    }
  });
}

/// The prefix after `count` blocks with these totals, with the bits of a scan that has them all.
template <class T, class Op>
T prefix_after(scan_rule<T, Op> const& rule, T const* totals, index count) {
  T prefix = rule.initial;
  for (index b = 0; b < count; ++b) {
    bool const has_prefix = rule.has_initial || b > 0;
    if constexpr (scans_in_registers<T, Op>) {
      using number = scan_number<T, Op>;
      using operation = scan_operation<Op, T>;
      auto const before = has_prefix ? static_cast<number>(prefix) : static_cast<number>(operation::identity);
      prefix = static_cast<T>(operation::combine(before, static_cast<number>(totals[b])));
    } else {
      prefix = has_prefix ? static_cast<T>(rule.op(prefix, totals[b])) : totals[b];
    }
  }
  return prefix;
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
