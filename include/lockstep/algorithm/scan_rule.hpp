// What a scan computes besides the values that it reads.
#pragma once

#include "../core/config.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// Element i is [initial op] e[0] op ... op e[i], or up to e[i - 1] when not inclusive.
template <class T, class Op>
struct scan_rule {
  Op op;
  bool inclusive;
  bool has_initial;
  T initial;
};

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
