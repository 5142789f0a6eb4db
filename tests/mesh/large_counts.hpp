// More elements than an int can count, through the collectives and messages of any communicator.
#pragma once

#include <algorithm>
#include <cstdint>
#include <lockstep/mesh/communicator.hpp>
#include <string>
#include <vector>

namespace mesh_test {
inline namespace LOCKSTEP_COMPILER {

namespace ls = lockstep;

/// Differs between places that are a power of two apart.
inline std::int8_t large_value(std::size_t rank, std::size_t i) {
  return static_cast<std::int8_t>((i ^ (i >> 16) ^ (i >> 29) ^ (rank * 3)) & 31);
}
inline void fill_large(std::vector<std::int8_t>& values, std::size_t rank) {
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = large_value(rank, i);
}
template <class Want>
bool is_large(std::vector<std::int8_t> const& values, Want const& want) {
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < values.size(); ++i) wrong += values[i] != want(i);
  return wrong == 0;
}

/// For two ranks, which need 2 GiB each and as much for what is under way. Returns what is wrong, "" for nothing.
inline std::string check_large_counts(ls::communicator& comm) {
  constexpr std::size_t count = (std::size_t{1} << 31) + 5;
  std::vector<std::int8_t> values(count);
  fill_large(values, comm.rank());
  comm.all_reduce(std::span(values), ls::plus{});
  if (!is_large(values, [](std::size_t i) { return static_cast<std::int8_t>(large_value(0, i) + large_value(1, i)); }))
    return "all_reduce";
  fill_large(values, comm.rank());
  comm.broadcast(std::span(values), 1);
  if (!is_large(values, [](std::size_t i) { return large_value(1, i); })) return "broadcast";
  fill_large(values, comm.rank() + 2);
  if (comm.rank() == 0) comm.send(std::span(values), 1);
  if (comm.rank() == 1) comm.receive(std::span(values), 0);
  return is_large(values, [](std::size_t i) { return large_value(2, i); }) ? "" : "send and receive";
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace mesh_test
