// Cutting sorted parts exactly: where each rank's sorted elements must be cut so that the pieces before all cuts are a
// given number of the smallest ones.
#pragma once

#include "../algorithm/search.hpp"
#include "../algorithm/sort.hpp"
#include "../core/algorithm.hpp"
#include "sharded_map.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// Finds, for every rank j > 0, the cut of this rank's sorted elements before which those lie that belong to ranks
/// below j, when rank j is to begin at begin(j) of all elements in order. Of equal elements those of lower ranks come
/// first. All boundaries are narrowed down at once: in every round each rank offers the middle of what it still has
/// between, and the weighted median of the offers is looked up by all; a quarter or more is excluded each time.
template <class T, class Order>
class exact_cuts {
 public:
  exact_cuts(rank_context const& here, array<T> const& sorted, Order const& order)
      : here_(here),
        array_(sorted),
        sorted_(sorted.data()),
        count_(sorted.extent(0)),
        order_(order),
        before_{order},
        low_(here.ranks + 1, 0),
        high_(here.ranks + 1, 0) {}

  /// cuts[j] for j in [0, ranks].
  template <class Begin>
  std::vector<index> find(Begin const& begin) {
    std::size_t const p = here_.ranks;
    for (std::size_t j = 1; j < p; ++j) high_[j] = count_;
    low_[p] = high_[p] = count_;
    while (offer()) {
      look_up();
      gather_positions();
      for (std::size_t j = 1; j < p; ++j)
        if (weight_[j] > 0) narrow(j, begin(j));
    }
    return low_;
  }

 private:
  struct offered {
    T value;
    index weight;
  };
  struct positions {
    index less, not_greater;  ///< how many of a rank's elements are
  };

  /// Chooses pivots_[j] and weight_[j], what is left between for boundary j. False when nothing is.
  bool offer() {
    std::size_t const p = here_.ranks;
    std::vector<offered> mine(p);
    for (std::size_t j = 1; j < p; ++j) {
      mine[j] = {T{}, high_[j] - low_[j]};
      if (mine[j].weight > 0) mine[j].value = value_at(low_[j] + (high_[j] - low_[j]) / 2);
    }
    offers_.resize(p * p);
    here_.comm.all_gather(std::span<offered const>(mine), std::span<offered>(offers_));
    pivots_.resize(p);
    weight_.assign(p, 0);
    below_.resize(p);
    bool any = false;
    for (std::size_t j = 1; j < p; ++j) any = choose(j) || any;
    return any;
  }
  bool choose(std::size_t j) {
    std::vector<offered> of_all;
    for (std::size_t r = 0; r < here_.ranks; ++r)
      if (offered const& each = offers_[r * here_.ranks + j]; each.weight > 0) {
        of_all.push_back(each);
        weight_[j] += each.weight;
      }
    if (of_all.empty()) return false;
    std::stable_sort(of_all.begin(), of_all.end(),
                     [&](offered const& a, offered const& b) { return before_(a.value, b.value); });
    index seen = 0;
    for (offered const& each : of_all) {
      pivots_[j] = each.value;
      if ((seen += each.weight) * 2 >= weight_[j]) break;
    }
    return true;
  }

  T value_at(index i) const {
    if (here_.where.is_cpu()) return sorted_[i];
    T value;
    here_.where.state().copy_to_host(&value, sorted_ + i, sizeof(T));
    return value;
  }
  /// The number of elements, in order, for which comes_first holds.
  template <class F>
  index first_part(F const& comes_first) const {
    index low = 0, high = count_;
    while (low < high) {
      index const middle = low + (high - low) / 2;
      if (comes_first(value_at(middle)))
        low = middle + 1;
      else
        high = middle;
    }
    return low;
  }
  void look_up() {
#if LOCKSTEP_CUDA
    if (here_.where.is_gpu()) return look_up_on_gpu();
#endif
    for (std::size_t j = 1; j < here_.ranks; ++j)
      if (weight_[j] > 0)
        below_[j] = {first_part([&](T const& v) { return before_(v, pivots_[j]); }),
                     first_part([&](T const& v) { return !before_(pivots_[j], v); })};
  }
#if LOCKSTEP_CUDA
  /// All of them at once: a value that the host reads takes as long as a kernel.
  void look_up_on_gpu() {
    array<T> const pivots(here_.where, pivots_);
    auto const less = lower_bound(array_, pivots, order_).to_host();
    auto const not_greater = upper_bound(array_, pivots, order_).to_host();
    for (std::size_t j = 1; j < here_.ranks; ++j) below_[j] = {less[j], not_greater[j]};
  }
#endif
  void gather_positions() {
    all_below_.resize(here_.ranks * here_.ranks);
    here_.comm.all_gather(std::span<positions const>(below_), std::span<positions>(all_below_));
  }

  /// `wanted` elements are to lie before all cuts of boundary j.
  void narrow(std::size_t j, index wanted) {
    index less = 0, not_greater = 0;
    for (std::size_t r = 0; r < here_.ranks; ++r) {
      less += all_below_[r * here_.ranks + j].less;
      not_greater += all_below_[r * here_.ranks + j].not_greater;
    }
    if (wanted < less) {
      high_[j] = std::min(high_[j], below_[j].less);
    } else if (wanted > not_greater) {
      low_[j] = std::max(low_[j], below_[j].not_greater);
    } else {  // among the elements that equal the pivot: lower ranks give theirs first
      index left = wanted - less;
      for (std::size_t r = 0; r <= here_.rank; ++r) {
        positions const& there = all_below_[r * here_.ranks + j];
        index const taken = std::min(left, there.not_greater - there.less);
        if (r == here_.rank) low_[j] = high_[j] = there.less + taken;
        left -= taken;
      }
    }
  }

  rank_context const& here_;
  array<T> const& array_;
  T const* sorted_;
  index count_;
  Order order_;
  comparison<T, Order> before_;
  std::vector<index> low_, high_;
  std::vector<offered> offers_;
  std::vector<T> pivots_;
  std::vector<index> weight_;
  std::vector<positions> below_, all_below_;
};

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
