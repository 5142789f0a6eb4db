// placement: how one logical array lies over the devices of a mesh.
#pragma once

#include <cstddef>

#include "../core/shape.hpp"

namespace lockstep {

/// Split along one axis, or whole on every device.
class placement {
 public:
  static constexpr std::size_t whole = static_cast<std::size_t>(-1);
  constexpr placement() = default;
  constexpr explicit placement(std::size_t axis) : axis_(axis) {}
  constexpr bool is_split() const { return axis_ != whole; }
  /// The axis that is split.
  constexpr std::size_t axis() const { return axis_; }
  friend constexpr bool operator==(placement, placement) = default;

 private:
  std::size_t axis_ = whole;
};

/// Every device has all elements.
inline constexpr placement replicated;
/// Every device has a part of about the same length along an axis.
constexpr placement split_along(axis a) { return placement(a.number); }

/// Where rank `rank` of `ranks` begins along a split axis of `extent`; rank + 1 begins where it ends. Depends on
/// nothing else, so whatever agrees in that extent is split alike, whatever its other axes are. Parts begin at
/// multiples of 16384, which are whole tiles of reductions and blocks of scans, where there are enough to be about
/// even; otherwise at multiples of 64, or else anywhere.
constexpr index split_begin(index extent, std::size_t rank, std::size_t ranks) {
  constexpr index units[] = {16384, 64, 1};
  auto const parts = static_cast<index>(ranks);
  index unit = 1;
  for (index each : units)
    if (extent >= 4 * parts * each) {
      unit = each;
      break;
    }
  index const count = (extent + unit - 1) / unit;
  index const begin =
      (count / parts * static_cast<index>(rank) + count % parts * static_cast<index>(rank) / parts) * unit;
  return begin < extent ? begin : extent;
}

/// Rank `rank` has [begin, end) of an axis.
struct rank_rows {
  index begin, end;
  constexpr rank_rows(index extent, std::size_t rank, std::size_t ranks)
      : begin(split_begin(extent, rank, ranks)), end(split_begin(extent, rank + 1, ranks)) {}
  constexpr index size() const { return end - begin; }
};

}  // namespace lockstep
