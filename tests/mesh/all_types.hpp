// Collectives of every arithmetic type by every operator, up to 2^20 elements, on whatever connects the ranks.
#pragma once

#include <complex>
#include <lockstep/core/half.hpp>

#include "traffic.hpp"

namespace mesh_test {
inline namespace LOCKSTEP_COMPILER {

/// Ones and twos, so that products of nine of them are exact in every type.
struct small {
  template <class T>
  static T value(std::size_t rank, std::size_t i) {
    return static_cast<T>(static_cast<float>(1 + (i * 7 + rank * 5) % 11 % 2));
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

/// One rank's part of all checks. Every rank of a communicator makes one, and calls the same.
class all_types {
 public:
  explicit all_types(ls::communicator& comm, bool by_messages) : comm_(comm), by_messages_(by_messages) {}

  verdict check() {
    integers<char>(), integers<std::int8_t>(), integers<std::uint8_t>(), integers<std::int16_t>();
    integers<std::uint16_t>(), integers<std::int32_t>(), integers<std::uint32_t>(), integers<std::int64_t>();
    integers<std::uint64_t>();
    floating<ls::half>(), floating<ls::bfloat16>(), floating<float>(), floating<double>();
    complex<std::complex<float>>(), complex<std::complex<double>>();
    reductions<std::uint8_t, small>(ls::logical_and{});
    reductions<std::uint8_t, small>(ls::logical_or{});
    for (std::size_t count : counts()) {
      std::size_t checks = 0;
      std::string const wrong = check_traffic(comm_, count, by_messages_, checks);
      found_.add(wrong, checks);
    }
    return found_;
  }

 private:
  static constexpr std::size_t large = std::size_t{1} << 20;

  std::vector<std::size_t> counts() const {
    return {0, 1, comm_.size() - 1, comm_.size(), comm_.size() + 1, 7919, large};
  }
  template <class T, class Input, class Op>
  void reductions(Op const& op) {
    for (std::size_t count : counts())
      found_.add(check_reductions<T, Input>(comm_, expect<T, Input>(comm_.size(), count, op), op), 8);
  }
  /// Wide elements of many ranks would need more memory than many machines have.
  template <class T, class Input>
  void moves() {
    for (std::size_t count : counts())
      if (count < large || sizeof(T) <= 4 || comm_.size() <= 4) found_.add(check_moves<T, Input>(comm_, count), 18);
  }

  template <class T>
  void integers() {
    reductions<T, exact>(ls::plus{});
    reductions<T, small>(ls::multiplies{});
    reductions<T, exact>(ls::minimum{});
    reductions<T, exact>(ls::maximum{});
    reductions<T, exact>(ls::bit_and{});
    reductions<T, exact>(ls::bit_or{});
    reductions<T, exact>(ls::bit_xor{});
    moves<T, exact>();
  }
  template <class T>
  void floating() {
    complex<T>();
    reductions<T, small>(ls::minimum{});
    reductions<T, small>(ls::maximum{});
  }
  template <class T>
  void complex() {
    reductions<T, small>(ls::plus{});
    reductions<T, small>(ls::multiplies{});
    moves<T, small>();
  }

  ls::communicator& comm_;
  bool by_messages_;
  verdict found_;
};

}  // namespace LOCKSTEP_COMPILER
}  // namespace mesh_test
