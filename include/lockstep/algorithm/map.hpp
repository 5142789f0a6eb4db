// map: evaluating expressions into arrays and windows: assignment, fuse, and values on the host.
#pragma once

#include <tuple>

#include "../backend/cpu/map.hpp"
#include "../expression/views.hpp"
#if LOCKSTEP_CUDA
#include "../backend/cuda/map.cuh"
#endif

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// Thrown by everything that would have to run on a GPU from a file compiled without CUDA.
[[noreturn, gnu::cold, gnu::noinline]] inline void throw_needs_cuda(device const& where) {
  throw device_error("found an expression for " + where.name() +
                     " in a file compiled without CUDA; compile this file with nvcc as CUDA, or copy the arrays to a "
                     "CPU device with array::to(device)");
}

/// How an expression's leaves lie to the memory that it is written to.
enum class overlap {
  none,
  in_place,  ///< every element is read before it is written, and only for itself
  hazard     ///< some element would be overwritten before it is read
};

template <node E, class T, std::size_t Rank>
overlap overlap_of(E const& e, view<T, Rank> const& target) {
  index last = 1;
  for (std::size_t axis = 0; axis < Rank; ++axis) last += (target.extents[axis] - 1) * target.strides[axis];
  auto const* begin = reinterpret_cast<char const*>(target.data);
  auto const* end = reinterpret_cast<char const*>(target.data + last);
  overlap found = overlap::none;
  e.visit([&](leaf_info const& leaf) {
    if (leaf.end <= begin || leaf.begin >= end) return;
    bool same = leaf.pointwise && leaf.rank == Rank && leaf.data == target.data;
    for (std::size_t axis = 0; same && axis < Rank; ++axis)
      same = leaf.strides[axis] == target.strides[axis] && leaf.extents[axis] == target.extents[axis];
    if (!same)
      found = overlap::hazard;
    else if (found == overlap::none)
      found = overlap::in_place;
  });
  return found;
}

/// Nodes that write their own result in one pass of their own, instead of being read element by element.
template <class E>
concept writes_itself = requires(E const& e, lowering& context, view<value_t<E>, rank_v<E>> const& target) {
  e.write(context, target);
};

/// Evaluates a node whose operands do not overlap the target in a harmful way.
template <node E, class T, std::size_t Rank>
void store_node(lowering& context, E const& e, view<T, Rank> const& target, bool past_caches) {
  auto const run = [&](auto const& n, auto const& to) {
    auto const evaluator = n.lower(context, to.extents);
    if (context.where.is_cpu()) {
      cpu::store(context.where, past_caches, cpu::output{to, evaluator});
    } else {
#if LOCKSTEP_CUDA
      cuda::store(context.where, cuda::output{to, evaluator});
#else
      throw_needs_cuda(context.where);
#endif
    }
  };
  if constexpr (Rank > 1 && can_flatten<E>)
    if (e.is_flat(target.extents) && target.strides == row_major_strides(target.extents))
      return run(e.flatten(), view<T, 1>(target.data, shape<1>(target.size())));
  run(e, target);
}

/// Evaluates into memory of the expression's shape.
template <node E, class T, std::size_t Rank>
void evaluate_into(device const& where, E const& e, view<T, Rank> const& target) {
  lowering context{where, {}};
  if constexpr (writes_itself<E> && std::is_same_v<T, value_t<E>>)
    e.write(context, target);
  else
    store_node(context, e, target, overlap_of(e, target) == overlap::none);
}

template <node E>
device device_or_default(E const& e) {
  device found = device_of(e);
  return found.valid() ? found : default_device();
}

/// A new array on a device that holds the expression's values.
template <class T, node E>
array<T, rank_v<E>> evaluate_to_array(device const& where, E const& e) {
  require_device(e, where);
  array<T, rank_v<E>> result(where, e.shape());
  if (result.size() != 0) evaluate_into(where, e, result.view());
  return result;
}
/// The same on the device that the expression lies on.
template <class T, node E>
array<T, rank_v<E>> evaluate_to_array(E const& e) {
  return evaluate_to_array<T>(device_or_default(e), e);
}

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_wrong_shape(std::string const& found, std::string const& e,
                                                                     std::string const& expected) {
  throw shape_error("found an expression of the shape " + found + ", " + e +
                    ", expected the shape of the array or window assigned to, " + expected);
}
template <node E, std::size_t Rank>
void require_shape(E const& e, shape<Rank> const& target) {
  if (!(e.shape() == target)) throw_wrong_shape(to_string(e.shape()), to_text(e), to_string(target));
}

/// `target = expression`, right even where the expression reads the target. `Dense` says what the type of the target
/// knows: the elements have no gaps.
template <bool Dense, node E, class T, std::size_t Rank>
void assign_into(device const& where, E const& e, view<T, Rank> const& target) {
  require_shape(e, target.extents);
  require_device(e, where);
  if (target.size() == 0) return;
  if (overlap_of(e, target) != overlap::hazard) return evaluate_into(where, e, target);
  array<T, Rank> const temporary = evaluate_to_array<T>(e);
  if constexpr (Dense)
    where.state().copy(target.data, temporary.data(), target.size() * sizeof(T));
  else
    evaluate_into(where, as_node(temporary), target);
}

/// A rank-0 expression beside a target with axes fills the target.
template <std::size_t Rank, node E>
decltype(auto) spread_over(E const& e, shape<Rank> const& target) {
  if constexpr (rank_v<E> == 0 && Rank > 0)
    return broadcast_of(e, target);
  else
    return (e);
}

template <class T, std::size_t Rank, expression E>
void assign_expression(array<T, Rank>& target, E const& expression) {
  auto const& e = borrow_node(expression);
  if (target.has_storage())
    assign_into<true>(target.device(), spread_over(e, target.shape()), target.view());
  else if constexpr (rank_v<E> == Rank)
    target = evaluate_to_array<T>(e);
  else
    throw shape_error("found " + to_text(e) + " for an array without a shape, expected an array that has one");
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
  return evaluate_to_array<value_t<E>>(borrow_node(e));
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
