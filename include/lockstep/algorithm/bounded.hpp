// Selections whose size stays on the device: nothing waits, so that they can be queued and recorded like any other
// work.
#pragma once

#include "../expression/padded.hpp"
#include "select.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// As many elements as `count` says, at the front of room for all that there could be.
template <class T>
struct bounded {
  array<T> room;          ///< what lies behind the first `count` elements has no defined value
  array<index, 0> count;  ///< on the device of the room

  /// The most elements that there can be.
  index capacity() const { return room.extent(0); }

  /// An expression of `capacity()` elements: those that are there, then `otherwise`. With the neutral element of what
  /// comes next, the size need not be known: sum(x.padded(0)), min(x.padded(infinity)), inclusive_scan(x.padded(0)).
  /// Reads no more than is there.
  padded_node<T> padded(T otherwise) const { return {as_node(room), as_node(count), otherwise}; }

  /// An array of just the elements. Waits for the device, to learn how many they are.
  array<T> take() const {
    if (capacity() == 0) return room;
    return array<T>(room.slice(shape<1>(0), shape<1>(index{count})));
  }
};

/// Room for n elements, and a count that `queue(T* room, index* count)` leaves, or 0.
template <class T, class F>
bounded<T> bounded_result(device const& where, index n, F&& queue) {
  bounded<T> result{array<T>(where, shape<1>(n)), array<index, 0>(where, shape<0>())};
  if (n > 0)
    queue(result.room.data(), result.count.data());
  else
    result.count = index{0};
  return result;
}

/// select(e, mask) without waiting: the number of elements stays on the device. Takes memory for as many as there could
/// be. Throws as select does.
template <expression E, expression M>
bounded<value_t<E>> select_bounded(E const& e, M const& mask) {
  using T = value_t<E>;
  bounded<T> result;
  with_masked(
      "select_bounded", borrow_node(e), borrow_node(mask), [&](device const& where, index n, auto const& elements) {
        result =
            bounded_result<T>(where, n, [&](T* room, index* count) { queue_select(where, elements, n, room, count); });
      });
  return result;
}

/// select_if(e, predicate) without waiting; otherwise as select_bounded.
template <expression E, class Predicate>
requires std::predicate < Predicate const&, value_t<E>
const& > bounded<value_t<E>> select_if_bounded(E const& e, Predicate const& predicate) {
  using T = value_t<E>;
  bounded<T> result;
  with_filtered<true>(borrow_node(e), predicate, [&](device const& where, index n, auto const& elements) {
    result = bounded_result<T>(where, n, [&](T* room, index* count) { queue_select(where, elements, n, room, count); });
  });
  return result;
}

/// The indices of elements that are true or not 0, of an expression of one axis, as nonzero gives them; otherwise as
/// select_bounded.
template <expression E>
bounded<index> nonzero_bounded(E const& e) {
  static_assert(rank_v<E> == 1, "nonzero_bounded takes an expression of one axis; reshape it, or use nonzero");
  bounded<index> result;
  with_positions(borrow_node(e), [&](device const& where, index n, auto const& flags) {
    result = bounded_result<index>(where, n,
                                   [&](index* room, index* count) { queue_positions(where, flags, n, room, count); });
  });
  return result;
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
