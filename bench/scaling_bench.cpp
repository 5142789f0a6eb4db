// Strong and weak scaling of sharded arrays: the same task on one, two and four CPU devices of one thread each. Strong:
// one size for all. Weak: one size for each device. Nobody can be faster than the cores there are: the last columns
// give the time on one device over that on p, and the efficiency, for which 1 is p times as fast (strong) or as fast
// (weak).
#include <lockstep/lockstep.hpp>

#include <algorithm>
#include <cstdio>
#include <thread>

#include "paired.hpp"

namespace ls = lockstep;

namespace {

/// Sharded arrays of one size, and the tasks on them.
struct tasks {
  ls::sharded<float> x, y;
  ls::sharded<float> unsorted, work;

  tasks(ls::mesh const& mesh, std::size_t n) : x(mesh, n), y(mesh, n), unsorted(mesh, n / 8), work(mesh, n / 8) {
    x = ls::cast<float>(ls::indices() % 1000) + 1.0f;
    unsorted = ls::cast<float>((ls::indices() * 2654435761) % 1000003);
    y = 0.0f;
    work = unsorted;
  }
  void map() { y = ls::sqrt(x) * 2.0f + 1.0f; }
  void reduce() { last = ls::sum(x * x); }
  void scan() { y = ls::inclusive_scan(x); }
  void stencil() { y = x + 0.5f * (ls::neighbor(x, -1) + ls::neighbor(x, 1)); }
  void sort() {  // with the copy that it needs to sort something unsorted
    work = unsorted * 1.0f;
    ls::sort(work);
  }
  float last = 0;
};

using task = void (tasks::*)();
struct named {
  char const* name;
  task run;
};
constexpr named all[] = {{"map", &tasks::map},
                         {"reduce", &tasks::reduce},
                         {"scan", &tasks::scan},
                         {"stencil", &tasks::stencil},
                         {"sort", &tasks::sort}};

/// The best time within a fifth of a second: new threads need some milliseconds to find a core of their own.
double best_of(tasks& on, task run) {
  double best = 1e9, spent = 0;
  for (int round = 0; round < 9 || spent < 0.2; ++round) {
    double const seconds = bench::seconds([&] { (on.*run)(); }, 1);
    best = std::min(best, seconds);
    spent += seconds;
  }
  return best;
}

void table(char const* title, bool weak, std::size_t n) {
  std::printf("\n%s, %zu floats%s (sort: an eighth)\n%-8s %8s %12s %8s %10s\n", title, n, weak ? " per device" : "",
              "task", "devices", "ms", "faster", "efficiency");
  for (named const& each : all) {
    double alone = 0;
    for (std::size_t p : {1, 2, 4}) {
      tasks on(ls::mesh::cpu(p, 1), weak ? n * p : n);
      double const seconds = best_of(on, each.run);
      if (p == 1) alone = seconds;
      double const faster = alone / seconds * (weak ? static_cast<double>(p) : 1.0);
      std::printf("%-8s %8zu %12.3f %8.2f %10.2f\n", each.name, p, seconds * 1e3, faster,
                  faster / static_cast<double>(p));
    }
  }
}

/// What an operation costs that does next to nothing: waking the other ranks and waiting for them.
void overhead() {
  std::printf("\none element per device: time of an assignment and of a sum\n");
  for (std::size_t p : {1, 2, 4}) {
    tasks on(ls::mesh::cpu(p, 1), p);
    double const map = bench::seconds([&] { on.map(); }, 2000), sum = bench::seconds([&] { on.reduce(); }, 2000);
    std::printf("%zu devices: %8.2f us %8.2f us\n", p, map * 1e6, sum * 1e6);
  }
}

}  // namespace

int main() {
  std::printf("%u hardware threads\n", std::thread::hardware_concurrency());
  table("strong scaling", false, std::size_t{1} << 23);
  table("weak scaling", true, std::size_t{1} << 21);
  overhead();
}
