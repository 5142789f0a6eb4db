// Printing sharded arrays and expressions of some: all elements come to the host first.
#pragma once

#include "../array/print.hpp"
#include "sharded_map.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// All elements, in the host's memory, in every process.
template <sharded_expression E>
array<value_t<E>, rank_v<E>> gathered(E const& e) {
  using T = value_t<E>;
  if constexpr (rank_v<E> == 0)
    return array<T, 0>(constant<T>(evaluate_to_value(borrow_node(e))));
  else if constexpr (is_sharded<E>::value)
    return e.to_array(device::cpu());
  else
    return evaluate_to_shards<T>(borrow_node(e)).to_array(device::cpu());
}

/// Type, shape and placement: "float[3, 4] split along axis 0 over 2 devices", "float[3, 4] on each of 2 devices".
template <sharded_expression E>
std::string describe(E const& e) {
  auto const& tree = borrow_node(e);
  tree_placement const placed = place(tree);
  std::string text = printing::element_name<value_t<E>>();
  for (std::size_t axis = 0; axis < rank_v<E>; ++axis)
    append_text(text, {axis == 0 ? "[" : ", ", tree.shape()[axis], axis + 1 == rank_v<E> ? "]" : ""});
  if (placed.is_split())
    append_text(text, {" split along axis ", rank_v<E> - 1 - placed.from_last, " over "});
  else
    text += " on each of ";
  append_text(text, {placed.ranks->size(), placed.ranks->size() == 1 ? " device" : " devices"});
  return text;
}

/// As to_string of an array; the header says how it is placed. Where a mesh spans processes, all of them call it.
template <sharded_expression E>
std::string to_string(E const& e, print_options const& options = {}) {
  require_sensible(options);
  print_options plain = options;
  plain.header = false;
  return (options.header ? describe(e) + "\n" : std::string()) + to_string(gathered(e), plain);
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
