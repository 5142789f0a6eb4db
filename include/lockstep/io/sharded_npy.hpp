// Sharded arrays in NumPy's .npy files.
#pragma once

#include <exception>
#include <string>

#include "../mesh/sharded_map.hpp"
#include "npy.hpp"

namespace lockstep::io {
inline namespace LOCKSTEP_COMPILER {

/// Writes all elements of a sharded array, or of an expression of some, to an .npy file: see save_npy of an array.
/// Where a mesh spans processes all of them call it, the one that has rank 0 writes, and all return when the file is
/// there, or throw.
template <sharded_expression E>
void save_npy(std::string const& path, E const& e) {
  sharded<value_t<E>, rank_v<E>> const values = e;
  array<value_t<E>, rank_v<E>> const all = values.to_array(device::cpu());
  mesh const& devices = values.devices();
  std::exception_ptr thrown;
  if (devices.first_local_rank() == 0) try {
      save_npy(path, all);
    } catch (...) {
      thrown = std::current_exception();
    }
  int good = thrown ? 0 : 1;
  if (!devices.is_local())
    on_ranks(*values.shared_shards()->ranks, [&](rank_context& here) {
      int everywhere = thrown ? 0 : 1;
      here.comm.all_reduce(everywhere, minimum{});
      if (here.local == 0) good = everywhere;
    });
  if (thrown) std::rethrow_exception(thrown);
  if (!good)
    throw error(text_of({"save_npy: found that the process with rank 0 could not write ", path,
                         ", expected a file that can be written there; its own error says why"}));
}

/// Reads an .npy file into a sharded array: see load_npy. Every process reads the file and keeps its part.
template <class T, std::size_t Rank = 1>
sharded<T, Rank> load_npy(std::string const& path, mesh const& devices,
                          placement placed = split_along(lockstep::axis(0))) {
  return sharded<T, Rank>(devices, io::load_npy<T, Rank>(path, device::cpu()), placed);
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::io
