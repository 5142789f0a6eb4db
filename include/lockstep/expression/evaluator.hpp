// Evaluators: what a tree is lowered to. Trivially copyable, free of handles, usable inside kernels. (Without
// [[no_unique_address]]: nvcc lays out what kernels get otherwise on the device than on the host.)
//
// An evaluator of rank R gives its values in two ways:
//   at(c)       the value at the coordinates c: any strides, broadcasts and neighbors (what GPU threads call);
//   row(c)[j]   the values along the last axis of the row that holds c, j counted from the row's start: cheap to set up
//               and vectorizable (what CPU loops call). Right for j in interior(n), and only when unit() holds.
//
// Values that are cheaper many at a time than one by one (random numbers), or that a loop which has to look at each of
// them would keep from being vectorized (gathered ones), can be staged: such an evaluator has `staged`, its value type,
// and stage(c, begin, end, out), which writes the values of row(c) at [begin, end), at most stage_length, to out[0],
// ... CPU loops then read them from a buffer in the L1 cache.
#pragma once

#include "../core/shape.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// A position in an index space of rank R.
template <std::size_t R>
using coordinates = shape<R>;

/// Part [begin, end) of a row.
struct interval {
  index begin, end;
};

LOCKSTEP_INLINE constexpr interval intersection(interval a, interval b) {
  return {a.begin > b.begin ? a.begin : b.begin, a.end < b.end ? a.end : b.end};
}

template <class T>
struct pointer_row {
  T const* data;
  LOCKSTEP_INLINE T operator[](index j) const { return data[j]; }
};

/// Most values that are staged at a time.
inline constexpr index stage_length = 1024;

/// True for evaluators with a staged one somewhere in them, where CPU loops look for it.
template <class Evaluator>
inline constexpr bool is_staged = requires {
  typename Evaluator::staged;
};

/// Where a staged evaluator's values go.
template <class Evaluator>
struct stage_space {};
template <class Evaluator>
requires requires { typename Evaluator::staged; }
struct stage_space<Evaluator> {
  alignas(64) typename Evaluator::staged values[stage_length];
};

/// row(c) for [begin, end), through `space` where something is staged.
template <class Evaluator, std::size_t R>
auto staged_row(Evaluator const& evaluator, coordinates<R> const& c, [[maybe_unused]] index begin,
                [[maybe_unused]] index end, [[maybe_unused]] stage_space<Evaluator>& space) {
  if constexpr (!is_staged<Evaluator>) {
    return evaluator.row(c);
  } else if constexpr (requires { typename Evaluator::staged; }) {
    evaluator.stage(c, begin, end, space.values);
    return pointer_row<typename Evaluator::staged>{space.values - begin};
  } else {
    return evaluator.staged_row(c, begin, end, space);
  }
}

template <class T>
struct constant_row {
  T value;
  LOCKSTEP_INLINE T operator[](index) const { return value; }
};

/// Strided memory; axes along which it repeats have stride 0.
template <class T, std::size_t R>
struct memory_evaluator {
  T const* data;
  shape<R> strides;

  LOCKSTEP_INLINE T at(coordinates<R> const& c) const { return data[offset(c)]; }
  LOCKSTEP_INLINE bool unit() const { return R == 0 || strides[R - 1] == 1; }
  LOCKSTEP_INLINE interval interior(index n) const { return {0, n}; }
  LOCKSTEP_INLINE pointer_row<T> row(coordinates<R> c) const {
    if constexpr (R > 0) c[R - 1] = 0;
    return {data + offset(c)};
  }

 private:
  LOCKSTEP_INLINE index offset(coordinates<R> const& c) const {
    index sum = 0;
    for (std::size_t axis = 0; axis < R; ++axis) sum += c[axis] * strides[axis];
    return sum;
  }
};

/// One value in memory, the same for every index: read when the row begins, so a GPU never sends it to the host.
template <class T, std::size_t R>
struct shared_value_evaluator {
  T const* data;

  LOCKSTEP_INLINE T at(coordinates<R> const&) const { return *data; }
  LOCKSTEP_INLINE bool unit() const { return true; }
  LOCKSTEP_INLINE interval interior(index n) const { return {0, n}; }
  LOCKSTEP_INLINE constant_row<T> row(coordinates<R> const&) const { return {*data}; }
};

template <class T, std::size_t R>
struct constant_evaluator {
  T value;

  LOCKSTEP_INLINE T at(coordinates<R> const&) const { return value; }
  LOCKSTEP_INLINE bool unit() const { return true; }
  LOCKSTEP_INLINE interval interior(index n) const { return {0, n}; }
  LOCKSTEP_INLINE constant_row<T> row(coordinates<R> const&) const { return {value}; }
};

/// Places an evaluator of an index space of rank r and its own extents into a larger one, repeating it.
template <class Evaluator, std::size_t r, std::size_t R>
struct repeated_evaluator {
  Evaluator inner;
  shape<r> extents;
  index row_length;

  LOCKSTEP_INLINE auto at(coordinates<R> const& c) const { return inner.at(inside(c)); }
  LOCKSTEP_INLINE bool unit() const { return r > 0 && extents[r - 1] == row_length && inner.unit(); }
  LOCKSTEP_INLINE interval interior(index n) const { return inner.interior(n); }
  LOCKSTEP_INLINE auto row(coordinates<R> const& c) const { return inner.row(inside(c)); }
  template <class Space>
  auto staged_row(coordinates<R> const& c, index begin, index end, Space& space) const {
    return lockstep::staged_row(inner, inside(c), begin, end, space.inner);
  }

 private:
  LOCKSTEP_INLINE coordinates<r> inside(coordinates<R> const& c) const {
    coordinates<r> own;
    for (std::size_t axis = 0; axis < r; ++axis) own[axis] = extents[axis] == 1 ? 0 : c[R - r + axis];
    return own;
  }
};

template <class Evaluator, std::size_t r, std::size_t R>
inline constexpr bool is_staged<repeated_evaluator<Evaluator, r, R>> = is_staged<Evaluator>;
template <class Evaluator, std::size_t r, std::size_t R>
struct stage_space<repeated_evaluator<Evaluator, r, R>> {
  stage_space<Evaluator> inner;
};

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
