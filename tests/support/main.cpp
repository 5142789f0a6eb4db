// The main function of every test program. A run that executes no test fails: a filter that fits nothing tests nothing.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <iostream>

#include "reporter.hpp"

namespace {

unsigned tests_run = 0;

/// Counts the test cases that a run executes; reports nothing itself.
struct counter : lockstep::test::silent_reporter {
  using silent_reporter::silent_reporter;
  void test_run_end(doctest::TestRunStats const& stats) override { tests_run = stats.numTestCasesPassingFilters; }
};

}  // namespace

// Sanitizers stop a program that asks for more memory than there can be; here that must be an out_of_memory instead.
extern "C" char const* __asan_default_options() { return "allocator_may_return_null=1"; }
extern "C" char const* __tsan_default_options() { return "allocator_may_return_null=1"; }

REGISTER_LISTENER("counter", 1, counter);

int main(int argc, char** argv) {
  doctest::Context context(argc, argv);
  int const status = context.run();
  if (context.shouldExit()) return status;
  if (tests_run == 0) {
    std::cerr << "No test case fits the filters given, so nothing was tested\n";
    return EXIT_FAILURE;
  }
  return status;
}
