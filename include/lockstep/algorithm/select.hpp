// select: the elements that a mask or a predicate keeps, in order; where they are; and all elements parted by a mask.
#pragma once

#include "../backend/cpu/partition.hpp"
#include "reduce.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_wrong_mask(char const* algorithm, extents_of const& mask,
                                                                    extents_of const& values, any_node const& e) {
  throw shape_error(text_of({algorithm, ": found a mask of the shape ", lockstep::to_string(mask.extents, mask.rank),
                             ", expected the shape ", lockstep::to_string(values.extents, values.rank), " of ",
                             to_text(e), "; repeat the mask with broadcast_to if it is to be repeated"}));
}

/// An array of the first `count` elements of memory that has room for `room`; the memory is given back when most of
/// it would be held for nothing.
template <class T>
array<T> take_front(std::shared_ptr<storage> memory, index count, index room) {
  if (count >= room / 4) return array<T>(std::move(memory), shape<1>(count));
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

/// Calls f(where, n, source) with the elements of `e` and their mask, ready to be read.
template <node E, node M, class F>
void with_masked(char const* algorithm, E const& e, M const& mask, F&& f) {
  require_mask(algorithm, e, mask);
  device const where = require_one_cpu(algorithm, e, mask);
  lowering context{where, {}};
  with_lowered(
      context,
      [&]<std::size_t R>(shape<R> const& extents, auto const& values, auto const& flags) {
        using T = value_t<E>;
        using elements =
            cpu::masked_elements<T, std::remove_cvref_t<decltype(values)>, std::remove_cvref_t<decltype(flags)>, R>;
        f(where, static_cast<index>(extents.size()), elements{{values, extents}, {flags, extents}});
      },
      e, mask);
}

/// The elements of `e` whose mask is true (not 0; NaN is true), in row-major order: an array of one axis. The mask is
/// an expression of the same shape. Runs now, in one pass over memory; nothing but the result is stored. Throws
/// shape_error when the shapes differ, device_error when not all lies on one CPU device.
template <expression E, expression M>
array<value_t<E>> select(E const& e, M const& mask) {
  using T = value_t<E>;
  array<T> result;
  with_masked("select", borrow_node(e), borrow_node(mask), [&](device const& where, index n, auto const& elements) {
    result = select_into_array<T>(where, n, [&](T* out) { return cpu::select_values(where, elements, n, out); });
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

template <bool Wanted, expression E, class Predicate>
array<value_t<E>> filter(char const* algorithm, E const& expression, Predicate const& predicate) {
  using T = value_t<E>;
  auto const& e = borrow_node(expression);
  device const where = require_one_cpu(algorithm, e);
  lowering context{where, {}};
  array<T> result;
  with_lowered(
      context,
      [&]<std::size_t R>(shape<R> const& extents, auto const& values) {
        using elements = cpu::filtered_elements<Wanted, T, std::remove_cvref_t<decltype(values)>, Predicate, R>;
        auto const n = static_cast<index>(extents.size());
        elements const source{{values, extents}, predicate};
        result = select_into_array<T>(where, n, [&](T* out) { return cpu::select_values(where, source, n, out); });
      },
      e);
  return result;
}

/// The elements for which predicate(element) is true, in row-major order: an array of one axis. The predicate is called
/// once per element, by several threads, in any order; what it throws is rethrown. Runs now, in one pass over memory.
template <expression E, class Predicate>
requires std::predicate < Predicate const&, value_t<E>
const& > array<value_t<E>> select_if(E const& e, Predicate const& predicate) {
  return filter<true>("select_if", e, predicate);
}
/// The elements for which predicate(element) is false; otherwise as select_if.
template <expression E, class Predicate>
requires std::predicate < Predicate const&, value_t<E>
const& > array<value_t<E>> remove_if(E const& e, Predicate const& predicate) {
  return filter<false>("remove_if", e, predicate);
}

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
    if (n > 0) result.selected = cpu::partition(where, elements, n, result.values.data());
  });
  return result;
}

/// Where the elements are that are true or not 0 (NaN is not 0), in row-major order. Of an expression of one axis:
/// their indices; of more: their coordinates, an array of the shape (found, rank). Runs now, in one pass over memory.
template <expression E>
auto nonzero(E const& expression) {
  static_assert(rank_v<E> > 0, "a rank-0 expression has no indices");
  auto const& e = borrow_node(expression);
  device const where = require_one_cpu("nonzero", e);
  lowering context{where, {}};
  array<index> positions;
  with_lowered(
      context,
      [&]<std::size_t R>(shape<R> const& extents, auto const& flags) {
        auto const n = static_cast<index>(extents.size());
        cpu::masked_positions<std::remove_cvref_t<decltype(flags)>, R> const source{{flags, extents}};
        positions = select_into_array<index>(where, n,
                                             [&](index* out) { return cpu::select_positions(where, source, n, out); });
      },
      e);
  if constexpr (rank_v<E> == 1) {
    return positions;
  } else {
    array<index, 2> coordinates(where, shape<2>(positions.extent(0), rank_v<E>));
    cpu::expand_positions(where, e.shape(), positions.data(), positions.extent(0), coordinates.data());
    return coordinates;
  }
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
