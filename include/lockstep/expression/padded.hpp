// padded: the first elements of memory, as many as a number on the device says, and one value in place of the others.
#pragma once

#include "views.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// Elements behind the first *count are not read.
template <class T>
struct padded_evaluator {
  using staged = T;
  T const* data;
  index const* count;
  T otherwise;

  LOCKSTEP_INLINE T at(coordinates<1> const& c) const { return c[0] < *count ? data[c[0]] : otherwise; }
  LOCKSTEP_INLINE bool unit() const { return true; }
  LOCKSTEP_INLINE interval interior(index n) const { return {0, n}; }
  LOCKSTEP_INLINE evaluated_row<padded_evaluator, 1> row(coordinates<1> const& c) const { return {*this, c}; }
  void stage(coordinates<1> const&, index begin, index end, T* out) const {
    index const there = *count, middle = there < begin ? begin : smaller(there, end);
    for (index i = begin; i < middle; ++i) out[i - begin] = data[i];
    for (index i = middle; i < end; ++i) out[i - begin] = otherwise;
  }
};

template <class T>
struct [[nodiscard]] padded_node : node_base<padded_node<T>, T, 1> {
  window<T const, 1, layout::dense> room;
  window<index const, 0, layout::dense> count;
  T otherwise;

  padded_node(window<T const, 1, layout::dense> r, window<index const, 0, layout::dense> c, T o)
      : room(std::move(r)), count(std::move(c)), otherwise(o) {}
  lockstep::shape<1> const& shape() const { return room.shape(); }

  template <class Visitor>
  void visit(Visitor&& visitor, bool pointwise = true) const {
    room.visit(visitor, pointwise);
    count.visit(visitor, false);
  }
  [[gnu::cold, gnu::noinline]] void describe(std::string& text) const {
    append_text(text, {"padded("});
    room.describe(text);
    append_text(text, {")"});
  }
  template <std::size_t R>
  auto lower(lowering&, lockstep::shape<R> const& target) const {
    return repeated_evaluator<padded_evaluator<T>, 1, R>{
        {room.elements.data, count.elements.data, otherwise}, shape(), target[R - 1]};
  }
};

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
