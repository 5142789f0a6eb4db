// Collectives of every arithmetic type by every operator, up to 2^20 elements, on whatever connects the ranks.
#pragma once

#include <sys/mman.h>

#include <complex>
#include <lockstep/core/half.hpp>
#include <new>

#include "collective_checks.hpp"
#include "traffic.hpp"

namespace mesh_test {
inline namespace LOCKSTEP_COMPILER {

/// Ones and twos, so that products of nine of them are exact in every type.
struct small {
  template <class T>
  static T value(std::size_t rank, std::size_t i) {
    return static_cast<T>(static_cast<float>(1 + exact::whole(rank, i) % 2));
  }
};

/// What is wrong first, and how many results were compared on one rank.
struct verdict {
  std::string wrong;
  std::size_t checks = 0;

  void add(std::string const& found, std::size_t more) {
    if (wrong.empty()) wrong = found;
    checks += more;
  }
};

/// Memory for what ranks have and must get, which processes that are forked from this one share with it.
class common_memory {
 public:
  explicit common_memory(std::size_t bytes)
      : bytes_(bytes),
        data_(mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {
    if (data_ == MAP_FAILED) throw std::bad_alloc();
  }
  common_memory(common_memory const&) = delete;
  common_memory& operator=(common_memory const&) = delete;
  ~common_memory() { munmap(data_, bytes_); }
  void* data() const { return data_; }

 private:
  std::size_t bytes_;
  void* data_;
};

/// One rank's part of all checks. Every rank of a communicator makes one, and calls the same.
class all_types {
 public:
  static constexpr std::size_t large = std::size_t{1} << 20;

  static std::size_t bytes(std::size_t ranks) { return expectation<std::complex<double>>::bytes(ranks, large); }

  /// What must come out stands in `memory`, of as many bytes; if all ranks have the same, each writes a part of it.
  all_types(ls::communicator& comm, bool by_messages, common_memory const& memory, bool same_memory)
      : comm_(comm), by_messages_(by_messages), memory_(memory), same_memory_(same_memory) {}

  verdict check() {
    integers<char>(), integers<std::int8_t>(), integers<std::uint8_t>(), integers<std::int16_t>();
    integers<std::uint16_t>(), integers<std::int32_t>(), integers<std::uint32_t>(), integers<std::int64_t>();
    integers<std::uint64_t>();
    floating<ls::half>(), floating<ls::bfloat16>(), floating<float>(), floating<double>();
    complex<std::complex<float>>(), complex<std::complex<double>>();
    values<std::uint8_t, small>().reductions(ls::logical_and{}).reductions(ls::logical_or{});
    for (std::size_t count : counts(comm_.size(), large)) {
      std::size_t checks = 0;
      std::string const wrong = check_traffic(comm_, count, by_messages_, checks);
      found_.add(wrong, checks);
    }
    return found_;
  }

 private:
  /// Ranks' values of one type, and what is done with them.
  template <class T>
  struct on_values {
    all_types& all;
    expectation<T> want;

    template <class Op>
    on_values& reductions(Op const& op) {
      all.write([&](std::size_t part, std::size_t parts) { want.fill_results(op, part, parts); });
      for (std::size_t count : counts(all.comm_.size(), large)) {
        collective_checks<T> checks(all.comm_, want, count, all.room_);
        all.found_.add(checks.reductions(op), checks.reductions_compared());
      }
      return *this;
    }
    void moves() {
      for (std::size_t count : counts(all.comm_.size(), large)) {
        collective_checks<T> checks(all.comm_, want, count, all.room_);
        all.found_.add(checks.moves(), checks.moves_compared());
      }
    }
  };
  template <class T, class Input>
  on_values<T> values() {
    on_values<T> made{*this, expectation<T>(comm_.size(), large, memory_.data())};
    write([&](std::size_t part, std::size_t parts) { made.want.template fill_values<Input>(part, parts); });
    return made;
  }
  /// f(part, parts) writes to the memory, which nobody reads any more, or reads yet.
  template <class F>
  void write(F const& f) {
    if (!same_memory_) return f(0, 1);
    comm_.barrier();
    f(comm_.rank(), comm_.size());
    comm_.barrier();
  }

  template <class T>
  void integers() {
    values<T, small>().reductions(ls::multiplies{});
    auto all = values<T, exact>();
    all.reductions(ls::plus{}).reductions(ls::minimum{}).reductions(ls::maximum{});
    all.reductions(ls::bit_and{}).reductions(ls::bit_or{}).reductions(ls::bit_xor{});
    all.moves();
  }
  template <class T>
  void floating() {
    complex<T>();
    values<T, small>().reductions(ls::minimum{}).reductions(ls::maximum{});
  }
  template <class T>
  void complex() {
    auto all = values<T, small>();
    all.reductions(ls::plus{}).reductions(ls::multiplies{});
    all.moves();
  }

  ls::communicator& comm_;
  bool by_messages_;
  common_memory const& memory_;
  bool same_memory_;
  room room_;
  verdict found_;
};

}  // namespace LOCKSTEP_COMPILER
}  // namespace mesh_test
