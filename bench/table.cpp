// Prints a comparison as one table and draws it: bench_table <rows as compare.hpp keeps them> <picture, .svg>.
#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>
#include <string>
#include <tuple>
#include <vector>

#include "comparison_chart.hpp"
#include "comparison_row.hpp"

namespace {

using bench::row;

std::vector<row> read(std::string const& path) {
  std::ifstream in(path);
  if (!in)
    throw std::runtime_error(path + ": found no such file; build the target compare, or run a benchmark with " +
                             "LOCKSTEP_BENCH_JSON=" + path);
  std::vector<row> rows;
  std::string line;
  while (std::getline(in, line)) try {
      rows.push_back(bench::row_reader(line).read());
    } catch (std::exception const& problem) {
      throw std::runtime_error(path + ", line " + std::to_string(rows.size() + 1) + ": " + problem.what() +
                               "; remove the file and run the benchmarks again");
    }
  if (rows.empty()) throw std::runtime_error(path + ": found an empty file, expected a row per task");
  return rows;
}

void print(std::vector<row> const& rows) {
  std::printf("%-8s %-30s %-8s %10s %2s %12s %12s %-16s %10s %8s\n", "family", "task", "type", "n", "T", "ours, us",
              "best, us", "best peer", "ours/best", "of limit");
  std::size_t compared = 0, behind = 0;
  for (row const& r : rows) {
    std::printf("%-8s %-30s %-8s %10.0f %2.0f %12.2f ", r.family.c_str(), r.task.c_str(), r.type.c_str(), r.n,
                r.threads, r.ours() * 1e6);
    if (r.best_peer.empty()) {
      std::printf("%12s %-16s %10s %7.0f %%\n", "-", "-", "-", 100 * r.limit_seconds / r.ours());
      continue;
    }
    ++compared, behind += r.ratio() > 1;
    std::printf("%12.2f %-16s %10.2f %7.0f %%%s\n", r.seconds.at(r.best_peer) * 1e6, r.best_peer.c_str(), r.ratio(),
                100 * r.limit_seconds / r.ours(),
                r.ratio() > 1.1 ? "  << behind"
                : r.ratio() > 1 ? "  < behind by less than 10 %"
                                : "");
  }
  std::printf("%zu of %zu rows with a peer: a peer is ahead\n", behind, compared);
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 3) {
    std::cerr << "usage: " << argv[0] << " <rows.jsonl> <picture.svg>\n";
    return 2;
  }
  std::vector<row> rows = read(argv[1]);
  auto const order = [](row const& r) { return std::tie(r.family, r.task, r.type, r.n, r.threads); };
  std::stable_sort(rows.begin(), rows.end(), [&](row const& a, row const& b) { return order(a) < order(b); });
  print(rows);
  std::ofstream picture(argv[2]);
  picture << bench::chart(rows).svg();
  picture.close();
  if (!picture) throw std::runtime_error(std::string(argv[2]) + ": could not be written");
  std::printf("%s shows it\n", argv[2]);
} catch (std::exception const& problem) {
  std::cerr << problem.what() << '\n';
  return 1;
}
