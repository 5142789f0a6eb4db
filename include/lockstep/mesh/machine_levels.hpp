// machine_levels: an engine's ranks on several machines, and what ranks of one machine come to in the tree over all.
//
// All machines have the same number of ranks, one machine's after another's. A rank's column are the ranks that have
// its place on their machines. Where the tree of `rank_reduction` does not join all ranks of a machine before it joins
// them to others, a machine has more than one partial result: bits are those of one level, on any mesh.
#pragma once

#include <vector>

#include "composed.hpp"

namespace lockstep::two_level {

/// An engine's ranks on `machines` machines.
template <class Engine>
struct grid {
  composed::link<Engine> all, machine, column;

  grid(composed::link<Engine> l, std::size_t machines)
      : all(l),
        machine{l.engine, l.sent, l.rank() / (l.size() / machines) * (l.size() / machines), 1, l.size() / machines},
        column{l.engine, l.sent, l.rank() % (l.size() / machines), l.size() / machines, machines} {}

  std::size_t machines() const { return column.size(); }
  std::size_t per_machine() const { return machine.size(); }
  bool has_levels() const { return machines() > 1 && per_machine() > 1; }
};

/// Ranks [begin, end) that are a node of the tree.
struct subtree {
  std::size_t begin, end;
};

/// The largest subtrees of the tree over `within` that have no ranks but those of [begin, end), by rank.
inline void add_subtrees(std::vector<subtree>& found, subtree within, std::size_t begin, std::size_t end) {
  if (within.end <= begin || within.begin >= end) return;
  if (within.begin >= begin && within.end <= end) return found.push_back(within);
  std::size_t const middle = within.begin + left_ranks(within.end - within.begin);
  add_subtrees(found, {within.begin, middle}, begin, end);
  add_subtrees(found, {middle, within.end}, begin, end);
}
/// Those of machine `machine`.
inline std::vector<subtree> subtrees_of(std::size_t machine, std::size_t per_machine, std::size_t ranks) {
  std::vector<subtree> found;
  add_subtrees(found, {0, ranks}, machine * per_machine, (machine + 1) * per_machine);
  return found;
}

/// The values of `count` elements of subtrees, and of the tree above them.
class partial_results {
 public:
  partial_results(std::size_t count, rank_reduction const& how) : count_(count), how_(how) {}
  void add(subtree s, void const* values) { known_.push_back({s, values}); }

  /// The root of the tree over `ranks` ranks, to `to`.
  void finish(std::size_t ranks, void* to) {
    void const* const result = value_of({0, ranks}, to);
    if (result != to && count_ != 0) std::memcpy(to, result, count_ * how_.element.bytes);
  }

 private:
  struct entry {
    subtree ranks;
    void const* values;
  };
  /// In known values, or in `to`.
  void const* value_of(subtree s, void* to) {
    for (entry const& each : known_)
      if (each.ranks.begin == s.begin && each.ranks.end == s.end) return each.values;
    std::size_t const middle = s.begin + left_ranks(s.end - s.begin);
    composed::scratch const space(count_ * how_.element.bytes);
    void const* const inputs[] = {value_of({s.begin, middle}, to), value_of({middle, s.end}, space.get())};
    how_(inputs, 2, &to, 1, count_);
    return to;
  }

  std::size_t count_;
  rank_reduction const& how_;
  std::vector<entry> known_;
};

}  // namespace lockstep::two_level
