// Strong and weak scaling of sharded arrays: the same task on one, two and four CPU devices of one thread each, and on
// as many processes. Strong: one size for all. Weak: one size for each device. Nobody can be faster than the cores
// there are: the last columns give the time on one device over that on p, and the efficiency, for which 1 is p times as
// fast (strong) or as fast (weak). The line "1 x 2" is one device with two threads, which has the elements of two
// devices; two devices are measured in turn with it, and "of threads" is the median of their time over its.
//
//   scaling_bench                               devices of this process
//   mpirun -n P scaling_bench processes FILE    P processes of one device each, whose times are added to FILE
//   scaling_bench table FILE                    the table of what is in FILE
// The target `scaling` does all of it.
#include <lockstep/lockstep.hpp>
#include <lockstep/mesh/cost_model.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "mesh_cost.hpp"
#include "paired.hpp"

namespace ls = lockstep;

namespace {

constexpr std::size_t strong_size = std::size_t{1} << 23, weak_size = std::size_t{1} << 21;
constexpr std::size_t sort_share = 8;  ///< sorts take so many times fewer elements

/// Sharded arrays of one size, and the tasks on them.
struct tasks {
  ls::sharded<float> x, y;
  ls::sharded<float> unsorted, work;

  tasks(ls::mesh const& mesh, std::size_t n)
      : x(mesh, n), y(mesh, n), unsorted(mesh, n / sort_share), work(mesh, n / sort_share) {
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
constexpr std::size_t task_count = std::size(all);

std::size_t size_on(bool weak, std::size_t devices) { return weak ? weak_size * devices : strong_size; }

/// What the cost model says of the collectives of a task on n elements: sums gather a float per tile of 4096, scans one
/// per block of 16384; sorts narrow down where to cut in about log2(n / p) rounds of two gathers, then exchange all
/// elements (devices of one process need fewer).
double communication(ls::communication_cost const& cost, std::size_t which, std::size_t n, std::size_t p) {
  using enum ls::collective_kind;
  auto const direct = [&](ls::collective_kind kind, double bytes) {
    return cost.seconds(ls::work_of(kind, ls::collective_algorithm::direct, bytes, p));
  };
  auto const elements = static_cast<double>(n), ranks = static_cast<double>(p);
  std::string const name = all[which].name;
  if (name == "reduce") return direct(all_gather, elements / 4096 * sizeof(float));
  if (name == "scan") return direct(all_gather, elements / 16384 * sizeof(float));
  if (name == "stencil") return direct(all_to_all, 2 * sizeof(float));
  if (name == "sort") {
    double const share = elements / sort_share / ranks;
    return 2 * std::log2(share) * direct(all_gather, 16 * ranks * ranks) + direct(all_to_all, share * sizeof(float));
  }
  return 0;
}

/// The time of each task, strong and weak, on p devices, and what communication costs there.
struct figures {
  std::size_t devices = 0, threads = 1;
  ls::communication_cost cost = {};
  double seconds[2][task_count] = {};
  double of_threads[2][task_count] = {};  ///< over the time of one device with as many threads
  std::size_t workers() const { return devices * threads; }
};

constexpr int warm_up = 20, rounds = 25, turns = 5;

/// The median of one task on one mesh, for as many workers. Threads that have slept need some milliseconds to find
/// cores of their own, so meshes take turns only after many rounds.
double median_of(ls::mesh const& mesh, std::size_t workers, bool weak, std::size_t which) {
  tasks on(mesh, size_on(weak, workers));
  std::vector<double> times;
  for (int round = 0; round < warm_up + rounds; ++round) {
    double const seconds = bench::seconds([&] { (on.*all[which].run)(); }, 1);
    if (round >= warm_up) times.push_back(seconds);
  }
  return bench::median(times);
}
void measure(ls::mesh const& mesh, bool weak, std::size_t which, figures& into) {
  into.seconds[weak][which] = median_of(mesh, into.workers(), weak, which);
}
/// Two devices and one with two threads, in turn.
void measure_in_turn(bool weak, std::size_t which, figures& threads, figures& devices) {
  std::vector<double> one, two, ratios;
  for (int turn = 0; turn < turns; ++turn) {
    one.push_back(median_of(ls::mesh::cpu(1, 2), 2, weak, which));
    two.push_back(median_of(ls::mesh::cpu(2, 1), 2, weak, which));
    ratios.push_back(two.back() / one.back());
  }
  threads.seconds[weak][which] = bench::median(one);
  devices.seconds[weak][which] = bench::median(two);
  devices.of_threads[weak][which] = bench::median(ratios);
}

/// The one-device time shared by devices, as many at a time as there are cores, and communication.
double predict(figures const& one, figures const& on, bool weak, std::size_t which) {
  double const p = static_cast<double>(on.devices);
  double const turns = std::max(1.0, p / std::max(1u, std::thread::hardware_concurrency()));
  double const alone = one.seconds[weak][which] / (weak ? 1.0 : p);
  return alone * turns + communication(on.cost, which, size_on(weak, on.devices), on.devices);
}

void print(char const* what, std::vector<figures> const& found) {
  for (bool weak : {false, true}) {
    std::printf("\n%s scaling over %s, %zu floats%s (sort: an eighth)\n%-8s %10s %10s %12s %8s %10s %12s\n",
                weak ? "weak" : "strong", what, weak ? weak_size : strong_size, weak ? " per device" : "", "task", what,
                "ms", "predicted", "faster", "efficiency", "of threads");
    for (std::size_t t = 0; t < task_count; ++t)
      for (figures const& each : found) {
        double const p = static_cast<double>(each.workers()), seconds = each.seconds[weak][t];
        double const faster = found[0].seconds[weak][t] / seconds * (weak ? p : 1.0);
        if (each.threads > 1) {
          std::printf("%-8s %6zu x %zu %10.3f %12s %8.2f\n", all[t].name, each.devices, each.threads, seconds * 1e3, "",
                      faster);
          continue;
        }
        std::printf("%-8s %10zu %10.3f %12.3f %8.2f %10.2f", all[t].name, each.devices, seconds * 1e3,
                    predict(found[0], each, weak, t) * 1e3, faster, faster / p);
        if (each.of_threads[weak][t] > 0) std::printf(" %12.2f", each.of_threads[weak][t]);
        std::puts("");
      }
  }
}

/// What an operation costs that does next to nothing: waking the other ranks and waiting for them.
void overhead(ls::mesh const& mesh, bool prints) {
  tasks on(mesh, mesh.size() * sort_share);
  constexpr int repeats = 2000;
  double const map = bench::seconds([&] { on.map(); }, repeats), sum = bench::seconds([&] { on.reduce(); }, repeats);
  if (prints)
    std::printf("%zu ranks, %zu floats: an assignment takes %.2f us, a sum %.2f us\n", mesh.size(),
                mesh.size() * sort_share, map * 1e6, sum * 1e6);
}

void devices_of_this_process() {
  figures found[4] = {{1}, {1, 2}, {2}, {4}};
  for (figures& each : found) each.cost = bench::cost_of(ls::mesh::cpu(each.devices, each.threads));
  for (bool weak : {false, true})
    for (std::size_t t = 0; t < task_count; ++t) {
      measure_in_turn(weak, t, found[1], found[2]);
      for (figures* each : {&found[0], &found[3]}) measure(ls::mesh::cpu(each->devices, 1), weak, t, *each);
    }
  print("devices", {std::begin(found), std::end(found)});
  std::puts("");
  for (figures const& each : found) overhead(ls::mesh::cpu(each.devices, each.threads), true);
}

#ifdef LOCKSTEP_MPI
/// Every process calls it; the first one adds a line to the file.
void processes(ls::mesh const& mesh, char const* path) {
  figures found = {mesh.size()};
  found.cost = bench::cost_of(mesh);
  for (bool weak : {false, true})
    for (std::size_t t = 0; t < task_count; ++t) measure(mesh, weak, t, found);
  bool const first = mesh.first_local_rank() == 0;
  overhead(mesh, first);
  if (!first) return;
  std::FILE* const file = std::fopen(path, "a");
  if (!file) throw ls::error(std::string("scaling_bench: cannot write ") + path);
  std::fprintf(file, "%zu %a %a", mesh.size(), found.cost.latency, found.cost.seconds_per_byte);
  for (auto const& row : found.seconds)
    for (double seconds : row) std::fprintf(file, " %a", seconds);
  std::fputs("\n", file);
  std::fclose(file);
}
#endif

void table_of(char const* path) {
  std::FILE* const file = std::fopen(path, "r");
  if (!file) throw ls::error(std::string("scaling_bench: cannot read ") + path);
  std::vector<figures> found;
  for (figures each;
       std::fscanf(file, "%zu %la %la", &each.devices, &each.cost.latency, &each.cost.seconds_per_byte) == 3;) {
    for (auto& row : each.seconds)
      for (double& seconds : row)
        if (std::fscanf(file, "%la", &seconds) != 1) throw ls::error("scaling_bench: the file ends too early");
    found.push_back(each);
  }
  std::fclose(file);
  if (!found.empty()) print("processes", found);
}

}  // namespace

int main(int argc, char** argv) {
#ifdef LOCKSTEP_MPI
  if (argc > 2 && std::string(argv[1]) == "processes") {
    processes(ls::mesh::mpi(1, 1), argv[2]);
    return 0;
  }
#endif
  if (argc > 2 && std::string(argv[1]) == "table") {
    table_of(argv[2]);
    return 0;
  }
  std::printf("%u hardware threads\n", std::thread::hardware_concurrency());
  devices_of_this_process();
}
