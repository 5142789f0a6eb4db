// Debug mode on a GPU (this program is compiled with LOCKSTEP_DEBUG): a kernel that reads behind its view stops, and
// says which index it found; the host's error names the launch. Not a test case, because the device is lost afterwards.
#include <lockstep/lockstep.hpp>

#include <cstdio>

namespace ls = lockstep;

struct reads_behind {
  LOCKSTEP_FN void operator()(ls::index i, ls::view<float> out, ls::view<float const> in) const { out[i] = in[i + 1]; }
};

int main() {
  ls::device const dev = ls::device::gpu();
  ls::array<float> const fresh(dev, 5);
  float const unset = fresh.to_host()[3];
  std::printf("new memory is %s\n", unset != unset ? "NaN" : "something");
  ls::array<float> const in = ls::ones<float>(dev, 1000);
  ls::array<float> out(dev, 1000);
  try {
    ls::launch(dev, ls::elements(1000), reads_behind{}, out, in);
    out.to_host();
    std::puts("no error");
  } catch (ls::error const& problem) {
    std::printf("caught: %s\n", problem.what());
  }
  std::fflush(stdout);
  std::_Exit(0);  // nothing more can be asked of the device
}
