// What the tests of processes share: a mesh whose ranks are forked processes, each of which leaves a text behind.
#pragma once

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <lockstep/mesh/process_ranks.hpp>
#include <string>
#include <vector>

namespace mesh_test {
inline namespace LOCKSTEP_COMPILER {

namespace ls = lockstep;

/// What a process has left.
struct outcome {
  char text[1500];
  double seconds;  ///< until then
  bool written;
};

/// Forks `processes` children with `devices` ranks each, which call f(mesh) -> std::string. Children that stop are
/// ended once all others have left their texts. Returns them; "" from those that were killed.
template <class F>
std::vector<outcome> in_processes(std::size_t processes, std::size_t devices, double timeout, F const& f) {
  std::size_t const ranks = processes * devices;
  using run = ls::process_ranks<ls::compilation>;
  ls::process_memory world(run::world_bytes(ranks)), group(run::group_bytes(ranks));
  void* const memory =
      mmap(nullptr, processes * sizeof(outcome), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  auto* const left = static_cast<outcome*>(memory);
  std::vector<pid_t> children;
  double const begun = ls::seconds_now();
  for (std::size_t p = 0; p < processes; ++p) {
    pid_t const child = fork();
    if (child == 0) {
      std::vector<ls::device> mine;
      for (std::size_t i = 0; i < devices; ++i)
        mine.push_back(ls::device::new_cpu(1, static_cast<int>(p * devices + i)));
      auto shared = std::make_shared<run>(std::move(world), std::move(group), ranks, p * devices, devices);
      ls::mesh mesh(std::move(mine), p * devices, ranks, std::move(shared));
      mesh.set_timeout(timeout);
      std::string const text = f(mesh);
      text.copy(left[p].text, sizeof left[p].text - 1);
      left[p].seconds = ls::seconds_now() - begun;
      left[p].written = true;
      _exit(0);
    }
    children.push_back(child);
  }
  std::vector<bool> ended(processes, false);
  double const end = begun + 60 + 5 * timeout;
  int looks = 0;  // at which all that are left were stopped: for a moment, they may be so together with this process
  for (std::size_t gone = 0; gone < processes; usleep(500)) {
    std::size_t stopped = 0;
    for (std::size_t p = 0; p < processes; ++p) {
      int status = 0;
      if (!ended[p] && waitpid(children[p], &status, WNOHANG) == children[p]) {
        ended[p] = true;
        ++gone;
      }
      if (!ended[p] && ls::state_of_process(children[p]) == ls::process_state::stopped) ++stopped;
    }
    looks = stopped == processes - gone ? looks + 1 : 0;
    if (looks > 20 || ls::seconds_now() > end)
      for (std::size_t p = 0; p < processes; ++p)
        if (!ended[p]) kill(children[p], SIGKILL);
  }
  std::vector<outcome> const found(left, left + processes);
  munmap(memory, processes * sizeof(outcome));
  return found;
}

/// What f throws, or "".
template <class F>
std::string thrown_by(F const& f) {
  try {
    f();
  } catch (ls::communication_error const& e) {
    return std::string("communication: ") + e.what();
  } catch (std::exception const& e) {
    return std::string("own: ") + e.what();
  }
  return "";
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace mesh_test
