// What the tests of collectives share: inputs, plain loops that say what must come out, and one check of them all.
#pragma once

#include <cstring>
#include <lockstep/mesh/communicator.hpp>
#include <span>
#include <string>
#include <vector>

namespace mesh_test {
inline namespace LOCKSTEP_COMPILER {

namespace ls = lockstep;

/// Neither associative nor commutative: tells every order of combining from every other.
struct twice_left {
  template <class T>
  T operator()(T left, T right) const {
    return static_cast<T>(left + left + right);
  }
};

/// x -> a x + b, and one after the other: associative, not commutative.
struct affine {
  std::uint32_t a, b;
  friend bool operator==(affine const&, affine const&) = default;
};
struct compose {
  affine operator()(affine const& f, affine const& g) const { return {f.a * g.a, f.a * g.b + f.b}; }
};

/// What rank `rank` has at place `i`: small whole numbers, so that sums are exact in any order, ...
struct exact {
  template <class T>
  static T value(std::size_t rank, std::size_t i) {
    return static_cast<T>((i * 7 + rank * 5) % 11);
  }
};
/// ... or fractions, so that they are not.
struct fractions {
  template <class T>
  static T value(std::size_t rank, std::size_t i) {
    return static_cast<T>(static_cast<double>((i * 2654435761u + rank * 40503u) % 100003) / 31.7 - 1000);
  }
};
struct functions {
  template <class T>
  static T value(std::size_t rank, std::size_t i) {
    return {static_cast<std::uint32_t>(2 * i + rank + 1), static_cast<std::uint32_t>(i * rank + 3)};
  }
};

/// The documented order: neighbors first, a value without a neighbor moves up unchanged. Works in place.
template <class T, class Op>
T tree_of(std::vector<T>& values, Op const& op) {
  for (std::size_t step = 1; step < values.size(); step *= 2)
    for (std::size_t i = 0; i + step < values.size(); i += 2 * step)
      values[i] = static_cast<T>(op(values[i], values[i + step]));
  return values.front();
}

template <class T, class Input>
std::vector<T> values_of(std::size_t rank, std::size_t count) {
  std::vector<T> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = Input::template value<T>(rank, i);
  return values;
}

/// What reducing gives, from place `begin` on. (Not inlined: g++ 12 would unroll the loop over ranks for a known number
/// of them, and warn of writes behind `column` that never happen.)
template <class T, class Input, class Op>
[[gnu::noinline]] std::vector<T> reduced(std::size_t ranks, std::size_t count, Op const& op, std::size_t begin = 0) {
  std::vector<T> result(count), column(ranks);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t r = 0; r < ranks; ++r) column[r] = Input::template value<T>(r, begin + i);
    result[i] = tree_of(column, op);
  }
  return result;
}

template <class T, std::size_t N, std::size_t M>
bool same_bits(std::span<T const, N> a, std::span<T const, M> b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}
template <class T>
bool same_bits(std::vector<T> const& a, std::vector<T> const& b) {
  return same_bits(std::span<T const>(a), std::span<T const>(b));
}

/// What reductions of `count` elements per rank must give.
template <class T>
struct expectation {
  std::size_t count;
  std::vector<T> reduced;
};

template <class T, class Input, class Op>
expectation<T> expect(std::size_t ranks, std::size_t count, Op const& op) {
  return {count, reduced<T, Input>(ranks, count, op)};
}

/// counts[r] elements from each rank's own, one rank after another.
template <class T, class Input>
std::vector<T> values_of_all(std::vector<std::size_t> const& counts) {
  std::vector<T> all;
  for (std::size_t r = 0; r < counts.size(); ++r)
    for (T const& value : values_of<T, Input>(r, counts[r])) all.push_back(value);
  return all;
}

/// Those that move blocks of one size.
template <class T, class Input>
std::string check_equal_moves(ls::communicator& comm, std::size_t count) {
  std::size_t const ranks = comm.size(), me = comm.rank(), root = (count + 1) % ranks;
  std::vector<T> const mine = values_of<T, Input>(me, count), from_root = values_of<T, Input>(root, count * ranks);
  std::vector<T> const gathered = values_of_all<T, Input>(std::vector<std::size_t>(ranks, count));
  std::vector<T> const none, empty_value = values_of<T, Input>(ranks, count);
  std::span<T const> const values(mine);

  ls::array<T> const array(comm.device(), mine);
  if (!same_bits(comm.gather(array, root).to_host(), me == root ? gathered : none)) return "gather of an array";
  std::vector<T> all(me == root ? count * ranks : 0);
  if (me == root) std::copy(mine.begin(), mine.end(), all.begin() + static_cast<std::ptrdiff_t>(me * count));
  auto const here = me == root ? std::span<T const>(all).subspan(me * count, count) : values;
  comm.start_gather(here, std::span(all), root).wait();
  if (!same_bits(all, me == root ? gathered : none)) return "start_gather in place";

  std::vector<T> part(count);
  std::vector<T> const& all_of_root = me == root ? from_root : none;
  comm.scatter(std::span<T const>(all_of_root), std::span(part), root);
  if (!same_bits(std::span<T const>(part), std::span(from_root).subspan(me * count, count))) return "scatter";
  part = empty_value;
  comm.start_scatter(std::span<T const>(all_of_root), std::span(part), root).wait();
  if (!same_bits(std::span<T const>(part), std::span(from_root).subspan(me * count, count))) return "start_scatter";

  std::vector<T> const sent = values_of<T, Input>(me, count * ranks);
  std::vector<T> want, received(count * ranks);
  for (std::size_t r = 0; r < ranks; ++r)
    for (std::size_t i = 0; i < count; ++i) want.push_back(Input::template value<T>(r, me * count + i));
  if (!same_bits(comm.all_to_all(ls::array<T>(comm.device(), sent)).to_host(), want)) return "all_to_all of an array";
  comm.start_all_to_all(std::span<T const>(sent), std::span(received)).wait();
  if (!same_bits(received, want)) return "start_all_to_all";

  std::vector<T> everything(count * ranks);
  comm.start_all_gather(values, std::span(everything)).wait();
  return same_bits(everything, gathered) ? "" : "start_all_gather";
}

/// Those whose counts vary, some of them 0.
template <class T, class Input>
std::string check_varying_moves(ls::communicator& comm, std::size_t count) {
  std::size_t const ranks = comm.size(), me = comm.rank(), root = (count + 2) % ranks;
  std::vector<std::size_t> counts;
  for (std::size_t r = 0; r < ranks; ++r) counts.push_back(count * (r % 3) + r % 2);
  std::vector<T> const mine = values_of<T, Input>(me, counts[me]), gathered = values_of_all<T, Input>(counts), none;
  std::span<T const> const values(mine);
  ls::array<T> const array(comm.device(), mine);

  if (!same_bits(comm.all_gather_v(array).to_host(), gathered)) return "all_gather_v of an array";
  std::vector<T> all(gathered.size());
  comm.start_all_gather_v(values, std::span(all), counts).wait();
  if (!same_bits(all, gathered)) return "start_all_gather_v";
  if (!same_bits(comm.gather_v(array, root).to_host(), me == root ? gathered : none)) return "gather_v of an array";
  std::vector<T> at_root(me == root ? gathered.size() : 0);
  comm.start_gather_v(values, std::span(at_root), counts, root).wait();
  if (!same_bits(at_root, me == root ? gathered : none)) return "start_gather_v";

  std::vector<T> part(counts[me]);
  comm.scatter_v(std::span<T const>(at_root), counts, std::span(part), root);
  if (!same_bits(part, mine)) return "scatter_v";
  std::fill(part.begin(), part.end(), Input::template value<T>(1, 1));
  comm.start_scatter_v(std::span<T const>(at_root), counts, std::span(part), root).wait();
  if (!same_bits(part, mine)) return "start_scatter_v";

  auto const between = [&](std::size_t from, std::size_t to) { return count * ((from + 2 * to) % 3) + from * to % 2; };
  std::vector<std::size_t> to_counts, from_counts;
  std::vector<T> sent, want;
  for (std::size_t r = 0; r < ranks; ++r) {
    to_counts.push_back(between(me, r));
    from_counts.push_back(between(r, me));
    for (std::size_t i = 0; i < between(me, r); ++i) sent.push_back(Input::template value<T>(me + r, i));
    for (std::size_t i = 0; i < between(r, me); ++i) want.push_back(Input::template value<T>(r + me, i));
  }
  std::vector<T> received(want.size());
  comm.start_all_to_all_v(std::span<T const>(sent), to_counts, std::span(received), from_counts).wait();
  if (!same_bits(received, want)) return "start_all_to_all_v";
  auto const found = comm.all_to_all_v(std::span<T const>(sent), to_counts);
  return same_bits(found.first, want) && found.second == from_counts ? "" : "all_to_all_v of unknown counts";
}

/// broadcast and all_gather of arrays.
template <class T, class Input>
std::string check_copies(ls::communicator& comm, std::size_t count) {
  std::size_t const ranks = comm.size(), me = comm.rank(), root = count % ranks;
  std::vector<T> const mine = values_of<T, Input>(me, count);
  ls::array<T> values(comm.device(), mine);
  comm.broadcast(values, root);
  if (!same_bits(values.to_host(), values_of<T, Input>(root, count))) return "broadcast";
  values = ls::array<T>(comm.device(), mine);
  std::vector<T> const gathered = values_of_all<T, Input>(std::vector<std::size_t>(ranks, count));
  return same_bits(comm.all_gather(values).to_host(), gathered) ? "" : "all_gather";
}

/// " (rank 1 of 3, 10 elements)".
inline std::string place_of(ls::communicator const& comm, std::size_t count) {
  return " (rank " + std::to_string(comm.rank()) + " of " + std::to_string(comm.size()) + ", " + std::to_string(count) +
         " elements)";
}

/// Every collective that only moves, on `count` elements or about as many. Returns what is wrong, "" for nothing.
template <class T, class Input>
std::string check_moves(ls::communicator& comm, std::size_t count) {
  std::string wrong = check_copies<T, Input>(comm, count);
  if (wrong.empty()) wrong = check_equal_moves<T, Input>(comm, count);
  if (wrong.empty()) wrong = check_varying_moves<T, Input>(comm, count);
  return wrong.empty() ? "" : wrong + place_of(comm, count);
}

/// Every collective that reduces, in place and not, on as many elements as `want` says.
template <class T, class Input, class Op>
std::string check_reductions(ls::communicator& comm, expectation<T> const& want, Op const& op) {
  std::size_t const ranks = comm.size(), me = comm.rank(), count = want.count, root = count % ranks;
  std::string const where = place_of(comm, count);
  std::vector<T> const mine = values_of<T, Input>(me, count);

  ls::array<T> values(comm.device(), mine);
  comm.all_reduce(values, op);
  if (!same_bits(values.to_host(), want.reduced)) return "all_reduce of an array" + where;

  std::vector<T> shifted(count + 1, Input::template value<T>(0, 1));  // not aligned as arrays are
  std::copy(mine.begin(), mine.end(), shifted.begin() + 1);
  auto pending = comm.start_all_reduce(std::span(shifted).subspan(1), op);
  pending.wait();
  if (!same_bits(std::span<T const>(shifted).subspan(1), std::span(want.reduced)))
    return "start_all_reduce of a span" + where;

  values = ls::array<T>(comm.device(), mine);
  comm.reduce(values, op, root);
  if (!same_bits(values.to_host(), me == root ? want.reduced : mine)) return "reduce" + where;
  std::copy(mine.begin(), mine.end(), shifted.begin() + 1);
  comm.start_reduce(std::span(shifted).subspan(1), op, ranks - 1).wait();
  if (me == ranks - 1 && !same_bits(std::span<T const>(shifted).subspan(1), std::span(want.reduced)))
    return "start_reduce of a span" + where;

  std::vector<T> results(count, Input::template value<T>(0, 2));
  comm.all_reduce(std::span<T const>(mine), std::span(results), op);
  if (!same_bits(results, want.reduced)) return "all_reduce to another place" + where;

  std::vector<T> place = values_of<T, Input>(me, count * ranks);
  std::vector<T> const own = reduced<T, Input>(ranks, count, op, me * count);
  ls::array<T> const whole(comm.device(), place);
  std::vector<T> const part = comm.reduce_scatter(whole, op).to_host();
  if (!same_bits(part, own)) return "reduce_scatter" + where;
  if (!same_bits(whole.to_host(), place)) return "reduce_scatter's input" + where;
  comm.start_reduce_scatter(std::span<T const>(place), std::span(place).subspan(me * count, count), op).wait();
  if (!same_bits(std::span<T const>(place).subspan(me * count, count), std::span<T const>(own)))
    return "reduce_scatter in place" + where;
  return "";
}

/// Every collective on as many elements as `want` says. Returns what is wrong, "" for nothing.
template <class T, class Input, class Op>
std::string check_collectives(ls::communicator& comm, expectation<T> const& want, Op const& op) {
  std::string const wrong = check_reductions<T, Input>(comm, want, op);
  return wrong.empty() ? check_moves<T, Input>(comm, want.count) : wrong;
}

/// Every rank sends to the next: messages of equal tags keep their order, others may be received before; some are
/// larger than what can be on its way, and one is empty.
inline bool messages_keep_their_order(ls::communicator& comm) {
  std::size_t const ranks = comm.size(), next = (comm.rank() + 1) % ranks, previous = (comm.rank() + ranks - 1) % ranks;
  std::vector<double> const a{1.0 + static_cast<double>(comm.rank()), 2.0}, b{5.0};
  std::vector<double> const large(300000, 0.5 + static_cast<double>(comm.rank()));
  comm.send(std::span(a), next, 4);
  comm.send(std::span(large), next, 4);
  comm.send(std::span(b), next, 9);
  comm.send(std::span<double const>(), next, 9);
  std::vector<double> nine(1), four(2), four_again(large.size());
  comm.receive(std::span(nine), previous, 9);
  comm.receive(std::span(four), previous, 4);
  comm.receive(std::span(four_again), previous, 4);
  comm.receive(std::span<double>(), previous, 9);
  auto const from = static_cast<double>(previous);
  return nine == b && four == std::vector{1.0 + from, 2.0} &&
         four_again == std::vector<double>(large.size(), 0.5 + from);
}

/// Zero, one, about the number of ranks, a prime, and a power of two that takes several chunks.
inline std::vector<std::size_t> counts(std::size_t ranks) {
#ifdef __SANITIZE_THREAD__  // with which the largest takes minutes
  std::size_t const large = std::size_t{1} << 14;
#else
  std::size_t const large = std::size_t{1} << 16;
#endif
  return {0, 1, ranks - 1, ranks, ranks + 1, 7919, large};
}

/// check_collectives for up to nine ranks and all counts; `run(ranks, f)` calls f(communicator&) on every rank.
/// Returns what is wrong first.
template <class T, class Input, class Op, class Run>
std::string check_all(Op const& op, Run const& run) {
  for (std::size_t ranks = 1; ranks <= 9; ++ranks) {
    std::vector<expectation<T>> wanted;
    for (std::size_t count : counts(ranks)) wanted.push_back(expect<T, Input>(ranks, count, op));
    std::vector<std::string> problems(ranks);
    run(ranks, [&](ls::communicator& comm) {
      for (auto const& want : wanted) {
        std::string const found = check_collectives<T, Input>(comm, want, op);
        if (problems[comm.rank()].empty()) problems[comm.rank()] = found;
      }
    });
    for (std::string const& each : problems)
      if (!each.empty()) return each;
  }
  return "";
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace mesh_test
