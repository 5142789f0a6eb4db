// scan: inclusive and exclusive prefix combinations of any expression of one axis, in one pass over memory.
#pragma once

#include "../backend/cpu/scan.hpp"
#include "../expression/device_function.hpp"
#include "map.hpp"
#if LOCKSTEP_CUDA
#include "../backend/cuda/scan.cuh"
#endif

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// The prefix combinations of an expression: an expression of the same shape.
template <class T, class Op, class E>
struct [[nodiscard]] scan_node : node_base<scan_node<T, Op, E>, T, 1> {
  scan_rule<T, Op> rule;
  E operand;

  scan_node(scan_rule<T, Op> r, E e) : rule(r), operand(std::move(e)) {}
  auto const& shape() const { return operand.shape(); }

  // Blocks are read before they are written, so a scan may replace what it reads element by element.
  template <class Visitor>
  void visit(Visitor&& visitor, bool pointwise = true) const {
    visit_pass(visitor, *this, pointwise);
  }
  [[gnu::cold, gnu::noinline]] void describe(std::string& text) const {
    text += rule.inclusive ? "inclusive_scan(" : "exclusive_scan(";
    operand.describe(text);
    text += ")";
  }

  void write(lowering& context, view<T, 1> const& target) const {
    if (target.strides[0] != 1) return store_node(context, *this, target, false);
    auto const evaluator = operand.lower(context, target.extents);
    if (context.where.is_cpu()) {
      cpu::scan(context.where, rule, evaluator, target, overlap_of(operand, target) == overlap::none);
    } else {
#if LOCKSTEP_CUDA
      cuda::scan(context, rule, evaluator, target);
#else
      throw_needs_cuda(context.where);
#endif
    }
  }

  template <std::size_t R>
  auto lower(lowering& context, lockstep::shape<R> const& target) const {
    return computed_first(context, *this).lower(context, target);
  }
};

/// What a scan of values V yields: bools are counted, half and bfloat16 become float, everything else keeps its type.
template <class V>
using scan_t = std::conditional_t<std::is_same_v<V, bool>, index, widened_t<V>>;

template <class T, class Op, expression E>
auto make_scan(E&& e, scan_rule<T, Op> const& rule) {
  static_assert(rank_v<E> == 1, "a scan takes an expression of one axis; use reshape(shape{n}) to flatten");
  auto operand = as_node(std::forward<E>(e));
  return scan_node<T, Op, decltype(operand)>(rule, std::move(operand));
}

/// Element i is e[0] op ... op e[i] for an associative operator. Floating results are combined in blocks of fixed size:
/// the same bits on any number of threads, but not those of a serial loop: sums of numbers that are not negative can
/// step back by a rounding error. One pass over memory.
template <expression E, class Op = plus>
auto inclusive_scan(E&& e, Op op = {}) {
  using T = scan_t<value_t<E>>;
  return make_scan(std::forward<E>(e), scan_rule<T, callable_t<Op>>{callable(op), true, false, T{}});
}
/// Element i is initial op e[0] op ... op e[i - 1].
template <expression E, class T = value_t<E>, class Op = plus>
requires std::convertible_to<T, value_t<E>>
auto exclusive_scan(E&& e, T initial = {}, Op op = {}) {
  using V = scan_t<value_t<E>>;
  return make_scan(std::forward<E>(e),
                   scan_rule<V, callable_t<Op>>{callable(op), false, true, static_cast<V>(initial)});
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
