// map: evaluating expressions into arrays and windows: assignment, fuse, and values on the host.
#pragma once

#include <tuple>

#include "../backend/cpu/map.hpp"
#include "../backend/cpu/transpose.hpp"
#include "../expression/leaves.hpp"
#include "../expression/views.hpp"
#if LOCKSTEP_CUDA
#include "../backend/cuda/map.cuh"
#include "../backend/cuda/transpose.cuh"
#else
#include "../backend/no_cuda.hpp"
#endif

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// Nodes that write their own result in one pass of their own, instead of being read element by element.
template <class E>
concept writes_itself = requires(E const& e, lowering& context, view<value_t<E>, rank_v<E>> const& target) {
  e.write(context, target);
};

/// Trees that are element-wise over one node which can be computed tile by tile in the memory that they are written to.
template <class E, class T, std::size_t Rank>
concept finishes_tiles = E::tile_sources == 1 && requires(E const& e, lowering& context, view<T, Rank> const& target) {
  e.tile_source().write_then(context, e, target);
};

/// What a node that writes itself becomes inside of a larger expression: it is computed first, into a temporary.
template <node E>
window<value_t<E> const, rank_v<E>, layout::dense> computed_first(lowering& context, E const& e) {
  using T = value_t<E>;
  auto const space = make_storage(context.where, e.size(), sizeof(T));
  context.temporaries.push_back(space);
  view<T, rank_v<E>> const values(static_cast<T*>(space->data), e.shape());
  if (values.size() != 0) e.write(context, values);
  return {space, values};
}

/// Evaluates a node whose operands do not overlap the target in a harmful way. `Dense` says what the type of the target
/// knows: the elements have no gaps.
template <bool Dense = false, node E, class T, std::size_t Rank>
void store_node(lowering& context, E const& e, view<T, Rank> const& target, [[maybe_unused]] bool past_caches) {
  if (context.where.is_cpu()) {  // lowered in place: short loops would wait for a copy
    using lowered = decltype(e.lower(context, target.extents));
    cpu::store(context.where, past_caches,
               cpu::output<T, Rank, lowered, Dense>{target, e.lower(context, target.extents)});
  } else {
#if LOCKSTEP_CUDA
    cuda::store(context.where, cuda::output{target, e.lower(context, target.extents)});
#else
    throw_needs_cuda(context.where);
#endif
  }
}

/// A copy of memory whose axis of stride 1 is not the last one, block by block. False where it is no such copy.
template <node E, class T, std::size_t Rank>
bool copied_in_blocks(device const&, E const&, view<T, Rank> const&) {
  return false;
}
template <class S, class T, std::size_t Rank>
requires(Rank > 1 && std::is_same_v<std::remove_const_t<S>, T>) bool copied_in_blocks(
    device const& where, window<S, Rank, layout::strided> const& e, view<T, Rank> const& target) {
  view<T const, Rank> from;
  from.data = e.elements.data;
  from.extents = e.elements.extents;
  from.strides = e.elements.strides;
  std::size_t const axis = cpu::turned_axis(from);
  if (axis == Rank || !(target.strides == row_major_strides(target.extents))) return false;
  if (where.is_cpu()) return cpu::copy_turned(where, from, axis, target.data), true;
#if LOCKSTEP_CUDA
  if constexpr (sizeof(T) <= cuda::most_turned_bytes) return cuda::copy_turned(where, from, axis, target.data), true;
#endif
  return false;
}

/// Evaluates into memory of the expression's shape. `past_caches` says that no leaf overlaps it.
template <bool Dense, node E, class T, std::size_t Rank>
void evaluate_into(device const& where, E const& e, view<T, Rank> const& target, bool past_caches = true) {
  lowering context{where, {}};
  if constexpr (writes_itself<E> && std::is_same_v<T, value_t<E>>) {
    e.write(context, target);
  } else {
    if (past_caches && copied_in_blocks(where, e, target)) return;
    if constexpr (finishes_tiles<E, T, Rank>)
      if (past_caches && e.tile_source().write_then(context, e, target)) return;
    if constexpr (Rank > 1 && can_flatten<E>)
      if (e.is_flat(target.extents) && (Dense || target.strides == row_major_strides(target.extents)))
        return store_node<true>(context, e.flatten(), view<T, 1>(target.data, shape<1>(target.size())), past_caches);
    store_node<Dense>(context, e, target, past_caches);
  }
}

template <node E>
device device_or_default(E const& e) {
  device found = device_of(e);
  if constexpr (!E::lies_on_device)  // otherwise files that make no devices need not compile how they are made
    if (!found.valid()) found = default_device();
  return found;
}

/// The device of the first leaf among expressions. Throws device_error when not all of them lie on it.
template <expression... Es>
device require_one_device(Es const&... es) {
  device where;
  static_cast<void>(((where = device_of(borrow_node(es))).valid() || ...));
  if (!where.valid()) where = default_device();
  (require_device(borrow_node(es), where), ...);
  return where;
}

/// A new array on a device that holds the expression's values.
template <class T, node E>
array<T, rank_v<E>> evaluate_to_array(device const& where, E const& e) {
  require_device(e, where);
  array<T, rank_v<E>> result(where, e.shape());
  if (result.size() != 0) evaluate_into<true>(where, e, result.view());
  return result;
}
/// The same on the device that the expression lies on.
template <class T, node E>
array<T, rank_v<E>> evaluate_to_array(E const& e) {
  return evaluate_to_array<T>(device_or_default(e), e);
}

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_wrong_shape(index const* found, index const* expected,
                                                                     std::size_t rank, any_node const& e) {
  throw_text<shape_error>({"found an expression of the shape ", extents_of(found, rank), ", ", e,
                           ", expected the shape of the array or window assigned to, ", extents_of(expected, rank)});
}
template <node E, std::size_t Rank>
void require_shape(E const& e, shape<Rank> const& target) {
  auto const& found = e.shape();
  if (!(found == target)) throw_wrong_shape(found.extents, target.extents, Rank, e);
}

/// `target = expression`, right even where the expression reads the target.
template <bool Dense, node E, class T, std::size_t Rank>
void assign_into(device const& where, E const& e, view<T, Rank> const& target) {
  require_shape(e, target.extents);
  overlap const found = require_device_find_overlap(e, where, target);
  if (target.size() == 0) return;
  if (found != overlap::hazard) return evaluate_into<Dense>(where, e, target, found == overlap::none);
  array<T, Rank> const temporary = evaluate_to_array<T>(where, e);
  if constexpr (Dense)
    where.state().copy(target.data, temporary.data(), target.size() * sizeof(T));
  else
    evaluate_into<Dense>(where, as_node(temporary), target);
}

/// A rank-0 expression beside a target with axes fills the target.
template <std::size_t Rank, node E>
decltype(auto) spread_over(E const& e, shape<Rank> const& target) {
  if constexpr (rank_v<E> == 0 && Rank > 0)
    return broadcast_of(e, target);
  else
    return (e);
}

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_no_shape(any_node const& e) {
  throw_text<shape_error>({"found ", e, " for an array without a shape, expected an array that has one"});
}

template <class T, std::size_t Rank, expression E>
void assign_expression(array<T, Rank>& target, E const& expression) {
  auto const& e = borrow_node(expression);
  if (target.has_storage())
    assign_into<true>(target.device(), spread_over(e, target.shape()), target.view());
  else if constexpr (rank_v<E> == Rank)
    target = evaluate_to_array<T>(e);
  else
    throw_no_shape(e);
}
template <class T, std::size_t Rank, layout Layout, expression E>
void assign_expression(window<T, Rank, Layout> const& target, E const& expression) {
  static_assert(!std::is_const_v<T>, "a window of a const array cannot be assigned to");
  assign_into<Layout == layout::dense>(target.device(), spread_over(borrow_node(expression), target.shape()),
                                       target.elements);
}

template <class E>
auto evaluate_to_host(E const& e) {
  return evaluate_to_array<value_t<E>>(borrow_node(e)).to_host();
}
template <class E>
value_t<E> evaluate_to_value(E const& e) {
  device const* const where = one_device_of(e);
  if (!where || !where->is_cpu()) return evaluate_to_array<value_t<E>>(e);
  value_t<E> value;  // needs no storage of the device's, which costs as much as adding up a thousand values
  evaluate_into<true>(*where, e, view<value_t<E>, 0>(&value, {}));
  return value;
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
