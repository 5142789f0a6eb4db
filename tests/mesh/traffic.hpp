// What collectives send, exactly: the same for threads, processes and messages but for the number of messages.
#pragma once

#include <lockstep/mesh/composed.hpp>

#include "reference.hpp"

namespace mesh_test {
inline namespace LOCKSTEP_COMPILER {

/// What all ranks together sent for f(), told to every rank.
template <class F>
ls::traffic sent_for(ls::communicator& comm, F const& f) {
  ls::communication_statistics const before = comm.statistics();
  f();
  std::uint64_t sent[] = {comm.statistics().messages - before.messages, comm.statistics().bytes - before.bytes};
  comm.all_reduce(std::span(sent), ls::plus{});
  return {sent[0], sent[1]};
}

/// Messages of an all_reduce by exchange: where the tree over `ranks` ranks joins two groups, every rank of both gets
/// one.
inline std::size_t exchanged(std::size_t ranks) {
  std::size_t messages = 0;
  for (std::size_t group = 1; group < ranks; group *= 2)
    for (std::size_t r = 0; r < ranks; ++r) messages += (r / group ^ 1) * group < ranks;  // its neighbor is not empty
  return messages;
}

/// How many comparisons check_traffic makes.
inline constexpr std::size_t traffic_checks = 9;

/// Compares what each collective of `count` floats sends with the formula of its algorithm, and adds to `checks`.
/// Engines in shared memory send no messages, and always count as if they reduced by parts. Returns what is wrong, ""
/// for nothing.
inline std::string check_traffic(ls::communicator& comm, std::size_t count, bool by_messages, std::size_t& checks) {
  std::size_t const ranks = comm.size(), others = ranks - 1, me = comm.rank(), bytes = 4 * count, last = ranks - 1;
  bool const any = by_messages && count > 0, parts = !by_messages || bytes >= ls::composed::direct_bytes;
  std::vector<float> values(count), all(count * ranks), received(count * ranks);
  std::span<float> const mine(values), whole(all);
  std::span<float const> const fixed(values), fixed_whole(all);
  std::string wrong;
  auto const expect = [&](char const* name, std::size_t messages, std::size_t expected, auto const& f) {
    ls::traffic const found = sent_for(comm, f);
    ++checks;
    if (wrong.empty() && (found.messages != (any ? messages : 0) || found.bytes != expected))
      wrong = std::string(name) + " sent " + std::to_string(found.messages) + " messages and " +
              std::to_string(found.bytes) + " bytes, expected " + std::to_string(any ? messages : 0) + " and " +
              std::to_string(expected) + place_of(comm, count);
  };
  bool const in_parts = !by_messages || (parts && ranks > 2);
  expect("all_reduce", in_parts ? 2 * others * ranks : exchanged(ranks),
         (in_parts ? 2 * others : exchanged(ranks)) * bytes, [&] { comm.all_reduce(mine, ls::plus{}); });
  expect("broadcast", others, others * bytes, [&] { comm.broadcast(mine, last); });
  expect("all_gather", ranks * others, ranks * others * bytes, [&] { comm.all_gather(fixed, whole); });
  expect("reduce", parts ? others * (ranks + 1) : others,
         others * bytes + (parts ? bytes - 4 * ls::composed::part_of(count, last, ranks).size() : 0),
         [&] { comm.reduce(mine, ls::plus{}, last); });
  expect("gather", others, others * bytes, [&] { comm.gather(fixed, whole, others / 2); });
  expect("scatter", others, others * bytes, [&] { comm.scatter(fixed_whole, mine, last); });
  expect("all_to_all", ranks * others, ranks * others * bytes,
         [&] { comm.all_to_all(fixed_whole, std::span(received)); });
  expect("reduce_scatter", ranks * others, ranks * others * bytes,
         [&] { comm.reduce_scatter(fixed_whole, mine, ls::plus{}); });
  std::vector<std::size_t> rising;  // rank r has r parts of the elements
  for (std::size_t r = 0; r < ranks; ++r) rising.push_back(r * (count / ranks));
  std::size_t const total = others * ranks / 2 * (count / ranks);
  expect("all_gather_v", count < ranks ? 0 : others * others, others * 4 * total,
         [&] { comm.all_gather_v(fixed.first(rising[me]), whole.first(total), rising); });
  return wrong;
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace mesh_test
