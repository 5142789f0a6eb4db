// Random orders by seed: permutations, and expressions in such an order.
#pragma once

#include "gather.hpp"
#include "random.hpp"
#include "sort.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace random {

/// The numbers from 0 to n - 1 in an order that the seed chooses: that of n random numbers of 63 bits, so each order is
/// as probable as any other, but for the few pairs of equal numbers that very large n have. Runs at once; the same on
/// any number of threads.
template <class Compilation = compilation>  // compiled where it is called only
array<index> permutation(device const& where, std::size_t n, seed s) {
  return argsort(random::uniform<index>(where, n, s, index{0}, index{0x7fffffffffffffff}));
}

/// The slices of an expression along an axis in a random order: an expression over a permutation drawn now.
template <expression E>
auto shuffle(E&& e, seed s, axis along = axis(0)) {
  auto operand = as_node(std::forward<E>(e));
  auto const number = require_axis("random::shuffle", operand.shape(), along);
  auto const n = static_cast<std::size_t>(operand.shape()[number]);
  device const where = device_or_default(operand);
  return gather(std::move(operand), permutation(where, n, s), axis(number));
}

}  // namespace random
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
