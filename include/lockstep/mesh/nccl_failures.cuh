// What a rank says when its call of NCCL has failed because another rank did.
#pragma once

#include <algorithm>
#include <exception>
#include <string>

#include "communicator_state.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

/// Seconds that others have to say what went wrong, or to end what all have queued, when a rank of several processes
/// has failed. Shorter than the time for which processes wait for each other then.
inline constexpr double failure_grace = 0.2;

/// Why another rank has failed, when `own`, an error of this rank's, is NCCL's and likely a consequence of that: when
/// the other's report is there, or soon comes. Empty otherwise. A rank that fails first waits for that in vain, and
/// reports later by as long as the others wait for its report.
inline std::string cause_elsewhere(communicator_state& host, double timeout, std::exception const& own) noexcept {
  if (!dynamic_cast<communication_error const*>(&own)) return "";
  try {
    return host.failure_within(timeout > 0 ? std::min(failure_grace, timeout / 2) : failure_grace);
  } catch (...) {  // then the own error stands
    return "";
  }
}
[[noreturn, gnu::cold, gnu::noinline]] inline void throw_cause(std::string const& what, device const& where,
                                                               std::string const& cause, std::exception const& own) {
  throw communication_error(text_of({what, ", on ", where.name(), ": ", cause, "; here it ended in: ", own.what()}));
}

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
