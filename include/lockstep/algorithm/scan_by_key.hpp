// scan_by_key: prefix combinations that begin anew wherever a key differs from the one before it, or where a segment
// begins: inclusive_scan_by_key(keys, values), inclusive_scan(e, segments(offsets)).
#pragma once

#include "../backend/cpu/scan_by_key.hpp"
#include "scan_result.hpp"
#include "segmented.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// The prefix combinations of the values of every run of equal keys.
template <class T, class Op, class Equal, class K, class E>
struct [[nodiscard]] keyed_scan : scan_result<keyed_scan<T, Op, Equal, K, E>, T, 1> {
  scan_rule<T, Op> rule;
  Equal equal;
  K keys;
  E operand;

  keyed_scan(scan_rule<T, Op> r, Equal same, K k, E e)
      : rule(r), equal(same), keys(std::move(k)), operand(std::move(e)) {
    if (!(keys.shape() == operand.shape()))
      throw shape_error(text_of({title(), ": found keys of the shape ", to_string(keys.shape()),
                                 " and values of the shape ", to_string(operand.shape()), ", expected equal ones"}));
  }
  char const* title() const { return rule.inclusive ? "inclusive_scan_by_key" : "exclusive_scan_by_key"; }
  auto const& shape() const { return operand.shape(); }

  // Values are read before they are overwritten, but the key before a block's first element may be too late.
  template <class Visitor>
  void visit(Visitor&& visitor, bool pointwise = true) const {
    visit_pass(visitor, *this, pointwise);
    keys.visit(visitor, false);
  }
  [[gnu::cold, gnu::noinline]] void describe(std::string& text) const {
    append_text(text, {title(), "("});
    keys.describe(text);
    append_text(text, {", "});
    operand.describe(text);
    append_text(text, {")"});
  }

  void scan_into(lowering& context, view<T, 1> const& target) const {
    auto const key = keys.lower(context, target.extents);
    auto const evaluator = operand.lower(context, target.extents);
    if (context.where.is_gpu())
      return cuda::scan_by_key<value_t<K>, value_t<E>>(context, rule, equal, key, evaluator, target);
    cpu::key_heads<value_t<K>, Equal, std::remove_const_t<decltype(key)>> const heads(key, target.extents, equal);
    cpu::scan_from_heads(context.where, rule, heads, evaluator, target, overlap_of(*this, target) == overlap::none);
  }
};

/// The prefix combinations of the values of every segment.
template <class T, class Op, class O, class E>
struct [[nodiscard]] segmented_scan : scan_result<segmented_scan<T, Op, O, E>, T, 1> {
  scan_rule<T, Op> rule;
  O offsets;
  E operand;

  segmented_scan(scan_rule<T, Op> r, O o, E e) : rule(r), offsets(std::move(o)), operand(std::move(e)) {
    if (offsets.size() == 0)
      throw shape_error(text_of({title(), ": found no offsets, expected one more than there are segments"}));
  }
  char const* title() const { return rule.inclusive ? "inclusive_scan" : "exclusive_scan"; }
  auto const& shape() const { return operand.shape(); }

  template <class Visitor>
  void visit(Visitor&& visitor, bool pointwise = true) const {
    visit_pass(visitor, *this, pointwise);
    offsets.visit(visitor, false);
  }
  [[gnu::cold, gnu::noinline]] void describe(std::string& text) const {
    append_text(text, {title(), "("});
    operand.describe(text);
    append_text(text, {", segments("});
    offsets.describe(text);
    append_text(text, {"))"});
  }

  void scan_into(lowering& context, view<T, 1> const& target) const {
    array<index> bounds;
    index const* const at = offsets_in_memory(context.where, bounds);
    index const segments = offsets.shape()[0] - 1, total = operand.shape()[0];
    if (context.where.is_gpu())
      return cuda::scan_segments<value_t<E>>(context, rule, at, segments, operand.lower(context, target.extents),
                                             target);
    auto const found = cpu::survey_offsets(context.where, cpu::offset_row<index>{at}, segments, total);
    if (found.fault != cpu::offset_fault::none)
      throw_bad_offsets(title(), found.fault == cpu::offset_fault::outside, found.at, at[found.at], at[found.at + 1],
                        total);
    if (at[0] != 0 || at[segments] != total)
      throw error(text_of({title(), ": found segments from ", at[0], " to ", at[segments],
                           ", expected them to cover all elements, from 0 to ", total,
                           "; scan a slice, or add a segment for the elements left out"}));
    auto const evaluator = operand.lower(context, target.extents);
    cpu::scan_from_heads(context.where, rule, cpu::segment_heads(at, segments), evaluator, target,
                         overlap_of(*this, target) == overlap::none);
  }

 private:
  /// The offsets where they lie, if they are indices without gaps, or in `copy`.
  index const* offsets_in_memory(device const& where, array<index>& copy) const {
    if constexpr (std::is_same_v<value_t<O>, index> && requires { offsets.elements.data; })
      if (offsets.elements.strides[0] == 1) return offsets.elements.data;
    copy = evaluate_to_array<index>(where, offsets);
    return copy.data();
  }
};

template <class T, class Op, class Equal, expression K, expression E>
auto make_keyed_scan(K&& keys, E&& values, scan_rule<T, Op> const& rule, Equal equal) {
  static_assert(rank_v<K> == 1 && rank_v<E> == 1, "a scan by key takes keys and values of one axis");
  auto key = as_node(std::forward<K>(keys));
  auto operand = as_node(std::forward<E>(values));
  return keyed_scan<T, Op, callable_t<Equal>, decltype(key), decltype(operand)>(rule, callable(equal), std::move(key),
                                                                                std::move(operand));
}
template <class T, class Op, class O, expression E>
auto make_segmented_scan(E&& e, scan_rule<T, Op> const& rule, segment_bounds<O> const& along) {
  static_assert(rank_v<E> == 1, "segments are parts of an expression of one axis; use reshape(shape{n}) to flatten");
  auto operand = as_node(std::forward<E>(e));
  return segmented_scan<T, Op, O, decltype(operand)>(rule, along.offsets, std::move(operand));
}

/// Element i combines the values from the first of its run of equal keys to values[i]: v op ... op values[i], with an
/// associative operator and the types of inclusive_scan. A run ends where !equal(keys[i - 1], keys[i]); keys that are
/// NaN equal nothing. Expressions of one axis and one shape, otherwise shape_error. One pass over memory; the same bits
/// on any number of threads.
template <expression K, expression E, class Op = plus, class Equal = equal_to>
auto inclusive_scan_by_key(K&& keys, E&& values, Op op = {}, Equal equal = {}) {
  return make_keyed_scan(std::forward<K>(keys), std::forward<E>(values), inclusive_rule<scan_t<value_t<E>>>(op), equal);
}
/// The same up to values[i - 1], after `initial`, which is what every run begins with.
template <expression K, expression E, class T = value_t<E>, class Op = plus, class Equal = equal_to>
requires std::convertible_to<T, value_t<E>>
auto exclusive_scan_by_key(K&& keys, E&& values, T initial = {}, Op op = {}, Equal equal = {}) {
  return make_keyed_scan(std::forward<K>(keys), std::forward<E>(values),
                         exclusive_rule<scan_t<value_t<E>>>(initial, op), equal);
}

/// Every segment scanned on its own. The segments cover the expression: offsets that ascend from 0 to its size,
/// otherwise error when it is evaluated; empty ones hold nothing. A GPU does not check offsets.
template <expression E, class O, class Op = plus>
auto inclusive_scan(E&& e, segment_bounds<O> const& along, Op op = {}) {
  return make_segmented_scan(std::forward<E>(e), inclusive_rule<scan_t<value_t<E>>>(op), along);
}
/// Every segment scanned on its own, beginning with `initial`.
template <expression E, class O, class T = value_t<E>, class Op = plus>
requires std::convertible_to<T, value_t<E>>
auto exclusive_scan(E&& e, segment_bounds<O> const& along, T initial = {}, Op op = {}) {
  return make_segmented_scan(std::forward<E>(e), exclusive_rule<scan_t<value_t<E>>>(initial, op), along);
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
