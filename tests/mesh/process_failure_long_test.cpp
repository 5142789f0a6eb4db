// Every failure of a process a hundred times.
#include "process_failures.hpp"

#ifndef __SANITIZE_THREAD__  // which loses track of threads when a process forks

using namespace mesh_test;

TEST_CASE("every failure of a process, a hundred times") {
  for (process_failure const& each : process_failures()) check_failure(each, 100, 1);
}

#endif
