// collective_calls: typed arguments of collectives as the calls that engines get, checked.
#pragma once

#include <span>
#include <vector>

#include "../core/error.hpp"
#include "../core/memory.hpp"
#include "collective.hpp"

namespace lockstep {

/// Elements for or from each rank, by rank.
using rank_counts = std::span<std::size_t const>;

/// Who calls, of how many: what turning counts into places needs.
struct rank_of {
  std::size_t rank, ranks;
};

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_room(char const* what, std::size_t found, std::size_t expected,
                                                              char const* why) {
  throw shape_error(text_of({what, ": found room for ", found, " elements, expected ", expected, ": ", why}));
}
/// Throws shape_error unless `found` is what `what` needs.
inline void check_room(collective_kind what, std::size_t found, std::size_t expected, char const* why) {
  if (found != expected) throw_room(name_of(what), found, expected, why);
}
inline std::size_t total_of(rank_counts counts) {
  std::size_t total = 0;
  for (std::size_t count : counts) total += count;
  return total;
}
inline void check_counts(collective_kind what, rank_counts counts, rank_of me) {
  if (counts.size() != me.ranks)
    throw shape_error(
        text_of({name_of(what), ": found ", counts.size(), " counts, expected ", me.ranks, ", one for each rank"}));
}

/// Blocks one after another from `data` on.
template <class Blocks, class Byte>
void place_blocks(Blocks& blocks, Byte* data, rank_counts counts, std::size_t width) {
  for (std::size_t r = 0; r < counts.size(); ++r) {
    blocks[r] = {data, counts[r] * width};
    data += counts[r] * width;
  }
}

inline namespace LOCKSTEP_COMPILER {

template <class T, class Op>
collective_call reducing(collective_kind kind, T const* from, T* to, std::size_t count, Op const& op, std::size_t root,
                         char const* name) {
  rank_reduction const how = make_reduction<T>(op);
  return {{kind, count, how.element, how.name, root, name}, from, to, how};
}
/// `count` is one rank's; those whose counts vary have none in common.
template <class T>
collective_call moving(collective_kind kind, T const* from, T* to, std::size_t count, std::size_t root,
                       char const* name, std::shared_ptr<transfer_blocks const> blocks = nullptr) {
  return {{kind, has_varying_counts(kind) ? 0 : count, element_of<T>, "", root, name}, from, to, {}, std::move(blocks)};
}

template <class T>
unsigned char const* bytes_of(std::span<T const> values) {
  return reinterpret_cast<unsigned char const*>(values.data());
}
template <class T>
unsigned char* bytes_of(std::span<T> values) {
  return reinterpret_cast<unsigned char*>(values.data());
}

/// Every rank's values go to the root, for all_gather_v to all ranks; `counts` are the ranks'.
template <class T>
collective_call gathering(collective_kind kind, std::span<T const> values, std::span<T> all, rank_counts counts,
                          rank_of me, std::size_t root, char const* name) {
  bool const everywhere = kind == collective_kind::all_gather_v;
  auto blocks = std::make_shared<transfer_blocks>(me.ranks);
  for (std::size_t r = 0; r < me.ranks; ++r)
    if (everywhere || r == root) blocks->out[r] = {values.data(), values.size_bytes()};
  if (everywhere || me.rank == root) {
    check_counts(kind, counts, me);
    check_room(kind, all.size(), total_of(counts), "the sum of all ranks' counts");
    check_room(kind, values.size(), counts[me.rank], "this rank's count");
    place_blocks(blocks->in, bytes_of(all), counts, sizeof(T));
  }
  return moving(kind, values.data(), all.data(), values.size(), root, name, std::move(blocks));
}

/// Every rank gets its part of what the root has; `counts` are the ranks'.
template <class T>
collective_call scattering(collective_kind kind, std::span<T const> all, rank_counts counts, std::span<T> values,
                           rank_of me, std::size_t root, char const* name) {
  auto blocks = std::make_shared<transfer_blocks>(me.ranks);
  blocks->in[root] = {values.data(), values.size_bytes()};
  if (me.rank == root) {
    check_counts(kind, counts, me);
    check_room(kind, all.size(), total_of(counts), "the sum of all ranks' counts");
    check_room(kind, values.size(), counts[me.rank], "this rank's count");
    place_blocks(blocks->out, bytes_of(all), counts, sizeof(T));
  }
  return moving(kind, all.data(), values.data(), values.size(), root, name, std::move(blocks));
}

/// Every rank has something for each other.
template <class T>
collective_call exchanging(collective_kind kind, std::span<T const> from, rank_counts from_counts, std::span<T> to,
                           rank_counts to_counts, rank_of me, char const* name) {
  check_counts(kind, from_counts, me);
  check_counts(kind, to_counts, me);
  check_room(kind, from.size(), total_of(from_counts), "the sum of the counts for all ranks");
  check_room(kind, to.size(), total_of(to_counts), "the sum of the counts from all ranks");
  auto blocks = std::make_shared<transfer_blocks>(me.ranks);
  place_blocks(blocks->out, bytes_of(from), from_counts, sizeof(T));
  place_blocks(blocks->in, bytes_of(to), to_counts, sizeof(T));
  return moving(kind, from.data(), to.data(), from.size(), 0, name, std::move(blocks));
}
template <class T>
collective_call exchanging_blocks(std::shared_ptr<transfer_blocks const> blocks, char const* name) {
  T* const nowhere = nullptr;
  return moving(collective_kind::all_to_all_v, static_cast<T const*>(nowhere), nowhere, 0, 0, name, std::move(blocks));
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
