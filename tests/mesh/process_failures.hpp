// What goes wrong in one of several processes, as often as a test wants.
#pragma once

#include <doctest/doctest.h>

#include <stdexcept>

#include "processes.hpp"

namespace mesh_test {
inline namespace LOCKSTEP_COMPILER {

/// Three processes, the second of which does `wrong` instead of the third collective. `survivors` texts, and within
/// which time they must come; "" where a survivor has nothing to complain of.
struct process_failure {
  char const* what;
  void (*wrong)(ls::communicator& comm);
  std::vector<std::string> parts;  ///< of what each survivor is told
  double timeout;
  bool at_once;  ///< the others need not wait until the time is up
};

inline void add_ten(ls::communicator& comm) {
  std::vector<float> values(10, 1.0f);
  comm.all_reduce(std::span(values), ls::plus{}, "weights");
}

inline std::vector<process_failure> const& process_failures() {
  static std::string const call = "all_reduce of 10 float by + (weights) (collective 2)";
  static std::vector<process_failure> const all{
      {"throws",
       [](ls::communicator&) { throw std::domain_error("gives up"); },
       {call, "rank 1 failed: gives up"},
       5,
       true},
      {"is killed",
       [](ls::communicator&) { raise(SIGKILL); },
       {call, "rank 1 (process ", "it was killed, or exited"},
       5,
       true},
      {"exits", [](ls::communicator&) { _exit(3); }, {call, "rank 1 (process ", "it was killed, or exited"}, 5, true},
      {"stops",
       [](ls::communicator&) { raise(SIGSTOP); },
       {call, "waited 0.2 s in", "for rank 1 (process ", "which is stopped", "which had not called it"},
       0.2,
       false},
      {"leaves early", [](ls::communicator&) {}, {call, "rank 1 has returned without calling", call}, 5, true},
      {"calls another collective",
       [](ls::communicator& comm) { comm.barrier(); },
       {call, "rank 1 ", "called barrier (collective 2)", "must call the same"},
       5,
       true},
      {"calls with another count",
       [](ls::communicator& comm) {
         std::vector<float> values(11, 1.0f);
         comm.all_reduce(std::span(values), ls::plus{}, "weights");
       },
       {call, "all_reduce of 11 float by + (weights) (collective 2)", "must call the same"},
       5,
       true},
      {"is killed within a collective",
       [](ls::communicator& comm) {
         std::vector<float> values(10, 1.0f);
         comm.all_reduce(std::span(values), [](float a, float b) {
           raise(SIGKILL);
           return a + b;
         });
       },
       {"(collective 2)"},
       5,
       true},
  };
  return all;
}

/// `slack`: seconds after the timeout until which survivors must have reported.
inline void check_failure(process_failure const& failure, int repeats, double slack) {
  for (int i = 0; i < repeats; ++i) {
    auto const found = in_processes(3, 1, failure.timeout, [&](ls::mesh const& mesh) {
      return thrown_by([&] {
        ls::spmd(mesh, [&](ls::communicator& comm) {
          add_ten(comm);
          add_ten(comm);
          if (comm.rank() == 1) return failure.wrong(comm);
          add_ten(comm);
        });
      });
    });
    for (std::size_t survivor : {0, 2}) {
      std::string const text = found[survivor].text;
      CAPTURE(failure.what);
      CAPTURE(text);
      CHECK(text.find("communication: ") == 0);
      for (std::string const& part : failure.parts) CHECK(text.find(part) != std::string::npos);
      double const limit = failure.at_once ? 0 : failure.timeout;
      CHECK(found[survivor].seconds < limit + slack);
      CHECK(found[survivor].seconds >= limit);
    }
  }
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace mesh_test
