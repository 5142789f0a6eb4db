// scan_lines: prefix combinations along one axis of an expression of any rank: inclusive_scan(e, axis(k), op).
#pragma once

#include "../backend/cpu/scan_columns.hpp"
#include "../backend/cpu/scan_lines.hpp"
#include "reduce.hpp"
#include "scan_result.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// The prefix combinations along one axis: an expression of the same shape.
template <class T, class Op, class E>
struct [[nodiscard]] axis_scan : scan_result<axis_scan<T, Op, E>, T, rank_v<E>> {
  static constexpr std::size_t Rank = rank_v<E>;
  scan_rule<T, Op> rule;
  E operand;
  std::size_t along;

  axis_scan(scan_rule<T, Op> r, E e, axis a) : rule(r), operand(std::move(e)), along(a.number) {
    if (along >= Rank)
      throw shape_error(
          text_of({title(), ": found axis ", along, ", expected an axis of the shape ", to_string(operand.shape())}));
  }
  char const* title() const { return rule.inclusive ? "inclusive_scan" : "exclusive_scan"; }
  auto const& shape() const { return operand.shape(); }

  // Every element is read before it is written, so a scan may replace what it reads element by element.
  template <class Visitor>
  void visit(Visitor&& visitor, bool pointwise = true) const {
    visit_pass(visitor, *this, pointwise);
  }
  [[gnu::cold, gnu::noinline]] void describe(std::string& text) const {
    append_text(text, {title(), "("});
    operand.describe(text);
    append_text(text, {", axis ", along, ")"});
  }
  void scan_into(lowering& context, view<T, Rank> const& target) const {
    if (context.where.is_gpu())
      return cuda::scan_lines(context, rule, operand.lower(context, target.extents), target.extents,
                              axis_split(target.extents, along), target.data);
    bool const past_caches = overlap_of(operand, target) == overlap::none;
    if (along + 1 == Rank)
      return cpu::scan_rows(context.where, rule, operand.lower(context, target.extents), target.extents, target.data,
                            past_caches);
    if constexpr (Rank > 1)
      with_lowered(
          context,
          [&](auto const& space, auto const& evaluator) {
            axis_split const split(target.extents, along);
            cpu::scan_columns(context.where, rule, evaluator, space, split, target.data, past_caches);
          },
          operand);
  }
};

template <class T, class Op, expression E>
auto make_axis_scan(E&& e, scan_rule<T, Op> const& rule, axis along) {
  static_assert(rank_v<E> > 0, "a rank-0 expression has no axis to scan along");
  auto operand = as_node(std::forward<E>(e));
  return axis_scan<T, Op, decltype(operand)>(rule, std::move(operand), along);
}

/// Element (.., i, ..) combines the elements 0 to i of its line along the axis, with the types of the scan of one axis,
/// for an associative operator. shape_error for an axis that is not there. One pass over memory; the same bits on any
/// number of threads: along the last axis those of each row's own scan, along another one those of a serial loop, or,
/// of at most 256 long columns, of blocks of rows, each combined with what lies before it.
template <expression E, class Op = plus>
auto inclusive_scan(E&& e, axis along, Op op = {}) {
  return make_axis_scan(std::forward<E>(e), inclusive_rule<scan_t<value_t<E>>>(op), along);
}
/// Element (.., i, ..) combines `initial` and the elements 0 to i - 1 of its line along the axis.
template <expression E, class T = value_t<E>, class Op = plus>
requires std::convertible_to<T, value_t<E>>
auto exclusive_scan(E&& e, axis along, T initial = {}, Op op = {}) {
  return make_axis_scan(std::forward<E>(e), exclusive_rule<scan_t<value_t<E>>>(initial, op), along);
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
