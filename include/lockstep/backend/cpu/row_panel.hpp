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

/// The accumulators of step K over `lines` > 0 lines, one after the other. Panels of constants keep their elements.
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
        if constexpr (Rule::template fold<K>::replaces && !std::is_const_v<X>) line[j] = value;
        sums[j] = is_first ? value : static_cast<A>(step.op(sums[j], value));
      }
    };
    fold_line(x + first, std::true_type{});
    for (index l = 1; l < lines; ++l) fold_line(x + first + l * stride, std::false_type{});
    for (index j = 0; j < here; ++j) into[first + j] = sums[j];
  });
}

/// The accumulators of step K: blocks of lines one after the other, then their combinations.
template <std::size_t K, class Rule>
class panel_fold {
 public:
  using accumulator = typename Rule::template accumulator<K>;

  /// The next lines_per_block lines, or the last ones.
  template <class X>
  LOCKSTEP_WIDE [[gnu::noinline]] void add(Rule const& rule, X* x, index stride, index lines, index rows,
                                           panel_results<Rule> const& known) {
    if (empty_) {
      fold_lines<K>(rule, x, stride, lines, rows, known, combined_.data());
      empty_ = false;
      return;
    }
    fold_lines<K>(rule, x, stride, lines, rows, known, block_.data());
    accumulator *const all = combined_.data(), *const sums = block_.data();
    for (index j = 0; j < rows; ++j) all[j] = static_cast<accumulator>(std::get<K>(rule.folds).op(all[j], sums[j]));
  }
  /// Their results become known for `rows` rows of `length` elements.
  void finish(Rule const& rule, index rows, index length, panel_results<Rule>& known) {
    accumulator const* const all = combined_.data();
    for (index j = 0; j < rows; ++j)
      std::get<K>(known.columns).values[j] = std::get<K>(rule.folds).finish(all[j], length);
  }
  accumulator const* data() { return combined_.data(); }

 private:
  local_values<accumulator, row_panel_width> combined_, block_;
  bool empty_ = true;
};

/// Step K's values of the elements of `lines` lines, for what comes after; `out` may be `x`.
template <std::size_t K, class Rule, class X>
LOCKSTEP_WIDE [[gnu::noinline]] void replace_in_panel(Rule const& rule, X const* x, index stride, index lines,
                                                      index rows, panel_results<Rule> const& known, X* out,
                                                      index out_stride) {
  auto const value = std::get<K>(rule.folds).value;
  for_each_strip(rows, [&](index first, auto count) {
    index const here = count;
    for (index l = 0; l < lines; ++l) {
      X const* const line = x + l * stride + first;
      X* const to = out + l * out_stride + first;
      LOCKSTEP_ONE_VECTOR
      for (index j = 0; j < here; ++j)
        to[j] = static_cast<X>(apply_in_panel<K, Rule>(value, line[j], known, first + j));
    }
  });
}

/// True for two steps whose sums can be formed by a block's own result of the first step, and rescaled.
template <class Rule>
inline constexpr bool rescales = false;
template <class Rule>
requires(Rule::steps == 2 &&
         requires { Rule::template fold<1>::value_function::rescales; }) inline constexpr bool rescales<Rule> =
    !Rule::template fold<0>::replaces
    && std::is_same_v<typename Rule::template accumulator<0>, typename Rule::template accumulator<1>>;
template <class Rule>
using rescaling = typename Rule::template fold<1>::value_function;

/// The accumulators of both steps for columns [begin, end), from those of `blocks` blocks: line 2 b holds the first
/// step's of block b, line 2 b + 1 the second step's. What they combine to takes the place of block 0's.
template <class Rule, class A>
LOCKSTEP_WIDE [[gnu::noinline]] void combine_rescaled(Rule const& rule, A* partial, index inner, index blocks,
                                                      index begin, index end) {
  local_values<A, row_panel_width> top, sum;
  auto const first = std::get<0>(rule.folds).op;
  auto const second = std::get<1>(rule.folds).op;
  for (index at = begin; at < end; at += row_panel_width) {
    index const columns = std::min(row_panel_width, end - at);
    for (index j = 0; j < columns; ++j) top.values[j] = partial[at + j];
    for (index b = 1; b < blocks; ++b)
      for (index j = 0; j < columns; ++j) top.values[j] = first(top.values[j], partial[2 * b * inner + at + j]);
    for (index b = 0; b < blocks; ++b) {
      A const *const peaks = partial + 2 * b * inner + at, *const sums = peaks + inner;
      LOCKSTEP_INDEPENDENT
      for (index j = 0; j < columns; ++j) {
        A const scaled = sums[j] * rescaling<Rule>::rescale(rescaling<Rule>::origin(peaks[j]), top.values[j]);
        sum.values[j] = b == 0 ? scaled : second(sum.values[j], scaled);
      }
    }
    for (index j = 0; j < columns; ++j) partial[at + j] = top.values[j], partial[inner + at + j] = sum.values[j];
  }
}

/// The steps from number `First` on over a panel that holds whole rows.
template <std::size_t First = 0, class Rule, class X>
void run_steps(Rule const& rule, X* x, index stride, index length, index rows, panel_results<Rule>& known) {
  for_each_step<Rule>([&](auto k) {
    if constexpr (k >= First) {
      panel_fold<k, Rule> fold;
      for (index l = 0; l < length; l += lines_per_block)
        fold.add(rule, x + l * stride, stride, std::min(lines_per_block, length - l), rows, known);
      fold.finish(rule, rows, length, known);
    }
  });
}

/// out[j] = f(line[j], results of row j...) for the elements of `lines` lines.
template <class Rule, class X, class T>
LOCKSTEP_WIDE [[gnu::noinline]] void map_panel(Rule const& rule, X const* x, index stride, index lines, index rows,
                                               panel_results<Rule> const& known, T* out, index out_stride) {
  auto const f = rule.f;
  for_each_strip(rows, [&](index first, auto count) {
    index const here = count;
    for (index l = 0; l < lines; ++l) {
      X const* const line = x + l * stride + first;
      T* const to = out + l * out_stride + first;
      LOCKSTEP_ONE_VECTOR
      for (index j = 0; j < here; ++j)
        to[j] = static_cast<T>(apply_in_panel<Rule::steps, Rule>(f, line[j], known, first + j));
    }
  });
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
