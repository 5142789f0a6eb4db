// segmented: every reduction over the segments of an expression of one axis: sum(e, segments(offsets)).
#pragma once

#include "../backend/cpu/segmented.hpp"
#include "reduce.hpp"
#if LOCKSTEP_CUDA
#include "../backend/cuda/segmented.cuh"
#endif

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// Where segments begin and end, given instead of an axis.
template <class O>
struct segment_bounds {
  O offsets;
  bool none_empty = false;  ///< known beforehand: a GPU then need not look
};

/// Segment s holds the elements from offsets[s] up to but not including offsets[s + 1]: one offset more than there are
/// segments, integers, ascending, some perhaps equal (empty segments), as in the row pointers of a sparse matrix. A GPU
/// does not check them.
template <expression O>
requires(rank_v<O> == 1 && std::is_integral_v<value_t<O>>) auto segments(O&& offsets) {
  auto node = as_node(std::forward<O>(offsets));
  return segment_bounds<decltype(node)>{std::move(node), false};
}

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_bad_offsets(char const* title, bool ascending, index at,
                                                                     index first, index second, index total) {
  throw error(text_of({title, ": found offset ", at, " = ", first, " and the next one = ", second,
                       ascending ? ", expected both from 0 to " : ", expected offsets that ascend from 0 to ", total}));
}

/// The reduction of every segment: an expression with one element each.
template <class Reducer, class E, class O>
struct [[nodiscard]] segmented_reduction : node_base<segmented_reduction<Reducer, E, O>, reduced_t<Reducer>, 1> {
  using result = reduced_t<Reducer>;
  Reducer reducer;
  E operand;
  O offsets;
  bool none_empty;
  lockstep::shape<1> extents;

  segmented_reduction(Reducer r, E e, segment_bounds<O> const& along)
      : reducer(r), operand(std::move(e)), offsets(along.offsets), none_empty(along.none_empty) {
    if (offsets.size() == 0)
      throw shape_error(text_of({Reducer::title, ": found no offsets, expected one more than there are segments"}));
    extents[0] = offsets.shape()[0] - 1;
  }
  lockstep::shape<1> const& shape() const { return extents; }

  template <class Visitor>
  void visit(Visitor&& visitor, bool = true) const {
    visit_pass(visitor, *this, false);
    offsets.visit(visitor, false);
  }
  [[gnu::cold, gnu::noinline]] void describe(std::string& text) const {
    append_text(text, {Reducer::title, "("});
    operand.describe(text);
    append_text(text, {", segments("});
    offsets.describe(text);
    append_text(text, {"))"});
  }

  void write(lowering& context, view<result, 1> const& target) const {
    if (target.strides[0] != 1) return store_node(context, *this, target, false);
    auto const evaluator = operand.lower(context, operand.shape());
    reduction_part<Reducer, std::remove_const_t<decltype(evaluator)>> const part{reducer, evaluator};
    index const total = operand.shape()[0];
    if (context.where.is_gpu()) {
      array<index> copy;
      index const* const at = indices_in_memory(context.where, copy);
      return cuda::reduce_segments<value_t<E>>(context, part, total, at, extents[0], of_nothing(context, at),
                                               target.data);
    }
    array<value_t<O>> copy;
    cpu::offset_row<value_t<O>> const at{offsets_in_memory(context.where, copy)};
    auto const found = cpu::survey_offsets(context.where, at, extents[0], total);
    if (found.fault != cpu::offset_fault::none)
      throw_bad_offsets(Reducer::title, found.fault == cpu::offset_fault::outside, found.at, at[found.at],
                        at[found.at + 1], total);
    result const nothing = found.any_empty ? reducer.empty() : result{};  // or throws, before anything is written
    cpu::reduce_segments(context.where, operand.shape(), part, at, extents[0], found.any_long, nothing, target.data);
  }

  template <std::size_t R>
  auto lower(lowering& context, lockstep::shape<R> const& target) const {
    return computed_first(context, *this).lower(context, target);
  }

 private:
  /// The offsets where they lie, if they do so without gaps, or in `copy`.
  value_t<O> const* offsets_in_memory(device const& where, array<value_t<O>>& copy) const {
    if constexpr (requires { offsets.elements.data; })
      if (offsets.elements.strides[0] == 1) return offsets.elements.data;
    copy = evaluate_to_array<value_t<O>>(where, offsets);
    return copy.data();
  }
  /// The same as indices.
  index const* indices_in_memory(device const& where, array<index>& copy) const {
    if constexpr (std::is_same_v<value_t<O>, index>) return offsets_in_memory(where, copy);
    copy = evaluate_to_array<index>(where, offsets);
    return copy.data();
  }
  /// The result of an empty segment on a GPU. Where that is an error, the host waits to hear whether there is one.
  result of_nothing(lowering const& context, index const* offsets) const {
    try {
      return reducer.empty();
    } catch (error const&) {
      if (!none_empty && cuda::any_empty(context.where, offsets, extents[0])) throw;
      return result{};
    }
  }
};

template <template <class...> class Reducer, class... Extra, expression E, class O>
auto reduction_of(E&& e, segment_bounds<O> const& along) {
  static_assert(rank_v<E> == 1, "segments are parts of an expression of one axis; use reshape(shape{n}) to flatten");
  auto operand = as_number(std::forward<E>(e));
  using reducer = Reducer<value_t<decltype(operand)>, Extra...>;
  return segmented_reduction<reducer, decltype(operand), O>(reducer{}, std::move(operand), along);
}

/// Sum of every segment, with the types of sum(e). Of the same bits on any number of threads, as all that follow.
template <expression E, class O>
auto sum(E&& e, segment_bounds<O> const& along) {
  return reduction_of<sum_reducer>(std::forward<E>(e), along);
}
/// Product of every segment.
template <expression E, class O>
auto product(E&& e, segment_bounds<O> const& along) {
  return reduction_of<product_reducer>(std::forward<E>(e), along);
}
/// Mean of every segment; NaN for an empty one.
template <expression E, class O>
auto mean(E&& e, segment_bounds<O> const& along) {
  return reduction_of<mean_reducer>(std::forward<E>(e), along);
}
/// Smallest element of every segment. Evaluating it throws error where a segment is empty.
template <expression E, class O>
auto min(E&& e, segment_bounds<O> const& along) {
  return reduction_of<extremum_reducer, minimum>(std::forward<E>(e), along);
}
/// Largest element of every segment. Evaluating it throws error where a segment is empty.
template <expression E, class O>
auto max(E&& e, segment_bounds<O> const& along) {
  return reduction_of<extremum_reducer, maximum>(std::forward<E>(e), along);
}
/// Place of the first smallest element of every segment, counted from the segment's beginning.
template <expression E, class O>
auto argmin(E&& e, segment_bounds<O> const& along) {
  return reduction_of<position_reducer, minimum>(std::forward<E>(e), along);
}
/// Place of the first largest element of every segment, counted from the segment's beginning.
template <expression E, class O>
auto argmax(E&& e, segment_bounds<O> const& along) {
  return reduction_of<position_reducer, maximum>(std::forward<E>(e), along);
}
/// Whether an element of the segment is true, for every segment.
template <expression E, class O>
auto any(E&& e, segment_bounds<O> const& along) {
  auto operand = cast<bool>(std::forward<E>(e));
  return reduction_of<any_reducer>(std::move(operand), along);
}
/// Whether all elements of the segment are true, for every segment.
template <expression E, class O>
auto all(E&& e, segment_bounds<O> const& along) {
  auto operand = cast<bool>(std::forward<E>(e));
  return reduction_of<all_reducer>(std::move(operand), along);
}
/// How many elements of the segment are true, for every segment.
template <expression E, class O>
auto count(E&& e, segment_bounds<O> const& along) {
  return reduction_of<count_reducer>(std::forward<E>(e), along);
}
/// initial op e0 op e1 op ... for every segment, with an associative operator.
template <expression E, class T, class Op, class O>
requires std::convertible_to<T, value_t<E>>
auto reduce(E&& e, T initial, Op op, segment_bounds<O> const& along) {
  using reducer = operator_reducer<value_t<E>, callable_t<Op>>;
  auto operand = as_node(std::forward<E>(e));
  return segmented_reduction<reducer, decltype(operand), O>(reducer{static_cast<value_t<E>>(initial), callable(op)},
                                                            std::move(operand), along);
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
