// print_options: how arrays and expressions are written as text.
#pragma once

#include "../core/error.hpp"

namespace lockstep {

/// How arrays and expressions are written; the defaults are NumPy's.
struct print_options {
  int precision = 8;             ///< most digits after the point; fewer where fewer tell the value from its neighbors
  std::size_t threshold = 1000;  ///< with more elements only the first and last ones along each axis are shown
  std::int64_t edge_items = 3;   ///< how many of those on each side, at least 1
  std::int64_t line_width = 75;  ///< columns, after which a row goes on in the next line
  bool suppress = false;         ///< small numbers in fixed notation, too
  bool header = false;           ///< a first line with type, shape and device, such as "float[3, 4] on cpu:2"
};

/// Throws error for options that have no meaning.
[[gnu::cold, gnu::noinline]] inline void require_sensible(print_options const& options) {
  if (options.precision < 0)
    throw error(text_of({"print_options: found the precision ", options.precision, ", expected at least 0"}));
  if (options.edge_items < 1)
    throw error(text_of({"print_options: found edge_items ", options.edge_items, ", expected at least 1"}));
}

}  // namespace lockstep
