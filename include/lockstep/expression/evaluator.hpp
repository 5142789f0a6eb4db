// Evaluators: what a tree is lowered to. Trivially copyable, free of handles, usable inside kernels. (Without
// [[no_unique_address]]: nvcc lays out what kernels get otherwise on the device than on the host.)
//
// An evaluator of rank R gives its values in two ways:
//   at(c)       the value at the coordinates c: any strides, broadcasts and neighbors (what GPU threads call);
//   row(c)[j]   the values along the last axis of the row that holds c, j counted from the row's start: cheap to set up
//               and vectorizable (what CPU loops call). Right for j in interior(n), and only when unit() holds;
//   steps(c)    through how many rows after that of c, counted along the last axis but one, advance(row) moves row(c)
//               from each to the next, which is cheaper than row(c); and
//   line(c)[i]  the value at c, moved by i <= steps(c) along that axis. Where an evaluator has them; R > 1.
//
// Values that are cheaper many at a time than one by one (random numbers), or that a loop which has to look at each of
// them would keep from being vectorized (gathered ones), can be staged: such an evaluator has `staged`, its value type,
// and stage(c, begin, end, out), which writes the values of row(c) at [begin, end), at most stage_length, to out[0],
// ... CPU loops then read them from a buffer in the L1 cache.
#pragma once

#include <cstdint>

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

LOCKSTEP_INLINE constexpr index smaller(index a, index b) { return a < b ? a : b; }

/// No limit to steps(c).
inline constexpr index any_steps = INT64_MAX;

/// steps(c); 0 for evaluators that make every row anew.
template <class Evaluator, std::size_t R>
LOCKSTEP_INLINE index steps_of(Evaluator const& evaluator, coordinates<R> const& c) {
  if constexpr (requires { evaluator.steps(c); })
    return evaluator.steps(c);
  else
    return 0;
}
/// advance(row); never called where there are no steps.
template <class Evaluator, class Row>
LOCKSTEP_INLINE void advance_row([[maybe_unused]] Evaluator const& evaluator, [[maybe_unused]] Row& row) {
  if constexpr (requires { evaluator.advance(row); }) evaluator.advance(row);
}

template <class T>
struct constant_row {
  T value;
  LOCKSTEP_INLINE T operator[](index) const { return value; }
};

/// The value at c, of evaluators without steps.
template <class Evaluator, std::size_t R>
struct single_line {
  Evaluator const& evaluator;
  coordinates<R> c;
  LOCKSTEP_INLINE auto operator[](index) const { return evaluator.at(c); }
};
/// line(c), which must not outlive the evaluator.
template <class Evaluator, std::size_t R>
LOCKSTEP_INLINE auto line_of(Evaluator const& evaluator, coordinates<R> const& c) {
  if constexpr (requires { evaluator.line(c); })
    return evaluator.line(c);
  else
    return single_line<Evaluator, R>{evaluator, c};
}

/// Whether no zeros stand in for what a row reads, and then the same row without looking.
template <class Row>
LOCKSTEP_INLINE bool all_inside(Row const&) {
  return true;
}
template <class Row>
LOCKSTEP_INLINE Row unmasked(Row const& row) {
  return row;
}

/// True where row(c)[j + columns] is what the same row advanced by one has at j, and where values may be computed that
/// nobody asked for: of floating numbers, by arithmetic.
template <class Evaluator>
LOCKSTEP_INLINE bool rows_continue(Evaluator const&, index) {
  return false;
}

/// Column j of the rows from row(c) = `row` on, where rows_continue, also where j is not in the interior:
/// column_of(evaluator, row, j)[i * columns] is its value i <= steps(c) rows on. (Cheaper than line(c): all that it
/// reads has one index, and nothing is found by coordinates again.)
template <class Evaluator, class Row>
LOCKSTEP_INLINE Row column_of(Evaluator const&, Row const& row, index) {
  return row;
}

/// False for evaluators whose interior(n) is always all of [0, n).
template <class Evaluator>
inline constexpr bool has_edges = true;

/// True for evaluators that read places beside their own: values are read again where the next ones are computed.
template <class Evaluator>
inline constexpr bool is_stencil = false;

template <class T>
struct pointer_row {
  T const* data;
  LOCKSTEP_INLINE T operator[](index j) const { return data[j]; }
};

template <class Row>
inline constexpr bool is_pointer_row = false;
template <class T>
inline constexpr bool is_pointer_row<pointer_row<T>> = true;

template <class T>
struct strided_line {
  T const* data;
  index stride;
  LOCKSTEP_INLINE T operator[](index i) const { return data[i * stride]; }
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

/// How many elements lie between the first one and that at c.
template <std::size_t R>
LOCKSTEP_INLINE index memory_offset(shape<R> const& strides, coordinates<R> const& c) {
  index sum = 0;
  LOCKSTEP_UNROLL
  for (std::size_t axis = 0; axis < R; ++axis) sum += c[axis] * strides[axis];
  return sum;
}

/// Strided memory; axes along which it repeats have stride 0.
template <class T, std::size_t R>
struct memory_evaluator {
  T const* data;
  shape<R> strides;

  LOCKSTEP_INLINE T at(coordinates<R> const& c) const { return data[memory_offset(strides, c)]; }
  LOCKSTEP_INLINE bool unit() const { return R == 0 || strides[R - 1] == 1; }
  LOCKSTEP_INLINE interval interior(index n) const { return {0, n}; }
  LOCKSTEP_INLINE pointer_row<T> row(coordinates<R> c) const {
    if constexpr (R > 0) c[R - 1] = 0;
    return {data + memory_offset(strides, c)};
  }
  LOCKSTEP_INLINE index steps(coordinates<R> const&) const { return any_steps; }
  LOCKSTEP_INLINE void advance(pointer_row<T>& row) const requires(R > 1) { row.data += strides[R - 2]; }
  LOCKSTEP_INLINE strided_line<T> line(coordinates<R> const& c) const requires(R > 1) {
    return {data + memory_offset(strides, c), strides[R - 2]};
  }
};

template <class T, std::size_t R>
inline constexpr bool has_edges<memory_evaluator<T, R>> = false;
template <class T, std::size_t R>
requires(R > 1) LOCKSTEP_INLINE bool rows_continue(memory_evaluator<T, R> const& evaluator, index columns) {
  return std::is_floating_point_v<T> && evaluator.strides[R - 2] == columns;
}

template <class T, std::size_t R>
LOCKSTEP_INLINE pointer_row<T> column_of(memory_evaluator<T, R> const&, pointer_row<T> const& row, index j) {
  return {row.data + j};
}

/// One value in memory, the same for every index: read when the row begins, so a GPU never sends it to the host.
template <class T, std::size_t R>
struct shared_value_evaluator {
  T const* data;

  LOCKSTEP_INLINE T at(coordinates<R> const&) const { return *data; }
  LOCKSTEP_INLINE bool unit() const { return true; }
  LOCKSTEP_INLINE interval interior(index n) const { return {0, n}; }
  LOCKSTEP_INLINE constant_row<T> row(coordinates<R> const&) const { return {*data}; }
  LOCKSTEP_INLINE index steps(coordinates<R> const&) const { return any_steps; }
  LOCKSTEP_INLINE constant_row<T> line(coordinates<R> const& c) const { return row(c); }
};

template <class T, std::size_t R>
struct constant_evaluator {
  T value;

  LOCKSTEP_INLINE T at(coordinates<R> const&) const { return value; }
  LOCKSTEP_INLINE bool unit() const { return true; }
  LOCKSTEP_INLINE interval interior(index n) const { return {0, n}; }
  LOCKSTEP_INLINE constant_row<T> row(coordinates<R> const&) const { return {value}; }
  LOCKSTEP_INLINE index steps(coordinates<R> const&) const { return any_steps; }
  LOCKSTEP_INLINE constant_row<T> line(coordinates<R> const& c) const { return row(c); }
};

template <class Line>
struct repeated_line {
  Line line;
  index step;
  LOCKSTEP_INLINE auto operator[](index i) const { return line[i * step]; }
};

template <class T, std::size_t R>
inline constexpr bool has_edges<shared_value_evaluator<T, R>> = false;
template <class T, std::size_t R>
inline constexpr bool has_edges<constant_evaluator<T, R>> = false;
template <class T, std::size_t R>
LOCKSTEP_INLINE bool rows_continue(shared_value_evaluator<T, R> const&, index) {
  return true;
}
template <class T, std::size_t R>
LOCKSTEP_INLINE bool rows_continue(constant_evaluator<T, R> const&, index) {
  return true;
}

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
  LOCKSTEP_INLINE index steps(coordinates<R> const& c) const {
    return moves() ? steps_of(inner, inside(c)) : any_steps;
  }
  template <class Row>
  LOCKSTEP_INLINE void advance(Row& row) const {
    if (moves()) advance_row(inner, row);
  }
  LOCKSTEP_INLINE auto line(coordinates<R> const& c) const {
    auto line = line_of(inner, inside(c));
    return repeated_line<decltype(line)>{line, moves() ? 1 : 0};
  }
  template <class Space>
  auto staged_row(coordinates<R> const& c, index begin, index end, Space& space) const {
    return lockstep::staged_row(inner, inside(c), begin, end, space.inner);
  }
  template <class T>
  void stage(coordinates<R> const& c, index begin, index end, T* out) const requires
      requires(coordinates<r> const& own) {
    inner.stage(own, begin, end, out);
  }
  { inner.stage(inside(c), begin, end, out); }

  /// Whether the rows along the last axis but one differ.
  LOCKSTEP_INLINE bool moves() const { return r > 1 && extents[r > 1 ? r - 2 : 0] != 1; }

 private:
  LOCKSTEP_INLINE coordinates<r> inside(coordinates<R> const& c) const {
    coordinates<r> own;
    LOCKSTEP_UNROLL
    for (std::size_t axis = 0; axis < r; ++axis) own[axis] = extents[axis] == 1 ? 0 : c[R - r + axis];
    return own;
  }
};

template <class Evaluator, std::size_t r, std::size_t R>
LOCKSTEP_INLINE bool rows_continue(repeated_evaluator<Evaluator, r, R> const& evaluator, index columns) {
  return evaluator.moves() && rows_continue(evaluator.inner, columns);
}
template <class Evaluator, std::size_t r, std::size_t R, class Row>
LOCKSTEP_INLINE auto column_of(repeated_evaluator<Evaluator, r, R> const& evaluator, Row const& row, index j) {
  return column_of(evaluator.inner, row, j);
}
template <class Evaluator, std::size_t r, std::size_t R>
inline constexpr bool has_edges<repeated_evaluator<Evaluator, r, R>> = has_edges<Evaluator>;
template <class Evaluator, std::size_t r, std::size_t R>
inline constexpr bool is_stencil<repeated_evaluator<Evaluator, r, R>> = is_stencil<Evaluator>;
template <class Evaluator, std::size_t r, std::size_t R>
inline constexpr bool is_staged<repeated_evaluator<Evaluator, r, R>> = is_staged<Evaluator>;
template <class Evaluator, std::size_t r, std::size_t R>
struct stage_space<repeated_evaluator<Evaluator, r, R>> {
  stage_space<Evaluator> inner;
};

/// Rows with a function that has a cheaper way where its argument is near zero: near(x, far) sets bits of `far` where
/// it is not, and otherwise gives the function's bits. One far value among many then costs all of them the long way.
template <class Row>
inline constexpr bool has_near_way = false;
/// The value at j, by the cheaper way where there is one.
template <class Row>
LOCKSTEP_INLINE auto near_value(Row const& row, index j, std::uint32_t&) {
  return row[j];
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
