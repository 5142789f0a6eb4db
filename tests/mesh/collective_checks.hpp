// Every collective, checked bit for bit on whatever connects the ranks.
#pragma once

#include <memory>

#include "reference.hpp"

namespace mesh_test {
inline namespace LOCKSTEP_COMPILER {

/// Memory that a rank receives into, used again and again, and full of what no rank sends.
class room {
 public:
  static constexpr std::size_t most_kept = std::size_t{1} << 25;  // bytes at a time

  /// Stays the caller's until clear().
  template <class T>
  std::span<T> take(std::size_t count) {
    if (taken_ == blocks_.size()) blocks_.emplace_back();
    block& next = blocks_[taken_++];
    std::size_t const bytes = std::max<std::size_t>(1, count * sizeof(T));
    if (next.bytes < bytes) next = {std::make_unique_for_overwrite<unsigned char[]>(bytes), bytes};
    std::memset(next.data.get(), 0x5a, bytes);
    return {reinterpret_cast<T*>(next.data.get()), count};
  }
  /// The same, but for one element before it: not aligned as arrays are.
  template <class T>
  std::span<T> take_shifted(std::span<T const> values) {
    std::span<T> const found = take<T>(values.size() + 1).subspan(1);
    std::copy(values.begin(), values.end(), found.begin());
    return found;
  }
  void clear() {
    taken_ = 0;
    for (block& each : blocks_)
      if (each.bytes > most_kept) each = {};
  }

 private:
  struct block {
    std::unique_ptr<unsigned char[]> data;
    std::size_t bytes = 0;
  };
  std::vector<block> blocks_;
  std::size_t taken_ = 0;
};

template <class T>
bool same_bits(std::span<T const> a, std::span<T const> b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}
template <class T>
bool same_bits(std::vector<T> const& a, std::vector<T> const& b) {
  return same_bits(std::span<T const>(a), std::span<T const>(b));
}
template <class T>
bool same_bits(ls::array<T> const& a, std::span<T const> b) {
  if (a.device().is_cpu()) return same_bits(std::span<T const>(a.data(), a.size()), b);
  return same_bits(std::span<T const>(a.to_host()), b);
}
template <class T>
ls::array<T> array_of(ls::communicator const& comm, std::span<T const> values) {
  return ls::array<T>(comm.device(), ls::shape{values.size()}, values);
}

/// One rank's checks against what `want` says. Every rank makes one, and calls the same.
template <class T>
class collective_checks {
  using values = std::span<T const>;

 public:
  collective_checks(ls::communicator& comm, expectation<T> const& want, std::size_t count, room& memory)
      : comm_(comm), want_(want), memory_(memory), count_(count), ranks_(comm.size()), me_(comm.rank()) {}

  /// Every collective that reduces, in place and not. Returns what is wrong first, "" for nothing.
  template <class Op>
  std::string reductions(Op const& op) {
    std::string wrong = equal_reductions(op);
    if (wrong.empty()) wrong = scattered_reductions(op);
    return at_place(wrong);
  }
  /// How many results those are.
  std::size_t reductions_compared() const { return arrays_fit() ? 8 : 6; }

  /// Every collective that only moves, the same.
  std::string moves() {
    std::string wrong = copies();
    for (auto const part : {&collective_checks::gathers, &collective_checks::scatters, &collective_checks::all_to_alls,
                            &collective_checks::varying_gathers, &collective_checks::varying_scatters,
                            &collective_checks::varying_all_to_alls})
      if (wrong.empty()) wrong = (this->*part)();
    return at_place(wrong);
  }
  std::size_t moves_compared() const { return arrays_fit() ? 17 : 14; }

 private:
  /// Whether ranks have memory for the forms that return as many elements as all ranks have: those call the others.
  bool arrays_fit() const { return ranks_ * ranks_ * count_ * sizeof(T) <= std::size_t{700} << 20; }
  values own() const { return want_.of(me_, 0, count_); }
  /// " (rank 1 of 3, 10 elements)" behind what is wrong.
  std::string at_place(std::string const& wrong) {
    memory_.clear();
    return wrong.empty() ? "" : wrong + place_of(comm_, count_);
  }

  /// Whether `all` are `each(r)` of every rank r, one after another.
  template <class Each>
  bool are_in_turn(values all, Each const& each) const {
    std::size_t at = 0;
    for (std::size_t r = 0; r < ranks_; ++r) {
      values const next = each(r);
      if (at + next.size() > all.size() || !same_bits(all.subspan(at, next.size()), next)) return false;
      at += next.size();
    }
    return at == all.size();
  }
  template <class Each>
  bool are_in_turn(ls::array<T> const& all, Each const& each) const {
    if (all.device().is_cpu()) return are_in_turn(values(all.data(), all.size()), each);
    return are_in_turn(values(all.to_host()), each);
  }
  template <class Each>
  std::span<T> in_turn(Each const& each) {
    std::size_t size = 0, at = 0;
    for (std::size_t r = 0; r < ranks_; ++r) size += each(r).size();
    std::span<T> const all = memory_.take<T>(size);
    for (std::size_t r = 0; r < ranks_; at += each(r++).size())
      std::copy(each(r).begin(), each(r).end(), all.begin() + static_cast<std::ptrdiff_t>(at));
    return all;
  }

  template <class Op>
  std::string equal_reductions(Op const& op) {
    memory_.clear();
    std::size_t const root = count_ % ranks_;
    values const reduced = want_.reduced(0, count_);
    ls::array<T> array = array_of(comm_, own());
    comm_.all_reduce(array, op);
    if (!same_bits(array, reduced)) return "all_reduce of an array";

    std::span<T> const shifted = memory_.take_shifted(own());
    auto pending = comm_.start_all_reduce(shifted, op);
    pending.wait();
    if (!same_bits(values(shifted), reduced)) return "start_all_reduce of a span";

    array = array_of(comm_, own());
    comm_.reduce(array, op, root);
    if (!same_bits(array, me_ == root ? reduced : own())) return "reduce";
    std::copy(own().begin(), own().end(), shifted.begin());
    comm_.start_reduce(shifted, op, ranks_ - 1).wait();
    if (!same_bits(values(shifted), me_ == ranks_ - 1 ? reduced : own())) return "start_reduce of a span";

    std::span<T> const results = memory_.take<T>(count_);
    comm_.all_reduce(own(), results, op);
    return same_bits(values(results), reduced) ? "" : "all_reduce to another place";
  }

  template <class Op>
  std::string scattered_reductions(Op const& op) {
    memory_.clear();
    values const all = want_.of(me_, 0, count_ * ranks_), reduced = want_.reduced(me_ * count_, count_);
    if (arrays_fit()) {
      ls::array<T> const whole = array_of(comm_, all);
      if (!same_bits(comm_.reduce_scatter(whole, op), reduced)) return "reduce_scatter";
      if (!same_bits(whole, all)) return "reduce_scatter's input";
    }
    std::span<T> const place = memory_.take<T>(all.size());
    std::copy(all.begin(), all.end(), place.begin());
    std::span<T> const part = place.subspan(me_ * count_, count_);
    comm_.start_reduce_scatter(values(place), part, op).wait();
    return same_bits(values(part), reduced) ? "" : "reduce_scatter in place";
  }

  /// broadcast and all_gather.
  std::string copies() {
    memory_.clear();
    std::size_t const root = count_ % ranks_;
    auto const each = [&](std::size_t r) { return want_.of(r, 0, count_); };
    ls::array<T> array = array_of(comm_, own());
    comm_.broadcast(array, root);
    if (!same_bits(array, each(root))) return "broadcast";
    if (arrays_fit() && !are_in_turn(comm_.all_gather(array_of(comm_, own())), each)) return "all_gather";
    std::span<T> const everything = memory_.take<T>(count_ * ranks_);
    comm_.start_all_gather(own(), everything).wait();
    return are_in_turn(values(everything), each) ? "" : "start_all_gather";
  }

  std::string gathers() {
    memory_.clear();
    std::size_t const root = (count_ + 1) % ranks_;
    auto const each = [&](std::size_t r) { return want_.of(r, 0, me_ == root ? count_ : 0); };
    if (!are_in_turn(comm_.gather(array_of(comm_, own()), root), each)) return "gather of an array";
    std::span<T> const all = memory_.take<T>(me_ == root ? count_ * ranks_ : 0);
    values here = own();
    if (me_ == root) {
      std::span<T> const place = all.subspan(me_ * count_, count_);
      std::copy(here.begin(), here.end(), place.begin());
      here = place;
    }
    comm_.start_gather(here, all, root).wait();
    return are_in_turn(values(all), each) ? "" : "start_gather in place";
  }

  std::string scatters() {
    memory_.clear();
    std::size_t const root = (count_ + 1) % ranks_;
    values const all = want_.of(root, 0, me_ == root ? count_ * ranks_ : 0);
    values const expected = want_.of(root, me_ * count_, count_);
    std::span<T> const part = memory_.take<T>(count_), again = memory_.take<T>(count_);
    comm_.scatter(all, part, root);
    if (!same_bits(values(part), expected)) return "scatter";
    comm_.start_scatter(all, again, root).wait();
    return same_bits(values(again), expected) ? "" : "start_scatter";
  }

  std::string all_to_alls() {
    memory_.clear();
    values const sent = want_.of(me_, 0, count_ * ranks_);
    auto const each = [&](std::size_t r) { return want_.of(r, me_ * count_, count_); };
    if (arrays_fit() && !are_in_turn(comm_.all_to_all(array_of(comm_, sent)), each)) return "all_to_all of an array";
    std::span<T> const received = memory_.take<T>(count_ * ranks_);
    comm_.start_all_to_all(sent, received).wait();
    return are_in_turn(values(received), each) ? "" : "start_all_to_all";
  }

  /// How many elements ranks have where that varies: some of them none.
  std::vector<std::size_t> varying_counts() const {
    std::vector<std::size_t> counts;
    for (std::size_t r = 0; r < ranks_; ++r) counts.push_back(count_ * (r % 3) + r % 2);
    return counts;
  }

  std::string varying_gathers() {
    memory_.clear();
    std::vector<std::size_t> const counts = varying_counts();
    std::size_t const root = (count_ + 2) % ranks_;
    auto const each = [&](std::size_t r) { return want_.of(r, 0, counts[r]); };
    auto const at_root = [&](std::size_t r) { return want_.of(r, 0, me_ == root ? counts[r] : 0); };
    values const mine = each(me_);
    if (arrays_fit() && !are_in_turn(comm_.all_gather_v(array_of(comm_, mine)), each))
      return "all_gather_v of an array";
    std::size_t total = 0;
    for (std::size_t each_count : counts) total += each_count;
    std::span<T> const all = memory_.take<T>(total);
    comm_.start_all_gather_v(mine, all, counts).wait();
    if (!are_in_turn(values(all), each)) return "start_all_gather_v";
    if (!are_in_turn(comm_.gather_v(array_of(comm_, mine), root), at_root)) return "gather_v of an array";
    std::span<T> const gathered = memory_.take<T>(me_ == root ? total : 0);
    comm_.start_gather_v(mine, gathered, counts, root).wait();
    return are_in_turn(values(gathered), at_root) ? "" : "start_gather_v";
  }

  std::string varying_scatters() {
    memory_.clear();
    std::vector<std::size_t> const counts = varying_counts();
    std::size_t const root = (count_ + 2) % ranks_;
    values const all = in_turn([&](std::size_t r) { return want_.of(r, 0, me_ == root ? counts[r] : 0); });
    values const expected = want_.of(me_, 0, counts[me_]);
    std::span<T> const part = memory_.take<T>(counts[me_]), again = memory_.take<T>(counts[me_]);
    comm_.scatter_v(all, counts, part, root);
    if (!same_bits(values(part), expected)) return "scatter_v";
    comm_.start_scatter_v(all, counts, again, root).wait();
    return same_bits(values(again), expected) ? "" : "start_scatter_v";
  }

  std::string varying_all_to_alls() {
    memory_.clear();
    auto const between = [&](std::size_t from, std::size_t to) {
      return want_.of(from, to, count_ * ((from + 2 * to) % 3) + from * to % 2);
    };
    auto const theirs = [&](std::size_t r) { return between(r, me_); };
    std::vector<std::size_t> to_counts, from_counts;
    std::size_t total = 0;
    for (std::size_t r = 0; r < ranks_; ++r) {
      to_counts.push_back(between(me_, r).size());
      from_counts.push_back(theirs(r).size());
      total += from_counts.back();
    }
    values const sent = in_turn([&](std::size_t r) { return between(me_, r); });
    std::span<T> const received = memory_.take<T>(total);
    comm_.start_all_to_all_v(sent, to_counts, received, from_counts).wait();
    if (!are_in_turn(values(received), theirs)) return "start_all_to_all_v";
    auto const found = comm_.all_to_all_v(sent, to_counts);
    return are_in_turn(values(found.first), theirs) && found.second == from_counts ? ""
                                                                                   : "all_to_all_v of unknown counts";
  }

  ls::communicator& comm_;
  expectation<T> const& want_;
  room& memory_;
  std::size_t count_, ranks_, me_;
};

/// Every collective on `count` elements per rank. Returns what is wrong, "" for nothing.
template <class T, class Op>
std::string check_collectives(ls::communicator& comm, expectation<T> const& want, std::size_t count, Op const& op) {
  room memory;
  collective_checks<T> checks(comm, want, count, memory);
  std::string const wrong = checks.reductions(op);
  return wrong.empty() ? checks.moves() : wrong;
}

/// Zero, one, about the number of ranks, a prime, and a power of two that takes several chunks.
inline std::vector<std::size_t> counts(std::size_t ranks, std::size_t large) {
  return {0, 1, ranks - 1, ranks, ranks + 1, 7919, large};
}
inline std::vector<std::size_t> counts(std::size_t ranks) {
#ifdef __SANITIZE_THREAD__  // with which the largest takes minutes
  return counts(ranks, std::size_t{1} << 14);
#else
  return counts(ranks, std::size_t{1} << 16);
#endif
}

/// check_collectives for all counts. Returns what is wrong first.
template <class T, class Op>
std::string check_all_counts(ls::communicator& comm, expectation<T> const& want, Op const& op) {
  std::string wrong;
  for (std::size_t count : counts(comm.size())) {
    std::string const found = check_collectives(comm, want, count, op);
    if (wrong.empty()) wrong = found;
  }
  return wrong;
}

/// The same for up to nine ranks; `run(ranks, f)` calls f(communicator&) on every rank.
template <class T, class Input, class Op, class Run>
std::string check_all(Op const& op, Run const& run) {
  for (std::size_t ranks = 1; ranks <= 9; ++ranks) {
    auto const want = expect<T, Input>(ranks, counts(ranks).back(), op);
    std::vector<std::string> problems(ranks);
    run(ranks, [&](ls::communicator& comm) { problems[comm.rank()] = check_all_counts(comm, want, op); });
    for (std::string const& each : problems)
      if (!each.empty()) return each;
  }
  return "";
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace mesh_test
