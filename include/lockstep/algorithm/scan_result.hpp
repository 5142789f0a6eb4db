// scan_result: what the nodes of all scans share: they write themselves, and inside a larger expression they are
// computed into a temporary first.
#pragma once

#include "scan.hpp"
#if LOCKSTEP_CUDA
#include "../backend/cuda/scan_parts.cuh"
#endif

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// Derived adds title(), shape(), visit, describe and scan_into(context, dense target of at least one element).
template <class Derived, class T, std::size_t Rank>
struct [[nodiscard]] scan_result : node_base<Derived, T, Rank> {
  void write(lowering& context, view<T, Rank> const& target) const {
    if (!(target.strides == row_major_strides(target.extents))) return store_node(context, self(), target, false);
    self().scan_into(context, target);
  }
  template <std::size_t R>
  auto lower(lowering& context, lockstep::shape<R> const& target) const {
    return computed_first(context, self()).lower(context, target);
  }

 private:
  Derived const& self() const { return static_cast<Derived const&>(*this); }
};

/// The rules of scans that yield values of T.
template <class T, class Op>
scan_rule<T, callable_t<Op>> inclusive_rule(Op op) {
  return {callable(op), true, false, T{}};
}
template <class T, class Op, class V>
scan_rule<T, callable_t<Op>> exclusive_rule(V const& initial, Op op) {
  return {callable(op), false, true, static_cast<T>(initial)};
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
