// What one rank knows while it takes its part in an operation on sharded arrays.
#pragma once

#include <span>
#include <vector>

#include "../core/owned_array.hpp"
#include "sharded.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// A rank of this process while it runs.
struct rank_context {
  communicator& comm;
  std::size_t rank, ranks;
  std::size_t local;  ///< counted from the first rank of this process
  device const& where;
  bool reaches_devices;  ///< whether `comm` moves what lies in this rank's memory; otherwise only what hosts have
  bool shares_memory;    ///< whether all ranks are CPU devices of this process

  /// Every rank's value, in host memory.
  template <class T>
  owned_array<T> gather(T const& mine) const {
    owned_array<T> all(new T[ranks]);
    comm.all_gather(std::span<T const>(&mine, 1), std::span<T>(all.get(), ranks));
    return all;
  }
  /// counts[r] values of each rank r in host memory, one after another.
  template <class T>
  owned_array<T> gather(T const* mine, std::vector<std::size_t> const& counts) const {
    std::size_t total = 0;
    for (std::size_t count : counts) total += count;
    owned_array<T> all(new T[total]);
    comm.all_gather_v(std::span<T const>(mine, counts[rank]), std::span<T>(all.get(), total), rank_counts(counts));
    return all;
  }
};

/// Calls f(rank_context&) on every rank of this process.
template <class F>
void on_ranks(mesh_ranks& ranks, F&& f) {
  struct call {
    mesh_ranks& ranks;
    std::remove_reference_t<F>& f;
  } both{ranks, f};
  ranks.run(
      [](void* context, communicator& comm) {
        auto& all = *static_cast<call*>(context);
        mesh const& devices = all.ranks.devices();
        rank_context here{comm,
                          comm.rank(),
                          comm.size(),
                          comm.rank() - devices.first_local_rank(),
                          devices.device(comm.rank()),
                          all.ranks.reaches_devices(),
                          devices.is_cpu() && devices.is_local()};
        all.f(here);
      },
      &both);
}

/// Part [begin, end) of something that all ranks have a part of.
struct owned_range {
  index begin, end;
  owned_range both(owned_range other) const {
    index const from = std::max(begin, other.begin);
    return {from, std::max(from, std::min(end, other.end))};
  }
  index size() const { return end - begin; }
};

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
