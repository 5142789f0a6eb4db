// window: part of an array's memory, counted, that can be read in expressions and assigned to. Also the leaf of trees.
#pragma once

#include "evaluator.hpp"
#include "node.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// What the type knows of a window's memory.
enum class layout {
  dense,   ///< row-major without gaps
  rows,    ///< stride 1 along the last axis
  strided  ///< any strides
};

template <std::size_t Rank>
void require_range(shape<Rank> const& extents, shape<Rank> const& from, shape<Rank> const& to) {
  for (std::size_t axis = 0; axis < Rank; ++axis)
    if (from[axis] < 0 || from[axis] > to[axis] || to[axis] > extents[axis])
      throw shape_error(text_of({"slice: found from ", to_string(from), " to ", to_string(to),
                                 ", expected 0 <= from <= to <= the shape ", to_string(extents)}));
}

template <std::size_t A, std::size_t B>
void require_same_size(shape<A> const& have, shape<B> const& want) {
  if (have.size() != want.size())
    throw shape_error(text_of({"reshape: found the shape ", to_string(have), " with ", have.size(),
                               " elements, expected as many as in ", to_string(want)}));
}

/// Elements of a counted storage seen as an index space. T is const when it cannot be written. Copying the handle
/// copies no elements; assigning to it writes through. (Not nodiscard: nvcc would warn of every assignment.)
template <class T, std::size_t Rank, layout Layout = layout::rows>
struct window : node_base<window<T, Rank, Layout>, std::remove_const_t<T>, Rank> {
  using element = std::remove_const_t<T>;
  static constexpr bool lies_on_device = true;

  counted_pointer<storage, true> owner;
  lockstep::view<T, Rank> elements;

  window(counted_pointer<storage, true> o, lockstep::view<T, Rank> const& e) : owner(std::move(o)), elements(e) {}
  window(window const&) = default;
  window(window&&) noexcept = default;

  /// Evaluates into the elements. Throws shape_error, changing nothing, when the shapes differ.
  window const& operator=(window const& other) const {
    assign_expression(*this, other);
    return *this;
  }
  template <class E>
  requires is_assignable_from<E, element, Rank>::value || std::is_same_v<E, array<element, Rank>> window const&
  operator=(E const& e) const {
    assign_expression(*this, e);
    return *this;
  }
  /// Gives every element the same value.
  template <scalar S>
  window const& operator=(S value) const {
    assign_expression(*this, constant_like(*this, static_cast<element>(value)));
    return *this;
  }

  lockstep::shape<Rank> const& shape() const { return elements.extents; }
  index extent(std::size_t axis) const { return elements.extents[axis]; }
  lockstep::device const& device() const { return owner->where; }
  lockstep::view<T, Rank> const& view() const { return elements; }

  window<T, Rank, Layout == layout::strided ? layout::strided : layout::rows> slice(
      lockstep::shape<Rank> const& from, lockstep::shape<Rank> const& to) const {
    require_range(shape(), from, to);
    auto part = elements;
    for (std::size_t axis = 0; axis < Rank; ++axis) {
      part.data += from[axis] * elements.strides[axis];
      part.extents[axis] = to[axis] - from[axis];
    }
    return {owner, part};
  }
  template <std::size_t NewRank>
  auto reshape(lockstep::shape<NewRank> const& extents) const {
    if constexpr (Layout == layout::dense) {
      require_same_size(shape(), extents);
      return window<T, NewRank, layout::dense>(owner, {elements.data, extents});
    } else {
      return reshape_of(*this, extents);
    }
  }
  window<T, Rank, layout::strided> transpose() const {
    auto turned = elements;
    for (std::size_t axis = 0; axis < Rank; ++axis) {
      turned.extents[axis] = elements.extents[Rank - 1 - axis];
      turned.strides[axis] = elements.strides[Rank - 1 - axis];
    }
    return {owner, turned};
  }

  template <class Visitor>
  void visit(Visitor&& visitor, bool pointwise = true) const {
    index first = 0, last = 1;
    for (std::size_t axis = 0; axis < Rank; ++axis) {
      index const reach = (elements.extents[axis] - 1) * elements.strides[axis];
      (reach < 0 ? first : last) += reach;
    }
    if (shape().size() == 0) last = first;
    auto const bytes = [&](index i) { return reinterpret_cast<char const*>(elements.data + i); };
    visitor(leaf_info{owner.get(), bytes(first), bytes(last), elements.data, elements.strides.extents,
                      elements.extents.extents, Rank, shape().size() * sizeof(T), pointwise});
  }
  [[gnu::cold, gnu::noinline]] void describe(std::string& text) const {
    append_text(text, {type_name<element>()});
    for (std::size_t axis = 0; axis < Rank; ++axis) append_text(text, {axis ? ", " : "[", shape()[axis]});
    if (Rank > 0) append_text(text, {"]"});
  }

  /// True when the elements, taken in memory order, are those of an array of this shape.
  bool is_flat(lockstep::shape<Rank> const& target) const {
    return target == shape() && elements.strides == row_major_strides(target);
  }
  /// Along one axis, to be lowered at once: it owns nothing.
  window<T, 1, layout::dense> flatten() const { return {nullptr, {elements.data, lockstep::shape<1>(shape().size())}}; }

  template <std::size_t R>
  auto lower(lowering&, lockstep::shape<R> const& target) const {
    if constexpr (Rank == 0) {
      return shared_value_evaluator<element, R>{elements.data};
    } else {
      memory_evaluator<element, R> lowered{elements.data, {}};
      for (std::size_t axis = 0; axis < Rank; ++axis)
        lowered.strides[R - Rank + axis] =
            shape()[axis] == 1 && target[R - Rank + axis] != 1 ? 0 : elements.strides[axis];
      return lowered;
    }
  }
};

/// The whole of an array as a window; what an array becomes inside a tree.
template <class, class T, std::size_t Rank>
[[gnu::always_inline]] inline window<T, Rank, layout::dense> make_window(array<T, Rank>& a) {
  static_cast<void>(a.device());  // throws when the array was never given a shape
  return {a.shared_storage(), a.view()};
}
template <class, class T, std::size_t Rank>
[[gnu::always_inline]] inline window<T const, Rank, layout::dense> make_window(array<T, Rank> const& a) {
  static_cast<void>(a.device());  // throws when the array was never given a shape
  return {a.shared_storage(), a.view()};
}

/// A scalar operand, or a whole index space of one value.
template <class T, std::size_t Rank = 0>
struct [[nodiscard]] constant : node_base<constant<T, Rank>, T, Rank> {
  T value;
  lockstep::shape<Rank> extents;

  explicit constant(T v, lockstep::shape<Rank> const& e = {}) : value(v), extents(e) {}
  lockstep::shape<Rank> const& shape() const { return extents; }
  template <class Visitor>
  void visit(Visitor&&, bool = true) const {}
  [[gnu::cold, gnu::noinline]] void describe(std::string& text) const {
    if constexpr (std::is_floating_point_v<T>)
      append_number(text, value);
    else if constexpr (std::is_integral_v<T>)
      append_text(text, {value});
    else
      append_text(text, {type_name<T>()});
  }
  bool is_flat(lockstep::shape<Rank> const& target) const { return target == extents; }
  auto flatten() const {
    if constexpr (Rank == 0)
      return *this;
    else
      return constant<T, 1>(value, lockstep::shape<1>(extents.size()));
  }
  template <std::size_t R>
  constant_evaluator<T, R> lower(lowering&, lockstep::shape<R> const&) const {
    return {value};
  }
};

template <class T, std::size_t Rank, layout Layout>
auto constant_like(window<T, Rank, Layout> const& w, std::remove_const_t<T> value) {
  return constant<std::remove_const_t<T>, Rank>(value, w.shape());
}

/// An operand as a node: arrays become windows over their storage, nodes stay what they are.
template <class T, std::size_t Rank>
[[gnu::always_inline]] inline auto as_node(array<T, Rank> const& a) {
  return make_window<compilation>(a);
}
template <node E>
std::remove_cvref_t<E> as_node(E&& e) {
  return std::forward<E>(e);
}

/// The same for expressions that are only read now: nodes are not copied, so no count is touched.
template <class T, std::size_t Rank>
[[gnu::always_inline]] inline auto borrow_node(array<T, Rank> const& a) {
  return make_window<compilation>(a);
}
template <node E>
E const& borrow_node(E const& e) {
  return e;
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
