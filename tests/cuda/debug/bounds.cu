// Debug mode on a GPU (this program is compiled with LOCKSTEP_DEBUG): a kernel that reads behind its view stops, and
// says which index it found in which argument; the host's error names the launch. Not a test case, because the device
// is lost afterwards. bounds [own]: with a view of the kernel's own.
#include <lockstep/lockstep.hpp>

#include <cstdio>
#include <cstring>

namespace ls = lockstep;

struct reads_behind {
  LOCKSTEP_FN void operator()(ls::index i, ls::view<float> out, ls::view<float const> in) const { out[i] = in[i + 1]; }
};

struct writes_behind_own {
  LOCKSTEP_FN void operator()(ls::index i, ls::view<float> x) const {
    if (i == 5) ls::view<float>(x.data, ls::shape<1>(7))[7] = 0;
  }
};

int main(int count, char** words) {
  bool const own = count > 1 && std::strcmp(words[1], "own") == 0;
  ls::device const dev = ls::device::gpu();
  ls::array<float> const fresh(dev, 5);
  float const unset = fresh.to_host()[3];
  std::printf("new memory is %s\n", unset != unset ? "NaN" : "something");
  ls::array<float> few = ls::ones<float>(dev, 10);
  try {
    ls::segmented_sort(few, ls::array<ls::index>(dev, std::vector<ls::index>{0, 5, 4, 10}));
  } catch (ls::error const& problem) {
    std::printf("caught: %s\n", problem.what());
  }
  ls::array<float> const in = ls::ones<float>(dev, 1000);
  ls::array<float> out(dev, 1000);
  try {
    if (own)
      ls::launch(dev, ls::elements(1000), writes_behind_own{}, out);
    else
      ls::launch(dev, ls::elements(1000), reads_behind{}, out, in);
    out.to_host();
    std::puts("no error");
  } catch (ls::error const& problem) {
    std::printf("caught: %s\n", problem.what());
  }
  std::fflush(stdout);
  std::_Exit(0);  // nothing more can be asked of the device
}
