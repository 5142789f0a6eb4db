// The devices that a test runs on: LOCKSTEP_TEST_DEVICES, such as "cpu:1,cpu", or else several CPU devices (by nvcc:
// gpu).
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <lockstep/core/config.hpp>
#include <lockstep/device/device.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace lockstep::test {
inline namespace LOCKSTEP_COMPILER {

/// The devices named by the environment variable LOCKSTEP_TEST_DEVICES (comma separated), never none.
inline std::vector<device> devices() {
  char const* const chosen = std::getenv("LOCKSTEP_TEST_DEVICES");
  std::string const names = chosen ? chosen : LOCKSTEP_CUDA ? "gpu" : "cpu:1,cpu,cpu:3";
  std::vector<device> found;
  for (std::size_t start = 0; start < names.size();) {
    std::size_t const end = std::min(names.find(',', start), names.size());
    found.push_back(device::parse(names.substr(start, end - start)));
    start = end + 1;
  }
  if (found.empty()) throw std::invalid_argument("LOCKSTEP_TEST_DEVICES names no device; try cpu:1,cpu");
  return found;
}

/// Calls f(device) for each of devices(); what fails inside names the device.
template <class F>
void for_each_device(F&& f) {
  for (device const& dev : devices()) {
    INFO("device: ", dev.name());
    f(dev);
  }
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::test
