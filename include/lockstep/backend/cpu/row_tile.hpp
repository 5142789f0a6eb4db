// Row kernels on values that lie side by side in the cache: the steps' combinations of one tile of a row, and the map.
// Every way to walk the rows goes through these loops, so that all give the same bits.
#pragma once

#include "../../algorithm/row_rule.hpp"
#include "reduce.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// What step K of a rule combines, along a row that lies in memory.
template <std::size_t K, class Rule>
struct row_values {
  typename Rule::element const* data;
  Rule const& rule;
  typename Rule::results const& known;
  [[gnu::always_inline]] auto operator[](index j) const {
    return Rule::template apply<K>(std::get<K>(rule.folds).value, data[j], known);
  }
};

template <std::size_t K, class Rule>
inline constexpr bool is_light_row<row_values<K, Rule>> =
    std::is_arithmetic_v<typename Rule::element>&& is_light_function<typename Rule::template fold<K>::value_function>;

/// The combination that step K makes of accumulators.
template <std::size_t K, class Rule>
auto row_reducer(Rule const& rule) {
  using accumulator = typename Rule::template accumulator<K>;
  auto const& op = std::get<K>(rule.folds).op;
  return operator_reducer<accumulator, std::remove_cvref_t<decltype(op)>>{accumulator{}, op};
}

/// Step K puts its values in the places of the elements: out[i] for in[i]; they may be the same.
template <std::size_t K, class Rule, class X>
LOCKSTEP_WIDE [[gnu::noinline]] void replace_elements(Rule const& rule, X const* in, X* out, index count,
                                                      typename Rule::results const& results) {
  typename Rule::results const known = results;
  auto const value = std::get<K>(rule.folds).value;
  LOCKSTEP_INDEPENDENT
  for (index i = 0; i < count; ++i) out[i] = static_cast<X>(Rule::template apply<K>(value, in[i], known));
}

/// The accumulator of step K over one tile at most. A step that replaces elements leaves them in `space`.
template <std::size_t K, class Rule, class X>
LOCKSTEP_WIDE [[gnu::noinline]] typename Rule::template accumulator<K> fold_tile(Rule const& rule, X const* in,
                                                                                 X* space, index count,
                                                                                 typename Rule::results const& known) {
  auto const reducer = row_reducer<K>(rule);
  if constexpr (Rule::template fold<K>::replaces) {
    replace_elements<K>(rule, in, space, count, known);
    return reduce_tile(reducer, pointer_row<X>{space}, 0, count);
  } else {
    using fold = typename Rule::template fold<K>;
    if constexpr (std::is_same_v<typename fold::value_function, row_element>)
      return reduce_tile(reducer, pointer_row<X>{in}, 0, count);
    else
      return reduce_tile(reducer, row_values<K, Rule>{in, rule, known}, 0, count);
  }
}

/// out[i] = f(in[i], results...); they may be the same.
template <class Rule, class X, class T>
LOCKSTEP_WIDE [[gnu::noinline]] void map_elements(Rule const& rule, X const* in, T* out, index count,
                                                  typename Rule::results const& results) {
  typename Rule::results const known = results;
  auto const f = rule.f;
  LOCKSTEP_INDEPENDENT
  for (index i = 0; i < count; ++i) out[i] = static_cast<T>(Rule::template apply<Rule::steps>(f, in[i], known));
}

/// The result of step K from the accumulators of a row's tiles.
template <std::size_t K, class Rule, class A>
void finish_step(Rule const& rule, A* partial, index tiles, index length, typename Rule::results& known) {
  std::get<K>(known) = std::get<K>(rule.folds).finish(combine_tree(row_reducer<K>(rule), partial, tiles), length);
}

/// Calls f(integral constant K) for every step in turn.
template <class Rule, class F>
void for_each_step(F&& f) {
  [&]<std::size_t... K>(std::index_sequence<K...>) { (f(std::integral_constant<std::size_t, K>{}), ...); }
  (std::make_index_sequence<Rule::steps>{});
}

/// Writes mapped values to dense memory, past the caches where that is wanted.
template <class Rule, class T>
class row_output {
 public:
  row_output(Rule const& rule, T* target, bool streams) : rule_(rule), target_(target), streams_(streams) {}
  ~row_output() {
    if (streams_) stream_fence();
  }
  row_output(row_output const&) = delete;
  row_output& operator=(row_output const&) = delete;

  template <class X>
  void write(X const* in, index at, index count, typename Rule::results const& known) {
    if (!streams_) return map_elements(rule_, in, target_ + at, count, known);
    for (index done = 0; done < count; done += buffer_length) {
      index const part = std::min(buffer_length, count - done);
      map_elements(rule_, in + done, buffer_.data(), part, known);
      stream_copy(target_ + at + done, buffer_.data(), static_cast<std::size_t>(part) * sizeof(T));
    }
  }

 private:
  Rule const& rule_;
  T* target_;
  bool streams_;
  local_values<T, buffer_length> buffer_;
};

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
