// all_reduce among two CPU devices against a copy of as many bytes by the same two threads, paired in one run. The best
// of many rounds counts: ranks wait for each other, so that whatever else the machine does delays both.
#include <lockstep/lockstep.hpp>

#include <chrono>
#include <cstdio>
#include <cstring>

#include "paired.hpp"

namespace ls = lockstep;

namespace {

/// The best and the median time in seconds from when both ranks begin until both have called f `repeats` times.
struct times {
  double best, median;
};

template <class F, class G>
std::pair<times, times> paired(ls::communicator& comm, int repeats, F const& f, G const& g) {
  std::vector<double> first, second;
  auto const together = [&](auto const& h, std::vector<double>& into) {
    comm.barrier();
    auto const run = [&] {
      for (int i = 0; i < repeats; ++i) h();
      comm.barrier();
    };
    into.push_back(bench::seconds(run, 1) / repeats);
  };
  for (int round = 0; round < 41; ++round) {
    together(f, first);
    together(g, second);
  }
  auto const summary = [](std::vector<double> const& all) {
    return times{*std::min_element(all.begin(), all.end()), bench::median(all)};
  };
  return {summary(first), summary(second)};
}

/// An all_reduce of n bytes reads and writes n bytes of each rank's memory; so does a copy of n bytes by each rank.
void all_reduce(ls::communicator& comm, std::size_t bytes) {
  ls::array<float> values(comm.device(), ls::shape{bytes / sizeof(float)}), copied(comm.device(), values.shape());
  values = 0.0f;
  copied = 0.0f;
  int const repeats = static_cast<int>(std::clamp<std::size_t>((std::size_t{8} << 20) / bytes, 1, 2000));
  auto const [ours, copy] = paired(
      comm, repeats, [&] { comm.all_reduce(values, ls::plus{}); },
      [&] {
        std::memcpy(copied.data(), values.data(), bytes);
        asm volatile("" : : "r"(copied.data()) : "memory");
      });
  if (comm.rank() == 0)
    std::printf("%9zu bytes: all_reduce %10.2f us (median %10.2f), copy %10.2f us (median %10.2f), %6.1f GB/s, %.2f\n",
                bytes, ours.best * 1e6, ours.median * 1e6, copy.best * 1e6, copy.median * 1e6,
                static_cast<double>(bytes) / ours.best * 1e-9, copy.best / ours.best);
}

}  // namespace

int main() {
  std::printf("2 ranks; GB/s: payload over best time; last column: the copy's time over ours\n");
  ls::spmd(ls::mesh::cpu(2, 1), [](ls::communicator& comm) {
    for (std::size_t bytes = 1 << 10; bytes <= std::size_t{64} << 20; bytes *= 4) all_reduce(comm, bytes);
  });
}
