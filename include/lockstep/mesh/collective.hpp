// collective: a call of a collective in the form that engines get: what all ranks must agree on, and this rank's
// memory.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "../core/memory.hpp"
#include "../core/owned_array.hpp"
#include "../core/text.hpp"
#include "rank_reduction.hpp"

namespace lockstep {

enum class collective_kind : unsigned char {
  barrier,
  split,
  all_reduce,
  reduce,
  reduce_scatter,
  broadcast,
  all_gather,
  gather,
  scatter,
  all_to_all,
  all_gather_v,
  gather_v,
  scatter_v,
  all_to_all_v
};

constexpr char const* name_of(collective_kind kind) {
  constexpr char const* names[] = {"barrier",      "split",      "all_reduce", "reduce",      "reduce_scatter",
                                   "broadcast",    "all_gather", "gather",     "scatter",     "all_to_all",
                                   "all_gather_v", "gather_v",   "scatter_v",  "all_to_all_v"};
  return names[static_cast<std::size_t>(kind)];
}
constexpr bool is_rooted(collective_kind kind) {
  using enum collective_kind;
  return kind == reduce || kind == broadcast || kind == gather || kind == scatter || kind == gather_v ||
         kind == scatter_v;
}
constexpr bool is_reduction(collective_kind kind) {
  using enum collective_kind;
  return kind == all_reduce || kind == reduce || kind == reduce_scatter;
}
/// Whether ranks may bring different numbers of elements.
constexpr bool has_varying_counts(collective_kind kind) { return kind >= collective_kind::all_gather_v; }

/// The part of a call that must be the same on all ranks, and a name for messages.
struct collective {
  collective_kind kind = collective_kind::barrier;
  std::size_t count = 0;  ///< elements of one rank; 0 where ranks may differ
  element_kind element = {1, ""};
  char const* operator_name = "";
  std::size_t root = 0;
  char const* name = "";  ///< of the data, as its owner calls it; outlives the call
};

/// "all_reduce of 10 float by + (weights)".
[[gnu::cold, gnu::noinline]] inline std::string to_string(collective const& c) {
  std::string text = name_of(c.kind);
  if (c.kind == collective_kind::barrier || c.kind == collective_kind::split) return text;
  text += " of ";
  if (!has_varying_counts(c.kind)) append_text(text, {c.count, " "});
  text += c.element.name;
  if (*c.operator_name) append_text(text, {" by ", c.operator_name});
  if (is_rooted(c.kind))
    append_text(text, {c.kind == collective_kind::reduce || c.kind == collective_kind::gather ||
                               c.kind == collective_kind::gather_v
                           ? " to rank "
                           : " from rank ",
                       c.root});
  if (*c.name) append_text(text, {" (", c.name, ")"});
  return text;
}

/// Whether two ranks mean the same collective.
inline bool agree(collective const& a, collective const& b) {
  auto const same = [](char const* x, char const* y) { return x == y || std::strcmp(x, y) == 0; };
  return a.kind == b.kind && a.count == b.count && a.element.bytes == b.element.bytes && a.root == b.root &&
         same(a.element.name, b.element.name) && same(a.operator_name, b.operator_name);
}

/// What one rank has for each other and gets from each, for the collectives that only move data and have no form of
/// their own (gather, scatter, all_to_all, and those whose counts vary).
struct transfer_blocks {
  explicit transfer_blocks(std::size_t ranks) : out(ranks), in(ranks) {}

  struct outgoing {
    void const* data;
    std::size_t bytes;
  };
  struct incoming {
    void* data;
    std::size_t bytes;
  };
  fixed_array<outgoing> out;  ///< by rank
  fixed_array<incoming> in;   ///< by rank
};

/// A call with this rank's memory.
struct collective_call : collective {
  void const* from = nullptr;
  void* to = nullptr;
  rank_reduction how = {};                          ///< of those that reduce
  std::shared_ptr<transfer_blocks const> blocks{};  ///< of those that move blocks
};

}  // namespace lockstep
