// explain: what evaluating an expression would run, how many bytes it moves against the fewest possible, and which
// temporaries it makes and why.
#pragma once

#include "map.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// One loop over memory.
struct pass_explanation {
  std::string what;
  std::size_t bytes_read = 0, bytes_written = 0;
};

struct explanation {
  std::size_t passes = 0;                ///< loops over memory, on a GPU kernels
  std::size_t bytes_read = 0;            ///< by all passes; what several operands of one pass share counts once
  std::size_t bytes_written = 0;         ///< by all passes, temporaries included
  std::size_t bytes_fewest = 0;          ///< every distinct input read once and the result written once
  std::vector<pass_explanation> steps;   ///< in the order in which they run
  std::vector<std::string> temporaries;  ///< each with its size and the reason for it
};

/// Collects the passes of a tree. A template, so that only those who explain something pay for compiling it.
template <class Compilation>
class planner {
 public:
  void const* within_pass = nullptr;  ///< a node whose tiles are finished by the outermost pass

  template <class E>
  void begin_pass(E const& e) {
    open_.push_back({{to_text(e), 0, e.shape().size() * sizeof(typename E::value_type)}, {}});
  }
  void end_pass() {
    pass const done = std::move(open_.back());
    open_.pop_back();
    finish(done);
    if (open_.empty()) return;
    plan_.temporaries.push_back(text_of({done.step.bytes_written, " bytes for ", done.step.what,
                                         ", because all of it must be known before the pass that reads it begins"}));
    open_.back().step.bytes_read += done.step.bytes_written;
  }
  void operator()(leaf_info const& leaf) {
    note(open_.back().seen, leaf, open_.back().step.bytes_read);
    note(all_seen_, leaf, plan_.bytes_fewest);
  }

  explanation finished(std::size_t result_bytes) {
    plan_.bytes_fewest += result_bytes;
    return std::move(plan_);
  }

 private:
  using range = std::pair<void const*, std::size_t>;
  struct pass {
    pass_explanation step;
    std::vector<range> seen;
  };
  static void note(std::vector<range>& seen, leaf_info const& leaf, std::size_t& bytes) {
    range const mine(leaf.begin, leaf.bytes);
    for (range const& other : seen)
      if (other == mine) return;
    seen.push_back(mine);
    bytes += leaf.bytes;
  }
  void finish(pass const& done) {
    ++plan_.passes;
    plan_.bytes_read += done.step.bytes_read;
    plan_.bytes_written += done.step.bytes_written;
    plan_.steps.push_back(done.step);
  }

  explanation plan_;
  std::vector<pass> open_;
  std::vector<range> all_seen_;
};

/// What evaluating `expression` into a new array would do. Nothing is run.
template <expression E>
explanation explain(E const& expression) {
  auto const e = as_node(expression);
  planner<compilation> plan;
  if constexpr (writes_itself<decltype(e)>) {
    e.visit(plan);
  } else {
    plan.begin_pass(e);
    if constexpr (finishes_tiles<decltype(e), value_t<E>, rank_v<E>>)
      if (e.tile_source().shape() == e.shape()) plan.within_pass = &e.tile_source();
    e.visit(plan);
    plan.end_pass();
  }
  return plan.finished(e.size() * sizeof(value_t<E>));
}

/// A table, a line per pass.
template <std::same_as<explanation> Plan>
std::string to_string(Plan const& plan) {
  std::string text = text_of({plan.passes, plan.passes == 1 ? " pass" : " passes", ", reads ", plan.bytes_read,
                              " and writes ", plan.bytes_written, " bytes; fewest possible ", plan.bytes_fewest, "\n"});
  for (auto const& step : plan.steps)
    append_text(text,
                {"  pass: ", step.what, ", reads ", step.bytes_read, ", writes ", step.bytes_written, " bytes\n"});
  for (auto const& temporary : plan.temporaries) append_text(text, {"  temporary: ", temporary, "\n"});
  return text;
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
