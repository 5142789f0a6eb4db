// matmul: products of matrices, of stacks of matrices, and of matrices and vectors, of any expressions. What is applied
// to a product element by element is applied to each tile of it while it is in the cache.
#pragma once

#include "../backend/cpu/matmul.hpp"
#include "reduce.hpp"
#if LOCKSTEP_CUDA
#include "../backend/cuda/matmul.cuh"
#endif

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// Products of integers are summed to 64 bits, as sum does.
template <class A, class B>
using product_t = sum_t<std::remove_cvref_t<decltype(std::declval<A>() * std::declval<B>())>>;

/// The operand of a product in memory.
template <class T, std::size_t R>
struct matrix_operand {
  T const* data;
  shape<R> extents, strides;

  cpu::strided_matrix<T const> matrix() const {
    if constexpr (R == 1)
      return {data, strides[0], 1};
    else
      return {data, strides[R - 2], strides[R - 1]};
  }
  bool readable_in_place() const {
    auto const m = matrix();
    if constexpr (R == 1)
      return m.row > 0 && m.row < cpu::longest_row;
    else
      return cpu::readable_in_place<T>(extents[R - 2], extents[R - 1], m.row, m.column);
  }
};

template <class E, class T>
inline constexpr bool is_window_of = false;
template <class U, std::size_t R, layout Layout, class T>
inline constexpr bool is_window_of<window<U, R, Layout>, T> = std::is_same_v<std::remove_const_t<U>, T>;
template <class E>
inline constexpr bool is_transposed_matrix = false;
template <class E>
inline constexpr bool is_transposed_matrix<transposed<E, 2>> = true;

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_long_rows(any_node const& e, index length) {
  throw shape_error(text_of({to_text(e), ": found matrices with rows of ", length, " elements, expected at most ",
                             cpu::longest_row, " beside products; cut them into parts"}));
}

/// Where the operand lies, if it lies in a way that products can read; otherwise where it has been evaluated to.
template <class T, node E>
matrix_operand<T, rank_v<E>> operand_in_memory(lowering& context, E const& e) {
  constexpr std::size_t R = rank_v<E>;
  if constexpr (is_window_of<E, T>) {
    matrix_operand<T, R> const there{e.elements.data, e.elements.extents, e.elements.strides};
    if (there.readable_in_place()) return there;
  }
  if constexpr (is_transposed_matrix<E> && cpu::blas_number<T>) {
    auto found = operand_in_memory<T>(context, e.operand);
    std::swap(found.extents[0], found.extents[1]);
    std::swap(found.strides[0], found.strides[1]);
    return found;
  }
  if constexpr (R > 1)
    if (e.shape()[R - 1] > cpu::longest_row && e.shape()[R - 2] > 1) throw_long_rows(e, e.shape()[R - 1]);
  auto const space = make_storage(context.where, e.size(), sizeof(T));
  context.temporaries.push_back(space);
  view<T, R> const values(static_cast<T*>(space->data), e.shape());
  if (values.size() != 0) evaluate_into<true>(context.where, e, values);
  return {values.data, values.extents, values.strides};
}

/// Both operands, as one that can be visited.
template <class A, class B>
struct operand_pair {
  A a;
  B b;
  template <class Visitor>
  void visit(Visitor&& visitor, bool) const {
    a.visit(visitor, false);
    b.visit(visitor, false);
  }
};

template <class A, class B, bool Vector>
inline constexpr std::size_t product_rank = Vector ? rank_v<A> - 1 : std::max(rank_v<A>, rank_v<B>);

/// The product of two expressions: an expression. Vector: the right one has one axis, and so has the result in place of
/// the matrices' two.
template <class A, class B, bool Vector>
struct [[nodiscard]] matmul_node
    : node_base<matmul_node<A, B, Vector>, product_t<value_t<A>, value_t<B>>, product_rank<A, B, Vector>> {
  static constexpr std::size_t Rank = product_rank<A, B, Vector>;
  static constexpr std::size_t batch_axes = Vector ? Rank - 1 : Rank - 2;
  using value = product_t<value_t<A>, value_t<B>>;
  /// See elementwise::tile_source.
  static constexpr int tile_sources = 1;
  matmul_node const& tile_source() const { return *this; }

  operand_pair<A, B> operand;
  lockstep::shape<Rank> extents;
  index depth = 0;

  matmul_node(A a, B b) : operand{std::move(a), std::move(b)} {
    auto const& left = operand.a.shape();
    auto const& right = operand.b.shape();
    lockstep::shape<batch_axes> batch;
    for (std::size_t k = 0; k < batch_axes; ++k) batch[k] = 1;
    bool good = broadcast_into(batch, leading(left));
    if constexpr (!Vector) good = broadcast_into(batch, leading(right)) && good;
    depth = left[rank_v<A> - 1];
    if (!good || depth != right[Vector ? 0 : rank_v<B> - 2]) throw_shapes();
    for (std::size_t k = 0; k < batch_axes; ++k) extents[k] = batch[k];
    extents[batch_axes] = left[rank_v<A> - 2];
    if constexpr (!Vector) extents[Rank - 1] = right[rank_v<B> - 1];
    if constexpr (!Vector)
      if (extents[Rank - 1] > cpu::longest_row && extents[Rank - 2] > 1) throw_long_rows(*this, extents[Rank - 1]);
  }
  lockstep::shape<Rank> const& shape() const { return extents; }

  template <class Visitor>
  void visit(Visitor&& visitor, bool = true) const {
    visit_pass(visitor, *this, false);
  }
  [[gnu::cold, gnu::noinline]] void describe(std::string& text) const {
    append_text(text, {Vector ? "matvec(" : "matmul("});
    operand.a.describe(text);
    append_text(text, {", "});
    operand.b.describe(text);
    append_text(text, {")"});
  }

  void write(lowering& context, view<value, Rank> const& target) const {
    if (!takes(target)) return store_node(context, *this, target, false);
    run(context, target, [](index, index, index, index, index) {});
  }
  /// Evaluates an expression that is element-wise over this product into `target`, tile by tile. False, and nothing is
  /// done, where the product cannot be computed in that memory.
  template <node E>
  bool write_then(lowering& context, E const& whole, view<value, Rank> const& target) const {
    if (!(target.extents == extents) || !takes(target)) return false;
    context.produced = this;
    context.product_data = target.data;
    context.product_strides = target.strides.extents;
    if (context.where.is_gpu()) {  // what follows is a pass of its own, in place
      run_on_gpu(context, target);
      store_node(context, whole, target, false);
      return true;
    }
    auto const evaluator = whole.lower(context, target.extents);
    cpu::reader<std::remove_const_t<decltype(evaluator)>, Rank> const values(evaluator, target.extents);
    run(context, target, [&](index number, index i, index i_end, index j, index j_end) {
      auto c = batch_coordinates(number);
      if constexpr (Vector) return values.read_row(c, i, i_end, target.data + offset(c, target.strides) + i);
      for (; i < i_end; ++i) {
        c[batch_axes] = i;
        values.read_row(c, j, j_end, target.data + offset(c, target.strides) + j);
      }
    });
    return true;
  }

  /// Inside a larger expression the values are computed first, into a temporary, unless they are already being computed
  /// in the memory that the expression is written to.
  template <std::size_t R>
  memory_evaluator<value, R> lower(lowering& context, lockstep::shape<R> const& target) const {
    if constexpr (R == Rank)
      if (context.produced == this) {
        memory_evaluator<value, R> in_target{static_cast<value const*>(context.product_data), {}};
        for (std::size_t k = 0; k < R; ++k) in_target.strides[k] = context.product_strides[k];
        return in_target;
      }
    auto const space = make_storage(context.where, extents.size(), sizeof(value));
    context.temporaries.push_back(space);
    view<value, Rank> const values(static_cast<value*>(space->data), extents);
    if (extents.size() != 0) write(context, values);
    return window<value const, Rank, layout::dense>(space, values).lower(context, target);
  }

 private:
  template <std::size_t R>
  static auto leading(lockstep::shape<R> const& s) {
    lockstep::shape<(R < 2 ? 0 : R - 2)> first;
    for (std::size_t k = 0; k + 2 < R; ++k) first[k] = s[k];
    return first;
  }
  [[noreturn, gnu::cold, gnu::noinline]] void throw_shapes() const {
    throw shape_error(text_of({to_text(*this), ": found the shapes ", to_string(operand.a.shape()), " and ",
                               to_string(operand.b.shape()),
                               Vector ? ", expected as many columns as the vector has elements"
                                      : ", expected as many columns on the left as rows on the right, and leading "
                                        "extents that are equal or 1"}));
  }
  /// True when a product can be computed in this memory: no gaps along the last axis, rows that do not overlap.
  static bool takes(view<value, Rank> const& target) {
    if (target.strides[Rank - 1] != 1 && target.extents[Rank - 1] > 1) return false;
    if constexpr (Vector)
      return true;
    else
      return target.extents[Rank - 2] <= 1 ||
             (target.strides[Rank - 2] >= std::max<index>(1, target.extents[Rank - 1]) &&
              target.strides[Rank - 2] <= cpu::longest_row);
  }
  lockstep::shape<Rank> batch_coordinates(index number) const {
    lockstep::shape<Rank> c;
    for (std::size_t k = batch_axes; k-- > 0; number /= extents[k]) c[k] = number % extents[k];
    return c;
  }
  template <std::size_t R>
  static index offset(lockstep::shape<R> const& c, lockstep::shape<R> const& strides) {
    index sum = 0;
    for (std::size_t k = 0; k < R; ++k) sum += c[k] * strides[k];
    return sum;
  }
  /// Where the matrix of an operand lies for a place in the stack.
  template <std::size_t R>
  static auto matrix_at(matrix_operand<value, R> const& m, lockstep::shape<Rank> const& c) {
    auto found = m.matrix();
    for (std::size_t k = 0; k + 2 < R; ++k)
      if (m.extents[k] != 1) found.data += c[batch_axes - (R - 2) + k] * m.strides[k];
    return found;
  }

  template <class MatrixA, class MatrixB>
  auto matrices_at(MatrixA const& a, MatrixB const& b, view<value, Rank> const& target, index number) const {
    auto const c = batch_coordinates(number);
    cpu::strided_matrix<value> out{target.data + offset(c, target.strides), target.strides[batch_axes], 1};
    return cpu::product<value>{
        extents[batch_axes], Vector ? 1 : extents[Rank - 1], depth, matrix_at(a, c), matrix_at(b, c), out};
  }

  /// Stacks of one axis are one call; of several, one for each place along the axes before the last.
  void run_on_gpu([[maybe_unused]] lowering& context, [[maybe_unused]] view<value, Rank> const& target) const {
#if LOCKSTEP_CUDA
    auto const a = operand_in_memory<value>(context, operand.a);
    auto const b = operand_in_memory<value>(context, operand.b);
    index stacks = 1, count = 1;
    for (std::size_t k = 0; k + 1 < batch_axes; ++k) stacks *= extents[k];
    if constexpr (batch_axes > 0) count = extents[batch_axes - 1];
    if (target.size() == 0) return;
    for (index i = 0; i < stacks; ++i) {
      auto const first = matrices_at(a, b, target, i * count),
                 next = matrices_at(a, b, target, i * count + (count > 1));
      cuda::multiply<value>(context.where, cuda::product_stack<cpu::product<value>>{
                                               first, count, next.a.data - first.a.data, next.b.data - first.b.data,
                                               next.c.data - first.c.data});
    }
#else
    throw_needs_cuda(context.where);
#endif
  }

  template <class Finish>
  void run(lowering& context, view<value, Rank> const& target, Finish const& finish) const {
    if (context.where.is_gpu()) return run_on_gpu(context, target);
    auto const a = operand_in_memory<value>(context, operand.a);
    auto const b = operand_in_memory<value>(context, operand.b);
    index batch = 1;
    for (std::size_t k = 0; k < batch_axes; ++k) batch *= extents[k];
    auto const product_at = [&](index number) { return matrices_at(a, b, target, number); };
    cpu::multiplication<value>(context.where, batch, product_at(0), product_at, finish).run();
  }
};

template <bool Vector, class A, class B>
auto make_product(A&& a, B&& b) {
  auto left = as_node(std::forward<A>(a));
  auto right = as_node(std::forward<B>(b));
  return matmul_node<decltype(left), decltype(right), Vector>(std::move(left), std::move(right));
}

/// The matrix product of expressions of shape (..., n, k) and (..., k, m): shape (..., n, m). Leading axes are stacks
/// of matrices, broadcast against each other. A lazy expression: `y = max(matmul(a, b) + bias, 0.0f)` is one pass, in
/// which the sum and the maximum are applied to each tile of the product while it is in the cache. Matrices of float
/// and double that lie in memory with unit stride along their rows or columns are read where they lie by the BLAS,
/// others are evaluated first. Products of integers are summed to 64 bits. The same bits on any number of threads. Sets
/// OpenBLAS to one thread. Throws shape_error when the shapes do not fit.
template <expression A, expression B>
auto matmul(A&& a, B&& b) {
  static_assert(rank_v<A> >= 2 && rank_v<B> >= 2,
                "matmul(a, b): both need two axes or more; use matvec(a, x) for vectors, dot(x, y) for two");
  return make_product<false>(std::forward<A>(a), std::forward<B>(b));
}
/// The product of a matrix, or a stack of them, of shape (..., n, k) and a vector of k elements: shape (..., n). As
/// matmul otherwise.
template <expression A, expression X>
auto matvec(A&& a, X&& x) {
  static_assert(rank_v<A> >= 2 && rank_v<X> == 1, "matvec(a, x): a needs two axes or more, x one");
  return make_product<true>(std::forward<A>(a), std::forward<X>(x));
}
/// Element (i, j) is u[i] * v[j]: a lazy element-wise expression.
template <expression U, expression V>
auto outer(U&& u, V&& v) {
  static_assert(rank_v<U> == 1 && rank_v<V> == 1, "outer(u, v): both need one axis");
  return column(std::forward<U>(u)) * std::forward<V>(v);
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
