// What communication costs on a mesh, as one of its ranks in this process measures it.
#pragma once

#include <lockstep/lockstep.hpp>
#include <lockstep/mesh/cost_model.hpp>

namespace bench {

inline lockstep::communication_cost cost_of(lockstep::mesh const& mesh) {
  lockstep::communication_cost cost;
  lockstep::spmd(mesh, [&](lockstep::communicator& comm) {
    lockstep::communication_cost const found = lockstep::measure_communication(comm);
    if (comm.rank() == mesh.first_local_rank()) cost = found;
  });
  return cost;
}

}  // namespace bench
