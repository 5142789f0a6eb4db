// Sharded arrays in NumPy's .npy files.
#pragma once

#include "../mesh/sharded_map.hpp"
#include "npy.hpp"

namespace lockstep::io {
inline namespace LOCKSTEP_COMPILER {

/// Writes all elements of a sharded array, or of an expression of some, to an .npy file: see save_npy of an array.
/// Where a mesh spans processes all of them call it, and the one that has rank 0 writes.
template <sharded_expression E>
void save_npy(std::string const& path, E const& e) {
  sharded<value_t<E>, rank_v<E>> const values = e;
  array<value_t<E>, rank_v<E>> const all = values.to_array(device::cpu());
  if (values.devices().first_local_rank() == 0) save_npy(path, all);
}

/// Reads an .npy file into a sharded array: see load_npy. Every process reads the file and keeps its part.
template <class T, std::size_t Rank = 1>
sharded<T, Rank> load_npy(std::string const& path, mesh const& devices,
                          placement placed = split_along(lockstep::axis(0))) {
  return sharded<T, Rank>(devices, io::load_npy<T, Rank>(path, device::cpu()), placed);
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::io
