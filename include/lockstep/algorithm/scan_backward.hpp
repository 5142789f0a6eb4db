// scan_backward: scans from the last element to the first: inclusive_scan(e, backward{}, op).
#pragma once

#include "../backend/cpu/scan_backward.hpp"
#include "scan_result.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// Says that a scan goes from the last element to the first.
struct backward {};

/// The combinations of every element with those behind it.
template <class T, class Op, class E>
struct [[nodiscard]] backward_scan : scan_result<backward_scan<T, Op, E>, T, 1> {
  scan_rule<T, Op> rule;
  E operand;

  backward_scan(scan_rule<T, Op> r, E e) : rule(r), operand(std::move(e)) {}
  char const* title() const { return rule.inclusive ? "inclusive_scan" : "exclusive_scan"; }
  auto const& shape() const { return operand.shape(); }

  // Blocks are read before they are written, so a scan may replace what it reads element by element.
  template <class Visitor>
  void visit(Visitor&& visitor, bool pointwise = true) const {
    visit_pass(visitor, *this, pointwise);
  }
  [[gnu::cold, gnu::noinline]] void describe(std::string& text) const {
    append_text(text, {title(), "("});
    operand.describe(text);
    append_text(text, {", backward)"});
  }
  void scan_into(lowering& context, view<T, 1> const& target) const {
    auto const evaluator = operand.lower(context, target.extents);
    if (context.where.is_gpu()) return cuda::scan_backward(context, rule, evaluator, target);
    cpu::scan_backward(context.where, rule, evaluator, target, overlap_of(operand, target) == overlap::none);
  }
};

template <class T, class Op, expression E>
auto make_backward_scan(E&& e, scan_rule<T, Op> const& rule) {
  static_assert(rank_v<E> == 1, "a scan takes an expression of one axis; use reshape(shape{n}) to flatten");
  auto operand = as_node(std::forward<E>(e));
  return backward_scan<T, Op, decltype(operand)>(rule, std::move(operand));
}

/// Element i is e[i] op e[i + 1] op ... op e[n - 1] for an associative operator, with the types of inclusive_scan. One
/// pass over memory; the same bits on any number of threads.
template <expression E, class Op = plus>
auto inclusive_scan(E&& e, backward, Op op = {}) {
  return make_backward_scan(std::forward<E>(e), inclusive_rule<scan_t<value_t<E>>>(op));
}
/// Element i is e[i + 1] op ... op e[n - 1] op initial.
template <expression E, class T = value_t<E>, class Op = plus>
requires std::convertible_to<T, value_t<E>>
auto exclusive_scan(E&& e, backward, T initial = {}, Op op = {}) {
  return make_backward_scan(std::forward<E>(e), exclusive_rule<scan_t<value_t<E>>>(initial, op));
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
