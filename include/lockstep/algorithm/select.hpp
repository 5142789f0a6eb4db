// select: the elements that a mask or a predicate keeps, in order; where they are; and all elements parted by a mask.
#pragma once

#include "../backend/cpu/partition.hpp"
#include "reduce.hpp"
#if LOCKSTEP_CUDA
#include "../backend/cuda/select.cuh"
#endif

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_wrong_mask(char const* algorithm, extents_of const& mask,
                                                                    extents_of const& values, any_node const& e) {
  throw shape_error(text_of({algorithm, ": found a mask of the shape ", lockstep::to_string(mask.extents, mask.rank),
                             ", expected the shape ", lockstep::to_string(values.extents, values.rank), " of ",
                             to_text(e), "; repeat the mask with broadcast_to if it is to be repeated"}));
}

/// Whether `count` elements stay where there is room for `room`: else most of the memory would be held for nothing.
constexpr bool keeps_room(index count, index room) { return count >= room / 4; }
/// An array of the first `count` elements of memory that has room for `room`, copied where that is not kept.
template <class T>
array<T> take_front(counted_pointer<storage> memory, index count, index room) {
  if (keeps_room(count, room)) return array<T>(std::move(memory), shape<1>(count));
  array<T> result(memory->where, shape<1>(count));
  if (count > 0) memory->where.state().copy(result.data(), memory->data, static_cast<std::size_t>(count) * sizeof(T));
  return result;
}

/// An array of what fill(T* room for n elements) writes; it returns how many.
template <class T, class F>
array<T> select_into_array(device const& where, index n, F&& fill) {
  auto memory = make_storage(where, static_cast<std::size_t>(n), sizeof(T));
  index const kept = n > 0 ? fill(static_cast<T*>(memory->data)) : 0;
  return take_front<T>(std::move(memory), kept, n);
}

template <expression E, expression M>
void require_mask(char const* algorithm, E const& e, M const& mask) {
  static_assert(rank_v<E> == rank_v<M>, "a mask has as many axes as what it selects from");
  static_assert(
      requires(value_t<M> const& flag) { static_cast<bool>(flag); }, "the elements of a mask must convert to bool");
  if (!(e.shape() == mask.shape())) throw_wrong_mask(algorithm, extents_of(mask.shape()), extents_of(e.shape()), e);
}

// Below, sources name what is read, for CPUs or for GPUs: the functions that run them are found by their namespace.

/// Calls f(where, n, source) with the elements of `e` and their mask, ready to be read.
template <node E, node M, class F>
void with_masked(char const* algorithm, E const& e, M const& mask, F&& f) {
  require_mask(algorithm, e, mask);
  device const where = require_one_device(e, mask);
  lowering context{where, {}};
  with_lowered(
      context,
      [&]<class Values, class Flags, std::size_t R>(shape<R> const& extents, Values const& values, Flags const& flags) {
        using T = value_t<E>;
        auto const n = static_cast<index>(extents.size());
        if (where.is_cpu())
          return f(where, n, cpu::masked_elements<T, Values, Flags, R>{{values, extents}, {flags, extents}});
#if LOCKSTEP_CUDA
        if constexpr (holds_host_function<Values> || holds_host_function<Flags>)
          throw_host_only(where);
        else
          f(where, n, cuda::masked_elements<T, Values, Flags, R>{values, flags, extents});
#else
        throw_needs_cuda(where);
#endif
      },
      e, mask);
}

/// The elements of `e` whose mask is true (not 0; NaN is true), in row-major order: an array of one axis. The mask is
/// an expression of the same shape. Runs now, in one pass over memory; nothing but the result is stored. Throws
/// shape_error when the shapes differ, device_error when not all lies on one device.
template <expression E, expression M>
array<value_t<E>> select(E const& e, M const& mask) {
  using T = value_t<E>;
  array<T> result;
  with_masked("select", borrow_node(e), borrow_node(mask), [&](device const& where, index n, auto const& elements) {
    result = select_into_array<T>(where, n, [&](T* out) { return select_values(where, elements, n, out); });
  });
  return result;
}

/// The elements of `e` whose mask is false, in row-major order; otherwise as select.
template <expression E, expression M>
array<value_t<E>> remove(E const& e, M const& mask) {
  static_assert(
      requires(value_t<M> const& flag) { !flag; }, "the elements of a mask must convert to bool");
  return select(e, apply_elementwise(logical_not{}, mask));
}

/// Calls f(where, n, source) with the elements of `e` for which the predicate is Wanted.
template <bool Wanted, node E, class Predicate, class F>
void with_filtered(E const& e, Predicate const& predicate, F&& f) {
  using T = value_t<E>;
  device const where = require_one_device(e);
  lowering context{where, {}};
  with_lowered(
      context,
      [&]<class Values, std::size_t R>(shape<R> const& extents, Values const& values) {
        auto const n = static_cast<index>(extents.size());
        if (where.is_cpu())
          return f(where, n, cpu::filtered_elements<Wanted, T, Values, Predicate, R>{{values, extents}, predicate});
#if LOCKSTEP_CUDA
        using function = callable_t<Predicate>;
        if constexpr (holds_host_function<Values> || holds_host_function<function>)
          throw_host_only(where);
        else
          f(where, n, cuda::filtered_elements<Wanted, T, Values, function, R>{{values, extents}, callable(predicate)});
#else
        throw_needs_cuda(where);
#endif
      },
      e);
}

template <bool Wanted, expression E, class Predicate>
array<value_t<E>> filter(E const& e, Predicate const& predicate) {
  using T = value_t<E>;
  array<T> result;
  with_filtered<Wanted>(borrow_node(e), predicate, [&](device const& where, index n, auto const& elements) {
    result = select_into_array<T>(where, n, [&](T* out) { return select_values(where, elements, n, out); });
  });
  return result;
}

/// The elements for which predicate(element) is true, in row-major order: an array of one axis. The predicate is called
/// once per element, by several threads, in any order; what it throws is rethrown. Runs now, in one pass over memory.
template <expression E, class Predicate>
requires std::predicate < Predicate const&, value_t<E>
const& > array<value_t<E>> select_if(E const& e, Predicate const& predicate) { return filter<true>(e, predicate); }
/// The elements for which predicate(element) is false; otherwise as select_if.
template <expression E, class Predicate>
requires std::predicate < Predicate const&, value_t<E>
const& > array<value_t<E>> remove_if(E const& e, Predicate const& predicate) { return filter<false>(e, predicate); }

/// What partition returns: all elements, the selected ones first.
template <class T>
struct partition_result {
  array<T> values;
  index selected;  ///< how many are selected
};

/// All elements in an array of one axis: those whose mask is true first, then the others, each in row-major order. Runs
/// now; the mask is computed once. Throws as select does.
template <expression E, expression M>
partition_result<value_t<E>> partition(E const& e, M const& mask) {
  using T = value_t<E>;
  partition_result<T> result{{}, 0};
  with_masked("partition", borrow_node(e), borrow_node(mask), [&](device const& where, index n, auto const& elements) {
    result.values = array<T>(where, shape<1>(n));
    if (n > 0) result.selected = partition_values(where, elements, n, result.values.data());
  });
  return result;
}

/// Calls f(where, n, source) with the flags of `e`, whose positions are wanted.
template <node E, class F>
void with_positions(E const& e, F&& f) {
  static_assert(rank_v<E> > 0, "a rank-0 expression has no indices");
  device const where = require_one_device(e);
  lowering context{where, {}};
  with_lowered(
      context,
      [&]<class Flags, std::size_t R>(shape<R> const& extents, Flags const& flags) {
        auto const n = static_cast<index>(extents.size());
        if (where.is_cpu()) return f(where, n, cpu::masked_positions<Flags, R>{{flags, extents}});
#if LOCKSTEP_CUDA
        if constexpr (holds_host_function<Flags>)
          throw_host_only(where);
        else
          f(where, n, cuda::masked_positions<Flags, R>{{flags, extents}});
#else
        throw_needs_cuda(where);
#endif
      },
      e);
}

/// Where the elements are that are true or not 0 (NaN is not 0), in row-major order. Of an expression of one axis:
/// their indices; of more: their coordinates, an array of the shape (found, rank). Runs now, in one pass over memory.
template <expression E>
auto nonzero(E const& expression) {
  auto const& e = borrow_node(expression);
  array<index> positions;
  with_positions(e, [&](device const& where, index n, auto const& source) {
    positions = select_into_array<index>(where, n, [&](index* out) { return select_positions(where, source, n, out); });
  });
  if constexpr (rank_v<E> == 1) {
    return positions;
  } else {
    device const where = positions.device();
    array<index, 2> coordinates(where, shape<2>(positions.extent(0), rank_v<E>));
    if (where.is_cpu()) {
      cpu::expand_positions(where, e.shape(), positions.data(), positions.extent(0), coordinates.data());
    } else {
#if LOCKSTEP_CUDA
      cuda::expand_positions(where, e.shape(), positions.data(), positions.extent(0), coordinates.data());
#endif
    }
    return coordinates;
  }
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
