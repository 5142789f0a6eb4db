// collective: what a rank says about a collective that it calls, for messages and to notice ranks that disagree.
#pragma once

#include <cstring>
#include <string>

#include "../core/text.hpp"
#include "rank_reduction.hpp"

namespace lockstep {

enum class collective_kind : unsigned char { barrier, all_reduce, broadcast, all_gather, reduce_scatter, split };

/// The part of a call that must be the same on all ranks.
struct collective {
  collective_kind kind = collective_kind::barrier;
  std::size_t count = 0;  ///< elements of one rank
  element_kind element = {1, ""};
  char const* operator_name = "";
  std::size_t root = 0;
};

/// "all_reduce of 10 float by +".
[[gnu::cold, gnu::noinline]] inline std::string to_string(collective const& c) {
  static constexpr char const* names[] = {"barrier",    "all_reduce",     "broadcast",
                                          "all_gather", "reduce_scatter", "split"};
  std::string text = names[static_cast<std::size_t>(c.kind)];
  if (c.kind == collective_kind::barrier || c.kind == collective_kind::split) return text;
  append_text(text, {" of ", c.count, " ", c.element.name});
  if (*c.operator_name) append_text(text, {" by ", c.operator_name});
  if (c.kind == collective_kind::broadcast) append_text(text, {" from rank ", c.root});
  return text;
}

/// Whether two ranks mean the same collective.
inline bool agree(collective const& a, collective const& b) {
  auto const same = [](char const* x, char const* y) { return x == y || std::strcmp(x, y) == 0; };
  return a.kind == b.kind && a.count == b.count && a.element.bytes == b.element.bytes && a.root == b.root &&
         same(a.element.name, b.element.name) && same(a.operator_name, b.operator_name);
}

}  // namespace lockstep
