// Eigen in and out: arrays as Eigen::Map without a copy, matrices, vectors, maps and expressions of Eigen as arrays.
// Needs Eigen 3's headers.
#pragma once

#include <Eigen/Core>

#include "../algorithm/map.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

template <class T>
using eigen_matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class T>
using eigen_vector = Eigen::Matrix<T, Eigen::Dynamic, 1>;

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_not_for_eigen(device const& where) {
  throw device_error(text_of({"as_eigen: found an array on ", where.name(),
                              ", expected one on a CPU device, whose memory Eigen can read; copy it there with "
                              "array::to(device)"}));
}
template <class T, std::size_t Rank>
void require_for_eigen(array<T, Rank> const& a) {
  if (a.has_storage() && !a.device().is_cpu()) throw_not_for_eigen(a.device());
}

/// The elements of an array as a row-major matrix of Eigen: no copy, writing through, valid as long as the array keeps
/// its memory. Throws device_error for an array that is not on a CPU device.
template <class T>
Eigen::Map<eigen_matrix<T>> as_eigen(array<T, 2>& a) {
  require_for_eigen(a);
  return {a.data(), a.extent(0), a.extent(1)};
}
template <class T>
Eigen::Map<eigen_matrix<T> const> as_eigen(array<T, 2> const& a) {
  require_for_eigen(a);
  return {a.data(), a.extent(0), a.extent(1)};
}
/// The same as a column vector.
template <class T>
Eigen::Map<eigen_vector<T>> as_eigen(array<T, 1>& a) {
  require_for_eigen(a);
  return {a.data(), a.extent(0)};
}
template <class T>
Eigen::Map<eigen_vector<T> const> as_eigen(array<T, 1> const& a) {
  require_for_eigen(a);
  return {a.data(), a.extent(0)};
}
template <class T, std::size_t Rank>
void as_eigen(array<T, Rank> const&&) = delete;  // its memory would be gone

/// A copy on a device of a matrix, map or expression of Eigen, whatever its storage order: of rank 1 for what is a
/// vector by its type, otherwise of rank 2.
template <class Derived>
auto from_eigen(Eigen::DenseBase<Derived> const& e, device const& where) {
  using T = std::remove_const_t<typename Derived::Scalar>;
  constexpr std::size_t Rank = Derived::IsVectorAtCompileTime ? 1 : 2;
  eigen_matrix<T> values(e.rows(), e.cols());
  if constexpr (std::is_base_of_v<Eigen::ArrayBase<Derived>, Derived>)
    values.array() = e.derived();
  else
    values = e.derived();
  shape<Rank> extents;
  if constexpr (Rank == 1)
    extents[0] = e.size();
  else
    extents = {e.rows(), e.cols()};
  return array<T, Rank>(where, extents, std::span<T const>(values.data(), extents.size()));
}
template <class Derived>
auto from_eigen(Eigen::DenseBase<Derived> const& e) {
  return from_eigen(e, default_device());
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
