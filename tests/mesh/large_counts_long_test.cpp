// More than 2^31 elements among threads and among processes. Needs 8 GiB of memory.
#include "large_counts.hpp"

#include <doctest/doctest.h>

#include <lockstep/mesh/spmd.hpp>

#include "processes.hpp"

using namespace mesh_test;

TEST_CASE("more than 2^31 elements among threads") {
  std::vector<std::string> wrong(2, "nothing happened");
  ls::mesh mesh = ls::mesh::cpu(2);
  mesh.set_timeout(120);
  ls::spmd(mesh, [&](ls::communicator& comm) { wrong[comm.rank()] = check_large_counts(comm); });
  CHECK(wrong == std::vector<std::string>(2));
}

#ifndef __SANITIZE_THREAD__  // which loses track of threads when a process forks

TEST_CASE("more than 2^31 elements among processes") {
  auto const found = in_processes(2, 1, 120, [](ls::mesh const& mesh) {
    std::string wrong = "nothing happened";
    std::string const thrown =
        thrown_by([&] { ls::spmd(mesh, [&](ls::communicator& comm) { wrong = check_large_counts(comm); }); });
    return thrown.empty() ? "wrong: " + wrong : thrown;
  });
  for (outcome const& each : found) CHECK(std::string(each.text) == "wrong: ");
}

#endif
