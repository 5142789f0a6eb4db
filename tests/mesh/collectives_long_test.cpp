// Collectives of every arithmetic type by every operator, up to 2^20 elements, and what they send: among threads, and
// among processes that share memory. mpi_program.cpp has those over MPI. Takes up to 13 GB of memory.
#include <doctest/doctest.h>
#include <malloc.h>

#include "all_types.hpp"
#include "processes.hpp"

using namespace mesh_test;

/// Large blocks go back to the system when they are freed: forked processes would have what threads have left.
static int const large_blocks_are_returned = mallopt(M_MMAP_THRESHOLD, 1 << 20);

TEST_CASE("every type and operator among threads") {
  std::size_t checks = 0;
  for (std::size_t ranks = 1; ranks <= 9; ++ranks) {
    std::vector<verdict> found(ranks);
    common_memory const memory(all_types::bytes(ranks));
    double const begun = ls::seconds_now();
    ls::spmd(ls::mesh::cpu(ranks),
             [&](ls::communicator& comm) { found[comm.rank()] = all_types(comm, false, memory, true).check(); });
    std::size_t compared = 0;
    for (verdict const& each : found) {
      CHECK(each.wrong == "");
      compared += each.checks;
    }
    MESSAGE(ranks, " ranks: ", compared, " results compared in ", ls::seconds_now() - begun, " s");
    checks += compared;
  }
  MESSAGE(checks, " results compared");
}

#ifndef __SANITIZE_THREAD__  // which loses track of threads when a process forks
TEST_CASE("every type and operator among processes") {
  std::size_t checks = 0;
  for (std::size_t ranks = 1; ranks <= 9; ++ranks) {
    common_memory const memory(all_types::bytes(ranks));
    double const begun = ls::seconds_now();
    std::size_t compared = 0;
    for (outcome const& each : in_processes(ranks, 1, 120, [&](ls::mesh const& mesh) {
           verdict mine;
           std::string const thrown = thrown_by([&] {
             ls::spmd(mesh, [&](ls::communicator& comm) { mine = all_types(comm, false, memory, true).check(); });
           });
           return thrown.empty() && mine.wrong.empty() ? std::to_string(mine.checks) : "wrong: " + thrown + mine.wrong;
         })) {
      std::string const text = each.text;
      CAPTURE(text);
      CHECK(text.find_first_not_of("0123456789") == std::string::npos);
      CHECK(text != "");
      compared += std::strtoul(each.text, nullptr, 10);
    }
    MESSAGE(ranks, " ranks: ", compared, " results compared in ", ls::seconds_now() - begun, " s");
    checks += compared;
  }
  MESSAGE(checks, " results compared");
}
#endif
