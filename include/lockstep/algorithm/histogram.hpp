// histogram and bincount: how many values of any expression fall into each bin.
#pragma once

#include "../backend/cpu/histogram.hpp"
#include "reduce.hpp"
#if LOCKSTEP_CUDA
#include "../backend/cuda/histogram.cuh"
#endif

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// Bins of equal width over [low, high]; the last includes its upper edge. The bin of v is the whole part of
/// (v - low) * per_unit in double; floats are first tried in their own arithmetic, on twice as many lanes, and again in
/// double where a value of a group lies so close to an edge that the two could differ.
template <class V>
struct even_bins {
  using value_type = V;
  using bin = std::int32_t;
  static constexpr index group = 32;
  double low, high, per_unit;
  std::int32_t bins;

  [[gnu::always_inline]] bin const* find(V const* values, index n, bin* found) const {
    if constexpr (std::is_same_v<V, float>)
      if (find_quickly(values, n, found)) return found;
    find_exactly(values, n, found);
    return found;
  }

 private:
  [[gnu::noinline]] void find_exactly(V const* values, index n, bin* found) const {
    double const last = bins - 1;
    LOCKSTEP_INDEPENDENT
    for (index i = 0; i < n; ++i) {
      auto const v = static_cast<double>(values[i]);
      double const at = (v - low) * per_unit;
      double const inside = at < last ? at : last;  // the upper edge, and what rounding moves there
      found[i] = static_cast<bin>(((v >= low) & (v <= high)) ? inside : static_cast<double>(bins));
    }
  }
  /// False when a value may be in another bin: float arithmetic is off by less than bins * 2^-22 bins.
  [[gnu::always_inline]] bool find_quickly(float const* values, index n, bin* found) const {
    float const from = static_cast<float>(low), scale = static_cast<float>(per_unit);
    float const outside = static_cast<float>(bins) + 0.5f, sure = 0.5f - outside * 0x1p-22f;
    if (!(sure > 0.25f)) return false;
    std::int32_t most_off = 0;  // the bits of a float: they ascend with it
    LOCKSTEP_INDEPENDENT
    for (index i = 0; i < n; ++i) {
      float const at = (values[i] - from) * scale;  // its sign is exact
      float const below = at < outside ? at : outside;
      float const place = at >= 0 ? below : outside;
      bin const whole = static_cast<bin>(place);
      float const off = place - static_cast<float>(whole) - 0.5f;
      std::int32_t bits;
      __builtin_memcpy(&bits, &off, sizeof(bits));
      bits &= whole > 0 ? 0x7fffffff : -1;  // below the middle of the first bin no other is near: it stays negative
      most_off = bits > most_off ? bits : most_off;
      found[i] = whole;
    }
    float off;
    __builtin_memcpy(&off, &most_off, sizeof(off));
    return off <= sure;
  }
};

/// Values of 8 bits are counted as they are; their bins are added up afterwards.
template <class V>
struct byte_bins {
  using value_type = V;
  using bin = unsigned char;
  static constexpr index group = cpu::buffer_length;
  [[gnu::always_inline]] bin const* find(V const* values, index, bin*) const {
    return reinterpret_cast<bin const*>(values);
  }
};

/// Bins between ascending edges; the last includes its upper edge. Every value is compared with all of up to 64 edges,
/// in vectors; where there are more, with each first_step-th of them, and a binary search goes on from there, whose
/// steps all values of a group take together, so that none waits for its own.
template <class V>
struct edge_bins {
  using value_type = V;
  using bin = std::int32_t;
  static constexpr index group = 128;
  V const* edges;  ///< a multiple of first_step of them, the last one repeated
  V low, high;
  std::int32_t bins;
  std::int32_t first_step;  ///< a power of two, at least bins / 64

  [[gnu::always_inline]] bin const* find(V const* values, index n, bin* found) const {
    cpu::count_not_above(edges, first_step, bins, values, static_cast<std::int32_t>(n), found);
    for (bin step = first_step / 2; step > 0; step /= 2)
      for (index i = 0; i < n; ++i) {
        bin const next = found[i] + step;
        found[i] += step & -static_cast<bin>(edges[next] <= values[i]);
      }
    for (index i = 0; i < n; ++i) {
      bin const at = found[i] < bins ? found[i] : bins - 1;
      found[i] = ((values[i] >= low) & (values[i] <= high)) ? at : bins;
    }
    return found;
  }
};

/// Integers that number their bins themselves; negative ones and those from `bins` on are not counted.
template <class V>
struct own_bins {
  using value_type = V;
  using bin = std::int32_t;
  using number = std::conditional_t<sizeof(V) == 8, std::uint64_t, std::uint32_t>;
  static constexpr index group = 64;
  number bins;

  [[gnu::always_inline]] bin const* find(V const* values, index n, bin* found) const {
    if constexpr (sizeof(V) == sizeof(bin)) {
      number most = 0;
      for (index i = 0; i < n; ++i)
        most = static_cast<number>(values[i]) > most ? static_cast<number>(values[i]) : most;
      if (most < bins) return reinterpret_cast<bin const*>(values);
    }
    LOCKSTEP_INDEPENDENT
    for (index i = 0; i < n; ++i) {
      auto const v = static_cast<number>(values[i]);  // negative ones become large
      found[i] = static_cast<bin>(v < bins ? v : bins);
    }
    return found;
  }
};

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_bad_bins(char const* what, index found) {
  throw error(text_of({what, ": found ", found, " bins, expected from 1 to ", (index{1} << 31) - 2}));
}
inline void require_bins(char const* what, index bins) {
  if (bins < 1 || bins > (index{1} << 31) - 2) throw_bad_bins(what, bins);
}

/// Calls f(evaluator, extents) for the elements of a node in memory order, in one row where that is possible.
template <node E, class F>
void with_rows(lowering& context, E const& e, F&& f) {
  if constexpr (rank_v < E >> 1 && can_flatten<E>)
    if (e.is_flat(e.shape())) {
      shape<1> const extents(static_cast<index>(e.size()));
      return f(e.flatten().lower(context, extents), extents);
    }
  f(e.lower(context, e.shape()), e.shape());
}

/// Counts on a CPU device, in new memory.
template <node E, class Rule>
array<index> count_bins(device const& where, E const& e, Rule const& rule, index bins) {
  array<index> counts(where, shape<1>(bins));
  std::fill_n(counts.data(), bins, index{0});
  lowering context{where, {}};
  with_rows(context, e, [&](auto const& evaluator, auto const& extents) {
    cpu::histogram(where, extents, evaluator, rule, bins, counts.data());
  });
  return counts;
}

#if LOCKSTEP_CUDA
/// Counts on a GPU, in new memory.
template <node E, class Rule>
array<index> count_bins_on_gpu(device const& where, E const& e, Rule const& rule) {
  array<index> counts(where, shape<1>(rule.bins));
  lowering context{where, {}};
  with_rows(context, e, [&](auto const& evaluator, auto const& extents) {
    cuda::histogram<value_t<E>>(where, extents, evaluator, rule, counts.data());
  });
  return counts;
}
#endif

/// Counts of raw bytes as counts of even bins. (Value number 255 of a signed type is -1.)
template <class V>
array<index> gather_byte_counts(array<index> raw, even_bins<V> const& rule) {
  constexpr int patterns = std::is_same_v<V, bool> ? 2 : 256;
  V values[patterns];
  std::int32_t bins[patterns];
  for (int byte = 0; byte < patterns; ++byte) values[byte] = static_cast<V>(byte);
  rule.find(values, patterns, bins);
  std::int32_t moved = rule.bins ^ 256;
  for (int byte = 0; byte < patterns; ++byte) moved |= bins[byte] ^ byte;
  if (moved == 0) return raw;  // a bin for each byte
  array<index> counts(raw.device(), shape<1>(static_cast<index>(rule.bins)));
  std::fill_n(counts.data(), counts.size(), index{0});
  for (int byte = 0; byte < patterns; ++byte)
    if (bins[byte] < rule.bins) counts.data()[bins[byte]] += raw.data()[byte];
  return counts;
}

template <class E>
concept has_number_values = std::is_arithmetic_v<value_t<E>>;

/// Counts of the values in `bins` bins of equal width between low and high; the last bin includes `high`. What lies
/// outside, and NaN, is not counted. Runs at once, one pass over memory. Throws error when the range is empty or not
/// finite or there is no bin.
template <expression E>
requires has_number_values<E> array<index> histogram(E const& expression, index bins,
                                                     std::type_identity_t<value_t<E>> low,
                                                     std::type_identity_t<value_t<E>> high) {
  using V = value_t<E>;
  require_bins("histogram", bins);
  auto const from = static_cast<double>(low), to = static_cast<double>(high);
  if (!(from < to) || !((to - from) - (to - from) == 0)) {
    std::string text = "histogram: found the range from ";
    append_number(text, from);
    text += " to ";
    append_number(text, to);
    throw error(text + ", expected a low end below a finite high end");
  }
  double const per_unit = static_cast<double>(bins) / (to - from);
  auto const& e = borrow_node(expression);
  device const where = require_one_device(e);
  if (where.is_gpu()) {
#if LOCKSTEP_CUDA
    return count_bins_on_gpu(where, e, cuda::even_rule<V>{from, to, per_unit, static_cast<std::int32_t>(bins)});
#else
    throw_needs_cuda(where);
#endif
  }
  even_bins<V> const rule{from, to, per_unit, static_cast<std::int32_t>(bins)};
  if constexpr (sizeof(V) == 1)
    return gather_byte_counts(count_bins(where, e, byte_bins<V>{}, 256), rule);
  else
    return count_bins(where, e, rule, bins);
}

/// The same between edges of the user's own, ascending: bin k counts edges[k] <= v < edges[k + 1], the last one also
/// its upper edge. Throws error when there are fewer than two edges or they do not ascend.
template <expression E>
requires has_number_values<E> array<index> histogram(E const& expression,
                                                     std::vector<std::type_identity_t<value_t<E>>> const& edges) {
  auto const bins = static_cast<index>(edges.size()) - 1;
  if (bins < 1) throw error(text_of({"histogram: found ", edges.size(), " edges, expected at least 2"}));
  require_bins("histogram", bins);
  for (std::size_t k = 1; k < edges.size(); ++k)
    if (!(edges[k - 1] < edges[k]))
      throw error(text_of({"histogram: found edge ", k, " not above the one before it, expected ascending edges"}));
  auto const& e = borrow_node(expression);
  device const where = require_one_device(e);
  if (where.is_gpu()) {
#if LOCKSTEP_CUDA
    array<value_t<E>> const there(where, edges);
    return count_bins_on_gpu(where, e, cuda::edge_rule<value_t<E>>{there.data(), static_cast<std::int32_t>(bins)});
#else
    throw_needs_cuda(where);
#endif
  }
  std::int32_t step = 1;
  while (bins > 64 * index{step}) step *= 2;
  std::vector<std::type_identity_t<value_t<E>>> padded(edges);
  padded.resize((padded.size() / static_cast<std::size_t>(step) + 1) * static_cast<std::size_t>(step), edges.back());
  edge_bins<value_t<E>> const rule{padded.data(), edges.front(), edges.back(), static_cast<std::int32_t>(bins), step};
  return count_bins(where, e, rule, bins);
}

/// The counts of integers below a number of bins that a few of them suggest; empty where some of them aren't below it,
/// or where there are too many bins to try.
template <node E>
array<index> try_bincount(device const& where, E const& e, index at_least) {
  using V = value_t<E>;
  lowering context{where, {}};
  array<index> result;
  with_rows(context, e, [&](auto const& evaluator, auto const& extents) {
    std::uint64_t const most = cpu::most_of_a_few<V>(evaluator, extents);
    if (most >= cpu::most_bins_of_four_tables / 2 || at_least > cpu::most_bins_of_four_tables) return;
    index const found = static_cast<index>(most) + 1, bins = std::max(at_least, found > at_least ? 2 * found : found);
    std::vector<index> counts(static_cast<std::size_t>(bins));
    cpu::histogram(where, extents, evaluator, own_bins<V>{static_cast<typename own_bins<V>::number>(bins)}, bins,
                   counts.data());
    index counted = 0, last = 0;
    for (index bin = 0; bin < bins; ++bin) {
      counted += counts.data()[bin];
      last = counts.data()[bin] ? bin + 1 : last;
    }
    if (counted != static_cast<index>(e.size())) return;
    result = array<index>(where, shape<1>(std::max(at_least, last)));
    std::copy_n(counts.data(), result.size(), result.data());
  });
  return result;
}

/// How often each of 0, 1, 2, ... occurs among integers that are not negative: up to the largest, and at least
/// `at_least` counts. One pass over memory, two more where a few of the values don't show how large the others are.
/// Throws error for a negative value.
template <expression E>
requires(std::is_integral_v<value_t<E>> &&
         !std::is_same_v<value_t<E>, bool>) array<index> bincount(E const& expression, index at_least = 0) {
  using V = value_t<E>;
  auto const& e = borrow_node(expression);
  device const where = require_one_device(e);
  index bins = at_least;
  if (e.size() > 0) {
    if (where.is_cpu())
      if (array<index> counts = try_bincount(where, e, at_least); counts.has_storage()) return counts;
    auto const [low, high] = evaluate(min(e), max(e));
    V const least = low, most = high;
    if (std::is_signed_v<V> && least < V(0))
      throw error(text_of({"bincount: found the value ", static_cast<index>(least), ", expected none below 0"}));
    if (static_cast<std::uint64_t>(most) >= (std::uint64_t{1} << 31) - 2)
      throw error(
          text_of({"bincount: found the value ", static_cast<std::uint64_t>(most),
                   ", expected values below 2^31 - 2; count sparse values with sorted() and unique_with_counts()"}));
    bins = std::max(bins, static_cast<index>(most) + 1);
  }
  if (bins == 0) return array<index>(where, shape<1>(0));
  require_bins("bincount", bins);
  if (where.is_gpu()) {
#if LOCKSTEP_CUDA
    return count_bins_on_gpu(where, e, cuda::own_rule<V>{static_cast<std::int32_t>(bins)});
#endif
  }
  return count_bins(where, e, own_bins<V>{static_cast<typename own_bins<V>::number>(bins)}, bins);
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
