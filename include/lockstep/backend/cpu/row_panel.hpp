// Row kernels on panels: rows side by side, element l of row j at x[l * stride + j], so that vector lanes belong to
// different rows. Serves short rows, after turning them, and rows along any axis but the last.
#pragma once

#include "row_tile.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// Rows in a panel at most.
inline constexpr index row_panel_width = 64;

template <class Tuple>
struct panel_columns_of;
template <class... Results>
struct panel_columns_of<std::tuple<Results...>> {
  struct alignas(64) type {
    std::tuple<local_values<Results, row_panel_width>...> columns;
  };
};
/// The results of every step, for every row of a panel.
template <class Rule>
using panel_results = typename panel_columns_of<typename Rule::results>::type;

/// g(x, first K results...) of row j.
template <std::size_t K, class Rule, class G>
[[gnu::always_inline]] inline auto apply_in_panel(G const& g, typename Rule::element const& x,
                                                  panel_results<Rule> const& known, index j) {
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    return call_on_row(g, x, std::get<I>(known.columns).values[j]...);
  }
  (std::make_index_sequence<K>{});
}

/// Calls f(first row, number of rows) for strips of a panel. The number is a constant for whole strips, so that loops
/// over it are a few vector instructions and what they sum stays in registers.
inline constexpr index strip_width = 32, narrow_strip_width = 16;
template <class F>
[[gnu::always_inline]] inline void for_each_strip(index rows, F&& f) {
  index j = 0;
  for (; j + strip_width <= rows; j += strip_width) f(j, std::integral_constant<index, strip_width>{});
  if (j + narrow_strip_width <= rows) {
    f(j, std::integral_constant<index, narrow_strip_width>{});
    j += narrow_strip_width;
  }
  if (j < rows) f(j, rows - j);
}

/// The accumulators of step K over `lines` > 0 lines, one after the other.
template <std::size_t K, class Rule, class X, class A>
[[gnu::always_inline]] inline void fold_lines(Rule const& rule, X* x, index stride, index lines, index rows,
                                              panel_results<Rule> const& known, A* into) {
  auto const step = std::get<K>(rule.folds);
  for_each_strip(rows, [&](index first, auto count) {
    index const here = count;  // a constant, where it is one
    A sums[strip_width];
    auto const fold_line = [&](X* line, auto is_first) {
      LOCKSTEP_ONE_VECTOR
      for (index j = 0; j < here; ++j) {
        auto const value = static_cast<A>(apply_in_panel<K, Rule>(step.value, line[j], known, first + j));
        if constexpr (Rule::template fold<K>::replaces) line[j] = value;
        sums[j] = is_first ? value : static_cast<A>(step.op(sums[j], value));
      }
    };
    fold_line(x + first, std::true_type{});
    for (index l = 1; l < lines; ++l) fold_line(x + first + l * stride, std::false_type{});
    for (index j = 0; j < here; ++j) into[first + j] = sums[j];
  });
}

/// The accumulators of step K over `lines` > 0 lines: blocks of lines one after the other, then their combinations.
template <std::size_t K, class Rule, class X, class A>
[[gnu::noinline]] void fold_panel(Rule const& rule, X* x, index stride, index lines, index rows,
                                  panel_results<Rule> const& known, A* into) {
  local_values<A, row_panel_width> block;
  for (index begin = 0; begin < lines; begin += lines_per_block) {
    A* const sums = begin == 0 ? into : block.data();
    fold_lines<K>(rule, x + begin * stride, stride, std::min(lines_per_block, lines - begin), rows, known, sums);
    if (begin == 0) continue;
    for (index j = 0; j < rows; ++j) into[j] = static_cast<A>(std::get<K>(rule.folds).op(into[j], sums[j]));
  }
}

/// Step K puts its values in the places of the elements of `lines` lines.
template <std::size_t K, class Rule, class X>
[[gnu::noinline]] void replace_in_panel(Rule const& rule, X* x, index stride, index lines, index rows,
                                        panel_results<Rule> const& known) {
  auto const value = std::get<K>(rule.folds).value;
  for (index l = 0; l < lines; ++l, x += stride) {
    LOCKSTEP_INDEPENDENT
    for (index j = 0; j < rows; ++j) x[j] = static_cast<X>(apply_in_panel<K, Rule>(value, x[j], known, j));
  }
}

/// Results of step K for `rows` rows of `length` elements.
template <std::size_t K, class Rule, class A>
void finish_panel(Rule const& rule, A const* combined, index rows, index length, panel_results<Rule>& known) {
  for (index j = 0; j < rows; ++j)
    std::get<K>(known.columns).values[j] = std::get<K>(rule.folds).finish(combined[j], length);
}

/// All steps over a panel that holds whole rows.
template <class Rule, class X>
void run_steps(Rule const& rule, X* x, index stride, index length, index rows, panel_results<Rule>& known) {
  for_each_step<Rule>([&](auto k) {
    local_values<typename Rule::template accumulator<k>, row_panel_width> combined;
    fold_panel<k>(rule, x, stride, length, rows, known, combined.data());
    finish_panel<k>(rule, combined.data(), rows, length, known);
  });
}

/// out[j] = f(line[j], results of row j...) for the elements of one line.
template <class Rule, class X, class T>
[[gnu::noinline]] void map_line(Rule const& rule, X const* line, index rows, panel_results<Rule> const& known, T* out) {
  auto const f = rule.f;
  for_each_strip(rows, [&](index first, auto count) {
    index const here = count;
    LOCKSTEP_ONE_VECTOR
    for (index j = 0; j < here; ++j)
      out[first + j] = static_cast<T>(apply_in_panel<Rule::steps, Rule>(f, line[first + j], known, first + j));
  });
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
