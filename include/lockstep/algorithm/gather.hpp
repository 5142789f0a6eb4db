// gather: the elements of one expression at the indices that another one gives; an expression, fused with what reads
// it.
#pragma once

#include "../backend/cpu/fetch.hpp"
#include "../backend/cpu/index_check.hpp"
#include "../expression/views.hpp"
#include "map.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_bad_index(char const* what, index found, index extent) {
  throw error(text_of({what, ": found the index ", found, ", expected one from 0 to ", extent - 1,
                       "; what was being written holds part of the result"}));
}

/// A position on one axis, known to be good.
LOCKSTEP_INLINE coordinates<1> at_index(index i) {
  coordinates<1> c;
  c[0] = i;
  return c;
}

/// A GPU does not check indices.
LOCKSTEP_INLINE index checked_index(index found, [[maybe_unused]] index extent) {
#if !defined(__CUDA_ARCH__)
  if (static_cast<std::uint64_t>(found) >= static_cast<std::uint64_t>(extent)) [[unlikely]]
    throw_bad_index("gather", found, extent);
#endif
  return found;
}

/// Throws for the first of the indices at[begin], ..., at[end - 1] that is bad.
template <class Row>
LOCKSTEP_INLINE void check_indices(Row const& at, index begin, index end, index extent) {
  if (cpu::any_outside(at, begin, end, extent)) [[unlikely]]
    for (index j = begin; j < end; ++j) checked_index(static_cast<index>(at[j]), extent);
}

/// source[at[j]].
template <class Source, class IndexRow>
struct gathered_row {
  Source source;
  IndexRow at;
  index extent;
  LOCKSTEP_INLINE auto operator[](index j) const {
    return source.at(at_index(checked_index(static_cast<index>(at[j]), extent)));
  }
};

/// source[indices[c]].
template <class T, class Source, class Indices, std::size_t R>
struct gather_evaluator {
  static constexpr bool gathers = true;
  using staged = T;
  Source source;
  Indices indices;
  index extent;

  LOCKSTEP_INLINE T at(coordinates<R> const& c) const {
    return source.at(at_index(checked_index(static_cast<index>(indices.at(c)), extent)));
  }
  LOCKSTEP_INLINE bool unit() const { return indices.unit(); }
  LOCKSTEP_INLINE interval interior(index n) const { return indices.interior(n); }
  LOCKSTEP_INLINE auto row(coordinates<R> const& c) const {
    auto const at = indices.row(c);
    return gathered_row<Source, std::remove_const_t<decltype(at)>>{source, at, extent};
  }

  void stage(coordinates<R> const& c, index begin, index end, T* out) const {
    stage_space<Indices> space;
    auto const at = staged_row(indices, c, begin, end, space);
    interval const interior = source.unit() ? source.interior(extent) : interval{0, 0};
    bool const in_a_row = interior.begin <= 0 && interior.end >= extent;
    if constexpr (is_pointer_row<decltype(source.row(coordinates<1>{}))> &&
                  is_pointer_row<std::remove_const_t<decltype(at)>>)
      if (in_a_row && static_cast<std::size_t>(extent) * sizeof(T) > cpu::fetch_gathered_bytes)
        return take_ahead(source.row(coordinates<1>{}).data, at.data, begin, end, out);
    check_indices(at, begin, end, extent);
    if (in_a_row) {
      auto const from = source.row(coordinates<1>{});
      LOCKSTEP_INDEPENDENT
      for (index j = begin; j < end; ++j) out[j - begin] = from[static_cast<index>(at[j])];
    } else {
      for (index j = begin; j < end; ++j) out[j - begin] = source.at(at_index(static_cast<index>(at[j])));
    }
  }

 private:
  // From a large source elements are fetched ahead, by indices that are not checked yet: that reads nothing. They are
  // checked where they are used, because a loop of checks before this one would wait for the indices alone.
  template <class V, class I>
  void take_ahead(V const* from, I const* at, index begin, index end, T* out) const {
    constexpr index ahead = 32;  // the processor can wait for so many at once
    index j = begin;
    for (; j < end - ahead; ++j) {
      cpu::fetch_one(from, static_cast<index>(at[j + ahead]));
      out[j - begin] = from[checked_index(static_cast<index>(at[j]), extent)];
    }
    for (; j < end; ++j) out[j - begin] = from[checked_index(static_cast<index>(at[j]), extent)];
  }
};

/// The elements of an expression of one axis, in the shape of the indices.
template <class E, class I>
struct [[nodiscard]] gather_node : node_base<gather_node<E, I>, value_t<E>, rank_v<I>> {
  static constexpr std::size_t Rank = rank_v<I>;
  E source;
  I indices;

  gather_node(E e, I i) : source(std::move(e)), indices(std::move(i)) {}
  auto const& shape() const { return indices.shape(); }

  template <class Visitor>
  void visit(Visitor&& visitor, bool pointwise = true) const {
    source.visit(visitor, false);
    indices.visit(visitor, pointwise);
  }
  [[gnu::cold, gnu::noinline]] void describe(std::string& text) const {
    append_text(text, {"gather("});
    source.describe(text);
    append_text(text, {", "});
    indices.describe(text);
    append_text(text, {")"});
  }
  template <std::size_t R>
  auto lower(lowering& context, lockstep::shape<R> const& target) const {
    auto const from = source.lower(context, source.shape());
    auto const at = indices.lower(context, shape());
    using own =
        gather_evaluator<value_t<E>, std::remove_const_t<decltype(from)>, std::remove_const_t<decltype(at)>, Rank>;
    return repeated_evaluator<own, Rank, R>{{from, at, source.shape()[0]}, shape(), target[R - 1]};
  }
};

/// source at c, with the coordinate along one axis replaced by an index.
template <class T, class Source, class Indices, std::size_t R>
struct gather_axis_evaluator {
  using staged = T;
  Source source;
  Indices indices;
  index extent;
  std::size_t axis;

  LOCKSTEP_INLINE T at(coordinates<R> c) const {
    c[axis] = checked_index(static_cast<index>(indices.at(at_index(c[axis]))), extent);
    return source.at(c);
  }
  LOCKSTEP_INLINE bool unit() const { return axis + 1 == R ? indices.unit() : source.unit(); }
  LOCKSTEP_INLINE interval interior(index n) const { return axis + 1 == R ? indices.interior(n) : source.interior(n); }
  LOCKSTEP_INLINE evaluated_row<gather_axis_evaluator, R> row(coordinates<R> const& c) const { return {*this, c}; }

  void stage(coordinates<R> c, index begin, index end, T* out) const {
    if (axis + 1 == R) {
      stage_space<Indices> space;
      auto const at = staged_row(indices, coordinates<1>{}, begin, end, space);
      check_indices(at, begin, end, extent);
      for (index j = begin; j < end; ++j) {
        c[R - 1] = static_cast<index>(at[j]);
        out[j - begin] = source.at(c);
      }
    } else {
      c[axis] = checked_index(static_cast<index>(indices.at(at_index(c[axis]))), extent);
      stage_space<Source> space;
      auto const from = staged_row(source, c, begin, end, space);
      LOCKSTEP_INDEPENDENT
      for (index j = begin; j < end; ++j) out[j - begin] = from[j];
    }
  }
};

/// The slices of an expression along one axis that the indices name.
template <class E, class I>
struct [[nodiscard]] gather_axis_node : node_base<gather_axis_node<E, I>, value_t<E>, rank_v<E>> {
  static constexpr std::size_t Rank = rank_v<E>;
  E source;
  I indices;
  std::size_t along;
  lockstep::shape<Rank> extents;

  gather_axis_node(E e, I i, axis a)
      : source(std::move(e)), indices(std::move(i)), along(a.number), extents(source.shape()) {
    if (along >= Rank)
      throw shape_error(
          text_of({"gather: found axis ", along, ", expected an axis of the shape ", to_string(source.shape())}));
    extents[along] = indices.shape()[0];
  }
  lockstep::shape<Rank> const& shape() const { return extents; }

  template <class Visitor>
  void visit(Visitor&& visitor, bool = true) const {
    source.visit(visitor, false);
    indices.visit(visitor, false);
  }
  [[gnu::cold, gnu::noinline]] void describe(std::string& text) const {
    append_text(text, {"gather("});
    source.describe(text);
    append_text(text, {", "});
    indices.describe(text);
    append_text(text, {", axis ", along, ")"});
  }
  template <std::size_t R>
  auto lower(lowering& context, lockstep::shape<R> const& target) const {
    auto const from = source.lower(context, source.shape());
    auto const at = indices.lower(context, indices.shape());
    using own =
        gather_axis_evaluator<value_t<E>, std::remove_const_t<decltype(from)>, std::remove_const_t<decltype(at)>, Rank>;
    return repeated_evaluator<own, Rank, R>{{from, at, source.shape()[along], along}, extents, target[R - 1]};
  }
};

/// Element i is e[indices[i]]: the shape of the indices, which are integers, in any order, some perhaps several times.
/// On CPU devices, evaluating it throws error for an index outside of [0, e.size()); GPUs do not check.
template <expression E, expression I>
requires(rank_v<E> == 1 && rank_v<I> > 0 && std::is_integral_v<value_t<I>>) auto gather(E&& e, I&& indices) {
  auto source = as_node(std::forward<E>(e));
  auto at = as_node(std::forward<I>(indices));
  return gather_node<decltype(source), decltype(at)>(std::move(source), std::move(at));
}
/// The same for whole slices along one axis: gather(m, rows, axis(0)) has row rows[i] of m as its row i.
template <expression E, expression I>
requires(rank_v<E> > 0 && rank_v<I> == 1 && std::is_integral_v<value_t<I>>) auto gather(E&& e, I&& indices,
                                                                                        axis along) {
  auto source = as_node(std::forward<E>(e));
  auto at = as_node(std::forward<I>(indices));
  return gather_axis_node<decltype(source), decltype(at)>(std::move(source), std::move(at), along);
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
