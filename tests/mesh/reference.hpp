// What the tests of collectives share: inputs, and plain loops that say what must come out.
#pragma once

#include <algorithm>
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
  static std::uint32_t whole(std::size_t rank, std::size_t i) {  // which has no period
    auto const place = static_cast<std::uint32_t>(i);
    return (place * 7 + place / 1021 + static_cast<std::uint32_t>(rank) * 5) % 11;
  }
  template <class T>
  static T value(std::size_t rank, std::size_t i) {
    return static_cast<T>(whole(rank, i));
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

/// What `ranks` ranks have, and what reducing that gives, for collectives of up to `count` elements per rank. All that
/// a collective of fewer must give is a part of it. Ranks that share memory share one.
template <class T>
class expectation {
 public:
  /// Elements of each rank, and results: as many as the largest check below needs.
  static std::size_t length(std::size_t ranks, std::size_t count) {
    return std::max<std::size_t>(ranks, 3) * count + ranks;
  }
  static std::size_t bytes(std::size_t ranks, std::size_t count) {
    return (ranks + 1) * length(ranks, count) * sizeof(T);
  }

  /// In `memory`, of as many bytes.
  expectation(std::size_t ranks, std::size_t count, void* memory)
      : ranks_(ranks), length_(length(ranks, count)), values_(static_cast<T*>(memory)) {}
  expectation(std::size_t ranks, std::size_t count)
      : ranks_(ranks), length_(length(ranks, count)), own_((ranks + 1) * length_), values_(own_.data()) {}
  expectation(expectation&&) = default;

  /// Part `place` of `places` of what ranks have; all parts before any of the results.
  template <class Input>
  void fill_values(std::size_t place = 0, std::size_t places = 1) {
    auto const [begin, end] = ls::composed::part_of(ranks_ * length_, place, places);
    for (std::size_t at = begin; at < end;) {
      std::size_t const rank = at / length_, stop = std::min(end, (rank + 1) * length_);
      T* const own = values_ + rank * length_;
      for (std::size_t i = at - rank * length_; i < stop - rank * length_; ++i)
        own[i] = Input::template value<T>(rank, i);
      at = stop;
    }
  }
  /// Follows the documented tree, for some elements at a time.
  template <class Op>
  [[gnu::noinline]] void fill_results(Op const& op, std::size_t place = 0, std::size_t places = 1) {
    auto const [begin, end] = ls::composed::part_of(length_, place, places);
    constexpr std::size_t most = 512;
    std::vector<T> column(ranks_ * most);
    for (std::size_t at = begin; at < end; at += most) {
      std::size_t const some = std::min(most, end - at);
      for (std::size_t r = 0; r < ranks_; ++r)
        std::copy_n(values_ + r * length_ + at, some, column.begin() + static_cast<std::ptrdiff_t>(r * most));
      for (std::size_t step = 1; step < ranks_; step *= 2)
        for (std::size_t r = 0; r + step < ranks_; r += 2 * step)
          for (std::size_t i = 0; i < some; ++i)
            column[r * most + i] = static_cast<T>(op(column[r * most + i], column[(r + step) * most + i]));
      std::copy_n(column.begin(), some, values_ + ranks_ * length_ + at);
    }
  }

  /// What rank `rank` has: elements [begin, begin + count).
  std::span<T const> of(std::size_t rank, std::size_t begin, std::size_t count) const {
    return std::span<T const>(values_ + rank * length_, length_).subspan(begin, count);
  }
  std::span<T const> reduced(std::size_t begin, std::size_t count) const {
    return std::span<T const>(values_ + ranks_ * length_, length_).subspan(begin, count);
  }

 private:
  std::size_t ranks_, length_;
  std::vector<T> own_;
  T* values_;
};

template <class T, class Input, class Op>
expectation<T> expect(std::size_t ranks, std::size_t count, Op const& op) {
  expectation<T> made(ranks, count);
  made.template fill_values<Input>();
  made.fill_results(op);
  return made;
}

/// " (rank 1 of 3, 10 elements)".
inline std::string place_of(ls::communicator const& comm, std::size_t count) {
  return " (rank " + std::to_string(comm.rank()) + " of " + std::to_string(comm.size()) + ", " + std::to_string(count) +
         " elements)";
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

}  // namespace LOCKSTEP_COMPILER
}  // namespace mesh_test
