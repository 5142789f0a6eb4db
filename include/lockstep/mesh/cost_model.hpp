// cost_model: how long collectives take, from two numbers that are measured: a message's latency and a byte's time.
#pragma once

#include <bit>
#include <span>
#include <vector>

#include "../core/algorithm.hpp"
#include "../core/clock.hpp"
#include "communicator.hpp"

namespace lockstep {

/// How a collective is carried out, as far as its cost depends on it.
enum class collective_algorithm : unsigned char {
  direct,  ///< every rank takes its part from all others at once: shared memory, a switch
  ring,    ///< parts go from neighbor to neighbor
  tree     ///< all data through a binomial tree
};

/// Steps after one another, and bytes that a rank sends or that the busiest link carries.
struct collective_work {
  double steps, bytes;
};

/// What a collective of `bytes` per rank (reduce_scatter, all_to_all: in all that a rank brings; all_gather: that it
/// gets) takes among `ranks` ranks: Thakur, Rabenseifner and Gropp, "Optimization of Collective Communication
/// Operations in MPICH", 2005.
inline collective_work work_of(collective_kind kind, collective_algorithm how, double bytes, std::size_t ranks) {
  using enum collective_kind;
  if (ranks < 2) return {0, 0};
  double const others = static_cast<double>(ranks - 1), depth = static_cast<double>(std::bit_width(ranks - 1));
  double const share = others / static_cast<double>(ranks) * bytes;
  bool const both_ways = kind == all_reduce;
  if (kind == barrier || kind == split) return {how == collective_algorithm::direct ? 1 : depth, 0};
  double const ways = both_ways ? 2 : 1;
  if (how == collective_algorithm::tree) return {ways * depth, ways * depth * bytes};
  if (kind == broadcast) return {how == collective_algorithm::direct ? 1 : others, bytes};
  if (kind == reduce) return {how == collective_algorithm::direct ? 2 : 2 * others, 2 * share};
  return {ways * (how == collective_algorithm::direct ? 1 : others), ways * share};
}

/// seconds = latency * steps + seconds_per_byte * bytes.
struct communication_cost {
  double latency = 0;
  double seconds_per_byte = 0;

  double seconds(collective_work const& work) const { return latency * work.steps + seconds_per_byte * work.bytes; }
};

inline namespace LOCKSTEP_COMPILER {

/// The median time of an all_reduce of `count` floats, as the slowest rank sees it. All ranks call it.
template <class Compilation = compilation>
double all_reduce_seconds(communicator& comm, std::size_t count, int rounds, int repeats) {
  std::vector<float> values(count, 0.0f);
  std::vector<double> times;
  for (int round = 0; round < rounds; ++round) {
    comm.barrier();
    double const begun = seconds_now();
    for (int i = 0; i < repeats; ++i) comm.all_reduce(std::span(values), plus{});
    double took = (seconds_now() - begun) / repeats;
    comm.all_reduce(took, maximum{});
    times.push_back(took);
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

/// Small all_reduces for some milliseconds: threads that have just begun may share a core before they get one each.
template <class Compilation = compilation>
void warm_up(communicator& comm) {
  double const begun = seconds_now();
  double took = 0;
  while (took < 10e-3) {  // the same on all ranks
    all_reduce_seconds(comm, 2, 1, 50);
    took = seconds_now() - begun;
    comm.all_reduce(took, maximum{});
  }
}

/// Measures the cost on a communicator, in some ten milliseconds, from all_reduces of 8 bytes and of 4 MiB, for
/// predictions with collective_algorithm::direct. All ranks call it and get the same numbers.
template <class Compilation = compilation>
communication_cost measure_communication(communicator& comm) {
  constexpr std::size_t large = std::size_t{1} << 20;
  if (comm.size() == 1) return {};
  warm_up(comm);
  double const small_time = all_reduce_seconds(comm, 2, 9, 50), large_time = all_reduce_seconds(comm, large, 9, 1);
  collective_work const work =
      work_of(collective_kind::all_reduce, collective_algorithm::direct, large * sizeof(float), comm.size());
  return {small_time / work.steps, std::max(0.0, large_time - small_time) / work.bytes};
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
