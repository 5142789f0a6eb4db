// scatter: the values of one expression written to the places that another one names.
#pragma once

#include "../backend/cpu/scatter.hpp"
#include "gather.hpp"
#if LOCKSTEP_CUDA
#include "../backend/cuda/scatter.cuh"
#else
#include "../backend/no_cuda.hpp"
#endif

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// How scatter combines values for one place: the one that comes last remains.
struct last {
  static constexpr bool is_distinct = false;
};
/// A promise that no index comes twice, which makes scatter faster. If one does, any of its values remains.
struct distinct {
  static constexpr bool is_distinct = true;
};

/// Replaces, or combines by an operator.
template <class Op>
struct place_combiner {
  static constexpr bool is_distinct = false;
  Op op;
  template <class T, class V>
  LOCKSTEP_INLINE void operator()(T& place, V const& value) const {
    place = static_cast<T>(op(place, static_cast<T>(value)));
  }
};
template <class Op>
requires requires { Op::is_distinct; }
struct place_combiner<Op> {
  static constexpr bool is_distinct = Op::is_distinct;
  Op op;
  template <class T, class V>
  LOCKSTEP_INLINE void operator()(T& place, V const& value) const {
    place = static_cast<T>(value);
  }
};

template <class T, expression I, expression E, class Op>
void scatter_into(device const& where, view<T, 1> const& target, I const& indices, E const& values, Op op) {
  auto const& at = borrow_node(indices);
  auto const& e = borrow_node(values);
  if (!(at.shape() == e.shape()))
    throw shape_error(text_of({"scatter: found indices of the shape ", to_string(at.shape()),
                               " and values of the shape ", to_string(e.shape()), ", expected one shape"}));
  require_device(at, where);
  require_device(e, where);
  if (at.size() == 0) return;
  bool const reads_target = overlap_of(at, target) != overlap::none || overlap_of(e, target) != overlap::none;
  if (reads_target) {  // what is read may not be what is written: it is computed first
    array<value_t<I>, rank_v<I>> const own_indices = evaluate_to_array<value_t<I>>(where, at);
    array<value_t<E>, rank_v<E>> const own_values = evaluate_to_array<value_t<E>>(where, e);
    return scatter_into(where, target, own_indices, own_values, op);
  }
  lowering context{where, {}};
  auto const index_evaluator = at.lower(context, at.shape());
  auto const value_evaluator = e.lower(context, e.shape());
  index const extent = target.extents[0];
  using combiner = place_combiner<Op>;
  if (where.is_gpu())
    return cuda::scatter<T, Op>(where, target.data, extent, e.shape(), value_evaluator, index_evaluator, combiner{op});
  cpu::reader const places(index_evaluator, at.shape());
  cpu::reader const from(value_evaluator, e.shape());
  index bad;
  if (cpu::find_bad_index(where, places, static_cast<index>(at.size()), extent, bad))
    throw error(text_of(
        {"scatter: found the index ", bad, ", expected indices from 0 to ", extent - 1, "; nothing was written"}));
  cpu::scatter(where, target.data, extent, e.shape(), from, places, combiner{op}, combiner::is_distinct);
}

/// target[indices[i]] = values[i], or op(target[indices[i]], values[i]) with an operator such as plus{}, minimum{} or
/// maximum{}: combined in the order of i, so that also floating results are those of a serial loop, bit for bit, on any
/// number of threads. Without an operator the last value for a place remains; `distinct{}` promises that no index comes
/// twice. The target has one axis; indices and values have one shape. Throws shape_error when they don't, error for an
/// index outside of the target, both before anything is written; on a GPU values for such an index are left out, since
/// nothing waits for the device.
template <class T, expression I, expression E, class Op = last>
requires(std::is_integral_v<value_t<I>>) void scatter(array<T, 1>& target, I const& indices, E const& values,
                                                      Op op = {}) {
  scatter_into(target.device(), target.view(), indices, values, callable(op));
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
